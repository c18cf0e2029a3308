"""Which range of time to ask a provider for, and which of its bars are finished and belong to sessions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND
from openbell.data import stamps
from openbell.data.bars import CalendarUnit, parse_timeframe
from openbell.data.calendar import Sessions, sessions
from openbell.data.catalog import Key
from openbell.data.providers.protocol import Batch, Span

#: How long after a session's close its bar may still change: closing auctions and late prints come after it.
SETTLE_DAY = 30 * 60 * NANOS_PER_SECOND
#: The same for shorter bars.
SETTLE_BAR = 60 * NANOS_PER_SECOND
#: How old a range without bars must be, before it counts as one that has none: vendors are late.
SETTLE_NOTHING = 7 * NANOS_PER_DAY

_MARGIN = 40 * NANOS_PER_DAY  #: more than a month and its holidays


class Kept(NamedTuple):
    """Bars of sessions, and how many others there were."""

    batch: Batch
    outside: int


def finished_until(key: Key, now: int) -> int:
    """Return the moment before which every bar that opened is complete, and settled."""
    step = parse_timeframe(key.timeframe)
    if isinstance(step, int):
        return now - step - SETTLE_BAR + 1
    known = sessions(key.source.calendar, now - _MARGIN, now)
    running = int(np.searchsorted(known.closes, now - SETTLE_DAY, side="right"))
    return int(known.opens[np.searchsorted(known.dates, _first_day(step, int(known.dates[running])))])


def ask_for(key: Key, span: Span) -> Span | None:
    """Return what to ask of a provider for the bars that open in a span; None if none does.

    A provider knows longer bars by their dates, the catalog by their sessions: the days of the span's
    sessions are asked, from midnight to midnight in UTC, and weeks and months from their beginning.
    """
    step = parse_timeframe(key.timeframe)
    if isinstance(step, int):
        return span
    known = sessions(key.source.calendar, span.start, span.end)
    first, beyond = np.searchsorted(known.opens, span).tolist()
    if first >= beyond:
        return None
    begin = _first_day(step, int(known.dates[first]))
    return Span(begin * NANOS_PER_DAY, (int(known.dates[beyond - 1]) + 1) * NANOS_PER_DAY)


def _first_day(unit: CalendarUnit, day: int) -> int:
    """Return the first day, since 1970, of the bar that a day belongs to."""
    if unit is CalendarUnit.WEEK:
        return day - (day + 3) % 7  # 1970-01-01 was a Thursday
    if unit is CalendarUnit.MONTH:
        return int(np.datetime64(day, "D").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64))
    return day


def keep_sessions(key: Key, batch: Batch) -> Kept:
    """Leave out intraday bars before and after the session, which several providers send with the others."""
    step = parse_timeframe(key.timeframe)
    if isinstance(step, CalendarUnit) or key.source.session != "regular" or not len(batch.start):
        return Kept(batch, 0)
    known: Sessions = sessions(key.source.calendar, int(batch.start[0]), int(batch.start[-1]))
    _, _, inside = stamps.place_moments(batch.start, step, known, at_end=False)
    columns = {name: column[inside] for name, column in batch.columns.items()}
    return Kept(Batch(batch.start[inside], columns), int((~inside).sum()))


def within_reach(span: Span, days: int | None, now: int) -> Span:
    """Return the part of a span that a provider still has, if it keeps so many days; it may be empty."""
    if days is None:
        return span
    start = max(span.start, now - days * NANOS_PER_DAY)
    return Span(start, max(span.end, start))
