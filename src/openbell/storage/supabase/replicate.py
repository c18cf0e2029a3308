"""Copies a journal to the database: in order, in batches, each event once, whatever fails on the way.

The journal is read only, and is the buffer: nothing is held in memory but the batch under way, so that a
database that is slow or away costs the engine nothing and loses nothing. How far the copy has come stands in
the database, in the row that each batch locks and moves on in its own transaction. A batch is there as a
whole or not at all, and after any failure the database itself says which.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID

from openbell.core.errors import BadData, Disconnected, Rejected, RemoteError
from openbell.storage.journal import Entry, Journal
from openbell.storage.journal import Row as Stored
from openbell.storage.supabase.address import Address
from openbell.storage.supabase.connection import connect, translated
from openbell.storage.supabase.copies import attach, locked_at, move_to
from openbell.storage.supabase.tables import EVENTS, Row, Table, arrays_of
from openbell.utils.retry import Patience

if TYPE_CHECKING:
    from psycopg import Connection

#: How long to wait between attempts: soon at first, and never so long that a copy lags for minutes.
PATIENCE = Patience(first=0.25, longest=10.0)
_REFUSED = 6  # after a refusal, the longest of those waits so many times
_OUT_OF_TIME = "57014"  # SQLSTATE of a statement that took too long
_FIRST, _MOST = 500, 4000  # events in a batch: it grows while all goes well, and shrinks when time runs out


class Projection(Protocol):
    """Says what follows from events: the rows of the other tables."""

    def take(self, entry: Entry) -> None:
        """Take the next event."""

    def changes(self) -> Mapping[Table, Sequence[Row]]:
        """Return the rows that changed since the last call."""


class Lag(NamedTuple):
    """How far the copy is behind: events, and seconds since the oldest of them was written."""

    events: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that go together, and the rows that change by them."""

    after: int
    events: Sequence[Stored]
    rows: Mapping[Table, Sequence[Row]]

    @property
    def last(self) -> Stored:
        """The last event."""
        return self.events[-1]


