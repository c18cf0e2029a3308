"""`openbell backtest`: one line or a file, for people or for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from tests.integration.cli_runs import run, run_folder

CROSS = ("backtest", "sma_cross", "--symbols", "AAPL", "--start", "2005-01-01")
FILES = {
    "report.html", "trades.csv", "orders.csv", "equity.csv", "fills.csv", "ledger.csv", "run.json",
    "verdict.json",
}  # fmt: skip
LEAK = """
import numpy as np
import openbell as ob

def tomorrow(close):
    return np.append(close[1:], np.nan)

@ob.signal(next=ob.indicator(tomorrow), now=ob.field("close"))
def leaky(next, now):
    return 1.0 if next > now else 0.0
"""
PRINTS = """
import openbell as ob

class Prints(ob.Strategy):
    def on_start(self):
        print("told by the strategy")

    def on_bar(self, bar):
        self.buy(bar.symbol)
"""
READS_PAST_THE_END = """
import openbell as ob

class Greedy(ob.Strategy):
    def on_start(self):
        self.count = 0

    def on_bar(self, bar):
        self.count += 1
        following = self.market.tracks[bar.symbol].close[self.count]
        (self.buy if following > bar.close else self.close)(bar.symbol)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_command_line_and_a_file_do_the_same_job():
    typed = run(*CROSS, "--set", "fast=20", "--reports", "typed", "--json").document["runs"]
    Path("config").mkdir()
    Path("config/strategies.yaml").write_text(
        "strategies:\n  - name: mine\n    strategy: sma_cross\n    symbols: [AAPL]\n"
        "    start: 2005-01-01\n    parameters: {fast: 20}\n",
        encoding="utf-8",
    )
    listed = run("backtest", "config/strategies.yaml", "--reports", "listed", "--json").document["runs"]
    assert typed[0]["ledger_hash"] == listed[0]["ledger_hash"]
    assert typed[0]["metrics"] == listed[0]["metrics"]
    first, second = (
        json.loads((run_folder(Path(name)) / "run.json").read_text()) for name in ("typed", "listed")
    )
    assert first == second


def test_a_run_is_spelled_out_and_its_folder_is_complete():
    ended = run(*CROSS, "--set", "fast=20")
    made = run_folder(Path("reports"))
    assert ended.code == 0
    assert ended.err == ""
    assert ended.out.startswith("sma_cross on AAPL, 2005-01-03 to 2013-03-01\n")
    assert "Return of holding AAPL" in ended.out
    assert "Look-ahead check: clean" in ended.out
    assert ended.out.endswith(f"Report: {made / 'report.html'}\n")
    assert {path.name for path in made.iterdir()} == FILES
    assert json.loads((made / "run.json").read_text())["lookahead"]["clean"] is True


def test_the_same_run_again_replaces_its_folder_with_the_same_bytes():
    run(*CROSS)
    before = {path.name: path.read_bytes() for path in run_folder(Path("reports")).iterdir()}
    run(*CROSS)
    assert {path.name: path.read_bytes() for path in run_folder(Path("reports")).iterdir()} == before


def test_settings_come_from_options_over_files():
    Path("config").mkdir()
    Path("config/settings.yaml").write_text("account:\n  cash: 5000\nbenchmark: MSFT\n", encoding="utf-8")
    Path("config/settings.dev.yaml").write_text("seed: 7\n", encoding="utf-8")
    words = ("--no-check", "--env", "dev", "--cash", "7000", "--set", "costs.slippage.bps=3", "--json")
    (one,) = run(*CROSS, *words).document["runs"]
    plan = json.loads((Path(one["folder"]) / "run.json").read_text())["plan"]
    assert one["benchmark"] == "MSFT"
    assert (plan["cash"], plan["seed"], plan["costs"]["slippage"]["bps"]) == (7000.0, 7, 3.0)


def test_what_a_strategy_logs_goes_to_stderr_as_the_settings_say():
    text = PRINTS.replace("import openbell as ob", "import openbell as ob\nfrom loguru import logger")
    logs = "logger.info('not shown'); logger.warning('shown')"
    Path("logs.py").write_text(text.replace('print("told by the strategy")', logs), encoding="utf-8")
    words = ("backtest", "logs.py", "--symbols", "AAPL", "--no-check", "--json")
    ended = run(*words, "--set", "logging.level=WARNING", "--set", "logging.json=true")
    assert ended.document["runs"]
    assert [json.loads(line)["message"] for line in ended.err.splitlines()] == ["shown"]


def test_without_costs_the_headline_says_so():
    ended = run(*CROSS, "--no-costs", "--no-check")
    assert ended.out.splitlines()[0].endswith("WITHOUT COSTS")
    assert "Look-ahead check: not made" in ended.out


def test_several_runs_are_a_table_of_80_columns_and_an_index():
    Path("strategies.yaml").write_text(
        "strategies:\n"
        "  - {name: one, strategy: sma_cross, symbols: [AAPL]}\n"
        "  - {name: two, strategy: buy_and_hold, symbols: [IBM, MSFT]}\n",
        encoding="utf-8",
    )
    ended = run("backtest", "strategies.yaml", "--no-costs")
    lines = ended.out.splitlines()
    assert ended.code == 0
    assert lines[0].split() == [
        "Strategy",
        "Symbols",
        "Return",
        "Hold",
        "Sharpe",
        "Max",
        "DD",
        "Trades",
        "Costs",
        "Check",
    ]
    assert all(len(line) <= 80 for line in lines)
    assert "WITHOUT COSTS: one, two. Nobody trades for free." in lines
    assert lines[-1] == f"Reports: {Path('reports') / 'index.html'}"
    page = Path("reports/index.html").read_text(encoding="utf-8")
    assert page.count("/report.html'>") == 2


