"""Asks again, for reads only: with jittered back-off, and as long as the server wants to be left alone.

It is a loop of our own because it must be the only one that waits: a library such as stamina would be a
dependency of the core for these lines, and it restarts its count for a read of many pages as a whole, where
here each page that came starts it anew.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")
Sleep = Callable[[float], Awaitable[None]]

#: Waits are doubled no more often: the longest is reached before, and numbers have an end.
_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try. Times are in seconds.

    The n-th wait is drawn evenly from 0 to `first` × 2^(n-1), at most `longest` ("full jitter", so that
    many who failed together do not come back together). A server that wants more than `most` is not waited
    for.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0
    most: float = 120.0


class Backoff:
    """Counts failed attempts and waits between them."""

    def __init__(
        self,
        patience: Patience | None = None,
        *,
        sleep: Sleep = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._patience = Patience() if patience is None else patience
        self._sleep = sleep
        self._draw = draw
        self.failed = 0  #: attempts since the last success

    def reset(self) -> None:
        """Begin anew: something came."""
        self.failed = 0

    async def wait(self, after: float | None = None) -> bool:
        """Wait before the next attempt; False at once where there should be none.

        Args:
            after: Seconds that the server wants to be left alone; no attempt is made before.
        """
        patience = self._patience
        self.failed += 1
        if self.failed >= patience.attempts or (after is not None and after > patience.most):
            return False
        jitter = self._draw() * min(
            patience.first * 2.0 ** min(self.failed - 1, _DOUBLINGS), patience.longest
        )
        await self._sleep((after or 0.0) + jitter)
        return True


async def retry(
    call: Callable[[], Awaitable[Result]],
    on: type[Exception],
    *,
    after: Callable[[Exception], float | None],
    backoff: Backoff | None = None,
) -> Result:
    """Return what a read returns; ask again where it raises `on`. Never for what changes something.

    Args:
        call: Makes one attempt.
        on: What a further attempt may heal; the last of them is raised when patience ends.
        after: Reads from such an error how many seconds the server wants to be left alone.
        backoff: How to wait; the usual one if None.
    """
    waits = Backoff() if backoff is None else backoff
    while True:
        try:
            return await call()
        except on as error:
            if not await waits.wait(after(error)):
                raise
