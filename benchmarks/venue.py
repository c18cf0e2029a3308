"""A venue in a process of its own: Alpaca's protocol on loopback, and a WebSocket that brings the bars.

It plays minute after minute as soon as the session says that the one before is done, and notes when each
order arrives: by the clock that all processes share, and by the processor time that the session had used.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START

AT_ONCE = 20  #: orders that rest, sent at one bar
QUIET = 9  #: minutes before the first order: indicators are not ready


class Play(NamedTuple):
    """What is played.

    Args:
        bars: How many minutes with an order.
        resting: How many orders the session sends first that rest.
        symbols: Of how many there is a bar in each minute.
    """

    bars: int
    resting: int
    symbols: int

    @property
    def names(self) -> list[str]:
        """The symbols; the first is traded, and the second has the orders that rest."""
        return ["A", "B", *(f"S{number}" for number in range(2, self.symbols))]


class Timed(AlpacaBrokerServer):
    """Notes when each order arrives."""

    def __init__(self, exchange: Exchange) -> None:
        self.placed: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        super().__init__(exchange)

    async def _place(self, request: Any) -> Any:
        self.placed.put_nowait((time.perf_counter_ns(), used_by(os.getppid())))
        return await super()._place(request)


def used_by(process: int) -> int:
    """Return the processor time that a process has used, ns (clock_getcpuclockid of Linux)."""
    return time.clock_gettime_ns((~process << 3) | 2)


def open_venue(connection: Connection, play: Play) -> None:
    """Tell where the venue is, play, and send when the last order of each minute arrived."""
    asyncio.run(_run(connection, play))


async def _run(connection: Connection, play: Play) -> None:
    import websockets

    x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None)
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    over, arrived = asyncio.Event(), list[tuple[int, int]]()

    async def talk(socket: websockets.ServerConnection) -> None:
        for number in range(1 - QUIET, play.bars + 1):
            await socket.recv()  # the session is ready for a minute
            x.advance(MINUTE)
            x.trade("A", 100)
            begin = START + (number + QUIET) * MINUTE
            prices = (100.0, 100.0, 100.0, 100.0, 1e6)
            bars = [(name, begin, begin + MINUTE, *prices) for name in play.names]
            await socket.send(json.dumps(bars))
            if number > 0:
                orders = 1 + (AT_ONCE if number * AT_ONCE <= play.resting else 0)
                arrived.append([await server.placed.get() for _ in range(orders)][-1])
        over.set()
        await socket.wait_closed()

    async with Timed(x) as server, websockets.serve(talk, "127.0.0.1", 0) as source:
        connection.send((server.options, source.sockets[0].getsockname()[1]))
        await over.wait()
        connection.send(arrived)
