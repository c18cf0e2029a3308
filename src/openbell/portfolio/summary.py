"""All metrics of a run at once, by name, and what each name means.

The keys and their order are fixed: a metric that cannot be computed is there as NaN.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from openbell.core.types import NANOS_PER_DAY
from openbell.portfolio import benchmark_metrics, drawdown, metrics, trade_metrics
from openbell.portfolio.metrics import FloatArray, IntArray, is_usable

Unit = Literal["percent", "ratio", "days", "span", "money", "count"]  #: a span is a number of days, too


class Metric(NamedTuple):
    """How to show a metric. A `percent` is stored as a fraction: 0.12 is shown as 12 %."""

    label: str
    unit: Unit
    meaning: str


DESCRIPTIONS: dict[str, Metric] = {
    "total_return": Metric("Total return", "percent", "Growth from the first point to the last"),
    "cagr": Metric("CAGR", "percent", "Compound growth a year, over calendar time"),
    "volatility": Metric("Volatility", "percent", "Standard deviation of returns, a year"),
    "sharpe": Metric("Sharpe ratio", "ratio", "Excess return per unit of volatility, a year"),
    "sortino": Metric("Sortino ratio", "ratio", "Excess return per unit of downside deviation, a year"),
    "calmar": Metric("Calmar ratio", "ratio", "CAGR over the size of the maximum drawdown"),
    "omega": Metric("Omega ratio", "ratio", "Gains above the risk-free rate over shortfalls below it"),
    "max_drawdown": Metric("Maximum drawdown", "percent", "Deepest fall from a running peak"),
    "max_drawdown_days": Metric(
        "Maximum drawdown, days", "days", "From that peak to its recovery or the end"
    ),
    "longest_drawdown_days": Metric("Longest drawdown, days", "days", "Longest time below a former peak"),
    "ulcer": Metric("Ulcer index", "percent", "Root mean square fall from the running peak"),
    "var_historical": Metric("VaR 95 %, historical", "percent", "Return that 5 % of the periods fall below"),
    "cvar_historical": Metric(
        "CVaR 95 %, historical", "percent", "Mean return of the worst 5 % of the periods"
    ),
    "var_parametric": Metric("VaR 95 %, normal", "percent", "The same quantile of a normal distribution"),
    "cvar_parametric": Metric("CVaR 95 %, normal", "percent", "The mean below it, of a normal distribution"),
    "tail_ratio": Metric("Tail ratio", "ratio", "95 % quantile of returns over the size of the 5 % one"),
    "skew": Metric("Skewness", "ratio", "Lean of the returns; negative has the longer tail of losses"),
    "kurtosis": Metric("Excess kurtosis", "ratio", "Weight of the tails; 0 is normal"),
    "alpha": Metric("Alpha", "percent", "Return a year that beta does not explain"),
    "beta": Metric("Beta", "ratio", "Return that comes with one unit of the benchmark's"),
    "information_ratio": Metric(
        "Information ratio", "ratio", "Return over the benchmark's per tracking error"
    ),
    "tracking_error": Metric("Tracking error", "percent", "Deviation from the benchmark's return, a year"),
    "up_capture": Metric("Up capture", "percent", "Share of the benchmark's gains, when it gained"),
    "down_capture": Metric("Down capture", "percent", "Share of the benchmark's losses, when it lost"),
    "trades": Metric("Trades", "count", "Round trips, from flat to flat"),
    "win_rate": Metric("Win rate", "percent", "Share of trades that made money"),
    "profit_factor": Metric("Profit factor", "ratio", "What winners made over what losers lost"),
    "expectancy": Metric("Expectancy", "money", "Mean profit of a trade"),
    "average_win": Metric("Average win", "money", "Mean profit of the trades that made money"),
    "average_loss": Metric("Average loss", "money", "Mean profit of the trades that lost money"),
    "payoff": Metric("Pay-off", "ratio", "Average win over the size of the average loss"),
    "sqn": Metric("SQN", "ratio", "System quality number: the t statistic of the mean trade"),
    "kelly": Metric(
        "Kelly fraction", "percent", "Share of capital that fixed odds like these deserve at most"
    ),
    "average_holding": Metric("Average holding", "span", "Mean time from a trade's first fill to its last"),
    "exposure": Metric("Exposure", "percent", "Share of points at which a position was held"),
    "gross_exposure": Metric("Gross exposure", "percent", "Mean value of all positions over equity"),
    "turnover": Metric("Turnover", "ratio", "Times a year that the whole equity was exchanged"),
    "costs_paid": Metric("Costs paid", "money", "Fees, slippage, borrow and interest"),
}


def _drawdown_days(equity: FloatArray, times_ns: IntArray) -> tuple[float, float]:
    """Return the calendar days of the deepest fall and of the longest one; zero where there is none."""
    if math.isnan(drawdown.max_drawdown(equity)):
        return math.nan, math.nan
    spans = drawdown.drawdown_spans(equity)
    if spans.peaks.size == 0:
        return 0.0, 0.0
    last = np.minimum(spans.ends, equity.size - 1)
    days = (times_ns[last] - times_ns[spans.peaks]) / NANOS_PER_DAY
    return float(days[np.argmin(spans.depths)]), float(days.max())


def summarise(
    equity: FloatArray,
    times_ns: IntArray,
    *,
    periods_per_year: float,
    benchmark: FloatArray | None = None,
    risk_free: float = 0.0,
) -> dict[str, float]:
    """Return every metric of a curve, by the keys of `DESCRIPTIONS` from `total_return` to `down_capture`.

    Args:
        equity: values of the curve, the first before anything was traded, shape (n,).
        times_ns: their times, UTC nanoseconds, ascending, shape (n,).
        periods_per_year: points of the curve a year, from the exchange calendar: `sessions_per_year(...)`.
        benchmark: values of the benchmark at the same times, shape (n,); without it the metrics that
            compare with one are NaN.
        risk_free: yearly rate.

    Raises:
        BadData: the arrays are not 1-D or differ in length.
    """
    is_usable(0, equity, times_ns)
    start, end = (int(times_ns[0]), int(times_ns[-1])) if equity.size else (0, 0)
    returns = metrics.simple_returns(equity)
    deepest_days, longest_days = _drawdown_days(equity, times_ns)
    result = {
        "total_return": metrics.total_return(equity),
        "cagr": metrics.cagr(equity, start_ns=start, end_ns=end),
        "volatility": metrics.volatility(returns, periods_per_year=periods_per_year),
        "sharpe": metrics.sharpe(returns, periods_per_year=periods_per_year, risk_free=risk_free),
        "sortino": metrics.sortino(returns, periods_per_year=periods_per_year, risk_free=risk_free),
        "calmar": drawdown.calmar(equity, start_ns=start, end_ns=end),
        "omega": metrics.omega(returns, periods_per_year=periods_per_year, risk_free=risk_free),
        "max_drawdown": drawdown.max_drawdown(equity),
        "max_drawdown_days": deepest_days,
        "longest_drawdown_days": longest_days,
        "ulcer": drawdown.ulcer(equity),
        "var_historical": metrics.var_historical(returns),
        "cvar_historical": metrics.cvar_historical(returns),
        "var_parametric": metrics.var_parametric(returns),
        "cvar_parametric": metrics.cvar_parametric(returns),
        "tail_ratio": metrics.tail_ratio(returns),
        "skew": metrics.skew(returns),
        "kurtosis": metrics.kurtosis(returns),
    }
    return result | _compare(
        equity, returns, benchmark=benchmark, periods_per_year=periods_per_year, risk_free=risk_free
    )


def _compare(
    equity: FloatArray,
    returns: FloatArray,
    *,
    benchmark: FloatArray | None,
    periods_per_year: float,
    risk_free: float,
) -> dict[str, float]:
    if benchmark is None:
        market = np.full(returns.shape, math.nan)
    else:
        is_usable(0, equity, benchmark)
        market = metrics.simple_returns(benchmark)
    year = periods_per_year
    return {
        "alpha": benchmark_metrics.alpha(returns, market, periods_per_year=year, risk_free=risk_free),
        "beta": benchmark_metrics.beta(returns, market),
        "information_ratio": benchmark_metrics.information_ratio(returns, market, periods_per_year=year),
        "tracking_error": benchmark_metrics.tracking_error(returns, market, periods_per_year=year),
        "up_capture": benchmark_metrics.up_capture(returns, market),
        "down_capture": benchmark_metrics.down_capture(returns, market),
    }


def summarise_trades(pnl: FloatArray, *, returns: FloatArray, holding: FloatArray) -> dict[str, float]:
    """Return every metric of round trips, by the keys from `trades` to `average_holding`.

    Args:
        pnl: profit of each trade in money, after costs, shape (trades,).
        returns: profit of each as a fraction of what it tied up, shape (trades,).
        holding: days from its first fill to its last, shape (trades,).

    Raises:
        BadData: the arrays are not 1-D or differ in length.
    """
    is_usable(0, pnl, returns, holding)
    return {
        "trades": float(pnl.size),
        "win_rate": trade_metrics.win_rate(pnl),
        "profit_factor": trade_metrics.profit_factor(pnl),
        "expectancy": trade_metrics.expectancy(pnl),
        "average_win": trade_metrics.average_win(pnl),
        "average_loss": trade_metrics.average_loss(pnl),
        "payoff": trade_metrics.payoff(pnl),
        "sqn": trade_metrics.sqn(pnl),
        "kelly": trade_metrics.kelly(returns),
        "average_holding": trade_metrics.average_holding(holding),
    }


def summarise_activity(
    equity: FloatArray, times_ns: IntArray, *, gross: FloatArray, traded: FloatArray, costs: FloatArray
) -> dict[str, float]:
    """Return what trading tied up, moved and cost, by the keys from `exposure` to `costs_paid`.

    Args:
        equity: values of the curve, shape (n,).
        times_ns: their times, UTC nanoseconds, ascending, shape (n,).
        gross: sum of the sizes of all positions' values at each point, shape (n,).
        traded: value of each fill, price times quantity, shape (fills,).
        costs: every fee, slippage and charge in money, shape (any,).

    Raises:
        BadData: the arrays are not 1-D, or those of the curve differ in length.
    """
    is_usable(0, equity, times_ns, gross)
    start, end = (int(times_ns[0]), int(times_ns[-1])) if equity.size else (0, 0)
    return {
        "exposure": trade_metrics.exposure(gross),
        "gross_exposure": trade_metrics.gross_exposure(gross, equity),
        "turnover": trade_metrics.turnover(traded, equity, start_ns=start, end_ns=end),
        "costs_paid": trade_metrics.costs_paid(costs),
    }
