"""Where the tokens of a budget are counted: in the process, or in a file for all processes of the machine."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import IO, Protocol

from openbell.utils.locks import let_go, wait_for
from openbell.utils.logging import get_logger

_FORM = struct.Struct("<ddd")


@dataclass(slots=True)
class Count:
    """What is left of a budget. Times are in seconds, of the clock that the budget has."""

    tokens: float = math.nan  #: nobody has counted yet
    at: float = -math.inf  #: when the tokens were counted
    closed_until: float = -math.inf


class Tally(Protocol):
    """Gives out the count, to one at a time."""

    def open(self) -> AbstractContextManager[Count]:
        """Return the count, to be changed until the context ends."""


class OwnTally:
    """Counts in this process."""

    def __init__(self) -> None:
        self._count = Count()

    @contextmanager
    def open(self) -> Iterator[Count]:
        """Return the count, to be changed until the context ends."""
        yield self._count


class SharedTally:
    """Counts in a file, under the system's lock: a process that dies lets go of it.

    The times in it are those of the machine's monotonic clock, which all processes share. After a start of
    the machine that clock is behind the file: what was counted is of before, and the count begins anew.

    A file that cannot be used is said once, and this process counts alone.
    """

    def __init__(self, path: Path) -> None:
        """Take the file, which is made when it is first needed."""
        self._path = path
        self._alone: Count | None = None

    @contextmanager
    def open(self) -> Iterator[Count]:
        """Return the count, to be changed until the context ends."""
        file = None if self._alone is not None else self._opened()
        if file is None:
            yield self._alone or Count()
            return
        with file:
            wait_for(file)
            try:
                count = _read(file)
                yield count
                file.seek(0)
                file.write(_FORM.pack(*astuple(count)))
                file.flush()
            finally:
                let_go(file)

    def _opened(self) -> IO[bytes] | None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            return self._path.open("r+b")
        except OSError as error:
            self._alone = Count()
            get_logger().warning(
                f"{self._path} cannot be used ({error.strerror}): this process counts its requests alone; "
                "set OPENBELL_CACHE to a folder that can be written"
            )
            return None


def _read(file: IO[bytes]) -> Count:
    data = file.read(_FORM.size)
    return Count(*_FORM.unpack(data)) if len(data) == _FORM.size else Count()
