"""Alpaca as a broker: the real SDK against a server of its protocol on loopback."""

import json
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from tests.integration.alpaca_desk import again, desk, order
from tests.loopback.alpaca import ENVIRON
from tests.loopback.exchange import Placed

from openbell.core.errors import ConfigError, Rejected
from openbell.core.types import OrderStatus, OrderType, Reason, TimeInForce
from openbell.execution.factory import open_broker
from openbell.execution.port import Execution, Report

S, T, F = OrderStatus, OrderType, TimeInForce


def _has_filled(quantity: int, heard: Any) -> bool:
    return isinstance(heard, Report) and heard.filled == quantity


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
        assert [(e.quantity, e.price) for e in told] == [
            (Decimal(4), Decimal(98)),
            (Decimal(6), Decimal("98.5")),
        ]


async def test_numbers_leave_as_exact_text_and_every_kind_of_order_has_its_words():
    sent = {
        "l": order("l", kind=T.LIMIT, limit="99.10", tif=F.GTC, extended_hours=True),
        "s": order("s", kind=T.STOP_LIMIT, stop="101.05", limit="102"),
        "t": order("t", kind=T.TRAILING_STOP, trail="0.05", trail_percent=True, tif=F.GTC),
        "n": order("n", notional="25.50", quantity=0),
        "f": order("f", quantity="0.123456789"),
    }
    async with desk() as d:
        for one in sent.values():
            await d.broker.place(one)
        bodies = [json.loads(r.body) for r in d.server.requests if r.method == "POST"]
    common = {"symbol": "A", "side": "buy", "time_in_force": "day"}
    assert bodies == [
        common | {"client_order_id": "l", "type": "limit", "qty": "10", "limit_price": "99.1",
                  "time_in_force": "gtc", "extended_hours": True},
        common | {"client_order_id": "s", "type": "stop_limit", "qty": "10", "stop_price": "101.05",
                  "limit_price": "102"},
        common | {"client_order_id": "t", "type": "trailing_stop", "qty": "10", "trail_percent": "5",
                  "time_in_force": "gtc"},
        common | {"client_order_id": "n", "type": "market", "notional": "25.5"},
        common | {"client_order_id": "f", "type": "market", "qty": "0.123456789"},
    ]  # fmt: skip


async def test_what_a_suffix_does_not_name_is_an_order_of_its_own():
    async with desk() as d:
        await d.broker.place(order("ob-tp", kind=T.LIMIT, limit=90))
        assert (await again(d).find("ob-tp")).client_id == "ob-tp"
        await d.broker.place(order("ob", kind=T.LIMIT, limit=90))
        assert await d.broker.find("ob-sl") is None


async def test_an_order_is_found_by_its_id_and_one_that_never_came_is_not():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90))
        found = await d.broker.find("ob-1")
        assert (found.client_id, found.status, found.quantity) == ("ob-1", S.ACCEPTED, 10)
        assert await d.broker.find("ob-2") is None
        assert await d.broker.find("ob-2-sl") is None
        assert [one.client_id for one in await d.broker.working()] == ["ob-1"]


async def test_a_cancel_is_a_request_and_one_that_comes_too_late_is_refused():
    async with desk() as d:
        d.x.slow_cancels = True
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90))
        await d.broker.cancel("ob-1")
        assert (await d.broker.find("ob-1")).status is S.ACCEPTED
        d.x.settle_cancels()
        assert (await d.ear.until_status("ob-1", S.CANCELLED)).reason is Reason.ASKED
        await d.broker.place(order("ob-2"))
        await d.ear.until_status("ob-2", S.FILLED)
        with pytest.raises(Rejected, match='already in "filled" state'):
            await d.broker.cancel("ob-2")
        with pytest.raises(Rejected, match="there is no order ob-3"):
            await d.broker.cancel("ob-3")


async def test_all_orders_are_cancelled_by_one_request():
    async with desk() as d:
        for number in range(3):
            await d.broker.place(order(f"ob-{number}", kind=T.LIMIT, limit=90))
        await d.broker.cancel_all()
        for number in range(3):
            await d.ear.until_status(f"ob-{number}", S.CANCELLED)
        assert [r.path for r in d.server.requests if r.method == "DELETE"] == ["/v2/orders"]


