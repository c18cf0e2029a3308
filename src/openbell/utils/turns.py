"""Asks the system for short turns: a session that wakes is let in at once, whatever else runs."""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: ns of a turn. A thread whose turn is shorter than that of the one that runs is let in as it wakes.
SHORT: Final = 100_000

_SET: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274}  # sched_setattr, of Linux


class _Attributes(ctypes.Structure):
    """`struct sched_attr` of Linux in its first version, see sched_setattr(2)."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


@contextmanager
def short_turns() -> Iterator[None]:
    """Ask for short turns for all threads of this process, and those that they start, until the block ends.

    A session works little and must do it soon. Where all processors are taken when the disk or a socket
    wakes it, Linux would let it wait until the turn of whatever runs there is over, some 3 ms; one that asks
    for a shorter turn (from Linux 6.12 on) is let in at once, and has no more of the processor than before.
    Elsewhere nothing changes, nor where a thread has a policy of its own.
    """
    changed = [thread for thread in _threads() if _ask(thread, SHORT)]
    try:
        yield
    finally:
        for thread in {*changed, *_threads()} if changed else ():
            _ask(thread, 0)


def _threads() -> list[int]:
    return [thread.native_id for thread in threading.enumerate() if thread.native_id is not None]


def _ask(thread: int, turn: int) -> bool:
    """Ask for turns of so many ns for a thread, 0 for the system's own; False where that is not to be had."""
    number = _SET.get(platform.machine()) if platform.system() == "Linux" else None
    if number is None:
        return False
    try:
        if os.sched_getscheduler(thread) != os.SCHED_OTHER:
            return False
        nice = os.getpriority(os.PRIO_PROCESS, thread)
    except OSError:  # the thread has ended
        return False
    asked = _Attributes(ctypes.sizeof(_Attributes), os.SCHED_OTHER, 0, nice, 0, turn)
    return not ctypes.CDLL(None).syscall(number, thread, ctypes.byref(asked), 0)
