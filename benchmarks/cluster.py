"""Work beyond one machine: what Ray costs and scales, beside our own pool of processes on the same work.

`python -m benchmarks.cluster` prints what a task costs on each, the seconds of the same sweep in one process,
in a pool and on a Ray of this machine, what placing and fetching a symbol's prices takes, one symbol's share
of the plan (200 combinations over ten years of minute bars) as it really runs, and from these figures what a
million backtests over 5,000 symbols take on 100 machines. The figures of all ways are compared bit for bit
before any time is shown.
"""

from __future__ import annotations

import argparse
import logging
import resource
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np

import openbell as ob
from benchmarks.data import RECIPES, bars_of
from benchmarks.ours import series_of
from openbell import run
from openbell.backtesting.cluster import load_ray
from openbell.backtesting.grid import Combinations
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.backtesting.shared import share
from openbell.backtesting.worker import Work
from openbell.backtesting.workers import Task, Workers, pack
from openbell.core.errors import ConfigError
from openbell.data.bars import Series
from openbell.reporting.sweep import Sweep
from openbell.strategies.registry import Found

#: Empty tasks, and in how many batches, of which the quickest counts: other programs run here too.
TASKS, BATCHES = 4_000, 20
#: The plan: 5,000 symbols, ten years of minute bars, 200 combinations each, on 100 machines of 2 cores.
SYMBOLS, BARS, RUNS, MACHINES, CORES = 5_000, 10 * 252 * 390, 1_000_000, 100, 2
GRID = {"fast": list(range(3, 23)), "slow": list(range(30, 60, 2))}
#: 200 combinations: one symbol's share.
SHARE = {"fast": list(range(3, 23)), "slow": list(range(30, 130, 10))}
#: Seconds that a piece takes (`openbell.backtesting.cluster`), and bytes a second of a driver's wire.
PIECE, WIRE = 0.5, 1.25e9
_OPTIONS: dict[str, Any] = {"address": "local", "_node_ip_address": "127.0.0.1", "include_dashboard": False}


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


class Unit(NamedTuple):
    """One symbol's share of the plan, as it ran here on one core."""

    name: str
    combinations: int
    seconds: float
    memory: float  #: bytes, of the process at its largest


def timed(work: Callable[[], Any], *, clock: Callable[[], float] = time.perf_counter) -> tuple[float, Any]:
    """Return the seconds of a call by a clock, and what it returned."""
    before = clock()
    found = work()
    return clock() - before, found


def minutes(bars: int) -> Series:
    """Return minute bars of one symbol."""
    return series_of(bars_of("W1", bars), RECIPES["W1"].minutes)


# --- what a task costs -------------------------------------------------------------------------------------


def _refuse(_plan: Plan, _found: Found, _series: Sequence[Series]) -> Outcome:
    raise ConfigError("nothing is run")


