"""The journal's tables, their versions, and how an older file is brought up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from openbell.core.errors import ConfigError

#: What brings a file from one version to the next, from an empty file on. Steps are added, never changed.
MIGRATIONS: Sequence[str] = (
    """
    CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        wall INTEGER NOT NULL,
        kind TEXT NOT NULL,
        strategy TEXT NOT NULL,
        subject TEXT NOT NULL,
        trace TEXT NOT NULL,
        body TEXT NOT NULL,
        digest BLOB NOT NULL
    );
    CREATE INDEX event_subject ON event (subject) WHERE subject <> '';
    CREATE INDEX event_kind ON event (kind, seq);
    CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
        BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
    CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
        BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;
    """,
)

VERSION = len(MIGRATIONS)


def check_version(
    connection: sqlite3.Connection, path: Path, *, steps: Sequence[str] = MIGRATIONS, noun: str = "journal"
) -> int:
    """Return the version of a file's tables; arguments as of `migrate`.

    Raises:
        ConfigError: The file was written by a later version of Openbell.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(steps):
        raise ConfigError(
            f"{noun} {str(path)!r} has schema {version}, and this Openbell knows {len(steps)}; "
            "update Openbell"
        )
    return version


def migrate(
    connection: sqlite3.Connection, path: Path, *, steps: Sequence[str] = MIGRATIONS, noun: str = "journal"
) -> None:
    """Bring a file's tables to this version, each step whole or not at all.

    Args:
        connection: To the file.
        path: The file's, for the message.
        steps: What brings it from one version to the next.
        noun: What kind of file it is, for the message.

    Raises:
        ConfigError: The file was written by a later version of Openbell.
    """
    for number in range(check_version(connection, path, steps=steps, noun=noun), len(steps)):
        script = f"BEGIN IMMEDIATE; {steps[number]}; PRAGMA user_version = {number + 1}; COMMIT"
        connection.executescript(script)
