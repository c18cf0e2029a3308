"""The gate: work that is counted, and speeds against a limit in the same process, must not get worse.

Counts do not depend on the machine, and stay the same from run to run. Ratios do a little: their limits lie
below anything that `python -m benchmarks.gate --noise 15` has shown.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import Answer, Ready

KEPT = Path(__file__).resolve().parent / "gate.json"
BARS = 20_000
SYMBOLS, DAYS = 50, 600
COMBINATIONS = 100


class Check(NamedTuple):
    """A figure and the bound that it must keep."""

    name: str
    measure: Callable[[], float]
    bound: float
    most: bool  #: whether the bound is the most that is allowed, or the least


def calls(ready: Ready) -> float:
    """Return how many functions a run calls for each bar, Python's own and built-in ones."""
    ready.run()  # what is loaded once is not counted
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        ready.run()
    finally:
        sys.setprofile(None)
    return count / ready.work


def ratio(ours: Ready, limit: Ready, *, turns: int = 7) -> float:
    """Return the speed of one run over that of another, the best of several turns each.

    Raises:
        AssertionError: Their trades differ.
    """
    same(ours.run(), limit.run())
    best = [float("inf"), float("inf")]
    for _ in range(turns):
        for at, ready in enumerate((ours, limit)):
            begun = time.process_time()
            ready.run()
            best[at] = min(best[at], (time.process_time() - begun) / ready.work)
    return best[1] / best[0]


def same(one: Answer, other: Answer) -> None:
    """Make sure that two answers are the same.

    Raises:
        AssertionError: They are not.
    """
    near = all(abs(a - b) < 0.005 for a, b in zip(one.equity, other.equity, strict=True))
    if one.trades != other.trades or not near:
        raise AssertionError(f"the trades differ: {one} {other}")


def event_calls(workload: str, strategy: str) -> float:
    """Return the calls a bar of a class strategy."""
    from benchmarks import ours, strategies

    return calls(ours.event(workload, getattr(strategies, strategy), BARS))


def rotation_calls() -> float:
    """Return the calls a symbol's bar of a portfolio."""
    from benchmarks import ours

    return calls(ours.rotate(SYMBOLS, DAYS))


def event_ratio() -> float:
    """Return the event engine's speed over a loop of Python's that calls the same `on_bar`."""
    from benchmarks import limits, limits_python, ours, strategies

    loop = limits.python_loop("W1", limits_python.cross_by_hand, 5 * BARS)
    return ratio(ours.event("W1", strategies.Cross, 5 * BARS), loop)


def sweep_ratio() -> float:
    """Return a sweep's speed over one compiled pass a combination, one thread each."""
    from benchmarks import limits, ours

    limit = limits.sweep_cross(COMBINATIONS, threads=1, events=False)
    return ratio(ours.sweep_cross(COMBINATIONS, threads=1), limit, turns=4)


def kernel_size() -> tuple[int, int]:
    """Return the kernel's functions and lines of assembly: what the time to compile it grows with."""
    from openbell.backtesting.kernel import assembly, loop, measures

    names: frozenset[str] = frozenset()
    lines = 0
    for entry in (loop.walk, measures.measure):
        text, found = assembly.written(entry, names)
        names, lines = names | found, lines + text.count("\n")
    return len(names), lines


CHECKS = (
    Check("compiled kernel, functions", lambda: kernel_size()[0], 168, most=True),
    Check("compiled kernel, lines of assembly", lambda: kernel_size()[1], 14_700, most=True),
    Check("W1 event engine, calls a bar", lambda: event_calls("W1", "Cross"), 3.85, most=True),
    Check("W4 event engine, calls a bar", lambda: event_calls("W4", "Bracket"), 3.65, most=True),
    Check("W2 event engine, calls a symbol's bar", rotation_calls, 0.82, most=True),
    Check("W1 event engine ÷ loop with the same on_bar", event_ratio, 0.15, most=False),
    Check("W3 sweep ÷ one pass marked each bar", sweep_ratio, 0.4, most=False),
)


def main() -> int:
    """Check everything; 1 if a bound is not kept."""
    wrong = 0
    for check in CHECKS:
        value = check.measure()
        kept = value <= check.bound if check.most else value >= check.bound
        wrong += not kept
        sign = "at most" if check.most else "at least"
        print(f"{'ok ' if kept else 'BAD'} {check.name}: {value:.4g}, {sign} {check.bound:g}", flush=True)
    return 1 if wrong else 0


def noise(runs: int) -> None:
    """Measure each check in some processes, and keep the lowest, the middle and the highest value."""
    code = "from benchmarks.gate import CHECKS; print(*(c.measure() for c in CHECKS))"
    rows = []
    for _ in range(runs):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        rows.append([float(value) for value in done.stdout.split()])
        print(done.stdout.strip(), flush=True)
    columns = zip(CHECKS, zip(*rows, strict=True), strict=True)
    kept = {
        check.name: {
            "runs": runs,
            "low": min(values),
            "middle": statistics.median(values),
            "high": max(values),
        }
        for check, values in columns
    }
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--noise", type=int, default=15)
    noise(parser.parse_args().noise)
