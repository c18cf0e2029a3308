"""Class strategies sweep in worker processes: the same figures, and nothing left behind whatever happens."""

from __future__ import annotations

import io
import os
import queue
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from tests.integration.sweep_processes import (
    MEMORY,
    YEAR,
    Cross,
    blocks,
    children,
    command,
    nothing_is_left,
)

import openbell as ob
from openbell.core.errors import ConfigError, StrategyError

__all__ = ["nothing_is_left"]

pytestmark = pytest.mark.usefixtures("nothing_is_left")


class Dies(ob.Strategy):
    """Kills its process, but spares it where a file tells that it has done so before."""

    fast: int = 1
    spared: str = ""

    def on_bar(self, bar):
        if self.fast == 2 and not (self.spared and Path(self.spared).exists()):
            if self.spared:
                Path(self.spared).touch()
            os.kill(os.getpid(), signal.SIGKILL)


class Raises(ob.Strategy):
    """Raises for one value."""

    fast: int = 1

    def on_bar(self, bar):
        if self.fast == 2:
            raise ValueError("two\nis wrong")


class Leaves(ob.Strategy):
    """Ends its process."""

    fast: int = 1

    def on_bar(self, bar):
        os._exit(7)


class Talks(ob.Strategy):
    """Prints, and reads what nobody has typed."""

    fast: int = 1

    def on_start(self):
        print("told by a worker", flush=True)  # noqa: T201  # the point
        assert sys.stdin.readline() == ""

    def on_bar(self, bar):
        """Do nothing."""


@pytest.fixture(scope="module")
def alone():
    return ob.sweep(Cross, ["AAPL", "IBM"], fast=[5, 10, 20], slow=[30, 40], workers=1, **YEAR)


@pytest.mark.parametrize("count", [2, 3])
def test_figures_are_the_same_bit_for_bit_whoever_makes_them(count, alone):
    other = ob.sweep(Cross, ["AAPL", "IBM"], fast=[5, 10, 20], slow=[30, 40], workers=count, **YEAR)
    assert other.results.values.tobytes() == alone.results.values.tobytes()


def test_figures_are_those_of_single_backtests(alone):
    for row, one in enumerate(alone.results.combinations.between(0, alone.trials)):
        result = ob.backtest(Cross, ["AAPL", "IBM"], parameters=one, **YEAR)
        assert alone.table.equity[row] == result.final_equity
        assert alone.table.sharpe[row] == result.metrics["sharpe"]


def test_a_signal_goes_through_the_event_engine_too():
    made = ob.sweep("sma_cross", "AAPL", fast=[5, 10, 20], engine="event", workers=2, **YEAR)
    assert made.manner.engine == "event"
    assert made.table.trades.min() > 0


def test_a_worker_that_dies_is_replaced_and_its_task_tried_again(tmp_path):
    made = ob.sweep(Dies, "AAPL", fast=[1, 2, 3], spared=str(tmp_path / "once"), workers=2, **YEAR)
    assert made.failed == 0
    assert (tmp_path / "once").exists()


def test_a_task_that_kills_two_workers_is_named_in_one_line():
    with pytest.raises(StrategyError) as error:
        ob.sweep(Dies, "AAPL", fast=[1, 2, 3], workers=2, **YEAR)
    assert str(error.value) == (
        "a worker process was killed by SIGKILL, and so did another over the same combinations "
        "(fast=2 to fast=2); try those with workers=1, or fewer workers if memory is short"
    )


def test_a_worker_that_leaves_is_told_by_its_exit_code():
    with pytest.raises(StrategyError, match="a worker process ended with exit code 7"):
        ob.sweep(Leaves, "AAPL", fast=[1, 2], workers=2, **YEAR)


@pytest.mark.parametrize("count", [1, 2])
def test_a_combination_that_raises_is_a_row_with_its_reason(count):
    made = ob.sweep(Raises, "AAPL", fast=[1, 2, 3], workers=count, **YEAR)
    assert [bool(why) for why in made.table.error] == [False, True, False]
    assert made.table.error[1].endswith("ValueError: two is wrong")
    assert np.isnan(made.table.equity[1])


def test_what_a_strategy_prints_goes_to_standard_error(capfd):
    ob.sweep(Talks, "AAPL", fast=[1, 2], workers=2, **YEAR)
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.count("told by a worker") == 2


def test_a_combination_that_is_never_asked_says_why():
    made = ob.sweep(Cross, "AAPL", fast=[5], slow=[30, 999], workers=1, **YEAR)
    assert "never had a value in 252 bars" in made.table.error[1]
    with pytest.raises(StrategyError, match=r"the first \(slow=999\) with: its indicators never had a value"):
        ob.sweep(Cross, "AAPL", slow=[999, 1000], workers=1, **YEAR)


