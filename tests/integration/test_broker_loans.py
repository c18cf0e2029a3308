"""Shares for a short sale: a broker is asked for what its protocol tells of them before the order is sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.integration.alpaca_desk import desk
from tests.integration.alpaca_desk import order as alpaca_order
from tests.loopback.tws import Oddity
from tests.loopback.tws_broker import MARKET, PLACE
from tests.loopback.tws_scene import order, trading

from openbell.core.errors import Rejected
from openbell.core.types import NANOS_PER_DAY, OrderStatus
from openbell.execution.port import Report
from openbell.utils.logging import get_logger

STOPPED_DATA = 2  #: the request that ends a symbol's data


# --- Interactive Brokers ----------------------------------------------------------------------------------


async def test_ib_is_asked_for_enough_shares_before_a_short_sale() -> None:
    async with trading() as scene:
        scene.tws.lent["AAPL"] = Decimal(10)
        await scene.broker.place(order("a", side=-1, short=10))
        await scene.ear.until_status("a", OrderStatus.FILLED)
        ((_, _, number, *_),) = scene.tws.of(MARKET)
        await scene.tws.wait_for(STOPPED_DATA)
        assert [one[2] for one in scene.tws.of(STOPPED_DATA)] == [number]


async def test_ib_lends_too_few_shares_and_nothing_is_sent() -> None:
    async with trading() as scene:
        scene.tws.lent["AAPL"] = Decimal(9)
        with pytest.raises(Rejected, match="not sent: it sells 10 AAPL short, and IB lends 9 now"):
            await scene.broker.place(order("a", side=-1, short=10))
        assert scene.tws.of(PLACE) == []
        await scene.broker.place(order("b", side=-1, short=9))
        await scene.ear.until_status("b", OrderStatus.FILLED)


async def test_ib_is_asked_again_when_a_short_sale_grows_and_not_when_its_price_changes() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", side=-1, limit=110, short=10))
        scene.tws.lent["AAPL"] = Decimal(15)
        await scene.broker.replace("a", order("b", side=-1, limit=111, short=10))
        assert len(scene.tws.of(MARKET)) == 1
        with pytest.raises(Rejected, match="it sells 20 AAPL short, and IB lends 15 now"):
            await scene.broker.replace("b", order("c", side=-1, limit=111, quantity=20, short=20))
        assert len(scene.tws.of(PLACE)) == 2


@pytest.mark.parametrize("silent", [True, False])
async def test_without_market_data_a_short_sale_is_sent_and_said(silent: bool) -> None:
    lines: list[str] = []
    sink = get_logger().add(lines.append, format="{message}")
    async with trading(timeout=0.5 if silent else 2.0) as scene:
        scene.tws.lent["AAPL"] = None
        if not silent:
            scene.tws.on(MARKET, scene.tws.answers[MARKET], number=2)
            scene.tws.spoil(MARKET, Oddity(354, "Requested market data is not subscribed."))
        await scene.broker.place(order("a", side=-1, short=10))
        await scene.ear.until_status("a", OrderStatus.FILLED)
    get_logger().remove(sink)
    (said,) = [line for line in lines if "short" in line]
    assert said.startswith("order a sells 10 AAPL short: ib: ")
    assert ("no whole answer" if silent else "354") in said


@pytest.mark.parametrize("more", [{"side": 1}, {"side": -1}])
async def test_what_needs_no_loan_is_not_asked_for(more: dict[str, Any]) -> None:
    async with trading() as scene:
        await scene.broker.place(order("held", quantity=20))
        await scene.broker.place(order("a", **more))
        await scene.ear.until_status("a", OrderStatus.FILLED)
        assert scene.tws.of(MARKET) == []


# --- Alpaca -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        ({"easy_to_borrow": False}, "easy_to_borrow"),
        ({"shortable": False}, "shortable"),
        ({"shortable": None, "easy_to_borrow": None}, "shortable or easy_to_borrow"),
    ],
)
async def test_alpaca_lends_what_is_easy_to_borrow_today(said: dict[str, Any], lacks: str) -> None:
    async with desk() as d:
        d.server.assets["A"] = said
        await d.broker.now()
        with pytest.raises(Rejected, match=f"not sent: it sells 10 A short, which is not {lacks} today"):
            await d.broker.place(alpaca_order("ob-1", -1, short=10))
        assert d.x.orders == {}
        d.server.assets.clear()
        with pytest.raises(Rejected, match="today"):  # what was said counts for the day
            await d.broker.place(alpaca_order("ob-2", -1, short=10))
        d.x.advance(NANOS_PER_DAY)
        await d.broker.now()
        await d.broker.place(alpaca_order("ob-3", -1, short=10))
        await d.ear.until(lambda h: isinstance(h, Report) and h.status is OrderStatus.FILLED)


async def test_alpaca_is_asked_once_a_day_and_for_short_sales_alone() -> None:
    async with desk() as d:
        await d.broker.place(alpaca_order("ob-1"))
        await d.broker.place(alpaca_order("ob-2", -1))
        await d.broker.place(alpaca_order("ob-3", -1, short=10))
        await d.broker.place(alpaca_order("ob-4", -1, short=10))
        asked = [one for one in d.server.requests if one.path.startswith("/v2/assets")]
        assert len(asked) == 1
