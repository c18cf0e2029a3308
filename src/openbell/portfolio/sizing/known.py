"""What sizers read from past bars. The only module of sizing that loads numpy, and so it is loaded late."""

from __future__ import annotations

import math

import numpy as np

from openbell.core.situation import Situation
from openbell.portfolio.metrics import FloatArray
from openbell.portfolio.volatility import ewma_volatility, garman_klass_volatility, rolling_volatility


def known(situation: Situation, column: str, count: int, symbol: str = "") -> FloatArray:
    """Return the last `count` values of a column, oldest first, adjusted as of now; fewer at first."""
    return np.asarray(situation.history(column, count, symbol), np.float64)


def returns(situation: Situation, count: int, symbol: str = "") -> FloatArray:
    """Return the last `count` returns; fewer at first."""
    close = known(situation, "close", count + 1, symbol)
    made: FloatArray = np.diff(close) / close[:-1]
    return made


def mean_range(situation: Situation, period: int) -> float:
    """Return the mean of the last `period` true ranges (Wilder 1978); NaN where fewer are known."""
    high, low, close = (known(situation, name, period + 1) for name in ("high", "low", "close"))
    if len(close) <= period:
        return math.nan
    before = close[:-1]
    return float((np.maximum(high[1:], before) - np.minimum(low[1:], before)).mean())


def moments(situation: Situation, window: int) -> tuple[float, float]:
    """Return mean and sample deviation of the last `window` returns; NaN where fewer are known."""
    past = returns(situation, window)
    if len(past) < window:
        return math.nan, math.nan
    return float(past.mean()), rolling_volatility(past)


def calm(situation: Situation, symbol: str, window: int) -> float:
    """Return 1 over the deviation of a symbol's last `window` returns; 0 where it has none."""
    past = returns(situation, window, symbol)
    volatility = rolling_volatility(past) if len(past) == window else 0.0
    return 1.0 / volatility if volatility > 0.0 else 0.0


def forecast(situation: Situation, method: str, *, window: int, decay: float) -> float:
    """Return the deviation that is expected of one bar's return; NaN where too few bars are known."""
    past = returns(situation, window)
    if len(past) < window:
        return math.nan
    if method == "garman_klass":
        opened, high, low, close = (
            known(situation, name, window) for name in ("open", "high", "low", "close")
        )
        return garman_klass_volatility(opened, high, low, close)
    return rolling_volatility(past) if method == "rolling" else ewma_volatility(past, decay=decay)
