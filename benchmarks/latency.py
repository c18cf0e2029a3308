"""How soon a bar is an order on the wire: a live session, and a venue in a process of its own.

A bar, or a bar of each of a thousand symbols, goes over a WebSocket on loopback to a live session with its
journal on the disk, and Alpaca's own SDK sends the order to a loopback server of Alpaca's protocol. The clock
runs from the frame's arrival in the session's process to the order's arrival at the venue.

Of it, `disk` is what the journal waited for the disk to have the intent, which no order is sent before;
`own` is the rest; `processor` is what the session's process worked.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from tests.loopback.alpaca import ENVIRON
from tests.unit.trading_by_hand import floor_of

import openbell as ob
from benchmarks.venue import AT_ONCE, QUIET, Play, open_venue
from openbell.core.messages import BarMessage
from openbell.execution.factory import open_broker
from openbell.storage.journal import Journal
from openbell.trading.copying import copied
from openbell.trading.livesession import LiveSession
from openbell.utils.heap import settled_heap
from openbell.utils.ratelimit import Budget
from openbell.utils.turns import short_turns

_WARM = 30  #: bars that are not counted
_PATIENCE = 60  #: seconds for a minute that is played


class Each(ob.Strategy):
    """Buys and sells in turn, after so many orders that rest far from the market; looks at all symbols."""

    resting: ClassVar[int] = 0

    def on_start(self) -> None:
        """Begin, with two averages of each symbol."""
        self.bars = 0
        self.fast = {symbol: self.indicator(ob.SMA(QUIET // 3), symbol=symbol) for symbol in self.symbols}
        self.slow = {symbol: self.indicator(ob.SMA(QUIET + 1), symbol=symbol) for symbol in self.symbols}
        self.above = 0

    def on_bar(self, bar: ob.Bar) -> None:
        """Look at a symbol."""
        self.above += self.fast[bar.symbol][-1] > self.slow[bar.symbol][-1]

    def on_bars(self, _bars: Any) -> None:
        """Order at each moment."""
        self.bars += 1
        if self.bars * AT_ONCE <= self.resting:  # all at once some would be too old to be sent
            for number in range(AT_ONCE):
                self.order("B", 1, limit=1.0 + number / 100)
        self.target_quantity("A", 0.0 if self.position("A") else 10.0)


class Watched(Journal):
    """A journal that notes how long the disk took."""

    def __init__(self, path: Path, *, account: str) -> None:
        self.synced = 0  #: ns in all
        super().__init__(path, account=account)

    def _sync(self) -> None:
        began = time.perf_counter_ns()
        super()._sync()
        self.synced += time.perf_counter_ns() - began


class Session:
    """A live session on a venue, which says after each minute that it is ready for the next."""

    def __init__(self, journal: Watched, session: LiveSession, port: int, *, gap: float = 0.0) -> None:
        """Take the parts; `gap` is the seconds from one minute to the next, at least."""
        self.journal, self.session, self._port, self._gap = journal, session, port, gap
        self.frames: list[tuple[int, int, int]] = []  #: wall, processor and disk time at each arrival, ns
        self.disk: list[int] = []  #: ns that the disk took for each minute

    async def bars(self, count: int) -> AsyncIterator[list[BarMessage]]:
        """Yield each minute's bars once the one before has filled."""
        import websockets

        course = self.session.floor.courses["s"]
        async with websockets.connect(f"ws://127.0.0.1:{self._port}", max_size=None) as socket:
            due = time.perf_counter()
            for number in range(1 - QUIET, count + 1):
                due = max(due + self._gap, time.perf_counter())
                await asyncio.sleep(due - time.perf_counter())
                await socket.send("next")
                frame = await socket.recv()
                arrived = time.perf_counter_ns(), time.process_time_ns(), self.journal.synced
                yield [BarMessage(*bar) for bar in json.loads(frame)]
                while len(course.engine.fills) < number:  # noqa: ASYNC110  # the session tells nobody
                    await asyncio.sleep(0.001)
                if number > 0:
                    self.frames.append(arrived)
                    self.disk.append(self.journal.synced)


class Timings(NamedTuple):
    """Of each order, ms: until it was on the wire, of which for the disk, and of the processor."""

    wall: np.ndarray
    disk: np.ndarray
    processor: np.ndarray

    def figures(self) -> dict[str, float]:
        """Return p50 and p99 of each part, and the worst."""
        own = np.maximum(self.wall - self.disk, 0.0)
        parts = {"": self.wall, "own_": own, "disk_": self.disk, "processor_": self.processor}
        return {
            f"{name}p{share}_ms": round(float(np.percentile(values, share)), 2)
            for name, values in parts.items()
            for share in (50, 99)
        } | {"worst_ms": round(float(self.wall.max()), 2)}


async def measure_latency(
    count: int, folder: Path, *, resting: int = 0, symbols: int = 2
) -> dict[str, float]:
    """Return ms from a minute's bars to its order, while `resting` orders work."""
    made = await time_orders(count, folder, resting=resting, symbols=symbols)
    return made.figures() | {"orders": count, "working": resting, "symbols": symbols}


async def time_orders(
    count: int,
    folder: Path,
    *,
    resting: int = 0,
    symbols: int = 2,
    gap: float = 0.0,
    environ: Mapping[str, str] | None = None,
) -> Timings:
    """Return the time of each order; where `environ` names a database, the journal is copied to it.

    `gap` is the seconds between two minutes, at least.
    """
    warm = _WARM + resting // AT_ONCE
    play = Play(count + warm, resting, symbols)
    with _venue(play) as connection:
        options, port = await asyncio.to_thread(connection.recv)
        broker = open_broker("alpaca", {**options, "rate": 1e6}, ENVIRON)
        account = await broker.connect()
        kind = type("Each", (Each,), {"resting": resting})
        path = folder / "journal.db"
        with (
            closing(Watched(path, account=account)) as journal,
            copied(path, environ or {}),
            settled_heap(),
            short_turns(),
        ):
            floor = floor_of(
                journal, {"s": kind}, capabilities=broker.capabilities, cash=1e6, symbols=play.names
            )
            session = LiveSession(floor, journal, broker, budget=Budget(1e6, 1.0, burst=100_000))
            session.begin({})
            played = Session(journal, session, port, gap=gap)
            async with asyncio.timeout(_PATIENCE + count):
                await session.run(played.bars(play.bars))
        await broker.close()
        arrived = await asyncio.to_thread(connection.recv)
    return _timings(played, arrived, warm)


def _timings(played: Session, arrived: list[tuple[int, int]], warm: int) -> Timings:
    frames, placed = np.array(played.frames[warm:]) / 1e6, np.array(arrived[warm:]) / 1e6
    wall, worked = (placed - frames[:, :2]).T
    return Timings(wall, np.array(played.disk[warm:]) / 1e6 - frames[:, 2], worked)


@contextmanager
def _venue(play: Play) -> Iterator[Any]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=open_venue, args=(there, play))
    process.start()
    there.close()
    try:
        yield here
    finally:
        process.join(5)
        process.kill()
        process.join()
        here.close()
