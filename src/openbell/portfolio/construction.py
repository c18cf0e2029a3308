"""Weights of a portfolio from the covariance of its symbols: long only, adding up to 1.

What has a closed form or a short iteration is written here; `optimised` has what needs a solver.
"""

from __future__ import annotations

import numpy as np

from openbell.core.errors import BadData
from openbell.portfolio.metrics import FloatArray

_SWEEPS = 10_000
_STEPS = 10  #: for each symbol
_TOLERANCE = 1e-13


def equal_weight(covariance: FloatArray) -> FloatArray:
    """Return `1 / n` for each of the n symbols of an (n, n) covariance."""
    count = len(_checked(covariance))
    return np.full(count, 1.0 / count)


def inverse_volatility(covariance: FloatArray) -> FloatArray:
    """Return (n,) weights in proportion to `1 / s_i`: risk parity where all correlations are alike."""
    calm = 1.0 / np.sqrt(np.diag(_checked(covariance)))
    weights: FloatArray = calm / calm.sum()
    return weights


def minimum_variance(covariance: FloatArray) -> FloatArray:
    """Return the (n,) weights of the least variance, none of them negative.

    An active set (Nocedal and Wright 2006, 16.5): the closed form `inv(C) 1` on the symbols that are held;
    a step towards it drops what would turn negative, and what would lessen the variance is taken in.
    """
    matrix = _checked(covariance)
    count = len(matrix)
    weights = np.full(count, 1.0 / count)
    held = np.ones(count, np.bool_)
    for _ in range(_STEPS * (count + 1)):
        aim = np.zeros(count)
        aim[held] = np.linalg.solve(matrix[np.ix_(held, held)], np.ones(int(held.sum())))
        aim /= aim.sum()
        falling = held & (aim < 0.0)
        if falling.any():
            steps = weights[falling] / (weights[falling] - aim[falling])
            weights = weights + min(float(steps.min()), 1.0) * (aim - weights)
            held &= ~(falling & (weights <= _TOLERANCE))
            weights[~held] = 0.0
            continue
        weights = aim
        slope = matrix @ weights
        gain = np.where(held, 0.0, float(weights @ slope) - slope)
        if gain.max() <= _TOLERANCE * float(weights @ slope):
            break
        held[int(gain.argmax())] = True
    else:
        raise BadData(f"minimum_variance: no end after {_STEPS * (count + 1)} steps; is the matrix singular?")
    return weights


def maximum_diversification(covariance: FloatArray) -> FloatArray:
    """Return the (n,) weights of the highest ratio of mean volatility to the portfolio's.

    They are those of the least variance under the correlations, each over its volatility (Choueifaty and
    Coignard 2008).
    """
    matrix = _checked(covariance)
    volatility = np.sqrt(np.diag(matrix))
    weights = minimum_variance(matrix / np.outer(volatility, volatility)) / volatility
    made: FloatArray = weights / weights.sum()
    return made


def risk_parity(covariance: FloatArray, budgets: FloatArray | None = None) -> FloatArray:
    """Return the (n,) weights that contribute equally to the risk, or in proportion to `budgets`.

    The minimum of `x'Cx / 2 - sum(b_i ln x_i)`, scaled to 1, by cyclical coordinate descent (Griveau-Billion,
    Richard and Roncalli 2013).
    """
    matrix = _checked(covariance)
    count = len(matrix)
    shares = np.full(count, 1.0 / count) if budgets is None else np.asarray(budgets, np.float64)
    if shares.shape != (count,) or not (shares > 0.0).all():
        raise BadData(f"risk_parity: budgets of shape {shares.shape} must be {count} positive numbers")
    shares = shares / shares.sum()
    variance = np.diag(matrix)
    found = 1.0 / np.sqrt(variance)
    found = found / np.sqrt(found @ matrix @ found)
    for _ in range(_SWEEPS):
        before = found.copy()
        for i in range(count):
            rest = float(matrix[i] @ found) - variance[i] * found[i]
            found[i] = (-rest + np.sqrt(rest**2 + 4.0 * variance[i] * shares[i])) / (2.0 * variance[i])
        if float(np.abs(found / before - 1.0).max()) < _TOLERANCE:
            break
    else:
        raise BadData(f"risk_parity: no end after {_SWEEPS} sweeps; is the matrix a covariance?")
    weights: FloatArray = found / found.sum()
    return weights


def contributions(weights: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return (n,) what each symbol adds to the volatility: `w_i (C w)_i / sqrt(w'Cw)`, which add up to it."""
    slope = _checked(covariance) @ weights
    total = float(np.sqrt(weights @ slope))
    made: FloatArray = weights * slope / total if total > 0.0 else np.zeros(len(weights))
    return made


def _checked(covariance: FloatArray) -> FloatArray:
    """Return a covariance as it is.

    Raises:
        BadData: It is no square matrix of finite numbers with positive variances.
    """
    matrix = np.asarray(covariance, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise BadData(f"a covariance of shape {matrix.shape} must be (n, n), n of 1 or more")
    if not np.isfinite(matrix).all() or not (np.diag(matrix) > 0.0).all():
        raise BadData("a covariance must be finite, its variances positive; leave out what never moved")
    return matrix
