"""What a provider sends, as a series: pages joined, dates turned into sessions, rows checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from openbell.core.errors import BadData
from openbell.core.types import NANOS_PER_DAY, Action
from openbell.data import stamps
from openbell.data.bars import COLUMNS, CalendarUnit, Series, Times, parse_timeframe
from openbell.data.calendar import sessions
from openbell.data.catalog.key import Key
from openbell.data.catalog.merging import check_fresh, moment
from openbell.data.catalog.parts import bars_of, join
from openbell.data.providers.protocol import Batch

_REACH = 31  #: days by which a bar may pass its stamp: a month


def series_of(key: Key, batches: Iterable[Batch], *, actions: Iterable[Action] = ()) -> Series:
    """Make one series of a provider's batches, which follow one another.

    Daily, weekly and monthly stamps are dates: a bar runs from the open of its first session to the close of
    its last. An intraday bar is cut at the open and the close of its session, unless the source's session is
    another than `regular`.

    Raises:
        BadData: A bar breaks a rule, or lies outside every session; names it.
        ConfigError: The calendar is unknown or does not reach so far.
    """
    tables: list[dict[str, Any]] = [
        {"start": batch.start, "known": batch.start, **batch.columns} for batch in batches if len(batch.start)
    ]
    lengths = [len(table["start"]) for table in tables]
    columns = join(tables, lengths) if len(tables) != 1 else tables[0]
    if not len(columns["start"]):
        return replace(bars_of(key, columns), actions=tuple(actions))
    for name in COLUMNS:
        if name not in columns:
            raise BadData(f"{key}: the answer has no column {name!r}")
    start, known = _placed(key, columns["start"])
    columns = {**columns, "start": start, "known": known}
    check_fresh(key, columns)
    return replace(bars_of(key, columns), actions=tuple(actions))


def _placed(key: Key, given: Times) -> tuple[Times, Times]:
    """Return when bars open and when they are complete."""
    step = parse_timeframe(key.timeframe)
    ascending = np.flatnonzero(np.diff(given) <= 0)
    if len(ascending):
        row = int(ascending[0]) + 1
        raise BadData(f"{key}: the bar of {moment(int(given[row]))} is not after the one before it")
    if isinstance(step, int) and key.source.session != "regular":
        return given, given + step
    reach = _REACH * NANOS_PER_DAY if isinstance(step, CalendarUnit) else 0
    calendar = sessions(key.source.calendar, int(given[0]) - reach, int(given[-1]) + reach)
    if isinstance(step, CalendarUnit):
        start, known, inside = stamps.place_dates(given // NANOS_PER_DAY, step, calendar)
    else:
        start, known, inside = stamps.place_moments(given, step, calendar, at_end=False)
    outside = np.flatnonzero(~inside)
    if len(outside):
        raise BadData(
            f"{key}: the bar of {moment(int(given[outside[0]]))} is outside the sessions of "
            f"{key.source.calendar}"
        )
    return start, known
