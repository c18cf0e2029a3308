"""The commands of `openbell db`: what may be typed. Each loads what does the work when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from openbell.cli.answer import Answer, Exit
from openbell.cli.options import ConfigFolder, Environment, command
from openbell.cli.sessions import State

db = typer.Typer(help="Keep a copy of the journal in Supabase.", rich_markup_mode=None)


@command(db, "openbell db migrate", "openbell db migrate --dry-run")
def migrate(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be applied.")] = False,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Make the tables, or bring them up to date.

    The address is SUPABASE_DB_URL, in the environment or in .env. What is applied is noted where the Supabase
    CLI notes it, so that either may go on after the other.
    """
    from openbell.cli.database import find_address, migrate_database

    return migrate_database(find_address(folder, env), dry_run=dry_run)


@command(db, "openbell db status", "openbell db status --state state/paper-sma_cross --json")
def status(*, state: State = None, folder: ConfigFolder = None, env: Environment = None) -> Answer:
    """Show what is copied, and how far each journal here is behind."""
    from openbell.cli.database import find_address, show_copies

    return show_copies(find_address(folder, env), state)


@command(db, "openbell db doctor", "openbell db doctor --json", codes=(Exit.FAILED,))
def doctor(*, folder: ConfigFolder = None, env: Environment = None) -> Answer:
    """Check that the database has what the copy needs, and lets nobody else see it."""
    from openbell.cli.database import examine_database, find_address

    return examine_database(find_address(folder, env))


@command(
    db,
    "openbell db replicate --state state/paper-sma_cross",
    "openbell db replicate --state state/paper-sma_cross --follow",
)
def replicate(
    *,
    state: State = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until Ctrl-C.")] = False,
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Copy what is not copied yet. A session does so by itself while it runs."""
    from openbell.cli.database import find_address, replicate_sessions

    return replicate_sessions(find_address(folder, env), state, follow=follow)


@command(
    db,
    "openbell db restore --state state/paper-sma_cross",
    "openbell db restore --state state/live-mine --copy 9c1afb6e",
)
def restore(
    *,
    into: Annotated[
        str, typer.Option("--state", metavar="FOLDER", help="The session's folder, without a journal.")
    ],
    name: Annotated[
        str,
        typer.Option("--copy", metavar="ID", help="Which copy, or how its id begins, if there are several."),
    ] = "",
    folder: ConfigFolder = None,
    env: Environment = None,
) -> Answer:
    """Bring a session's journal back from its copy, so that `openbell resume` can go on with it."""
    from openbell.cli.database import find_address, restore_session

    return restore_session(find_address(folder, env), into, name)
