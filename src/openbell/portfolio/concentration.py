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


def capacity(shares: Floats, equity: Floats, *, most: float, covered: float = 0.95) -> float:
    """Return the equity from which on more orders than the rest would take too much of a bar's volume.

    What an order takes grows with the account: its share of the volume, over the equity that it was sized
    by. Infinite where nothing was taken.

    Args:
        shares: (n,) of a bar's volume that was traded in it.
        equity: (n,) the account's value then.
        most: The share of a bar's volume that is too much.
        covered: How many of the orders are to stay below it.
    """
    valid = np.isfinite(shares) & (equity > 0.0)
    if not valid.any():
        return math.inf
    per_money = float(np.quantile(shares[valid] / equity[valid], covered))
    return most / per_money if per_money > 0.0 else math.inf
