"""The figures of a sweep: what each combination is measured by, and which way is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openbell.backtesting.outcome import Outcome
from openbell.core.errors import ConfigError, nearest
from openbell.data.bars import Floats
from openbell.data.calendar import sessions, sessions_per_year
from openbell.portfolio import drawdown, metrics, trade_metrics

#: What a sweep measures, in the order of its columns: metrics of a `Result`, and at last its final equity.
MEASURES = (
    "total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "trades", "win_rate",
    "profit_factor", "expectancy", "exposure", "costs_paid", "equity",
)  # fmt: skip
#: Those that need the account at its trades and at the end alone, and not at each session.
TRADE_MEASURES = (
    "total_return", "cagr", "trades", "win_rate", "profit_factor", "expectancy", "costs_paid", "equity",
)  # fmt: skip
#: What a sweep can be asked for.
FIGURES = {"all": MEASURES, "trades": TRADE_MEASURES}
#: Of these the least is the best. (A maximum drawdown is a negative number: the greatest is the mildest.)
MINIMISED = frozenset({"volatility", "exposure", "costs_paid"})


@dataclass(frozen=True, slots=True)
class Objective:
    """A measure to be made as great, or as small, as can be."""

    name: str
    sign: int  #: 1 if more is better, -1 if less is
    function: Callable[[Mapping[str, float]], float] | None = None  #: the user's own, of all measures

    @property
    def word(self) -> str:
        """Return what the best value is called."""
        return "highest" if self.sign > 0 else "lowest"

    def score(self, values: Floats) -> Floats:
        """Return values so that more is better; NaN is worse than all else."""
        return np.where(np.isnan(values), -np.inf, self.sign * values)


def measures_of(figures: str) -> tuple[str, ...]:
    """Return the measures that a setting asks for: `all`, or those of the `trades`.

    Raises:
        ConfigError: It is neither.
    """
    if figures not in FIGURES:
        raise ConfigError(f"figures={figures!r} is unknown{nearest(str(figures), FIGURES)}")
    return FIGURES[figures]


def default_objective(measures: Sequence[str]) -> str:
    """Return what decides where nothing is said: the Sharpe ratio, or what is measured first."""
    return "sharpe" if "sharpe" in measures else measures[0]


def read_objectives(given: Any, measures: Sequence[str] = MEASURES) -> tuple[Objective, ...]:
    """Return the objectives that names mean; `-trades` asks for few of them, `+exposure` for much.

    A function is an objective too: it takes all measures by name and returns a number, of which more is
    better.

    Raises:
        ConfigError: A name is unknown, given twice, or there is none.
    """
    names = list(given) if isinstance(given, list | tuple) else [given]
    if not names:
        raise ConfigError(f"objective=[] names nothing{nearest('', measures)}")
    found: list[Objective] = []
    for text in names:
        if callable(text):
            found.append(Objective(_called(text, found), 1, text))
            continue
        name = str(text).strip()
        sign = {"-": -1, "+": 1}.get(name[:1])
        name = name[1:] if sign else name
        if name in MEASURES and name not in measures:
            if tuple(measures) != TRADE_MEASURES:
                raise ConfigError(f"objective={text!r} is not measured here{nearest(name, measures)}")
            raise ConfigError(
                f"objective={text!r} is not measured with figures='trades', which has {', '.join(measures)}; "
                "leave figures out"
            )
        if name not in measures:
            raise ConfigError(f"objective={text!r} is unknown{nearest(name, measures)}")
        if any(name == other.name for other in found):
            raise ConfigError(f"objective: {name!r} is there twice; leave one out")
        found.append(Objective(name, sign or (-1 if name in MINIMISED else 1)))
    return tuple(found)


def _called(function: Callable[..., Any], others: Sequence[Objective]) -> str:
    """Return a function's name as that of a column.

    Raises:
        ConfigError: A measure or another objective is called so.
    """
    name = str(getattr(function, "__name__", type(function).__name__)).strip("<>")
    if name in MEASURES or any(name == one.name for one in others):
        raise ConfigError(
            f"objective: the function {name!r} is called like a measure or another objective; rename it"
        )
    return name


def measure(outcome: Outcome) -> Floats:
    """Return a run's figures, shape (len(MEASURES),): those of `Result.metrics`, by the same functions.

    NaN where one is undefined. `docs/reference/metrics.md` has the formulas.
    """
    marks = np.unique(np.append(0, outcome.daily))
    curve, times = outcome.equity[marks], outcome.times[marks]
    span = int(times[0]), int(times[-1])
    year = sessions_per_year(sessions(outcome.panel.sessions.calendar, *span), *span)
    returns = metrics.simple_returns(curve)
    pnl = np.array([trade.pnl for trade in outcome.trades if not trade.is_open])
    fees = [fill.fee for fill in outcome.fills]
    slippage = [fill.slippage * fill.quantity for fill in outcome.fills]
    held = [-entry.amount for entry in outcome.entries if entry.kind.value in ("borrow", "interest")]
    return np.array(
        [
            metrics.total_return(curve),
            metrics.cagr(curve, start_ns=span[0], end_ns=span[1]),
            metrics.volatility(returns, periods_per_year=year),
            metrics.sharpe(returns, periods_per_year=year),
            metrics.sortino(returns, periods_per_year=year),
            drawdown.calmar(curve, start_ns=span[0], end_ns=span[1]),
            drawdown.max_drawdown(curve),
            float(pnl.size),
            trade_metrics.win_rate(pnl),
            trade_metrics.profit_factor(pnl),
            trade_metrics.expectancy(pnl),
            trade_metrics.exposure(outcome.gross[marks] * curve),
            trade_metrics.costs_paid(np.array(fees + slippage + held)),
            float(outcome.equity[-1]),
        ]
    )
