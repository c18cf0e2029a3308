"""Where things are kept that can be made again: calendars, compiled decisions."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(kind: str) -> Path | None:
    """Return the folder for one kind of kept things, which may not be there yet.

    `OPENBELL_CACHE` says where they are, else it is `~/.cache/openbell`; None where the user has no home.
    """
    given = os.environ.get("OPENBELL_CACHE")
    try:
        root = Path(given) if given else Path.home() / ".cache" / "openbell"
    except RuntimeError:  # the user has no home
        return None
    return root / kind
