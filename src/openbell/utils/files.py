"""Files that are there whole, or not at all, whenever the process or the power ends."""

from __future__ import annotations

import os
from pathlib import Path

#: How a file begins that is not finished. Nobody reads those, and the next writer of the folder removes them.
UNFINISHED = ".unfinished-"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it holds all of `data` or what it held before, whenever the process ends.

    After a loss of power, too; what was written last may be missing then. For that, contents reach the disk
    before their names, and names in the order in which they were given, as file systems with a journal do it.

    Raises:
        OSError: The disk is full, or the folder cannot be written; nothing is left of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{UNFINISHED}{os.getpid()}-{path.name}")
    try:
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what writers that ended left in a folder; nobody else may be writing there now."""
    for left in folder.glob(f"{UNFINISHED}*"):
        left.unlink(missing_ok=True)
