"""The bars of every workload, made by one seeded generator: nothing is downloaded and nothing is stored.

The generator is numpy's PCG64, whose stream is the same on every machine: so are the reference figures.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

MINUTE = 60_000_000_000  #: ns
FEE = 0.001  #: of a fill's value, each way
CASH = 10_000_000.0
SIZE = 100.0  #: shares an entry in W1, W3, W4, W7
FAST, SLOW = 10, 30
TIE = 5e-8  #: averages nearer than this are equal: prices are cents, and float noise is some 1e-9
STOP, TARGET = 0.02, 0.04  #: W4's bracket, as shares of the close that was decided on

TOP, LOOKBACK, INVEST = 50, 126, 0.98  #: W2 and W6: how many are held, ranked by which return, how much
DAYS = 2520
SYMBOLS = 500
LAST_SESSION = "2013-03-01"

_STEPS = 8  #: inside a bar
_GAP = 0.25  #: from a close to the next open, as a share of a bar's volatility
_EPOCH = np.datetime64("2015-01-01", "ns").astype(np.int64)


class Recipe(NamedTuple):
    """How one symbol's bars are made."""

    bars: int
    seed: int
    volatility: float  #: of a bar
    minutes: int  #: a bar lasts


RECIPES = {
    "W1": Recipe(1_000_000, 101, 0.0005, 1),
    "W3": Recipe(100_000, 303, 0.0010, 5),
    "W4": Recipe(200_000, 404, 0.0025, 15),
}
_ROTATION_SEED = 202


class Bars(NamedTuple):
    """Columns of one symbol, (n,), or of many, (n, symbols). Prices are whole cents."""

    start: Times  #: ns UTC
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Market(NamedTuple):
    """Daily bars of many symbols, and which sessions are the last of their month."""

    bars: Bars
    known: Times  #: (n,) ns UTC, when a session has closed
    month_end: NDArray[np.bool_]


def make_bars(count: int, seed: int, volatility: float, *, begin: float = 100.0, drift: float = 0.0) -> Bars:
    """Make a geometric random walk of `count` bars, several steps a bar, rounded to cents.

    A bar opens a little off the close before it, so that a fill at the wrong one of the two shows in the
    money. Fewer bars of a seed have the prices that more bars begin with.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    steps = generator.standard_normal((count, _STEPS + 1))
    steps[:, 0] *= volatility * _GAP
    steps[:, 1:] *= volatility / np.sqrt(_STEPS)
    steps += drift / (_STEPS + 1)
    walk = np.cumsum(steps.ravel(), out=steps.ravel()).reshape(count, _STEPS + 1)
    np.exp(walk, out=walk)
    walk *= begin * 100.0
    np.round(walk, out=walk)
    prices = np.maximum(walk, 1.0, out=walk) / 100.0
    volume: Floats = np.round(np.exp(generator.normal(11.0, 0.7, count))).astype(np.float64, copy=False)
    return Bars(
        np.zeros(count, dtype=np.int64),
        prices[:, 0].copy(),
        prices.max(axis=1),
        prices.min(axis=1),
        prices[:, -1].copy(),
        volume,
    )


def bars_of(workload: str, count: int = 0) -> Bars:
    """Return a workload's bars, or as many of them as `count` says; every minute of the week has some."""
    recipe = RECIPES[workload]
    count = count or recipe.bars
    made = make_bars(count, recipe.seed, recipe.volatility)
    times = _EPOCH + np.arange(count, dtype=np.int64) * (recipe.minutes * MINUTE)
    return made._replace(start=times)


def market_of(symbols: int = SYMBOLS, days: int = DAYS) -> Market:
    """Return daily bars of many symbols, each a walk of its own."""
    generator = np.random.Generator(np.random.PCG64(_ROTATION_SEED))
    columns = np.empty((5, days, symbols))
    for j in range(symbols):
        volatility, begin = generator.uniform(0.01, 0.03), generator.uniform(20.0, 200.0)
        drift = generator.uniform(-0.0002, 0.0006)
        one = make_bars(days, _ROTATION_SEED * 1000 + j, volatility, begin=begin, drift=drift)
        columns[:, :, j] = one[1:]
    columns[4] *= 100.0
    dates, start, known = _sessions(days)
    month = dates.astype("datetime64[M]")
    month_end = np.append(month[1:] != month[:-1], False)
    return Market(Bars(start, *columns), known, month_end)


def _sessions(days: int) -> tuple[NDArray[np.datetime64], Times, Times]:
    """Return the dates, opens and closes of the exchange's last sessions up to a day."""
    from openbell.data.calendar import sessions

    last = int(np.datetime64(LAST_SESSION, "ns").astype(np.int64))
    table = sessions("XNYS", last - int(days * 1.6) * 1440 * MINUTE, last)
    end = int(np.searchsorted(table.dates, np.datetime64(LAST_SESSION, "D").astype(np.int64), side="right"))
    rows = slice(end - days, end)
    return table.dates[rows].astype("datetime64[D]"), table.opens[rows], table.closes[rows]


def grid_of(count: int) -> tuple[list[int], list[int]]:
    """Return W3's fast and slow windows, whose product has `count` combinations."""
    grids = {
        20: (range(5, 81, 25), range(110, 311, 50)),
        100: (range(5, 105, 10), range(110, 360, 25)),
        1_000: (range(5, 105, 5), range(110, 360, 5)),
        10_000: (range(5, 105), range(110, 310, 2)),
    }
    fast, slow = grids[count]
    return list(fast), list(slow)


def span_of(count: int) -> tuple[list[int], list[int]]:
    """Return windows over the same span, from 5 to 104 and from 110 to 1,109, whatever `count` is."""
    fast, slow = {10: (2, 5), 100: (10, 10), 1_000: (20, 50), 10_000: (50, 200), 100_000: (100, 1_000)}[count]
    return list(range(5, 105, 100 // fast)), list(range(110, 1_110, 1_000 // slow))


def exits_of(count: int) -> tuple[list[float], list[float], list[float]]:
    """Return W7's stops, targets and trailing stops, as shares of a price."""
    steps = {8: 2, 1_000: 10}[count]
    numbers = range(1, steps + 1)
    return [0.002 * k for k in numbers], [0.003 * k for k in numbers], [0.0025 * k for k in numbers]