def pool_task(count: int) -> float:
    """Return the seconds that an empty task takes in our own pool of so many processes."""
    plan, found, series = run.prepare(Cross, minutes(1_000))
    codes = np.zeros((1, 1), np.int32)
    source = Combinations(("fast",), ((5,),), codes)
    tasks = [Task(np.array([0]), source) for _ in range(TASKS // BATCHES)]
    with (
        share(series) as shipment,
        closing(Workers(pack(Work(_refuse, plan, found, shipment)), count)) as pool,
    ):
        list(pool.run(tasks[: 4 * count]))  # which starts them
        return min(timed(lambda: list(pool.run(tasks)))[0] for _ in range(BATCHES)) / len(tasks)


def ray_task(ray: Any, count: int) -> float:
    """Return the seconds that an empty task takes on Ray, with so many at a time."""
    empty = ray.remote(num_cpus=1)(_nothing)
    ray.get([empty.remote() for _ in range(100)])

    def work() -> None:
        out = [empty.remote() for _ in range(count)]
        for _ in range(TASKS // BATCHES - count):
            (ready, *_), out = ray.wait(out, num_returns=1)
            ray.get(ready)
            out.append(empty.remote())
        ray.get(out)

    return min(timed(work)[0] for _ in range(BATCHES)) / (TASKS // BATCHES)


def _nothing() -> int:
    return 0


# --- the same sweep in each way ----------------------------------------------------------------------------


def ways(strategy: Any, bars: int, *, rounds: int) -> list[Way]:
    """Run the sweep in every way, the best of some rounds each; Ray is connected already.

    Raises:
        RuntimeError: Two ways differ in a figure.
    """
    series = minutes(bars)
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
            found: Sweep = ob.sweep(strategy, series, each=False, **manner, **GRID)
            best[at] = min(best[at], time.perf_counter() - before)
            tables.append(found.results.values)
    if not all(np.array_equal(one, tables[0], equal_nan=True) for one in tables):
        raise RuntimeError("two ways differ in a figure")
    return [Way(name, seconds) for (name, _), seconds in zip(manners, best, strict=True)]


# --- one symbol's share of the plan ------------------------------------------------------------------------


def unit(strategy: Any, series: Series, *, rounds: int) -> Unit:
    """Run one symbol's share on one core; of a class one combination, which its whole share is made of.

    The seconds are the process's own, whatever else the machine does.
    """
    kind = "event" if isinstance(strategy, type) else "compiled"
    grid = SHARE if kind == "compiled" else {"fast": [10], "slow": [50]}
    best = float("inf")
    for _ in range(rounds):
        seconds, found = timed(
            lambda: ob.sweep(strategy, series, each=False, engine=kind, workers=1, **grid),
            clock=time.process_time,
        )
        best = min(best, seconds)
    return Unit(kind, found.trials, best, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0)


def fetch(ray_free: Any, series: Series) -> tuple[float, float, float]:
    """Return bytes of a symbol's prices in the store, and seconds to place and to fetch them from a node."""
    from ray.cluster_utils import Cluster as Nodes

    size = sum(
        getattr(series, name).nbytes for name in ("start", "known", "open", "high", "low", "close", "volume")
    )
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1, resources={"other": 1})
    ray_free.init(address=nodes.address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        look = ray_free.remote(num_cpus=1, resources={"other": 0.01})(_look)
        ray_free.get(look.remote([ray_free.put(np.ones(8))]))  # which starts the worker
        placed = [timed(lambda: ray_free.put((series,))) for _ in range(5)]
        fetched = [float(ray_free.get(look.remote([stored]))) for _, stored in placed]
        return float(size), min(seconds for seconds, _ in placed), min(fetched)
    finally:
        ray_free.shutdown()
        nodes.shutdown()  # type: ignore[no-untyped-call]  # Ray's


def _look(stored: Sequence[Any]) -> float:
    """Return the seconds that it takes to have what is stored elsewhere."""
    import ray

    return timed(lambda: ray.get(stored[0]))[0]


def plan_of(one: Unit, size: float, task: float, moved: tuple[float, float]) -> str:
    """Return what the whole plan takes, from one symbol's share.

    Args:
        one: The share, or a part of it.
        size: Bytes of a symbol's prices.
        task: Seconds that an empty task takes.
        moved: Seconds to place a symbol's prices in the store, and to fetch them from another node.
    """
    place, fetched = moved
    share_seconds = one.seconds * (RUNS / SYMBOLS / one.combinations)
    each = min(max(share_seconds / PIECE, 1.0), RUNS / SYMBOLS)  # a piece has one combination or more
    pieces, holders = SYMBOLS * each, min(each, MACHINES)
    work = SYMBOLS * (share_seconds + holders * fetched) / (MACHINES * CORES)
    apart = SYMBOLS * size * holders
    hours, wire = SYMBOLS * share_seconds / 3600, apart / WIRE / 60
    lines = (
        f"{one.name}: {share_seconds:,.1f} s of a core a symbol, {hours:,.1f} core hours in all",
        f"  computing on {MACHINES} machines of {CORES} cores: {work / 60:,.1f} minutes",
        f"  handing out {pieces:,.0f} pieces: {pieces * task / 60:,.1f} minutes of one driver",
        f"  placing {SYMBOLS * size / 1e9:,.0f} GB: {SYMBOLS * place / 60:,.1f} minutes of one driver",
        f"  a symbol goes to {holders:,.0f} machines at most: {apart / 1e12:,.2f} TB over the network",
        f"  which takes {wire:,.0f} minutes from one driver at 10 Gbit/s",
        f"  a machine's store holds {CORES * size / 1e6:,.0f} MB, a worker {one.memory / 1e6:,.0f} MB",
    )
    return "\n".join(f"  {line}" for line in lines)


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", default="tasks,ways,share", help="what is measured")
    given = parser.parse_args()
    parts = given.parts.split(",")
    ray = load_ray()
    pool = [pool_task(count) for count in (1, CORES)] if "tasks" in parts else []
    start, _ = timed(
        lambda: ray.init(num_cpus=CORES, log_to_driver=False, logging_level=logging.ERROR, **_OPTIONS)
    )
    there = [ray_task(ray, count) for count in (1, CORES)]
    print(f"Ray starts in {start:.1f} s on this machine")
    for count, mine, its in zip((1, CORES), pool, there, strict=False):
        print(f"an empty task, {count} at a time: own pool {mine * 1e3:.2f} ms, Ray {its * 1e3:.2f} ms")
    for strategy in (Cross, "sma_cross") if "ways" in parts else ():
        found = ways(strategy, given.bars, rounds=given.rounds)
        name = strategy if isinstance(strategy, str) else "a class"
        print(f"\n{name}, {given.bars:,} bars × {len(GRID['fast']) * len(GRID['slow'])} combinations")
        for way in found:
            print(f"  {way.name:28} {way.seconds:7.2f} s   {found[0].seconds / way.seconds:5.2f} ×")
    ray.shutdown()
    if "share" in parts:
        tell_plan(ray, there[1], rounds=given.rounds)


def tell_plan(ray: Any, task: float, *, rounds: int) -> None:
    """Measure one symbol's share of the plan, and print what the whole takes."""
    series = minutes(BARS)
    size, place, fetched = fetch(ray, series)
    print(
        f"\na symbol of {BARS:,} minute bars: {size / 1e6:,.0f} MB, placed in the store in {place:.2f} s, "
        f"fetched by another node of this machine in {fetched:.2f} s"
    )
    print(f"\n{RUNS:,} backtests: {SYMBOLS:,} symbols × {RUNS // SYMBOLS} combinations × {BARS:,} bars")
    for strategy in ("sma_cross", Cross):
        one = unit(strategy, series, rounds=rounds)
        print(
            f"  measured: {one.combinations} combinations over one symbol in {one.seconds:.2f} s on one core"
        )
        print(plan_of(one, size, task, (place, fetched)))


if __name__ == "__main__":
    main()
