"""Bars that no rule forbids and that are hardly ever right: spikes, and prices that stand still."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.data.bars import Floats

Rows = NDArray[np.bool_]

SPIKE = 8.0  #: how many usual moves away a price must be to be a spike
REACH = 8.0  #: how many times the usual way beyond open and close an extreme must be
FEW = 20  #: bars below which nothing is usual
LEAST = 0.10  #: and how far at least, as a share of the price
BACK = 0.35  #: how much of a spike may be left one bar later
STILL = 10  #: bars with one and the same price from which on prices stand still


class Run(NamedTuple):
    """Rows from `first` on, `bars` of them."""

    first: int
    bars: int


def find_spikes(open_: Floats, high: Floats, low: Floats, close: Floats) -> Rows:
    """Tell of each bar whether a price of it is a spike, columns of shape (n,).

    A close is one that is far from the close before and that the next close takes back; a high or a low is
    one that is as far from both the open and the close, and farther than `REACH` times what is usual for
    these. "Far" is `SPIKE` times the usual move from close to close (1.4826 times the median of its size, the
    normal distribution's standard deviation), and `LEAST` at least. The last bar's close cannot be judged:
    nothing is known of what comes after it; nor can fewer than `FEW` bars: nothing is usual among them.
    """
    if len(close) < FEW:
        return np.zeros(len(close), np.bool_)
    moves = np.diff(np.log(close))
    far = max(SPIKE * 1.4826 * float(np.median(np.abs(moves))), LEAST)
    there, back = moves[:-1], moves[1:]
    found = np.zeros(len(close), np.bool_)
    found[1:-1] = (np.abs(there) > far) & (np.abs(there + back) < BACK * np.abs(there))
    body_high, body_low = np.maximum(open_, close), np.minimum(open_, close)
    for reach in (np.log(high / body_high), np.log(body_low / low)):
        found |= reach > max(far, REACH * float(np.median(reach)))
    return found


def find_still(open_: Floats, high: Floats, low: Floats, close: Floats) -> list[Run]:
    """Return the runs of `STILL` or more bars whose four prices are all one and the same."""
    same = (open_ == close) & (high == low) & (high == close)
    joined = same & np.append(False, (close[1:] == close[:-1]) & same[:-1])
    edges = np.flatnonzero(np.diff(np.concatenate(([False], joined, [False])).astype(np.int8)))
    runs = (Run(int(first) - 1, int(last - first) + 1) for first, last in edges.reshape(-1, 2))
    return [run for run in runs if run.bars >= STILL]
