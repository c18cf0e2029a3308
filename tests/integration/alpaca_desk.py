"""A desk for tests of Alpaca's adapter: an exchange, its server on loopback, the adapter and who listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange

from openbell.core.types import Instrument, OrderStatus, OrderType, TimeInForce
from openbell.execution.approval import ApprovedOrder, approve
from openbell.execution.factory import open_broker
from openbell.execution.port import Execution, Heard, Link, Report

S, T, F = OrderStatus, OrderType, TimeInForce


def order(client_id: str, side: int = 1, kind: OrderType = T.MARKET, **fields: Any) -> ApprovedOrder:
    """Return an order for 10 of A, for the day, unless the fields say otherwise."""
    numbers = ("limit", "stop", "trail", "notional", "take_profit", "stop_loss", "short")
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
        self._task.add_done_callback(lambda _: self._news.set())

    async def _listen(self, broker: Any) -> None:
        async for heard in broker.events():
            self.heard.append(heard)
            self._news.set()

    async def until(self, wanted: Callable[[Any], bool]) -> Any:
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
        """Wait for a report of an order."""
        return await self.until(
            lambda h: isinstance(h, Report) and h.client_id == client_id and h.status is status
        )

    async def until_links(self, *wanted: bool) -> None:
        """Wait until the stream has been up and down like this."""
        await self.until(
            lambda _: [h.up for h in self.heard if isinstance(h, Link)][: len(wanted)] == [*wanted]
        )

    @property
    def fills(self) -> list[tuple[str, float, float]]:
        """Client id, quantity and price of each fill that was heard."""
        return [
            (h.client_id, float(h.quantity), float(h.price)) for h in self.heard if isinstance(h, Execution)
        ]

    async def stop(self) -> None:
        """Listen no longer."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Desk(NamedTuple):
    """An exchange, its server, a broker and an ear."""

    x: Exchange
    server: AlpacaBrokerServer
    broker: Any
    ear: Ear


@asynccontextmanager
async def desk(*, page: int = 100, cash: int = 100_000, **options: Any) -> AsyncIterator[Desk]:
    """Open a desk: A stands at 100, and the adapter listens."""
    x = Exchange([Instrument("A", lot=1e-9)], cash=cash)
    x.trade("A", 100)
    async with AlpacaBrokerServer(x, page=page) as server:
        broker: Any = open_broker("alpaca", {**server.options, "rate": 1e6, **options}, ENVIRON)
        ear = Ear(broker)
        await ear.until(lambda h: isinstance(h, Link) and h.up)
        yield Desk(x, server, broker, ear)
        await ear.stop()
        await broker.close()


def again(d: Desk, **options: Any) -> Any:
    """Return another adapter of the same account, as after a restart: it knows nothing."""
    return open_broker("alpaca", {**d.server.options, "rate": 1e6, **options}, ENVIRON)
