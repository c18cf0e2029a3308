"""`python -m benchmarks.research`: how long the statistics take that doubt a result, and a walk-forward.

Each is measured in turns with what the machine allows: the same work written out by hand in plain numpy, or
compiled, with nothing general in it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import openbell as ob
from benchmarks import limits_compiled, page
from benchmarks.data import TIE
from benchmarks.measure import machine
from openbell import run
from openbell.backtesting.windows import Scheme
from openbell.data.bars import Series
from openbell.portfolio.bootstrap import stationary_rows
from openbell.portfolio.overfitting import overfitting_probability

RESULTS = Path(__file__).resolve().parent / "research.json"
DAYS, PARTS = 2_520, 16
ROUNDS = 5
_YEAR = 252.0
_SAMPLE = 40  #: splits and draws that a slow way is measured on; the rest takes as long each

Floats = NDArray[np.float64]


class Size(NamedTuple):
    """How much work there is."""

    draws: int = 10_000
    trials: int = 1_000
    windows: int = 20
    fast: int = 25  #: values of each parameter of the walk-forward
    slow: int = 40


QUICK = Size(draws=500, trials=50, windows=4, fast=3, slow=4)


class Goal(NamedTuple):
    """A time to stay below."""

    name: str
    what: str
    most: float  #: seconds


GOALS = (
    Goal(
        "bootstrap",
        "{draws:,} bootstrap replications of {days:,} days, all headline figures with intervals",
        1.0,
    ),
    Goal("cscv", "CSCV with {parts} blocks × {trials:,} trials × {days:,} days", 5.0),
    Goal("walk", "walk-forward of {windows} windows × {combinations:,} combinations × {days:,} bars", 2.0),
)


@ob.signal(fast=ob.SMA(10), slow=ob.SMA(30))
def cross(fast: float, slow: float) -> float:
    """Long while the fast average is above the slow one."""
    return 1.0 if fast > slow else 0.0


def bars() -> Series:
    """Return the last ten years of a bundled symbol."""
    (series,) = run.load("AAPL")
    return series.between(int(series.start[-DAYS]), None)


class Work(NamedTuple):
    """What is timed, and by how much a time has to be multiplied where less than all of it is done."""

    run: Callable[[], Any]
    times: float = 1.0


def works(size: Size) -> dict[str, Work]:
    """Return all that is measured by name: a goal's, and after a dot what it is compared with."""
    series = bars()
    result = ob.backtest(cross, [series])
    daily = np.diff(result.daily_equity) / result.daily_equity[:-1]
    returns = np.random.default_rng(0).normal(0.0, 0.01, (DAYS, size.trials))
    train, test = 520, (DAYS - 520) // size.windows
    fast, slow = range(2, 2 + size.fast), range(30, 30 + size.slow)
    windows = Scheme(train, test).windows(series.known)[: size.windows]
    splits = len(list(combinations(range(PARTS), PARTS // 2)))
    return {
        "bootstrap": Work(lambda: ob.montecarlo(result, draws=size.draws).intervals),
        "bootstrap.numpy": Work(partial(bootstrap_by_hand, daily, _SAMPLE), size.draws / _SAMPLE),
        "cscv": Work(partial(overfitting_probability, returns, parts=PARTS)),
        "cscv.split by split": Work(partial(cscv_by_hand, returns, _SAMPLE), splits / _SAMPLE),
        "cscv.ratios alone": Work(partial(ratios_by_hand, returns)),
        "walk": Work(partial(ob.walkforward, cross, [series], train=train, test=test, fast=fast, slow=slow)),
        "walk.compiled by hand": Work(
            partial(walk_by_hand, series, [(w.begin, w.end) for w in windows], fast, slow)
        ),
    }


# --- by hand -------------------------------------------------------------------------------------------


def bootstrap_by_hand(returns: Floats, draws: int) -> Floats:
    """Draw blocks with numpy and measure what the curve's headline figures are."""
    rows = np.array(list(stationary_rows(len(returns), 5.0, draws, seed=0)))
    drawn = returns[rows]
    curves = np.cumprod(1.0 + drawn, axis=1)
    peaks = np.maximum.accumulate(np.maximum(curves, 1.0), axis=1)
    falls = (curves / peaks - 1.0).min(axis=1)
    growth = curves[:, -1] ** (_YEAR / len(returns)) - 1.0
    mean, deviation = drawn.mean(axis=1), drawn.std(axis=1, ddof=1)
    downside = np.sqrt((np.minimum(drawn, 0.0) ** 2).mean(axis=1))
    sharpe, sortino = (np.divide(mean, one) * _YEAR**0.5 for one in (deviation, downside))
    return np.array([curves[:, -1] - 1.0, growth, deviation, sharpe, sortino, falls, growth / -falls])


def cscv_by_hand(returns: Floats, count: int) -> list[float]:
    """Take splits one by one, as the paper's text does."""
    pieces = np.array_split(np.arange(len(returns)), PARTS)
    found = []
    for number, chosen in enumerate(combinations(range(PARTS), PARTS // 2)):
        if number == count:
            break
        halves = []
        for part in (chosen, [k for k in range(PARTS) if k not in chosen]):
            half = returns[np.concatenate([pieces[k] for k in part])]
            halves.append(half.mean(axis=0) / half.std(axis=0, ddof=1))
        best = halves[0].argmax()
        found.append(float((halves[1] < halves[1][best]).mean()))
    return found


def ratios_by_hand(returns: Floats) -> Floats:
    """Work out the Sharpe ratios of all splits from the parts' sums, and nothing else."""
    blocks = returns[: len(returns) // PARTS * PARTS].reshape(PARTS, -1, returns.shape[1])
    chosen = np.array(list(combinations(range(PARTS), PARTS // 2)))
    mask = np.zeros((len(chosen), PARTS))
    np.put_along_axis(mask, chosen, 1.0, axis=1)
    count = PARTS // 2 * blocks.shape[1]
    mean = mask @ blocks.sum(axis=1) / count
    ratios: Floats = mean / np.sqrt((mask @ (blocks**2).sum(axis=1) - count * mean**2) / (count - 1))
    return ratios


def walk_by_hand(
    series: Series, windows: Sequence[tuple[int, int]], fast: Sequence[int], slow: Sequence[int]
) -> float:
    """Measure each combination over each window in one compiled loop, without orders, costs or a choice."""
    best = 0.0
    for begin, end in windows:
        opens, closes = series.open[begin:end], series.close[begin:end]
        for quick in fast:
            for lazy in slow:
                best = max(best, limits_compiled.cross_marked(opens, closes, quick, lazy, -TIE)[1])
    return best


# --- measuring -----------------------------------------------------------------------------------------


def measure(size: Size, *, rounds: int) -> dict[str, dict[str, Any]]:
    """Measure all in turns; the first round, which compiles or loads, counts by itself."""
    found: dict[str, dict[str, Any]] = {}
    for name, work in works(size).items():
        found[name] = {"first": _clock(work)[0], "seconds": [], "cpu": []}
    for _ in range(rounds):
        for name, work in works(size).items():
            seconds, processor = _clock(work)
            found[name]["seconds"].append(seconds)
            found[name]["cpu"].append(processor)
    return found


def _clock(work: Work) -> tuple[float, float]:
    """Return the seconds that work takes, of the clock and of all processors together."""
    wall, processor = time.perf_counter(), time.process_time()
    work.run()
    took = time.perf_counter() - wall, time.process_time() - processor
    return took[0] * work.times, took[1] * work.times


def section(results: dict[str, Any]) -> str:
    """Return the part of BENCHMARKS.md that these figures are."""
    found, size, about = results["figures"], results["size"], results["machine"]
    told = {**size, "days": DAYS, "parts": PARTS, "combinations": size["fast"] * size["slow"]}
    rows, others = [], []
    for goal in GOALS:
        best = min(found[goal.name]["seconds"])
        rows.append([
            goal.what.format(**told), f"**{page.number(best)}** s", f"≤ {goal.most:g} s",
            "yes" if best <= goal.most else "**no**", f"{page.number(min(found[goal.name]['cpu']))} s",
            f"{page.number(found[goal.name]['first'])} s",
        ])  # fmt: skip
        for name in [name for name in found if name.startswith(f"{goal.name}.")]:
            seconds = min(found[name]["seconds"])
            others.append([
                name.replace(".", ": "), f"{page.number(seconds)} s",
                f"{page.number(min(found[name]['cpu']))} s", f"{page.number(seconds / best)} ×",
            ])  # fmt: skip
    return (
        f"Measured {results['date']} on {about['processor']}, {about['cores']} cores, the best of "
        f"{results['rounds']} in turns; load average {results['load']:.2f}.\n\n"
        f"{page.table(['', 'reached', 'goal', 'met', 'of processors', 'first run of a process'], rows)}\n\n"
        f"{page.table(['written by hand', 'takes', 'of processors', 'of ours'], others)}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all, and put the table into BENCHMARKS.md; with `--quick` small sizes, and nothing is kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.research", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is kept")
    given = parser.parse_args(arguments)
    size, rounds = (QUICK, 1) if given.quick else (Size(), ROUNDS)
    results = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "size": size._asdict(),
        "rounds": rounds,
        "figures": measure(size, rounds=rounds),
        "load": os.getloadavg()[0],
    }
    text = section(results)
    print(text)
    if not given.quick:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        page.rewrite({"research": text})
    return 0


if __name__ == "__main__":
    sys.exit(main())
