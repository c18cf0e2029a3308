"""A request to Alpaca that is late, and not lost: whenever it comes, one of it and the second is taken."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
from aiohttp import web
from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.alpaca_rules import Refused
from tests.loopback.exchange import Exchange, Refusal
from tests.unit.router_acts import buy, limit
from tests.unit.trading_by_hand import INSTRUMENTS, QUICK, START, Life, scripted

from openbell.core.types import OrderStatus
from openbell.execution.factory import open_broker

S = OrderStatus
#: When the first request comes: before it is asked for, between that and the second one, or after that one.
When = Literal["never", "before the question", "before the second", "after the second", "much later"]
UNIQUE = "client_order_id must be unique"


class LateServer(AlpacaBrokerServer):
    """Cuts the first order's connection, and takes the order later."""

    def __init__(self, exchange: Exchange, when: When) -> None:
        self.when: When = when
        self.kept: web.Request | None = None
        self.late: list[str] = []  #: what became of the first one
        super().__init__(exchange)

    async def arrive(self, when: When) -> None:
        """Take the first order, if it is time."""
        if when != self.when or self.kept is None:
            return
        kept, self.kept = self.kept, None
        try:
            await super()._place(kept)
        except (Refusal, Refused) as error:
            self.late.append(getattr(error, "said", str(error)))
        else:
            self.late.append("taken")

    def _by_client_id(self, request: web.Request) -> Any:
        return self._ask(request)

    async def _ask(self, request: web.Request) -> dict[str, Any]:
        await self.arrive("before the question")
        return super()._by_client_id(request)

    async def _place(self, request: web.Request) -> dict[str, Any]:
        if sum(one.method == "POST" for one in self.requests) == 1:
            await request.read()
            self.kept = request
            assert request.transport is not None
            request.transport.abort()
            return {}
        await self.arrive("before the second")
        try:
            return await super()._place(request)
        finally:
            await self.arrive("after the second")

    def asked(self) -> list[str]:
        """Return the orders and the questions for them, as they came."""
        words = {"POST /v2/orders": "order", "GET /v2/orders:by_client_order_id": "question"}
        said = [f"{one.method} {one.path}" for one in self.requests]
        return [words[one] for one in said if one in words]


def has(life: Life, status: OrderStatus) -> bool:
    """Tell whether the first order has come so far."""
    orders = life.floor.courses["s"].engine.desk.orders
    return 1 in orders and orders[1].status is status


@pytest.mark.parametrize(
    ("when", "act"), [*((when, buy) for when in get_args(When)), ("before the second", limit)]
)
async def test_a_request_that_is_late_doubles_nothing_whenever_it_comes(
    tmp_path: Path, when: When, act: Any
) -> None:
    x = Exchange(INSTRUMENTS, time=START)
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    async with LateServer(x, when) as server:
        broker = open_broker("alpaca", server.options, ENVIRON)
        await broker.connect()
        life = Life(tmp_path, x, broker, {"s": scripted({1: act})}, timing=QUICK)
        life.start()
        await life.moment(0, 100)
        status = S.FILLED if act is buy else S.ACCEPTED
        async with asyncio.timeout(20):
            while not has(life, status):  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.005)
        await server.arrive("much later")
        asked = server.asked()
        assert asked[:2] == ["order", "question"]
        assert asked.count("order") == (1 if when == "before the question" else 2)
        if when != "before the question":
            assert asked[:3] == ["order", "question", "order"]  # one question, and no more
        taken = when in {"before the question", "before the second"}
        assert server.late == ([] if when == "never" else ["taken" if taken else UNIQUE])
        assert len(x.orders) == 1
        assert x.audit() == []
        assert life.floor.held() == x.positions
        await life.end()
        await broker.close()
