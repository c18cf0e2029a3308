"""`python -m benchmarks.trading`: how soon a bar is an order on the wire, memory over days, a week of faults.

Latency: a bar goes over a WebSocket on loopback to a live session with its journal on the disk, and Alpaca's
own SDK sends the order to a loopback server of Alpaca's protocol. The clock runs from the frame's arrival in
the session's process to the request's arrival at the server. Server and session share one process and loop.

Memory: days of minute bars through a paper session, as fast as they go.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Scripted, floor_of

import openbell as ob
from benchmarks.faultweek import WEEK, run_week
from benchmarks.measure import machine, resident
from openbell.core.engine import Engine
from openbell.core.messages import BarMessage
from openbell.data.calendar import sessions
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.execution.factory import open_broker
from openbell.storage.journal import Journal
from openbell.trading.course import Course
from openbell.trading.livesession import LiveSession
from openbell.trading.scribe import Scribe
from openbell.trading.session import Session
from openbell.utils.ratelimit import Budget

RESULTS = Path(__file__).resolve().parent / "trading.json"
_WARM = 30  #: bars that are not counted
_DAY = 390


class Each(Scripted):
    """Buys and sells in turn."""

    def on_bar(self, _bar: Any) -> None:
        """Order at each bar."""
        self.target_quantity("A", 0.0 if self.position("A") else 10.0)


class Timed(AlpacaBrokerServer):
    """Notes when each order arrives."""

    def __init__(self, exchange: Exchange) -> None:
        self.placed: asyncio.Queue[int] = asyncio.Queue()
        super().__init__(exchange)

    async def _place(self, request: Any) -> Any:
        self.placed.put_nowait(time.perf_counter_ns())
        return await super()._place(request)


async def measure_latency(count: int, folder: Path) -> dict[str, float]:
    """Return ms from a bar's arrival to its order's: p50, p99, worst."""
    import websockets

    x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None)
    x.trade("A", 100)
    frames: asyncio.Queue[str] = asyncio.Queue()
    arrived: list[int] = []

    async def serve(socket: websockets.ServerConnection) -> None:
        while frame := await frames.get():
            await socket.send(frame)

    async def feed(port: int) -> AsyncIterator[list[BarMessage]]:
        async with websockets.connect(f"ws://127.0.0.1:{port}") as socket:
            async for frame in socket:
                arrived.append(time.perf_counter_ns())
                yield [BarMessage(*json.loads(frame))]

    took = []
    async with Timed(x) as server, websockets.serve(serve, "127.0.0.1", 0) as source:
        broker = open_broker("alpaca", {**server.options, "rate": 1e6}, ENVIRON)
        account = await broker.connect()
        with Journal(folder / "journal.db", account=account) as journal:
            floor = floor_of(journal, {"s": Each}, capabilities=broker.capabilities, symbols=("A",))
            session = LiveSession(floor, journal, broker, budget=Budget(1e6, 1.0, burst=100_000))
            session.begin({})
            task = asyncio.ensure_future(session.run(feed(source.sockets[0].getsockname()[1])))
            try:
                for number in range(1, count + _WARM + 1):
                    x.advance(MINUTE)
                    x.trade("A", 100)
                    begin, fills = START + number * MINUTE, len(x.fills)
                    bar = BarMessage("A", begin, begin + MINUTE, 100.0, 100.0, 100.0, 100.0, 1e6)
                    frames.put_nowait(json.dumps(list(bar)))
                    async with asyncio.timeout(20):
                        took.append((await server.placed.get() - arrived[-1]) / 1e6)
                        engine = floor.courses["s"].engine
                        while len(engine.fills) <= fills:  # noqa: ASYNC110  # the session tells nobody
                            await asyncio.sleep(0.001)
            finally:
                frames.put_nowait("")
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task  # what ended it early is what is to be known
        await broker.close()
    p50, p99 = np.percentile(took[_WARM:], [50, 99])
    return {
        "orders": count,
        "p50_ms": round(float(p50), 2),
        "p99_ms": round(float(p99), 2),
        "worst_ms": round(max(took[_WARM:]), 2),
    }


def measure_days(days: int, folder: Path, *, trades: bool = True) -> dict[str, float]:
    """Return how memory grows over days of minute bars in a paper session, in kB a day."""
    calendar = sessions("24/7", START, START + (days + 2) * 86_400_000_000_000)
    tape = Tape(INSTRUMENTS[:1], timeframe="1m", sessions=calendar, begin=START, folder=folder / "tape")
    strategy: Any = Averages()
    engine = Engine(strategy, market=tape, cash=1e9, sizer=ob.FixedQuantity(10), short=False)
    strategy.bind(engine.desk, seed=0)
    broker = SimulatedBroker(
        strategy="s", account=engine.account, market=tape, sessions=tape.calendar, costs=ob.Costs()
    )
    held, resident_mb, began = [], [], time.perf_counter()
    with Journal(folder / "journal.db") as journal:
        session = Session([Course(engine, broker, Scribe(journal, "s"), tape=tape)], journal)
        session.begin({})
        tracemalloc.start()
        for number in range(days * _DAY):
            begin = START + number * MINUTE
            price = 100.0 + 5.0 * float(np.sin(number / 40.0)) * trades
            session.take([BarMessage("A", begin, begin + MINUTE, price, price, price, price, 1e5)])
            if number % _DAY == _DAY - 1:
                session.snapshot(begin + MINUTE)
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
                resident_mb.append(resident())
        tracemalloc.stop()
    late = np.arange(len(held)) >= len(held) // 4
    slope = float(np.polyfit(np.arange(len(held))[late], np.array(held)[late], 1)[0])
    return {
        "days": days,
        "orders": len(journal_orders(folder)),
        "slope_kb_a_day": round(slope / 1024, 2),
        "resident_first_mb": round(resident_mb[0], 1),
        "resident_last_mb": round(resident_mb[-1], 1),
        "seconds": round(time.perf_counter() - began, 1),
    }


class Averages(ob.Strategy):
    """Hold while the fast average is above the slow one."""

    def on_start(self) -> None:
        """Declare the averages."""
        self.fast, self.slow = self.indicator(ob.SMA(10)), self.indicator(ob.EMA(30))

    def on_bar(self, bar: ob.Bar) -> None:
        """Decide."""
        if self.fast[-1] > self.slow[-1]:
            self.buy(bar.symbol)
        else:
            self.close(bar.symbol)


def journal_orders(folder: Path) -> list[int]:
    """Return the events of orders in a journal."""
    with Journal(folder / "journal.db", read_only=True) as journal:
        return [entry.seq for entry in journal.read() if entry.kind == "order"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the figures; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trading", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=60, help="sessions of 390 minutes for the memory")
    parser.add_argument("--minutes", type=int, default=WEEK, help="of the week of faults")
    parser.add_argument("--quick", action="store_true", help="short, and nothing is kept")
    given = parser.parse_args(arguments)
    if given.quick:
        given.orders, given.days, given.minutes = 20, 4, 30
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for part in ("latency", "quiet", "memory", "week"):
            (root / part).mkdir()
        found["latency"] = asyncio.run(measure_latency(given.orders, root / "latency"))
        found["memory_without_orders"] = measure_days(given.days, root / "quiet", trades=False)
        found["memory"] = measure_days(given.days, root / "memory")
        found["week"] = asyncio.run(run_week(root / "week", minutes=given.minutes))
    print(json.dumps(found, indent=1))
    if not given.quick:
        date, load = datetime.now(UTC).strftime("%Y-%m-%d"), round(os.getloadavg()[0], 1)
        kept = {"date": date, "machine": machine(), "load": load, **found}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    week = found["week"]
    missed = found["latency"]["p99_ms"] >= 10.0 or week["outside_outages_percent"] < 99.9
    return int(missed or bool(week["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
