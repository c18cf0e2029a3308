"""Coarser bars out of finer ones, by the exchange's sessions, each known only when its period has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from openbell.core.errors import ConfigError
from openbell.data.bars import CalendarUnit, Floats, Times, parse_timeframe
from openbell.data.calendar import Sessions

_THURSDAY = 3  # 1970-01-01 was a Thursday: day + 3 makes Monday the first day of a week


class Resampled(NamedTuple):
    """Columns of coarser bars, and when each begins and is complete by the calendar (ns UTC)."""

    columns: dict[str, Floats]
    known: Times
    start: Times


def resample(columns: Mapping[str, Floats], start: Times, *, timeframe: str, sessions: Sessions) -> Resampled:
    """Gather bars into `timeframe`: first open, highest high, lowest low, last close, summed volume.

    Other columns take their last value. A bar is complete at its period's end by the calendar, not at the
    last bar that the data happen to have: an unfinished week is never seen.

    Args:
        columns: Arrays of shape (n,).
        start: (n,) ns UTC, when each bar opens.
        timeframe: Coarser than the bars': minutes and hours count from each session's open.
        sessions: Those of the bars' exchange.
    """
    return gather(columns, start, timeframe=timeframe, sessions=sessions)[0]


def gather(
    columns: Mapping[str, Floats], start: Times, *, timeframe: str, sessions: Sessions
) -> tuple[Resampled, Times]:
    """Do the same, and return with each coarser bar the index of the first bar that is in it."""
    session = np.searchsorted(sessions.closes, start, side="right")
    step = parse_timeframe(timeframe)
    if isinstance(step, CalendarUnit):
        group, begins, known = _by_calendar(step, session, sessions)
    else:
        opens, closes = sessions.opens[session], sessions.closes[session]
        place = (start - opens) // step
        group = session * (1 + np.max(place, initial=0)) + place
        begins = opens + place * step
        known = np.minimum(begins + step, closes)
    firsts = np.flatnonzero(np.diff(group, prepend=group[:1] - 1)) if len(group) else np.empty(0, np.int64)
    lasts = np.append(firsts[1:], len(group)) - 1 if len(group) else firsts
    gathered = {name: _gather(name, array, firsts, lasts) for name, array in columns.items()}
    return Resampled(gathered, known[firsts], begins[firsts]), firsts


def latest(known: Times, at: Times) -> Times:
    """Return for each time in `at` the index of the last coarse bar that is complete by then; -1 for none."""
    return np.searchsorted(known, at, side="right") - 1


def _by_calendar(unit: CalendarUnit, session: Times, sessions: Sessions) -> tuple[Times, Times, Times]:
    """Return of each bar the number of its period, and when that begins and ends."""
    if unit is CalendarUnit.DAY:
        return session, sessions.opens[session], sessions.closes[session]
    if unit is CalendarUnit.WEEK:
        keys = (sessions.dates + _THURSDAY) // 7
    else:
        keys = sessions.dates.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    group = keys[session]
    first_session = np.searchsorted(keys, group)
    last_session = np.searchsorted(keys, group, side="right") - 1
    return group, sessions.opens[first_session], sessions.closes[last_session]


def _gather(name: str, array: Floats, firsts: Times, lasts: Times) -> Floats:
    if not len(firsts):
        return np.empty(0)
    if name == "open":
        return array[firsts]
    if name == "high":
        return np.maximum.reduceat(array, firsts)
    if name == "low":
        return np.minimum.reduceat(array, firsts)
    if name == "volume":
        return np.add.reduceat(array, firsts)
    return array[lasts]


def check_coarser(timeframe: str, base: str, *, symbol: str) -> None:
    """Refuse a timeframe that is not coarser than the bars it would be made of.

    Raises:
        ConfigError: The bars cannot make it.
    """
    order = {CalendarUnit.DAY: 1, CalendarUnit.WEEK: 2, CalendarUnit.MONTH: 3}
    wanted, has = parse_timeframe(timeframe), parse_timeframe(base)
    rank_wanted = order[wanted] if isinstance(wanted, CalendarUnit) else 0
    rank_has = order[has] if isinstance(has, CalendarUnit) else 0
    finer = rank_wanted < rank_has or (rank_wanted == rank_has == 0 and wanted % has != 0)  # type: ignore[operator]  # both count ns
    if finer or wanted == has:
        raise ConfigError(
            f"timeframe {timeframe} of {symbol} cannot be made of its {base} bars; give finer bars"
        )
