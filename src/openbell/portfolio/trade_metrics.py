"""Metrics of round trips and of what trading took: odds, pay-offs, holding, turnover and costs.

A trade is a round trip of one symbol, from flat to flat. `pnl` is its profit in money after all costs,
`returns` its profit as a fraction of what it tied up, `holding` its days; one value a trade, in 1-D arrays.
The rules for undefined values are those of `portfolio.metrics`.
"""

from __future__ import annotations

import math

import numpy as np

from openbell.portfolio.metrics import (
    NANOS_PER_YEAR,
    ROUNDING,
    FloatArray,
    deviation,
    is_usable,
    quotient,
    undefined_is_nan,
)


@undefined_is_nan
def win_rate(pnl: FloatArray) -> float:
    """Return the share of trades that made money. One that broke even is a trade, and not a win."""
    return float((pnl > 0).mean()) if is_usable(1, pnl) else math.nan


@undefined_is_nan
def profit_factor(pnl: FloatArray) -> float:
    """Return what the winners made over what the losers lost; 0 without a winner.

    NaN without a loser: no factor describes a record that has not lost yet.
    """
    if not is_usable(1, pnl):
        return math.nan
    return quotient(float(pnl[pnl > 0].sum()), -float(pnl[pnl < 0].sum()))


@undefined_is_nan
def expectancy(pnl: FloatArray) -> float:
    """Return the mean profit of a trade, in money."""
    return float(pnl.mean()) if is_usable(1, pnl) else math.nan


@undefined_is_nan
def average_win(pnl: FloatArray) -> float:
    """Return the mean profit of the trades that made money; NaN without one."""
    wins = pnl[pnl > 0] if is_usable(1, pnl) else np.empty(0)
    return float(wins.mean()) if wins.size else math.nan


@undefined_is_nan
def average_loss(pnl: FloatArray) -> float:
    """Return the mean profit of the trades that lost money, a negative number; NaN without one."""
    losses = pnl[pnl < 0] if is_usable(1, pnl) else np.empty(0)
    return float(losses.mean()) if losses.size else math.nan


@undefined_is_nan
def payoff(pnl: FloatArray) -> float:
    """Return the average win over the size of the average loss; NaN without a win or without a loss."""
    return quotient(average_win(pnl), -average_loss(pnl))


@undefined_is_nan
def sqn(pnl: FloatArray) -> float:
    """Return the system quality number: the root of the trades, times mean over deviation (n - 1).

    This is the t statistic of the mean trade. Tharp (2008) counts at most 100 trades; this does not, so that
    the number stays a test of the mean. NaN for fewer than 2 trades and for equal ones.
    """
    if not is_usable(2, pnl):
        return math.nan
    spread = deviation(pnl, rounding=ROUNDING * float(np.abs(pnl).max()))
    return quotient(float(pnl.mean()), spread) * math.sqrt(pnl.size)


@undefined_is_nan
def kelly(returns: FloatArray) -> float:
    """Return the Kelly fraction of a bet at fixed odds: p - (1 - p) / payoff (Kelly 1956).

    `p` is the share of winners among the trades that won or lost. Negative where the odds are against the
    trader. NaN without a win or without a loss: the pay-off is unknown.
    """
    if not is_usable(1, returns):
        return math.nan
    chance = quotient(float((returns > 0).sum()), float((returns != 0).sum()))
    return chance - quotient(1.0 - chance, payoff(returns))


@undefined_is_nan
def average_holding(holding: FloatArray) -> float:
    """Return the mean time from a trade's first fill to its last, in the unit given (days)."""
    return float(holding.mean()) if is_usable(1, holding) else math.nan


@undefined_is_nan
def exposure(gross: FloatArray) -> float:
    """Return the share of points at which a position was held.

    Args:
        gross: sum of the sizes of all positions' values at each point of the curve, zero when flat.
    """
    return float((gross != 0).mean()) if is_usable(1, gross) else math.nan


@undefined_is_nan
def gross_exposure(gross: FloatArray, equity: FloatArray) -> float:
    """Return the mean of positions over equity at each point; more than 1 is leverage.

    NaN where equity is zero or less at any point.

    Args:
        gross: sum of the sizes of all positions' values at each point, shape (n,).
        equity: the curve, shape (n,).
    """
    if not is_usable(1, gross, equity) or float(equity.min()) <= 0:
        return math.nan
    return float((np.abs(gross) / equity).mean())


@undefined_is_nan
def turnover(traded: FloatArray, equity: FloatArray, *, start_ns: int, end_ns: int) -> float:
    """Return how often a year the whole equity was exchanged: half of all fills' value over mean equity.

    Selling everything and buying something else for it is a turnover of 1. Zero without a fill; NaN where
    the mean equity or the span is not positive.

    Args:
        traded: value of each fill, price times quantity, of either sign, shape (fills,).
        equity: the curve, shape (n,).
        start_ns: start of the span, UTC nanoseconds.
        end_ns: its end.
    """
    if not (is_usable(0, traded) and is_usable(1, equity)) or end_ns <= start_ns:
        return math.nan
    mean = float(equity.mean())
    if mean <= 0:
        return math.nan
    return 0.5 * float(np.abs(traded).sum()) / mean * NANOS_PER_YEAR / (end_ns - start_ns)


@undefined_is_nan
def costs_paid(costs: FloatArray) -> float:
    """Return the sum of all that trading cost, in money: fees, slippage, borrow and interest.

    Zero for an empty array. What was received (a rebate) is negative.
    """
    return float(costs.sum()) if is_usable(0, costs) else math.nan
