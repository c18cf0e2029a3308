"""Whether the best of many beats a benchmark by more than luck: White's Reality Check and Hansen's test."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData
from openbell.portfolio.bootstrap import block_length, stationary_rows

Floats = NDArray[np.float64]

_AT_ONCE = 128  #: draws, so that their matrix stays small


class Superiority(NamedTuple):
    """P-values that none of the trials is better than the benchmark.

    `reality_check` is White's. Hansen's is `consistent`; `lower` and `upper` bound it: trials that are
    clearly worse than the benchmark count for nothing in it.
    """

    reality_check: float
    lower: float
    consistent: float
    upper: float
    best: int  #: the column with the best mean


def superiority(
    excess: Floats, *, draws: int = 1_000, length: float | None = None, seed: int = 0
) -> Superiority:
    """Test whether the best of many trials is better than a benchmark.

    White (2000), A Reality Check for Data Snooping; Hansen (2005), A Test for Superior Predictive Ability,
    whose statistic is studentised by the stationary bootstrap's own variance.

    Args:
        excess: (periods, trials), each trial's return less the benchmark's; of all that was tried.
        draws: Resamples.
        length: Mean block length; None takes what serves the best trial.
        seed: Of the resamples.

    Raises:
        BadData: There are too few periods, or a number is missing.
    """
    if excess.ndim != 2 or excess.shape[0] < 9 or excess.shape[1] < 1 or not np.isfinite(excess).all():
        raise BadData(f"excess returns of shape {excess.shape}: give (periods, trials), nine periods or more")
    count = len(excess)
    means = excess.mean(axis=0)
    best = int(np.argmax(means))
    blocks = block_length(excess[:, best]) if length is None else length
    drawn = _means(excess, stationary_rows(count, blocks, draws, seed=seed))
    root = math.sqrt(count)
    spread = root * (drawn - means).std(axis=0)
    scale = np.where(spread > 0.0, spread, 1.0)
    observed = max(0.0, float((root * means / scale).max()))
    white = float((root * (drawn - means).max(axis=1) > root * means.max()).mean())
    border = -scale / root * math.sqrt(2.0 * math.log(math.log(count)))
    centres = (np.maximum(means, 0.0), np.where(means >= border, means, 0.0), means)
    lower, consistent, upper = (_share(root * (drawn - centre) / scale, observed) for centre in centres)
    return Superiority(white, lower, consistent, upper, best)


def _means(excess: Floats, draws: Iterable[NDArray[np.int64]]) -> Floats:
    """Return each draw's mean of each column, (draws, trials): how often each row is drawn, times the rows.

    It is a product of matrices: to gather the rows of each draw takes many times as long.
    """
    count, found = len(excess), []
    rows = iter(draws)
    while some := list(islice(rows, _AT_ONCE)):
        often = np.stack([np.bincount(one, minlength=count) for one in some]).astype(np.float64)
        found.append(often @ excess)
    return np.concatenate(found) / count


def _share(drawn: Floats, observed: float) -> float:
    return float((np.maximum(drawn.max(axis=1), 0.0) > observed).mean())
