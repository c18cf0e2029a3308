"""Figures of many combinations over some of their periods, which need not follow each other."""

from __future__ import annotations

import numpy as np

from openbell.data.bars import Floats

#: What returns alone tell, in the order of the columns: metrics of `openbell.portfolio`, by other words.
FIGURES = ("total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown")


def measure_columns(returns: Floats, *, periods_per_year: float) -> Floats:
    """(combinations, figures) of returns, (periods, combinations), as if the periods followed each other.

    Defined as in `openbell.portfolio`; a year is `periods_per_year` periods. NaN where one is undefined.
    """
    count = len(returns)
    curve = np.cumprod(1.0 + returns, axis=0)
    peak = np.maximum(np.maximum.accumulate(curve, axis=0), 1.0)
    fall = np.minimum((curve / peak).min(axis=0) - 1.0, 0.0)
    end = curve[-1]
    years = count / periods_per_year
    with np.errstate(invalid="ignore", divide="ignore"):
        cagr = np.where(end > 0.0, np.power(np.maximum(end, 0.0), 1.0 / years) - 1.0, -1.0)
        mean, spread = (
            returns.mean(axis=0),
            returns.std(axis=0, ddof=1) if count > 1 else np.full(end.shape, np.nan),
        )
        below = np.sqrt(np.square(np.minimum(returns, 0.0)).mean(axis=0))
        root = np.sqrt(periods_per_year)
        found = np.stack(
            [
                end - 1.0, cagr, spread * root, _ratio(mean, spread) * root, _ratio(mean, below) * root,
                np.where(fall < 0.0, cagr / -fall, np.nan), fall,
            ],
            axis=1,
        )  # fmt: skip
    missing = np.isnan(returns).any(axis=0)
    found[missing] = np.nan
    return found


def _ratio(mean: Floats, spread: Floats) -> Floats:
    ratio: Floats = np.where(spread > 0.0, mean / spread, np.nan)
    return ratio
