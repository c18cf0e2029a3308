"""Metrics of an equity curve and of its returns: growth, risk, ratios and the shape of the tails.

Arrays are 1-D numpy float64. `equity` holds a curve's values in money, the first one before anything was
traded; `returns` are simple returns a period, as fractions (0.01 is one percent). Every metric that cannot
be computed is NaN: too few values, no dispersion to divide by, or a NaN or an infinity in the input, which
is a fault upstream and must stay visible. No metric raises on such input, none warns, none is infinite.
Wrong shapes and wrong settings do raise. `docs/reference/metrics.md` has each formula and its convention.
"""

from __future__ import annotations

import math
from functools import wraps
from statistics import NormalDist
from typing import TYPE_CHECKING, ParamSpec

import numpy as np
import numpy.typing as npt

from openbell.core.errors import BadData, ConfigError
from openbell.core.types import NANOS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NANOS_PER_YEAR = 365.25 * NANOS_PER_DAY
#: A return is a ratio near 1 less 1, so its last bits are rounding; what varies less than this is constant.
ROUNDING = 8 * float(np.finfo(np.float64).eps)

_P = ParamSpec("_P")
_PAIR = 2  #: returns that a correlation takes


def undefined_is_nan(metric: Callable[_P, float]) -> Callable[_P, float]:
    """Wrap `metric` so that it stays silent and answers NaN where its value is not a finite number."""

    @wraps(metric)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> float:
        with np.errstate(all="ignore"):
            value = float(metric(*args, **kwargs))
        return value if math.isfinite(value) else math.nan

    return guarded


def is_usable(least: int, *series: FloatArray | IntArray) -> bool:
    """Tell whether each array has at least `least` values, all of them finite.

    Raises:
        BadData: an argument is no 1-D numpy array, or the arrays differ in length.
    """
    for values in series:
        # A pandas Series would align by label in `x[1:] / x[:-1]` and give a wrong answer in silence.
        if not isinstance(values, np.ndarray) or values.ndim != 1:
            kind = f"{type(values).__name__} of shape {np.shape(values)}"
            raise BadData(f"metrics: got a {kind}; pass 1-D numpy arrays, such as series.to_numpy()")
    lengths = [values.size for values in series]
    if len(set(lengths)) > 1:
        raise BadData(f"metrics: arrays of lengths {lengths} do not pair up; pass values of the same times")
    return lengths[0] >= least and all(bool(np.isfinite(values).all()) for values in series)


def quotient(numerator: float, denominator: float) -> float:
    """Divide; NaN where the denominator is zero."""
    return numerator / denominator if denominator else math.nan


def rounding_of(returns: FloatArray) -> float:
    """Return the size below which a difference between `returns` is rounding. Needs one value or more."""
    return ROUNDING * (1.0 + float(np.abs(returns).max()))


def deviation(values: FloatArray, *, rounding: float) -> float:
    """Return the sample standard deviation (n - 1); exactly zero where the spread is at most `rounding`."""
    if float(values.max() - values.min()) <= rounding:
        return 0.0
    return float(values.std(ddof=1))


def per_period(rate: float, periods_per_year: float) -> float:
    """Return the rate a period that compounds to the yearly `rate`; NaN for a rate of -1 or less."""
    if not (rate > -1 and periods_per_year > 0):
        return math.nan
    return float(np.expm1(math.log1p(rate) / periods_per_year))


def root_of(periods_per_year: float) -> float:
    """Return the factor that brings a deviation a period to one a year; NaN unless it is positive."""
    return math.sqrt(periods_per_year) if periods_per_year > 0 else math.nan


def simple_returns(equity: FloatArray) -> FloatArray:
    """Return `equity[i] / equity[i - 1] - 1`, shape (n - 1,); NaN after a value of zero or less.

    Raises:
        BadData: `equity` is no 1-D array.
    """
    is_usable(0, equity)
    before = equity[:-1]
    with np.errstate(all="ignore"):
        change = equity[1:] / before - 1.0
    known = (before > 0) & np.isfinite(before) & np.isfinite(change)
    result: FloatArray = np.where(known, change, math.nan)
    return result