async def test_a_restarted_adapter_knows_a_brackets_exits_by_their_names():
    async with desk() as d:
        await d.broker.place(order("ob-1", tif=F.GTC, take_profit=110, stop_loss=90))
        await d.ear.until_status("ob-1-sl", S.ACCEPTED)
        fresh = again(d)
        working = {one.client_id: one.status for one in await fresh.working()}
        assert working == {"ob-1-tp": S.ACCEPTED, "ob-1-sl": S.ACCEPTED}
        assert (await fresh.find("ob-1-sl")).client_id == "ob-1-sl"
        await fresh.close()
        other = again(d)
        await other.cancel("ob-1-tp")
        await d.ear.until_status("ob-1-tp", S.CANCELLED)
        await other.close()


async def test_a_restarted_adapter_names_the_fills_of_exits():
    async with desk() as d:
        await d.broker.place(order("ob-1", tif=F.GTC, take_profit=110, stop_loss=90))
        d.x.trade("A", 112)
        await d.ear.until_status("ob-1-tp", S.FILLED)
        fresh = again(d)
        assert [one.client_id for one in await fresh.executions(0)] == ["ob-1", "ob-1-tp"]
        await fresh.close()
        assert d.ear.fills == [("ob-1", 10, 100), ("ob-1-tp", 10, 112)]


async def test_a_replacement_counts_what_the_order_before_it_filled():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=99, tif=F.GTC))
        d.x.trade("A", 99, 4)
        await d.ear.until_status("ob-1", S.PARTIALLY_FILLED)
        made = await d.broker.replace("ob-1", order("ob-2", kind=T.LIMIT, limit=98, tif=F.GTC))
        assert (made.replaces, made.quantity, made.filled) == ("ob-1", 10, 4)
        assert (await d.ear.until_status("ob-1", S.CANCELLED)).reason is Reason.REPLACED
        d.x.trade("A", 98)
        done = await d.ear.until_status("ob-2", S.FILLED)
        assert (done.filled, done.quantity, done.average) == (10, 10, Decimal("98.4"))
        fresh = again(d)
        found = await fresh.find("ob-2")
        assert (found.filled, found.replaces, found.average) == (10, "ob-1", Decimal("98.4"))
        await fresh.close()
        assert d.x.positions["A"] == 10


async def test_a_replacement_that_would_fill_too_much_is_cancelled():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=99, tif=F.GTC))
        d.server.before_change = lambda: d.x.trade("A", 99, 4)
        await d.broker.replace("ob-1", order("ob-2", kind=T.LIMIT, limit=98, tif=F.GTC))
        await d.ear.until_status("ob-2", S.CANCELLED)
        assert d.x.positions["A"] == 4


async def test_nothing_is_left_to_replace_in_an_order_that_has_filled_as_much():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=99, tif=F.GTC))
        d.x.trade("A", 99, 4)
        with pytest.raises(Rejected, match="has filled 4; nothing is left"):
            await d.broker.replace("ob-1", order("ob-2", kind=T.LIMIT, limit=98, quantity=4, tif=F.GTC))


async def test_an_exits_price_is_replaced_without_its_quantity():
    async with desk() as d:
        await d.broker.place(order("ob-1", tif=F.GTC, take_profit=110, stop_loss=90))
        await d.ear.until_status("ob-1-tp", S.ACCEPTED)
        await d.broker.replace("ob-1-tp", order("ob-2", -1, kind=T.LIMIT, limit=105, tif=F.GTC))
        (sent,) = [json.loads(r.body) for r in d.server.requests if r.method == "PATCH"]
        assert sent == {"client_order_id": "ob-2", "limit_price": "105"}
        d.x.trade("A", 105)
        assert (await d.ear.until_status("ob-2", S.FILLED)).replaces == "ob-1-tp"
        await d.ear.until_status("ob-1-sl", S.CANCELLED)


async def test_what_alpaca_forbids_is_refused_in_its_words():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90))
        with pytest.raises(Rejected, match="potential wash trade"):
            await d.broker.place(order("ob-2", -1))
        with pytest.raises(Rejected, match="insufficient buying power"):
            await d.broker.place(order("ob-3", quantity=1_000_000))
        await d.broker.cancel("ob-1")
        await d.broker.place(order("ob-4"))
        with pytest.raises(Rejected, match=r"insufficient qty available.*requested: 15, available: 10"):
            await d.broker.place(order("ob-5", -1, quantity=15))


async def test_an_order_placed_by_hand_is_reported_under_its_own_id():
    async with desk() as d:
        d.x.place(Placed("by hand", "A", 1, T.LIMIT, F.GTC, Decimal(3), limit=Decimal(90)))
        assert (await d.ear.until_status("by hand", S.ACCEPTED)).quantity == 3