class Replicator:
    """The copy of one journal. One thread of its own runs it."""

    def __init__(
        self,
        journal: Journal,
        address: Address,
        project: Callable[[], Projection],
        *,
        timeout: float = 30.0,
        patience: Patience = PATIENCE,
        piece: int | None = None,
        told: Callable[[RemoteError | None], object] = lambda _: None,
    ) -> None:
        """Take the parts; nothing is connected yet.

        Args:
            journal: Opened to read only.
            address: Where the copy is.
            project: Makes a projection that has seen nothing.
            timeout: Seconds that a statement may take.
            patience: How long to wait between attempts.
            piece: The most rows in a statement; None is as many as a batch has. A database works on one
                without a pause, which is felt by what shares its processors.
            told: Called with each error that is waited out, and with None when copying goes on.
        """
        self.journal, self.address = journal, address
        self.copied = 0  #: the last event that is in the database
        self.written = 0  #: events that this replicator has written
        self._project, self._timeout, self._patience, self._told = project, timeout, patience, told
        self._piece = piece
        self._connection: Connection[Any] | None = None
        self._id: UUID | None = None
        self._projection = project()
        self._digest: bytes | None = None  # of the last event that the projection has taken
        self._taken = 0
        self._batch: Batch | None = (
            None  # what is under way: after a failure the database says if it is there
        )
        self._size = _FIRST
        self._failed = 0

    def run(
        self,
        wait: Callable[[float], bool],
        *,
        follow: bool = True,
        idle: float = 0.1,
        rest: float = 0.0,
        attempts: int | None = None,
    ) -> None:
        """Copy until there is nothing more to copy.

        Args:
            wait: Waits so many seconds, or less; returns whether somebody asks to end.
            follow: Whether to go on with what comes, until somebody asks to end.
            idle: Seconds between two looks into a journal that has nothing new.
            rest: What is waited after each batch, in times of what it took, until somebody asks to end.
            attempts: Failures in a row after which the last is raised; None is never.

        Raises:
            BadData: The journal is damaged, or the copy is of another history of it.
            ConfigError: Whose the rows are is not known, or the driver is not installed.
            RemoteError: There were too many failures in a row.
        """
        ending = False
        while True:
            began = time.monotonic()
            try:
                moved = self.step()
                self._recover()
            except RemoteError as error:
                self._fail(error)
                if ending or (attempts is not None and self._failed >= attempts):
                    raise
                ending = wait(self._delay(error))
                continue
            if not moved:
                if ending or not follow:
                    return
                ending = wait(idle)
            elif rest and not ending:
                ending = wait(rest * (time.monotonic() - began))

    def step(self) -> int:
        """Copy one batch; return how many events it had.

        Raises:
            BadData: The journal is damaged, or the copy is of another history of it.
            ConfigError: Whose the rows are is not known, or the driver is not installed.
            RemoteError: The database does not answer, or refuses; the next step goes on where it stands.
        """
        if self._connection is None and not self._attach():
            return 0
        batch = self._batch or self._read()
        if batch is None:
            return 0
        self._batch = batch
        self._write(batch)
        self._batch, self.copied = None, batch.last.seq
        self.written += len(batch.events)
        self._size = min(2 * self._size, _MOST)
        return len(batch.events)

    def lag(self) -> Lag:
        """Return how far the copy is behind the journal now."""
        newest, _ = self.journal.newest()
        oldest = self.journal.rows(self.copied, 1)
        seconds = (time.time_ns() - oldest[0].wall) / 1e9 if oldest else 0.0
        return Lag(newest - self.copied, max(seconds, 0.0))

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _attach(self) -> bool:
        """Connect, and find out how far the copy has come; False while the journal is empty."""
        first = self.journal.rows(0, 1)
        if not first:
            return False
        self._connection = connect(self.address, timeout=min(self._timeout, 10.0))
        copy = attach(self._connection, self.journal.account, first[0], owner=self.address.owner)
        self._id = copy.id
        batch, self._batch = self._batch, None
        if batch is not None and copy.copied == batch.after:
            self._batch = batch  # it did not arrive: once more
        else:
            self._catch_up(copy.copied, copy.digest)
        self.copied = copy.copied
        return True

    def _catch_up(self, copied: int, digest: bytes) -> None:
        """Bring the projection to where the copy stands; from the first event on, if it is elsewhere."""
        if self._taken != copied:
            self._fold(copied)
        if self._taken != copied or (copied and self._digest != digest):
            raise BadData(
                f"journal {str(self.journal.path)!r} is not the one that was copied: event {copied} of the "
                "copy is another; go on with the newest file, which some backup has replaced"
            )

    def _fold(self, copied: int) -> None:
        self._projection, self._taken, self._digest = self._project(), 0, None
        while self._taken < copied:
            rows = self.journal.rows(self._taken, min(_MOST, copied - self._taken))
            if not rows:
                break
            self._take(rows)
        self._projection.changes()

    def _read(self) -> Batch | None:
        rows = self.journal.rows(self._taken, self._size)
        if not rows:
            return None
        after = self._taken
        self._take(rows)
        return Batch(after, rows, self._projection.changes())

    def _take(self, rows: Sequence[Stored]) -> None:
        for row in rows:
            self.journal.check(row, self._digest)
            self._projection.take(self.journal.entry(row))
            self._taken, self._digest = row.seq, row.digest

    def _write(self, batch: Batch) -> None:
        """Write a batch in one transaction, unless the copy has moved meanwhile."""
        connection, journal = self._connection, self._id
        if connection is None or journal is None:
            raise Disconnected("the database is not connected; a step connects first")
        with (
            translated(f"the copy of events {batch.after + 1} to {batch.last.seq}"),
            connection.transaction(),
        ):
            owner = locked_at(connection, journal, batch.after, seconds=self._timeout)
            for table, rows in ((EVENTS, batch.events), *batch.rows.items()):
                for piece in self._pieces(rows):
                    connection.execute(table.statement, (journal, owner, *arrays_of(table, piece)))
            move_to(connection, journal, batch.last)

    def _pieces(self, rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
        size = self._piece or len(rows)
        for at in range(0, len(rows), size):
            yield rows[at : at + size]

    def _fail(self, error: RemoteError) -> None:
        self._failed += 1
        if getattr(error.__cause__, "sqlstate", "") == _OUT_OF_TIME:
            self._shrink()
        self.close()
        self._told(error)

    def _shrink(self) -> None:
        """Let the next batch be smaller: this one may have been too much for the time that it has."""
        self._size = max(self._size // 4, 1)
        self._batch, self._taken = None, -1  # what it would change is worked out anew

    def _recover(self) -> None:
        if self._failed:
            self._failed = 0
            self._told(None)

    def _delay(self, error: RemoteError) -> float:
        if isinstance(
            error, Rejected
        ):  # only somebody can mend it, and poolers lock out who knocks too often
            return _REFUSED * self._patience.longest
        most = min(self._patience.first * 2.0 ** min(self._failed - 1, 16), self._patience.longest)
        return random.random() * most
