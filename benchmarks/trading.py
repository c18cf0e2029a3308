"""`python -m benchmarks.trading`: how soon a bar is an order on the wire, memory over days, a week of faults.

Latency: a bar goes over a WebSocket on loopback to a live session with its journal on the disk, and Alpaca's
own SDK sends the order to a loopback server of Alpaca's protocol. The clock runs from the frame's arrival in
the session's process to the request's arrival at the server. Server and session share one process and loop.

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
from typing import Any

import numpy as np
from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Scripted, floor_of

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
_MONTH = 21  #: sessions


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
        for part in ("latency", "quiet", "memory", "many", "resume", "week"):
            (root / part).mkdir()
        found["latency"] = asyncio.run(measure_latency(given.orders, root / "latency"))
        found["memory_without_orders"] = measure_days(given.days, root / "quiet", trades=False)
        found["memory"] = measure_days(given.days, root / "memory")
        found["memory_with_many_orders"] = measure_days(given.days, root / "many", every=2)
        found["resume"] = measure_resume(min(given.days, _MONTH), root / "resume")
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
