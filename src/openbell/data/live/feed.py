"""What a strategy listens to in real time: each bar once and in order, whatever happens to the stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import Any, Protocol, Self

from openbell.core.messages import Quote
from openbell.data.live.conditions import US_STOCKS, Conditions
from openbell.data.live.intake import Intake
from openbell.data.live.items import Counters, Event, Free, Full, Item, Pulse
from openbell.data.live.line import Line
from openbell.data.live.outbox import Outbox
from openbell.data.live.plan import Plan

_ROOM = 10_000  #: items that may wait for the consumer


class Log(Protocol):
    """Keeps what a line said."""

    def write(self, at: int, event: Event) -> None:
        """Keep an event and the time of its receipt."""


class Shelf(Protocol):
    """Takes quotes, at once: nothing here waits."""

    def put(self, quote: Quote) -> None:
        """Keep the latest quote."""


class Feed:
    """Yields items: `async with feed: async for item in feed`. One consumer reads it.

    Args:
        line: What brings the events.
        plan: What to deliver.
        conditions: Which trades count for what, where bars are made out of trades.
        log: Keeps every event as it was received, before anything is made of it.
        shelf: Gets every quote, also those that the consumer is too slow for.
        room: Items that may wait for the consumer before reading stops.
    """

    def __init__(
        self,
        line: Line,
        plan: Plan,
        *,
        conditions: Conditions = US_STOCKS,
        log: Log | None = None,
        shelf: Shelf | None = None,
        room: int = _ROOM,
    ) -> None:
        self.plan = plan
        self._line = line
        self._intake = Intake(plan, conditions=conditions)
        self._outbox = Outbox(room)
        self._log = log
        self._shelf = shelf
        self._alarm = asyncio.Event()
        self._due: int | None = None  # what the clock is watched for
        self._error: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._ended = False

    @property
    def counters(self) -> Counters:
        """What happened so far."""
        self._intake.counters.conflated = self._outbox.conflated
        return self._intake.counters

    async def __aenter__(self) -> Self:
        self._tasks.append(asyncio.ensure_future(self._run()))
        if self._line.timed:
            self._tasks.append(asyncio.ensure_future(self._guard(self._watch_clock())))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[Item]:
        while True:
            item = self._outbox.poll()
            if item is not None:
                yield item
            elif self._error is not None:
                raise self._error
            elif self._ended:
                return
            else:
                await self._outbox.some()

    async def close(self) -> None:
        """End the feed; what waits can still be read. Closing twice does nothing."""
        if not self._ended and self._line.timed:
            self.take(self._line.clock.now(), Pulse())
        self._ended = True
        await self._line.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._outbox.wake()

    # the line's sink

    def take(self, at: int, event: Event) -> None:
        """Take what the line says."""
        if self._log is not None:
            self._log.write(at, event)
        if self._shelf is not None and isinstance(event, Quote):
            self._shelf.put(event)
        self._intake.take(at, event)
        self._hand_over()

    @property
    def is_full(self) -> bool:
        """Whether the consumer has so much to read that the line should wait."""
        return self._outbox.is_full

    async def space(self) -> None:
        """Wait for the consumer."""
        if not self._line.timed:  # a recording has the pauses of its session
            await self._outbox.space()
            return
        self.take(self._line.clock.now(), Full(len(self._outbox)))
        await self._outbox.space()
        self.take(self._line.clock.now(), Free())

    def _hand_over(self) -> None:
        intake = self._intake
        while intake.items:
            self._outbox.put(intake.items.popleft())
        while intake.asks:
            self._line.ask(intake.asks.popleft())
        while intake.renewals:
            self._line.renew(intake.renewals.popleft())
        due = intake.deadline()
        if due is not None and (self._due is None or due < self._due):
            self._alarm.set()

    async def _run(self) -> None:
        await self._guard(self._line.run(self))
        self._ended = True
        self._outbox.wake()

    async def _guard(self, work: Awaitable[None]) -> None:
        """Let the consumer see an error, whatever it is: it is the one who waits."""
        try:
            await work
        except Exception as error:  # noqa: BLE001  # it is raised again by the iteration
            self._error = error
            self._outbox.wake()

    async def _watch_clock(self) -> None:
        """Tick when something is due, also while the line says nothing."""
        while not self._ended:
            self._due = self._intake.deadline()
            self._alarm.clear()
            waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._alarm.wait())]
            if self._due is not None:
                waits.append(asyncio.ensure_future(self._line.clock.sleep_until(self._due)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waits:
                    one.cancel()
            self._intake.tick(self._line.clock.now())
            self._hand_over()
