"""What is asked of a running session from outside: a file in its folder, which any process can write."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal, get_args

How = Literal["keep", "cancel", "flatten"]
HOWS: tuple[How, ...] = get_args(How)

_NAME = "stop.json"


class Inbox:
    """A session's folder, looked into for requests."""

    def __init__(self, folder: Path) -> None:
        """Begin; what was asked of an earlier session is thrown away."""
        self.folder, self._path = folder, folder / _NAME
        self._path.unlink(missing_ok=True)
        self._asked = ""

    def ask(self, how: How) -> None:
        """Ask from inside the process, as a signal does."""
        self._asked = how

    def stop_asked(self) -> str:
        """Return how to stop; nothing while nobody asked."""
        if not self._asked and self._path.exists():
            self._asked = json.loads(self._path.read_text(encoding="utf-8"))["how"]
        return self._asked


def ask_to_stop(folder: Path, how: How) -> None:
    """Ask the session of a folder to stop."""
    fresh = folder / f"{_NAME}.{os.getpid()}"
    fresh.write_text(json.dumps({"how": how}), encoding="utf-8")
    fresh.replace(folder / _NAME)
