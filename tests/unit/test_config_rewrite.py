"""Parameters that are put into a strategies.yaml leave all else of it as it was."""

import pytest

from openbell.config.entries import read_strategies
from openbell.config.rewrite import find_entry, put_parameters
from openbell.core.errors import ConfigError

TEXT = """# mine
strategies:
  - name: one   # the first
    strategy: sma_cross
    symbols: [AAPL]
    parameters:
      fast: 20  # days

  - {name: two, strategy: sma_cross, symbols: [IBM], parameters: {fast: 5}}
  - name: three
    strategy: rsi_reversion
    symbols: [MSFT]  # no parameters
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "strategies.yaml"
    path.write_text(TEXT)
    return path


def parameters(path):
    return {entry.strategy.name: dict(entry.strategy.parameters) for entry in read_strategies(path)}


def test_a_value_is_replaced_where_it_stands(file):
    put_parameters(file, "one", {"fast": 7})
    assert file.read_text() == TEXT.replace("fast: 20  # days", "fast: 7  # days")


def test_what_is_new_is_added(file):
    put_parameters(file, "one", {"fast": 7, "slow": 50.5, "kind": "a b", "loud": True})
    put_parameters(file, "two", {"slow": 30, "word": "ema"})
    put_parameters(file, "three", {"low": 20})
    assert parameters(file) == {
        "one": {"fast": 7, "slow": 50.5, "kind": "a b", "loud": True},
        "two": {"fast": 5, "slow": 30, "word": "ema"},
        "three": {"low": 20},
    }
    assert "# the first" in file.read_text()
    assert "[MSFT]  # no parameters" in file.read_text()


@pytest.mark.parametrize(
    "line", ["parameters:", "parameters: {}", "parameters: null", "parameters: ~ # none"]
)
def test_nothing_becomes_something(file, line):
    file.write_text(TEXT + f"    {line}\n")
    put_parameters(file, "three", {"low": 20, "high": 70})
    assert parameters(file)["three"] == {"low": 20, "high": 70}


def test_text_that_looks_like_a_number_stays_text(file):
    put_parameters(file, "two", {"fast": "10"})
    assert parameters(file)["two"] == {"fast": "10"}


def test_a_file_without_a_last_line_break_is_added_to(tmp_path):
    path = tmp_path / "strategies.yaml"
    path.write_text("strategies:\n  - strategy: sma_cross\n    symbols: [A]\n    name: x")
    put_parameters(path, "x", {"fast": 3})
    assert parameters(path) == {"x": {"fast": 3}}


def test_what_has_no_form_changes_nothing(file):
    with pytest.raises(ConfigError, match=r"fast=\[1\] has no form"):
        put_parameters(file, "one", {"fast": [1]})
    assert file.read_text() == TEXT
    assert [one.name for one in file.parent.iterdir()] == ["strategies.yaml"]


def test_a_folder_that_cannot_be_written_is_named(file, monkeypatch):
    def refuse(*_args, **_named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(ConfigError, match=r"cannot be written .No space left"):
        put_parameters(file, "one", {"fast": 7})
    assert [one.name for one in file.parent.iterdir()] == ["strategies.yaml"]


def test_the_item_of_a_strategy_and_its_symbols_is_found(file):
    assert find_entry(file, ["sma_cross"], ["IBM"]).name == "two"
    with pytest.raises(
        ConfigError, match=r"no item runs sma_cross on MSFT; it has one: sma_cross on AAPL; two"
    ):
        find_entry(file, ["sma_cross"], ["MSFT"])
    file.write_text(TEXT + "  - {name: four, strategy: sma_cross, symbols: [IBM]}\n")
    with pytest.raises(ConfigError, match="two, four all run sma_cross on IBM"):
        find_entry(file, ["sma_cross"], ["IBM"])
