"""Forecasts of volatility from known bars: the deviation of one bar's return, as a fraction."""

from __future__ import annotations

import math

import numpy as np

from openbell.portfolio.metrics import FloatArray


def rolling_volatility(returns: FloatArray) -> float:
    """Return the sample standard deviation (n - 1) of (n,) returns; NaN for fewer than 2."""
    return float(returns.std(ddof=1)) if len(returns) > 1 else math.nan


def ewma_volatility(returns: FloatArray, *, decay: float = 0.94) -> float:
    """Return the exponentially weighted deviation of (n,) returns about zero, oldest first.

    `sqrt(sum(w_i * r_i ** 2))`, `w_i` proportional to `decay ** age` and adding up to 1 (RiskMetrics
    Technical Document 1996, 5.2; 0.94 is its decay for daily returns). NaN for none.
    """
    if not len(returns):
        return math.nan
    weights = decay ** np.arange(len(returns) - 1, -1, -1.0)
    return math.sqrt(float((weights * np.square(returns)).sum() / weights.sum()))


def garman_klass_volatility(
    opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray
) -> float:
    """Return the deviation of Garman and Klass (1980) from (n,) bars: what happens within them.

    `sqrt(mean(0.5 * ln(high / low) ** 2 - (2 ln 2 - 1) * ln(close / open) ** 2))`. Gaps between bars are not
    in it. NaN for none.
    """
    if not len(close):
        return math.nan
    within = 0.5 * np.square(np.log(high / low)) - (2 * math.log(2) - 1) * np.square(np.log(close / opened))
    return math.sqrt(max(float(within.mean()), 0.0))
