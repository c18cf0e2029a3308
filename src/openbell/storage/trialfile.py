"""The file of the ledger of trials: how it is made and opened, whoever else does so at the same time."""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from secrets import token_hex

from openbell.storage.schema import check_version, migrate
from openbell.storage.trialrecords import MIGRATIONS

#: How long to wait for other processes, in seconds.
PATIENCE = 10.0
_NOUN = "trials ledger"


def open_file(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open a ledger's file, and make it where there is none, unless it is only to be read.

    Raises:
        ConfigError: It is of a later version.
        sqlite3.Error: It is no ledger, or not there.
        OSError: It cannot be made.
    """
    if not read_only and not path.exists():
        _make(path)
    with ExitStack() as opening:  # a file that is refused is let go of
        connection = opening.enter_context(closing(_connect(path, read_only=read_only)))
        connection.execute("PRAGMA synchronous = NORMAL")
        if read_only:  # an older one is read as it is
            check_version(connection, path, steps=MIGRATIONS, noun=_NOUN)
        else:
            migrate(connection, path, steps=MIGRATIONS, noun=_NOUN)
        opening.pop_all()
    return connection


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    if read_only:
        address = f"{path.resolve().as_uri()}?mode=ro"
        return sqlite3.connect(address, uri=True, isolation_level=None, timeout=PATIENCE)
    return sqlite3.connect(
        path, isolation_level=None, timeout=PATIENCE, check_same_thread=False
    )  # who shares it among threads lets them wait for each other


def _make(path: Path) -> None:
    """Make the file whole under another name: of several processes, the first one's is taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{token_hex(4)}")
    try:
        with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            migrate(connection, fresh, steps=MIGRATIONS, noun=_NOUN)
            connection.execute("PRAGMA journal_mode = WAL")
        put(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def put(fresh: Path, path: Path) -> None:
    """Give a file its name, unless another process was quicker: then that one's stays."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        return
    except OSError:  # a file system that has no links
        if not path.exists():
            fresh.replace(path)
