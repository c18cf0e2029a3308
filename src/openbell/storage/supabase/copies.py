"""The rows that say which journals are copied, whose they are, and how far the copy has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from openbell.core.errors import ConfigError, Retryable
from openbell.storage.journal import Row
from openbell.storage.supabase.connection import translated

if TYPE_CHECKING:
    from psycopg import Connection

_FIND = "select id, owner, account, copied, digest from public.journals where id = %s"
_MAKE = """
insert into public.journals (id, owner, account, digest) values (%s, %s, %s, ''::bytea)
on conflict (id) do nothing
"""
_LOCK = "select owner, copied from public.journals where id = %s for update"
#: A commit waits for no disk: the engine may write to the same, and would wait for it too. What a crash of
#: the server takes with it goes together with the mark of how far the copy is, and is copied again.
_SERVICE = """
set local role service_role; set local synchronous_commit = off;
set local statement_timeout = {limit}; set local lock_timeout = {lock}
"""
_MOVE = "update public.journals set copied = %s, digest = %s, copied_at = now() where id = %s"
_USERS = "select id from auth.users order by id limit 2"


class Copy(NamedTuple):
    """One journal in the database: its last event there, and that event's digest."""

    id: UUID
    owner: UUID
    account: str
    copied: int
    digest: bytes


def id_of(first: Row) -> UUID:
    """Return a journal's name: it follows from its first event, which no other journal has."""
    return UUID(bytes=first.digest[:16])


def attach(connection: Connection[Any], account: str, first: Row, *, owner: UUID | None) -> Copy:
    """Return the copy of a journal, and begin one where there is none.

    Args:
        connection: To the database.
        account: Whose journal it is.
        first: Its first event.
        owner: The user whose the rows are to be; None is the project's only user.

    Raises:
        ConfigError: The copy is another user's, or there is no telling whose it is to be.
        RemoteError: The server does not answer, or refuses.
    """
    name = id_of(first)
    with translated("the copy of the journal"):
        row = connection.execute(_FIND, (name,)).fetchone()
        if row is None:
            connection.execute(_MAKE, (name, owner or owner_of_all(connection), account))
            row = connection.execute(_FIND, (name,)).fetchone()
    copy = Copy(*(row or ()))
    if owner is not None and copy.owner != owner:
        raise ConfigError(
            f"journal {name} is copied for user {copy.owner}, and SUPABASE_OWNER is {owner}; set it to the "
            "former, or change the owner of the journal in the database's table journals"
        )
    return copy


def copies(connection: Connection[Any]) -> list[Copy]:
    """Return all copies, by account.

    Raises:
        RemoteError: The server does not answer, or refuses.
    """
    query = "select id, owner, account, copied, digest from public.journals order by account, created_at"
    with translated("the copies"):
        return [Copy(*row) for row in connection.execute(query)]


def locked_at(connection: Connection[Any], journal: UUID, after: int, *, seconds: float) -> UUID:
    """Lock a copy for this transaction, and check that it ends where it should; return whose it is.

    From here on the transaction is the service role's, and no statement of it takes longer than `seconds`.

    Raises:
        Retryable: The copy ends elsewhere: somebody else has moved it, or a batch arrived that seemed lost.
    """
    limit = max(1, round(1000 * seconds))
    connection.execute(_SERVICE.format(limit=limit, lock=max(1, limit // 2)))
    row = connection.execute(_LOCK, (journal,)).fetchone()
    if row is None or row[1] != after:
        there = "gone" if row is None else f"at event {row[1]}"
        raise Retryable(f"the copy of the journal is {there}, not at {after}; it is looked at again")
    owner: UUID = row[0]
    return owner


def move_to(connection: Connection[Any], journal: UUID, last: Row) -> None:
    """Note how far a copy has come."""
    connection.execute(_MOVE, (last.seq, last.digest, journal))


def owner_of_all(connection: Connection[Any]) -> UUID:
    """Return the project's only user.

    Raises:
        ConfigError: There is none, or there are several.
    """
    rows = connection.execute(_USERS).fetchall()
    if len(rows) != 1:
        found = "no user" if not rows else "several users"
        raise ConfigError(
            f"the project has {found}, so it is not known whose the rows are; make one on its page "
            "Authentication, and set SUPABASE_OWNER to the user's id"
        )
    owner: UUID = rows[0][0]
    return owner
