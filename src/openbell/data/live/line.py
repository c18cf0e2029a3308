"""The live end of a feed: keeps a provider's stream connected, and fetches what it missed."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Protocol

from openbell.core.errors import BadData, ConfigError, Disconnected, RemoteError, Retryable
from openbell.core.messages import BarMessage, Message
from openbell.core.types import NANOS_PER_SECOND
from openbell.data.budgets import Spent
from openbell.data.live.clock import Clock, StreamClock, WallClock, within
from openbell.data.live.items import Answer, Ask, Down, Event, Up
from openbell.data.live.plan import Plan
from openbell.data.live.timetable import Timetable
from openbell.data.providers.protocol import Batch, Connection, Span
from openbell.utils.ratelimit import Budget
from openbell.utils.retry import Backoff, Patience, retry

_TOGETHER = 4  #: requests at once
_FAIR = 64  #: messages after which others have a turn, if the socket always has more
_OPENING = 15.0  #: seconds in which a connection must be open and subscribed
_CLOSING = 2.0  #: seconds that a farewell may take: the other side may be mute
_DOUBLINGS = 30  #: of the wait between two attempts, which has long reached its longest then


class Origin(Protocol):
    """What a line needs of a provider; each `Provider` is one."""

    def connect(self) -> Connection:
        """Return a connection that is not open yet."""

    def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        """Yield the raw bars that open in a span."""


class Sink(Protocol):
    """Where a line says what happens."""

    def take(self, at: int, event: Event) -> None:
        """Take an event, at the time of its receipt."""

    @property
    def is_full(self) -> bool:
        """Whether the line should wait before it reads on."""

    async def space(self) -> None:
        """Wait until it may read on."""


class Line(Protocol):
    """What brings a feed its events: a provider's stream, or a recording."""

    clock: Clock
    timed: bool  #: whether the feed must watch the clock between events

    async def run(self, sink: Sink) -> None:
        """Say what happens until there is nothing more, or `close` is called.

        Raises:
            ConfigError: The key is missing or refused: trying again will not help.
        """

    def ask(self, ask: Ask) -> None:
        """Fetch bars; an `Answer` follows."""

    def renew(self, reason: str) -> None:
        """Give up the connection, and connect anew."""

    async def close(self) -> None:
        """End `run`."""


