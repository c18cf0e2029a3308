"""A market that is simulated at 240 times life's speed, in another year: its own time counts."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.loopback.alpaca import ENVIRON, AlpacaServer, send, stamp
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange

from openbell.backtesting.plan import Plan
from openbell.core.types import Instrument
from openbell.data.bars import parse_date
from openbell.data.providers import open_provider
from openbell.execution.factory import open_broker
from openbell.operation.live import run_live
from openbell.operation.streamed import Stream
from openbell.operation.venue import Account, Venue
from openbell.strategies.registry import find
from openbell.trading.livesession import LiveSession
from openbell.trading.session import Ending
from openbell.utils.ratelimit import Budget

BEGIN = parse_date("2024-07-01T13:30:00+00:00") or 0
MINUTE = 60_000_000_000
BARS = 30


class Market:
    """Trades a zigzag at the exchange, and tells each minute's bar when it is over."""

    def __init__(self, exchange: Exchange, speed: float) -> None:
        self.exchange, self.speed = exchange, speed
        self.first = 0
        self.over = asyncio.Event()

    async def talk(self, socket: web.WebSocketResponse) -> None:
        now = self.exchange.time
        self.first = now - now % MINUTE
        for number in range(BARS):
            start = self.first + number * MINUTE
            price = 100 + (number % 8 if number % 16 < 8 else 8 - number % 8)
            self.exchange.trade("AAPL", price)
            await asyncio.sleep(max(start + MINUTE - self.exchange.time, 0) / self.speed / 1e9)
            row = {"T": "b", "S": "AAPL", "t": stamp(start), "n": 3, "vw": price, "v": 1000}
            await send(socket, [row | dict.fromkeys("ohlc", price)])
        self.over.set()
        await asyncio.sleep(60)


async def agree(_account: Account) -> bool:
    return True


@pytest.mark.parametrize("speed", [1200, pytest.param(240, marks=pytest.mark.slow)])
async def test_a_market_that_is_faster_than_life_is_traded_by_its_own_time(
    speed: float, tmp_path: Path
) -> None:
    exchange = Exchange([Instrument("AAPL")], time=BEGIN, speed=speed, fee=Decimal("0.005"))
    exchange.trade("AAPL", 100)
    market = Market(exchange, speed)
    sessions: list[LiveSession] = []
    async with AlpacaServer() as data, AlpacaBrokerServer(exchange) as trading:
        data.talk = market.talk
        data.assets["AAPL"] = {"symbol": "AAPL", "shortable": True, "exchange": "NASDAQ", "tradable": True}
        provider = open_provider("alpaca", data.options, ENVIRON)
        broker = open_broker("alpaca", trading.options, ENVIRON)
        stream = Stream(provider, Budget(10_000, 1.0), history=0)
        venue = Venue(broker, Budget(10_000, 1.0))
        plan = Plan(
            "sma_cross", ("AAPL",), parameters={"fast": 2, "slow": 4}, provider="alpaca", timeframe="1m",
            cash=50_000.0,
        )  # fmt: skip
        jobs: Any = [("s", plan, find("sma_cross"))]
        running = asyncio.create_task(
            run_live(jobs, stream, venue, folder=tmp_path, agree=agree, told=sessions.append)
        )
        over = asyncio.create_task(market.over.wait())
        await asyncio.wait({running, over}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        assert over.done(), running
        await asyncio.sleep(0.5)
        sessions[0]._requests.ask("keep")  # type: ignore[attr-defined]  # the inbox
        ended = await asyncio.wait_for(running, 30)
        await provider.close()
    assert ended.ending is Ending.STOPPED
    (course,) = sessions[0].floor.courses.values()
    assert len(course.engine.fills) == len(exchange.fills) > 1
    last = market.first + BARS * MINUTE
    assert course.tape.time == last
    assert all(market.first < fill.time <= last + 10 * MINUTE for fill in course.engine.fills)
    assert exchange.audit() == []
