"""Files that are whole or absent, and one writer at a time."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from openbell.core.errors import ConfigError

#: How a file begins that is not finished. Nobody reads those, and the next writer removes them.
UNFINISHED = ".unfinished-"

_PATIENCE = 60.0  #: seconds that a writer waits for another
_PAUSE = 0.005


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it holds all of `data` or what it held before, whenever the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{UNFINISHED}{os.getpid()}-{path.name}")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())  # a name must not reach the disk before what it stands for
    fresh.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # which keeps its folders in step itself, and opens none
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def lock(root: Path, *, patience: float = _PATIENCE) -> Iterator[None]:
    """Be the only writer below `root` for a while. The system lets go of the lock when a process ends.

    Args:
        root: The folder, which is made if it is not there.
        patience: Seconds to wait for another writer.

    Raises:
        ConfigError: The folder cannot be written, or another writer does not finish.
    """
    path = root / ".lock"
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise ConfigError(
            f"catalog {str(root)!r} cannot be written ({error.strerror}); check it and its permissions"
        ) from error
    with file:
        _take(file, root, time.monotonic() + patience)
        try:
            yield
        finally:
            _let_go(file)


def _take(file: IO[bytes], root: Path, until: float) -> None:
    while not _try_lock(file):
        if time.monotonic() >= until:
            raise ConfigError(
                f"catalog {str(root)!r} is being written by another process; wait for it, or end it"
            )
        time.sleep(_PAUSE)


if os.name == "nt":  # pragma: no cover  # the other branch is tested
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # of Windows
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EDEADLK}:
                return False
            raise
        return True

    def _let_go(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]  # of Windows
else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EAGAIN}:
                return False
            raise
        return True

    def _let_go(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
