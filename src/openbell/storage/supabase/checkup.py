"""Looks at a database: is everything there that the copy needs, and is everything closed that should be?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from openbell.core.errors import ConfigError
from openbell.storage.supabase.address import OWNER, Address
from openbell.storage.supabase.connection import translated
from openbell.storage.supabase.copies import copies, owner_of_all
from openbell.storage.supabase.migrations import migrations, pending
from openbell.storage.supabase.tables import ALL, WATCHED

if TYPE_CHECKING:
    from psycopg import Connection

_OPEN_TABLES = """
select relname from pg_class where relnamespace = 'public'::regnamespace and relname = any(%s)
and not (relrowsecurity and exists (select from pg_policy where polrelid = pg_class.oid))
"""
_SEEN_BY_ALL = """
select name from unnest(%s::text[]) as name where exists (
    select from pg_class where relnamespace = 'public'::regnamespace and relname = name
    and has_table_privilege('anon', oid, 'select, insert, update, delete')
)
"""
_UNWATCHED = """
select name from unnest(%s::text[]) as name where not exists (
    select from pg_publication_tables
    where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = name
)
"""
_COUNTS = "select count(*), coalesce(max(seq), 0) from public.events where journal = %s"


class Look(NamedTuple):
    """What was looked at, whether it is well, what was found, and what to do about it."""

    fine: bool
    name: str
    said: str
    remedy: str = ""


def examine(connection: Connection[Any], address: Address) -> Iterator[Look]:
    """Look at everything, in the order in which it is to be mended.

    Raises:
        RemoteError: The server does not answer.
    """
    with translated("the check of the database"):
        yield _server(connection, address)
        lacking = pending(connection)
        yield _tables(connection)
        if lacking:
            return
        for look in (_security, _strangers, _service, _realtime):
            yield look(connection)
        yield _owner(connection, address)
        for copy in copies(connection):
            count, last = connection.execute(_COUNTS, (copy.id,)).fetchone() or (0, 0)
            said = f"{copy.account}: {count:,} events, the last is {last}, copied up to {copy.copied}"
            remedy = "somebody has changed the copy; remove it with its rows, and replicate again"
            yield Look(count == last == copy.copied, f"journal {copy.id}", said, remedy)


def _server(connection: Connection[Any], address: Address) -> Look:
    row = connection.execute(
        "select current_setting('server_version'), current_setting('transaction_read_only'),"
        " pg_is_in_recovery()"
    ).fetchone()
    version, read_only, standby = row or ("", "", True)
    encrypted = "encrypted" if connection.pgconn.ssl_in_use else "not encrypted"
    said = f"Postgres {version} at {address}, {encrypted}"
    if standby or read_only == "on":
        return Look(False, "server", f"{said}; it reads only", "use the address of the primary server")
    return Look(True, "server", said)


def _tables(connection: Connection[Any]) -> Look:
    lacking, all_of_them = pending(connection), migrations()
    if lacking:
        names = ", ".join(map(str, lacking))
        return Look(False, "migrations", f"not applied: {names}", "run `openbell db migrate`")
    return Look(True, "migrations", f"{len(all_of_them)} applied, the last is {all_of_them[-1]}")


def _security(connection: Connection[Any]) -> Look:
    names = _names(connection, _OPEN_TABLES, ALL)
    if names:
        return Look(
            False, "row level security", f"off, or without a policy: {names}",
            "enable row level security on them, and apply the migration of the policies again",
        )  # fmt: skip
    return Look(True, "row level security", f"on, for {len(ALL)} tables")


def _strangers(connection: Connection[Any]) -> Look:
    names = _names(connection, _SEEN_BY_ALL, ALL)
    if names:
        remedy = f"revoke all on table {names} from anon"
        return Look(False, "anonymous access", f"allowed to: {names}", remedy)
    return Look(True, "anonymous access", "none")


def _service(connection: Connection[Any]) -> Look:
    row = connection.execute("select current_user, pg_has_role('service_role', 'member')").fetchone()
    user, may = row or ("", False)
    if not may:
        remedy = f"log in as the project's user postgres, or grant service_role to {user}"
        return Look(False, "service role", f"user {user} may not act as service_role", remedy)
    return Look(True, "service role", f"user {user} may act as it")


def _realtime(connection: Connection[Any]) -> Look:
    names = _names(connection, _UNWATCHED, WATCHED)
    if names:
        remedy = f"alter publication supabase_realtime add table {names}"
        return Look(False, "realtime", f"not in the publication: {names}", remedy)
    return Look(True, "realtime", f"{len(WATCHED)} tables are in the publication supabase_realtime")


def _owner(connection: Connection[Any], address: Address) -> Look:
    if address.owner is not None:
        known = connection.execute("select from auth.users where id = %s", (address.owner,)).fetchone()
        if known is None:
            remedy = f"set {OWNER} to the id of a user of the project"
            return Look(False, "owner", f"{address.owner} is no user of the project", remedy)
        return Look(True, "owner", f"{address.owner}, by {OWNER}")
    try:
        return Look(True, "owner", f"{owner_of_all(connection)}, the project's only user")
    except ConfigError as error:
        return Look(False, "owner", "not known", str(error))


def _names(connection: Connection[Any], query: str, tables: tuple[str, ...]) -> str:
    return ", ".join(name for (name,) in connection.execute(query, (list(tables),)))
