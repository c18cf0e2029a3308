"""Sketches of what trials earned when: small enough to keep for all of them, exact enough to compare them.

A sketch has one number for each stretch of time, at most `MOST` of them. A stretch is 2**shift ns long and
is counted from 1970 on, so that sketches of other ranges and of other lengths fit onto each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.portfolio.overfitting import FEWEST_TRIALS, overfitting_probability, parts_of
from openbell.portfolio.tried import mean_correlation, standardise

Floats = NDArray[np.float64]

MOST = 256
#: Fewer stretches than this say nothing about how alike two courses are.
FEWEST = 12
#: More trials than this make a probability of overfitting slower and no surer.
MOST_COMPARED = 256


class Sketch(NamedTuple):
    """The sum of what some trials earned in each stretch, each trial standardised to length 1."""

    shift: int  #: a stretch is 2**shift ns
    first: int  #: the number of the first stretch, from 1970 on
    total: Floats  #: (stretches,)
    rows: int  #: how many trials are in it


class Courses(NamedTuple):
    """What each of some trials earned in each stretch."""

    rows: NDArray[np.int64]  #: which of the trials, ascending
    shift: int  #: a stretch is 2**shift ns
    first: int  #: the number of the first stretch, from 1970 on
    returns: Floats  #: (rows, stretches) log returns

    @property
    def sketch(self) -> Sketch | None:
        """The sketch of all of them; None where none varies."""
        rows = standardise(self.returns)
        return Sketch(self.shift, self.first, rows.sum(axis=0), len(rows)) if len(rows) else None

    def within(self, other: Courses) -> Floats | None:
        """(rows, stretches) the same in another's stretches; None if not in all of them, or coarser."""
        if self.shift > other.shift:
            return None
        if (self.shift, self.first, self.returns.shape[1]) == (
            other.shift,
            other.first,
            other.returns.shape[1],
        ):
            return self.returns
        at = ((self.first + np.arange(self.returns.shape[1])) >> (other.shift - self.shift)) - other.first
        count = other.returns.shape[1]
        if at[0] > 0 or at[-1] < count - 1:
            return None
        kept = (at >= 0) & (at < count)
        summed: Floats = np.add.reduceat(
            self.returns[:, kept], np.flatnonzero(np.diff(at[kept], prepend=-1)), axis=1
        )
        return summed


class Part(NamedTuple):
    """Trials that were recorded together, and the sketch of all or of some of them."""

    size: int  #: how many
    sketch: Sketch | None


def courses_of(times: NDArray[np.int64], curves: Floats) -> Courses | None:
    """Return the courses of equity curves; None where they are too short, or none has one.

    Args:
        times: (marks,) ns UTC of the curves' values.
        curves: (trials, marks) equity; a row that is not above zero throughout is left out.
    """
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero((curves.min(axis=1) > 0.0) & (curves.max(axis=1) < math.inf))
    if len(times) <= FEWEST or not len(rows):
        return None
    shift = _shift(int(times[1]), int(times[-1]))
    at = times[1:] >> shift
    starts = np.flatnonzero(np.diff(at, prepend=at[0] - 1))
    if len(starts) < FEWEST:
        return None
    returns = np.zeros((len(rows), int(at[-1] - at[0]) + 1))
    returns[:, at[starts] - at[0]] = np.diff(np.log(curves[rows][:, np.append(starts, len(at))]), axis=1)
    return Courses(rows, shift, int(at[0]), returns)


def sketch_of(times: NDArray[np.int64], curves: Floats) -> Sketch | None:
    """Return the sketch of equity curves; arguments as of `courses_of`."""
    courses = courses_of(times, curves)
    return None if courses is None else courses.sketch


def correlation_of(parts: Sequence[Part]) -> float:
    """Return the mean correlation of pairs of trials, over all parts.

    Within a part it is that of its sketch; between two it is the product of their sketches, each taken for
    all trials of its part. What has no sketch counts as correlated with nothing.
    """
    count = sum(part.size for part in parts)
    if count < 2:
        return 0.0
    drawn = [(part.size, part.sketch) for part in parts if part.sketch is not None]
    if not drawn:
        return 0.0
    within = sum(n * (n - 1) * mean_correlation(sketch.total, sketch.rows) for n, sketch in drawn)
    shift = max(sketch.shift for _, sketch in drawn)
    weighted = [(sketch.first, sketch.shift, sketch.total * (n / sketch.rows)) for n, sketch in drawn]
    first = min(number >> (shift - own) for number, own, _ in weighted)
    last = max((number + len(total) - 1) >> (shift - own) for number, own, total in weighted)
    joint, own_squares = np.zeros(last - first + 1), 0.0
    for number, own, total in weighted:
        at = ((number + np.arange(len(total))) >> (shift - own)) - first
        mine = np.bincount(at - at[0], total)
        joint[at[0] : at[0] + len(mine)] += mine
        own_squares += float(mine @ mine)
    return (within + float(joint @ joint) - own_squares) / (count * (count - 1))


def overfitting_among(known: Iterable[Courses], own: Courses) -> tuple[float | None, int]:
    """Return the probability of overfitting of the choice among trials, and of how many of them it is.

    It is that of Bailey, Borwein, López de Prado and Zhu (2017), by what each trial earned in each stretch. A
    trial counts that has a course through all stretches of `own`; too few of them have no probability.

    Args:
        known: The courses of trials; the first ones count where there are more than `MOST_COMPARED`.
        own: Whose stretches they are compared in.
    """
    found: list[Floats] = []
    count = 0
    for courses in known:
        cut = courses.within(own)
        if cut is not None:
            found.append(cut[: MOST_COMPARED - count])
            count += len(found[-1])
        if count == MOST_COMPARED:
            break
    parts = parts_of(own.returns.shape[1])
    if count < FEWEST_TRIALS or not parts:
        return None, count
    return overfitting_probability(np.concatenate(found).T.copy(), parts=parts).probability, count


def _shift(first: int, last: int) -> int:
    """Return the shortest stretch, as a power of two, of which a span has no more than `MOST`."""
    shift = 0
    while (last >> shift) - (first >> shift) >= MOST:
        shift += 1
    return shift
