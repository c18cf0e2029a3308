"""The work of `openbell db`: migrations, what is copied, copying, and bringing a journal back."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.folders import check_named, find_sessions
from openbell.cli.places import load_settings
from openbell.core.errors import BadData, ConfigError
from openbell.core.market import as_datetime
from openbell.reporting.words import count
from openbell.storage.journal import JOURNAL, Journal
from openbell.storage.lock import FolderLock
from openbell.storage.supabase.address import Address, address_of, needed
from openbell.storage.supabase.checkup import examine
from openbell.storage.supabase.connection import connect
from openbell.storage.supabase.copies import Copy, copies, id_of
from openbell.storage.supabase.migrations import applied, migrate, pending
from openbell.storage.supabase.restore import restore
from openbell.trading.copying import Voice, copy_journal
from openbell.utils.logging import configure

_ATTEMPTS = 5  # failures in a row after which a copy that nobody follows gives up


def find_address(folder: str | None, env: str | None) -> Address:
    """Return where the database is.

    Raises:
        ConfigError: None is configured, or it cannot be understood.
    """
    return needed(address_of(load_settings((), folder, env).environ))


def migrate_database(address: Address, *, dry_run: bool) -> Answer:
    """Apply the migrations that are lacking, or only name them.

    Raises:
        ConfigError: It is no Supabase project.
        RemoteError: The server does not answer, or refuses a step.
    """
    with connect(address) as connection:
        steps = pending(connection) if dry_run else migrate(connection)
    verb = "would be applied" if dry_run else "applied"
    lines = [f"{verb}: {step}" for step in steps] or ["The tables are up to date."]
    return Answer(lines, {"applied": [] if dry_run else [str(step) for step in steps],
                          "pending": [str(step) for step in steps] if dry_run else []})  # fmt: skip


def show_copies(address: Address, state: str | None) -> Answer:
    """Say what is copied, and how far each journal here is behind.

    Raises:
        RemoteError: The server does not answer.
    """
    with connect(address) as connection:
        have, lacking = applied(connection), pending(connection)
        there = {copy.id: copy for copy in copies(connection)} if not lacking else {}
    rows, documents, warnings = [], [], list[str]()
    for path, name, last in _journals(state, warnings):
        copy = there.pop(name, None)
        done = copy.copied if copy is not None else 0
        rows.append((str(path), _named(copy), f"{done:,}", f"{last - done:,}"))
        documents.append({"journal": str(path), "id": str(name), "copied": done, "behind": last - done})
    for name, copy in there.items():
        rows.append(("elsewhere", _named(copy), f"{copy.copied:,}", "?"))
        documents.append({"journal": "", "id": str(name), "copied": copy.copied, "behind": None})
    columns = [Column("Journal"), Column("Copy"), Column("Copied", right=True), Column("Behind", right=True)]
    said = f"{count(len(have), 'migration')} applied, {len(lacking)} not"
    table: str | Table = Table(columns, rows) if rows else "There is no journal here, and none is copied."
    document = {
        "address": str(address), "applied": have, "pending": [str(step) for step in lacking],
        "journals": documents,
    }  # fmt: skip
    return Answer([f"Database: {address}", f"Tables: {said}", "", table], document, warnings=warnings)


def examine_database(address: Address) -> Answer:
    """Look at everything that the copy needs.

    Raises:
        RemoteError: The server does not answer.
    """
    with connect(address) as connection:
        looks = list(examine(connection, address))
    faults = [look for look in looks if not look.fine]
    rows = [("ok" if look.fine else "FAULT", look.name, look.said) for look in looks]
    parts: list[str | Table] = [Table([Column("State"), Column("What"), Column("Found")], rows), ""]
    parts += [f"{look.name}: {look.remedy}" for look in faults]
    parts.append(count(len(faults), "fault") if faults else "the database has what the copy needs")
    findings = [look._asdict() for look in looks]
    return Answer(parts, {"healthy": not faults, "findings": findings}, Exit.FAILED if faults else Exit.FINE)


def replicate_sessions(address: Address, state: str | None, *, follow: bool) -> Answer:
    """Copy the journals of sessions: what is there now, or with `follow` what comes too.

    Raises:
        BadData: A journal is damaged, or is not the one that was copied.
        ConfigError: There is no journal, another process copies it, or several are to be followed.
        RemoteError: The server does not answer, or refuses.
    """
    folders = find_sessions(state)
    if not folders or (follow and len(folders) > 1):
        found = "several sessions, and one can be followed" if folders else "no session"
        raise ConfigError(f"--state {state or 'state'}: there is {found}; name the folder of one session")
    configure()
    attempts = None if follow else _ATTEMPTS
    with _ending(follow=follow) as wait:
        done = [
            copy_journal(folder / JOURNAL, address, wait, follow=follow, attempts=attempts, told=Voice().tell)
            for folder in folders
        ]
    lines = [
        f"{folder / JOURNAL}: {count(one.events, 'event')} copied, {one.lag.events:,} behind"
        for folder, one in zip(folders, done, strict=True)
    ]
    document = [
        {"journal": str(folder / JOURNAL), "events": one.events, "copied": one.last, "behind": one.lag.events}
        for folder, one in zip(folders, done, strict=True)
    ]
    return Answer(lines, {"journals": document})


def restore_session(address: Address, state: str, name: str) -> Answer:
    """Write a session's journal from its copy, the one whose id begins so.

    Raises:
        BadData: An event of the copy is missing or damaged.
        ConfigError: There is a journal already, or it is not clear which copy is meant.
        RemoteError: The server does not answer, or refuses.
    """
    check_named(state, "--state")
    folder = Path(state)
    with connect(address) as connection, FolderLock(folder):
        copy = _chosen(copies(connection), name)
        restore(connection, copy, folder / JOURNAL)
    with Journal(folder / JOURNAL, read_only=True) as journal:
        last = f"{as_datetime(journal.newest()[1]):%Y-%m-%d %H:%M:%S}Z"
    lines = [
        f"{folder / JOURNAL}: {count(copy.copied, 'event')} of {copy.account}, up to {last}",
        f"`openbell resume --state {folder}` goes on with the session.",
    ]
    document = {"journal": str(folder / JOURNAL), "id": str(copy.id), "events": copy.copied}
    return Answer(lines, document)


def _chosen(there: Sequence[Copy], name: str) -> Copy:
    fitting = [one for one in there if str(one.id).startswith(name.lower())]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(map(_named, fitting or there))
    if not there:
        raise ConfigError("db restore: no journal is copied in this database")
    if not fitting:
        raise ConfigError(f"--copy {name!r}: no copy's id begins so; there are: {listed}")
    raise ConfigError(f"db restore: which copy? There are: {listed}; name one, as in --copy {fitting[0].id}")


@contextmanager
def _ending(*, follow: bool) -> Iterator[Callable[[float], bool]]:
    """Yield what waits, and tells whether to end; what is followed ends well by Ctrl-C or SIGTERM."""
    ended = threading.Event()
    if not follow:
        yield ended.wait
        return
    before = {
        number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield ended.wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _journals(state: str | None, warnings: list[str]) -> Iterator[tuple[Path, UUID, int]]:
    """Yield each journal here with its name and its last event; warn of what cannot be read."""
    for folder in find_sessions(state):
        try:
            with Journal(folder / JOURNAL, read_only=True) as journal:
                found = [(folder / JOURNAL, id_of(first), journal.last) for first in journal.rows(0, 1)]
        except (BadData, ConfigError, sqlite3.DatabaseError) as error:
            warnings.append(f"{folder / JOURNAL} is left out: {error}")
            continue
        yield from found


def _named(copy: Copy | None) -> str:
    return "none" if copy is None else f"{copy.account} {copy.id}"
