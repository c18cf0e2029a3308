"""Compiled draws: a random generator for each draw, and draws shared over the processors.

The generator is SplitMix64 (Steele, Lea and Flood, 2014, Fast Splittable Pseudorandom Number Generators),
seeded by the seed and the draw's number, so that draws are the same however many threads make them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar

import numba
import numpy as np

from openbell.backtesting.workers import processors
from openbell.core.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

STEP, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_PARTS = 2.0**-53


def kept(function: F) -> F:
    """Compile a function, and keep the machine code for the next process."""
    made: F = numba.njit(nogil=True, cache=True)(function)
    return made


@kept
def _mixed(state: np.uint64) -> np.uint64:
    z = (state ^ (state >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@kept
def begin(seed: np.uint64, draw: int) -> np.uint64:
    """Return the first state of a draw's generator; add `STEP` before each number."""
    return _mixed(seed * STEP + np.uint64(draw) + STEP)


@kept
def share_of(state: np.uint64) -> float:
    """Return a state's number, from 0 to below 1."""
    return float(_mixed(state) >> np.uint64(11)) * _PARTS


def shared(run: Callable[[int, int], None], draws: int, *, threads: int | None = None) -> None:
    """Let `run(first, last)` make draws, a share of them on each processor, or on so many threads.

    Raises:
        ConfigError: There are none to make.
    """
    if draws < 1:
        raise ConfigError(f"draws={draws} must be 1 or more")
    threads = min(threads or processors(), draws)
    if threads == 1:
        run(0, draws)
        return
    bounds = np.linspace(0, draws, threads + 1).round().astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        for job in [pool.submit(run, a, b) for a, b in pairwise(bounds)]:
            job.result()
