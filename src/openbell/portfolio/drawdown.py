"""Falls of an equity curve from its running peak: how deep, from when to when, and what they cost.

Depths are fractions of the peak and never positive: -0.2 is twenty percent down. The rules for undefined
values are those of `portfolio.metrics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from openbell.core.errors import ConfigError
from openbell.portfolio.metrics import (
    ROUNDING,
    FloatArray,
    IntArray,
    cagr,
    is_usable,
    undefined_is_nan,
)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One fall and its recovery. `peak`, `trough` and `recovery` are indices into the curve.

    Attributes:
        depth: the fall from the peak to the trough, a fraction, negative.
        peak: the last point at the old high.
        trough: the first point at the lowest value.
        recovery: the first point back at the old high; None while the curve is still below it.
        length: points from the peak to the recovery, or to the curve's end.
    """

    depth: float
    peak: int
    trough: int
    recovery: int | None
    length: int


class Spans(NamedTuple):
    """All falls of a curve in time order, as arrays of one length.

    `peaks` are the last points at the old high, `ends` the recoveries, or the number of points where there
    is none.
    """

    peaks: IntArray
    ends: IntArray
    depths: FloatArray


def _is_drawable(equity: FloatArray) -> bool:
    return is_usable(2, equity) and bool(equity[0] > 0)


def drawdowns(equity: FloatArray) -> FloatArray:
    """Return the fall from the running peak at each point, shape (n,), zero at a peak.

    NaN from the first NaN or infinity on, and where the peak so far is zero or less.

    Raises:
        BadData: `equity` is no 1-D array.
    """
    is_usable(0, equity)
    with np.errstate(all="ignore"):
        peak = np.maximum.accumulate(np.where(np.isfinite(equity), equity, math.nan))
        fall = equity / peak - 1.0
    result: FloatArray = np.where((peak > 0) & np.isfinite(fall), fall, math.nan)
    return result


def drawdown_spans(equity: FloatArray) -> Spans:
    """Return every fall of the curve; none for a curve with fewer than 2 points or with a NaN."""
    nothing = np.empty(0, dtype=np.int64)
    if not _is_drawable(equity):
        return Spans(nothing, nothing, np.empty(0))
    fall = drawdowns(equity)
    edges = np.diff((fall < 0).astype(np.int8), append=np.int8(0))
    # The first point is its own peak, so each fall begins after an edge upwards; `append` closes the last.
    peaks = np.flatnonzero(edges == 1)
    ends = np.flatnonzero(edges == -1) + 1
    if peaks.size == 0:
        return Spans(nothing, nothing, np.empty(0))
    bounds = np.column_stack((peaks, ends)).ravel()
    depths = np.minimum.reduceat(np.append(fall, 0.0), bounds)[::2]
    return Spans(peaks, ends, depths)


def top_drawdowns(equity: FloatArray, n: int = 5) -> list[Drawdown]:
    """Return the `n` deepest falls, deepest first, the earlier one first among equals.

    The first of them is the maximum drawdown: with the curve's times, `times[d.peak]` and so on are its
    dates. Empty where there is no fall and where the curve has a NaN (`max_drawdown` tells these apart).

    Raises:
        ConfigError: `n` is less than 1.
    """
    if n < 1:
        raise ConfigError(f"top_drawdowns: n={n} must be 1 or more")
    spans = drawdown_spans(equity)
    found = []
    for i in np.argsort(spans.depths, kind="stable")[:n]:
        peak, end = int(spans.peaks[i]), int(spans.ends[i])
        recovery = end if end < equity.size else None
        found.append(
            Drawdown(
                depth=float(spans.depths[i]),
                peak=peak,
                trough=peak + int(np.argmin(equity[peak:end])),
                recovery=recovery,
                length=(equity.size - 1 if recovery is None else recovery) - peak,
            )
        )
    return found


@undefined_is_nan
def max_drawdown(equity: FloatArray) -> float:
    """Return the deepest fall from a running peak, zero for a curve that never falls. Needs 2 points."""
    return float(drawdowns(equity).min()) if _is_drawable(equity) else math.nan


@undefined_is_nan
def ulcer(equity: FloatArray) -> float:
    """Return the root of the mean square fall over all points (Martin 1987), as a fraction."""
    if not _is_drawable(equity):
        return math.nan
    return math.sqrt(float(np.square(drawdowns(equity)).mean()))


@undefined_is_nan
def calmar(equity: FloatArray, *, start_ns: int, end_ns: int) -> float:
    """Return the compound yearly growth over the size of the maximum drawdown, over the whole curve.

    NaN where the curve never falls (a fall within rounding is none), and where the growth is undefined.
    """
    fall = -max_drawdown(equity)
    if not fall > ROUNDING:
        return math.nan
    return cagr(equity, start_ns=start_ns, end_ns=end_ns) / fall
