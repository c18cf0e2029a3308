"""What a backtest returns: figures, tables, pictures, and a report."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from openbell.backtesting.ledger import ledger_hash
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.core.types import Reason
from openbell.data.bars import Floats, Times
from openbell.data.calendar import sessions, sessions_per_year
from openbell.portfolio.summary import DESCRIPTIONS, summarise, summarise_activity, summarise_trades
from openbell.strategies.registry import Found


class Result:
    """A finished backtest. Statistics are made of one value a session, annualised by the exchange's calendar."""

    def __init__(self, plan: Plan, found: Found, outcome: Outcome, benchmark: Floats) -> None:
        self.plan = plan
        self.found = found
        self.outcome = outcome
        self.benchmark_curve = benchmark  #: (moments,) the benchmark's value, from the same cash

    @cached_property
    def periods_per_year(self) -> float:
        """Sessions a year, by the exchange's calendar."""
        times = self.outcome.times
        span = int(times[0]), int(times[-1])
        return sessions_per_year(sessions(self.outcome.panel.sessions.calendar, *span), *span)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Every metric by its name; NaN where it is undefined. `docs/reference/metrics.md` has the formulas."""
        outcome = self.outcome
        daily = outcome.daily
        curve, times = self.daily_equity, outcome.times[daily]
        closed = [trade for trade in outcome.trades if not trade.is_open]
        slippage = [fill.slippage * fill.quantity for fill in outcome.fills]
        held = [-entry.amount for entry in outcome.entries if entry.kind.value in ("borrow", "interest")]
        return {
            **summarise(
                curve, times, periods_per_year=self.periods_per_year, benchmark=self.benchmark_curve[daily]
            ),
            **summarise_trades(
                np.array([trade.pnl for trade in closed]),
                returns=np.array([trade.gain for trade in closed]),
                holding=np.array([trade.days for trade in closed]),
            ),
            **summarise_activity(
                curve,
                times,
                gross=outcome.gross[daily] * curve,
                traded=np.array([fill.quantity * fill.price for fill in outcome.fills]),
                costs=np.array([fill.fee for fill in outcome.fills] + slippage + held),
            ),
        }

    @property
    def daily_equity(self) -> Floats:
        """(sessions,) equity at the end of each session."""
        curve: Floats = self.outcome.equity[self.outcome.daily]
        return curve

    @property
    def daily_times(self) -> Times:
        """(sessions,) ns UTC of those ends."""
        return self.outcome.times[self.outcome.daily]

    @property
    def final_equity(self) -> float:
        """What the account is worth at the end."""
        return float(self.outcome.equity[-1])

    @cached_property
    def hash(self) -> str:
        """The identity of the ledger: the same run has the same."""
        return ledger_hash(self.outcome.entries)

    @property
    def refusals(self) -> dict[Reason, int]:
        """How many orders were refused, and decisions came to nothing, by reason."""
        counts = dict(self.outcome.notes)
        for order in self.outcome.orders:
            if order.status.value == "rejected":
                counts[order.reason] = counts.get(order.reason, 0) + 1
        return counts

    def __repr__(self) -> str:
        m = self.metrics
        lines = [
            f"{self.found.name} on {', '.join(self.plan.symbols)}, "
            f"{_day(self.outcome.times[0])} to {_day(self.outcome.times[-1])}"
            + (", without costs" if self.plan.costs.free else ""),
            f"  equity {self.plan.cash:,.0f} → {self.final_equity:,.2f}",
        ]
        for key in ("total_return", "cagr", "sharpe", "max_drawdown", "trades", "win_rate", "costs_paid"):
            lines.append(f"  {DESCRIPTIONS[key].label.lower()} {shown(key, m[key])}")
        return "\n".join(lines)


def shown(key: str, value: float) -> str:
    """Return a metric as a reader expects it: percents with one decimal, money with two."""
    if math.isnan(value):
        return "–"
    unit = DESCRIPTIONS[key].unit
    if unit == "percent":
        return f"{value:.1%}"
    if unit == "money":
        return f"{value:,.2f}"
    return f"{value:,.0f}" if unit in ("count", "days") else f"{value:.2f}"


def _day(time: Any) -> str:
    return str(np.datetime64(int(time), "ns").astype("datetime64[D]"))
