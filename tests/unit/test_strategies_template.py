"""`new strategy` writes a strategy that runs and a test that passes, and never overwrites."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import openbell as ob
from openbell.cli.catalog import write_new
from openbell.core.errors import ConfigError
from openbell.strategies.registry import find
from openbell.strategies.template import write_strategy

SOURCE = Path(ob.__file__).parents[1]


def said(name: str, folder: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        write_strategy(name, folder)
    return str(raised.value)


def test_what_is_written_runs_and_its_test_passes(tmp_path):
    strategy, test = write_strategy("my_idea", tmp_path / "new" / "folder")
    assert (strategy.name, test.name) == ("my_idea.py", "test_my_idea.py")
    assert len(strategy.read_text(encoding="utf-8").splitlines()) < 30
    assert find(str(strategy)).name == "my_idea"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(  # our own interpreter, from another folder
        [sys.executable, "-W", "error", str(test)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Ran 3 tests" in ran.stderr


def test_a_number_in_a_name_is_fine(tmp_path):
    strategy, _ = write_strategy("idea_2b", str(tmp_path))
    assert "class Idea2b(ob.Strategy):" in strategy.read_text(encoding="utf-8")


@pytest.mark.parametrize("taken", ["my_idea.py", "test_my_idea.py"])
def test_nothing_is_overwritten_and_nothing_is_half_written(tmp_path, taken):
    (tmp_path / taken).write_text("mine")
    assert (
        said("my_idea", tmp_path)
        == f"{tmp_path / taken} is there already; choose another name, or move it away"
    )
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


@pytest.mark.parametrize("one_fits", [False, True])
def test_on_a_full_disk_nothing_is_half_written(tmp_path, tmp_path_factory, one_fits):
    sizes = [path.stat().st_size for path in write_strategy("my_idea", tmp_path_factory.mktemp("roomy"))]
    room = max(sizes) - 1 if one_fits else 0
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        line = said("my_idea", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    names = f"{tmp_path / 'my_idea.py'} and {tmp_path / 'test_my_idea.py'}"
    assert line == f"{names} cannot be written (File too large); make room, or name another folder"
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "here").write_text("x")
    assert (
        said("my_idea", tmp_path / "here")
        == f"{tmp_path / 'here'} is a file, not a folder to write my_idea.py in"
    )


@pytest.mark.parametrize(("name", "proposed"), [
    ("MyIdea", "my_idea"), ("my idea!", "my_idea"), ("my-idea", "my_idea"), ("2x", "x"), ("", "my_idea"),
    ("a__b", "a_b"), ("_x", "x"), ("x_", "x"), ("../evil", "evil"), ("RSITrend", "rsi_trend"),
    ("é", "my_idea"),
])  # fmt: skip
def test_a_name_is_snake_case_and_a_better_one_is_offered(tmp_path, name, proposed):
    assert said(name, tmp_path) == (
        f"strategy name {name!r} must be small letters, digits and single _; try {proposed!r}"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["class", "match", "signal", "numpy", "openbell", "conftest"])
def test_a_name_hides_no_module(tmp_path, name):
    assert said(name, tmp_path) == (
        f"strategy name {name!r} is a word of Python's or an installed module's; try 'my_{name}'"
    )


def test_its_test_needs_nothing_that_is_not_installed_with_openbell(tmp_path):
    _, test = write_strategy("my_idea", tmp_path)
    imports = [line.split()[1] for line in test.read_text(encoding="utf-8").splitlines() if "import " in line]
    assert imports == ["unittest", "openbell", "my_idea"]


def test_what_is_printed_can_be_typed(tmp_path):
    folder = tmp_path / "my ideas"
    assert write_new("my_idea", str(folder)).parts[-2:] == [
        f'Run it:   openbell backtest "{folder / "my_idea.py"}" --symbols AAPL',
        f'Test it:  python "{folder / "test_my_idea.py"}"',
    ]
