"""Keeps what a feed receives, as it is received, in a file a day."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import numpy as np

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import Source
from openbell.data.live.items import Event
from openbell.data.live.plan import Plan
from openbell.data.live.script import Head, write_event, write_head
from openbell.utils.logging import get_logger

_NOBODY: Mapping[str, Source] = MappingProxyType({})


class Recorder:
    """Appends events to `<folder>/<UTC date>.jsonl`.

    Each event is given to the system at once, in one write: a process that is killed loses nothing of what it
    received, but perhaps the end of its last line. Files are flushed to the disk when a day or the session
    ends. A full disk does not stop a feed: it is said once, counted in `lost`, and writing goes on when it
    can.

    Args:
        folder: Is made if it is not there.
        plan: What the session's feed delivers; kept with the events, for the replay.
        sources: Whose the prices of each symbol are; kept too, for a catalog.

    Raises:
        ConfigError: The folder cannot be made.
    """

    def __init__(self, folder: str | Path, plan: Plan, *, sources: Mapping[str, Source] = _NOBODY) -> None:
        self.folder = Path(folder)
        self.lost = 0
        self._head = Head(plan, goes_on=False, sources=sources)
        self._day = -1
        self._file = -1
        self._torn = False  # the file ends inside a line
        self._failing = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"folder {str(self.folder)!r} cannot be made ({error.strerror}); give one that can be written"
            ) from error

    def write(self, at: int, event: Event) -> None:
        """Keep an event and the time of its receipt, ns UTC."""
        try:
            day = at // NANOS_PER_DAY
            if day > self._day:
                self._turn(day)
            self._append(write_event(at, event))
        except OSError as error:
            self.lost += 1
            if not self._failing:
                self._failing = True
                get_logger().warning(
                    f"recorder: {self.folder} cannot be written ({error.strerror}); the feed goes on without"
                )
            return
        if self._failing:
            self._failing = False
            get_logger().info(f"recorder: {self.folder} is written again; {self.lost} events are lost")

    def close(self) -> None:
        """Flush and close the file; closing twice does nothing."""
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _turn(self, day: int) -> None:
        """Go on in a day's file."""
        goes_on = self._day >= 0
        self.close()
        path = self.folder / f"{np.datetime64(day, 'D')}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        seal = b"\n" if _ends_torn(path) else b""
        self._put(seal + write_head(self._head._replace(goes_on=goes_on)))
        self._day = day

    def _append(self, line: bytes) -> None:
        if self._torn:  # a head after it says that this was no damage
            line = b"\n" + write_head(self._head._replace(goes_on=True)) + line
        self._put(line)

    def _put(self, data: bytes) -> None:
        self._torn = True  # until all is written
        while data:
            data = data[os.write(self._file, data) :]
        self._torn = False


def _ends_torn(path: Path) -> bool:
    """Return whether a file ends inside a line: its writer was killed."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return False
        file.seek(size - 1)
        return file.read(1) != b"\n"