async def test_a_short_position_is_negative_and_a_block_is_named():
    async with desk() as d:
        await d.broker.place(order("ob-1", -1))
        await d.ear.until_status("ob-1", S.FILLED)
        assert await d.broker.holdings() == [("A", -10, 100)]
        d.server.blocked = {"trading_blocked": True, "status": "ACCOUNT_UPDATED"}
        assert (await d.broker.balance()).blocked == "trading_blocked, status ACCOUNT_UPDATED"


async def test_many_fills_come_page_by_page_in_their_order():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=99, quantity=250, tif=F.GTC))
        for number in range(250):
            d.x.trade("A", 99, 1)
            if number % 7 == 0:
                d.x.advance(1_000_000)
        await d.ear.until_status("ob-1", S.FILLED)
        found = await d.broker.executions(0)
        assert [one.id for one in found] == [h.id for h in d.ear.heard if isinstance(h, Execution)]
        assert len(found) == 250
        pages = [r for r in d.server.requests if r.path.endswith("/FILL")]
        assert len(pages) == 3
        late = await d.broker.executions(d.x.fills[-1].time + 1_000_000_001)
        assert late == []


async def test_live_is_another_host_and_only_when_it_is_told():
    paper = open_broker("alpaca", {}, ENVIRON)
    live = open_broker("alpaca", {"paper": False}, ENVIRON)
    hosts = [broker._requests._url for broker in (paper, live)]  # type: ignore[attr-defined]  # no request goes out
    assert hosts == ["https://paper-api.alpaca.markets", "https://api.alpaca.markets"]
    for broker in (paper, live):
        await broker.close()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"timeout": 0}, "timeout=0 must be a positive number"),
        ({"rate": float("inf")}, "rate=inf must be a positive number"),
        ({"silence": True}, "silence=True must be a positive number"),
        ({"paper": "no"}, "paper='no' must be true or false"),
    ],
)
def test_a_wrong_option_is_refused(options, says):
    with pytest.raises(ConfigError, match=says):
        open_broker("alpaca", options, ENVIRON)


async def test_a_restarted_adapter_counts_over_a_chain_of_replacements():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=99, tif=F.GTC))
        fields: Any = {"kind": T.LIMIT, "limit": 99, "tif": F.GTC}
        for number in (1, 2, 3):
            d.x.trade("A", 99, 1)
            d.x.lines["A"].size = Decimal(0)
            await d.ear.until(partial(_has_filled, number))
            await d.broker.replace(f"ob-{number}", order(f"ob-{number + 1}", **fields))
        fresh = again(d)
        found = await fresh.find("ob-4")
        assert (found.filled, found.quantity, found.replaces) == (3, 10, "ob-3")
        assert {one.client_id for one in await fresh.executions(0)} == {"ob-1", "ob-2", "ob-3"}
        await fresh.close()


async def test_more_orders_than_a_page_holds_are_all_found():
    async with desk() as d:
        for number in range(620):
            d.x.place(Placed(f"o{number}", "A", 1, T.LIMIT, F.GTC, Decimal(1), limit=Decimal(90)))
            d.x.advance(1_000)
        found = await d.broker.working()
        assert [one.client_id for one in found] == [f"o{number}" for number in range(620)]


async def test_an_order_of_another_life_is_replaced_and_cancelled_by_its_id():
    async with desk() as d:
        await d.broker.place(order("ob-1", kind=T.LIMIT, limit=90, tif=F.GTC))
        fresh = again(d)
        await fresh.replace("ob-1", order("ob-2", kind=T.LIMIT, limit=91, tif=F.GTC))
        other = again(d)
        await other.cancel("ob-2")
        await d.ear.until_status("ob-2", S.CANCELLED)
        replaced, cancelled = d.x.orders.values()
        assert [one.limit for one in (replaced, cancelled)] == [90, 91]
        assert replaced.replaced_by == cancelled.id
        assert (cancelled.client_id, cancelled.status) == ("ob-2", S.CANCELLED)
        for broker in (fresh, other):
            await broker.close()


async def test_a_pair_that_another_life_placed_keeps_its_names():
    async with desk() as d:
        await d.broker.place(order("ob-1", tif=F.GTC))
        pair = order("ob-2", -1, kind=T.LIMIT, limit=110, stop_loss=90, reduce_only=True, tif=F.GTC)
        await d.broker.place(pair)
        fresh = again(d)
        assert {one.client_id for one in await fresh.working()} == {"ob-2", "ob-2-sl"}
        await fresh.close()
