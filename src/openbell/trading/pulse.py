"""The pulse of a session: a small file that its own loop writes twice a second, so that a hang is seen.

A process that is dead lets go of its folder's lock at once. One that hangs holds it, and writes no pulse. It
beats from the start: while it connects, asks for bars and starts its strategies it says that it is starting.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from openbell.storage.lock import held_since, is_held

#: The file's name in a session's folder.
NAME = "pulse.json"
EVERY = 0.5  #: seconds between two beats
#: Seconds without a beat after which a session that holds its folder is taken to hang.
SILENT = 2.0
#: The same while it starts: to go through what it had done may take one long turn.
SLOW = 10.0
_SECOND = 1_000_000_000  #: in ns; who only asks for an end does not load the types for it
#: The states of a session that holds its folder.
AT_WORK = frozenset({"starting", "running", "silent"})


class Pulse(NamedTuple):
    """What a session last said of itself.

    Args:
        wall: When, ns UTC.
        pid: Its process.
        lag: Seconds that its loop was late.
        memory: Bytes that it holds.
        queue: Things that have come and wait to be taken.
        starting: Since when it starts, ns UTC; 0 when it has begun to take bars.
    """

    wall: int
    pid: int
    lag: float
    memory: int
    queue: int
    starting: int = 0


class Sign(NamedTuple):
    """What a session that holds its folder shows of itself.

    Args:
        state: One of `AT_WORK`.
        heard: When it last said something, ns UTC.
        starting: Since when it starts, ns UTC; 0 when it has begun to take bars.
        pulse: Its last; None before the first and after the last.
    """

    state: str
    heard: int
    starting: int
    pulse: Pulse | None

    @property
    def age(self) -> float:
        """Seconds since it last said something."""
        return max(time.time_ns() - self.heard, 0) / _SECOND


class Heart:
    """Writes a session's pulse; the session starts until it says that it is at work."""

    def __init__(self, folder: Path) -> None:
        """Write the first."""
        self._path, self._queue, self._lag = folder / NAME, _nothing, 0.0
        self._starting = time.time_ns()
        self._beat()

    def at_work(self, queue: Callable[[], int] | None = None) -> None:
        """Say that the session takes bars from now on; `queue` counts what has come and waits."""
        self._queue, self._starting = queue or _nothing, 0
        self._beat()

    async def go_on(self) -> None:
        """Beat until cancelled."""
        import asyncio  # who only asks how a session is, or for its end, needs none

        while True:
            before = time.monotonic()
            await asyncio.sleep(EVERY)
            self._lag = max(time.monotonic() - before - EVERY, 0.0)
            self._beat()

    def _beat(self) -> None:
        pulse = Pulse(time.time_ns(), os.getpid(), self._lag, _memory(), self._queue(), self._starting)
        fresh = self._path.with_suffix(".new")
        with suppress(OSError):  # a full disk is the journal's to say
            fresh.write_text(json.dumps(pulse._asdict()), encoding="utf-8")
            fresh.replace(self._path)


@asynccontextmanager
async def beating(folder: Path) -> AsyncIterator[Heart]:
    """Write a folder's pulse while the block runs; the file goes with its end."""
    import asyncio

    heart = Heart(folder)
    task = asyncio.ensure_future(heart.go_on())
    try:
        yield heart
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


def read_sign(folder: Path, written: int) -> Sign | None:
    """Return what the session of a folder shows of itself; None where no process holds the folder.

    Args:
        folder: The session's.
        written: When its journal was last written, ns UTC.
    """
    if not is_held(folder):
        return None
    pulse = read_pulse(folder)
    if pulse is None:
        since = held_since(folder)
        if written > since:  # it has said all, and lets go of its connections
            return Sign("running", written, 0, None)
        sign = Sign("starting", since, since, None)
    else:
        sign = Sign("starting" if pulse.starting else "running", pulse.wall, pulse.starting, pulse)
    return sign._replace(state="silent") if is_silent(sign.heard, sign.starting) else sign


def is_silent(heard: int, starting: int) -> bool:
    """Tell whether a session that was last heard then, and starts since then, is taken to hang (ns UTC)."""
    return time.time_ns() - heard > (SLOW if starting else SILENT) * _SECOND


def is_quiet(state: str, age: float | None) -> bool:
    """Tell whether a session of a state has said nothing for longer than one that is well, given its age."""
    return state == "silent" or (state == "starting" and age is not None and age > SILENT)


def spell_age(seconds: float) -> str:
    """Return how long ago something was, or took, such as `0.4 s` or `3 h`."""
    for unit, length in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s"


def _nothing() -> int:
    return 0


def _memory() -> int:
    """Return what the process holds of memory now, in bytes; 0 where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
