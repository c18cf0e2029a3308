"""Series in shared memory: written once, read by every worker process without a copy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from secrets import token_hex
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from openbell.core.types import Action
from openbell.data.bars import COLUMNS, Finding, Series, Source

#: Where Linux keeps shared memory. A container may have little of it, and to write past its end is fatal.
_PLACE = Path("/dev/shm")  # noqa: S108  # asked for its size only
_ALIGNED = 64


@dataclass(frozen=True, slots=True)
class Column:
    """Where an array lies in a block of shared memory."""

    offset: int
    count: int
    dtype: str

    def of(self, memory: SharedMemory) -> NDArray[Any]:
        """Return the array itself, a view of the block."""
        return np.frombuffer(cast("memoryview", memory.buf), self.dtype, self.count, self.offset)


@dataclass(frozen=True, slots=True)
class Outline:
    """A series without its columns, and where those are."""

    symbol: str
    timeframe: str
    source: Source
    actions: tuple[Action, ...]
    findings: tuple[Finding, ...]
    columns: dict[str, Column]

    def fill(self, memory: SharedMemory) -> Series:
        """Return the series over a block's columns, which nobody may change."""
        arrays = {name: column.of(memory) for name, column in self.columns.items()}
        for array in arrays.values():
            array.setflags(write=False)
        own = {name: arrays.pop(name) for name in ("start", "known", *COLUMNS)}
        return Series(
            self.symbol, self.timeframe, **own, source=self.source, actions=self.actions,
            findings=self.findings, extra=arrays,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shipment:
    """Series on their way to another process: the outlines of a block's, or, without a block, themselves."""

    block: str
    outlines: tuple[Outline, ...] = ()
    whole: tuple[Series, ...] = ()


@contextmanager
def share(series: Sequence[Series]) -> Iterator[Shipment]:
    """Place series in shared memory while the context lasts, and leave nothing of it behind.

    Where the machine has too little shared memory, each worker gets a copy.
    """
    outlines, size = _outline(series)
    if size > _room():
        yield Shipment("", whole=tuple(series))
        return
    memory = SharedMemory(f"openbell-{os.getpid()}-{token_hex(4)}", create=True, size=size)
    try:
        for one, outline in zip(series, outlines, strict=True):
            for name, column in outline.columns.items():
                column.of(memory)[:] = _arrays(one)[name]
        yield Shipment(memory.name, tuple(outlines))
    finally:
        memory.close()
        memory.unlink()


def receive(shipment: Shipment) -> tuple[list[Series], SharedMemory | None]:
    """Return the series of a shipment, and the block, which has to be kept as long as they are."""
    if not shipment.block:
        return list(shipment.whole), None
    memory = _attach(shipment.block)
    return [outline.fill(memory) for outline in shipment.outlines], memory


def _attach(name: str) -> SharedMemory:
    """Open a block of another process, which alone is to remove it."""
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    register = resource_tracker.register
    resource_tracker.register = _leave  # the tracker would remove the block when the first worker ends
    try:
        return SharedMemory(name)
    finally:
        resource_tracker.register = register


def _leave(name: Sized, rtype: str) -> None:
    """Do not keep track of a block."""


def _outline(series: Sequence[Series]) -> tuple[list[Outline], int]:
    outlines, end = [], 0
    for one in series:
        columns = {}
        for name, array in _arrays(one).items():
            columns[name] = Column(end, len(array), array.dtype.str)
            end += -(-array.nbytes // _ALIGNED) * _ALIGNED
        outlines.append(Outline(one.symbol, one.timeframe, one.source, one.actions, one.findings, columns))
    return outlines, max(end, 1)


def _arrays(series: Series) -> dict[str, NDArray[Any]]:
    own = {name: getattr(series, name) for name in ("start", "known", *COLUMNS)}
    return own | dict(series.extra)


def _room() -> float:
    """Return how many bytes of shared memory there are; no limit where that cannot be known."""
    if not _PLACE.is_dir():
        return float("inf")
    import shutil

    return shutil.disk_usage(_PLACE).free
