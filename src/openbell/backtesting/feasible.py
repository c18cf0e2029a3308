"""What of a sweep can be tried: values that a parameter takes, and windows that fit the bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from openbell.backtesting.grid import Check, Combinations
from openbell.backtesting.plan import Plan
from openbell.backtesting.reasons import Reasons
from openbell.core.errors import BadData
from openbell.data.bars import Series
from openbell.indicators.batch import lookback
from openbell.indicators.spec import Indicator
from openbell.strategies.registry import Found
from openbell.strategies.signal import Signal, changed_input


def checker(found: Found) -> Check:
    """Return what takes a value as the strategy's own, or refuses it."""
    form = found.form
    if not isinstance(form, Signal):
        owner, known = form.__name__, form.parameters
        return lambda name, value: known[name].checked(value, where=f"{owner}.{name}")

    def check(name: str, value: Any) -> Any:
        changed = form.with_parameters(**{name: value})
        return value if isinstance(value, Indicator) else changed.parameter_values()[name]

    return check


def check_bars(series: Sequence[Series]) -> None:
    """Refuse data of which nothing can be measured."""
    longest = max(series, key=len)
    if len(longest) < 2:
        raise BadData(
            f"{longest.symbol}: there is 1 bar, and a sweep measures from one to the next; "
            "widen the range of dates"
        )


def unready(found: Found, plan: Plan, combinations: Combinations, series: Sequence[Series]) -> Reasons:
    """Return the rows of which an indicator needs more bars than there are, and which.

    Raises:
        BadData: One that is not varied does.
    """
    if not isinstance(found.form, Signal):
        return Reasons(len(combinations))  # a class says in on_start what it needs: the run tells
    form, bars = found.form.with_parameters(**plan.parameters), max(map(len, series))
    for name, thing in form.inputs.items():
        why = _too_long(name, thing, bars)
        if why and name not in combinations.names:
            raise BadData(why)
    rows = Reasons(len(combinations))
    for at, name in enumerate(combinations.names):
        for code, value in enumerate(combinations.values[at]):
            changed = changed_input(form.inputs[name], value, where=f"{form.name}.{name}")
            why = _too_long(name, changed, bars)
            if why:
                rows.fill(np.flatnonzero(combinations.codes[:, at] == code), why)
    return rows


def _too_long(name: str, thing: Any, bars: int) -> str:
    """Return why an indicator has no value in so many bars; empty where it has, or that is not known."""
    if not isinstance(thing, Indicator) or thing.timeframe:
        return ""
    needed = lookback(thing) + 1
    if needed <= bars:
        return ""
    return (
        f"{name}: {thing.describe()} needs {needed:,} bars, and there are {bars:,}; "
        "widen the range of dates, or give shorter ones"
    )
