"""What a run's holdout was, in words: bars that it did not see, or what came out where it saw them."""

from __future__ import annotations

import numpy as np

from openbell.backtesting.plan import Plan
from openbell.data.bars import parse_date
from openbell.portfolio import metrics
from openbell.reporting.result import Result
from openbell.reporting.words import count, shown


def describe_holdout(result: Result) -> str:
    """Return what a run saw of its holdout; nothing where it has none."""
    plan = result.plan
    if plan.holdout is None or not plan.unlock_holdout:
        return withheld(plan)
    return f"holdout from {plan.holdout} on opened, which works once: {describe_opening(result)}"


def withheld(plan: Plan) -> str:
    """Return which bars nothing has seen; nothing where there are none."""
    return (
        ""
        if plan.holdout is None or plan.unlock_holdout
        else f"held out: no bar from {plan.holdout} on was seen"
    )


def describe_opening(result: Result) -> str:
    """Return what came out in the holdout that a run saw: return, Sharpe ratio, and how long it is."""
    since = parse_date(result.plan.holdout, where="holdout") or 0
    first = max(int(np.searchsorted(result.daily_times, since, side="right")) - 1, 0)
    curve = result.daily_equity[first:]
    ratio = metrics.sharpe(metrics.simple_returns(curve), periods_per_year=result.periods_per_year)
    gained = shown("total_return", metrics.total_return(curve))
    sessions = count(len(curve) - 1, "session")
    return f"return {gained}, Sharpe ratio {shown('sharpe', ratio)}, over {sessions}"
