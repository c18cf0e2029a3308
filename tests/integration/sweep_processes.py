"""What sweeps in worker processes are tried with, and what looks whether any of it is left."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import openbell as ob

MEMORY = Path("/dev/shm")  # noqa: S108  # looked at only
YEAR: dict[str, Any] = {"start": "2011-01-01", "end": "2011-12-31"}


class Cross(ob.Strategy):
    """Long while the fast average is above the slow one."""

    fast: int = ob.param(10, ge=2)
    slow: int = ob.param(30, ge=2)

    def on_start(self):
        self.quick = self.indicator(ob.SMA(self.fast))
        self.calm = self.indicator(ob.SMA(self.slow))

    def on_bar(self, bar):
        (self.buy if self.quick[-1] > self.calm[-1] else self.close)(bar.symbol)


@pytest.fixture
def nothing_is_left():
    """Look, after a test, for workers and for memory that they shared."""
    yield
    assert blocks(os.getpid()) == []
    assert children(os.getpid()) == []


def blocks(of: int) -> list[Path]:
    """Return the shared memory of a process."""
    return list(MEMORY.glob(f"openbell-{of}-*"))


def children(of: int) -> list[str]:
    """Return the workers that a process's threads have started."""
    listed = Path(f"/proc/{of}/task").glob("*/children")
    found = [pid for file in listed for pid in file.read_text().split()]
    return [pid for pid in found if "worker import serve" in command(pid)]


def command(pid: str) -> str:
    """Return how a process was started; nothing once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has ended
        return ""
