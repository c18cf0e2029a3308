"""The journal: an append-only log of everything that happened, in embedded SQLite.

An intent is durable before it is sent: `commit(durable=True)` returns when the disk has it. Everything else
is written as it happens and outlives the process, kill -9 included; what the power takes before the next
durable commit, the broker still knows. Each row carries a digest of itself and of the row before, so that
a damaged or edited journal is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from openbell.core.errors import BadData, ConfigError, Halt
from openbell.storage.entries import Entry, Row
from openbell.storage.schema import migrate

__all__ = ["Entry", "Journal", "Row"]

#: The journal's file in a session's folder.
JOURNAL = "journal.db"

_START = b"openbell journal"
_ROW = "SELECT seq, time, wall, kind, strategy, subject, trace, body, digest FROM event"
_ABOUT = f"{_ROW} WHERE subject = ? ORDER BY seq"
_KIND = f"{_ROW} WHERE kind = ? AND seq > ? ORDER BY seq"
_PAGE = f"{_ROW} WHERE seq > ? ORDER BY seq LIMIT ?"


class Journal:
    """One account's journal. One process writes it; any number may read it meanwhile."""

    def __init__(self, path: str | Path, *, account: str = "", read_only: bool = False) -> None:
        """Open a journal, and make it where there is none.

        Args:
            path: The file.
            account: Whose it is, such as `alpaca:paper:PA123`; it is kept in the file, and must not differ.
            read_only: Whether to look only; then the file must be there.

        Raises:
            ConfigError: The file is another account's, of a later version, no journal, or cannot be opened.
        """
        self.path = Path(path)
        self._read_only = read_only
        self._log: int | None = None
        self.account: str
        self.last: int
        self._digest: bytes
        try:
            with ExitStack() as opening:  # a file that is refused is let go of
                self._connection = opening.enter_context(closing(self._open(account)))
                self._look(account)
                opening.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"journal {str(self.path)!r} cannot be opened ({error}); check the path, or restore the file"
            ) from error

    def _open(self, account: str) -> sqlite3.Connection:
        if self._read_only:
            address = f"{self.path.resolve().as_uri()}?mode=ro"
            return sqlite3.connect(address, uri=True, isolation_level=None)
        if not self.path.exists():
            self._make(account)
        return sqlite3.connect(self.path, isolation_level=None)

    def _look(self, account: str) -> None:
        """Bring the file up to date, and see whose it is and where it ends."""
        if not self._read_only:
            migrate(self._connection, self.path)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self.account = self._about("account")
        last = self._connection.execute("SELECT seq, digest FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        self.last, self._digest = last or (0, _START)
        if account and account != self.account:
            raise ConfigError(
                f"journal {str(self.path)!r} is of account {self.account!r}, not {account!r}; "
                "give each account a folder of its own"
            )

    def _make(self, account: str) -> None:
        """Make the file whole under another name: a reader sees a journal, or none."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        connection = sqlite3.connect(fresh, isolation_level=None)
        try:
            migrate(connection, fresh)
            connection.execute("INSERT INTO about VALUES ('account', ?)", (account,))
        finally:
            connection.close()
        fresh.replace(self.path)

    def append(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        time: int,
        wall: int,
        strategy: str = "",
        subject: str = "",
        trace: str = "",
    ) -> Entry:
        """Write an event. It counts from the next `commit` on.

        Raises:
            Halt: The disk is full or broken.
        """
        text = json.dumps(body, separators=(",", ":"), sort_keys=True, allow_nan=False)
        row = (self.last + 1, time, wall, kind, strategy, subject, trace, text)
        digest = _digest(self._digest, row)
        try:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, digest))
        except sqlite3.Error as error:
            raise self._halt(error) from error
        self.last, self._digest = row[0], digest
        return Entry(row[0], time, wall, kind, strategy, subject, trace, body)

    def commit(self, *, durable: bool = False) -> None:
        """Make what was appended count; with `durable` it is on the disk when this returns.

        Raises:
            Halt: The disk is full or broken: nothing that was appended since the last commit counts.
        """
        try:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
            if durable:
                self._sync()
        except (sqlite3.Error, OSError) as error:
            raise self._halt(error) from error

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Yield the events after a sequence number, in order, each held against its digest.

        Raises:
            BadData: A row is missing, damaged or was edited.
        """
        last = after
        try:
            found = self._connection.execute("SELECT digest FROM event WHERE seq = ?", (after,)).fetchone()
            digest = _START if found is None else found[0]
            for row in self._rows(after):
                if row[0] != last + 1:
                    raise self._damaged(last + 1, "it is missing")
                digest = _digest(digest, row[:8])
                if digest != row[8]:
                    raise self._damaged(row[0], "its digest does not fit the rows up to it")
                yield self._entry(row)
                last = row[0]
        except sqlite3.Error as error:
            raise self._damaged(last + 1, str(error)) from error

    def of_kind(self, kind: str, after: int = 0) -> list[Entry]:
        """Return the events of a kind after a sequence number, in order."""
        return [self._entry(row) for row in self._connection.execute(_KIND, (kind, after))]

    def latest(self, kind: str, after: int = 0) -> Entry | None:
        """Return the last event of a kind after a sequence number; None where there is none."""
        row = self._connection.execute(f"{_KIND} DESC LIMIT 1", (kind, after)).fetchone()
        return None if row is None else self._entry(row)

    def about(self, subject: str) -> list[Entry]:
        """Return the events about one thing, in order."""
        return [self._entry(row) for row in self._connection.execute(_ABOUT, (subject,))]

    def rows(self, after: int = 0, most: int = 1000) -> list[Row]:
        """Return up to so many events after a sequence number as they are stored, for a copy of them.

        Raises:
            BadData: The file is damaged.
        """
        try:
            return [Row(*row) for row in self._connection.execute(_PAGE, (after, most))]
        except sqlite3.Error as error:
            raise self._damaged(after + 1, str(error)) from error

    def entry(self, row: Row) -> Entry:
        """Return the event of a row.

        Raises:
            BadData: It is damaged.
        """
        return self._entry(row)

    def check(self, row: Row, before: bytes | None) -> None:
        """Hold a row against the digest of the row before it; None is before the first.

        Raises:
            BadData: It is damaged, or a row between them is missing.
        """
        if _digest(_START if before is None else before, row[:8]) != row.digest:
            raise self._damaged(row.seq, "its digest does not fit the row before")

    def newest(self) -> tuple[int, int]:
        """Return the last event's sequence number and the computer's time (ns) when it was written."""
        row = self._connection.execute("SELECT seq, wall FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        return row or (0, 0)

    def verify(self) -> int:
        """Check every row against its digest; return how many there are.

        Raises:
            BadData: A row is missing, damaged or was edited; names the first.
        """
        digest, count = _START, 0
        try:
            for row in self._rows(0):
                count += 1
                digest = _digest(digest, row[:8])
                if row[0] != count or digest != row[8]:
                    raise self._damaged(row[0], "its digest does not fit the rows up to it")
        except sqlite3.Error as error:
            raise self._damaged(count + 1, str(error)) from error
        return count

    def close(self) -> None:
        """Commit, and let go of the file."""
        try:
            self.commit(durable=not self._read_only)
        finally:
            if self._log is not None:
                os.close(self._log)
                self._log = None
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._connection.in_transaction:
            self._connection.rollback()  # a moment that failed half way did not happen
        self.close()

    def _sync(self) -> None:
        """Wait until the disk has every commit: they are all in SQLite's log of writes beside the file."""
        if self._log is None:
            self._log = os.open(f"{self.path}-wal", os.O_RDWR)
        os.fsync(self._log)

    def _rows(self, after: int) -> Iterator[tuple[Any, ...]]:
        """Yield rows page by page: a reader that holds one query open would keep the log from being cut."""
        while rows := self._connection.execute(_PAGE, (after, 1000)).fetchall():
            yield from rows
            after = rows[-1][0]

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        seq, time, wall, kind, strategy, subject, trace, text, _ = row
        try:
            return Entry(seq, time, wall, kind, strategy, subject, trace, json.loads(text))
        except json.JSONDecodeError as error:
            raise self._damaged(seq, str(error)) from error

    def _about(self, key: str) -> str:
        row = self._connection.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def _damaged(self, seq: int, why: str) -> BadData:
        return BadData(
            f"journal {str(self.path)!r}: event {seq} is damaged ({why}); stop, keep the file, and "
            "restore a copy: `openbell journal doctor` says what can be saved"
        )

    def _halt(self, error: Exception) -> Halt:
        return Halt(
            f"journal {str(self.path)!r} cannot be written ({error}), so nothing is sent any more; "
            "make room on the disk, and start again"
        )


def _digest(before: bytes, row: tuple[Any, ...]) -> bytes:
    """Return the digest of a row and of all that came before it."""
    return hashlib.sha256(before + json.dumps(row, separators=(",", ":")).encode()).digest()