class ProviderLine:
    """A provider's stream, connected again whenever it is lost.

    The waits between attempts grow, and begin anew with the first message: a server that accepts and falls
    silent is not besieged.

    Args:
        origin: The provider.
        plan: What to subscribe.
        clock: The wall clock if None.
        budget: The account's, which is closed for as long as the server wants; the provider keeps to it.
        draw: Random numbers in [0, 1) for the waits.
    """

    timed = True

    def __init__(
        self,
        origin: Origin,
        plan: Plan,
        *,
        clock: Clock | None = None,
        budget: Budget | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.clock: Clock = WallClock() if clock is None else clock
        #: What measures timeouts and waits: a stream's own time may run many times faster than the network.
        self._pace: Clock = WallClock() if isinstance(self.clock, StreamClock) else self.clock
        self._origin = origin
        self._plan = plan
        self._budget = budget
        self._draw = draw
        self._times = Timetable(plan.calendar, plan.step, regular=plan.regular)
        self._together = asyncio.Semaphore(_TOGETHER)
        self._asking: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._reason = ""
        self._fault: BaseException | None = None
        self._closed = False
        self._sink: Sink | None = None
        self._backoff = self._waits(Patience(attempts=sys.maxsize, first=0.5, longest=30.0))

    async def run(self, sink: Sink) -> None:
        """Connect, subscribe and read, again and again."""
        self._sink = sink
        while not self._closed:
            connection = self._origin.connect()
            self._reason = ""
            self._reading = asyncio.ensure_future(self._converse(connection, sink))
            try:
                await asyncio.wait({self._reading})
                reason = self._outcome(self._reading)
            finally:
                self._reading.cancel()
                with suppress(RemoteError, BadData, TimeoutError):
                    await within(self._pace, _CLOSING, connection.close())
            if reason is not None:
                sink.take(self.clock.now(), Down(reason))
            if not self._closed:
                self._backoff.failed = min(self._backoff.failed, _DOUBLINGS)
                await self._backoff.wait()

    def _outcome(self, reading: asyncio.Task[None]) -> str | None:
        """Return why a connection ended; raise what no further attempt can heal."""
        if self._fault is not None:
            raise self._fault
        if reading.cancelled():
            return self._reason or "closed"
        error = reading.exception()
        if error is None:
            return "the other side ended the stream"
        if isinstance(error, Disconnected | BadData | TimeoutError | OSError | Retryable):
            return str(error) or f"it was not open within {_OPENING:g} s"
        raise error

    async def _converse(self, connection: Connection, sink: Sink) -> None:
        await within(self._pace, _OPENING, self._open(connection))
        follows = isinstance(self.clock, StreamClock)
        if not follows:
            sink.take(self.clock.now(), Up())
        count = 0
        async for message in connection.messages():
            if not count:
                self._backoff.reset()
            if follows:
                self._follow(message, sink, first=not count)
            count += 1
            sink.take(self.clock.now(), message)
            if sink.is_full:
                await sink.space()
            elif count % _FAIR == 0:
                await asyncio.sleep(0)

    def _follow(self, message: Message, sink: Sink, *, first: bool) -> None:
        """Set the clock by a message; before the first there is no time at which the line could be up."""
        clock = self.clock
        assert isinstance(clock, StreamClock)  # noqa: S101  # asked only then
        time = message.end if isinstance(message, BarMessage) else message.time
        if first:
            period = self._times.period(time - 1)
            clock.follow(time if period is None else period.start)
            sink.take(clock.now(), Up())
        clock.follow(time)

    async def _open(self, connection: Connection) -> None:
        await connection.open()
        await connection.subscribe(self._plan.symbols, self._plan.channels)

    def renew(self, reason: str) -> None:
        """Give up the connection, and connect anew."""
        self._reason = reason
        if self._reading is not None:
            self._reading.cancel()

    def ask(self, ask: Ask) -> None:
        """Fetch bars; an `Answer` follows, with the reason if there are none to be had."""
        task = asyncio.ensure_future(self._fetch(ask))
        self._asking.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        """Forget a request; a fault of ours in it ends the line as one in reading does."""
        self._asking.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault = error
            self.renew(f"a request failed: {error}")

    async def _fetch(self, ask: Ask) -> None:
        async with self._together:
            answer = await self._answer(ask)
        if self._sink is not None and not self._closed:
            self._sink.take(self.clock.now(), answer)

    async def _answer(self, ask: Ask) -> Answer:
        async def collect() -> tuple[BarMessage, ...]:
            pages = self._origin.bars(ask.symbol, self._plan.timeframe, ask.span)
            return tuple([bar async for batch in pages for bar in self._bars(ask.symbol, batch)])

        try:
            bars = await retry(collect, Retryable, after=self._read_after, backoff=self._waits())
        except (RemoteError, ConfigError, BadData) as error:
            return Answer(*ask, bars=(), reason=str(error))
        return Answer(*ask, bars=tuple(bar for bar in bars if ask.span.start <= bar.start < ask.span.end))

    def _read_after(self, error: Exception) -> float | None:
        """Return how long the server wants to be left alone, by all who share the budget."""
        after = error.after if isinstance(error, Retryable) else None
        if self._budget is not None and after is not None and not isinstance(error, Spent):
            self._budget.pause(after)
        return after

    def _bars(self, symbol: str, batch: Batch) -> list[BarMessage]:
        columns = [batch.columns[name].tolist() for name in ("open", "high", "low", "close", "volume")]
        bars = []
        for start, *values in zip(batch.start.tolist(), *columns, strict=True):
            period = self._times.period(start)
            if period is not None and period.start == start:
                bars.append(BarMessage(symbol, start, period.end, *values))
        return bars

    def _waits(self, patience: Patience | None = None) -> Backoff:
        async def sleep(seconds: float) -> None:
            await self._pace.sleep_until(self._pace.now() + round(seconds * NANOS_PER_SECOND))

        return Backoff(patience, sleep=sleep, draw=self._draw)

    async def close(self) -> None:
        """End the connection and what is being fetched; closing twice does nothing."""
        self._closed = True
        tasks = list(self._asking)
        if self._reading is not None:
            tasks.append(self._reading)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
