"""`ob.sweep` and `openbell sweep`: what may be asked, what comes of it, and what is refused in one line."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.integration.cli_runs import run, run_apart

import openbell as ob
from openbell import run as run_layer
from openbell.backtesting.measures import MEASURES
from openbell.backtesting.sweep import SweepInterrupted
from openbell.cli import sweeps
from openbell.core.errors import BadData, ConfigError, StrategyError

YEAR: dict[str, Any] = {"start": "2011-01-01", "end": "2011-12-31"}
CROSS = ("sweep", "sma_cross", "--symbols", "AAPL", "--start", "2011-01-01", "--end", "2011-12-31")
GRID = ("--grid", "fast=5:15:5", "slow=20,30", "--engine", "event")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- in Python ---------------------------------------------------------------------------------------------


def sweep(strategy: Any = "sma_cross", data: Any = "AAPL", **settings: Any) -> Any:
    return ob.sweep(strategy, data, **{**YEAR, "engine": "event", **settings})


def test_several_symbols_are_one_portfolio_unless_each_is_asked_for():
    whole = sweep(data=["AAPL", "IBM"], fast=[5, 10])
    each = sweep(data=["AAPL", "IBM"], fast=[5, 10], each=True)
    assert list(each) == ["AAPL", "IBM"]
    assert each["IBM"].table.equals(sweep(data="IBM", fast=[5, 10]).table)
    assert not whole.table.equals(each["AAPL"].table)


def test_progress_of_each_is_that_of_all():
    told: list[float] = []
    sweep(
        data=["AAPL", "IBM"], fast=[5, 10], each=True, progress=lambda done, total: told.append(done / total)
    )
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_what_is_not_varied_keeps_its_value_and_may_be_set():
    one = sweep(fast=[5, 10], slow=50)
    assert one.table.slow.tolist() == [50, 50]
    assert one.table.equity.tolist() != sweep(fast=[5, 10]).table.equity.tolist()


def test_names_that_are_options_go_by_parameters():
    class Named(ob.Strategy):
        memory: int = 3

        def on_bar(self, bar):
            self.order(bar.symbol, self.memory)

    assert sweep(Named, parameters={"memory": [1, 2]}).table.equity.nunique() == 2


def test_an_indicator_may_take_anothers_place():
    made = sweep(fast=[5, ob.EMA(5)])
    assert made.table.fast.tolist() == ["5", "EMA(5)"]
    assert made.table.equity.nunique() == 2


def test_samples_are_drawn_by_the_seed():
    first, again, other = (
        sweep(method="random", samples=5, fast=ob.span(2, 20), slow=ob.span(21, 60), seed=seed).table
        for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_a_table_of_the_callers_own_is_swept():
    times = pd.date_range("2020-01-01", periods=300, freq="1h", tz="UTC")
    close = 100 + np.sin(np.arange(300) / 7)
    table = pd.DataFrame(
        {"open": close, "high": close, "low": close, "close": close, "volume": 1e6}, index=times
    )
    assert ob.sweep("sma_cross", table, fast=[5, 10], engine="event").failed == 0


def test_the_same_call_goes_on_after_ctrl_c(monkeypatch):
    calls = 0
    simulate = run_layer.simulate

    def tired(*arguments: Any, **settings: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return simulate(*arguments, **settings)

    monkeypatch.setattr("openbell.run.simulate", tired)
    with pytest.raises(SweepInterrupted) as stopped:
        sweep(fast=range(5, 15), workers=1, resume="kept")
    assert stopped.value.sweep.trials == stopped.value.trials.done.sum() >= 2
    made = sweep(fast=range(5, 15), workers=1, resume="kept")
    assert calls < 16
    assert made.table.equals(sweep(fast=range(5, 15)).table)
    assert sorted(path.name for path in Path("kept").iterdir()) == [
        "heatmap.html",
        "sweep.json",
        "table.parquet",
    ]
    before = calls
    assert sweep(fast=range(5, 15), workers=1, resume="kept").table.equals(made.table)
    assert calls == before


def test_ctrl_c_before_anything_is_done_leaves_nothing(monkeypatch, folder):
    def tired(*_arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("openbell.run.simulate", tired)
    with pytest.raises(SweepInterrupted) as stopped:
        sweep(fast=[5, 10], resume="kept")
    assert stopped.value.sweep is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "nothing to try: give values for a parameter, as in fast=[5, 10]; sma_cross has fast, slow"),
        (
            {"fst": [1]},
            "'fst' is no parameter of strategy sma_cross and no option of a sweep; did you mean 'fast'?",
        ),
        ({"fast": [5], "sampels": 3}, "did you mean 'samples'?"),
        ({"fast": ["x"]}, "sma_cross.fast='x' must be a number"),
        ({"fast": [0]}, "timeperiod=0 must be from 1 to 100000"),
        ({"fast": [5, 5.0]}, "fast: 5 is there twice"),
        ({"fast": [5], "parameters": {"fast": 5}}, "'fast' is in parameters and beside them"),
        ({"fast": [5], "objective": "sharp"}, "did you mean 'sharpe'?"),
        ({"fast": [5], "method": "random"}, "method='random' needs samples"),
        ({"fast": [5], "engine": "quick"}, "engine='quick' is unknown"),
        ({"fast": [5], "workers": 0}, "workers=0 must be"),
        ({"fast": [5], "memory": "1KB"}, "memory=1000 bytes is too little: one combination needs about 5MB"),
        ({"fast": [5], "where": "fast > 9"}, "where='fast > 9' excludes the only combination"),
        ({"fast": range(10**6), "slow": range(10**6)}, "the grid has 1,000,000,000,000 combinations"),
        ({"fast": ob.span(1.5, 2.5)}, "span(1.5, 2.5) has no step"),
    ],
)
def test_what_cannot_be_swept_is_one_line(settings, said, folder):
    with pytest.raises(ConfigError) as error:
        sweep(**settings)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert list(folder.iterdir()) == []


def test_one_bar_is_not_enough():
    with pytest.raises(BadData, match="AAPL: there is 1 bar, and a sweep measures from one to the next"):
        sweep(fast=[5], start="2011-01-03", end="2011-01-03")


def test_fewer_bars_than_the_longest_window_are_said_before_anything_runs(monkeypatch):
    bars = {"start": "2011-01-01", "end": "2011-02-28"}
    made = sweep(fast=[5], slow=[20, 200], **bars)
    assert made.table.error[1].startswith("slow: SMA(200) needs 200 bars, and there are 39")
    monthly = ob.signal(mean=ob.SMA(40).at("1mo"), fast=ob.SMA(5))(lambda mean, fast: float(fast > mean))
    assert "never had a value" in sweep(monthly, fast=[5, 200], mean=[1, 40], **bars).table.error[1]
    monkeypatch.setattr("openbell.run.simulate", lambda *_: pytest.fail("it ran"))
    with pytest.raises(StrategyError, match=r"all 2 combinations failed.*slow: SMA\(100\) needs 100 bars"):
        sweep(slow=[100, 200], **bars)
    with pytest.raises(BadData, match=r"slow: SMA\(30\) needs 30 bars, and there are 20"):
        sweep(fast=[5, 6], start="2011-01-01", end="2011-01-31")


def test_a_class_has_its_own_values_checked():
    with pytest.raises(ConfigError, match=r"DonchianTrend\.lookback=999 must be <= 250"):
        sweep("donchian_trend", lookback=[5, 999])
    assert sweep("donchian_trend", lookback=[5, 10]).failed == 0


def test_a_strategy_without_parameters_says_so():
    class Plain(ob.Strategy):
        def on_bar(self, bar):
            self.buy(bar.symbol)

    with pytest.raises(ConfigError, match="plain has no parameters"):
        sweep(Plain)


def test_a_class_does_not_compile_and_the_event_engine_says_why_it_runs():
    with pytest.raises(ConfigError, match="strategy donchian_trend is a class, which decides in Python"):
        sweep("donchian_trend", lookback=[5, 10], engine="compiled")
    made = sweep("donchian_trend", lookback=[5, 10], engine="auto")
    assert (made.manner.engine, "is a class" in made.manner.reason) == ("event", True)


def test_a_decision_is_compiled_and_leads_to_the_same_account():
    grid: dict[str, Any] = {"fast": [5, 10, 15], "slow": [20, 30, 999]}
    compiled, events = (sweep(**grid, engine=engine) for engine in ("auto", "event"))
    assert (compiled.manner.engine, events.manner.engine) == ("compiled", "event")
    for name in ("trades", "equity", "win_rate", "max_drawdown", "error"):
        assert compiled.table[name].equals(events.table[name]), name
    np.testing.assert_allclose(compiled.table.sharpe, events.table.sharpe, rtol=1e-12)
    assert sweep(**grid, engine="compiled").manner.reason == "it was asked for"


def test_what_does_not_compile_goes_through_the_event_engine_and_says_why():
    class Two:
        def size(self, conviction: float, *, instrument: Any, price: float, equity: float) -> float:
            return 2.0 * conviction

    made = sweep(fast=[5, 10], engine="auto", sizer=Two())
    assert (made.manner.engine, "Two" in made.manner.reason) == ("event", True)
    with pytest.raises(ConfigError, match="Two"):
        sweep(fast=[5, 10], engine="compiled", sizer=Two())


# --- on the command line -----------------------------------------------------------------------------------


def test_the_command_writes_a_table_and_a_map_and_shows_the_best():
    ended = run(*CROSS, *GRID, "--where", "fast < slow", "--top", "3")
    assert (ended.code, ended.err) == (0, "")
    assert "6 combinations tried with the event engine (it was asked for)" in ended.out
    (written,) = Path("reports").iterdir()
    assert written.name.startswith("sweep-sma_cross-AAPL-")
    assert f"Map: {written / 'heatmap.html'}" in ended.out
    lines = ended.out.splitlines()
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
    watch = sweeps._Watch(lambda done, what: told.append((done, what)))
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
    out, err = process.communicate(timeout=30)
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
