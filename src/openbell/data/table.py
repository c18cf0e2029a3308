"""Named columns from anywhere, and how they become a series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from openbell.core.errors import BadData, ConfigError
from openbell.core.types import NANOS_PER_DAY, Action
from openbell.data import stamps, validate
from openbell.data.bars import (
    COLUMNS,
    CalendarUnit,
    Finding,
    FindingKind,
    Floats,
    Series,
    Source,
    Times,
    format_timeframe,
)
from openbell.data.calendar import ALWAYS_OPEN, BeyondCalendar, Sessions, sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

TIME_NAMES = ("timestamp", "datetime", "date", "time")

_LISTED = 12  #: names that a message lists
_LETTERS = 40  #: of each
_AUTO = "auto"
_HOME = "XNYS"  #: the calendar that is tried first
_REACH = {CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 31}  #: days by which a bar may pass its stamp


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows are to be understood."""

    timeframe: str | None = None  #: None: from the most common spacing
    calendar: str = _AUTO  #: XNYS if all bars fall into its sessions, else 24/7
    stamp: str = "start"  #: whether an intraday stamp is its bar's "start" or "end"
    timezone: str | None = None  #: IANA name, for stamps without a zone
    session: str = "regular"  #: or "extended": intraday bars may lie before the open and after the close

    def __post_init__(self) -> None:
        if self.session not in {"regular", "extended"}:
            raise ConfigError(f"session={self.session!r} must be 'regular' or 'extended'")
        if self.stamp not in {"start", "end"}:
            raise ConfigError(f"stamp={self.stamp!r} must be 'start' or 'end'")


