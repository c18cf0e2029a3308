"""Stored bars as a feed would bring them: moment by moment, in the order in which they became known."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from openbell.core.messages import BarMessage
from openbell.data.bars import COLUMNS, Series


def moments_of(series: Sequence[Series]) -> Iterator[list[BarMessage]]:
    """Yield the bars of each moment, in the order of the series."""
    merged = heapq.merge(*map(messages_of, series), key=attrgetter("end"))
    for _, bars in groupby(merged, key=attrgetter("end")):
        yield list(bars)


def messages_of(series: Series) -> Iterator[BarMessage]:
    """Yield a series' bars as messages."""
    columns = [getattr(series, name).tolist() for name in COLUMNS]
    for start, known, *values in zip(series.start.tolist(), series.known.tolist(), *columns, strict=True):
        yield BarMessage(series.symbol, start, known, *values)
