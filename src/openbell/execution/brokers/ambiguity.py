"""Bars that touch a stop and its target: which came first cannot be seen in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from openbell.execution.brokers.working import Working

#: Finer bars of a symbol within [start, known): (open, high, low) of each, in order.
Detail = Callable[[str, int, int], Iterable[tuple[float, float, float]]]


class Ambiguity(NamedTuple):
    """A bar that touched a stop and its target: `taken` is the price that was booked, before slippage."""

    symbol: str
    time: int
    quantity: float
    taken: float
    better: float
    resolved: bool  #: finer bars decided, so this is no guess

    @property
    def difference(self) -> float:
        """Return what the better reading would have added, before fees."""
        return 0.0 if self.resolved else abs(self.better - self.taken) * self.quantity


def first_touched(
    stop: Working, target: Working, bars: Iterable[tuple[float, float, float]]
) -> tuple[Working, float] | None:
    """Return which of two orders finer bars reach first, and at what price; None when they do not tell."""
    for open_, high, low in bars:
        if stop.stopped_at_open(open_):
            price = stop.price_at_open(open_)
            return None if math.isnan(price) else (stop, price)  # beyond a stop-limit's limit: nobody knows
        price = target.price_at_open(open_)
        if not math.isnan(price):
            return target, price
        touched = [
            (working, price)
            for working in (stop, target)
            if not math.isnan(price := working.price_inside(open_, high, low))
        ]
        if touched:
            return touched[0] if len(touched) == 1 else None
    return None
