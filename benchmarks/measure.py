"""What a measurement is: seconds of the wall clock and of the processor, and the memory at its highest."""

from __future__ import annotations

import gc
import os
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

ENOUGH = 4.0  #: seconds of runs after which no further one is begun
_STATUS = Path("/proc/self/status")


class Answer(NamedTuple):
    """What a workload comes to, to be compared with what it should."""

    trades: list[int]  #: closed trades (fills of a portfolio), one number a run: a sweep has many
    equity: list[float]  #: at the last close
    held: object = None  #: the result that a user has in hand then: letting go of it is not timed


class Ready(NamedTuple):
    """A workload whose data are made: what is timed, and how much it is."""

    run: Callable[[], Answer]
    work: int  #: bars, or bars times combinations


class Measured(NamedTuple):
    """A workload's figures from one process."""

    seconds: list[float]
    cpu: list[float]
    first: float  #: seconds of the first run, in which code is compiled or loaded
    answer: Answer
    data_mb: float
    peak_mb: float  #: above the data


def resident() -> float:
    """Return this process's memory now, in MB; where the system does not say, its highest."""
    return _memory("VmRSS:")


def highest() -> float:
    """Return this process's memory at its highest since `forget_highest`, in MB."""
    return _memory("VmHWM:")


def _memory(key: str) -> float:
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_highest() -> None:
    """Let the highest memory count from now on, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def measure(prepare: Callable[[], Ready], *, repeat: int, enough: float = ENOUGH) -> tuple[Ready, Measured]:
    """Make the data, run once unclocked in the figures, then `repeat` times or for `enough` seconds."""
    ready = prepare()
    gc.collect()
    forget_highest()
    data = resident()
    first, _, _ = _clock(ready.run)
    seconds: list[float] = []
    cpu: list[float] = []
    answer = Answer([], [])
    while len(seconds) < repeat and sum(seconds) < enough:
        answer = Answer([], [])  # the last one's is none of the next run's
        wall, processor, answer = _clock(ready.run)
        seconds.append(wall)
        cpu.append(processor)
    return ready, Measured(seconds, cpu, first, answer, data, highest() - data)


def _clock(run: Callable[[], Answer]) -> tuple[float, float, Answer]:
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    answer = run()
    return time.perf_counter() - wall, time.process_time() - cpu, answer._replace(held=None)


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    import platform
    from importlib.metadata import version

    names = ("openbell", "numpy", "numba", "TA-Lib", "pandas")
    return {
        "processor": _first_line("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in names},
    }


def _first_line(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")
