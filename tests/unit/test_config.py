"""Which source wins, and what the shipped files say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from openbell import config
from openbell.config import FixedNotional, FixedQuantity, Logging, Settings, ShareOfEquity, load
from openbell.config.schema import list_leaves
from openbell.core.costs import Commission, Costs
from openbell.core.errors import ConfigError
from openbell.portfolio import sizing

SHIPPED = Path(__file__).parents[2] / "config"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "config"
    path.mkdir()
    return path


def test_without_any_file_all_is_built_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = load(environ={})
    assert loaded.settings == Settings()
    assert loaded.settings.costs == Costs()
    assert loaded.strategies == {}
    assert loaded.brokers["simulated"].kind == "simulated"
    assert loaded.explain("account.cash").source == "default"


def test_the_process_environment_is_read_unless_another_is_given(folder, monkeypatch):
    monkeypatch.setenv("OPENBELL_SEED", "11")
    assert load(folder).settings.seed == 11


def test_each_source_wins_over_the_ones_before(folder):
    sources = [5.0]

    def read(**environ: str) -> float:
        return load(folder, environ=environ).settings.costs.slippage.bps

    sources.append(read())
    (folder / "settings.yaml").write_text("costs: {slippage: {bps: 6}}")
    sources.append(read())
    (folder / "settings.dev.yaml").write_text("costs: {slippage: {bps: 7}}")
    sources.append(read(OPENBELL_ENV="dev"))
    (folder.parent / ".env").write_text("OPENBELL_ENV=dev\nOPENBELL_COSTS__SLIPPAGE__BPS=8\n")
    sources.append(read())
    environ = {"OPENBELL_COSTS__SLIPPAGE__BPS": "9"}
    sources.append(read(**environ))
    overrides = ["costs.slippage.bps=10", "costs.slippage.bps=11"]
    loaded = load(folder, overrides=overrides, environ=environ)
    sources.append(loaded.settings.costs.slippage.bps)
    assert sources == [5, 5, 6, 7, 8, 9, 11]
    assert [source for _, source in loaded.explain("costs.slippage.bps").shadowed] == [
        "--set",
        "environment OPENBELL_COSTS__SLIPPAGE__BPS",
        f"{folder.parent / '.env'}:2",
        f"{folder / 'settings.dev.yaml'}:1",
        f"{folder / 'settings.yaml'}:1",
        "default",
    ]


def test_the_env_argument_wins_over_the_variable(folder):
    (folder / "settings.a.yaml").write_text("seed: 1")
    (folder / "settings.b.yaml").write_text("seed: 2")
    environ = {"OPENBELL_ENV": "a"}
    assert load(folder, environ=environ).settings.seed == 1
    assert load(folder, "b", environ=environ).settings.seed == 2
    assert load(folder, "", environ=environ).settings.seed == 0


def test_the_folder_may_come_from_the_environment(folder):
    (folder / "settings.yaml").write_text("seed: 3")
    assert load(environ={"OPENBELL_CONFIG": str(folder)}).settings.seed == 3


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("data.folder=prices", "data.folder", Path("prices")),
        ("data.folder=", "data.folder", None),
        ("data.folder=null", "data.folder", None),
        ("data.provider=123", "data.provider", "123"),
        ("benchmark=ON", "benchmark", "ON"),
        ("benchmark=", "benchmark", ""),
        ("benchmark=a=b", "benchmark", "a=b"),
        ("costs.margin.short=true", "costs.margin.short", True),
        ("account.cash=1e5", "account.cash", 100_000.0),
        ("account.cash = 25_000", "account.cash", 25_000.0),
        ("logging.level=debug", "logging.level", "DEBUG"),
        ("data.timeframe=15m", "data.timeframe", "15m"),
    ],
)
def test_text_becomes_what_its_key_wants(folder, override, key, value):
    assert load(folder, overrides=[override], environ={}).explain(key).value == value


def test_yaml_follows_version_1_2(folder):
    (folder / "settings.yaml").write_text(
        "account: {cash: 1e5}\nbenchmark: ON\ndata: {provider: 0700, calendar: no}\n"
        "costs: &again {slippage: {bps: !!int 2}}\nlogging:\n"
    )
    settings = load(folder, environ={}).settings
    assert settings.account.cash == 100_000.0
    assert (settings.benchmark, settings.data.provider, settings.data.calendar) == ("ON", "0700", "no")
    assert settings.costs.slippage.bps == 2
    assert settings.logging == Logging()


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "{}\n", "\ufeffseed: 0\n"])
def test_an_empty_file_is_the_defaults(folder, text):
    (folder / "settings.yaml").write_text(text, encoding="utf-8")
    assert load(folder, environ={}).settings == Settings()


def test_another_sizing_drops_what_a_lower_source_said_for_the_old_one(folder):
    (folder / "settings.yaml").write_text("sizing: {method: share_of_equity, share: 0.5}")
    (folder / "settings.dev.yaml").write_text("sizing: {method: fixed_quantity, quantity: 10}")
    assert load(folder, "dev", environ={}).settings.sizing == FixedQuantity(quantity=10)
    overrides = ["sizing.method=fixed_notional", "sizing.notional=5000"]
    assert load(folder, "dev", overrides=overrides, environ={}).settings.sizing == FixedNotional(
        notional=5000
    )


def test_dotenv_knows_comments_quotes_export_and_foreign_names(folder):
    (folder.parent / ".env").write_text(
        "# a comment\n\nexport OPENBELL_BENCHMARK='SPY'  # why\nBROKER_TOKEN=\"a\\nb\"\nOPENBELL_CACHE=here\n"
    )
    loaded = load(folder, environ={"OPENBELL_CACHE": "there", "HOME": "/home/me"})
    assert loaded.explain("benchmark").source.endswith(".env:3")
    assert loaded.environ == {
        "OPENBELL_BENCHMARK": "SPY",
        "BROKER_TOKEN": "a\nb",
        "OPENBELL_CACHE": "there",
        "HOME": "/home/me",
    }
    assert "BROKER_TOKEN" not in repr(loaded)


def test_reserved_variables_are_no_settings(folder):
    environ = {"OPENBELL_DEBUG": "1", "OPENBELL_CACHE": "x", "OPENBELL_TEST_PEERS": "1", "OPENBELL_ENV": ""}
    assert load(folder, environ=environ).settings == Settings()


def test_settings_cannot_be_changed():
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 1
    with pytest.raises((FrozenInstanceError, ValidationError)):
        settings.logging.json = True
    with pytest.raises(ValidationError, match="greater than 0"):
        Settings.model_validate({"account": {"cash": 0}})


def test_an_item_may_override_the_settings_below_the_command_line(folder):
    (folder / "settings.yaml").write_text("costs: {commission: {minimum: 0}}\nsizing: {share: 0.5}\n")
    (folder / "strategies.yaml").write_text(
        "strategies:\n"
        "  - name: one\n"
        "    strategy: sma_cross\n"
        "    symbols: [AAPL]\n"
        "    end: 2010-12-31\n"
        "    costs: {slippage: {bps: 2}}\n"
        "    sizing: {method: fixed_quantity, quantity: 10}\n"
        "  - {name: two, strategy: 'm:C', symbols: [ON, NO], parameters: {fast: 5, on: [1, {a: null}]}}\n"
    )
    loaded = load(folder, environ={})
    one = loaded.for_strategy("one")
    assert one.settings.costs.slippage.bps == 2
    assert one.settings.costs.commission == Commission(minimum=0)
    assert one.settings.sizing == FixedQuantity(quantity=10)
    assert one.explain("costs.slippage.bps").source == f"{folder / 'strategies.yaml'}:6"
    assert loaded.settings.costs.slippage.bps == 5
    assert loaded.for_strategy("two").settings == loaded.settings
    assert loaded.strategies["one"].end == date(2010, 12, 31)
    assert loaded.strategies["two"].symbols == ("ON", "NO")
    assert loaded.strategies["two"].parameters == {"fast": 5, "on": [1, {"a": None}]}
    assert loaded.strategies["two"].place == f"{folder / 'strategies.yaml'}:8"
    last = load(folder, overrides=["costs.slippage.bps=1"], environ={}).for_strategy("one")
    assert last.settings.costs.slippage.bps == 1


def test_brokers_have_names_of_their_own(folder):
    (folder / "brokers.yaml").write_text("brokers: {paper: {kind: simulated}}")
    assert list(load(folder, environ={}).brokers) == ["paper"]


@pytest.mark.parametrize("text", ["", "strategies:\n", "strategies: []\n"])
def test_there_may_be_no_strategies(folder, text):
    (folder / "strategies.yaml").write_text(text)
    assert load(folder, environ={}).strategies == {}


def test_the_report_folder_is_made(folder, tmp_path):
    wanted = tmp_path / "a" / "b"
    loaded = load(folder, overrides=[f"reports.folder={wanted}"], environ={})
    assert loaded.report_folder() == wanted
    assert list(wanted.iterdir()) == []


def test_the_shipped_settings_are_the_built_in_defaults():
    loaded = load(SHIPPED, environ={})
    assert loaded.settings == Settings()
    told = {part.key for part in loaded.explain().below if part.source != "default"}
    ways = {key: leaf.variants for key, leaf in list_leaves(Settings).items() if leaf.tag}
    assert set(list_leaves(Settings)) - told == {k for k, way in ways.items() if "share_of_equity" not in way}


def test_the_shipped_overlay_strategies_and_brokers_load():
    loaded = load(SHIPPED, "dev", environ={})
    assert loaded.settings.logging.level == "DEBUG"
    assert {entry.strategy: entry.symbols for entry in loaded.strategies.values()} == {
        "sma_cross": ("AAPL",),
        "rsi_reversion": ("MSFT",),
    }
    assert loaded.strategies["sma-cross-aapl"].start == date(2005, 1, 1)
    assert loaded.strategies["sma-cross-aapl"].parameters == {"fast": 20}
    assert list(loaded.brokers) == ["simulated"]


def test_the_example_of_dotenv_is_valid_when_its_lines_are_uncommented(folder):
    (folder / "settings.dev.yaml").write_text("seed: 4")
    lines = (SHIPPED.parent / ".env.example").read_text().splitlines()
    (folder.parent / ".env").write_text("\n".join(line.removeprefix("# ") for line in lines if "=" in line))
    settings = load(folder, environ={}).settings
    assert (settings.seed, settings.account.cash, settings.logging.json) == (4, 25_000, True)


def check_python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)  # our own interpreter and text


def test_the_import_alone_loads_no_library():
    check_python("import sys, openbell.config; assert not {'pydantic', 'yaml'} & set(sys.modules)")


def test_loading_needs_pydantic_and_yaml_only():
    check_python(
        "import sys; from openbell.config import load; load(environ={})\n"
        "heavy = {'loguru', 'pydantic_settings', 'numpy', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )


def test_every_public_name_is_there():
    assert set(config.__all__) <= set(dir(config))
    for name in config.__all__:
        assert getattr(config, name).__name__ == name or name == "Sizing"
    with pytest.raises(AttributeError, match="lode"):
        config.lode  # noqa: B018  # the access is what is tested


@pytest.mark.parametrize(
    ("model", "sizer"),
    [
        (ShareOfEquity(), sizing.ShareOfEquity()),
        (FixedQuantity(quantity=3), sizing.FixedQuantity(3)),
        (FixedNotional(notional=5), sizing.FixedNotional(5)),
    ],
)
def test_a_sizing_builds_its_sizer(model, sizer):
    assert model.build() == sizer


@pytest.mark.parametrize("method", sizing.SIZERS)
def test_every_sizer_may_be_configured_with_its_own_defaults(method, tmp_path):
    needed = {"fixed_quantity": {"quantity": 3.0}, "fixed_notional": {"notional": 5.0}}.get(method, {})
    given = ", ".join(f"{name}: {value}" for name, value in needed.items())
    (tmp_path / "settings.yaml").write_text(f"sizing: {{method: {method}, {given}}}")
    section = load(tmp_path, environ={}).settings.sizing
    assert section.build() == sizing.SIZERS[method](**needed)


def test_a_missing_strategy_names_the_nearest():
    with pytest.raises(
        ConfigError, match=r"strategies\.yaml: no strategy is named 'sma-cross-apl'; did you mean"
    ):
        load(SHIPPED, environ={}).for_strategy("sma-cross-apl")
