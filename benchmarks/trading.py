"""`python -m benchmarks.trading`: how soon a bar is an order on the wire, memory over days, a week of faults.

Latency: a bar goes over a WebSocket on loopback to a live session with its journal on the disk, and Alpaca's
own SDK sends the order to a loopback server of Alpaca's protocol. The clock runs from the frame's arrival in
the session's process to the request's arrival at the server. Server and session share one process and loop.

`processor` is what of it this process worked, both ends together: on a busy machine the rest is waiting.

Memory: days of minute bars through a paper session, as fast as they go.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, floor_of

import openbell as ob
from benchmarks.faultday import DAY, run_day
from benchmarks.faultweek import WEEK, run_week
from benchmarks.longrun import measure_days, measure_resume
from benchmarks.measure import machine
from openbell.core.messages import BarMessage
from openbell.execution.factory import open_broker
from openbell.storage.journal import Journal
from openbell.trading.livesession import LiveSession
from openbell.utils.ratelimit import Budget

RESULTS = Path(__file__).resolve().parent / "trading.json"
_WARM = 30  #: bars that are not counted
_AT_ONCE = 20  #: orders that rest, sent at one bar
_MONTH = 21  #: sessions


class Each(ob.Strategy):
    """Buys and sells in turn, after so many orders that rest far from the market."""

    resting: ClassVar[int] = 0

    def on_start(self) -> None:
        """Begin."""
        self.bars = 0

    def on_bars(self, _bars: Any) -> None:
        """Order at each moment."""
        self.bars += 1
        if self.bars * _AT_ONCE <= self.resting:  # all at once some would be too old to be sent
            for number in range(_AT_ONCE):
                self.order("B", 1, limit=1.0 + number / 100)
        self.target_quantity("A", 0.0 if self.position("A") else 10.0)


class Timed(AlpacaBrokerServer):
    """Notes when each order arrives."""

    def __init__(self, exchange: Exchange) -> None:
        self.placed: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        super().__init__(exchange)

    async def _place(self, request: Any) -> Any:
        self.placed.put_nowait(_now())
        return await super()._place(request)


async def measure_latency(count: int, folder: Path, *, resting: int = 0) -> dict[str, float]:
    """Return ms from a bar's arrival to its order's: p50, p99, worst; `resting` orders work meanwhile."""
    import websockets

    x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None)
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    kind = type("Each", (Each,), {"resting": resting})
    frames: asyncio.Queue[str] = asyncio.Queue()
    arrived: list[tuple[int, int]] = []

    async def serve(socket: websockets.ServerConnection) -> None:
        while frame := await frames.get():
            await socket.send(frame)

    async def feed(port: int) -> AsyncIterator[list[BarMessage]]:
        async with websockets.connect(f"ws://127.0.0.1:{port}") as socket:
            async for frame in socket:
                arrived.append(_now())
                yield [BarMessage(*bar) for bar in json.loads(frame)]

    took: list[list[float]] = []
    warm = _WARM + resting // _AT_ONCE
    async with Timed(x) as server, websockets.serve(serve, "127.0.0.1", 0) as source:
        broker = open_broker("alpaca", {**server.options, "rate": 1e6}, ENVIRON)
        account = await broker.connect()
        with Journal(folder / "journal.db", account=account) as journal:
            floor = floor_of(journal, {"s": kind}, capabilities=broker.capabilities, cash=1e6)
            session = LiveSession(floor, journal, broker, budget=Budget(1e6, 1.0, burst=100_000))
            session.begin({})
            task = asyncio.ensure_future(session.run(feed(source.sockets[0].getsockname()[1])))
            try:
                for number in range(1, count + warm + 1):
                    x.advance(MINUTE)
                    x.trade("A", 100)
                    begin, fills = START + number * MINUTE, len(x.fills)
                    bars = [(name, begin, begin + MINUTE, 100.0, 100.0, 100.0, 100.0, 1e6) for name in "AB"]
                    frames.put_nowait(json.dumps(bars))
                    async with asyncio.timeout(20):
                        for _ in range(_AT_ONCE if number * _AT_ONCE <= resting else 0):
                            await server.placed.get()
                        placed = await server.placed.get()
                        took.append(
                            [(at - before) / 1e6 for at, before in zip(placed, arrived[-1], strict=True)]
                        )
                        engine = floor.courses["s"].engine
                        while len(engine.fills) <= fills:  # noqa: ASYNC110  # the session tells nobody
                            await asyncio.sleep(0.001)
            finally:
                frames.put_nowait("")
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task  # what ended it early is what is to be known
        await broker.close()
    (p50, worked_p50), (p99, worked_p99) = np.percentile(took[warm:], [50, 99], axis=0)
    return {
        "orders": count,
        "working": resting,
        "p50_ms": round(float(p50), 2),
        "p99_ms": round(float(p99), 2),
        "worst_ms": round(max(took[warm:])[0], 2),
        "processor_p50_ms": round(float(worked_p50), 2),
        "processor_p99_ms": round(float(worked_p99), 2),
    }


def _now() -> tuple[int, int]:
    """Return the wall's time and the processor's that this process has used, ns."""
    return time.perf_counter_ns(), time.process_time_ns()


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
        for part in ("latency", "resting", "quiet", "memory", "many", "resume", "week", "day"):
            (root / part).mkdir()
        found["latency"] = asyncio.run(measure_latency(given.orders, root / "latency"))
        resting = 20 if given.quick else 1_000
        slow = asyncio.run(measure_latency(given.orders, root / "resting", resting=resting))
        found["latency_with_working_orders"] = slow
        found["memory_without_orders"] = measure_days(given.days, root / "quiet", trades=False)
        found["memory"] = measure_days(given.days, root / "memory")
        found["memory_with_many_orders"] = measure_days(given.days, root / "many", every=2)
        found["resume"] = measure_resume(min(given.days, _MONTH), root / "resume")
        found["week"] = asyncio.run(run_week(root / "week", minutes=given.minutes))
        found["day"] = asyncio.run(run_day(root / "day", minutes=min(given.minutes, DAY)))
    print(json.dumps(found, indent=1))
    if not given.quick:
        date, load = datetime.now(UTC).strftime("%Y-%m-%d"), round(os.getloadavg()[0], 1)
        kept = {"date": date, "machine": machine(), "load": load, **found}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    week = found["week"]
    late = any(found[one]["p99_ms"] >= 10.0 for one in ("latency", "latency_with_working_orders"))
    missed = late or week["outside_outages_percent"] < 99.9
    return int(missed or bool(week["wrong"] or found["day"]["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
