"""The system's locks on files: a process that ends, however it ends, lets go of them."""

from __future__ import annotations

import errno
import os
from typing import IO

if os.name == "nt":  # pragma: no cover  # the other branch is tested
    import msvcrt

    def try_lock(file: IO[bytes]) -> bool:
        """Take the lock of an open file; False if another has it."""
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # of Windows
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EDEADLK}:
                return False
            raise
        return True

    def wait_for(file: IO[bytes]) -> None:
        """Take the lock of an open file when it is free."""
        while not try_lock(file):
            pass

    def let_go(file: IO[bytes]) -> None:
        """Give the lock of an open file back."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]  # of Windows
else:
    import fcntl

    def try_lock(file: IO[bytes]) -> bool:
        """Take the lock of an open file; False if another has it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EAGAIN}:
                return False
            raise
        return True

    def wait_for(file: IO[bytes]) -> None:
        """Take the lock of an open file when it is free."""
        fcntl.flock(file, fcntl.LOCK_EX)

    def let_go(file: IO[bytes]) -> None:
        """Give the lock of an open file back."""
        fcntl.flock(file, fcntl.LOCK_UN)
