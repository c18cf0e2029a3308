"""Brings the database's tables up to date, by the files that the Supabase CLI applies, in its way."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from openbell.core.errors import ConfigError
from openbell.storage.supabase.connection import translated

if TYPE_CHECKING:
    from psycopg import Connection

#: The same number for everyone who migrates: they wait for each other.
_LOCK = 0x6F62_6D69
#: The Supabase CLI's own table of what was applied, as it makes it.
_HISTORY = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""
_NOTE = "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)"
_APPLIED = "select version from supabase_migrations.schema_migrations order by version"


class Migration(NamedTuple):
    """One step: its version (the time when it was written), its name, and its SQL."""

    version: str
    name: str
    sql: str

    def __str__(self) -> str:
        return f"{self.version}_{self.name}"


def migrations() -> list[Migration]:
    """Return every step, in order: those of the package, or of the checkout that it runs from.

    Raises:
        ConfigError: There are none: the installation is broken.
    """
    packed = files("openbell.storage.supabase").joinpath("migrations")
    folder = packed if packed.is_dir() else Path(__file__).parents[4] / "supabase" / "migrations"
    if not folder.is_dir():
        raise ConfigError("the migrations are missing from this installation; reinstall openbell")
    found = []
    for file in folder.iterdir():
        stem, dot, suffix = file.name.rpartition(".")
        version, _, name = stem.partition("_")
        if dot and suffix == "sql" and version.isdecimal():
            found.append(Migration(version, name, file.read_text(encoding="utf-8")))
    return sorted(found)


def applied(connection: Connection[Any]) -> list[str]:
    """Return the versions that a database has, in order.

    Raises:
        RemoteError: The server does not answer, or refuses.
    """
    with translated("migrations"):
        known = connection.execute("select to_regclass('supabase_migrations.schema_migrations')").fetchone()
        if known is None or known[0] is None:
            return []
        return [version for (version,) in connection.execute(_APPLIED)]


def pending(connection: Connection[Any]) -> list[Migration]:
    """Return the steps that a database lacks, in order.

    Raises:
        RemoteError: The server does not answer, or refuses.
    """
    have = set(applied(connection))
    return [one for one in migrations() if one.version not in have]


def migrate(
    connection: Connection[Any], told: Callable[[Migration], object] = lambda _: None
) -> list[Migration]:
    """Apply what a database lacks, each step whole or not at all; return what was applied.

    Args:
        connection: Of a user who may create tables.
        told: Called after each step.

    Raises:
        ConfigError: It is no Supabase project: it has no `auth.uid()`.
        RemoteError: The server does not answer, or refuses a step; the steps before it are kept.
    """
    done = []
    while (step := _apply_next(connection)) is not None:
        done.append(step)
        told(step)
    return done


def _apply_next(connection: Connection[Any]) -> Migration | None:
    """Apply the first step that is lacking, alone of all who would; None when there is none."""
    with translated("migrations"), connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        row = connection.execute("select to_regprocedure('auth.uid()')").fetchone()
        if row is None or row[0] is None:
            raise ConfigError(
                "the database has no auth.uid(), so it is no Supabase project; check SUPABASE_DB_URL"
            )
        have = set(applied(connection))
        step = next((one for one in migrations() if one.version not in have), None)
        if step is not None:
            connection.execute(_HISTORY)
            with translated(f"migration {step}"):
                connection.execute(step.sql.encode())
            connection.execute(_NOTE, (step.version, step.name, [step.sql]))
        return step
