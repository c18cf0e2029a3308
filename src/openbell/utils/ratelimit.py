"""How many requests an account may make: one budget for all that uses it, orders before reads."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from openbell.utils.tally import Count, OwnTally, SharedTally, Tally

#: How much of the limit may be spent at once; the rest comes evenly.
_BURST = 0.2
#: The same of limits of an hour and more: who has 25 requests a day would wait an hour for the sixth.
_BURST_OF_LONG = 0.5
_LONG = 3600.0
#: How much of a burst is kept for orders.
_RESERVE = 0.25
#: Seconds by which the clock of another process may be behind; a clock that is behind by more began anew.
_SKEW = 60.0


class Priority(IntEnum):
    """Who goes first when several wait. What ends orders may use up the limit itself, past the burst."""

    CANCEL = -1
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
    seconds, which makes that sum the limit. A few tokens of the burst are for orders alone. A cancel may take
    tokens that are not there yet, as long as fewer than the limit were made in the last span: who comes after
    waits until they are, so that the limit holds.

    All waiting happens on one event loop at a time; two accounts have two budgets. With a `SharedTally` the
    bucket is that of all processes of the machine: each takes tokens out of it, and none is given twice.
    """

    def __init__(
        self,
        requests: float,
        seconds: float,
        *,
        burst: int | None = None,
        reserve: float = _RESERVE,
        timer: Timer | None = None,
        tally: Tally | None = None,
    ) -> None:
        """Take a limit.

        Args:
            requests: How many.
            seconds: In how many seconds.
            burst: How many at once; if None, a fifth of the limit, and half of one of an hour or more.
            reserve: The share of the burst that is kept for orders.
            timer: The running loop if None.
            tally: Where the tokens are counted; in this object if None.

        Raises:
            ValueError: The limit is not positive, or the burst not in 1 to `requests`.
        """
        if not (requests >= 1 and 0 < seconds < math.inf):
            raise ValueError(f"a limit of {requests} requests in {seconds} s admits none; give 1 or more")
        share = _BURST if seconds < _LONG else _BURST_OF_LONG
        size = max(1, int(requests * share)) if burst is None else burst
        if not 1 <= size <= requests:
            raise ValueError(f"burst={size} must be 1 to {requests}")
        self._rate, self._seconds = (requests + 1 - size) / seconds, seconds
        self._made: deque[float] = deque(maxlen=int(requests))  # when the last requests were made here
        self._size = float(size)
        self._reserve = math.floor(size * reserve)
        self._timer = timer
        self._tally: Tally = OwnTally() if tally is None else tally
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._count = 0
        self._alarm: float | None = None

    async def acquire(self, priority: Priority = Priority.READ) -> None:
        """Wait until one more request may be made."""
        if not self._someone_waits():
            with self._tally.open() as count:
                self._gain(count)
                if self._spend(count, priority):
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

    def delay(self, priority: Priority = Priority.READ) -> float:
        """Return in how many seconds one more request could be made, after all who wait."""
        with self._tally.open() as count:
            self._gain(count)
        missing = self._needed(priority) + len(self._waiting) - count.tokens
        return max(missing / self._rate, count.closed_until - count.at, 0.0)

    def give_back(self) -> None:
        """Return a token for which no request was made."""
        with self._tally.open() as count:
            self._gain(count)
            count.tokens = min(count.tokens + 1.0, self._size)
        self._serve()

    def follow(self, remaining: float, seconds: float) -> None:
        """Believe the server: so many requests are left, until its count starts anew in `seconds`."""
        with self._tally.open() as count:
            self._gain(count)
            count.tokens = min(count.tokens, max(remaining, 0.0))
        if remaining < 1:
            self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Let nobody ask for so many seconds, as a 429's Retry-After wants it."""
        with self._tally.open() as count:
            self._gain(count)
            count.closed_until = max(count.closed_until, self._clock().time() + seconds)
        self._serve()

    def _clock(self) -> Timer:
        return self._timer if self._timer is not None else asyncio.get_running_loop()

    def _gain(self, count: Count) -> None:
        now = self._clock().time()
        if math.isnan(count.tokens) or now < count.at - _SKEW:  # nobody has counted since the clock began
            count.tokens, count.at, count.closed_until = self._size, now, -math.inf
        elif now > count.at:
            count.tokens = min(count.tokens + (now - count.at) * self._rate, self._size)
            count.at = now

    def _spend(self, count: Count, priority: Priority) -> bool:
        if count.at < count.closed_until:
            return False
        if count.tokens < self._needed(priority) and not self._may_owe(count, priority):
            return False
        count.tokens -= 1.0
        self._made.append(count.at)
        return True

    def _may_owe(self, count: Count, priority: Priority) -> bool:
        """Tell whether a cancel may be made without a token: this process alone must know of all requests."""
        if priority is not Priority.CANCEL or not isinstance(self._tally, OwnTally):
            return False
        made = self._made
        return len(made) < (made.maxlen or 0) or count.at - made[0] >= self._seconds

    def _needed(self, priority: Priority) -> float:
        return 1.0 + (self._reserve if priority > Priority.ORDER else 0)

    def _someone_waits(self) -> bool:
        while self._waiting and self._waiting[0][2].done():  # it gave up
            heapq.heappop(self._waiting)
        return bool(self._waiting)

    def _serve(self) -> None:
        """Let those go for whom there are tokens, and set an alarm for the next."""
        with self._tally.open() as count:
            self._gain(count)
            while self._someone_waits() and self._spend(count, self._waiting[0][0]):
                heapq.heappop(self._waiting)[2].set_result(None)
        if not self._waiting:
            return
        missing = self._needed(self._waiting[0][0]) - count.tokens
        due = max(count.at + max(missing, 0.0) / self._rate, count.closed_until)
        if self._alarm is None or due < self._alarm:
            self._alarm = due
            self._clock().call_later(max(due - count.at, 1e-6), self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self._serve()


_shared: dict[str, Budget] = {}


def shared_budget(
    account: str, requests: float, seconds: float, *, folder: Path | None = None, reserve: float = _RESERVE
) -> Budget:
    """Return the budget of an account, the same for all in this process that name it.

    Args:
        account: What tells accounts apart, such as a provider's name and a digest of its key.
        requests: The limit, for whoever asks first.
        seconds: In how many seconds.
        folder: Where the processes of this machine count together; None counts in this one alone.
        reserve: The share of the burst that is kept for orders.
    """
    if account not in _shared:
        tally = None
        if folder is not None:
            tally = SharedTally(folder / sha256(account.encode()).hexdigest()[:32])
        _shared[account] = Budget(requests, seconds, reserve=reserve, tally=tally)
    return _shared[account]
