"""The audit log: who asked for what, when, and what came of it; a line of JSON each, only ever added to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openbell.core.errors import ConfigError
from openbell.utils.jsonlines import read_lines
from openbell.utils.logging import get_logger, hide

#: The log's name in the folder of all sessions.
NAME = "audit.jsonl"


class Audit:
    """Writes and reads one folder's audit log."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def note(self, by: str, action: str, *, on: str, outcome: str, **more: Any) -> None:
        """Write down an action, on the disk before this returns.

        Raises:
            ConfigError: It cannot be written; then nothing should be done either.
        """
        line = {
            "time": time.time_ns(), "by": by, "action": action, "on": on, "outcome": outcome, "more": more,
        }  # fmt: skip
        text = hide(json.dumps(line, sort_keys=True)) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, text.encode())
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise ConfigError(
                f"audit log {str(self.path)!r} cannot be written ({error.strerror}), so nothing is done"
            ) from error
        get_logger().info(f"{by}: {action} {on}: {outcome}")

    def read(self, most: int = 1_000) -> list[Mapping[str, Any]]:
        """Return the last lines, oldest first; one that is cut short is left out."""
        return read_lines(self.path, most)
