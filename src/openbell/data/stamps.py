"""From the time stamps of rows to when each bar opened and when it was complete."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np

from openbell.core.errors import BadData, ConfigError, nearest
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND
from openbell.data.bars import CalendarUnit, Times, format_timeframe, parse_timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openbell.data.calendar import Sessions
    from openbell.data.validate import Where

_QUARTER = 900 * NANOS_PER_SECOND  #: clocks change on quarter hours
_HOUR = 3600 * NANOS_PER_SECOND


FIRST_YEAR, LAST_YEAR = 1850, 2099
_BEGIN, _END = (
    int(np.datetime64(str(year), "D").astype(np.int64)) * NANOS_PER_DAY
    for year in (FIRST_YEAR, LAST_YEAR + 1)
)
#: The times that bars may have: within 292 years, so that the difference of any two of them fits into ns.
IN_YEARS = f"within the years {FIRST_YEAR} to {LAST_YEAR}"


def check_years(wall: Times, where: Where) -> None:
    """Check that times (n,) in ns lie in the years that bars may have.

    Raises:
        BadData: One does not.
    """
    outside = np.flatnonzero((wall < _BEGIN) | (wall >= _END))
    if len(outside):
        raise BadData(f"{where(int(outside[0]))} is not {IN_YEARS}; correct its time or drop the row")


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        ConfigError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"timezone={name!r} is unknown{nearest(name, available_timezones())}") from None


def to_utc(wall: Times, zone: ZoneInfo, where: Where) -> Times:
    """Turn a zone's wall-clock times (n,) in ns into UTC.

    Raises:
        BadData: A time happens twice or never, because clocks change in its hour.
    """
    quarters, back = np.unique(wall // _QUARTER, return_inverse=True)
    moments = [datetime.fromtimestamp(int(q) * 900, UTC).replace(tzinfo=zone) for q in quarters]
    offsets = _offsets(moments)
    ambiguous = np.flatnonzero((offsets != _offsets([m.replace(fold=1) for m in moments]))[back])
    if len(ambiguous):
        raise BadData(
            f"{where(int(ambiguous[0]))}: clocks change in this hour in {zone.key}, and it names no single "
            "moment; give the times in UTC"
        )
    return wall - offsets[back]


def to_wall(utc: Times, zone: ZoneInfo) -> Times:
    """Turn UTC times (n,) in ns into what a zone's clocks show, as ns."""
    quarters, back = np.unique(utc // _QUARTER, return_inverse=True)
    return utc + _offsets([datetime.fromtimestamp(int(q) * 900, zone) for q in quarters])[back]


def _offsets(moments: list[datetime]) -> Times:
    offsets = (m.utcoffset() for m in moments)
    seconds = [0 if offset is None else round(offset.total_seconds()) for offset in offsets]
    return np.array(seconds, np.int64) * NANOS_PER_SECOND


def find_timeframe(symbol: str, stamps: Times, asked: str | None) -> int | CalendarUnit:
    """Return the timeframe of ascending stamps (n,): what was asked, if they agree with it.

    Raises:
        ConfigError: None was asked, and the most common spacing is not a usual one.
        BadData: The bars have another timeframe than the one asked.
    """
    spacing = _spacing(stamps)
    seen = _usual(spacing)
    if asked is None:
        if seen is None:
            apart = f"bars {spacing / NANOS_PER_SECOND:g} s apart" if spacing else "a single bar"
            raise ConfigError(
                f"{symbol}: {apart} do not tell the timeframe; give timeframe=, as in '1d' or '5m'"
            )
        return seen
    wanted = parse_timeframe(asked)
    sparse = isinstance(wanted, int) and isinstance(seen, int) and seen > wanted
    if seen is None or seen == wanted or sparse:
        return wanted
    raise BadData(f"{symbol}: the bars are {format_timeframe(seen)} bars; {asked} is asked")


def _spacing(stamps: Times) -> int:
    steps, counts = np.unique(np.diff(stamps), return_counts=True)
    return int(steps[np.argmax(counts)]) if len(steps) else 0


def _usual(spacing: int) -> int | CalendarUnit | None:
    if 0 < spacing < 23 * _HOUR:  # a day in which clocks go forward has 23 hours
        whole = spacing % NANOS_PER_SECOND == 0 and NANOS_PER_DAY % spacing == 0
        return spacing if whole else None
    days = round(spacing / NANOS_PER_DAY)
    for unit, low, high in (
        (CalendarUnit.DAY, 1, 4),
        (CalendarUnit.WEEK, 5, 10),
        (CalendarUnit.MONTH, 27, 33),
    ):
        if low <= days <= high:
            return unit
    return None


def place_dates(
    dates: Times, unit: CalendarUnit, sessions: Sessions
) -> tuple[Times, Times, NDArray[np.bool_]]:
    """Return when daily, weekly or monthly bars open, when they are complete, and which have a session.

    A bar runs from the open of the first session of its day, week (Monday to Sunday) or month to the close
    of the last. `dates` (n,) are days since 1970, any day of the week or month.
    """
    first, after = dates, dates + 1
    if unit is CalendarUnit.WEEK:
        first = dates - (dates + 3) % 7  # 1970-01-01 was a Thursday
        after = first + 7
    elif unit is CalendarUnit.MONTH:
        months = dates.astype("datetime64[D]").astype("datetime64[M]")
        first, after = (
            (months + np.timedelta64(n, "M")).astype("datetime64[D]").astype(np.int64) for n in (0, 1)
        )
    low, high = np.searchsorted(sessions.dates, first), np.searchsorted(sessions.dates, after) - 1
    inside = high >= low
    last = len(sessions) - 1
    return sessions.opens[np.clip(low, 0, last)], sessions.closes[np.clip(high, 0, last)], inside


def place_moments(
    stamps: Times, step: int, sessions: Sessions, *, at_end: bool
) -> tuple[Times, Times, NDArray[np.bool_]]:
    """Return when intraday bars open, when they are complete, and which meet a session.

    A bar is `step` ns long and is cut at the open and the close of its session: the hourly bar of 15:30 is
    complete at 16:00. With `at_end`, stamps (n,) are the ends of bars, and a bar begins no earlier than the
    one before it ends.
    """
    begin, end = stamps, stamps + step
    if at_end:
        begin, end = stamps - step, stamps
        begin = np.maximum(begin, np.concatenate([begin[:1], stamps[:-1]]))
    last = len(sessions) - 1
    index = np.searchsorted(sessions.closes, begin, side="right")
    here, following = np.minimum(index, last), np.minimum(index + 1, last)
    inside = (index <= last) & (sessions.opens[here] < end)
    # where the next session has begun before the bar ends (24/7 at midnight), the close does not complete it
    runs_on = (following > here) & (sessions.opens[following] < end)
    known = np.where(runs_on, end, np.minimum(end, sessions.closes[here]))
    return np.maximum(begin, sessions.opens[here]), known, inside
