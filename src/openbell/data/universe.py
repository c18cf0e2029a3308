"""Point-in-time universes: which symbols belonged to an index when, and how much of it a run can see."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData, ConfigError, nearest
from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import Series, parse_date
from openbell.data.calendar import Sessions

_COLUMNS = ("symbol", "start", "end")
_ALWAYS = 2**62  #: ns: later than any moment


class Membership(NamedTuple):
    """A stay of one symbol in a universe: its first and its last day; None is no limit."""

    symbol: str
    start: date | None
    end: date | None


@dataclass(frozen=True, slots=True)
class Universe:
    """Who belonged when. It is known from the open of a membership's first session on, and not before."""

    name: str
    memberships: tuple[Membership, ...]

    def __post_init__(self) -> None:
        if not self.memberships:
            raise BadData(f"universe {self.name}: it has no member; give rows of symbol,start,end")
        stays: dict[str, list[Membership]] = {}
        for one in self.memberships:
            stays.setdefault(one.symbol, []).append(one)
        for symbol, found in stays.items():
            found.sort(key=lambda stay: stay.start or date.min)
            for before, after in pairwise(found):
                if after.start is None or (before.end or date.max) >= after.start:
                    raise BadData(
                        f"universe {self.name}: {symbol} is a member twice on {after.start}; make it one row"
                    )

    @classmethod
    def read(cls, path: str | Path) -> Universe:
        """Read a CSV file with the columns `symbol,start,end`: days as 2005-01-31, both included.

        No start is a member from the beginning, no end one that still is.

        Raises:
            ConfigError: There is no such file.
            BadData: A row is wrong; names its line.
        """
        file = Path(path)
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"universe {str(path)!r} cannot be read ({error}); name a CSV file") from error
        rows = csv.reader(text.splitlines())
        header = [name.strip().lower() for name in next(rows, [])]
        for name in _COLUMNS:
            if name not in header:
                raise BadData(f"{file}: no column {name!r}{nearest(name, header)}; write symbol,start,end")
        places = [header.index(name) for name in _COLUMNS]
        found = [
            _read_row(row, places, f"{file} line {line}") for line, row in enumerate(rows, 2) if any(row)
        ]
        return cls(file.stem, tuple(found))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Universe:
        """Read back what `as_json` gave."""
        stays = tuple(
            Membership(symbol, *(date.fromisoformat(day) if day else None for day in days))
            for symbol, *days in values["memberships"]
        )
        return cls(values["name"], stays)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        stays = [[s, *(day.isoformat() if day else "" for day in days)] for s, *days in self.memberships]
        return {"name": self.name, "memberships": stays}

    def members(self, at: str | date) -> frozenset[str]:
        """Return who belongs on a day.

        Raises:
            ConfigError: It is no date.
        """
        day = _day_of(parse_date(at, where="at"))
        return frozenset(one.symbol for one, (first, last) in self._spans() if first <= day <= last)

    def between(self, start: int | None, end: int | None) -> tuple[str, ...]:
        """Return who ever belonged in [start, end), ns UTC, in the order of the first rows."""
        low = -_ALWAYS if start is None else start // NANOS_PER_DAY
        high = _ALWAYS if end is None else (end - 1) // NANOS_PER_DAY
        stayed = {one.symbol for one, (first, last) in self._spans() if first <= high and last >= low}
        return tuple(dict.fromkeys(one.symbol for one in self.memberships if one.symbol in stayed))

    def _spans(self) -> Iterator[tuple[Membership, tuple[int, int]]]:
        """Yield each stay with its first and last day since 1970."""
        for one in self.memberships:
            first = -_ALWAYS if one.start is None else _day_of(parse_date(one.start))
            yield one, (first, _ALWAYS if one.end is None else _day_of(parse_date(one.end)))

    def place(self, sessions: Sessions) -> Iterator[tuple[str, slice]]:
        """Yield each stay's symbol and the sessions that it has, as rows of `sessions`."""
        for one, (first, last) in self._spans():
            low = int(np.searchsorted(sessions.dates, first))
            high = int(np.searchsorted(sessions.dates, last, side="right"))
            if low < high:
                yield one.symbol, slice(low, high)


