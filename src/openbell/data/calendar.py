"""The sessions of an exchange as arrays: half days and daylight saving right, and quick to load.

Importing exchange_calendars takes seconds, so that its tables are kept in the user's cache folder
(`$OPENBELL_CACHE`, else `~/.cache/openbell`). Without a writable folder everything works, slower.
"""

from __future__ import annotations

import re
import tempfile
import warnings
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openbell.core.errors import ConfigError, nearest
from openbell.core.types import NANOS_PER_DAY
from openbell.utils.cache import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openbell.data.bars import Times

ALWAYS_OPEN = "24/7"

_FIRST_DAY = 7305  #: 1990-01-01
_MARGIN = 15  #: days around a range in which any exchange has a session


class BeyondCalendar(ConfigError):
    """A calendar does not reach as far as it is asked for. `early`: not so far back."""

    def __init__(self, message: str, *, early: bool) -> None:
        super().__init__(message)
        self.early = early


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Consecutive sessions, one row each, ascending."""

    calendar: str
    dates: Times  #: (n,) the session's date, in days since 1970
    opens: Times  #: (n,) ns UTC
    closes: Times  #: (n,) ns UTC

    def __len__(self) -> int:
        return len(self.dates)

    def between(self, first: int, last: int) -> Sessions:
        """Return the sessions dated `first` to `last` (days since 1970), one before and one after."""
        low = max(int(np.searchsorted(self.dates, first)) - 1, 0)
        high = int(np.searchsorted(self.dates, last, side="right")) + 1
        return Sessions(self.calendar, self.dates[low:high], self.opens[low:high], self.closes[low:high])


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """All sessions of a calendar in the range it was built for.

    `asked` is the wished range in days, `built` what of it the calendar knows.
    """

    sessions: Sessions
    asked: tuple[int, int]
    built: tuple[int, int]

    def covers(self, first: int, last: int) -> bool:
        return self.asked[0] <= first and last <= self.asked[1]


_tables: dict[str, _Table] = {}


def sessions(name: str, start_ns: int, end_ns: int) -> Sessions:
    """Return an exchange's sessions in the calendar years that a span touches, and one beyond.

    Args:
        name: A calendar of exchange_calendars, such as `XNYS`, or `24/7` for every UTC day.
        start_ns: The span's first moment, ns UTC.
        end_ns: Its last.

    Raises:
        BeyondCalendar: The calendar does not reach so far.
        ConfigError: The calendar is unknown, or the span ends before it begins.
    """
    if end_ns < start_ns:
        raise ConfigError(
            f"calendar {name}: the span {_text(start_ns)} to {_text(end_ns)} ends before it begins"
        )
    first, last = _years(start_ns, end_ns)
    if name == ALWAYS_OPEN:
        return _every_day(first - 1, last + 1)
    table = _table(name, first - _MARGIN, last + _MARGIN)
    known = table.sessions
    early = start_ns // NANOS_PER_DAY < table.built[0]
    if early or not len(known) or known.opens[-1] <= end_ns:
        reach = " to ".join(str(np.datetime64(day, "D")) for day in table.built)
        raise BeyondCalendar(
            f"calendar {name} is known from {reach}; {_text(start_ns)} to {_text(end_ns)} is asked: "
            "shorten the range or update exchange_calendars",
            early=early,
        )
    return _years_of(known, first, last)


def sessions_per_year(sessions: Sessions, start_ns: int, end_ns: int) -> float:
    """Return the mean number of sessions a year, over the whole calendar years that a span touches.

    Whole years, because holidays make a part of one uneven. It is what the metrics take as a year.

    Raises:
        ConfigError: The sessions do not cover those years.
    """
    first, last = _years(start_ns, end_ns)
    dates = sessions.dates
    if not len(dates) or dates[0] > first + _MARGIN or dates[-1] < last - _MARGIN:
        raise ConfigError(
            f"calendar {sessions.calendar}: these sessions do not cover the years from {_text(start_ns)} "
            f"to {_text(end_ns)}; ask sessions() for that span"
        )
    count = np.searchsorted(dates, last, side="right") - np.searchsorted(dates, first)
    years = round((last + 1 - first) / 365.2425)
    return float(count) / years


def _text(nanos: int) -> str:
    return str(np.datetime64(nanos // NANOS_PER_DAY, "D"))


def _day(value: Any) -> int:
    return int(np.datetime64(value, "D").astype(np.int64))


@lru_cache(maxsize=64)
def _years(start_ns: int, end_ns: int) -> tuple[int, int]:
    """Return the first and the last day of the years of a span."""
    first, last = (
        np.datetime64(time // NANOS_PER_DAY, "D").astype("datetime64[Y]") for time in (start_ns, end_ns)
    )
    return _day(first), _day(last + np.timedelta64(1, "Y")) - 1


@lru_cache(maxsize=16)
def _years_of(known: Sessions, first: int, last: int) -> Sessions:
    """Return sessions of whole years: the same object for the same ones, of which more may be known."""
    return known.between(first, last)


@lru_cache(maxsize=16)
def _every_day(first: int, last: int) -> Sessions:
    dates = np.arange(first, last + 1, dtype=np.int64)
    opens = dates * NANOS_PER_DAY
    return Sessions(ALWAYS_OPEN, *_read_only(dates, opens, opens + NANOS_PER_DAY))


def _read_only(*columns: Times) -> Iterator[Times]:
    """Yield columns that nobody can write, so that series may share them: each has memory of its own."""
    for column in columns:
        own = column if column.base is None else column.copy()
        own.setflags(write=False)
        yield own


def _table(name: str, first: int, last: int) -> _Table:
    table = _tables.get(name)
    if table is None or not table.covers(first, last):
        path = cache_path(name)
        table = _read(name, path)
        if table is None or not table.covers(first, last):
            table = _build(name, first, last)
            _write(table, path)
        _tables[name] = table
    return table


def _build(name: str, first: int, last: int) -> _Table:
    today = _day(datetime.now(UTC).date())
    asked = (min(first, _FIRST_DAY - _MARGIN), max(last, today + 366 + _MARGIN))
    with _quiet():
        library = import_module("exchange_calendars")  # takes 2 s: only where the cache has no answer
        names = library.get_calendar_names(include_aliases=True)
        if name not in names:
            raise ConfigError(f"calendar {name!r} is unknown{nearest(name, names)}")
        factory = type(library.get_calendar(name))
        built = _clipped(asked, factory.bound_min(), factory.bound_max())
        begin, end = (np.datetime64(day, "D") for day in built)
        exchange = library.get_calendar(name, start=str(begin), end=str(end))
        dates = exchange.sessions.to_numpy("datetime64[D]").astype(np.int64)
        opens, closes = (
            moments.dt.tz_convert(None).to_numpy("datetime64[ns]").astype(np.int64)
            for moments in (exchange.opens, exchange.closes)
        )
    return _Table(Sessions(name, *_read_only(dates, opens, closes)), asked, built)


def _clipped(asked: tuple[int, int], lowest: Any, highest: Any) -> tuple[int, int]:
    first, last = asked
    return (
        first if lowest is None else max(first, _day(lowest)),
        last if highest is None else min(last, _day(highest)),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warnings that exchange_calendars 4 provokes in pandas 3; they are not the user's to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def cache_path(name: str) -> Path | None:
    """Return the file that keeps a calendar; None where the user has no home."""
    folder = cache_folder("calendars")
    safe = re.sub(r"[^A-Za-z0-9_]", "-", name)
    return folder / f"{safe}-{version('exchange_calendars')}.npz" if folder is not None else None


def _read(name: str, path: Path | None) -> _Table | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file, np.load(file) as stored:  # numpy leaves a damaged file open
            columns, asked, built = stored["columns"], stored["asked"], stored["built"]
            dates, opens, closes = np.ascontiguousarray(columns, np.int64)
            reach = (int(asked[0]), int(asked[1])), (int(built[0]), int(built[1]))
    except (OSError, ValueError, EOFError, KeyError, IndexError, zipfile.BadZipFile):
        return None  # absent or damaged: it is built anew
    return _Table(Sessions(name, *_read_only(dates, opens, closes)), *reach)


def _write(table: _Table, path: Path | None) -> None:
    if path is None:
        return
    known = table.sessions
    columns = np.stack([known.dates, known.opens, known.closes])
    with suppress(OSError):  # a folder that cannot be written costs time, and nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            fresh = Path(folder) / path.name
            np.savez(fresh, columns=columns, asked=np.array(table.asked), built=np.array(table.built))
            fresh.replace(path)  # readers see the old file or the whole new one
