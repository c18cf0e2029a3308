"""`openbell sweep`, as it is typed: what it writes and shows, and what it refuses in one line."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.integration.cli_runs import run, run_apart

import openbell as ob
from openbell import run as run_layer
from openbell.backtesting.measures import MEASURES
from openbell.cli import sweeps

YEAR: dict[str, Any] = {"start": "2011-01-01", "end": "2011-12-31"}


CROSS = ("sweep", "sma_cross", "--symbols", "AAPL", "--start", "2011-01-01", "--end", "2011-12-31")


GRID = ("--grid", "fast=5:15:5", "slow=20,30", "--engine", "event")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sweep(strategy: Any = "sma_cross", data: Any = "AAPL", **settings: Any) -> Any:
    return ob.sweep(strategy, data, **{**YEAR, "engine": "event", **settings})


def test_the_command_writes_a_table_and_a_map_and_shows_the_best():
    ended = run(*CROSS, *GRID, "--where", "fast < slow", "--top", "3")
    assert (ended.code, ended.err) == (0, "")
    assert "6 combinations tried with the event engine (it was asked for)" in ended.out
    (written,) = Path("reports").iterdir()
    assert written.name.startswith("sweep-sma_cross-AAPL-")
    assert f"Map: {written / 'heatmap.html'}" in ended.out
    lines = ended.out.splitlines()
    assert lines[3].startswith(("Not distinguishable", "The choice was luck", "No evidence"))
    lines = lines[lines.index("", 3) - 2 :]
    assert lines[3].split() == ["fast", "slow", "Sharpe", "Return", "Max", "DD", "Trades", "Costs"]
    assert lines[7] == ""
    assert "the best of 6 combinations tried" in ended.out
    assert "test it on data that the sweep has not seen" in ended.out
    read = pd.read_parquet(written / "table.parquet")
    assert read.equals(sweep(fast=[5, 10, 15], slow=[20, 30]).table)


def test_the_document_says_the_same():
    ended = run(*CROSS, *GRID, "--objective", "calmar", "--objective=-trades", "--json", "--top", "2")
    (document,) = ended.document["sweeps"]
    assert (document["trials"], document["objectives"]) == (6, ["+calmar", "-trades"])
    assert len(document["top"]) == 2
    assert document["top"][0]["parameters"] == document["best"]["parameters"]
    assert set(document["top"][0]["measures"]) == set(MEASURES)
    assert json.loads(Path(document["folder"], "sweep.json").read_text())["best"] == document["best"]
    assert Path(document["page"]).is_file()


def test_each_symbol_has_a_folder_and_lines_of_its_own():
    words = ("sweep", "sma_cross", "--symbols", "AAPL,IBM", "--each", "--start", "2012-01-01", *GRID)
    ended = run(*words)
    assert ended.out.count("Map: ") == 2
    assert "sma_cross on IBM" in ended.out
    assert [path.name for path in Path("reports").iterdir()] == ["sweep-sma_cross-AAPL-IBM-each"]
    resumed = run(*words, "--resume", "kept")
    assert resumed.code == 0
    assert sorted(path.name for path in Path("kept").iterdir()) == ["AAPL", "IBM"]


def test_fixed_parameters_and_settings_are_taken_from_set():
    words = (*CROSS, "--grid", "fast=5", "--engine", "event", "--json", "--set", "slow=40")
    (document,) = run(*words, "--set", "costs.slippage.bps=0", "--cash", "5000", "--no-costs").document[
        "sweeps"
    ]
    assert document["plan"]["parameters"] == {"slow": 40}
    assert document["plan"]["cash"] == 5000.0
    assert "WITHOUT COSTS" in run(*words[:-3], "--no-costs").out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "nothing to try: give values for a parameter, as in --grid fast=5:60:5; sma_cross has fast"),
        (("--grid", "fast"), "--grid: 'fast' must be NAME=VALUES, such as fast=5:60:5 or fast=5,10,20"),
        (("--grid", "fast=5", "fast=6"), "--grid: 'fast' is given twice; leave one out"),
        (("--grid", "fast=5", "--top", "0"), "--top 0 must be 1 or more"),
        (("--grid", "fast=9:5"), "9:5: 9 is not below 5; swap them, or give the value alone"),
        (("--grid", "fast=5", "--method", "latin"), "--method latin needs samples, such as --samples 200"),
        (("--grid", "fast=5", "--where", "fast <"), "--where 'fast <' cannot be read; write it as"),
        (("--grid", "fast=5", "--workers", "999"), "--workers 999 must be a whole number from 1 to 256"),
        (
            ("--grid", "fast=0.5:9.5"),
            "0.5:9.5 has no step, so that a grid of it has no end: give",
        ),
        (
            ("--grid", "fast=1:9:log"),
            "1:9:log has no step, so that a grid of it has no end: give",
        ),
        (("--grid", "fast=5", "--resume", "."), "folder . is not empty"),
    ],
)
def test_what_is_typed_wrong_is_one_line_and_leaves_nothing(words, line, folder):
    if "--resume" in words:
        Path("letter.txt").write_text("mine", encoding="utf-8")
    ended = run(*CROSS, *words)
    assert ended.code == 2
    assert ended.line.startswith(line)
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("config/strategies.yaml", "--grid", "fast=5"),
            "config/strategies.yaml: a sweep is of one strategy",
        ),
        (("--grid", "fast=5", "slow=9", "sma_cross"), "'slow=9' stands where the strategy should"),
    ],
)
def test_a_sweep_names_its_strategy_first(words, line):
    ended = run("sweep", *words)
    assert (ended.code, ended.line.startswith(line)) == (2, True)


def test_what_is_fixed_cannot_be_varied():
    ended = run(*CROSS, "--grid", "fast=5,6", "--set", "fast=7")
    assert (ended.code, ended.line) == (2, "'fast' is fixed to 7 and varied; give it once")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("5:60:5", ob.span(5, 60, 5)),
        ("5:9", ob.span(5, 9)),
        ("0.1:0.5:0.1", ob.span(0.1, 0.5, 0.1)),
        ("1e-4:1e-1:log", ob.span(1e-4, 1e-1, log=True)),
        ("5,10", [5, 10]),
        ("ema", ["ema"]),
        ("a:b", ["a:b"]),
        ("true", [True]),
        ("1:2:3:4", ["1:2:3:4"]),
    ],
)
def test_values_are_read_as_they_are_typed(text, values):
    assert sweeps.read_grid([f"fast={text}"]) == {"fast": values}


def test_the_time_that_is_left_is_told(monkeypatch):
    told: list[tuple[float, str]] = []
    clock = iter([0.0, 10.0, 200.0, 20_000.0])
    monkeypatch.setattr(sweeps, "monotonic", lambda: next(clock))
    watch = sweeps.Watch(lambda done, what: told.append((done, what)))
    for done in (0, 50, 60, 70):
        watch.tell(done, 100)
    assert told == [
        (0.0, "0 of 100"),
        (0.5, "50 of 100, 10 s left"),
        (0.6, "60 of 100, 2 min left"),
        (0.7, "70 of 100, 2 h left"),
    ]


SLOW = """
import time
import openbell as ob
class Slow(ob.Strategy):
    fast: int = 3
    def on_start(self):
        time.sleep(0.02 if self.fast < 9 else 60)
    def on_bar(self, bar): pass