class Roll:
    """Who is a member at each moment of a run: a universe placed on a calendar."""

    def __init__(self, universe: Universe, symbols: Sequence[str], sessions: Sessions) -> None:
        """Take the symbols of the run, in the order of its arrays, and the exchange's sessions."""
        opens = sessions.opens.tolist()
        self._symbols = tuple(symbols)
        self._stays = [
            (symbol, opens[rows.start], opens[rows.stop] if rows.stop < len(opens) else _ALWAYS)
            for symbol, rows in universe.place(sessions)
        ]
        self._changes = sorted({time for _, *both in self._stays for time in both})
        self._known: dict[int, tuple[frozenset[str], NDArray[np.bool_]]] = {}

    def at(self, time: int) -> frozenset[str]:
        """Return the members at a time, ns UTC."""
        return self._look(time)[0]

    def mask(self, time: int) -> NDArray[np.bool_]:
        """(symbols,) whether each symbol of the run is a member at a time."""
        return self._look(time)[1]

    def _look(self, time: int) -> tuple[frozenset[str], NDArray[np.bool_]]:
        since = bisect_right(self._changes, time)
        found = self._known.get(since)
        if found is None:
            members = frozenset(symbol for symbol, first, end in self._stays if first <= time < end)
            mask = np.array([symbol in members for symbol in self._symbols])
            found = self._known[since] = members, mask
        return found


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a universe a run has prices of, and how many of its members stayed to the end."""

    symbols: int  #: that were members in the run's time
    sessions: int  #: of all members together
    priced: int  #: of these, the sessions with a bar
    missing: tuple[str, ...]  #: members without any bar
    stayed: int  #: members that were so still at the end

    @property
    def share(self) -> float:
        """The share of the members' sessions that have prices."""
        return self.priced / self.sessions if self.sessions else 0.0

    @property
    def survivorship(self) -> float:
        """The share of the members that were so still at the end."""
        return self.stayed / self.symbols if self.symbols else 0.0


def measure(universe: Universe, series: Iterable[Series], sessions: Sessions) -> Coverage:
    """Return how much of a universe the series cover, from the first session with bars to the last."""
    have = list(series)
    first, last = min(int(s.start[0]) for s in have), max(int(s.known[-1]) for s in have)
    low, high = np.searchsorted(sessions.closes, (first + 1, last), side="left")
    run = slice(int(low), int(high) + 1)
    span = Sessions(sessions.calendar, sessions.dates[run], sessions.opens[run], sessions.closes[run])
    traded: dict[str, NDArray[np.bool_]] = {}
    for one in have:
        row = traded.setdefault(one.symbol, np.zeros(len(span), np.bool_))
        row[np.searchsorted(span.closes, one.known, side="left").clip(max=len(span) - 1)] = True
    asked, priced, stayed = 0, 0, set()
    seen: dict[str, int] = {}
    for symbol, rows in universe.place(span):
        found = int(traded[symbol][rows].sum()) if symbol in traded else 0
        asked, priced = asked + rows.stop - rows.start, priced + found
        seen[symbol] = seen.get(symbol, 0) + found
        if rows.stop == len(span):
            stayed.add(symbol)
    missing = tuple(symbol for symbol, found in seen.items() if not found)
    return Coverage(len(seen), asked, priced, missing, len(stayed))


def _read_row(row: Sequence[str], places: Sequence[int], where: str) -> Membership:
    cells = [row[place].strip() if place < len(row) else "" for place in places]
    if not cells[0]:
        raise BadData(f"{where}: no symbol; name who belonged, or drop the row")
    try:
        days = [date.fromisoformat(text) if text else None for text in cells[1:]]
    except ValueError as error:
        raise BadData(f"{where}: {error}; write a day as 2005-01-31") from error
    start, end = days
    if start and end and start > end:
        raise BadData(f"{where}: {cells[0]} ends on {end}, before it starts on {start}; correct one")
    return Membership(cells[0], start, end)


def _day_of(nanos: int | None) -> int:
    return (nanos or 0) // NANOS_PER_DAY
