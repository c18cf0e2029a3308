"""One limit as a check: what it measures of an order, its bound, and the words of a refusal."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from openbell.core.orders import Order
from openbell.core.types import Reason
from openbell.execution.risk.trial import Trial

Measure = Callable[[Trial], float]


class Check(NamedTuple):
    """One limit: what it measures of an order, and the most that it may be.

    `before` is the same without the order: where it was above the bound and the order makes it no worse, it
    passes.
    """

    limit: Reason
    measure: Measure
    bound: float
    label: str
    unit: str = "number"
    before: Measure | None = None
    live: bool = False  #: whether it passes wherever conditions are quiet


_UNITS: dict[str, Callable[[float], str]] = {
    "number": lambda value: f"{value:,.10g}",
    "money": lambda value: f"{value:,.2f}",
    "share": lambda value: f"{value:.2%}",
    "times": lambda value: f"{value:,.2f}",
}


def shown(check: Check, value: float) -> str:
    """Return a value of a check in its unit: nothing for one that is true or not."""
    return "" if check.unit == "flag" else _UNITS[check.unit](value)


def said(check: Check, value: float, order: Order) -> str:
    """Return why an order is refused: which limit, its value and its bound."""
    if check.unit == "flag":
        return f"{order.symbol}: {check.label}"
    most = f"and the most is {shown(check, check.bound)}"
    if math.isnan(value):
        return f"{order.symbol}: {check.label} is not known yet, {most}"
    return f"{order.symbol}: {shown(check, value)} {check.label}, {most}"
