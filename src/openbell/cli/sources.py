"""Finds what a report is of: a recorded run, which is run again, or a session, whose journal is read."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from openbell.backtesting.ledger import ledger_text
from openbell.cli.folders import find_sessions, state_folder
from openbell.cli.recorded import Recorded, read_recorded
from openbell.cli.saved import run_again
from openbell.core.errors import ConfigError, nearest
from openbell.operation.outcomes import read_results
from openbell.reporting.result import Result
from openbell.storage.journal import JOURNAL


def read_source(name: str, reports: str | None, state: str | None = None) -> list[Result]:
    """Return the results of a run, or of each strategy of a session.

    Args:
        name: A session's folder or its name below the folder of sessions, or what names a run.
        reports: The folder of runs.
        state: The folder of sessions.

    Raises:
        ConfigError: There is no such run or session, or the run comes to another ledger now.
        BadData: A journal is damaged.
    """
    session = session_folder(name, state)
    if session is not None:
        return read_results(session)
    recorded = _read_recorded(name, reports, state)
    result = run_again(recorded)
    if ledger_text(result.outcome.entries).encode() != recorded.ledger:
        raise ConfigError(
            f"run {recorded.folder} comes to another ledger now, so that it cannot be reported on; "
            f"`openbell verify {name}` shows what changed"
        )
    return [result]


def _read_recorded(name: str, reports: str | None, state: str | None) -> Recorded:
    """Return a run; where there is none of that name, name what is nearest of sessions too."""
    try:
        return read_recorded(name, reports)
    except ConfigError as error:
        sessions = {folder.name: folder for folder in find_sessions(state)}
        if " is unknown" not in str(error) or not get_close_matches(name, sessions):
            raise
        raise ConfigError(f"session {name!r} is unknown{nearest(name, sessions)}") from error


def session_folder(name: str, state: str | None = None) -> Path | None:
    """Return the folder of a session; None if there is none of that name."""
    below = state_folder(state)
    for path in (Path(name), below / name):
        if (path / JOURNAL).is_file():
            return path
    return None


def read_sources(names: Sequence[str], reports: str | None, state: str | None = None) -> list[Result]:
    """Return the results of several; without a name those of all sessions.

    Raises:
        ConfigError: One of them is not there, or there is none at all.
        BadData: A journal is damaged.
    """
    if names:
        return [result for name in names for result in read_source(name, reports, state)]
    folders = find_sessions(state)
    if not folders:
        raise ConfigError(f"no session is below {state_folder(state)}; name a run or a session")
    return [result for folder in folders for result in read_results(folder)]
