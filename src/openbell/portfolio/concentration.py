"""How much of a profit hangs on little: one trade, one symbol, one year; and how much trading takes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from openbell.portfolio.rolling import monthly_returns

Floats = NDArray[np.float64]
Name = TypeVar("Name")


class Largest(NamedTuple, Generic[Name]):
    """The part that makes the most of a profit."""

    name: Name
    amount: float
    share: float  #: of the whole; above 1 where the other parts lose together


def largest_of(parts: Sequence[tuple[Name, float]]) -> Largest[Name] | None:
    """Return the part with the most; None where the whole is no profit, or has one part alone."""
    total = math.fsum(amount for _, amount in parts)
    if len(parts) < 2 or not total > 0.0:
        return None
    name, amount = max(parts, key=itemgetter(1))
    return Largest(name, amount, amount / total)


def growth_of_years(equity: Floats, times: NDArray[np.int64]) -> dict[int, float]:
    """Return the logarithm of each calendar year's growth: those of all years add up to that of the whole.

    Args:
        equity: (n,) the account's value.
        times: (n,) ns UTC.
    """
    years: dict[int, float] = {}
    for year, _, change in monthly_returns(equity, times):
        years[year] = years.get(year, 0.0) + (math.log1p(change) if change > -1.0 else -math.inf)
    return years


def cost_share(profit: float, costs: float) -> float:
    """Return costs as a share of the profit before them; NaN where there was none to eat."""
    before = profit + costs
    return costs / before if before > 0.0 else math.nan


def capacity(shares: Floats, *, most: float, covered: float = 0.95) -> float:
    """Return how many times as large an account may be before it takes too much of the volume it trades in.

    What its orders take grows with it. Infinite where nothing was taken.

    Args:
        shares: (n,) of the volume of each bar that was traded in; NaN where there was none.
        most: The share of a bar's volume that is too much.
        covered: How many of the bars are to stay below it.
    """
    known = shares[np.isfinite(shares)]
    taken = float(np.quantile(known, covered)) if len(known) else 0.0
    return most / taken if taken > 0.0 else math.inf
