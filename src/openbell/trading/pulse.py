"""The pulse of a session: a small file that its own loop writes twice a second, so that a hang is seen.

A process that is dead lets go of its folder's lock at once. One that hangs holds it, and writes no pulse.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

#: The file's name in a session's folder.
NAME = "pulse.json"
EVERY = 0.5  #: seconds between two beats
#: Seconds without a beat after which a session that holds its folder is taken to hang.
SILENT = 2.0


class Pulse(NamedTuple):
    """What a session last said of itself.

    Args:
        wall: When, ns UTC.
        pid: Its process.
        lag: Seconds that its loop was late.
        memory: Bytes that it holds.
        queue: Things that have come and wait to be taken.
    """

    wall: int
    pid: int
    lag: float
    memory: int
    queue: int


@asynccontextmanager
async def beating(folder: Path, queue: Callable[[], int] = lambda: 0) -> AsyncIterator[None]:
    """Write a folder's pulse while the block runs; the file goes with its end."""
    import asyncio  # who only asks how a session is, or for its end, needs none

    task = asyncio.ensure_future(_beat(folder / NAME, queue))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        (folder / NAME).unlink(missing_ok=True)


def read_pulse(folder: Path) -> Pulse | None:
    """Return a session's last pulse; None if it has none now."""
    try:
        return Pulse(**json.loads((folder / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # there is none, or another version wrote it
        return None


def spell_age(seconds: float) -> str:
    """Return how long ago something was, such as `0.4 s` or `3 h`."""
    for unit, length in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s"


async def _beat(path: Path, queue: Callable[[], int]) -> None:
    import asyncio

    fresh, lag = path.with_suffix(".new"), 0.0
    while True:
        pulse = Pulse(time.time_ns(), os.getpid(), lag, _memory(), queue())
        with suppress(OSError):  # a full disk is the journal's to say
            fresh.write_text(json.dumps(pulse._asdict()), encoding="utf-8")
            fresh.replace(path)
        before = time.monotonic()
        await asyncio.sleep(EVERY)
        lag = max(time.monotonic() - before - EVERY, 0.0)


def _memory() -> int:
    """Return what the process holds of memory now, in bytes; 0 where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