def correlations(curves: Sequence[FloatArray]) -> FloatArray:
    """Return equity curves' correlations by their returns, (curves, curves); NaN if flat, or too short."""
    returns = np.array([simple_returns(curve) for curve in curves])
    if returns.shape[1] < _PAIR:  # a live session's first day has one value
        return np.full((len(returns), len(returns)), math.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: FloatArray = np.atleast_2d(np.corrcoef(returns))
    return found


@undefined_is_nan
def total_return(equity: FloatArray) -> float:
    """Return the growth from the first point to the last; needs 2 points and a positive start."""
    if not is_usable(2, equity) or equity[0] <= 0:
        return math.nan
    return float(equity[-1] / equity[0] - 1.0)


@undefined_is_nan
def cagr(equity: FloatArray, *, start_ns: int, end_ns: int) -> float:
    """Return the compound growth a year of 365.25 days, over the calendar time between the two instants.

    -1 for a curve that ends at zero. NaN for one that ends below zero, for a span that is not positive, and
    where a short span makes the yearly figure too large for a float.
    """
    growth = 1.0 + total_return(equity)
    if not growth >= 0 or end_ns <= start_ns:
        return math.nan
    if growth == 0:
        return -1.0
    return float(np.expm1(math.log(growth) * NANOS_PER_YEAR / (end_ns - start_ns)))


@undefined_is_nan
def volatility(returns: FloatArray, *, periods_per_year: float) -> float:
    """Return the standard deviation (n - 1) of the returns, times the root of the periods a year."""
    if not is_usable(2, returns):
        return math.nan
    return deviation(returns, rounding=rounding_of(returns)) * root_of(periods_per_year)


@undefined_is_nan
def sharpe(returns: FloatArray, *, periods_per_year: float, risk_free: float = 0.0) -> float:
    """Return the mean excess return over its standard deviation, a year (Sharpe 1994).

    `risk_free` is a yearly rate. NaN for fewer than 2 returns and for constant ones.
    """
    if not is_usable(2, returns):
        return math.nan
    excess = float(returns.mean()) - per_period(risk_free, periods_per_year)
    spread = deviation(returns, rounding=rounding_of(returns))
    return quotient(excess, spread) * root_of(periods_per_year)


@undefined_is_nan
def sortino(returns: FloatArray, *, periods_per_year: float, risk_free: float = 0.0) -> float:
    """Return the mean excess return over its downside deviation, a year (Sortino and Price 1994).

    The downside deviation is the root of the mean of `min(excess, 0) ** 2` over *all* periods. NaN for fewer
    than 2 returns and where no return lies below the risk-free rate.
    """
    if not is_usable(2, returns):
        return math.nan
    excess = returns - per_period(risk_free, periods_per_year)
    downside = math.sqrt(float(np.square(np.minimum(excess, 0.0)).mean()))
    if downside <= rounding_of(returns):
        return math.nan
    return float(excess.mean()) / downside * root_of(periods_per_year)


@undefined_is_nan
def omega(returns: FloatArray, *, periods_per_year: float, risk_free: float = 0.0) -> float:
    """Return the sum of the gains over the threshold by the sum of the shortfalls below it.

    The threshold is the yearly rate `risk_free`, brought to one period (Keating and Shadwick 2002). NaN for
    fewer than 2 returns and where nothing falls short.
    """
    if not is_usable(2, returns):
        return math.nan
    excess = returns - per_period(risk_free, periods_per_year)
    shortfall = -float(np.minimum(excess, 0.0).sum())
    if shortfall <= rounding_of(returns):
        return math.nan
    return float(np.maximum(excess, 0.0).sum()) / shortfall


def _check_tail(tail: float) -> None:
    if not 0 < tail < 1:
        raise ConfigError(f"metrics: tail={tail} must lie between 0 and 1, such as 0.05 for the worst 5 %")


@undefined_is_nan
def var_historical(returns: FloatArray, *, tail: float = 0.05) -> float:
    """Return the `tail` quantile of the returns, interpolated linearly. A loss is negative."""
    _check_tail(tail)
    return float(np.quantile(returns, tail)) if is_usable(1, returns) else math.nan


@undefined_is_nan
def cvar_historical(returns: FloatArray, *, tail: float = 0.05) -> float:
    """Return the mean of the returns at or below the historical value at risk. A loss is negative."""
    _check_tail(tail)
    if not is_usable(1, returns):
        return math.nan
    return float(returns[returns <= np.quantile(returns, tail)].mean())


@undefined_is_nan
def var_parametric(returns: FloatArray, *, tail: float = 0.05) -> float:
    """Return the `tail` quantile of the normal distribution with the mean and deviation of the returns."""
    _check_tail(tail)
    if not is_usable(2, returns):
        return math.nan
    spread = deviation(returns, rounding=rounding_of(returns))
    return float(returns.mean()) + NormalDist().inv_cdf(tail) * spread


@undefined_is_nan
def cvar_parametric(returns: FloatArray, *, tail: float = 0.05) -> float:
    """Return the mean of that normal distribution below its `tail` quantile: mean - s * pdf(z) / tail."""
    _check_tail(tail)
    if not is_usable(2, returns):
        return math.nan
    normal = NormalDist()
    spread = deviation(returns, rounding=rounding_of(returns))
    return float(returns.mean()) - spread * normal.pdf(normal.inv_cdf(tail)) / tail


@undefined_is_nan
def tail_ratio(returns: FloatArray) -> float:
    """Return the 95 % quantile over the size of the 5 % quantile.

    NaN unless the lower tail loses and the upper one does not: the ratio compares gains with losses.
    """
    if not is_usable(1, returns):
        return math.nan
    low, high = np.quantile(returns, (0.05, 0.95))
    return float(high / -low) if low < 0 <= high else math.nan


def _moments(returns: FloatArray, *, least: int) -> tuple[FloatArray, FloatArray, float] | None:
    """Return deviations from the mean, their squares and the mean square; None where undefined."""
    if not is_usable(least, returns) or deviation(returns, rounding=rounding_of(returns)) == 0:
        return None
    centred = returns - returns.mean()
    squares = centred * centred
    return centred, squares, float(squares.mean())


@undefined_is_nan
def skew(returns: FloatArray) -> float:
    """Return the sample skewness G1, corrected for bias. NaN for fewer than 3 returns and constant ones."""
    moments = _moments(returns, least=3)
    if moments is None:
        return math.nan
    centred, squares, variance = moments
    n = returns.size
    biased = quotient(float((squares * centred).mean()), variance * math.sqrt(variance))
    return biased * math.sqrt(n * (n - 1)) / (n - 2)


@undefined_is_nan
def kurtosis(returns: FloatArray) -> float:
    """Return the sample excess kurtosis G2, corrected for bias; 0 is normal.

    NaN for fewer than 4 returns and constant ones. Source of G1 and G2: Joanes and Gill (1998).
    """
    moments = _moments(returns, least=4)
    if moments is None:
        return math.nan
    _, squares, variance = moments
    n = returns.size
    biased = quotient(float((squares * squares).mean()), variance * variance) - 3.0
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * biased + 6.0)
