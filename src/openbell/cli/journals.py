"""The command `journal doctor`: whether journals are whole, and what of a damaged one can be saved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.options import command

journal = typer.Typer(help="Look after sessions' journals.", rich_markup_mode=None)


@command(
    journal,
    "openbell journal doctor",
    "openbell journal doctor --state state/paper-sma_cross",
    codes=(Exit.FAILED,),
)
def doctor(
    *,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", metavar="FOLDER", help="The session's folder, or one with several; else state."
        ),
    ] = None,
) -> Answer:
    """Hold every event of the journals against its digest; say up to where a damaged one can be read.

    Nothing is changed. Exit code 1 when one is damaged.
    """
    return examine_journals(state)


def examine_journals(state: str | None) -> Answer:
    """Return whether the journals below a folder are whole.

    Raises:
        ConfigError: There is none.
    """
    from openbell.cli.folders import find_sessions, state_folder
    from openbell.core.errors import ConfigError

    found = [_examine(folder) for folder in find_sessions(state)]
    if not found:
        below = str(state_folder(state))
        raise ConfigError(f"journal doctor: no journal in {below!r}; name a folder by --state")
    rows = [(one["folder"], f"{one['events']:,}", one["last"], one["said"] or "whole") for one in found]
    columns = [Column("Session"), Column("Events", right=True), Column("Up to"), Column("State")]
    damaged = [one for one in found if one["said"]]
    hint = (
        "Restore a copy of it: a backup, or `openbell db restore` from Supabase; or keep the file, begin "
        "anew with --new in another folder, and set the account right at the broker: the events up to the "
        "damage can be read."
    )
    parts: list[str | Table] = [Table(columns, rows), *(["", hint] if damaged else [])]
    return Answer(parts, {"journals": found}, Exit.FAILED if damaged else Exit.FINE)


def _examine(folder: Path) -> dict[str, Any]:
    """Return how many events of a journal are as they were written, and what is wrong with the next."""
    from openbell.core.errors import BadData, ConfigError
    from openbell.core.market import as_datetime
    from openbell.storage.journal import JOURNAL, Journal

    events, last, said = 0, "", ""
    try:
        with Journal(folder / JOURNAL, read_only=True) as kept:
            before: bytes | None = None
            while rows := kept.rows(events, 1_000):
                for row in rows:
                    kept.check(row, before)
                    kept.entry(row)
                    before, events = row.digest, row.seq
                    last = f"{as_datetime(row.wall):%Y-%m-%d %H:%M:%S}Z"
    except (BadData, ConfigError) as error:
        said = str(error).partition(";")[0]
    return {"folder": str(folder), "events": events, "last": last, "said": said}
