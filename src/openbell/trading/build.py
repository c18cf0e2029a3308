"""Of which code a file is that holds a session's state."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path

import openbell


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
