"""Keeps the garbage collector from walking through what a session has loaded, again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
