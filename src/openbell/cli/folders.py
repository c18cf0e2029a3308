"""The folders that a command names. Nothing that is slow to load is needed here: `stop` has to be quick."""

from __future__ import annotations

import os
import re
from pathlib import Path

from openbell.core.errors import ConfigError
from openbell.storage.journal import JOURNAL

_STATE = Path("state")  # the default of the setting
_VARIABLE = "OPENBELL_STATE__FOLDER"
_USUAL = re.compile(rb"^state:\s*\n\s+folder: *state *(#.*)?$", re.MULTILINE)  # as the shipped file has it


def check_named(text: str, option: str) -> None:
    """Refuse an empty name of a folder, which Python takes for the working folder.

    Raises:
        ConfigError: It is empty.
    """
    if not text.strip():
        raise ConfigError(f"{option}: {text!r} must name a folder; write . for the working folder")


def state_folder(state: str | None) -> Path:
    """Return where sessions keep their journals: the folder of `--state`, else the setting `state.folder`.

    Raises:
        ConfigError: It names none, or the settings are wrong.
    """
    if state is not None:
        check_named(state, "--state")
        return Path(state)
    if not _may_be_set():
        return _STATE
    from openbell.cli.places import load_settings  # slow to load, and mostly not needed

    return load_settings((), None, None).settings.state.folder


def _may_be_set() -> bool:
    """Tell whether the setting can have another value than its default: somebody has written its name."""
    if _VARIABLE in os.environ:
        return True
    files = (Path(".env"), *Path(os.environ.get("OPENBELL_CONFIG") or "config").glob("settings*.y*ml"))
    texts = (_USUAL.sub(b"", path.read_bytes()) for path in files if path.is_file())
    return any(b"state" in text.lower() for text in texts)


def find_sessions(state: str | None) -> list[Path]:
    """Return the folders with a journal: the one that is given, or those below it."""
    root = state_folder(state)
    if (root / JOURNAL).exists():
        return [root]
    return sorted(path.parent for path in root.glob(f"*/{JOURNAL}"))
