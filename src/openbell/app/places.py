"""Up to where journals were read, kept for the next start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


class Places:
    """A file with the last event of each session that was looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, int]:
        """Return up to which event each session was looked at."""
        try:
            found: dict[str, int] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # nobody has looked yet
            return {}
        return found

    def keep(self, places: Mapping[str, int]) -> None:
        """Keep up to which event each session was looked at."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(places), encoding="utf-8")
        fresh.replace(self._path)