def test_what_cannot_be_copied_is_one_line():
    class Holds(ob.Strategy):
        fast: int = 1
        file = io.StringIO()
        lock = queue.SimpleQueue()  # type: ignore[var-annotated]  # of nothing

        def on_bar(self, bar):
            self.buy(bar.symbol)

    with pytest.raises(ConfigError, match=r"strategy holds cannot be sent to worker processes \(TypeError"):
        ob.sweep(Holds, "AAPL", fast=[1, 2], workers=2, **YEAR)
    assert ob.sweep(Holds, "AAPL", fast=[1, 2], workers=1, **YEAR).failed == 0


def test_a_strategy_whose_module_a_worker_lacks_is_one_line(monkeypatch, tmp_path):
    (tmp_path / "ob_vanished.py").write_text(
        "import openbell as ob\nclass Gone(ob.Strategy):\n    fast: int = 1\n    def on_bar(self, bar): pass",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    from ob_vanished import Gone  # type: ignore[import-not-found]  # written above

    (tmp_path / "ob_vanished.py").unlink()
    with pytest.raises(ConfigError, match="a worker process cannot load the strategy: No module named"):
        ob.sweep(Gone, "AAPL", fast=[1, 2], workers=2, **YEAR)


def test_a_strategy_file_is_sent_as_it_was_read(tmp_path):
    file = tmp_path / "mine.py"
    text = """
        import openbell as ob
        LOT = 7
        class Mine(ob.Strategy):
            fast: int = 1
            def on_bar(self, bar):
                if not self.position(bar.symbol):
                    self.order(bar.symbol, LOT * self.fast)
        """
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    made = ob.sweep(str(file), "AAPL", fast=[1, 2], workers=2, **YEAR)
    assert made.table.equity.nunique() == 2


SCRIPT = """
import openbell as ob
SHARE = 0.5
def half(x): return SHARE * x
class Typed(ob.Strategy):
    fast: int = 3
    def on_start(self): self.mean = self.indicator(ob.SMA(self.fast))
    def on_bar(self, bar): self.target_weight(bar.symbol, half(1.0 if bar.close > self.mean[-1] else 0.0))
made = ob.sweep(Typed, "AAPL", fast=[3, 5, 8], workers=2, start="2011-01-01", end="2011-12-31")
print(made.trials, made.failed, made.table.trades.min() > 0)
"""


@pytest.mark.parametrize("way", ["-c", "-", "file"])
def test_no_guard_is_needed_in_a_script_at_a_prompt_or_in_a_pipe(way, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    words = {"-c": ["-c", SCRIPT], "-": ["-"], "file": ["script.py"]}[way]
    done = subprocess.run(
        [sys.executable, "-W", "error", *words], input=SCRIPT if way == "-" else "", capture_output=True,
        text=True, cwd=tmp_path, timeout=100, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("3 0 True\n", "")


WAITS = """
import os, time
import openbell as ob
class Waits(ob.Strategy):
    fast: int = 3
    def on_start(self):
        if self.fast > 2:
            os.write(2, b"waiting\\n")
            time.sleep(60)
    def on_bar(self, bar): pass
try:
    ob.sweep(Waits, "AAPL", fast=list(range(9)), workers=2, start="2011-01-01", end="2011-03-31",
             resume="kept")
except KeyboardInterrupt as stopped:
    print(stopped, stopped.sweep.trials)
"""


def waiting(tmp_path: Path) -> subprocess.Popen[str]:
    """Start a sweep, and return its process when both workers wait."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stderr is not None
    seen = 0
    while seen < 2:
        line = process.stderr.readline()
        assert line
        seen += line == "waiting\n"
    while len(list(tmp_path.glob("kept/parts/*.npz"))) < 3:
        assert process.poll() is None
        os.sched_yield()
    return process


def gone(pids: list[str]) -> bool:
    return not any("worker import serve" in command(pid) for pid in pids)


def test_ctrl_c_keeps_what_is_done_and_ends_the_workers(tmp_path):
    process = waiting(tmp_path)
    pids = children(process.pid)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=90)
    assert out == "stopped after 3 of 9 combinations 3\n"
    assert len(pids) == 2
    assert gone(pids)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["parts", "sweep.json"]


def test_workers_end_and_memory_is_freed_when_their_parent_is_killed(tmp_path):
    process = waiting(tmp_path)
    assert len(blocks(process.pid)) == MEMORY.is_dir()
    pids = children(process.pid)
    process.kill()
    process.communicate(timeout=90)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (gone(pids) and not blocks(process.pid)):
        os.sched_yield()
    assert gone(pids)
    assert blocks(process.pid) == []