def test_a_look_ahead_is_a_loud_warning_and_an_exit_code_of_its_own():
    Path("leak.py").write_text(LEAK, encoding="utf-8")
    ended = run("backtest", "leak.py", "--symbols", "AAPL")
    assert ended.code == 3
    assert ended.line.startswith("warning: leaky: DO NOT BELIEVE THIS RESULT: look-ahead")
    assert "tomorrow() on close" in ended.err
    assert "Look-ahead check: LEAK" in ended.out
    assert json.loads((run_folder(Path("reports")) / "run.json").read_text())["lookahead"]["clean"] is False


def test_what_is_not_checked_does_not_warn():
    Path("leak.py").write_text(LEAK, encoding="utf-8")
    ended = run("backtest", "leak.py", "--symbols", "AAPL", "--no-check")
    assert (ended.code, ended.err) == (0, "")


def test_a_refused_look_ahead_has_the_same_exit_code_and_no_report():
    text = PRINTS.replace('print("told by the strategy")', 'self.top = self.indicator(ob.MAX(20), "high")')
    Path("ahead.py").write_text(text.replace("self.buy(bar.symbol)", "self.top[1]"), encoding="utf-8")
    ended = run("backtest", "ahead.py", "--symbols", "AAPL")
    assert (ended.code, Path("reports").exists()) == (3, False)
    assert "ahead.py" in ended.line


@pytest.mark.parametrize(
    ("words", "code", "said"), [((), 3, "look-ahead"), (("--no-check",), 2, "IndexError")]
)
def test_an_error_that_a_look_ahead_causes_is_called_one(words, code, said):
    Path("greedy.py").write_text(READS_PAST_THE_END, encoding="utf-8")
    ended = run("backtest", "greedy.py", "--symbols", "AAPL", "--start", "2012-01-01", *words)
    assert ended.code == code
    assert said in ended.line


def test_json_is_one_document_whatever_a_strategy_prints():
    Path("prints.py").write_text(PRINTS, encoding="utf-8")
    ended = run("backtest", "prints.py", "--symbols", "AAPL", "--no-check", "--json")
    (one,) = ended.document["runs"]
    assert one["strategy"] == "prints"
    assert ended.err == "told by the strategy\n"


def test_a_run_that_cannot_be_repeated_is_no_look_ahead():
    Path("moody.py").write_text(
        "import itertools\nimport openbell as ob\nRUNS = itertools.count()\n\n"
        "class Moody(ob.Strategy):\n    def on_start(self):\n        self.wanted = next(RUNS) % 3 + 1\n\n"
        "    def on_bar(self, bar):\n        self.target_quantity(bar.symbol, self.wanted)\n",
        encoding="utf-8",
    )
    ended = run("backtest", "moody.py", "--symbols", "AAPL", "--json")
    assert ended.code == 1
    assert "differ" in ended.line
    assert ended.document["runs"][0]["lookahead"]["kind"] == "unrepeatable"


def test_own_prices_come_from_a_file_or_a_folder_or_the_settings():
    rows = "".join(f"2005-01-{day:02d},10,20,1,{day},100000\n" for day in (3, 4, 5, 6, 7, 10, 11))
    Path("prices").mkdir()
    Path("prices/MINE.csv").write_text("date,open,high,low,close,volume\n" + rows, encoding="utf-8")
    common = ("backtest", "buy_and_hold", "--no-check", "--json")
    ways = [
        ("--data", "prices/MINE.csv"),
        ("--data", "prices", "--symbols", "MINE"),
        ("--provider", "csv:prices", "--symbols", "MINE"),
        ("--provider", "csv", "--set", "data.folder=prices", "--symbols", "MINE"),
        ("--data", "prices", "--symbols", " MINE, MINE", "--set", "data.calendar=24/7"),
    ]
    ended = [run(*common, *way) for way in ways]
    assert [one.code for one in ended] == [0] * len(ways)
    hashes = [one.document["runs"][0]["ledger_hash"] for one in ended]
    assert len(set(hashes[:4])) == 1


def test_a_module_in_the_working_folder_is_found(monkeypatch):
    monkeypatch.setattr("sys.path", [place for place in sys.path if place not in {"", str(Path.cwd())}])
    Path("ideas_of_mine.py").write_text(
        "import openbell as ob\n\n\nclass Own(ob.Strategy):\n"
        "    def on_bar(self, bar):\n        self.buy(bar.symbol)\n",
        encoding="utf-8",
    )
    assert run("backtest", "ideas_of_mine:Own", "--symbols", "IBM", "--start", "2012-01-01").code == 0


def test_a_csv_file_with_a_million_rows_works():
    count = 1_000_000
    steps = np.random.default_rng(1).normal(0, 1e-4, count)
    close = np.round(100 * np.exp(np.cumsum(steps)), 4)
    opened = np.concatenate([[100.0], close[:-1]])
    times = np.datetime64("2010-01-01T00:00") + np.arange(count).astype("timedelta64[m]")
    columns = {
        "time": np.strings.add(np.datetime_as_string(times, unit="m"), "+00:00"),
        "open": opened,
        "high": np.maximum(opened, close),
        "low": np.minimum(opened, close),
        "close": close,
        "volume": np.full(count, 100_000),
    }
    pyarrow.csv.write_csv(pa.table(columns), "LONG.csv")
    words = ("--timeframe", "1m", "--set", "fast=1000", "--set", "slow=5000", "--no-check", "--json")
    ended = run("backtest", "sma_cross", "--data", "LONG.csv", *words)
    assert ended.code == 0
    assert ended.document["runs"][0]["metrics"]["trades"] > 10