"""


def test_ctrl_c_is_one_line_that_says_how_to_go_on(folder):
    Path("slow.py").write_text(SLOW, encoding="utf-8")
    words = ["sweep", "slow.py", "--symbols", "AAPL", "--start", "2011-01-01", "--end", "2011-02-28"]
    words += ["--grid", "fast=1:12", "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "openbell.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(list(Path().glob("reports/*/parts/*.npz"))) < 8:
        assert process.poll() is None
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert (process.returncode, out) == (130, "")
    assert err.count("\n") == 1
    assert "stopped by Ctrl-C after 8 of 12 combinations; the same command with --resume reports/" in err
    resume = err.rstrip("\n").partition("--resume ")[2].partition(" ")[0]
    Path("slow.py").write_text(SLOW.replace("60", "0.0"), encoding="utf-8")
    refused = run_apart(*words, "--resume", resume, folder=folder)
    assert "holds another sweep, whose code differs" in refused.line
    Path("slow.py").write_text(SLOW, encoding="utf-8")


def test_a_sweep_of_each_symbol_that_was_stopped_goes_on_with_the_rest(monkeypatch):
    words = ("sweep", "sma_cross", "--symbols", "AAPL,IBM", "--each", "--start", "2012-01-01", *GRID)
    calls = []
    simulate = run_layer.simulate

    def tired(plan: Any, *arguments: Any) -> Any:
        calls.append(plan.symbols)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return simulate(plan, *arguments)

    monkeypatch.setattr("openbell.run.simulate", tired)
    base = Path("reports/sweep-sma_cross-AAPL-IBM-each")
    ended = run(*words, "--workers", "1")
    assert (ended.code, f"the same command with --resume {base} goes on" in ended.err) == (130, True)
    assert run(*words, "--workers", "1", "--resume", str(base)).code == 0
    assert len(calls) < 10 + 6
    assert run(*words, "--workers", "1").code == 0  # which begins anew, and replaces them
    assert calls[-12:] == [("AAPL",)] * 6 + [("IBM",)] * 6
    assert sorted(path.name for path in base.iterdir()) == ["AAPL", "IBM"]


def test_stopped_before_anything_was_done_there_is_nothing_to_resume(monkeypatch):
    def tired(*_arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("openbell.run.simulate", tired)
    ended = run(*CROSS, *GRID, "--json")
    assert ended.code == 130
    assert ended.err == "openbell: warning: stopped by Ctrl-C after 0 of 6 combinations\n"
    assert ended.document["error"]["exit_code"] == 130


def test_a_bar_with_the_time_that_is_left_is_drawn_on_a_terminal(folder):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "openbell.cli", *CROSS, *GRID], stderr=theirs, stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    drawn = b""
    while True:
        try:
            drawn += os.read(ours, 4096)
        except OSError:  # the terminal is closed
            break
    assert process.wait(30) == 0
    assert b" of 6" in drawn
    os.close(ours)
