"""What time it is, and waiting: the wall clock's in a live session, a simulated one in tests and replays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Protocol, TypeVar

from openbell.core.types import NANOS_PER_SECOND

Result = TypeVar("Result")


class Clock(Protocol):
    """A source of time, ns since 1970 in UTC."""

    def now(self) -> int:
        """Return the time."""

    async def sleep_until(self, time: int) -> None:
        """Wait until it is `time` or later."""


class WallClock:
    """The system's clock."""

    def now(self) -> int:
        """Return the time, ns since 1970 in UTC."""
        return time.time_ns()

    async def sleep_until(self, time: int) -> None:
        """Wait until it is `time` or later, also if the clock is set back meanwhile."""
        while (left := time - self.now()) > 0:  # noqa: ASYNC110  # time is no event
            await asyncio.sleep(left / NANOS_PER_SECOND)


class StreamClock:
    """A clock that a stream sets: for streams whose time is not ours, such as synthetic ones.

    Between two messages it goes on as fast as life.
    """

    def __init__(self) -> None:
        self._time = 0
        self._set_at = time.monotonic_ns()
        self._moved = asyncio.Event()

    def now(self) -> int:
        """Return the time of the last message, and what has passed since."""
        return self._time + time.monotonic_ns() - self._set_at

    def follow(self, time_of_message: int) -> None:
        """Go to the time of a message, never back."""
        if time_of_message > self.now():
            self._time, self._set_at = time_of_message, time.monotonic_ns()
            self._moved.set()

    async def sleep_until(self, time: int) -> None:
        """Wait until it is `time` or later."""
        while (left := time - self.now()) > 0:
            self._moved.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left / NANOS_PER_SECOND)


async def within(clock: Clock, seconds: float, work: Awaitable[Result]) -> Result:
    """Return what `work` returns, if it does so in time by `clock`.

    Raises:
        TimeoutError: It did not; it has been cancelled.
    """
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep_until(clock.now() + round(seconds * NANOS_PER_SECOND)))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        for one in (task, timer):
            one.cancel()
        await asyncio.gather(task, timer, return_exceptions=True)
