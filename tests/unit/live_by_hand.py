"""A simulated clock, a scripted provider, and bars whose numbers can be read off: for `data.live`."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from openbell.core.errors import Disconnected
from openbell.core.messages import BarMessage, Message
from openbell.core.types import NANOS_PER_SECOND
from openbell.data.live.feed import Feed
from openbell.data.live.items import Item
from openbell.data.live.line import ProviderLine
from openbell.data.live.plan import Plan
from openbell.data.providers.protocol import Batch, Channel, Span

SECOND = NANOS_PER_SECOND
Kind = TypeVar("Kind")
MINUTE = 60 * SECOND
_NEW_YORK = ZoneInfo("America/New_York")
_TURNS = 60  #: of the event loop: more than any chain of tasks here needs


def clock_time(text: str, day: str = "2024-07-02") -> int:
    """Return a New York time of day in ns UTC."""
    moment = datetime.fromisoformat(f"{day}T{text}").replace(tzinfo=_NEW_YORK)
    return round(moment.timestamp() * 1_000_000) * 1_000


def bar(
    symbol: str, text: str, *, day: str = "2024-07-02", close: float = 0.0, **changes: object
) -> BarMessage:
    """Return the minute that opens at a New York time; its close tells the minute."""
    start = clock_time(text, day)
    value = close or 100.0 + start // MINUTE % 1000 / 100.0
    made = BarMessage(symbol, start, start + MINUTE, value, value + 1.0, value - 1.0, value, 500.0)
    return made._replace(**changes)  # type: ignore[arg-type]  # fields of the record


def bars_between(symbol: str, first: str, last: str, day: str = "2024-07-02") -> list[BarMessage]:
    """Return the minutes that open from `first` up to, and without, `last`."""
    start, end = clock_time(first, day), clock_time(last, day)
    model = bar(symbol, first, day=day)
    made = []
    for time in range(start, end, MINUTE):
        value = 100.0 + time // MINUTE % 1000 / 100.0
        made.append(
            model._replace(
                start=time, end=time + MINUTE, open=value, high=value + 1, low=value - 1, close=value
            )
        )
    return made


class SimulatedClock:
    """A clock that goes on only when it is told to, and wakes whoever sleeps, in order."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._count = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self._now

    async def sleep_until(self, time: int) -> None:
        if time <= self._now:
            await asyncio.sleep(0)
            return
        self._count += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (time, self._count, future))
        await future

    async def go_to(self, time: int) -> None:
        """Go on to a time, letting all do what is due until then."""
        await settle()
        while self._sleepers and self._sleepers[0][0] <= time:
            due, _, future = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            if not future.done():
                future.set_result(None)
                await settle()
        self._now = max(self._now, time)
        await settle()


async def settle() -> None:
    """Let all tasks go as far as they can without time passing."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class ScriptedConnection:
    """A connection whose messages a test sends by hand."""

    def __init__(self, *, refuse: Exception | None = None) -> None:
        self.refuse = refuse
        self.symbols: tuple[str, ...] = ()
        self.channels: tuple[Channel, ...] = ()
        self.closed = False
        self._queue: asyncio.Queue[Message | Exception | None] = asyncio.Queue()

    def send(self, *messages: Message) -> None:
        for message in messages:
            self._queue.put_nowait(message)

    def drop(self, error: Exception | None = None) -> None:
        self._queue.put_nowait(error if error is not None else Disconnected("the socket was cut"))

    def finish(self) -> None:
        self._queue.put_nowait(None)

    async def open(self) -> None:
        if self.refuse is not None:
            raise self.refuse

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        self.symbols, self.channels = tuple(symbols), tuple(channels)

    async def messages(self) -> AsyncIterator[Message]:
        while (message := await self._queue.get()) is not None:
            if isinstance(message, Exception):
                raise message
            yield message

    async def close(self) -> None:
        self.closed = True


@dataclass
class ScriptedOrigin:
    """A provider with connections that tests script, and REST bars that they put there."""

    clock: SimulatedClock
    history: list[BarMessage] = field(default_factory=list)
    connections: list[ScriptedConnection] = field(default_factory=list)
    asked: list[tuple[str, Span]] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)  #: of REST, one a request
    delay: float = 0.0  #: of REST

    def connect(self) -> ScriptedConnection:
        refuse = self.refusals.pop(0) if self.refusals else None
        self.connections.append(ScriptedConnection(refuse=refuse))
        return self.connections[-1]

    @property
    def stream(self) -> ScriptedConnection:
        return self.connections[-1]

    async def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        self.asked.append((symbol, span))
        if self.delay:
            await self.clock.sleep_until(self.clock.now() + round(self.delay * SECOND))
        if self.faults:
            raise self.faults.pop(0)
        found = [
            one
            for one in sorted(set(self.history))
            if one.symbol == symbol and span.start <= one.start < span.end and one.end <= self.clock.now()
        ]
        if found:
            yield batch_of(found)


def batch_of(bars: list[BarMessage]) -> Batch:
    columns = {
        name: np.array([getattr(one, name) for one in bars])
        for name in ("open", "high", "low", "close", "volume")
    }
    return Batch(np.array([one.start for one in bars], np.int64), columns)


class Listener:
    """A feed over a scripted provider and a simulated clock, and what it said."""

    def __init__(self, plan: Plan, at: str, *, day: str = "2024-07-02", **options: object) -> None:
        self.clock = SimulatedClock(clock_time(at, day))
        self.origin = ScriptedOrigin(self.clock)
        line = ProviderLine(self.origin, plan, clock=self.clock, draw=lambda: 0.0)
        self.feed = Feed(line, plan, **options)  # type: ignore[arg-type]  # options of a feed
        self.items: list[Item] = []
        self.day = day
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.feed.__aenter__()
        self._task = asyncio.ensure_future(self._listen())
        await settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.feed.close()
        if self._task is not None:
            await self._task

    async def _listen(self) -> None:
        async for item in self.feed:
            self.items.append(item)

    async def at(self, text: str, *messages: Message) -> None:
        """Go on to a time of day, and let the stream say something."""
        await self.clock.go_to(clock_time(text, self.day))
        if messages:
            self.origin.stream.send(*messages)
            await settle()

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [item for item in self.items if isinstance(item, kind)]

    @property
    def bars(self) -> list[BarMessage]:
        return [item for item in self.items if isinstance(item, BarMessage)]


async def speak(ear: Listener, first: str, last: str, *symbols: str) -> None:
    """Let the stream say each minute's bars when it is over."""
    for minute in bars_between("A", first, last, ear.day):
        await ear.clock.go_to(minute.end + SECOND // 20)
        ear.origin.stream.send(*(minute._replace(symbol=symbol) for symbol in symbols))
        await settle()
