"""How likely the choice of the best was a choice of noise: combinatorially symmetric cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData, ConfigError

Floats = NDArray[np.float64]

#: Of fewer trials there is not much of a choice.
FEWEST_TRIALS = 4
#: A part of a split must have so many returns, that a Sharpe ratio of it means something.
FEWEST_IN_PART = 20
MOST_PARTS = 16

#: A Sharpe ratio of a period beyond this is no ratio: the returns do not vary, but for rounding.
_MOST = 1e6
_AT_ONCE = 4_000_000  #: ratios that are held at a time


class Overfitting(NamedTuple):
    """What the splits of a sample say.

    `probability` is the share of splits in which the best in sample is below the median out of sample.
    `logits` has one value a split, below zero where it is; `inside` and `outside` are the best one's
    performance in and out of sample; `degradation` is the slope of outside over inside; `loss` is the share
    of splits in which the best one loses out of sample.
    """

    probability: float
    logits: Floats
    inside: Floats
    outside: Floats
    degradation: float
    loss: float


def parts_of(periods: int) -> int:
    """Return into how many parts so many returns are to be cut; 0 where they are too few for two."""
    return min(MOST_PARTS, 2 * (periods // (2 * FEWEST_IN_PART)))


def sharpe_of_columns(returns: Floats) -> Floats:
    """Return each column's Sharpe ratio of a period; 0 where returns do not vary."""
    return _ratio(returns.mean(axis=0), returns.std(axis=0, ddof=1))


def overfitting_probability(
    returns: Floats, *, parts: int = 16, measure: Callable[[Floats], Floats] = sharpe_of_columns
) -> Overfitting:
    """Return the probability of backtest overfitting of a set of trials.

    Bailey, Borwein, López de Prado and Zhu (2017), The Probability of Backtest Overfitting: the rows are cut
    into parts; each half of them is once in sample, the other half out of sample.

    Args:
        returns: (periods, trials) of all that was tried, not only of the good ones.
        parts: Into how many parts the periods are cut, even; 16 gives 12,870 splits.
        measure: Performance of each column.

    Raises:
        BadData: There are fewer than two trials, or too few periods.
        ConfigError: `parts` is not even, or below 2.
    """
    if parts < 2 or parts % 2:
        raise ConfigError(f"parts={parts} must be even, 2 or more")
    if returns.ndim != 2 or returns.shape[1] < 2 or returns.shape[0] < 2 * parts:
        raise BadData(
            f"returns of shape {returns.shape}: give (periods, trials), two trials or more and "
            f"{2 * parts} periods or more"
        )
    if not np.isfinite(returns).all():
        raise BadData("a return is no number; a trial without a figure cannot be ranked")
    pieces = np.array_split(np.arange(len(returns)), parts)
    splits = np.array(list(combinations(range(parts), parts // 2)))
    logits, inside, outside = (np.empty(len(splits)) for _ in range(3))
    judged = _sharpes(returns, pieces, splits) if measure is sharpe_of_columns else None
    for rows, here, there in judged or _measured(returns, pieces, splits, measure):
        each = np.arange(len(here))
        best = here.argmax(axis=1)
        inside[rows], outside[rows] = here[each, best], there[each, best]
        own = there[each, best][:, None]
        below = (there < own).sum(axis=1) + 0.5 * ((there == own).sum(axis=1) + 1)
        rank = below / (returns.shape[1] + 1)
        logits[rows] = np.log(rank / (1.0 - rank))
    probability, loss = float((logits <= 0.0).mean()), float((outside < 0.0).mean())
    return Overfitting(probability, logits, inside, outside, _slope(inside, outside), loss)


#: Splits, and the performance of each trial in and out of sample: (splits,), twice (splits, trials).
_Judged = Iterator[tuple[NDArray[np.int64], Floats, Floats]]


def _measured(
    returns: Floats, pieces: list[NDArray[np.int64]], splits: NDArray[np.int64],
    measure: Callable[[Floats], Floats],
) -> _Judged:  # fmt: skip
    """Measure the splits one by one."""
    for i, chosen in enumerate(splits):
        rest = np.setdiff1d(np.arange(len(pieces)), chosen)
        here, there = (measure(returns[np.concatenate([pieces[k] for k in part])]) for part in (chosen, rest))
        yield np.array([i]), here[None, :], there[None, :]


def _sharpes(returns: Floats, pieces: list[NDArray[np.int64]], splits: NDArray[np.int64]) -> _Judged:
    """Measure Sharpe ratios from the parts' sums and sums of squares, many splits at a time.

    What is out of sample in the first half of the splits is in sample in the second, in the reverse order.
    """
    sizes = np.array([float(len(piece)) for piece in pieces])
    sums = np.array([returns[piece].sum(axis=0) for piece in pieces])
    squares = np.array([(returns[piece] ** 2).sum(axis=0) for piece in pieces])
    count = len(splits)
    step = max(_AT_ONCE // returns.shape[1], 1)
    for first in range(0, count // 2, step):
        rows = np.arange(first, min(first + step, count // 2))
        taken = np.zeros((len(rows), len(pieces)))
        np.put_along_axis(taken, splits[rows], 1.0, axis=1)
        here, there = (_sharpe_of(mask, sizes, sums, squares) for mask in (taken, 1.0 - taken))
        yield rows, here, there
        yield count - 1 - rows, there, here


def _sharpe_of(mask: Floats, sizes: Floats, sums: Floats, squares: Floats) -> Floats:
    """(splits, trials) Sharpe ratios of the parts that each row of the mask takes."""
    count = (mask @ sizes)[:, None]
    mean = mask @ sums / count
    spread = np.sqrt(np.maximum(mask @ squares - count * mean**2, 0.0) / (count - 1.0))
    return _ratio(mean, spread)


def _ratio(mean: Floats, spread: Floats) -> Floats:
    ratio: Floats = np.divide(mean, spread, out=np.zeros_like(mean), where=spread > np.abs(mean) / _MOST)
    return ratio


def _slope(x: Floats, y: Floats) -> float:
    """Return the slope of y over x by least squares; 0 where x does not vary."""
    centred = x - x.mean()
    spread = float(centred @ centred)
    return float(centred @ (y - y.mean()) / spread) if spread > 0.0 else 0.0
