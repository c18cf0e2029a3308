"""The folders that a command names. Nothing that is slow to load is needed here: `stop` has to be quick."""

from __future__ import annotations

from pathlib import Path

from openbell.core.errors import ConfigError
from openbell.storage.journal import JOURNAL

#: Where sessions keep their journals, by default.
STATE = Path("state")


def check_named(text: str, option: str) -> None:
    """Refuse an empty name of a folder, which Python takes for the working folder.

    Raises:
        ConfigError: It is empty.
    """
    if not text.strip():
        raise ConfigError(f"{option}: {text!r} must name a folder; write . for the working folder")


def folder_of(state: str) -> Path:
    """Return the folder that `--state` names.

    Raises:
        ConfigError: It names none.
    """
    check_named(state, "--state")
    return Path(state)


def find_sessions(state: str | None) -> list[Path]:
    """Return the folders with a journal: the one that is given, or those below it."""
    root = STATE if state is None else folder_of(state)
    if (root / JOURNAL).exists():
        return [root]
    return sorted(path.parent for path in root.glob(f"*/{JOURNAL}"))
