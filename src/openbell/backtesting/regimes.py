"""Two states that returns switch between: Hamilton's model, fitted by expectation and maximisation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from openbell.backtesting.splitmix import kept
from openbell.core.errors import BadData
from openbell.data.bars import Floats

_ROUNDS, _STILL = 500, 1e-8
_RARE = 1e-6
_LEAST = 1e-4  #: of the variance of all returns: a state that is one return alone would have none


class Regimes(NamedTuple):
    """A fitted model. State 0 is the calm one."""

    means: Floats  #: (2,) of a return in each state
    deviations: Floats  #: (2,)
    stays: Floats  #: (2,) the probability that a state goes on for another period
    shares: Floats  #: (n, 2) the probability of each state at each return, from all returns
    likelihood: float  #: log


def fit_regimes(returns: Floats) -> Regimes:
    """Fit a Markov chain of two states, each with a normal law of returns, (n,).

    Hamilton (1989), A New Approach to the Economic Analysis of Nonstationary Time Series and the Business
    Cycle; the parameters are those of greatest likelihood, found by expectation and maximisation (Hamilton,
    1990) from a begin in which the states differ in volatility alone.

    Raises:
        BadData: The returns do not vary, or one is no number.
    """
    spread = float(returns.std()) if len(returns) else 0.0
    if not (np.isfinite(returns).all() and spread > 0.0):
        raise BadData("returns that do not vary, or are no numbers, have no regimes")
    means = np.full(2, returns.mean())
    variances = np.array([0.5, 2.0]) * spread**2
    stays = np.array([0.98, 0.94])
    shares = np.empty((len(returns), 2))
    likelihood = _climb(np.ascontiguousarray(returns), means, variances, stays, shares, _LEAST * spread**2)
    order = np.argsort(variances)
    return Regimes(
        means[order], np.sqrt(variances[order]), stays[order], np.ascontiguousarray(shares[:, order]),
        float(likelihood),
    )  # fmt: skip


@kept
def _climb(  # compiled code takes plain values
    returns: Floats, means: Floats, variances: Floats, stays: Floats, shares: Floats, least: float
) -> float:
    """Improve the parameters in place until the likelihood stands still; return its logarithm."""
    count = len(returns)
    seen, ahead = np.empty((count, 2)), np.empty((count, 2))
    before = -np.inf
    for _ in range(_ROUNDS):
        likelihood = _filter(returns, means, variances, stays, seen, ahead)
        _smooth(stays, seen, ahead, shares)
        if likelihood - before < _STILL * count:
            break
        before = likelihood
        _persist(stays, seen, ahead, shares)
        for k in range(2):
            weight = shares[:, k].sum()
            means[k] = (shares[:, k] * returns).sum() / weight
            variances[k] = max((shares[:, k] * (returns - means[k]) ** 2).sum() / weight, least)
    return likelihood


@kept
def _persist(stays: Floats, seen: Floats, ahead: Floats, shares: Floats) -> None:
    """Improve how likely a state goes on: the expected number of times that it did, of those it was left."""
    found = np.empty(2)
    for k in range(2):
        kept = left = 0.0
        for at in range(len(seen) - 1):  # the probability of two states in a row, given all returns
            kept += shares[at + 1, k] * seen[at, k] * stays[k] / ahead[at + 1, k]
            left += shares[at + 1, 1 - k] * seen[at, k] * (1.0 - stays[k]) / ahead[at + 1, 1 - k]
        found[k] = kept / (kept + left) if kept + left > 0.0 else stays[k]
    for k in range(2):
        stays[k] = min(max(found[k], _RARE), 1.0 - _RARE)


@kept
def _filter(
    returns: Floats, means: Floats, variances: Floats, stays: Floats, seen: Floats, ahead: Floats
) -> float:
    """Write each state's probability by the returns before, and with its own; Hamilton's filter."""
    likelihood = 0.0
    here = np.empty(2)
    calm = (1.0 - stays[1]) / (2.0 - stays[0] - stays[1])
    first, second = calm, 1.0 - calm
    for at in range(len(returns)):
        ahead[at, 0], ahead[at, 1] = first, second
        top = -np.inf
        for k in range(2):
            away = (returns[at] - means[k]) ** 2 / variances[k]
            here[k] = -0.5 * (np.log(2.0 * np.pi * variances[k]) + away)
            top = max(top, here[k])
        first *= np.exp(here[0] - top)
        second *= np.exp(here[1] - top)
        total = first + second
        likelihood += np.log(total) + top
        seen[at, 0], seen[at, 1] = first / total, second / total
        first = seen[at, 0] * stays[0] + seen[at, 1] * (1.0 - stays[1])
        second = 1.0 - first
    return likelihood


@kept
def _smooth(stays: Floats, seen: Floats, ahead: Floats, shares: Floats) -> None:
    """Write the probability of each state given all returns; Kim's smoother."""
    count = len(seen)
    shares[count - 1] = seen[count - 1]
    for at in range(count - 2, -1, -1):
        calm, wild = shares[at + 1, 0] / ahead[at + 1, 0], shares[at + 1, 1] / ahead[at + 1, 1]
        shares[at, 0] = seen[at, 0] * (stays[0] * calm + (1.0 - stays[0]) * wild)
        shares[at, 1] = seen[at, 1] * ((1.0 - stays[1]) * calm + stays[1] * wild)
