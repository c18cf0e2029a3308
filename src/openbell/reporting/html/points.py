"""Which points of a curve a chart draws: few enough for a browser, and every spike among them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbell.core.types import NANOS_PER_SECOND
from openbell.data.bars import Floats, Times
from openbell.data.calendar import Sessions

Indices = NDArray[np.int64]

#: Most points of a curve.
MOST = 5_000


def thin(curves: Sequence[Floats], most: int = MOST) -> Indices:
    """Return the indices of at most `most` points that keep each curve's lowest and highest of every stretch.

    Args:
        curves: Values of shape (n,) each; NaN is no extreme.
        most: Points to keep; the first and the last are always among them.
    """
    size = len(curves[0])
    if size <= most:
        return np.arange(size)
    buckets = (most - 2) // (2 * len(curves))
    edges = np.linspace(0, size, buckets + 1).astype(np.int64).tolist()
    kept = [0, size - 1]
    for curve in curves:
        low, high = np.where(np.isnan(curve), np.inf, curve), np.where(np.isnan(curve), -np.inf, curve)
        for begin, end in pairwise(edges):
            kept += [begin + int(low[begin:end].argmin()), begin + int(high[begin:end].argmax())]
    return np.unique(np.array(kept, np.int64))


def days(times: Times, sessions: Sessions) -> list[str]:
    """Return the date of the session that each time belongs to."""
    at = np.minimum(np.searchsorted(sessions.closes, times), len(sessions) - 1)
    found: list[str] = sessions.dates[at].astype("datetime64[D]").astype(str).tolist()
    return found


def minutes(times: Times) -> list[str]:
    """Return times as UTC text, to the minute, or to the second where that is needed."""
    whole = not (times % (60 * NANOS_PER_SECOND)).any()
    texts = np.datetime_as_string(times.astype("datetime64[ns]"), unit="m" if whole else "s")
    return [text.replace("T", " ") for text in texts.tolist()]


def numbers(values: Floats, decimals: int) -> list[Any]:
    """Return values as JSON takes them: rounded, and None for what is no finite number."""
    rounded = np.round(values, decimals)
    if np.isfinite(rounded).all():
        plain: list[Any] = rounded.tolist()
        return plain
    return [value if np.isfinite(value) else None for value in rounded.tolist()]


def decimals_of(values: Floats, digits: int = 6) -> int:
    """Return the decimals with which the largest of the values shows that many digits."""
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    return max(0, digits - 1 - int(np.floor(np.log10(largest)))) if largest else 0
