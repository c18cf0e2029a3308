"""Series that a report draws over time: rolling ratios and the returns of each month.

A window with a NaN gives NaN, and only that window. Time is linear in the number of points, whatever the
window.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from openbell.core.errors import ConfigError
from openbell.portfolio.metrics import (
    FloatArray,
    IntArray,
    is_usable,
    per_period,
    root_of,
    rounding_of,
)

if TYPE_CHECKING:
    import numpy.typing as npt


def _window_sums(values: FloatArray, window: int) -> FloatArray:
    """Return the sum of each run of `window` values, shape (n - window + 1,).

    A running total would carry its rounding and any NaN to the end of the array. Totals that start anew at
    each multiple of `window` do not: a run is the end of one block and the beginning of the next.
    """
    blocks = -(-values.size // window)
    padded = np.zeros(blocks * window)
    padded[: values.size] = values
    grid = padded.reshape(blocks, window)
    ends = np.cumsum(grid[:, ::-1], axis=1)[:, ::-1].ravel()
    begins = np.cumsum(grid, axis=1)
    begins[:, -1] = 0.0  # a run that is one whole block is in `ends` already
    count = values.size - window + 1
    sums: FloatArray = ends[:count] + begins.ravel()[window - 1 :][:count]
    return sums


def _varies(values: FloatArray, window: int) -> npt.NDArray[np.bool_]:
    """Tell for each run of `window` values whether it changes at all, by more than rounding."""
    known = values[np.isfinite(values)]
    tolerance = rounding_of(known) if known.size else 0.0
    changes = np.abs(np.diff(values)) > tolerance
    total = np.concatenate(([0], np.cumsum(changes)))
    result: npt.NDArray[np.bool_] = total[window - 1 :] > total[: total.size - window + 1]
    return result


def _centred(values: FloatArray) -> tuple[FloatArray, float]:
    """Take the median of the known values off, so that squares do not lose the small differences."""
    known = values[np.isfinite(values)]
    middle = float(np.median(known)) if known.size else 0.0
    return np.where(np.isfinite(values), values - middle, math.nan), middle


def _is_rollable(window: int, *series: FloatArray) -> bool:
    if window < 2:
        raise ConfigError(f"metrics: window={window} must be 2 or more: one return has no deviation")
    is_usable(0, *series)
    return series[0].size >= window


def rolling_sharpe(
    returns: FloatArray, window: int, *, periods_per_year: float, risk_free: float = 0.0
) -> FloatArray:
    """Return the Sharpe ratio of the `window` returns that end at each point, shape (n,).

    NaN for the first `window - 1` points, and where `metrics.sharpe` of the window is NaN.

    Raises:
        ConfigError: `window` is less than 2.
    """
    result = np.full(np.shape(returns), math.nan)
    if not _is_rollable(window, returns):
        return result
    with np.errstate(all="ignore"):
        values, middle = _centred(returns)
        sums = _window_sums(values, window)
        squares = _window_sums(values * values, window)
        spread = np.sqrt((squares - sums * sums / window) / (window - 1))
        excess = middle + sums / window - per_period(risk_free, periods_per_year)
        ratio = excess / spread * root_of(periods_per_year)
        defined = _varies(values, window) & np.isfinite(ratio)
    result[window - 1 :] = np.where(defined, ratio, math.nan)
    return result


def rolling_beta(returns: FloatArray, benchmark: FloatArray, window: int) -> FloatArray:
    """Return the beta over the `window` periods that end at each point, shape (n,).

    NaN for the first `window - 1` points, and where `benchmark_metrics.beta` of the window is NaN.

    Raises:
        ConfigError: `window` is less than 2.
        BadData: the arrays differ in length.
    """
    result = np.full(np.shape(returns), math.nan)
    if not _is_rollable(window, returns, benchmark):
        return result
    with np.errstate(all="ignore"):
        y, _ = _centred(returns)
        x, _ = _centred(benchmark)
        x_sums, y_sums = _window_sums(x, window), _window_sums(y, window)
        covariance = _window_sums(x * y, window) - x_sums * y_sums / window
        slope = covariance / (_window_sums(x * x, window) - x_sums * x_sums / window)
        defined = _varies(x, window) & np.isfinite(slope)
    result[window - 1 :] = np.where(defined, slope, math.nan)
    return result


def monthly_returns(equity: FloatArray, times_ns: IntArray) -> list[tuple[int, int, float]]:
    """Return (year, month, return) for each UTC month that has a point, the first point aside.

    A point at midnight closes the day before: its month is the one that has just ended. The first month
    counts from the first point, every other from the last point before it, so that the returns compound to
    the total return. NaN for a month whose points, or whose starting point, are not all finite, and for one
    that starts at zero or less.

    Args:
        equity: values at the times, shape (n,).
        times_ns: UTC nanoseconds, ascending, shape (n,).

    Raises:
        BadData: the arrays differ in length.
    """
    is_usable(0, equity, times_ns)
    if equity.size < 2:
        return []
    months = (times_ns[1:] - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    last = np.append(np.flatnonzero(np.diff(months)) + 1, months.size)
    first = np.append(0, last[:-1])
    faults = np.cumsum(~np.isfinite(equity))
    with np.errstate(all="ignore"):
        change = np.where(equity[first] > 0, equity[last] / equity[first] - 1.0, math.nan)
    clean = np.isfinite(equity[first]) & (faults[last] == faults[first]) & np.isfinite(change)
    values = np.where(clean, change, math.nan)
    return [
        (1970 + int(month) // 12, 1 + int(month) % 12, float(value))
        for month, value in zip(months[last - 1], values, strict=True)
    ]
