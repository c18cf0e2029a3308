"""The two ends of a WebSocket on loopback, and a stream without one: what `benchmarks.live` listens to."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

from benchmarks.measure import resident
from openbell.core.messages import BarMessage, Message, Quote
from openbell.core.types import NANOS_PER_SECOND
from openbell.data.live.plan import Plan
from openbell.data.live.script import read_event, write_event
from openbell.data.providers.protocol import Batch, Channel, Span

MINUTE = 60 * NANOS_PER_SECOND


def plan_of(count: int) -> Plan:
    """Return the plan of a feed of so many symbols."""
    symbols = tuple(f"S{number:03}" for number in range(count))
    return Plan(symbols, ("bars", "quotes"), calendar="24/7", mute_after=3600.0)


class FloodClock:
    """Stands where the flood is."""

    time = 28_000_000 * MINUTE

    def now(self) -> int:
        """Return the time of the flood."""
        return self.time

    async def sleep_until(self, time: int) -> None:
        """Wait for ever, unless the time is past: what is due is done when a message comes."""
        if time > self.time:
            await asyncio.Event().wait()


CLOCK = FloodClock()


def message(number: int, now: int, symbols: int) -> Message:
    """Return the n-th message: in turn a minute's bars and as many quotes, with the time of sending."""
    minute, place = divmod(number, 2 * symbols)
    symbol = f"S{place % symbols:03}"
    if place < symbols:
        return _bar(symbol, FloodClock.time + minute * MINUTE, minute + place, float(now))
    return Quote(symbol, now, 10.0, 10.01, 100.0, 200.0)


def _bar(symbol: str, opened: int, number: int, volume: float) -> BarMessage:
    """Return a minute of a price that goes up and down, so that a strategy trades on it."""
    close = 100.0 + abs(number % 240 - 120) / 10.0
    return BarMessage(symbol, opened, opened + MINUTE, close, close + 1.0, close - 1.0, close, volume)


async def send(rate: int, seconds: float, symbols: int) -> None:
    """Serve one client: say `rate` messages a second, and close."""
    import websockets

    done = asyncio.Event()

    async def talk(socket: websockets.ServerConnection) -> None:
        await socket.recv()
        began = time.perf_counter()
        for number in range(round(rate * seconds)):
            late = began + number / rate - time.perf_counter()
            if late > 0:
                await asyncio.sleep(late)
            await socket.send(write_event(0, message(number, time.time_ns(), symbols)))
        done.set()

    async with websockets.serve(talk, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await done.wait()


class SocketOrigin:
    """The provider of the sending process; it has no bars to fetch."""

    def __init__(self, port: int) -> None:
        self.port = port

    def connect(self) -> SocketConnection:
        """Return its stream."""
        return SocketConnection(self.port)

    async def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:  # noqa: ARG002  # none
        """Yield nothing."""
        none: tuple[Batch, ...] = ()
        for batch in none:
            yield batch


class SocketConnection:
    """A client of the sending process."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: Any = None

    async def open(self) -> None:
        """Connect."""
        import websockets

        self._socket = await websockets.connect(f"ws://127.0.0.1:{self._port}")

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        """Let the messages begin."""
        await self._socket.send(json.dumps([*symbols, *channels]))

    async def messages(self) -> AsyncIterator[Any]:
        """Yield what arrives."""
        async for frame in self._socket:
            event = read_event(json.loads(frame))[1]
            if isinstance(event, BarMessage):  # a minute of the session passes with each bar of it
                CLOCK.time = max(CLOCK.time, event.end)
            yield event

    async def close(self) -> None:
        """Disconnect."""
        if self._socket is not None:
            await self._socket.close()


class FloodOrigin(SocketOrigin):
    """A provider in this process, that says so many messages."""

    def __init__(self, count: int, symbols: int, readings: list[float]) -> None:
        super().__init__(0)
        self._count, self._symbols, self._readings = count, symbols, readings

    def connect(self) -> Flood:  # type: ignore[override]  # the port's protocol is what counts
        """Return its stream."""
        return Flood(self._count, self._symbols, self._readings)


class Flood:
    """A stream in this process: minutes of symbols with quotes between them."""

    def __init__(self, count: int, symbols: int, readings: list[float]) -> None:
        self._count, self._symbols, self._readings = count, symbols, readings

    async def open(self) -> None:
        """There is nothing to open."""

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        """There is one choice of symbols."""

    async def messages(self) -> AsyncIterator[Message]:
        """Yield one bar of each symbol a minute, and nine quotes to a bar."""
        start = CLOCK.time
        for number in range(self._count):
            minute, place = divmod(number, 10 * self._symbols)
            symbol = f"S{place % self._symbols:03}"
            opened = start + minute * MINUTE
            if place < self._symbols:
                CLOCK.time = opened + MINUTE
                yield _bar(symbol, opened, minute + place, float(number))
            else:
                yield Quote(symbol, opened + number, 10.0, 10.0 + number % 7, 1.0, 2.0)
            if number % (self._count // 100) == 0:
                self._readings.append(resident())

    async def close(self) -> None:
        """There is nothing to close."""
