"""Thousands of other courses that a run could have taken: blocks of returns, trades in other orders.

Each draw has a generator of its own, seeded by the draw's number, so that figures are the same however many
threads share the draws. The generator is SplitMix64 (Steele, Lea and Flood, 2014, Fast Splittable
Pseudorandom Number Generators).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np

from openbell.backtesting.workers import processors
from openbell.core.errors import ConfigError
from openbell.data.bars import Floats

F = TypeVar("F", bound=Callable[..., Any])

#: What is measured of each draw, in the order of the columns.
FIGURES = ("total_return", "cagr", "volatility", "sharpe", "sortino", "max_drawdown", "calmar")
#: The columns after them: the least that the curve came to, as a share of its beginning.
LOWEST = len(FIGURES)
_WIDTH = LOWEST + 1
_MOST_POINTS = 120

_STEP, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_PARTS = 2.0**-53


def _njit(function: F) -> F:
    """Compile a function, and keep the machine code for the next process."""
    made: F = numba.njit(nogil=True, cache=True)(function)
    return made


class Draws(NamedTuple):
    """What came of the draws."""

    figures: Floats  #: (draws, figures and the lowest value)
    curves: Floats  #: (draws, points) growth of 1 at the points
    points: Floats  #: (points,) how many periods have passed at each


def redraw_returns(
    returns: Floats, *, draws: int, length: float, years: float, periods_per_year: float, seed: int = 0
) -> Draws:
    """Draw returns, (n,), anew in blocks by the stationary bootstrap, and measure each course.

    Politis and Romano (1994): a block begins anywhere, goes round the end, and has a geometric length of the
    mean `length`; 1 draws each return by itself. The figures are defined as in `openbell.portfolio`.
    """
    count = len(returns)
    points = _points(count)

    def run(first: int, last: int, figures: Floats, curves: Floats) -> None:
        _redraw(
            returns,
            first,
            last,
            1.0 / length,
            np.uint64(seed),
            points,
            years,
            periods_per_year,
            figures,
            curves,
        )

    return _shared(run, draws, points)


def reorder_trades(gains: Floats, *, draws: int, drop: float = 0.0, seed: int = 0) -> Draws:
    """Let trades follow each other in other orders, each left out with the probability `drop`.

    Args:
        gains: (n,) what each trade did to the account, as a share of what it was worth before.
        draws: How many orders.
        drop: The probability.
        seed: Of the orders.

    Returns:
        Figures that need a calendar are NaN; fall and lowest value are of the account after each trade.
    """
    points = _points(len(gains))

    def run(first: int, last: int, figures: Floats, curves: Floats) -> None:
        _reorder(gains, first, last, drop, np.uint64(seed), points, figures, curves)

    return _shared(run, draws, points)


def leave_each_out(returns: Floats, *, years: float, periods_per_year: float) -> Floats:
    """(n, figures) the figures without each return in turn: what the jackknife is made of."""
    count = len(returns)
    found = np.empty((count, _WIDTH))
    _leave_out(returns, years * (count - 1) / count, periods_per_year, found)
    return found[:, :LOWEST]


def measure(returns: Floats, *, years: float, periods_per_year: float) -> Floats:
    """(figures,) of the returns in their own order."""
    found = np.empty(_WIDTH)
    _measure(returns, len(returns), -1, years, periods_per_year, found)
    return found[:LOWEST]


def _points(count: int) -> Floats:
    """Return after how many periods curves are looked at: at the beginning, at the end, and in between."""
    return np.unique(np.linspace(0, count, min(count, _MOST_POINTS) + 1).round())


def _shared(run: Callable[[int, int, Floats, Floats], None], draws: int, points: Floats) -> Draws:
    """Share draws over the processors."""
    if draws < 1:
        raise ConfigError(f"draws={draws} must be 1 or more")
    figures, curves = np.empty((draws, _WIDTH)), np.empty((draws, len(points)))
    threads = min(processors(), draws)
    if threads == 1:
        run(0, draws, figures, curves)
        return Draws(figures, curves, points)
    bounds = np.linspace(0, draws, threads + 1).round().astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(run, a, b, figures, curves) for a, b in pairwise(bounds)]
        for job in jobs:
            job.result()
    return Draws(figures, curves, points)


@_njit
def _mixed(state: np.uint64) -> np.uint64:
    z = (state ^ (state >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@_njit
def _share_of(state: np.uint64) -> float:
    return float(_mixed(state) >> np.uint64(11)) * _PARTS


@_njit
def _judge(  # noqa: PLR0913  # compiled code takes plain values
    value: float, total: float, squares: float, below: float, fall: float, count: int, years: float,
    periods: float, found: Floats,
) -> None:  # fmt: skip
    """Write the figures of sums: of returns less their mean, of their squares, of squares below zero."""
    mean = total / count
    spread = (squares - total * total / count) / (count - 1) if count > 1 else np.nan
    deviation = np.sqrt(max(spread, 0.0))
    root = np.sqrt(periods)
    found[0] = value - 1.0
    found[1] = (
        value ** (1.0 / years) - 1.0 if value > 0.0 and years > 0.0 else (-1.0 if value <= 0.0 else np.nan)
    )
    found[2] = deviation * root
    found[3] = mean / deviation * root if deviation > 0.0 else np.nan
    downside = np.sqrt(below / count)
    found[4] = mean / downside * root if downside > 0.0 else np.nan
    found[5] = fall
    found[6] = found[1] / -fall if fall < 0.0 else np.nan


@_njit
def _measure(returns: Floats, count: int, without: int, years: float, periods: float, found: Floats) -> None:
    value = peak = lowest = 1.0
    fall = total = squares = below = 0.0
    used = 0
    for at in range(count):
        if at == without:
            continue
        r = returns[at]
        used += 1
        value *= 1.0 + r
        peak = max(peak, value)
        fall = min(fall, value / peak - 1.0)
        lowest = min(lowest, value)
        total += r
        squares += r * r
        if r < 0.0:
            below += r * r
    _judge(value, total, squares, below, fall, used, years, periods, found)
    found[LOWEST] = lowest


@_njit
def _leave_out(returns: Floats, years: float, periods: float, found: Floats) -> None:
    for without in range(len(returns)):
        _measure(returns, len(returns), without, years, periods, found[without])


@_njit
def _redraw(  # noqa: PLR0913  # compiled code takes plain values
    returns: Floats, first: int, last: int, ends: float, seed: np.uint64, points: Floats, years: float,
    periods: float, figures: Floats, curves: Floats,
) -> None:  # fmt: skip
    count = len(returns)
    for draw in range(first, last):
        state = _mixed(seed * _STEP + np.uint64(draw) + _STEP)
        value = peak = lowest = 1.0
        fall = total = squares = below = 0.0
        at = -1
        mark = 0
        for passed in range(count):
            if passed == points[mark]:
                curves[draw, mark] = value
                mark += 1
            state += _STEP
            if at < 0 or _share_of(state) < ends:
                state += _STEP
                at = int(_share_of(state) * count)
            else:
                at = at + 1 if at + 1 < count else 0
            r = returns[at]
            value *= 1.0 + r
            peak = max(peak, value)
            fall = min(fall, value / peak - 1.0)
            lowest = min(lowest, value)
            total += r
            squares += r * r
            if r < 0.0:
                below += r * r
        curves[draw, mark] = value
        _judge(value, total, squares, below, fall, count, years, periods, figures[draw])
        figures[draw, LOWEST] = lowest


@_njit
def _reorder(
    gains: Floats, first: int, last: int, drop: float, seed: np.uint64, points: Floats, figures: Floats,
    curves: Floats,
) -> None:  # fmt: skip
    count = len(gains)
    order = np.empty(count, np.int64)
    for draw in range(first, last):
        state = _mixed(seed * _STEP + np.uint64(draw) + _STEP)
        for at in range(count):
            order[at] = at
        value = peak = lowest = 1.0
        fall = 0.0
        mark = 0
        for passed in range(count):
            if passed == points[mark]:
                curves[draw, mark] = value
                mark += 1
            state += _STEP
            other = passed + int(_share_of(state) * (count - passed))
            order[passed], order[other] = order[other], order[passed]
            state += _STEP
            if drop > 0.0 and _share_of(state) < drop:
                continue
            value *= 1.0 + gains[order[passed]]
            peak = max(peak, value)
            fall = min(fall, value / peak - 1.0)
            lowest = min(lowest, value)
        curves[draw, mark] = value
        figures[draw, :] = np.nan
        figures[draw, 0] = value - 1.0
        figures[draw, 5] = fall
        figures[draw, LOWEST] = lowest
