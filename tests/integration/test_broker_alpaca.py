"""Alpaca as a broker: the real SDK against a server of its protocol on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from openbell.core.errors import ConfigError, Rejected, Retryable
from openbell.core.types import Instrument, OrderStatus, OrderType, Reason, TimeInForce
from openbell.execution.approval import ApprovedOrder, approve
from openbell.execution.brokers.alpaca import AlpacaBroker
from openbell.execution.factory import open_broker
from openbell.execution.port import Execution, Heard, Link, Report
from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange
from tests.loopback.server import Fault

S, T, F = OrderStatus, OrderType, TimeInForce


def order(client_id: str, side: int = 1, kind: OrderType = T.MARKET, **fields: Any) -> ApprovedOrder:
    numbers = ("limit", "stop", "trail", "notional", "take_profit", "stop_loss")
    exact = {name: Decimal(str(fields.pop(name))) for name in numbers if name in fields}
    quantity = Decimal(str(fields.pop("quantity", 10)))
    tif = fields.pop("tif", F.DAY)
    return approve(
        client_id=client_id, symbol="A", side=side, type=kind, tif=tif, quantity=quantity, **exact, **fields
    )


class Ear:
    """Collects what a broker says."""

    def __init__(self, broker: Any) -> None:
        self.heard: list[Heard] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._listen(broker))

    async def _listen(self, broker: Any) -> None:
        async for heard in broker.events():
            self.heard.append(heard)
            self._news.set()

    async def until(self, wanted: Any) -> Any:
        """Wait until something that was heard, now or before, is as wanted; return it."""
        async with asyncio.timeout(10):
            while True:
                self._news.clear()
                if self._task.done():
                    self._task.result()
                for heard in self.heard:
                    if wanted(heard):
                        return heard
                await self._news.wait()

    async def until_status(self, client_id: str, status: OrderStatus) -> Any:
        return await self.until(
            lambda h: isinstance(h, Report) and h.client_id == client_id and h.status is status
        )

    @property
    def fills(self) -> list[tuple[str, Decimal, Decimal]]:
        return [(h.client_id, h.quantity, h.price) for h in self.heard if isinstance(h, Execution)]

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Desk:
    """An exchange, its server, a broker and an ear."""

    def __init__(self, x: Exchange, server: AlpacaBrokerServer, broker: Any, ear: Ear) -> None:
        self.x, self.server, self.broker, self.ear = x, server, broker, ear


@asynccontextmanager
async def desk(*, page: int = 100, cash: int = 100_000, **options: Any) -> AsyncIterator[Desk]:
    x = Exchange([Instrument("A", lot=1e-9)], cash=cash)
    x.trade("A", 100)
    async with AlpacaBrokerServer(x, page=page) as server:
        broker: Any = open_broker("alpaca", {**server.options, "rate": 1e6, **options}, ENVIRON)
        ear = Ear(broker)
        await ear.until(lambda h: isinstance(h, Link) and h.up)
        yield Desk(x, server, broker, ear)
        await ear.stop()
        await broker.close()


async def test_a_market_order_fills_and_the_account_shows_it():
    async with desk() as d:
        assert await d.broker.connect() == "alpaca:paper:PA3TEST00001"
        assert await d.broker.now() == d.x.time
        report = await d.broker.place(order("ob-1"))
        assert (report.client_id, report.quantity) == ("ob-1", 10)
        done = await d.ear.until_status("ob-1", S.FILLED)
        assert (done.filled, done.average) == (10, 100)
        await d.ear.until(lambda h: isinstance(h, Execution))
        assert d.ear.fills == [("ob-1", 10, 100)]
        balance = await d.broker.balance()
        assert (balance.cash, balance.equity, balance.blocked) == (99_000, 100_000, "")
        assert await d.broker.holdings() == [("A", 10, 100)]
        assert d.x.audit() == []


async def test_fills_of_the_stream_and_of_the_account_are_the_same_fills():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=99))
        d.x.trade("A", 98, 4)
        d.x.trade("A", "98.5", 6)
        await d.ear.until_status("ob-1", S.FILLED)
        told = [h for h in d.ear.heard if isinstance(h, Execution)]
        assert await d.broker.executions(0) == told
        assert [(e.quantity, e.price) for e in told] == [(4, 98), (6, Decimal("98.5"))]