@dataclass(frozen=True, slots=True)
class Layout:
    """Which of the given names is what. Values are names as they were given."""

    time: str | None
    required: dict[str, str]
    others: dict[str, str]
    adjusted: list[str]
    unnamed: list[int]  #: the places of columns without a name, counted from 1


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one symbol, not yet checked. All arrays have the shape (n,)."""

    symbol: str
    columns: Mapping[str, Floats]  #: by lower-case name; NaN where there is no value
    wall: Times  #: the stamps as they are written, in ns, as if they were UTC
    utc: Times | None  #: the stamps in UTC; None when they name no zone
    place: Callable[[int], str]  #: names a row, such as `prices.csv line 7`
    findings: tuple[Finding, ...] = ()

    def where(self, row: int) -> str:
        """Name a row for a message, with its time."""
        wall = int(self.wall[row])
        moment = np.datetime64(wall, "ns")
        text = str(moment.astype("datetime64[s]" if wall % NANOS_PER_DAY else "datetime64[D]"))
        return f"{self.symbol}: {self.place(row)} ({text.replace('T', ' ')})"


def lay_out(names: Sequence[str], *, place: str, timed: bool = False) -> Layout:
    """Find the columns among names, whatever their case. `timed`: the time is no column.

    Raises:
        BadData: A column is missing, named almost right or given twice.
    """
    by_key: dict[str, str] = {}
    unnamed = [place for place, name in enumerate(names, 1) if not name.strip()]
    for name in names:
        key = name.strip().lower()
        if not key:
            continue
        if key in by_key:
            raise BadData(f"{place}: columns {by_key[key]!r} and {name!r} have the same name; rename one")
        by_key[key] = name
    times = [] if timed else [key for key in TIME_NAMES if key in by_key]
    if len(times) > 1:
        listed = " and ".join(repr(by_key[key]) for key in times)
        raise BadData(f"{place}: columns {listed} both look like the time; join them into one 'timestamp'")
    adjusted = [
        key for key in by_key if key.replace("_", " ").replace("adjusted", "adj") in {"adj close", "adjclose"}
    ]
    others = {k: v for k, v in by_key.items() if k not in (*COLUMNS, *times, *adjusted)}
    missing = [name for name in COLUMNS if name not in by_key]
    if not timed and not times:
        missing.insert(0, "date")
    for name in missing:
        raise BadData(f"{place}: {_missing(name, others.values(), names, unnamed)}")
    return Layout(
        by_key[times[0]] if times else None,
        {name: by_key[name] for name in COLUMNS},
        others,
        [by_key[key] for key in adjusted],
        unnamed,
    )


def shorten(names: Sequence[str]) -> str:
    """List names in a message: the beginnings of the first dozen, on one line."""
    listed = [" ".join(name.split())[:_LETTERS] for name in names[:_LISTED]]
    return ", ".join([*listed, *(["…"] if len(names) > _LISTED else [])])


def _missing(name: str, unknown: Iterable[str], names: Sequence[str], unnamed: Sequence[int]) -> str:
    near = get_close_matches(name, [u.lower() for u in unknown], n=1)
    if near:
        return f"column {near[0]!r} is unknown and {name!r} is missing; did you mean {name!r}?"
    if unnamed:
        return f"column {name!r} is missing and column {unnamed[0]} has no name; is that it? Name it {name!r}"
    hint = " (zeros are allowed)" if name == "volume" else ""
    return f"column {name!r} is missing; add it{hint}. There are: {shorten(names) or 'none'}"


def ignore_columns(symbol: str, layout: Layout, not_numeric: Iterable[str]) -> list[Finding]:
    """Return the findings that say which columns are not used, and why."""
    why = [
        (repr(name), "prices are kept raw: give splits and dividends as actions") for name in layout.adjusted
    ]
    why += [(repr(name), "its values are no numbers") for name in not_numeric]
    why += [(str(place), "it has no name") for place in layout.unnamed]
    kind = FindingKind.IGNORED_COLUMN
    return [
        validate.report(kind, symbol, f"{symbol}: column {name} is ignored; {text}") for name, text in why
    ]


def assemble(
    table: Table, reading: Reading, *, actions: Iterable[Action] = (), provider: str, feed: str = ""
) -> Series:
    """Check a table's rows and make them a series.

    Raises:
        BadData: A row breaks a rule; names it, its value and the remedy.
        ConfigError: The timeframe, the zone or the calendar is unknown.
    """
    if not len(table.wall):
        raise BadData(f"{table.symbol}: there are no rows; give at least one bar")
    stamps.check_years(table.wall, table.where)
    table = _zoned(table, reading.timezone)
    ruler = table.wall if table.utc is None else table.utc
    findings = [*table.findings, *validate.check_order(table.symbol, ruler, table.where)]
    timeframe = stamps.find_timeframe(table.symbol, ruler, reading.timeframe)
    placed = _place(table, timeframe, reading)
    findings += [
        *placed.findings,
        *validate.check_overlap(table.symbol, placed.start, placed.known, table.where),
    ]
    findings += validate.check_bars(table.symbol, table.columns, table.where)
    columns = table.columns
    series = Series(
        symbol=table.symbol,
        timeframe=format_timeframe(timeframe),
        start=placed.start,
        known=placed.known,
        open=columns["open"],
        high=columns["high"],
        low=columns["low"],
        close=columns["close"],
        volume=columns["volume"],
        source=Source(
            provider, feed, session=_session(timeframe, reading), calendar=placed.sessions.calendar
        ),
        actions=tuple(actions),
        extra={name: column for name, column in columns.items() if name not in COLUMNS},
    )
    return replace(series, findings=(*findings, *validate.examine(series, placed.sessions)))


def _zoned(table: Table, timezone: str | None) -> Table:
    if timezone is None:
        return table
    zone = stamps.find_zone(timezone)
    if table.utc is None:
        return replace(table, utc=stamps.to_utc(table.wall, zone, table.where))
    return replace(table, wall=stamps.to_wall(table.utc, zone))


@dataclass(frozen=True, slots=True)
class _Placed:
    start: Times
    known: Times
    inside: NDArray[np.bool_]
    sessions: Sessions
    findings: tuple[Finding, ...] = ()


def _session(timeframe: int | CalendarUnit, reading: Reading) -> str:
    """Return what of a day bars are of: those of days and longer are of their sessions."""
    return reading.session if isinstance(timeframe, int) else "regular"


def _place(table: Table, timeframe: int | CalendarUnit, reading: Reading) -> _Placed:
    """Put the bars into the sessions of the calendar, or of the first that holds them all."""
    automatic = reading.calendar == _AUTO
    if isinstance(timeframe, int) and _session(timeframe, reading) != "regular":
        placed = _place_in(_HOME if automatic else reading.calendar, table, timeframe, reading.stamp)
        assert table.utc is not None  # noqa: S101  # only such bars can be placed
        begin = table.utc - (timeframe if reading.stamp == "end" else 0)
        return replace(placed, start=begin, known=begin + timeframe)
    placed = _place_in(_HOME if automatic else reading.calendar, table, timeframe, reading.stamp)
    outside = np.flatnonzero(~placed.inside)
    if not automatic:
        if len(outside):
            text = (
                f"{table.where(int(outside[0]))}: outside the sessions of {placed.sessions.calendar}; "
                f"drop the row or give calendar={ALWAYS_OPEN!r}"
            )
            return replace(placed, findings=(validate.report(FindingKind.OFF_CALENDAR, table.symbol, text),))
        return placed
    text = f"{table.symbol}: calendar {_HOME} is assumed, all bars fall into its sessions"
    if len(outside):
        placed = _place_in(ALWAYS_OPEN, table, timeframe, reading.stamp)
        first = table.where(int(outside[0]))
        text = f"{first} is outside the sessions of {_HOME}: calendar {ALWAYS_OPEN} is assumed"
    return replace(placed, findings=(validate.report(FindingKind.ASSUMED_CALENDAR, table.symbol, text),))


def _place_in(calendar: str, table: Table, timeframe: int | CalendarUnit, stamp: str) -> _Placed:
    reach = _REACH.get(timeframe, 0) * NANOS_PER_DAY if isinstance(timeframe, CalendarUnit) else 0
    try:
        known = sessions(calendar, int(table.wall[0]) - reach, int(table.wall[-1]) + reach)
    except BeyondCalendar as error:
        raise BadData(f"{table.where(0 if error.early else len(table.wall) - 1)}: {error}") from None
    if isinstance(timeframe, CalendarUnit):
        return _Placed(*stamps.place_dates(_dates(table), timeframe, known), known)
    if table.utc is None:
        raise BadData(
            f"{table.where(0)}: an intraday bar whose time has no zone; give timezone=, as in "
            "timezone='America/New_York'"
        )
    return _Placed(*stamps.place_moments(table.utc, timeframe, known, at_end=stamp == "end"), known)


def _dates(table: Table) -> Times:
    timed = np.flatnonzero(table.wall % NANOS_PER_DAY)
    if table.utc is None and len(timed):
        raise BadData(
            f"{table.where(int(timed[0]))}: a daily bar with a time of day and no zone; give the date alone, "
            "or timezone=, as in timezone='America/New_York'"
        )
    return table.wall // NANOS_PER_DAY
