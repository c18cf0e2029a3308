"""Journals that rigs and lives open: what a test leaves open is closed behind it."""

from __future__ import annotations

from pathlib import Path

from openbell.storage.journal import Journal

_OPEN: list[Journal] = []


def open_journal(path: Path, account: str) -> Journal:
    """Open a journal that is closed at the test's end, if the test does not."""
    journal = Journal(path, account=account)
    _OPEN.append(journal)
    return journal


def close_journals() -> None:
    """Let go of the files; what was not committed does not count, as after a kill."""
    while _OPEN:
        _OPEN.pop()._connection.close()
