"""Files to which a line of JSON is added now and then."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_lines(path: Path, most: int | None = None) -> list[Mapping[str, Any]]:
    """Return a file's last lines, oldest first; one that is cut short is left out, and no file has none."""
    found: deque[Mapping[str, Any]] = deque(maxlen=most)
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                try:
                    found.append(json.loads(line))
                except ValueError:  # the power went while it was written
                    continue
    return list(found)
