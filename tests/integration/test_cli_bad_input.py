"""Bad input is one line that names value, place and remedy; the exit code is 2, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.cli_runs import check_refused, run

HEADER = "date,open,high,low,close,volume\n"
DAYS = [f"2005-01-{day:02d},10,11,9,10.5,100000\n" for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14)]
CROSS = "backtest sma_cross --symbols AAPL"
NAIVE = "time,open,high,low,close,volume\n" + "".join(
    f"2005-01-03T09:3{i}:00,10,11,9,10,9\n" for i in range(10)
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("backtest sma_cros --symbols AAPL", ["unknown strategy 'sma_cros'", "did you mean 'sma_cross'?"]),
        (f"{CROSS} --set fsat=3", ["--set", "'fsat'", "did you mean 'fast'?"]),
        (f"{CROSS} --set fast=x", ["--set", "fast='x'", "must be a number"]),
        (f"{CROSS} --set fast=0", ["--set", "fast=0", "from 1 to"]),
        (f"{CROSS} --set fast", ["--set", "'fast'", "NAME=VALUE"]),
        (f"{CROSS} --set fast=1 --set fast=2", ["--set", "'fast'", "twice"]),
        ("backtest donchian_trend --symbols AAPL --set lookback=1", ["--set", "lookback=1", ">= 2"]),
        ("backtest sma_cross --symbols APPL", ["symbols", "'APPL'", "AAPL"]),
        ("backtest sma_cross", ["--symbols", "missing", "--symbols AAPL"]),
        (f"{CROSS} --benchmark NIX", ["benchmark", "'NIX'", "AAPL"]),
        (f"{CROSS} --start 2020-01-01", ["2020-01-01", "2000-03-01 to 2013-03-01", "range"]),
        (f"{CROSS} --start 2006-01-02 --end 2005-01-01", ["--start 2006-01-02", "--end 2005-01-01", "swap"]),
        (f"{CROSS} --start 2005-13-01", ["--start", "'2005-13-01'", "2005-01-31"]),
        (f"{CROSS} --cash 0", ["--cash", "0", "greater than 0"]),
        (f"{CROSS} --cash nan", ["--cash", "'nan'", "number"]),
        (f"{CROSS} --seed x", ["--seed", "'x'", "whole number"]),
        (f"{CROSS} --timeframe 5x", ["--timeframe", "'5x'", "such as"]),
        (f"{CROSS} --timeframe 5m", ["--timeframe=5m", "use 1d"]),
        (f"{CROSS} --provider yahooo", ["--provider='yahooo'", "csv:FOLDER"]),
        (f"{CROSS} --provider csv", ["data.provider='csv'", "data.folder"]),
        (f"{CROSS} --provider csv:nix?zone=UTC", ["'zone'", "timezone"]),
        (f"{CROSS} --timezone UTC", ["--timezone", "'bundled'", "leave it out"]),
        (f"{CROSS} --data nix", ["'nix'", "CSV file"]),
        (f"{CROSS} --data nix --provider bundled", ["--data", "--provider", "one of them"]),
        (f"{CROSS} --set costs.slipage.bps=3", ["--set", "did you mean 'costs.slippage.bps'?"]),
        (f"{CROSS} --config-set costs.slippage.bps=-3", ["--config-set", "bps=-3", "zero or more"]),
        (f"{CROSS} --engine compild", ["--engine: 'compild' is unknown; did you mean 'compiled'?"]),
        ("backtest rsi_reversion --symbols MSFT --engine compiled", ["is a class", "use --engine event"]),
        (f"{CROSS} --config nix", ["nix", "does not exist"]),
        (f"{CROSS} --config nix", ["--config: nix does not exist"]),
        (f"{CROSS} --cash 1e14", ["--cash: cash=100000000000000.0", "at most 1e+13"]),
        (f"{CROSS} --timeframe 5d", ["--timeframe: timeframe '5d'", "use 1d"]),
        (f"{CROSS} --env ../x", ["--env: '../x' must be letters"]),
        (f"{CROSS} --config-set seed", ["--config-set: 'seed' must be KEY=VALUE"]),
        (f"{CROSS} --set fast=3 --set a.b=1 --config-set seed=-1", ["--set: 'a.b': unknown key"]),
        (f"{CROSS} --set costs.volume_share=1 --config-set seed=-1", ["--config-set: seed: -1 must be"]),
        (
            f"{CROSS} --set data.calendar=FOO",
            ["--set: data.calendar: 'FOO' is not used", "'bundled' (default)"],
        ),
        (f"{CROSS} --set data.folder=nix", ["--set: data.folder: 'nix' is not used", "data.provider=csv"]),
        (f"{CROSS} --data . --set data.folder=nix", ["data.folder", "'csv:.' (--data)"]),
        (f"{CROSS} --data . --set data.calendar=XNYSS", ["--set: data.calendar", "'XNYSS'", "'XNYS'?"]),
        (f"{CROSS} --provider csv:.?calendar=XNYSS", ["--provider: calendar 'XNYSS'", "'XNYS'?"]),
        (f"{CROSS} --provider csv:.?stamp=middle", ["--provider: stamp='middle'", "'start' or 'end'"]),
        (f"{CROSS} --provider csv:.?stamp=", ["--provider=", "stamp is empty", "leave it out"]),
        (f"{CROSS} --provider csv:.?timezone=UTCC", ["--provider: timezone='UTCC'", "'UTC'?"]),
        (f"{CROSS} --data . --timezone UTCC", ["--timezone: timezone='UTCC'", "'UTC'?"]),
        (f"{CROSS} --data .?timezone=UTC --timezone UTC", ["--timezone and --data both say the timezone"]),
        (f"{CROSS} --set data.provider=csv:nix", ["--set: data.provider: path 'nix' does not exist"]),
        (f"{CROSS} --provider cvs:.", ["--provider='cvs:.' is unknown"]),
        (f"{CROSS} --provider bundle", ["'bundle' is unknown", "did you mean 'bundled'?"]),
        ("config explain seed --config-set seed=-1", ["--config-set: seed: -1 must be"]),
        ("config show --config nix", ["--config: nix does not exist"]),
        (f"{CROSS} --nix", ["--nix", "openbell backtest --help"]),
        ("backtest nix.py --symbols AAPL", ["'nix.py'"]),
        ("backtest nix.yaml", ["'nix.yaml'", "strategies: [{name"]),
        ("verify nix", ["'nix'", "openbell demo"]),
        ("config explain costs.slipage", ["'costs.slipage'", "did you mean"]),
        ("new strategy Bad-Name", ["'Bad-Name'", "bad_name"]),
        ("nix", ["'nix'", "openbell --help"]),
    ],
)
def test_what_is_typed_wrong(typed, said):
    check_refused(typed.split(), *said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*CROSS.split(), "--cash", ""], ["--cash: '' must be a number"]),
        ([*CROSS.split(), "--cash", "null"], ["--cash: 'null' must be a number"]),
        ([*CROSS.split(), "--cash", "TRUE"], ["--cash: TRUE must be a number"]),
        ([*CROSS.split(), "--cash", "1e999"], ["--cash: 1e999 must be a finite number"]),
        ([*CROSS.split(), "--seed", ""], ["--seed: '' must be a whole number"]),
        ([*CROSS.split(), "--data", ""], ["--data: ''", "CSV file"]),
        ([*CROSS.split(), "--config", ""], ["--config: ''", "settings.yaml"]),
        ([*CROSS.split(), "--reports", ""], ["--reports: ''", "write . for the working folder"]),
        ([*CROSS.split(), "--set", "reports.folder="], ["--set: reports.folder: ''", "write . for"]),
        ([*CROSS.split(), "--data", ".", "--timezone", ""], ["--timezone: timezone=''"]),
        (["demo", "--reports", " "], ["--reports: ' '", "write . for the working folder"]),
        (["verify", "x", "--reports", ""], ["--reports: ''", "write . for the working folder"]),
        (["new", "strategy", "mine", "--folder", ""], ["--folder: ''", "write . for the working folder"]),
    ],
)
def test_what_is_typed_as_nothing_is_named_as_it_was_typed(words, said):
    check_refused(words, *said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER.replace(",close", "") + "2005-01-03,1,1,1,1\n", ["'close' is missing", "add it"]),
        (HEADER.replace("close", "closse") + "".join(DAYS), ["'closse'", "did you mean 'close'?"]),
        (HEADER + DAYS[1] + DAYS[0], ["line 3 (2005-01-03)", "sort the rows"]),
        (HEADER + DAYS[0] + DAYS[0], ["line 3 (2005-01-03)", "drop one"]),
        (NAIVE, ["1m bars", "--timeframe 1m"]),
        (HEADER + DAYS[0] + "2005-01-04,10,11,9,nan,1\n", ["line 3", "close nan", "correct the row"]),
        (HEADER + DAYS[0] + "2005-01-04,10,11,9,,1\n", ["line 3", "close", "correct the row"]),
        (HEADER + DAYS[0] + "2005-01-04,0,11,0,10,1\n", ["line 3", "open 0", "correct the row"]),
        (HEADER + DAYS[0] + "2005-01-04,10,11,-9,10,1\n", ["line 3", "low -9", "correct the row"]),
        (HEADER + DAYS[0] + "2005-01-04,10,9,11,10,1\n", ["line 3", "high 9", "correct the row"]),
        (HEADER + DAYS[0] + "2005-01-04,10,11,9,10,-1\n", ["line 3", "volume -1", "correct the row"]),
        ("", ["empty", "header"]),
    ],
)
def test_a_csv_file_that_cannot_be_prices(text, said):
    Path("MINE.csv").write_text(text, encoding="utf-8")
    check_refused(
        ["backtest", "buy_and_hold", "--data", "MINE.csv"], "MINE.csv" if text != NAIVE else "MINE", *said
    )


def test_times_without_a_zone_are_refused_until_one_is_given():
    Path("MINE.csv").write_text(NAIVE, encoding="utf-8")
    words = ["backtest", "buy_and_hold", "--data", "MINE.csv", "--timeframe", "1m"]
    check_refused(words, "MINE.csv line 2 (2005-01-03 09:30:00)", "--timezone America/New_York")
    assert run(*words, "--timezone", "America/New_York", "--no-check").code == 0


def test_one_file_is_not_taken_for_several_symbols():
    Path("MINE.csv").write_text(HEADER + "".join(DAYS), encoding="utf-8")
    check_refused(["backtest", "buy_and_hold", "--data", "MINE.csv", "--symbols", "A,B"], "A, B", "folder")


def test_bars_without_volume_run_and_fill_nothing_and_say_so():
    rows = "".join(day.replace(",100000", ",0") for day in DAYS)
    Path("MINE.csv").write_text(HEADER + rows, encoding="utf-8")
    ended = run("backtest", "buy_and_hold", "--data", "MINE.csv", "--json")
    (one,) = ended.document["runs"]
    assert (ended.code, one["metrics"]["trades"]) == (0, 0)
    assert any("10 bars without volume" in notice["text"] for notice in one["findings"])


STRATEGY = (
    "import math\nimport openbell as ob\n\n\nclass Mine(ob.Strategy):\n    def on_bar(self, bar):\n        "
)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('boom\\nand more')", ["mine.py:7 in on_bar", "boom and more", "--debug"]),
        ("1 / 0", ["mine.py:7 in on_bar", "2000-03-01", "ZeroDivisionError"]),
        ("while True: self.order(bar.symbol, 1)", ["mine.py:7", "10001 orders", "a loop?"]),
        ("self.order(bar.symbol, math.nan)", ["mine.py:7", "quantity", "nan", "must be a"]),
        ("self.order(bar.symbol, 1.5)", ["mine.py:7", "quantity 1.5", "whole number of lots"]),
        ("self.order(bar.symbol, 0)", ["mine.py:7", "quantity", "0", "must be a"]),
        ("self.order(bar.symbol, 1, limit=-5.0)", ["mine.py:7", "-5"]),
        ("self.order('NIX', 1)", ["mine.py:7", "'NIX'", "AAPL"]),
        ("undefined", ["mine.py:7", "NameError"]),
        ("raise GeneratorExit", ["mine.py:7 in on_bar", "GeneratorExit"]),
        ("raise BaseException('boom')", ["mine.py:7 in on_bar", "boom"]),
    ],
)  # fmt: skip
def test_a_strategy_that_fails_names_the_bar_and_the_line(body, said):
    Path("mine.py").write_text(STRATEGY + body + "\n", encoding="utf-8")
    check_refused(["backtest", "mine.py", "--symbols", "AAPL"], *said)


def test_a_sale_without_a_position_is_refused_and_counted():
    Path("mine.py").write_text(STRATEGY + "self.order(bar.symbol, -5)\n", encoding="utf-8")
    ended = run("backtest", "mine.py", "--symbols", "AAPL", "--end", "2000-04-01", "--no-check", "--json")
    (one,) = ended.document["runs"]
    assert ended.code == 0
    assert one["refusals"]["short_not_allowed"] > 0
    assert any("may not sell short" in notice["text"] for notice in one["findings"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import openbell as ob\nx = undefined\n", ["mine.py:2", "NameError"]),
        ("import openbell as ob\nclass Mine(ob.Strategy:\n", ["mine.py:2", "SyntaxError"]),
        ("import nix\n", ["mine.py:1", "'nix'"]),
        ("x = 1\n", ["mine.py holds 0 strategies", "name one"]),
    ],
)
def test_a_file_that_holds_no_strategy(code, said):
    Path("mine.py").write_text(code, encoding="utf-8")
    check_refused(["backtest", "mine.py", "--symbols", "AAPL"], *said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "strategies:\n  - name: a\n    strategi: sma_cross\n",
            ["strategies.yaml:3", "strategi", "did you mean"],
        ),
        ("strategies:\n\t- name: a\n", ["strategies.yaml:2", "tab", "spaces"]),
        (
            "strategies:\n  - {name: a, strategy: nix, symbols: [A]}\n",
            ["strategies.yaml:2", "unknown strategy 'nix'"],
        ),
        (
            "strategies:\n  - {name: a, strategy: sma_cross, symbols: [AAPL], parameters: {fsat: 1}}\n",
            ["strategies.yaml:2", "'fsat'", "did you mean 'fast'?"],
        ),
        (
            "strategies:\n  - {name: a, strategy: sma_cross, symbols: [APPL]}\n",
            ["strategies.yaml:2", "'APPL'", "AAPL"],
        ),
        (
            "strategies:\n  - {name: a, strategy: sma_cross, symbols: [AAPL], start: 2020-01-01}\n",
            ["strategies.yaml:2", "2020-01-01", "range"],
        ),
        ("strategies: []\n", ["strategies.yaml", "no strategies"]),
    ],
)
def test_a_yaml_file_names_file_and_line(text, said):
    Path("strategies.yaml").write_text(text, encoding="utf-8")
    check_refused(["backtest", "strategies.yaml"], *said)


def test_a_file_of_another_name_or_an_option_that_it_answers_is_refused():
    Path("mine.yaml").write_text("", encoding="utf-8")
    check_refused(["backtest", "mine.yaml"], "mine.yaml", "strategies.yaml", "rename")
    Path("strategies.yaml").write_text("", encoding="utf-8")
    for option in ("--symbols", "--start", "--end", "--set", "--config"):
        check_refused(["backtest", "strategies.yaml", option, "x=1"], option, "leave the option out")


def test_one_wrong_strategy_of_several_leaves_no_report_of_the_others():
    entry = "  - {{name: {}, strategy: sma_cross, symbols: [AAPL]{}}}\n"
    text = "strategies:\n" + entry.format("good", "") + entry.format("bad", ", start: 2020-01-01")
    Path("strategies.yaml").write_text(text, encoding="utf-8")
    check_refused(["backtest", "strategies.yaml"], "strategies.yaml:3", "2020-01-01")


@pytest.mark.parametrize("words", [["demo"], CROSS.split()])
def test_a_report_folder_that_cannot_be_written(words):
    Path("taken").write_text("a file", encoding="utf-8")
    check_refused([*words, "--reports", "taken"], "--reports", "'taken'", "--reports out")
    check_refused([*words, "--reports", "taken/below"], "--reports", "taken", "--reports out")


def test_a_report_folder_of_the_settings_is_named_with_its_place():
    Path("taken").write_text("a file", encoding="utf-8")
    Path("config").mkdir()
    Path("config/settings.yaml").write_text("reports:\n  folder: taken\n", encoding="utf-8")
    check_refused(CROSS.split(), "settings.yaml:2", "'taken'")
