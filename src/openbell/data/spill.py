"""Where a symbol's older bars go in a session that runs for months: a file of rows of one length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import Halt
from openbell.data.bars import COLUMNS

#: A bar with what turns it into later units, and the moment that it came in.
ROW = np.dtype(
    [("start", "<i8"), ("known", "<i8"), ("slot", "<i8"), ("split", "<f8"), ("total", "<f8")]
    + [(name, "<f8") for name in COLUMNS]
)


class Spill:
    """The rows of one symbol on the disk, oldest first. It can be made again from the journal."""

    def __init__(self, path: Path) -> None:
        """Begin empty, whatever was there before.

        Raises:
            Halt: The folder cannot be written.
        """
        self._path = path
        self.rows = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise self._broken("written", error) from error

    def append(self, columns: Mapping[str, Sequence[float]], count: int) -> None:
        """Add rows.

        Raises:
            Halt: The disk is full or broken.
        """
        block = np.empty(count, ROW)
        for name, values in columns.items():
            block[name] = values
        try:
            with self._path.open("r+b") as file:  # what is behind the last row is of another life
                file.seek(self.rows * ROW.itemsize)
                file.truncate()
                file.write(block.tobytes())
        except OSError as error:
            raise self._broken("written", error) from error
        self.rows += count

    def read(self, column: str, first: int, last: int) -> NDArray[np.float64] | NDArray[np.int64]:
        """Return a column from one row up to another.

        Raises:
            Halt: The file is not there any more, or is too short.
        """
        try:
            rows = np.fromfile(self._path, ROW, last - first, offset=first * ROW.itemsize)
        except OSError as error:
            raise self._broken("read", error) from error
        if len(rows) != last - first:
            raise self._broken("read", EOFError(f"{len(rows)} rows of {last - first}"))
        return np.ascontiguousarray(rows[column])

    def check(self) -> None:
        """Make sure that the file has all rows.

        Raises:
            Halt: It is not there any more, or is too short.
        """
        if self.rows:
            self.read("start", self.rows - 1, self.rows)

    def _broken(self, what: str, error: Exception) -> Halt:
        return Halt(
            f"bars of before in {str(self._path)!r} cannot be {what} ({error}); make room on the disk and "
            "resume the session: they are made again from its journal"
        )
