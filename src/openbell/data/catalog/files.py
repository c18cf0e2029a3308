"""One writer of a folder at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from openbell.core.errors import ConfigError
from openbell.utils.locks import let_go, try_lock

#: The file of a folder that its writer locks.
LOCK = ".lock"

_PATIENCE = 60.0  #: seconds that a writer waits for another
_PAUSE = 0.005


@contextmanager
def lock(folder: Path, *, patience: float = _PATIENCE) -> Iterator[None]:
    """Be the only writer of a folder for a while. The system lets go of the lock when a process ends.

    Each series has its own lock, so that many are written at once: the disk makes their files last together.

    Args:
        folder: Which; it is made if it is not there.
        patience: Seconds to wait for another writer.

    Raises:
        ConfigError: The folder cannot be written, or another writer does not finish.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+b")
    except OSError as error:
        raise ConfigError(
            f"catalog folder {str(folder)!r} cannot be written ({error.strerror}); check its permissions"
        ) from error
    with file:
        _take(file, folder, time.monotonic() + patience)
        try:
            yield
        finally:
            let_go(file)


def _take(file: IO[bytes], folder: Path, until: float) -> None:
    while not try_lock(file):
        if time.monotonic() >= until:
            raise ConfigError(
                f"catalog folder {str(folder)!r} is being written by another process; wait for it, or end it"
            )
        time.sleep(_PAUSE)
