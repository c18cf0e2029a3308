"""Keeps the collector of cycles from walking through what is kept anyway, again and again."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Objects made before the collector of cycles looks at them, and its rounds before it looks at older ones.
SELDOM = (200_000, 10, 10)


@contextmanager
def settled_heap() -> Iterator[None]:
    """Take everything that is there now out of the collector's rounds, until the end of the block.

    Half a million objects of numpy, pandas and an SDK never become garbage, yet each full round looks at all
    of them: 40 ms and more of one core, in which nothing that arrives is read. Inside the block a round
    looks at what the session has made since. What was garbage before it stays until its end: to look for it
    first would be such a round.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Seldom:
    """Blocks in which the collector looks seldom, of all threads: the last to end puts its habit back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._habit = gc.get_threshold()

    def begin(self) -> None:
        with self._lock:
            if self._blocks == 0:
                self._habit = habit = gc.get_threshold()
                if 0 < habit[0] < SELDOM[0]:  # at zero it never looks, because somebody wants it so
                    gc.set_threshold(*SELDOM)
            self._blocks += 1

    def end(self) -> None:
        with self._lock:
            self._blocks -= 1
            if self._blocks == 0:
                if not gc.get_freeze_count():
                    gc.freeze()  # and back: what was made is among the old now, and no round looks at it
                    gc.unfreeze()
                gc.set_threshold(*self._habit)


_SELDOM = _Seldom()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let the collector of cycles look less often: a run makes many records, none of them a cycle.

    What is there at the end counts as old at once. Else the first thing that is made after the block would
    have the collector look at all of it.
    """
    _SELDOM.begin()
    try:
        yield
    finally:
        _SELDOM.end()
