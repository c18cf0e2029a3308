"""The small commands, help, and what becomes of errors that nobody foresaw."""

from __future__ import annotations

import errno
import math
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.integration.cli_runs import run

import openbell
from openbell.cli import commands, faults, summary
from openbell.cli.index import write_index
from openbell.core.errors import ConfigError
from openbell.strategies.examples import BY_NAME

ROOT = Path(__file__).parents[2]
BUYS = """
import openbell as ob

class Buys(ob.Strategy):
    def on_bar(self, bar):
        self.buy(bar.symbol)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- help ------------------------------------------------------------------------------------------------


def list_helps():
    found: list[tuple[str, ...]] = [()]
    command: Any = typer.main.get_command(commands.app)
    for name, one in command.commands.items():
        found.append((name,))
        found += [(name, below) for below in getattr(one, "commands", {})]
    return found


#: Words that have others below them: those have examples.
GROUPS = [words[:1] for words in list_helps() if len(words) > 1]


@pytest.mark.parametrize("words", list_helps(), ids=" ".join)
def test_help_fits_a_terminal_and_has_examples_and_exit_codes(words, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ended = run(*words, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert all(len(line) <= 80 for line in ended.out.splitlines())
    if words not in [(), *GROUPS]:
        assert f"\n    openbell {' '.join(words)}" in ended.out
        assert "Exit codes: 0 fine, " in ended.out
        assert "--json" in ended.out
        assert "--debug" in ended.out


#: Commands whose examples ask somebody else's server, need a session that runs, or take seconds.
TESTED_APART = (
    ("demo",),
    ("stop",),
    *(("report", word) for word in ("statement", "compare", "portfolio", "export")),  # test_cli_reports
    ("data", "fetch"),
    ("data", "check"),
    ("data", "quotes"),  # test_cli_quotes
    ("data", "recorded"),  # test_cli_recorded
    ("db",),
    ("live",),
    ("resume",),
    ("dashboard",),
    ("serve",),
    ("alerts",),  # test_alerts
    ("traces",),  # test_traces
    ("risk", "loosen"),  # test_limits_reload
    ("risk", "whatif"),  # test_whatif
    ("risk", "stress"),  # test_exposed
    ("journal",),  # test_journal_doctor
)


def test_every_example_of_the_help_runs(trials):
    (Path("config")).mkdir()
    for name in ("settings.yaml", "settings.dev.yaml", "strategies.yaml"):
        text = (ROOT / "config" / name).read_text(encoding="utf-8")
        (Path("config") / name).write_text(text, encoding="utf-8")
    rows = "".join(f"2005-01-{day:02d},10,20,1,{day},100000\n" for day in (3, 4, 5, 6, 7, 10, 11))
    Path("prices").mkdir()
    for name in ("AAPL", "MSFT"):
        Path(f"prices/{name}.csv").write_text("date,open,high,low,close,volume\n" + rows, encoding="utf-8")
    Path("index.csv").write_text("symbol,start,end\nAAPL,,2006-12-29\nIBM,,\n", encoding="utf-8")
    with_days = BUYS.replace("    def", "    days: int = 5\n\n    def")
    Path("my.py").write_text(with_days, encoding="utf-8")
    shown = [line.strip() for words in list_helps() for line in run(*words, "--help").out.splitlines()]
    examples = [line for line in shown if line.startswith("openbell ")]
    assert len(examples) > 15
    for example in sorted(examples, key=lambda line: line.split()[1] in ("report", "verify")):
        words = [
            word.replace("reports/sma_cross-AAPL-1a2b3c4d", "sma_cross-IBM").replace("100x", "max")
            for word in shlex.split(example)
        ]
        if "--feed" not in words and not any(tuple(words[1 : 1 + len(own)]) == own for own in TESTED_APART):
            assert run(*words[1:]).code == 0, example


def test_without_words_there_is_help():
    assert run().out == run("--help").out
    assert run("config").line == "Missing command; see `openbell config --help`"


def test_every_command_takes_json():
    for words in (("strategies",), ("strategies", "pairs_trade"), ("config", "show"), ("doctor",)):
        ended = run(*words, "--json")
        assert (ended.code, ended.err) == (0, "")
        assert ended.document


# --- strategies and new ----------------------------------------------------------------------------------


def test_strategies_are_listed_with_their_parameters():
    ended = run("strategies")
    assert [line.split()[0] for line in ended.out.splitlines()[1 : len(BY_NAME) + 1]] == list(BY_NAME)
    assert "fast=10 slow=30" in ended.out
    assert [one["name"] for one in run("strategies", "--json").document["strategies"]] == list(BY_NAME)


def test_a_strategy_is_shown_with_what_its_parameters_may_be():
    ended = run("strategies", "donchian_trend")
    assert re.search(r"^lookback +20 +whole number +>= 2, <= 250$", ended.out, re.MULTILINE)
    described = run("strategies", "sma_cross", "--json").document["strategy"]
    assert described["parameters"][0]["default"] == 10
    assert "SMA" in described["parameters"][0]["help"]


def test_a_strategy_of_ones_own_is_shown_with_choices_and_without_parameters():
    Path("mine.py").write_text(
        "import openbell as ob\nclass Mine(ob.Strategy):\n    '''Mine.'''\n"
        "    way: str = ob.param('up', choices=('up', 'down'), help='which way')\n"
        "    def on_bar(self, bar):\n        self.buy(bar.symbol)\n",
        encoding="utf-8",
    )
    assert re.search(
        r"^way +up +text +one of up, down +which way$", run("strategies", "mine.py").out, re.MULTILINE
    )
    Path("plain.py").write_text(
        "import openbell as ob\n@ob.signal(flow=ob.OBV())\ndef plain(flow):\n    return 1.0\n",
        encoding="utf-8",
    )
    assert run("strategies", "plain.py").code == 0
    Path("none.py").write_text(BUYS, encoding="utf-8")
    assert "It has no parameters." in run("strategies", "none.py").out


def test_a_new_strategy_runs_and_is_not_written_twice():
    ended = run("new", "strategy", "my_idea", "--folder", "ideas", "--json")
    assert ended.document == {
        "strategy": str(Path("ideas/my_idea.py")),
        "test": str(Path("ideas/test_my_idea.py")),
    }
    assert run("backtest", "ideas/my_idea.py", "--symbols", "AAPL", "--no-check").code == 0
    again = run("new", "strategy", "my_idea", "--folder", "ideas")
    assert again.code == 2
    assert "my_idea.py" in again.line


# --- config ----------------------------------------------------------------------------------------------


def test_a_setting_is_explained_with_what_it_outweighs():
    Path("config").mkdir()
    Path("config/settings.yaml").write_text("costs:\n  slippage:\n    bps: 2\n", encoding="utf-8")
    words = ("config", "explain", "costs.slippage.bps", "--set", "costs.slippage.bps=3")
    place = Path("config/settings.yaml")
    assert run(*words).out == (
        f"costs.slippage.bps = 3.0  (--set)\n  shadows 2  ({place}:3)\n  shadows 5.0  (default)\n"
    )
    (leaf,) = run(*words, "--json").document["settings"]
    assert (leaf["value"], leaf["source"], len(leaf["shadowed"])) == (3.0, "--set", 2)


def test_all_settings_are_shown_as_data():
    settings = {one["key"]: one["value"] for one in run("config", "show", "--json").document["settings"]}
    assert settings["account.cash"] == 100_000.0
    assert settings["reports.folder"] == "reports"


# --- what nobody foresaw ---------------------------------------------------------------------------------


def test_a_fault_of_our_own_is_one_line_with_what_to_do(monkeypatch):
    def fail(*_args, **_settings):
        raise RuntimeError("broken\nin two lines")

    monkeypatch.setattr("openbell.cli.catalog.list_strategies", fail)
    monkeypatch.setattr(faults, "_PACKAGE", ROOT)
    ended = run("strategies")
    assert ended.code == 70
    assert ended.line.startswith("RuntimeError: broken in two lines (")
    assert "--debug" in ended.line


def test_ctrl_c_is_one_line(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("openbell.cli.catalog.list_strategies", interrupt)
    ended = run("strategies", "--json")
    assert ended.code == ended.document["error"]["exit_code"] == 130
    assert ended.line.startswith("stopped by Ctrl-C")


@pytest.mark.parametrize(("variable", "shown"), [("1", True), ("off", False)])
def test_a_trace_is_asked_for_by_an_option_or_a_variable(variable, shown, monkeypatch):
    assert "Traceback" in run("strategies", "nix", "--debug").err
    monkeypatch.setenv("OPENBELL_DEBUG", variable)
    assert ("Traceback" in run("strategies", "nix").err) is shown


def test_the_version_is_printed():
    assert run("--version").out == f"openbell {openbell.__version__}\n"


def test_an_index_that_cannot_be_written_is_bad_input():
    Path("taken").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"index.html cannot be written .*; name another report folder"):
        write_index(Path("taken"))


def test_an_undefined_share_is_a_dash():
    assert [summary.percent(share) for share in (math.nan, 0.123, 12.3)] == ["–", "12.3%", "1,230%"]


def test_an_error_in_a_users_code_names_its_line_even_outside_of_a_run():
    Path("mine.py").write_text(
        "import openbell as ob\nclass Mine(ob.Strategy):\n    def __init__(self, **values):\n"
        "        super().__init__(**values)\n        {}['nix']\n    def on_bar(self, bar):\n        pass\n",
        encoding="utf-8",
    )
    ended = run("backtest", "mine.py", "--symbols", "AAPL")
    assert ended.code == 2
    assert "mine.py:5" in ended.line
    assert "KeyError: 'nix'" in ended.line


def test_an_error_in_a_users_code_is_not_called_ours():
    Path("helper.py").write_text(
        "def halve(number):\n    return number / 0\n\n\nhalve(1)\n", encoding="utf-8"
    )
    with pytest.raises(ZeroDivisionError) as raised:
        runpy.run_path("helper.py")
    fault = faults.explain(raised.value)
    assert fault.code == 2
    assert (
        fault.message == "helper.py:2 in halve: ZeroDivisionError: division by zero; mend the strategy's code"
    )


def test_a_file_that_cannot_be_read_is_bad_input():
    Path("mine.csv").mkdir()
    fault = faults.explain(IsADirectoryError(21, "Is a directory", "mine.csv"))
    assert (fault.code, fault.message) == (2, "mine.csv: Is a directory; check the path and its permissions")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "make room for it"),
        (MemoryError(), "make room for it on the disk or in memory"),
        (ImportError("libarrow.so: failed to map", name="pyarrow.lib"), "`openbell doctor` shows"),
        (UnicodeEncodeError("utf-8", "b\udcff/mine.py", 1, 2, "surrogates"), "'b\\udcff/mine.py' is no text"),
    ],
)
def test_what_the_machine_lacks_is_no_fault_of_ours(error, said):
    fault = faults.explain(error)
    assert (fault.code, said in fault.message) == (2, True)


def test_a_fault_of_ours_says_that_it_is_one():
    for error in (ImportError("no name", name="openbell.nix"), OSError(errno.EBADF, "Bad"), ValueError("x")):
        assert faults.explain(error).code == 70


def test_options_that_commands_share_are_the_same_in_each():
    shared = (
        "--symbols",
        "--set",
        "--config-set",
        "--cash",
        "--provider",
        "--data",
        "--timezone",
        "--timeframe",
    )
    searched = ("--grid", "--where", "--objective", "--require", "--method", "--workers", "--resume")
    for words, more in (
        (("backtest",), ()), (("risk", "check"), ()), (("paper",), ()), (("sweep",), searched),
        (("walkforward",), searched), (("crossvalidate",), searched),
    ):  # fmt: skip
        listed = run(*words, "--help").out
        for option in (*shared, *more):
            assert f"  {option} " in listed, (words, option)
