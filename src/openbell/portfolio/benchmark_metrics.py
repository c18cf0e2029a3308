"""Metrics of a curve against a benchmark, from the returns of both over the same periods.

`returns` and `benchmark` are 1-D arrays of one length: simple returns a period, as fractions. The rules for
undefined values are those of `portfolio.metrics`; arrays of different lengths raise BadData.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from openbell.portfolio.metrics import (
    FloatArray,
    deviation,
    is_usable,
    per_period,
    quotient,
    root_of,
    rounding_of,
    undefined_is_nan,
)

#: Two curves whose correlation is this near to 1 move as one: what is left is rounding.
_AS_ONE = 1e-12


@undefined_is_nan
def beta(returns: FloatArray, benchmark: FloatArray) -> float:
    """Return the covariance with the benchmark over the benchmark's variance.

    NaN for fewer than 2 returns and for a constant benchmark. A constant risk-free rate would cancel out.
    """
    if not is_usable(2, returns, benchmark):
        return math.nan
    if deviation(benchmark, rounding=rounding_of(benchmark)) == 0:
        return math.nan
    centred = benchmark - benchmark.mean()
    return quotient(float(np.dot(centred, returns - returns.mean())), float(np.dot(centred, centred)))


@undefined_is_nan
def alpha(
    returns: FloatArray, benchmark: FloatArray, *, periods_per_year: float, risk_free: float = 0.0
) -> float:
    """Return the mean return that beta does not explain, times the periods a year (Jensen 1968).

    `risk_free` is a yearly rate. NaN where beta is.
    """
    if not is_usable(2, returns, benchmark):
        return math.nan
    rate = per_period(risk_free, periods_per_year)
    slope = beta(returns, benchmark)
    mean = float(returns.mean()) - rate - slope * (float(benchmark.mean()) - rate)
    return mean * periods_per_year


def _active_deviation(returns: FloatArray, benchmark: FloatArray) -> float:
    """Return the deviation of the difference; zero within the rounding of either side."""
    return deviation(returns - benchmark, rounding=rounding_of(returns) + rounding_of(benchmark))


@undefined_is_nan
def tracking_error(returns: FloatArray, benchmark: FloatArray, *, periods_per_year: float) -> float:
    """Return the yearly standard deviation (n - 1) of the return less the benchmark's. Needs 2 returns."""
    if not is_usable(2, returns, benchmark):
        return math.nan
    return _active_deviation(returns, benchmark) * root_of(periods_per_year)


@undefined_is_nan
def information_ratio(returns: FloatArray, benchmark: FloatArray, *, periods_per_year: float) -> float:
    """Return the yearly mean of the return less the benchmark's, over the tracking error.

    NaN for fewer than 2 returns and where the difference is constant, as it is for the benchmark itself.
    """
    if not is_usable(2, returns, benchmark):
        return math.nan
    active = float((returns - benchmark).mean())
    return quotient(active, _active_deviation(returns, benchmark)) * root_of(periods_per_year)


def _geometric_mean(returns: FloatArray) -> float:
    """Return the constant return a period with the same total; NaN where a return is -1 or less."""
    if not (returns > -1).all():
        return math.nan
    return float(np.expm1(np.log1p(returns).mean()))


def _capture(returns: FloatArray, benchmark: FloatArray, *, side: int) -> float:
    if not is_usable(1, returns, benchmark):
        return math.nan
    chosen = benchmark * side > rounding_of(benchmark)
    if not chosen.any():
        return math.nan
    return quotient(_geometric_mean(returns[chosen]), _geometric_mean(benchmark[chosen]))


@undefined_is_nan
def up_capture(returns: FloatArray, benchmark: FloatArray) -> float:
    """Return the mean return over the benchmark's in the periods in which the benchmark rose.

    Both means are geometric, a period. NaN without such a period, and where a return of -1 or less ends the
    compounding.
    """
    return _capture(returns, benchmark, side=1)


@undefined_is_nan
def down_capture(returns: FloatArray, benchmark: FloatArray) -> float:
    """Return the same as `up_capture` for the periods in which the benchmark fell; less is better."""
    return _capture(returns, benchmark, side=-1)


@undefined_is_nan
def lead(returns: FloatArray, benchmark: FloatArray) -> float:
    """Return the probability that the true Sharpe ratio is above the benchmark's.

    Jobson and Korkie (1981), with Memmel's correction (2003), Performance Hypothesis Testing with the Sharpe
    Ratio: the two are estimated over the same periods, so that what moves both tells nothing. NaN for fewer
    than 2 returns, where one of the two is constant, and where they move as one.
    """
    if not is_usable(2, returns, benchmark):
        return math.nan
    spreads = [deviation(one, rounding=rounding_of(one)) for one in (returns, benchmark)]
    if not all(spreads):
        return math.nan
    own, its = (float(one.mean()) / spread for one, spread in zip((returns, benchmark), spreads, strict=True))
    shared = float(np.dot(returns - returns.mean(), benchmark - benchmark.mean()))
    rho = min(max(shared / (returns.size - 1) / (spreads[0] * spreads[1]), -1.0), 1.0)
    variance = (2.0 - 2.0 * rho + 0.5 * (own * own + its * its - 2.0 * own * its * rho * rho)) / returns.size
    if variance * returns.size <= _AS_ONE:
        return math.nan
    return NormalDist().cdf((own - its) / math.sqrt(variance))
