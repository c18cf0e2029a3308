"""Follows a session's journal: what its strategies hold, owe and have done, kept up as events arrive."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, Self, TypeVar

from openbell.app.observed import Observed
from openbell.core.errors import BadData
from openbell.core.orders import IllegalTransition, Order
from openbell.core.types import NANOS_PER_DAY
from openbell.storage.journal import JOURNAL, Entry, Journal
from openbell.trading.copying import copied_of
from openbell.trading.ledger import Ledger, fold
from openbell.trading.pulse import Pulse, Sign, read_sign
from openbell.trading.record import BEGUN
from openbell.trading.session import Ending

Kept = TypeVar("Kept")


class Log(Protocol):
    """What holds a session's events: its journal, or a copy of it."""

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Yield the events after a sequence number, in order."""

    def close(self) -> None:
        """Let go of it."""


#: Points of an equity curve that are kept; beyond, every other one goes.
POINTS = 2_000
_RECENT = 500  #: events that are kept to be shown
_ENDED = frozenset(one.value for one in Ending)


@dataclass(slots=True)
class Curve:
    """A strategy's equity over time, one point a moment, thinned where there are many."""

    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    _step: int = 1
    _seen: int = 0

    def add(self, time: int, value: float) -> None:
        """Add a point, if it is not one of those that are thinned out."""
        if self._seen % self._step == 0:
            self.times.append(time)
            self.values.append(value)
        self._seen += 1
        if len(self.times) > POINTS:
            del self.times[1::2], self.values[1::2]
            self._step *= 2


