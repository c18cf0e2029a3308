"""What a Sharpe ratio is worth: after its length, its tails, and how many others were tried.

All Sharpe ratios here are of one period, not annualised: mean over standard deviation of the returns.
Kurtosis is raw, 3 for a normal distribution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData, ConfigError

Floats = NDArray[np.float64]

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


class Moments(NamedTuple):
    """The moments of a row of returns: Sharpe ratio of a period, skewness, raw kurtosis, and how many."""

    sharpe: float
    skewness: float
    kurtosis: float
    length: int


def moments_of(returns: Floats) -> Moments:
    """Return the moments of returns, (n,).

    The standard deviation has n - 1 in its denominator, skewness and kurtosis are the population's.

    Raises:
        BadData: There are fewer than two returns, one is no number, or they do not vary.
    """
    if returns.ndim != 1 or len(returns) < 2:
        raise BadData(f"returns of shape {returns.shape}: a Sharpe ratio needs two or more, in one row")
    if not np.isfinite(returns).all():
        raise BadData("a return is no number; drop it, or find out why")
    centred = returns - returns.mean()
    spread = float(centred.std())
    if spread <= 1e-15 * max(float(np.abs(returns).max()), 1e-300):
        raise BadData("returns that do not vary have no Sharpe ratio")
    return Moments(
        float(returns.mean() / returns.std(ddof=1)),
        float((centred**3).mean() / spread**3),
        float((centred**4).mean() / spread**4),
        len(returns),
    )


def probabilistic_sharpe(moments: Moments, *, against: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above `against`.

    Bailey and López de Prado (2012), The Sharpe Ratio Efficient Frontier, equation 11.
    """
    distance = (moments.sharpe - against) * math.sqrt(moments.length - 1)
    return _NORMAL.cdf(distance / math.sqrt(_width(moments)))


def expected_maximum(trials: float, deviation: float) -> float:
    """Return the Sharpe ratio that the best of `trials` worthless strategies is expected to have.

    Bailey and López de Prado (2014), The Deflated Sharpe Ratio, equation 1.

    Args:
        trials: How many independent ones were tried, 1 or more.
        deviation: The standard deviation of their Sharpe ratios.
    """
    _check_trials(trials)
    if trials == 1:
        return 0.0
    return deviation * _standard_maximum(trials)


def deflated_sharpe(moments: Moments, *, trials: float, deviation: float) -> float:
    """Return the probability that the best of many trials has a true Sharpe ratio above zero.

    It is the probabilistic Sharpe ratio against what the best of as many worthless ones is expected to have
    (Bailey and López de Prado, 2014).

    Args:
        moments: Of the best one's returns.
        trials: How many independent ones were tried.
        deviation: The standard deviation of their Sharpe ratios.
    """
    return probabilistic_sharpe(moments, against=expected_maximum(trials, deviation))


def minimum_track_record(moments: Moments, *, against: float = 0.0, confidence: float = 0.95) -> float:
    """Return how many returns it takes to be confident that the Sharpe ratio is above `against`.

    Bailey and López de Prado (2012), equation 13. Infinite where the Sharpe ratio is not above it at all.
    """
    _check_confidence(confidence)
    if moments.sharpe <= against:
        return math.inf
    return 1.0 + _width(moments) * (_NORMAL.inv_cdf(confidence) / (moments.sharpe - against)) ** 2


def minimum_backtest_years(trials: float, *, sharpe: float = 1.0) -> float:
    """Return the years below which the best of worthless trials is expected to show a yearly Sharpe ratio.

    Bailey, Borwein, López de Prado and Zhu (2014), Pseudo-Mathematics and Financial Charlatanism, theorem 1:
    with five years and 45 trials, a ratio of 1 means nothing.
    """
    _check_trials(trials)
    if sharpe <= 0.0:
        raise ConfigError(f"sharpe={sharpe} must be above 0")
    return 0.0 if trials == 1 else (_standard_maximum(trials) / sharpe) ** 2


class Haircut(NamedTuple):
    """A Sharpe ratio after a correction for many tests: its p-value, and what is left of it."""

    p_value: float
    sharpe: float


def haircut_sharpe(p_values: Sequence[float], count: int, *, method: str = "bhy") -> list[Haircut]:
    """Return what is left of Sharpe ratios that were tested together, in the order given.

    Harvey and Liu (2015), Backtesting. The p-values are adjusted by Bonferroni, Holm or Benjamini, Hochberg
    and Yekutieli, and turned back into a Sharpe ratio of as many returns.

    Args:
        p_values: Two-sided, one for each test.
        count: How many returns each has.
        method: `bonferroni`, `holm` or `bhy`.

    Raises:
        ConfigError: The method is unknown, or a p-value is none.
    """
    values = np.asarray(p_values, np.float64)
    if not len(values) or not ((values >= 0.0) & (values <= 1.0)).all():
        raise ConfigError("p_values must be numbers from 0 to 1, one or more")
    adjusted = _adjust(values, method)
    return [Haircut(float(p), _sharpe_of(float(p), count)) for p in adjusted]


def p_value_of(sharpe: float, count: int) -> float:
    """Return the two-sided p-value of a Sharpe ratio of `count` returns, by the normal distribution."""
    return 2.0 * (1.0 - _NORMAL.cdf(abs(sharpe) * math.sqrt(count)))


def _sharpe_of(p_value: float, count: int) -> float:
    if p_value <= 0.0:
        return math.inf
    return _NORMAL.inv_cdf(1.0 - p_value / 2.0) / math.sqrt(count) if p_value < 1.0 else 0.0


def _adjust(values: Floats, method: str) -> Floats:
    count = len(values)
    order = np.argsort(values)
    ranks = np.arange(1, count + 1)
    if method == "bonferroni":
        return np.minimum(values * count, 1.0)
    adjusted = np.empty(count)
    if method == "holm":
        steps = np.maximum.accumulate(values[order] * (count - ranks + 1))
    elif method == "bhy":
        harmonic = float((1.0 / ranks).sum())
        steps = np.minimum.accumulate((values[order] * harmonic * count / ranks)[::-1])[::-1]
    else:
        raise ConfigError(f"method={method!r} is unknown; use bonferroni, holm or bhy")
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def _standard_maximum(trials: float) -> float:
    """Return the expected maximum of independent standard normal numbers, by their extreme values."""
    first = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    # It is for many: below one and a half it would be negative, and more trials would speak for a strategy.
    return max(0.0, (1.0 - _EULER) * first + _EULER * second)


def _width(moments: Moments) -> float:
    """Return the variance of a Sharpe ratio's estimate, times the number of returns less one."""
    sharpe = moments.sharpe
    return 1.0 - moments.skewness * sharpe + (moments.kurtosis - 1.0) / 4.0 * sharpe * sharpe


def _check_trials(trials: float) -> None:
    if not 1.0 <= trials < math.inf:
        raise ConfigError(f"trials={trials} must be 1 or more")


def _check_confidence(confidence: float) -> None:
    if not 0.5 < confidence < 1.0:
        raise ConfigError(f"confidence={confidence} must be above 0.5 and below 1, such as 0.95")
