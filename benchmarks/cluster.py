"""A sweep beyond one machine: what Ray costs and scales, beside a plain pool of processes on the same work.

`python -m benchmarks.cluster` prints seconds for the same combinations in one process, in a pool, and on a
Ray of this machine; what Ray takes to start, to hand out an empty task and to place prices in its store; and
from these figures what a million backtests would take on a cluster of 100 machines. The figures of all ways
are compared bit for bit before any time is shown.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import openbell as ob
from benchmarks.data import RECIPES, bars_of
from benchmarks.ours import series_of
from openbell.backtesting.cluster import load_ray
from openbell.backtesting.workers import processors
from openbell.reporting.sweep import Sweep

TASKS = 2_000
#: The plan: 5,000 symbols, ten years of minute bars, 200 combinations each, on 100 machines of 2 cores.
SYMBOLS, BARS, RUNS, MACHINES, CORES = 5_000, 10 * 252 * 390, 1_000_000, 100, 2
_COLUMNS = 7  #: of 8 bytes, a bar


class Cross(ob.Strategy):
    """Hold the symbol while its fast average is above its slow one."""

    fast: int = ob.param(10, ge=2)
    slow: int = ob.param(30, ge=2)

    def on_start(self) -> None:
        """Declare the averages."""
        self.quick, self.calm = self.indicator(ob.SMA(self.fast)), self.indicator(ob.SMA(self.slow))

    def on_bar(self, bar: ob.Bar) -> None:
        """Decide."""
        (self.buy if self.quick[-1] > self.calm[-1] else self.close)(bar.symbol)


class Way(NamedTuple):
    """One way to run the same sweep: its name, and the seconds that it took."""

    name: str
    seconds: float


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of a call, and what it returned."""
    before = time.perf_counter()
    found = run()
    return time.perf_counter() - before, found


def ways(strategy: Any, bars: int, grid: dict[str, list[int]], *, rounds: int) -> list[Way]:
    """Run the sweep in every way, the best of some rounds each; Ray is connected already.

    Raises:
        RuntimeError: Two ways differ in a figure.
    """
    series = series_of(bars_of("W1", bars), RECIPES["W1"].minutes)
    kind = "event" if isinstance(strategy, type) else "compiled"
    manners: list[tuple[str, dict[str, Any]]] = [
        (f"{kind} engine, 1 of its own", {"engine": kind, "workers": 1}),
        (f"{kind} engine, {CORES} of its own", {"engine": kind, "workers": CORES}),
        ("Ray, 1 worker", {"engine": "ray", "workers": 1}),
        (f"Ray, {CORES} workers", {"engine": "ray", "workers": CORES}),
    ]
    tables: list[np.ndarray] = []
    best = [float("inf")] * len(manners)
    for _ in range(rounds):
        for at, (_, manner) in enumerate(manners):
            before = time.perf_counter()
            found: Sweep = ob.sweep(strategy, series, each=False, **manner, **grid)
            best[at] = min(best[at], time.perf_counter() - before)
            tables.append(found.results.values)
    if not all(np.array_equal(one, tables[0], equal_nan=True) for one in tables):
        raise RuntimeError("two ways differ in a figure")
    return [Way(name, seconds) for (name, _), seconds in zip(manners, best, strict=True)]


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ray = load_ray()
    options: dict[str, Any] = {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
    start, _ = timed(
        lambda: ray.init(num_cpus=processors(), log_to_driver=False, logging_level=logging.ERROR, **options)
    )
    empty = ray.remote(_nothing)
    ray.get([empty.remote() for _ in range(100)])
    tasks, _ = timed(lambda: ray.get([empty.remote() for _ in range(TASKS)]))
    prices = np.ones(200 * 2**17)
    place, _ = timed(lambda: ray.put(prices))
    print(f"Ray: start {start:.1f} s, an empty task {tasks / TASKS * 1e3:.2f} ms, "
          f"{prices.nbytes / 1e6:.0f} MB into its store {place:.2f} s")  # fmt: skip
    grid = {"fast": list(range(3, 23)), "slow": list(range(30, 60, 2))}
    for strategy in (Cross, "sma_cross"):
        found = ways(strategy, given.bars, grid, rounds=given.rounds)
        name = strategy if isinstance(strategy, str) else "a class"
        print(f"\n{name}, {given.bars:,} bars × 300 combinations")
        for way in found:
            print(f"  {way.name:28} {way.seconds:7.2f} s   {found[0].seconds / way.seconds:5.2f} ×")
        here = min(found[0].seconds, found[1].seconds * CORES) / (300 * given.bars)
        print(_plan(here * 1e9, tasks / TASKS))
    ray.shutdown()


def _plan(cell: float, task: float) -> str:
    """Return what the plan takes, from nanoseconds a bar and combination and seconds a task."""
    cores = MACHINES * CORES
    work = RUNS * BARS * cell * 1e-9
    pieces = max(work / 0.5, SYMBOLS)
    hours = (work / cores + pieces * task) / 3600
    return (
        f"  {RUNS:,} backtests of {BARS:,} bars: {work / 3600:,.1f} hours of one core; on {MACHINES} "
        f"machines of {CORES} cores {hours:,.2f} hours, of which {pieces * task / 3600:.2f} to hand out "
        f"{pieces:,.0f} pieces; {SYMBOLS * BARS * _COLUMNS * 8 / 1e9:,.0f} GB of prices"
    )


def _nothing() -> int:
    return 0


if __name__ == "__main__":
    main()
