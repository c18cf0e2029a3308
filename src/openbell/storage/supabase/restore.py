"""Brings a journal back from its copy: event by event as it was written, each held against its digest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from openbell.core.errors import BadData, ConfigError
from openbell.storage.journal import Journal, Row
from openbell.storage.supabase.connection import translated
from openbell.storage.supabase.copies import Copy

if TYPE_CHECKING:
    from psycopg import Connection

_PAGE = """
select seq, time, wall, kind, strategy, subject, trace, body::text, digest from public.events
where journal = %s and seq > %s order by seq limit 1000
"""


def restore(connection: Connection[Any], copy: Copy, path: Path) -> None:
    """Write a copy's journal where there is none; it is there as a whole, or not at all.

    Args:
        connection: To the database.
        copy: Which.
        path: The file.

    Raises:
        BadData: An event of the copy is missing or damaged.
        ConfigError: There is a journal already, or it cannot be written.
        RemoteError: The server does not answer, or refuses.
    """
    if path.exists():
        raise ConfigError(
            f"there is a journal at {str(path)!r} already; move its folder away, or name another by --state"
        )
    fresh = path.with_name(f"{path.name}.restored")
    _discard(fresh)
    try:
        with Journal(fresh, account=copy.account) as journal:
            for rows in _pages(connection, copy.id):
                _write(journal, copy, rows)
            if journal.last != copy.copied:
                raise _damaged(copy, journal.last + 1)
        fresh.replace(path)
    finally:
        _discard(fresh)


def _pages(connection: Connection[Any], journal: UUID) -> Iterator[Sequence[Row]]:
    after = 0
    while True:
        with translated("the copy of the journal"):
            rows = [Row(*row) for row in connection.execute(_PAGE, (journal, after))]
        if not rows:
            return
        yield rows
        after = rows[-1].seq


def _write(journal: Journal, copy: Copy, rows: Sequence[Row]) -> None:
    """Write events again, and hold what is written then against the copy."""
    before = journal.last
    for row in rows:
        journal.append(
            row.kind, json.loads(row.text), time=row.time, wall=row.wall, strategy=row.strategy,
            subject=row.subject, trace=row.trace,
        )  # fmt: skip
    journal.commit()
    for row, written in zip(rows, journal.rows(before, len(rows)), strict=True):
        if row != written:  # its digest is over all before it, so what is missing shows too
            raise _damaged(copy, min(row.seq, written.seq))


def _damaged(copy: Copy, seq: int) -> BadData:
    return BadData(
        f"the copy {copy.id} of {copy.account}: event {seq} is damaged or missing, so no journal is written; "
        "restore a backup of the database or of the journal's file"
    )


def _discard(fresh: Path) -> None:
    for end in ("", "-wal", "-shm"):
        fresh.with_name(f"{fresh.name}{end}").unlink(missing_ok=True)
