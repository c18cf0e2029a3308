"""How often an idea was tried on data, and how many of those trials were independent of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried of an idea on data, as far as it decides what the best of it is worth.

    Args:
        count: How many different trials there were, 1 or more.
        independent: How many independent ones they are worth, from 1 to `count`.
        deviation: The standard deviation of their Sharpe ratios of one period, not annualised; 0 where fewer
            than two of them have one.
        overfitting: The probability of backtest overfitting of the choice among them; None where the returns
            of too few are known.
        compared: How many of them that is made of.
    """

    count: int
    independent: float
    deviation: float
    overfitting: float | None = None
    compared: int = 0


def tried_of(sharpes: Floats, returns: Floats | None = None) -> Tried:
    """Return what trials come to that were made over the same periods.

    Args:
        sharpes: (trials,) of one period each; NaN of a trial that has none, as it never traded.
        returns: (kept, periods) of those trials whose returns were kept; none counts each trial as
            independent, which is the stricter reading.

    Raises:
        BadData: There is no trial, or a return is no number.
    """
    if returns is None or not len(returns):
        return tried_with(sharpes, 0.0)
    rows = standardise(returns)
    return tried_with(sharpes, mean_correlation(rows.sum(axis=0), len(rows)))


def tried_with(sharpes: Floats, correlation: float) -> Tried:
    """Return what trials come to whose returns have this mean correlation with each other.

    Raises:
        BadData: There is no trial.
    """
    if not len(sharpes):
        raise BadData("nothing was tried: an effective number needs one trial or more")
    known = sharpes[np.isfinite(sharpes)]
    deviation = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return Tried(len(sharpes), effective_number(len(sharpes), correlation), deviation)


def effective_number(count: int, correlation: float) -> float:
    """Return how many independent trials so many correlated ones are worth.

    Bailey and López de Prado (2014), The Deflated Sharpe Ratio, appendix A.3: N = rho + (1 - rho) M, where
    rho is the mean correlation of pairs of trials. One below zero counts as none: no set of trials is worth
    more than their number.
    """
    rho = min(max(correlation, 0.0), 1.0)
    return rho + (1.0 - rho) * count


def standardise(returns: Floats) -> Floats:
    """Return rows of returns with mean 0 and length 1, whose products are correlations: (varying, periods).

    A row that does not vary has no correlation, and is left out.

    Raises:
        BadData: A return is no number.
    """
    if returns.ndim != 2 or not np.isfinite(returns).all():
        raise BadData(f"returns of shape {returns.shape} must be numbers, a row for each trial")
    largest = np.abs(returns).max(axis=1, initial=0.0)
    scaled = returns / np.maximum(largest, np.finfo(np.float64).tiny)[:, None]  # squares may be too small
    centred = scaled - scaled.mean(axis=1, keepdims=True)
    length = np.sqrt((centred * centred).sum(axis=1))
    varies = length > 1e-12 * np.sqrt(max(returns.shape[1], 1))
    rows: Floats = centred[varies] / length[varies, None]
    return rows


def mean_correlation(total: Floats, count: int) -> float:
    """Return the mean correlation of pairs of trials, from the sum of their standardised returns.

    The square of the sum has each pair twice, and each trial with itself once: no pair need be looked at.

    Args:
        total: (periods,) the sum of the rows that `standardise` made.
        count: How many rows; 0 is the answer for fewer than two.
    """
    if count < 2:
        return 0.0
    return (float(total @ total) - count) / (count * (count - 1))
