"""Resampling of returns that remember: stationary bootstrap, block lengths, intervals of any figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData, ConfigError

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_NORMAL = NormalDist()


def block_length(returns: Floats) -> float:
    """Return the mean block length that serves a stationary bootstrap of returns, (n,), best.

    Politis and White (2004), Automatic Block-Length Selection for the Dependent Bootstrap, with the
    correction of Patton, Politis and White (2009): a flat-top lag window up to twice the lag after which
    correlations are no longer significant. At least 1; at most the smaller of 3 √n and n / 3.

    Raises:
        BadData: There are fewer than nine returns, or one is no number.
    """
    count = len(returns)
    if returns.ndim != 1 or count < 9 or not np.isfinite(returns).all():
        raise BadData(f"returns of shape {returns.shape}: nine or more numbers in one row are needed")
    centred = returns - returns.mean()
    if not centred.any():
        return 1.0
    significant = max(5, math.ceil(math.sqrt(math.log10(count))))
    furthest = math.ceil(math.sqrt(count)) + significant
    lags = min(furthest, count - 1)
    covariances = np.array([float(centred[k:] @ centred[: count - k]) / count for k in range(lags + 1)])
    limit = 2.0 * math.sqrt(math.log10(count) / count)
    window = min(2 * _last_significant(covariances / covariances[0], significant, limit), lags)
    k = np.arange(-window, window + 1)
    shares = np.abs(k) / max(window, 1)
    weights = np.where(shares <= 0.5, 1.0, 2.0 * (1.0 - shares)) * covariances[np.abs(k)]
    slope, level = float((weights * np.abs(k)).sum()), float(weights.sum())
    length = (2.0 * slope * slope / (2.0 * level * level)) ** (1 / 3) * count ** (1 / 3) if level else 1.0
    most = math.ceil(min(3.0 * math.sqrt(count), count / 3.0))
    return float(min(max(length, 1.0), most))


def stationary_rows(count: int, length: float, draws: int, *, seed: int) -> Iterator[Rows]:
    """Yield `draws` resamples of the rows 0 to count - 1, each (count,), by the stationary bootstrap.

    Politis and Romano (1994): blocks begin anywhere and go round the end; their lengths are geometric with
    the mean `length`.

    Raises:
        ConfigError: A number is out of range.
    """
    if count < 1 or draws < 1 or not length >= 1.0:
        raise ConfigError(f"count={count}, draws={draws} and length={length} must be 1 or more")
    random = np.random.default_rng(seed)
    places = np.arange(count)
    for _ in range(draws):
        begins = random.random(count) < 1.0 / length
        begins[0] = True
        starts = np.maximum.accumulate(np.where(begins, places, 0))
        origins = random.integers(0, count, count)
        yield (origins[starts] + places - starts) % count


class Interval(NamedTuple):
    """A figure and between what its true value lies, with the asked confidence."""

    value: float
    low: float
    high: float


def confidence_interval(
    returns: Floats,
    figure: Callable[[Floats], float],
    *,
    confidence: float = 0.95,
    draws: int = 2_000,
    length: float | None = None,
    seed: int = 0,
) -> Interval:
    """Return the bias-corrected and accelerated interval of a figure of returns.

    Efron (1987), Better Bootstrap Confidence Intervals; the acceleration is from the jackknife. Resamples
    are by the stationary bootstrap, so that clusters of volatility stay together.

    Args:
        returns: (n,).
        figure: What is asked of a row of returns, such as a Sharpe ratio.
        confidence: Of the interval.
        draws: Resamples.
        length: The mean block length; None chooses it, 1 is for independent rows such as trades.
        seed: Of the resamples.

    Raises:
        BadData: The figure is no number.
        ConfigError: A number is out of range.
    """
    if not 0.5 < confidence < 1.0:
        raise ConfigError(f"confidence={confidence} must be above 0.5 and below 1, such as 0.95")
    value = float(figure(returns))
    if not math.isfinite(value):
        raise BadData("the figure of all returns is no number, so it has no interval")
    blocks = block_length(returns) if length is None else length
    found = np.array([
        figure(returns[rows]) for rows in stationary_rows(len(returns), blocks, draws, seed=seed)
    ])  # fmt: skip
    left = np.array([figure(np.delete(returns, i)) for i in range(len(returns))])
    return accelerated(value, found, acceleration(left), confidence=confidence)


def accelerated(value: float, found: Floats, bend: float, *, confidence: float = 0.95) -> Interval:
    """Return the bias-corrected and accelerated interval of a figure from its resamples.

    Args:
        value: Of all data.
        found: (draws,) of the resamples; what is no number is left out.
        bend: The acceleration.
        confidence: Of the interval.
    """
    found = np.sort(found[np.isfinite(found)])
    share = (np.count_nonzero(found < value) + 0.5 * np.count_nonzero(found == value)) / max(len(found), 1)
    if not 0.0 < share < 1.0:
        return Interval(value, value, value)
    bias = _NORMAL.inv_cdf(share)
    tail = (1.0 - confidence) / 2.0
    low, high = (_corrected(bias, bend, p) for p in (tail, 1.0 - tail))
    return Interval(value, *(float(np.quantile(found, p)) for p in (low, high)))


def acceleration(left: Floats) -> float:
    """Return the acceleration of a figure from its values, (n,), without each observation in turn.

    Efron (1987), by the jackknife; what is no number is left out.
    """
    left = left[np.isfinite(left)]
    if not len(left):
        return 0.0
    away = left.mean() - left
    scale = float((away**2).sum()) ** 1.5
    return float((away**3).sum()) / (6.0 * scale) if scale > 0.0 else 0.0


def _corrected(bias: float, bend: float, share: float) -> float:
    shifted = bias + _NORMAL.inv_cdf(share)
    return _NORMAL.cdf(bias + shifted / (1.0 - bend * shifted))


def _last_significant(correlations: Floats, run: int, limit: float) -> int:
    """Return the last lag before `run` lags in a row that are not significant."""
    small = np.abs(correlations[1:]) < limit
    for lag in range(len(small) - run + 1):
        if small[lag : lag + run].all():
            return max(lag, 1)
    significant = np.flatnonzero(~small)
    return int(significant[-1]) + 1 if len(significant) else 1