class Follower:
    """One session's folder. `refresh` reads what is new; the rest is as of then."""

    def __init__(self, folder: Path, log: Log | None = None) -> None:
        """Open the folder's journal to read it, or follow another log of the session.

        Raises:
            ConfigError: There is none, or it cannot be read.
        """
        self.folder = folder
        self.is_copy = log is not None  #: whether events come from elsewhere, which may take its time
        self._alive = False
        self._journal: Log = log or Journal(folder / JOURNAL, read_only=True)
        self.last = 0  #: the sequence number of the last event that was read
        self.moments = 0  #: how many of them were bars
        self._kept: dict[str, tuple[int, float, Any]] = {}
        self._begin()

    def _begin(self) -> None:
        self.ledgers: dict[str, Ledger] = {}
        self.prices: dict[str, float] = {}
        self.curves: dict[str, Curve] = {}
        self.failed: dict[str, str] = {}
        self.observed = Observed()
        self.recent: deque[Entry] = deque(maxlen=_RECENT)
        self.time = self._marked = 0
        self._state = BEGUN
        self._working: dict[str, tuple[int, list[Order]]] = {}

    @property
    def name(self) -> str:
        """The session's name: its folder's."""
        return self.folder.name

    @property
    def state(self) -> str:
        """Whether it starts, runs, hangs (`silent`), how it ended, or that it was interrupted."""
        sign = self.sign
        if sign is not None:
            return sign.state
        if self._state in _ENDED:
            return self._state
        return "running" if self._alive else "interrupted"

    @property
    def pulse(self) -> Pulse | None:
        """What the session last said of itself; None where it says nothing."""
        sign = self.sign
        return None if sign is None else sign.pulse

    @property
    def sign(self) -> Sign | None:
        """What a session that is at work here shows of itself; None where none is."""
        return read_sign(self.folder, self.observed.wall)

    @property
    def silence(self) -> float:
        """Seconds since a session that is at work last said something; 0 where it is not."""
        sign = self.sign
        return 0.0 if sign is None else sign.age

    @property
    def uncopied(self) -> int | None:
        """Events that the database does not have yet; None where nothing is copied."""
        copied = copied_of(self.folder)
        return None if copied is None else max(self.last - copied, 0)

    def read_from(self, log: Log, *, alive: bool) -> None:
        """Go on with the same events from elsewhere; `alive` is whether the session seems to run there."""
        self._journal, self._alive = log, alive

    def refresh(self) -> int:
        """Read what is new; return how many events there were.

        Raises:
            BadData: The journal is damaged.
        """
        before = self.last
        for _ in self.pieces(math.inf):
            pass
        return self.last - before

    def pieces(self, seconds: float) -> Iterator[None]:
        """Read what is new, and yield whenever so much time has passed: others then have their turn.

        Raises:
            BadData: The journal is damaged.
        """
        until = monotonic() + seconds
        for entry in self._journal.read(self.last):
            if entry.seq != self.last + 1:
                raise BadData(f"journal {str(self.folder / JOURNAL)!r}: event {self.last + 1} is missing")
            self.last = entry.seq
            try:
                self._take(entry)
            except (IllegalTransition, KeyError, TypeError, ValueError) as error:
                raise BadData(
                    f"journal {str(self.folder / JOURNAL)!r}: event {entry.seq} ({entry.kind}) cannot follow "
                    f"from those before it ({type(error).__name__}: {error}); restore a copy of the file"
                ) from error
            if monotonic() >= until:
                yield
                until = monotonic() + seconds

    def once(self, name: str, make: Callable[[Self], Kept], *, every: float = 0.0) -> Kept:
        """Return what is made of this: made once, however many ask, until something is new.

        Args:
            name: Under which it is kept.
            make: Makes it.
            every: Seconds in which it is not made anew even then.
        """
        known, now = self._kept.get(name), monotonic()
        if known is None or (known[0] != self.last and now - known[1] >= every):
            known = self._kept[name] = (self.last, now, make(self))
        kept: Kept = known[2]
        return kept

    def working(self, strategy: str) -> list[Order]:
        """Return a strategy's orders that may still fill, oldest first; those that ended stay ended."""
        orders = self.ledgers[strategy].orders
        seen, known = self._working.get(strategy, (0, []))
        fresh = list(islice(reversed(orders.values()), len(orders) - seen))
        found = [order for order in (*known, *reversed(fresh)) if order.open]
        self._working[strategy] = (len(orders), found)
        return found

    def events(self, after: int) -> Iterator[Entry]:
        """Yield the journal's events after a number, up to the last that was read."""
        return takewhile(lambda entry: entry.seq <= self.last, self._journal.read(after))

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def curve(self, strategy: str) -> tuple[list[int], list[float]]:
        """Return a strategy's equity over time, the last of it as of now."""
        kept = self.curves.get(strategy, Curve())
        return [*kept.times, self.time], [*kept.values, self.equity(strategy)]

    def equity(self, strategy: str) -> float:
        """Return a strategy's equity at the last prices."""
        return self.ledgers[strategy].account.equity(self.price)

    def price(self, symbol: str) -> float:
        """Return a symbol's last price; before its first bar, that at which it is held."""
        known = self.prices.get(symbol)
        if known is not None:
            return known
        held = (ledger.account.positions.get(symbol) for ledger in self.ledgers.values())
        return next((one.average for one in held if one is not None), 0.0)

    def _take(self, entry: Entry) -> None:
        if entry.kind == "session":
            if entry.body["state"] == BEGUN:
                self._begin()
            self._state = entry.body["state"]
        elif entry.kind == "moment":
            self._mark(entry)
            self.moments += 1
        elif entry.kind == "failed":
            self.failed[entry.strategy] = entry.body["said"]
        fold([entry], self.ledgers)
        self.observed.take(entry)
        self.recent.append(entry)
        self.time = max(self.time, entry.time)

    def _mark(self, entry: Entry) -> None:
        """Note the equity after the moment before, and then the prices of this one."""
        if self._marked:
            new_day = entry.time // NANOS_PER_DAY != self._marked // NANOS_PER_DAY
            for name in self.ledgers:
                equity = self.equity(name)
                self.curves.setdefault(name, Curve()).add(self._marked, equity)
                self.observed.mark(name, equity, new_day=new_day)
        self.prices.update((row[0], row[6]) for row in entry.body["bars"])
        self._marked = entry.time


class Reader:
    """One reader of a session's journal, with a place of its own in it."""

    def __init__(self, folder: Path) -> None:
        """Open the folder's journal to read it.

        Raises:
            ConfigError: There is none, or it cannot be read.
        """
        self._journal = Journal(folder / JOURNAL, read_only=True)

    def last(self) -> int:
        """Return the number of the last event that there is."""
        return self._journal.newest()[0]

    def events(self, after: int, last: int) -> Iterator[Entry]:
        """Yield the events after a number, up to the last that is asked for."""
        return takewhile(lambda entry: entry.seq <= last, self._journal.read(after))

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()
