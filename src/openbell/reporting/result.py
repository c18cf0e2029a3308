"""What a backtest returns: figures, tables, pictures, and a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.ledger import ledger_hash
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.core.types import Reason
from openbell.data.bars import Floats, Series, Times
from openbell.data.calendar import sessions, sessions_per_year
from openbell.data.universe import Coverage, measure
from openbell.portfolio.evidence import Evidence, weigh
from openbell.portfolio.metrics import simple_returns
from openbell.portfolio.summary import DESCRIPTIONS, summarise, summarise_activity, summarise_trades
from openbell.portfolio.tried import Tried
from openbell.reporting import tables, words
from openbell.strategies.registry import Found

if TYPE_CHECKING:  # pandas and plotly are slow to load: only who asks for a frame or a figure waits for them
    import pandas as pd
    from plotly.graph_objects import Figure

    from openbell.portfolio.state import State
    from openbell.reporting.judgement import Judgement
    from openbell.reporting.notices import Notice


#: The metrics of a result's `repr`.
_HEADLINE = ("total_return", "cagr", "sharpe", "max_drawdown", "trades", "win_rate", "costs_paid")


class Result:
    """A finished backtest. Statistics are made of one value a session, annualised by the calendar."""

    def __init__(
        self,
        plan: Plan,
        found: Found,
        outcome: Outcome,
        benchmark: Floats,
        *,
        compared: Sequence[Series] = (),
        finer: Sequence[Series] = (),
        way: tuple[str, str] = ("event", "it was asked for"),
        tried: Tried | None = None,
    ) -> None:
        self.plan = plan
        self.found = found
        self.outcome = outcome
        self.benchmark_curve = benchmark  #: (moments,) the benchmark's value, from the same cash
        self.compared = compared  #: the bars that a named benchmark was made of
        self.engine, self.engine_reason = way  #: which engine ran, and why that one
        self.finer = finer  #: the bars that decided between a stop and its target
        self.trial = 0  #: its number among what was tried of this idea on these data; 0: not known
        self.checked: Mapping[str, Any] | None = None  #: a look-ahead check's verdict as JSON values
        self.tried = tried  #: what was tried of this idea on these data, this run included; None: not known

    def take_check(self, checked: Mapping[str, Any]) -> None:
        """Keep what a look-ahead check of this run came to: findings, verdict and report say it then."""
        self.checked = checked
        for name in ("findings", "verdict"):
            self.__dict__.pop(name, None)

    @cached_property
    def coverage(self) -> Coverage | None:
        """How much of its universe the run has prices of; None where it has no universe."""
        universe, panel = self.plan.universe, self.outcome.panel
        return None if universe is None else measure(universe, panel.series, panel.sessions)

    @cached_property
    def periods_per_year(self) -> float:
        """Sessions a year, by the exchange's calendar."""
        times = self.outcome.times
        span = int(times[0]), int(times[-1])
        return sessions_per_year(sessions(self.outcome.panel.sessions.calendar, *span), *span)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Every metric by its name; NaN where it is undefined. docs/reference/metrics.md has the formulas."""
        outcome, marks = self.outcome, self.marks
        curve, times = self.daily_equity, self.daily_times
        closed = [trade for trade in outcome.trades if not trade.is_open]
        slippage = [fill.slippage * fill.quantity for fill in outcome.fills]
        held = [-entry.amount for entry in outcome.entries if entry.kind.value in ("borrow", "interest")]
        return {
            **summarise(curve, times, periods_per_year=self.periods_per_year, benchmark=self.daily_benchmark),
            **summarise_trades(
                np.array([trade.pnl for trade in closed]),
                returns=np.array([trade.gain for trade in closed]),
                holding=np.array([trade.days for trade in closed]),
            ),
            **summarise_activity(
                curve,
                times,
                gross=outcome.gross[marks] * curve,
                traded=np.array([fill.quantity * fill.price for fill in outcome.fills]),
                costs=np.array([fill.fee for fill in outcome.fills] + slippage + held),
            ),
        }

    @cached_property
    def fills(self) -> pd.DataFrame:
        """Every execution, a row each; `slippage` is its cost in money, which the price includes."""
        return self._framed(tables.fills(self.outcome))

    @cached_property
    def orders(self) -> pd.DataFrame:
        """Every order, a row each, with its life as text."""
        return self._framed(tables.orders(self.outcome))

    @cached_property
    def refused(self) -> pd.DataFrame:
        """What limits of risk held back, a row each: which limit, its value and its bound."""
        return self._framed(tables.refusals(self.outcome))

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Round trips, a row each; those that are still open are flagged and valued at the last price."""
        return self._framed(self.trade_table)

    @cached_property
    def equity(self) -> pd.Series[float]:
        """The account's value at every moment, over times in UTC."""
        from openbell.reporting.frames import as_series

        return as_series(self.outcome.times, self.outcome.equity, "equity")

    @cached_property
    def trade_table(self) -> tables.Table:
        """The round trips as plain values."""
        return tables.trades(self.outcome)

    @cached_property
    def evidence(self) -> Evidence:
        """What its returns are evidence of, after all that was tried."""
        own, its = simple_returns(self.daily_equity), simple_returns(self.daily_benchmark)
        return weigh(own, its, tried=self.tried)

    @cached_property
    def verdict(self) -> Judgement:
        """What the evidence supports, in one sentence; `str()` of it is that."""
        from openbell.reporting.judgement import judge_run

        return judge_run(self, self.findings)

    @cached_property
    def findings(self) -> list[Notice]:
        """What speaks against the figures, the most serious first, each with what to do about it."""
        from openbell.reporting.findings import findings

        return findings(self)

    def state(self, method: str = "fifo") -> State:
        """What the account is at the end: cash by currency, lots by a method, profit, carry and margin.

        Raises:
            ConfigError: The method is unknown.
        """
        from openbell.reporting.portfolio import state

        return state(self, method)

    def tax_lots(self, method: str = "fifo") -> pd.DataFrame:
        """What was closed of each lot, a row each: `fifo`, `lifo`, `average`, or `highest` cost first.

        Raises:
            ConfigError: The method is unknown.
        """
        from openbell.reporting.portfolio import tax_lots

        return self._framed(tax_lots(self, method))

    def attribution(self, by: str = "symbol") -> pd.DataFrame:
        """Where the profit came from, to the cent: by `strategy`, `symbol`, `sector` or `side`.

        Raises:
            ConfigError: There is no such way.
        """
        from openbell.reporting.portfolio import attribution

        return self._framed(attribution(self, by))

    def plot(self) -> Figure:
        """Return a plotly figure of equity against the benchmark, with the drawdown below."""
        from openbell.reporting.figure import plot

        return plot(self)

    def report(self, path: str | Path) -> Path:
        """Write the report, one HTML file that needs no network, and return its path.

        Raises:
            ConfigError: The path cannot be written.
        """
        from openbell.reporting.export import write_report

        return write_report(self, path)

    @cached_property
    def marks(self) -> NDArray[np.int64]:
        """The moments of statistics: the first, before anything traded, and the last of each session."""
        return np.unique(np.append(0, self.outcome.daily))

    @property
    def daily_equity(self) -> Floats:
        """(marks,) equity at the beginning and at the end of each session."""
        curve: Floats = self.outcome.equity[self.marks]
        return curve

    @property
    def daily_benchmark(self) -> Floats:
        """(marks,) the benchmark's value at the same moments."""
        curve: Floats = self.benchmark_curve[self.marks]
        return curve

    @property
    def daily_times(self) -> Times:
        """(marks,) ns UTC of those moments."""
        return self.outcome.times[self.marks]

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
            f"{self.found.name} on {self.plan.traded}, "
            f"{words.date(int(self.outcome.times[0]))} to {words.date(int(self.outcome.times[-1]))}"
            + (", without costs" if self.plan.costs.free else ""),
            f"  {self.verdict}",
            f"  equity {self.plan.cash:,.0f} → {self.final_equity:,.2f}",
        ]
        lines += [f"  {DESCRIPTIONS[key].label.lower()} {words.shown(key, m[key])}" for key in _HEADLINE]
        if self.engine != "event":
            lines.append(f"  engine {self.engine}: {self.engine_reason}")
        lines += [f"  {notice.level}: {notice.text}" for notice in self.findings if notice.level != "note"]
        return "\n".join(lines)

    def _framed(self, table: tables.Table) -> pd.DataFrame:
        from openbell.reporting.frames import as_frame

        return as_frame(table)
