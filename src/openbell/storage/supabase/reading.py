"""Reads the copies of journals as a user does: row level security decides which there are."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from openbell.core.errors import BadData, RemoteError
from openbell.storage.entries import Entry
from openbell.storage.supabase.address import Address
from openbell.storage.supabase.connection import connect, translated

if TYPE_CHECKING:
    from psycopg import Connection

_PAGE = 1_000
_LIMIT = "set local role authenticated; set local statement_timeout = '10s'"
_CLAIMS = "select set_config('request.jwt.claims', %s, true)"
#: Neither names an owner: which rows these are is the policies' to say, and nobody else's.
_JOURNALS = """
select id, account, extract(epoch from now() - copied_at)::float8 from public.journals order by created_at, id
"""
_EVENTS = """
select seq, time, wall, kind, strategy, subject, trace, body::text from public.events
where journal = %s and seq > %s order by seq limit %s
"""
_NEWEST = "select seq, wall from public.events where journal = %s order by seq desc limit 1"

Claims = Mapping[str, Any]


class Shown(NamedTuple):
    """A journal's copy that a user may see."""

    id: UUID
    account: str
    age: float  #: seconds since something was last copied


class Database:
    """The database, asked in a user's name. Threads take turns."""

    def __init__(self, address: Address) -> None:
        """Take the address; nothing is connected yet."""
        self._address = address
        self._connection: Connection[Any] | None = None
        self._turn = threading.Lock()

    def ask(self, claims: Claims, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return a query's rows as the user of a verified JWT sees them.

        Role and claims are set for one transaction, which is all that the transaction pooler keeps.

        Raises:
            RemoteError: The database does not answer, or refuses.
        """
        with self._turn, self._connected() as connection, connection.transaction():
            connection.execute(_LIMIT)
            connection.execute(_CLAIMS, (json.dumps(dict(claims)),))
            return connection.execute(query.encode(), values).fetchall()

    def journals(self, claims: Claims) -> list[Shown]:
        """Return the copies that a user may see, in the order in which they were begun."""
        return [Shown(*row) for row in self.ask(claims, _JOURNALS)]

    def close(self) -> None:
        """Let go of the connection."""
        with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    @contextmanager
    def _connected(self) -> Iterator[Connection[Any]]:
        """Give the connection; one that has failed is not used again."""
        try:
            with translated("the copies of journals"):
                if self._connection is None or self._connection.closed:
                    self._connection = connect(self._address)
                yield self._connection
        except RemoteError:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
            raise


class Copied:
    """One journal's copy, as one user may see it."""

    def __init__(self, database: Database, journal: UUID, claims: Claims) -> None:
        self._database, self._journal, self._claims = database, journal, claims

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Yield the events after a sequence number, in order; none where the user may see none.

        Raises:
            BadData: An event is damaged.
            RemoteError: The database does not answer, or refuses.
        """
        while rows := self._database.ask(self._claims, _EVENTS, self._journal, after, _PAGE):
            for row in rows:
                try:
                    yield Entry._make((*row[:-1], json.loads(row[-1])))
                except ValueError as error:
                    raise BadData(
                        f"event {row[0]} of the copy {self._journal} is damaged ({error}); copy it again"
                    ) from error
            after = rows[-1][0]

    def newest(self) -> tuple[int, int]:
        """Return the last event's sequence number and the computer's time (ns) when it was written."""
        found = self._database.ask(self._claims, _NEWEST, self._journal)
        return found[0] if found else (0, 0)

    def close(self) -> None:
        """Do nothing: the connection is others' too."""
