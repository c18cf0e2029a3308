"""One writer: a lock on a folder, which the system lets go of when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from openbell.core.errors import ConfigError


class FolderLock:
    """Holds a folder for this process: `with FolderLock(folder): ...`."""

    def __init__(self, folder: Path, *, of: str = "") -> None:
        """Take the folder, which is made where it is absent; `of` is what it stands for, for the message.

        Raises:
            ConfigError: Another process holds it, or it cannot be written.
        """
        self.path = folder / "lock"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(
                f"folder {str(folder)!r} cannot be used ({error.strerror}); name one that can be written"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 20).decode() or "another process"
            os.close(self._file)
            what, other = (of, "") if of else (f"folder {str(folder)!r}", ", or name another folder")
            raise ConfigError(
                f"{what} is in use by process {holder}; stop that session first{other}"
            ) from None
        os.truncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())

    def release(self) -> None:
        """Let go; twice does nothing."""
        if self._file >= 0:
            os.truncate(self._file, 0)
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def held_since(folder: Path) -> int:
    """Return when a process took a folder that is held, ns UTC; 0 where none ever did."""
    try:
        return (folder / "lock").stat().st_mtime_ns
    except OSError:
        return 0


def is_held(folder: Path) -> bool:
    """Tell whether a process holds a folder now."""
    path = folder / "lock"
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
