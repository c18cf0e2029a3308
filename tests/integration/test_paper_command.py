"""Paper trading on the command line, in processes of its own: stopped, killed, gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.integration.cli_runs import run, run_apart

from openbell.storage.journal import Journal
from openbell.trading.pulse import SILENT

WORDS = ("paper", "sma_cross", "--symbols", "AAPL", "--replay", "2010-01-04", "--until", "2011-12-30")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def document(*words: str) -> Any:
    ended = run(*words, "--json")
    assert ended.code == 0, ended.err
    return ended.document


def begin(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "openbell.cli", *WORDS, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not moments(folder):
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.05)  # another process's journal has no event to wait for
    return process


def moments(folder: Path) -> int:
    if not list(folder.glob("state/*/journal.db")):
        return 0
    (one,) = document("status")["sessions"] or [{"time": 0}]
    return int(one["time"])


def test_a_session_ends_like_its_backtest_and_says_where_its_journal_is(here: Path) -> None:
    ended = run(*WORDS)
    backtest = document(
        "backtest", "sma_cross", "--symbols", "AAPL", "--start", "2010-01-04", "--end", "2011-12-30",
        "--no-check",
    )  # fmt: skip
    assert ended.code == 0
    assert f"{backtest['runs'][0]['final_equity']:,.2f}" in ended.out
    assert "Journal: state/paper-sma_cross/journal.db" in ended.out
    assert (here / "state/paper-sma_cross/journal.db").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_session_goes_on_after_a_signal(number: signal.Signals, here: Path) -> None:
    process = begin(here, "--speed", "2000000x")
    process.send_signal(number)
    process.communicate(timeout=90)
    assert process.returncode == (-9 if number is signal.SIGKILL else 0)
    state = document("status")["sessions"][0]["state"]
    assert state == ("interrupted" if number is signal.SIGKILL else "stopped")
    rest = document(*WORDS)
    assert rest["resumed"] > 0
    assert rest["ending"] == "end_of_data"
    whole = document(*WORDS, "--state", "state/other")
    assert rest["strategies"] == whole["strategies"]


def test_another_process_sees_and_stops_a_session(here: Path) -> None:
    process = begin(here, "--speed", "2000000x")
    assert document("status")["sessions"][0]["state"] in {"running", "silent"}  # a busy machine
    second = run_apart(*WORDS, folder=here)
    assert second.code == 2
    assert f"is in use by process {process.pid}" in second.err
    assert run("stop", "--keep").code == 0
    process.communicate(timeout=90)
    assert process.returncode == 0
    assert document("status")["sessions"][0]["state"] == "stopped"
    (here / "state" / "broken").mkdir()
    (here / "state" / "broken" / "journal.db").write_bytes(b"no journal" * 300)
    unsure = run("resume").line  # what cannot be read may be the one that is meant
    assert "which session? interrupted in 'state' are: state/paper-sma_cross; name one" in unsure
    assert "; session state/broken is left out: journal" in unsure


def test_a_stop_that_flattens_closes_what_is_held(here: Path) -> None:
    process = begin(here, "--speed", "500000x", "--set", "slow=12")
    while not document("positions")["positions"]:
        time.sleep(0.05)  # as above
    assert run("stop", "--flatten").code == 0
    process.communicate(timeout=90)
    assert document("positions")["positions"] == []
    assert document("orders", "--working")["orders"] == []
    last = document("orders")["orders"][-1]
    assert (last["side"], last["status"]) == (-1, "filled")
    before = len(document("orders")["orders"])
    rest = document(*WORDS, "--set", "slow=12")
    assert rest["resumed"] > 0
    assert rest["ending"] == "end_of_data"
    assert [order["side"] for order in document("orders")["orders"][before:]][:2] == [1, -1]


def test_several_strategies_share_a_session_and_one_that_raises_is_left_out_alone(here: Path) -> None:
    Path("mine.py").write_text(
        "import openbell as ob\n\nclass Mine(ob.Strategy):\n    def on_bar(self, bar):\n"
        "        if bar.index == 5:\n            raise ValueError('on purpose')\n"
    )
    Path("config").mkdir()
    Path("config/strategies.yaml").write_text(
        "strategies:\n"
        "  - {name: bad, strategy: 'mine.py:Mine', symbols: [MSFT], start: 2010-01-04, end: 2010-03-31}\n"
        "  - {name: good, strategy: buy_and_hold, symbols: [AAPL], start: 2010-01-04, end: 2010-03-31}\n"
    )
    ended = run("paper", "config/strategies.yaml", "--json")
    assert ended.code == 1
    assert "warning: strategy bad was stopped: strategy Mine, mine.py:6 in on_bar" in ended.err
    bad, good = ended.document["strategies"]
    assert (bad["fills"], good["fills"]) == (0, 1)
    status = {one["strategy"]: one["failed"] for one in document("status")["sessions"]}
    assert "on purpose" in status["bad"]
    assert status["good"] == ""
    shown = run("status").out
    assert "bad (failed)" in shown
    assert "state/paper-strategies: strategy bad raised, and is not asked any more: strategy Mine" in shown
    assert "good (failed)" not in shown


def test_a_journal_that_cannot_be_read_hides_no_other_session(here: Path) -> None:
    assert run("paper", "sma_cross", "--symbols", "AAPL", "--replay", "2012-01-03").code == 0
    whole = {words: document(words) for words in ("status", "orders", "positions")}
    broken = here / "state" / "broken"
    broken.mkdir()
    (broken / "journal.db").write_bytes(b"no journal" * 300)
    for words, before in whole.items():
        ended = run(words, "--json")
        assert (ended.code, ended.document) == (0, before)
        assert ended.line.startswith("warning: session state/broken is left out: journal 'state/broken/")
    assert "no session runs in 'state'" in run("stop", "--keep").err
    assert "; session state/broken is left out: journal" in run("resume").line
    assert run("status", "--state", "state/broken").code == 2
    (here / "state" / "paper-sma_cross" / "journal.db").unlink()
    assert run("status").out == "No session in state can be read.\n"


def test_an_interrupted_session_is_not_gone_on_with_as_another(here: Path) -> None:
    process = begin(here, "--speed", "1000x")
    process.terminate()
    process.communicate(timeout=90)
    ended = run(*WORDS, "--cash", "5000")
    assert ended.code == 2
    assert "has cash=100000.0, and 5000.0 is asked; give the same, or begin anew with --new" in ended.err
    assert document(*WORDS, "--cash", "5000", "--new")["resumed"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            (*WORDS, "--speed", "fast"),
            "--speed: speed='fast' must be a number above 0 and an x, such as 100x",
        ),
        ((*WORDS, "--speed", "0x"), "speed='0x' must be a number above 0"),
        ((*WORDS, "--state", ""), "--state"),
        ((*WORDS, "--until", "2001-01-01"), "--replay 2010-01-04 is after --until 2001-01-01, so"),
        ((*WORDS, "--until", "2024-02-30"), "--until='2024-02-30' is no date"),
        (("stop",), "stop: say how, by one of --keep, --cancel and --flatten"),
        (("stop", "--keep", "--flatten"), "stop: say how, by one of"),
        (("stop", "--keep"), "no session runs in 'state'"),
    ],
)
def test_wrong_words_are_one_line(words: tuple[str, ...], said: str, here: Path) -> None:
    ended = run(*words)
    assert ended.code == 2
    assert said in ended.line
    assert not list(here.iterdir())


def test_without_a_session_there_is_nothing_to_show(here: Path) -> None:
    assert "There is no session in state" in run("status").out
    assert run("orders").out.strip() == "There are no orders."
    assert run("positions").out.strip() == "Nothing is held."
    assert not list(here.iterdir())


def test_a_session_whose_strategy_hangs_is_seen_and_told_from_outside(here: Path) -> None:
    Path("mine.py").write_text(
        "import time\nimport openbell as ob\n\nclass Mine(ob.Strategy):\n    def on_bar(self, bar):\n"
        "        if bar.index == 3:\n            self.order(bar.symbol, 5)\n"
        "        if bar.index == 8:\n            time.sleep(600)\n"
    )
    words = ["paper", "mine.py", "--symbols", "AAPL", "--replay", "2010-01-04", "--speed", "100000000x"]
    process = subprocess.Popen([sys.executable, "-m", "openbell.cli", *words], stderr=subprocess.DEVNULL)
    try:
        while not moments(here) or not document("positions")["positions"]:
            assert process.poll() is None
            time.sleep(0.05)  # another process's journal has no event to wait for
        while (seen := document("status")["sessions"][0])["state"] == "running":
            time.sleep(0.05)  # nor has its silence
        assert (seen["state"], seen["fills"], seen["age"] > SILENT) == ("silent", 1, True)
        for command in ("status", "orders", "positions"):
            said = run(command).out
            assert "mine: silent for " in said
            assert f"`kill -9 {process.pid}` ends it, and `openbell resume` goes on" in said
        assert document("orders")["orders"][0]["status"] == "filled"
        assert run("stop", "--keep").code == 0
    finally:
        process.kill()
        process.communicate()
    assert document("status")["sessions"][0]["state"] == "interrupted"


def test_a_session_that_hangs_in_on_start_is_starting_and_how_long_it_is_silent_is_told(here: Path) -> None:
    Path("mine.py").write_text(
        "import time\nimport openbell as ob\n\nclass Mine(ob.Strategy):\n    def on_start(self):\n"
        "        open('began', 'w').close()\n        time.sleep(600)\n"
        "    def on_bar(self, bar):\n        pass\n"
    )
    words = ["paper", "mine.py", "--symbols", "AAPL", "--replay", "2010-01-04"]
    process = subprocess.Popen([sys.executable, "-m", "openbell.cli", *words], stderr=subprocess.DEVNULL)
    try:
        while not Path("began").exists():
            assert process.poll() is None
            time.sleep(0.05)  # another process's deeds are no event
        while (seen := document("status")["sessions"][0])["age"] <= SILENT:
            assert seen["state"] == "starting"
            time.sleep(0.05)  # nor is its silence
        said = run("status").out
        assert "starting, silent for " in said
        assert "state/paper-mine: starting, and silent for " in said
        assert f"`kill -9 {process.pid}` ends it" in said
    finally:
        process.kill()
        process.communicate()
    assert document("status")["sessions"] == []


def test_a_moment_and_what_follows_from_it_have_one_trace(here: Path) -> None:
    assert run(*WORDS).code == 0
    with Journal(here / "state/paper-sma_cross/journal.db", read_only=True) as journal:
        entries = list(journal.read())
    by_trace: dict[str, list[str]] = {}
    for entry in entries:
        if entry.trace:
            by_trace.setdefault(entry.trace, []).append(entry.kind)
    assert {next(iter(kinds)) for kinds in by_trace.values()} == {"moment"}
    assert ["moment", "signal", "order", "accepted", "fill"] in by_trace.values()
    assert sum("fill" in kinds and "order" not in kinds for kinds in by_trace.values()) == 0
    assert all(int(entry.trace) == entry.time for entry in entries if entry.kind == "moment")


def test_a_session_that_is_played_again_says_nothing_of_its_orders(here: Path) -> None:
    assert run(*WORDS).code == 0
    ended = run_apart("parity", "state/paper-sma_cross", folder=here)
    assert (ended.code, ended.err) == (0, "")


def test_an_orders_lines_in_the_log_have_the_trace_of_its_bar(here: Path) -> None:
    done = run(*WORDS, "--config-set", "logging.level=TRACE", "--config-set", "logging.json=true")
    assert done.code == 0
    lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    told = [line for line in lines if line["message"].startswith("order 1 (")]
    assert [line["message"].rpartition(": ")[2].split()[-1] for line in told][:1] == ["accepted"]
    assert " filled at " in told[1]["message"]
    with Journal(here / "state/paper-sma_cross/journal.db", read_only=True) as journal:
        chain = journal.about("1")
    assert {line["ids"]["trace"] for line in told} == {entry.trace for entry in chain}
    assert [entry.kind for entry in chain][:3] == ["order", "accepted", "fill"]
