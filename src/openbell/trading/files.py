"""Files that a session keeps beside its journal: whole or not at all, and of which code."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path

import openbell


def put(path: Path, data: bytes) -> None:
    """Write a file that is there whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@cache
def build() -> str:
    """Return a hash of what decides how state is kept: this package's code, Python's and numpy's versions."""
    import numpy as np

    made = hashlib.sha256(f"{sys.version} {np.__version__}".encode())
    folder = Path(openbell.__file__).parent
    for file in sorted(folder.rglob("*.py")):
        made.update(file.relative_to(folder).as_posix().encode())
        made.update(file.read_bytes())
    return made.hexdigest()
