"""A run's positions against the market's returns in other orders: what it would have gained by chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.outcome import Outcome
from openbell.backtesting.splitmix import STEP, begin, kept, share_of, shared
from openbell.core.errors import BadData
from openbell.data.bars import Floats

Rows = NDArray[np.int64]


class Paired(NamedTuple):
    """What positions earn, before costs, as a Sharpe ratio of a session."""

    own: float  #: in the order that was
    others: Floats  #: (draws,) in other orders


def pair_anew(outcome: Outcome, *, draws: int, seed: int = 0) -> Paired:
    """Put the sessions' returns in other orders beside the positions that were held.

    A position is a share of equity at a session's close; its return is that of the next session, the same
    order for all symbols. Where returns follow each other by chance every order is as likely, however long
    positions are held. Aronson (2007), Evidence-Based Technical Analysis, after Masters (2006), Monte-Carlo
    Evaluation of Trading Systems.

    Raises:
        BadData: Nothing was held, or what was held earned the same in every session.
    """
    weights, returns = positions_of(outcome)
    own = np.empty(1)
    _measure(weights, returns, np.arange(len(returns)), own)
    if not np.isfinite(own[0]):
        raise BadData("positions that earned nothing, or always the same, cannot be judged by their order")
    others = np.empty(draws)
    shared(lambda first, last: _pair(weights, returns, first, last, np.uint64(seed), others), draws)
    return Paired(float(own[0]), others)


def positions_of(outcome: Outcome) -> tuple[Floats, Floats]:
    """(sessions, symbols) shares of equity at the closes, and the returns of the sessions after them."""
    marks = np.unique(np.append(0, outcome.daily))
    equity = outcome.equity[marks][:-1]
    names = list(outcome.holdings)
    weights, returns = (np.zeros((len(marks) - 1, len(names))) for _ in range(2))
    for at, name in enumerate(names):
        value = outcome.values[name][marks][:-1]
        np.divide(value, equity, out=weights[:, at], where=equity > 0.0)
        grown = outcome.panel.growth(name)[outcome.first :][marks]
        np.divide(grown[1:], grown[:-1], out=returns[:, at], where=grown[:-1] > 0.0)
        returns[:, at] = np.where(returns[:, at] > 0.0, returns[:, at] - 1.0, 0.0)
    return weights, returns


@kept
def _measure(weights: Floats, returns: Floats, order: Rows, found: Floats) -> None:
    count = len(order)
    total = squares = 0.0
    for at in range(count):
        gain = 0.0
        for symbol in range(weights.shape[1]):
            gain += weights[at, symbol] * returns[order[at], symbol]
        total += gain
        squares += gain * gain
    mean = total / count
    spread = squares / count - mean * mean
    found[0] = mean / np.sqrt(spread) if spread > 0.0 else np.nan


@kept
def _pair(weights: Floats, returns: Floats, first: int, last: int, seed: np.uint64, found: Floats) -> None:
    count = len(returns)
    order = np.empty(count, np.int64)
    for draw in range(first, last):
        state = begin(seed, draw)
        for at in range(count):
            order[at] = at
        for at in range(count):
            state += STEP
            other = at + int(share_of(state) * (count - at))
            order[at], order[other] = order[other], order[at]
        _measure(weights, returns, order, found[draw : draw + 1])
