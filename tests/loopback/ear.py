"""Listens to a broker, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from openbell.core.types import OrderStatus, OrderType, Side, TimeInForce
from openbell.execution.approval import ApprovedOrder, approve
from openbell.execution.port import Execution, Heard, Link, LiveBroker, Report

_NUMBERS = ("limit", "stop", "trail", "notional", "take_profit", "stop_loss", "short")


def order(client_id: str, symbol: str, **fields: Any) -> ApprovedOrder:
    """Return an order to buy ten at the market, but for what is given; its prices say its type."""
    exact = {name: Decimal(str(fields.pop(name))) for name in _NUMBERS if name in fields}
    side: Side = fields.pop("side", 1)
    kind = OrderType.MARKET if "limit" not in exact else OrderType.LIMIT
    if "stop" in exact:
        kind = OrderType.STOP if "limit" not in exact else OrderType.STOP_LIMIT
    if "trail" in exact:
        kind = OrderType.TRAILING_STOP
    quantity = Decimal(str(fields.pop("quantity", 10)))
    tif = fields.pop("tif", TimeInForce.GTC)
    return approve(
        client_id=client_id,
        symbol=symbol,
        side=side,
        type=kind,
        tif=tif,
        quantity=quantity,
        **exact,
        **fields,
    )


class Ear:
    """Collects what a broker says, from `async with ear` on."""

    def __init__(self, broker: LiveBroker) -> None:
        self.heard: list[Heard] = []
        self._broker = broker
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, wanted: Callable[[Heard], bool], *, count: int = 1) -> list[Heard]:
        """Wait until so much was heard of what is wanted; return that."""

        def found() -> list[Heard]:
            return [heard for heard in self.heard if wanted(heard)]

        async with asyncio.timeout(15), self._news:
            await self._news.wait_for(lambda: len(found()) >= count or self._failed())
        assert self._task is not None
        if self._task.done():
            self._task.result()
        return found()

    async def until_status(self, client_id: str, status: OrderStatus) -> Report:
        """Wait until an order has a status; return the report that says so."""
        (first, *_) = await self.until(
            lambda h: isinstance(h, Report) and h.client_id == client_id and h.status is status
        )
        assert isinstance(first, Report)
        return first

    async def until_link(self, *, up: bool) -> Link:
        """Wait until the last that was heard of the connection is that it is up, or down."""

        def is_so() -> bool:
            links = [heard for heard in self.heard if isinstance(heard, Link)]
            return bool(links) and links[-1].up is up

        async with asyncio.timeout(15), self._news:
            await self._news.wait_for(is_so)
        return [heard for heard in self.heard if isinstance(heard, Link)][-1]

    async def until_error(self) -> BaseException | None:
        """Wait until the events end with an error; return it."""
        assert self._task is not None
        await asyncio.wait([self._task], timeout=15)
        return self._task.exception()

    def reports(self, client_id: str) -> list[Report]:
        """Return what was heard of an order."""
        return [one for one in self.heard if isinstance(one, Report) and one.client_id == client_id]

    @property
    def fills(self) -> list[Execution]:
        """The fills that were heard."""
        return [one for one in self.heard if isinstance(one, Execution)]

    def _failed(self) -> bool:
        return self._task is not None and self._task.done()

    async def _listen(self) -> None:
        try:
            async for heard in self._broker.events():
                async with self._news:
                    self.heard.append(heard)
                    self._news.notify_all()
        finally:
            async with self._news:
                self._news.notify_all()
