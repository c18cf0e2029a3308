"""How many requests an account may make: one budget for all that uses it, orders before reads."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

#: How much of the limit may be spent at once; the rest comes evenly.
_BURST = 0.2
#: How much of a burst is kept for orders.
_RESERVE = 0.25


class Priority(IntEnum):
    """Who goes first when several wait."""

    ORDER = 0
    READ = 1


class Timer(Protocol):
    """Tells the time in seconds and calls back: an event loop does, and a test's clock."""

    def time(self) -> float:
        """Return seconds since some moment."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> object:
        """Call a function after `delay` seconds."""


class Budget:
    """A token bucket: in no span of `seconds`, however it lies, are more than `requests` made.

    The bucket holds `burst` tokens and gains them evenly, so that at most burst + rate × seconds requests
    fall into a span that ends just before the last of them arrives. The rate is (requests + 1 - burst) /
    seconds, which makes that sum the limit. A few tokens of the burst are for orders alone.

    All waiting happens on one event loop at a time; two accounts have two budgets.
    """

    def __init__(
        self, requests: float, seconds: float, *, burst: int | None = None, timer: Timer | None = None
    ) -> None:
        """Take a limit; `burst` is a fifth of it if None. `timer` is the running loop if None.

        Raises:
            ValueError: The limit is not positive, or the burst not in 1 to `requests`.
        """
        if not (requests >= 1 and 0 < seconds < math.inf):
            raise ValueError(f"a limit of {requests} requests in {seconds} s admits none; give 1 or more")
        size = max(1, int(requests * _BURST)) if burst is None else burst
        if not 1 <= size <= requests:
            raise ValueError(f"burst={size} must be 1 to {requests}")
        self._rate = (requests + 1 - size) / seconds
        self._size = float(size)
        self._reserve = math.floor(size * _RESERVE)
        self._timer = timer
        self._tokens = self._size
        self._at = -math.inf  # when the tokens were counted
        self._closed_until = -math.inf
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._count = 0
        self._alarm: float | None = None

    async def acquire(self, priority: Priority = Priority.READ) -> None:
        """Wait until one more request may be made."""
        self._gain()
        if not self._someone_waits() and self._spend(priority):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._waiting, (priority, self._count, future))
        self._serve()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give_back()  # it was served and gave up in the same moment
            raise

    def give_back(self) -> None:
        """Return a token for which no request was made."""
        self._gain()
        self._tokens = min(self._tokens + 1.0, self._size)
        self._serve()

    def follow(self, remaining: float, seconds: float) -> None:
        """Believe the server: so many requests are left, until its count starts anew in `seconds`."""
        self._gain()
        self._tokens = min(self._tokens, max(remaining, 0.0))
        if remaining < 1:
            self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Let nobody ask for so many seconds, as a 429's Retry-After wants it."""
        self._closed_until = max(self._closed_until, self._clock().time() + seconds)
        self._serve()

    def _clock(self) -> Timer:
        return self._timer if self._timer is not None else asyncio.get_running_loop()

    def _gain(self) -> None:
        now = self._clock().time()
        if now > self._at:
            self._tokens = min(self._tokens + (now - self._at) * self._rate, self._size)
            self._at = now

    def _spend(self, priority: Priority) -> bool:
        needed = self._needed(priority)
        if self._at < self._closed_until or self._tokens < needed:
            return False
        self._tokens -= 1.0
        return True

    def _needed(self, priority: Priority) -> float:
        return 1.0 + (self._reserve if priority > Priority.ORDER else 0)

    def _someone_waits(self) -> bool:
        while self._waiting and self._waiting[0][2].done():  # it gave up
            heapq.heappop(self._waiting)
        return bool(self._waiting)

    def _serve(self) -> None:
        """Let those go for whom there are tokens, and set an alarm for the next."""
        self._gain()
        while self._someone_waits() and self._spend(self._waiting[0][0]):
            heapq.heappop(self._waiting)[2].set_result(None)
        if not self._waiting:
            return
        missing = self._needed(self._waiting[0][0]) - self._tokens
        due = max(self._at + max(missing, 0.0) / self._rate, self._closed_until)
        if self._alarm is None or due < self._alarm:
            self._alarm = due
            self._clock().call_later(max(due - self._at, 1e-6), self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self._serve()


_shared: dict[str, Budget] = {}


def shared_budget(account: str, requests: float, seconds: float) -> Budget:
    """Return the budget of an account, the same for all in this process that name it.

    Args:
        account: What tells accounts apart, such as a provider's name and a digest of its key.
        requests: The limit, for whoever asks first.
        seconds: In how many seconds.
    """
    if account not in _shared:
        _shared[account] = Budget(requests, seconds)
    return _shared[account]
