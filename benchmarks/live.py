"""`python -m benchmarks.live`: how long a message takes to a strategy, and whether memory grows.

Latency: another process sends bars and quotes over a WebSocket on loopback; each carries the time at which
it was sent. A feed reads them, and a consumer stands where `Engine.step` will. Both processes share the
machine.

Memory: ten million messages go through a feed in this process, without a socket, which would take over an
hour at 2,000 a second. Resident memory is read at each hundredth of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import machine, resident
from openbell.core.messages import BarMessage, Message, Quote
from openbell.core.types import NANOS_PER_SECOND
from openbell.data.live.feed import Feed
from openbell.data.live.line import ProviderLine
from openbell.data.live.plan import Plan
from openbell.data.live.script import read_event, write_event
from openbell.data.providers.protocol import Batch, Channel, Span

RESULTS = Path(__file__).resolve().parent / "live.json"
MINUTE = 60 * NANOS_PER_SECOND
SYMBOLS = tuple(f"S{number:03}" for number in range(100))
PLAN = Plan(SYMBOLS, ("bars", "quotes"), calendar="24/7", mute_after=3600.0)


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


def message(number: int, now: int) -> Message:
    """Return the n-th message: in turn a minute's bars and as many quotes, with the time of sending."""
    minute, place = divmod(number, 2 * len(SYMBOLS))
    symbol = SYMBOLS[place % len(SYMBOLS)]
    if place < len(SYMBOLS):
        opened = FloodClock.time + minute * MINUTE
        return BarMessage(symbol, opened, opened + MINUTE, 10.0, 11.0, 9.0, 10.0, float(now))
    return Quote(symbol, now, 10.0, 10.01, 100.0, 200.0)


async def send(port: int, rate: int, seconds: float) -> None:
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
            await socket.send(write_event(0, message(number, time.time_ns())))
        done.set()

    async with websockets.serve(talk, "127.0.0.1", port) as server:
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


async def measure_latency(rate: int, seconds: float) -> dict[str, float]:
    """Return ms from the sending to the consumer: p50, p99 and the worst, and how many were measured."""
    command = [sys.executable, "-m", "benchmarks.live", "--send", str(rate), "--seconds", str(seconds)]
    sender = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    if sender.stdout is None:
        raise RuntimeError("the sender has no output")
    port = int(await sender.stdout.readline())
    took: list[int] = []
    CLOCK.time = FloodClock.time
    async with Feed(ProviderLine(SocketOrigin(port), PLAN, clock=CLOCK), PLAN) as feed:
        async for item in feed:
            if isinstance(item, Quote):
                took.append(time.time_ns() - item.time)
            elif isinstance(item, BarMessage):
                took.append(time.time_ns() - int(item.volume))
            if feed.counters.lost:
                break
    await sender.wait()
    taken = np.array(took[rate:]) / 1e6  # the first second warms up
    p50, p99 = np.percentile(taken, [50, 99])
    counters = feed.counters
    return {
        "rate": rate,
        "messages": counters.messages,
        "bars": counters.bars,
        "measured": len(taken),
        "conflated": counters.conflated,
        "p50_ms": round(float(p50), 3),
        "p99_ms": round(float(p99), 3),
        "worst_ms": round(float(taken.max()), 3),
    }


class FloodOrigin(SocketOrigin):
    """A provider in this process, that says so many messages."""

    def __init__(self, count: int, readings: list[float]) -> None:
        super().__init__(0)
        self._count = count
        self._readings = readings

    def connect(self) -> Flood:  # type: ignore[override]  # the port's protocol is what counts
        """Return its stream."""
        return Flood(self._count, self._readings)


class Flood:
    """A stream in this process: minutes of a hundred symbols with quotes between them."""

    def __init__(self, count: int, readings: list[float]) -> None:
        self._count, self._readings = count, readings

    async def open(self) -> None:
        """There is nothing to open."""

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        """There is one choice of symbols."""

    async def messages(self) -> AsyncIterator[Message]:
        """Yield one bar of each symbol a minute, and nine quotes to a bar."""
        start = CLOCK.time
        for number in range(self._count):
            minute, place = divmod(number, 10 * len(SYMBOLS))
            symbol = SYMBOLS[place % len(SYMBOLS)]
            opened = start + minute * MINUTE
            if place < len(SYMBOLS):
                CLOCK.time = opened + MINUTE
                yield BarMessage(symbol, opened, opened + MINUTE, 10.0, 11.0, 9.0, 10.0, float(number))
            else:
                yield Quote(symbol, opened + number, 10.0, 10.0 + number % 7, 1.0, 2.0)
            if number % (self._count // 100) == 0:
                self._readings.append(resident())

    async def close(self) -> None:
        """There is nothing to close."""


async def measure_memory(count: int) -> dict[str, float]:
    """Return MB of this process after a tenth of the messages and after all, and messages a second."""
    readings: list[float] = []
    CLOCK.time = FloodClock.time
    began = time.perf_counter()
    line = ProviderLine(FloodOrigin(count, readings), PLAN, clock=CLOCK)
    bars = 0
    async with Feed(line, PLAN) as feed:
        async for item in feed:
            bars += isinstance(item, BarMessage)
            if feed.counters.lost:
                break
    seconds = time.perf_counter() - began
    rest = np.array(readings[len(readings) // 10 :])
    slope = float(np.polyfit(np.linspace(0.1, 1.0, len(rest)), rest, 1)[0])
    return {
        "messages": feed.counters.messages,
        "bars": bars,
        "after_tenth_mb": round(float(rest[0]), 1),
        "after_all_mb": round(float(rest[-1]), 1),
        "slope_mb": round(slope, 2),
        "per_second": round(feed.counters.messages / seconds),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the figures; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--rate", type=int, default=2000, help="messages a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--count", type=int, default=10_000_000, help="messages for the memory")
    parser.add_argument("--quick", action="store_true", help="short, and nothing is kept")
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.send:
        asyncio.run(send(0, given.send, given.seconds))
        return 0
    seconds, count = (3.0, 100_000) if given.quick else (given.seconds, given.count)
    latency = asyncio.run(measure_latency(given.rate, seconds))
    print(json.dumps({"latency": latency}), flush=True)
    memory = asyncio.run(measure_memory(count))
    print(json.dumps({"memory": memory}))
    if not given.quick:
        date = datetime.now(UTC).strftime("%Y-%m-%d")
        load = round(os.getloadavg()[0], 1)  # what else the machine does
        kept = {"date": date, "machine": machine(), "load": load, "latency": latency, "memory": memory}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return int(latency["p99_ms"] >= 10.0 or memory["slope_mb"] >= 10.0)


if __name__ == "__main__":
    sys.exit(main())
