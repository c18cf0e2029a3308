"""Interactive Brokers as a broker: ib_async's client against a TWS that trades on the loopback exchange."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from tests.loopback import tws_frames as frames
from tests.loopback.book import Placed
from tests.loopback.ear import order as any_order
from tests.loopback.exchange import Exchange
from tests.loopback.tws_broker import PLACE, TwsBroker
from tests.loopback.tws_scene import NOON, order, trading

from openbell.core.errors import ConfigError, Rejected, Retryable
from openbell.core.types import NANOS_PER_SECOND, Instrument, OrderStatus, Reason, TimeInForce
from openbell.execution.brokers.ib import IbBroker
from openbell.execution.port import Execution, Foreign, Holding

S = OrderStatus


# --- the account ------------------------------------------------------------------------------------------


async def test_the_account_is_told_as_the_broker_has_it() -> None:
    async with trading() as scene:
        assert await scene.broker.connect() == "ib:paper:DU1"
        assert 0 <= await scene.broker.now() - NOON < NANOS_PER_SECOND
        await scene.broker.place(order("a"))
        await scene.broker.place(any_order("b", "BRK.B", quantity=2))
        await scene.ear.until_status("b", S.FILLED)
        balance = await scene.broker.balance()
        assert balance[1:] == (
            Decimal("98199.88"), Decimal("99999.88"), Decimal("98199.88"), "USD", "", 0, (),
        )  # fmt: skip
        assert await scene.broker.holdings() == [
            Holding("AAPL", Decimal(10), Decimal(100)),
            Holding("BRK.B", Decimal(2), Decimal(400)),
        ]


async def test_cash_in_other_currencies_is_told_with_its_rate_and_moves_no_cash() -> None:
    async with trading() as scene:
        before = await scene.broker.balance()
        scene.tws.foreign = {"EUR": (Decimal(2000), Decimal("1.08")), "CHF": (Decimal(0), Decimal("1.1"))}
        for rate in (Decimal("1.08"), Decimal("1.12")):
            scene.tws.foreign["EUR"] = Decimal(2000), rate
            balance = await scene.broker.balance()
            assert balance.foreign == (Foreign("EUR", Decimal(2000), rate),)
            assert (balance.cash, balance.currency) == (before.cash, "USD")
            assert balance.equity == before.equity + 2000 * rate


async def test_an_account_without_cash_of_its_own_currency_has_none() -> None:
    rows = [("TotalCashValue", "108", "USD"), ("NetLiquidation", "108", "USD"), ("BuyingPower", "108", "USD")]
    ledger = [("TotalCashBalance", "108", "BASE"), ("TotalCashBalance", "100", "EUR")]
    async with trading() as scene:
        told = [*rows, *ledger, ("ExchangeRate", "1.08", "EUR")]

        async def answer(client: Any, fields: list[str]) -> None:
            for row in told:
                await client.send(63, 1, fields[2], "DU1", *row)
            await client.send(64, 1, fields[2])

        scene.tws.answers[62] = answer
        balance = await scene.broker.balance()
        assert [*map(float, (balance.cash, balance.equity, balance.foreign[0].cash))] == [0, 108, 100]
        told = [*rows, *ledger]
        with pytest.raises(Retryable, match="balance: TWS has no rate of EUR yet"):
            await scene.broker.balance()
        told = rows  # of a TWS that keeps no ledger
        balance = await scene.broker.balance()
        assert (float(balance.cash), balance.foreign) == (108.0, ())


async def test_a_live_account_must_be_meant() -> None:
    async with TwsBroker(Exchange([Instrument("AAPL")])) as tws:
        tws.accounts = "U77"
        with pytest.raises(ConfigError, match="U77 is an account of real money; say live: true"):
            await IbBroker({}, port=tws.port).connect()
        broker = IbBroker({}, port=tws.port, live=True)
        assert await broker.connect() == "ib:live:U77"
        await broker.close()


async def test_one_of_several_accounts_must_be_named() -> None:
    async with TwsBroker(Exchange([Instrument("AAPL")])) as tws:
        tws.accounts = "DU1,DU2"
        with pytest.raises(ConfigError, match="give one of DU1, DU2"):
            await IbBroker({}, port=tws.port, client_id=5).connect()
        broker = IbBroker({}, port=tws.port, account="DU1")
        assert await broker.connect() == "ib:paper:DU1"
        await broker.close()


async def test_a_client_id_in_use_and_a_tws_that_is_not_there_are_said() -> None:
    with pytest.raises(ConfigError, match="client_id=0 must be 1 or more"):
        IbBroker({}, client_id=0)
    async with trading() as scene:
        with pytest.raises(ConfigError, match="client_id=81 is in use at"):
            await IbBroker({}, port=scene.tws.port, timeout=2.0).connect()
        port = scene.tws.port
    with pytest.raises(Retryable, match="no TWS or IB Gateway answers at"):
        await IbBroker({}, port=port).connect()


# --- orders -----------------------------------------------------------------------------------------------


async def test_an_order_lives_from_its_placing_to_its_fill() -> None:
    async with trading() as scene:
        placed = await scene.broker.place(order("a", limit=99))
        assert (placed.status, placed.symbol, placed.broker_id) == (S.ACCEPTED, "AAPL", "9000")
        assert [one.client_id for one in await scene.broker.working()] == ["a"]
        scene.x.trade("AAPL", 99, 4)
        scene.x.trade("AAPL", "98.5", 6)
        done = await scene.ear.until_status("a", S.FILLED)
        assert (done.filled, done.average) == (Decimal(10), Decimal("98.7"))
        fills = await scene.ear.until(lambda heard: isinstance(heard, Execution), count=2)
        assert [(f.quantity, f.price, f.fee) for f in fills if isinstance(f, Execution)] == [
            (Decimal(4), Decimal(99), Decimal("0.04")),
            (Decimal(6), Decimal("98.5"), Decimal("0.06")),
        ]
        assert await scene.broker.executions(NOON) == fills
        assert await scene.broker.executions(NOON + 2 * NANOS_PER_SECOND) == []
        assert await scene.broker.working() == []


async def test_an_order_is_found_by_its_client_id_in_a_later_life() -> None:
    async with trading() as scene:
        await scene.broker.place(order("open", limit=90))
        await scene.broker.place(order("done", limit=101))
        await scene.broker.close()
        again = IbBroker({}, port=scene.tws.port)
        await again.connect()
        found = [await again.find(name) for name in ("open", "done", "never")]
        assert [one and (one.status, one.filled) for one in found] == [
            (S.ACCEPTED, Decimal(0)), (S.FILLED, Decimal(10)), None,
        ]  # fmt: skip
        await again.cancel("open")
        assert scene.x.working() == []
        await again.close()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"quantity": "1.5"}, "no whole number of shares"),
        ({"quantity": 0}, "no whole number of shares"),
        ({"notional": 500}, "no amounts of money"),
        ({"stop": 90, "tif": TimeInForce.OPG}, "takes market and limit orders opg"),
        ({"tif": TimeInForce.IOC, "stop_loss": 90}, "an order with exits cannot be ioc"),
        ({"extended_hours": True}, "cannot work outside of regular hours"),
        ({"limit": 90, "tif": TimeInForce.GTD}, "good till no date"),
    ],
)
async def test_what_ib_does_not_have_is_refused_before_it_is_sent(fields: dict[str, Any], said: str) -> None:
    async with trading() as scene:
        with pytest.raises(Rejected, match=said):
            await scene.broker.place(order("a", **fields))
        assert scene.tws.of(PLACE) == []


async def test_a_client_id_that_is_too_long_is_not_sent() -> None:
    async with trading() as scene:
        with pytest.raises(Rejected, match="has 41 characters, and 40 is the most"):
            await scene.broker.place(order("x" * 41))
        await scene.broker.place(order("a", limit=90))
        with pytest.raises(Rejected, match="has 41 characters"):
            await scene.broker.replace("a", order("x" * 41, limit=91))


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({}, {frames.TYPE: "MKT", frames.TIF: "GTC", frames.ACTION: "BUY", frames.QUANTITY: "10"}),
        ({"side": -1, "limit": "110.50"}, {frames.TYPE: "LMT", frames.LIMIT: "110.5", frames.ACTION: "SELL"}),
        ({"quantity": 1000}, {frames.QUANTITY: "1000"}),
        ({"limit": 100, "extended_hours": True}, {frames.OUTSIDE: "1"}),
        ({"stop": 120, "limit": 121}, {frames.TYPE: "STP LMT", frames.AUX: "120", frames.LIMIT: "121"}),
        ({"trail": 5}, {frames.TYPE: "TRAIL", frames.AUX: "5", frames.TRAIL_PERCENT: ""}),
        ({"trail": "0.05", "trail_percent": True}, {frames.AUX: "", frames.TRAIL_PERCENT: "5"}),
        ({"tif": TimeInForce.CLS}, {frames.TYPE: "MOC", frames.TIF: "DAY"}),
        ({"tif": TimeInForce.CLS, "limit": 99}, {frames.TYPE: "LOC", frames.LIMIT: "99"}),
        ({"tif": TimeInForce.OPG}, {frames.TYPE: "MKT", frames.TIF: "OPG"}),
        (
            {"tif": TimeInForce.GTD, "limit": 90, "good_till": NOON + 60 * NANOS_PER_SECOND},
            {frames.TIF: "GTD", frames.GOOD_TILL: "20240703-10:01:00"},
        ),
    ],
)
async def test_orders_leave_in_ibs_words(fields: dict[str, Any], sent: dict[int, str]) -> None:
    async with trading() as scene:
        scene.x.is_open = False
        await scene.broker.place(order("a", **fields))
        (asked,) = scene.tws.of(PLACE)
        assert {place: asked[place] for place in sent} == sent
        assert asked[frames.REF] == "a"


async def test_a_bracket_is_transmitted_with_its_last_part() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=99, take_profit=110, stop_loss=90))
        asked = scene.tws.of(PLACE)
        number = asked[0][frames.NUMBER]
        names = (frames.REF, frames.TRANSMIT, frames.PARENT, frames.OCA, frames.ACTION)
        assert [[one[name] for name in names] for one in asked] == [
            ["a", "0", "0", "", "BUY"],
            ["a-tp", "0", number, "a-oca", "SELL"],
            ["a-sl", "1", number, "a-oca", "SELL"],
        ]
        assert {one.client_id: one.status for one in await scene.broker.working()} == {
            "a": S.ACCEPTED, "a-tp": S.HELD, "a-sl": S.HELD,
        }  # fmt: skip


async def test_a_pairs_stop_is_sent_before_its_target() -> None:
    async with trading() as scene:
        await scene.broker.place(order("e"))
        await scene.broker.place(order("p", side=-1, limit=110, stop_loss=90, reduce_only=True))
        assert [one[frames.REF] for one in scene.tws.of(PLACE)[1:]] == ["p-sl", "p"]
        scene.x.trade("AAPL", 89)
        gone = await scene.ear.until_status("p", S.CANCELLED)
        assert gone.reason is Reason.OCO
        await scene.ear.until_status("p-sl", S.FILLED)


async def test_a_pairs_stop_goes_when_its_target_is_refused() -> None:
    async with trading() as scene:
        await scene.broker.place(order("e"))
        with pytest.raises(Rejected, match="error 110"):
            await scene.broker.place(order("p", side=-1, limit="110.001", stop_loss=90, reduce_only=True))
        await scene.ear.until_status("p-sl", S.CANCELLED)
        assert scene.x.working() == []


async def test_an_entry_may_have_a_target_alone() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", take_profit=110))
        scene.x.trade("AAPL", 111)
        await scene.ear.until_status("a-tp", S.FILLED)
        assert [order.client_id for order in scene.x.orders.values()] == ["a", "a-tp"]
        assert await scene.broker.holdings() == []
        assert [fill.price for fill in scene.x.fills] == [100, 111]


async def test_a_pair_whose_stop_fills_at_once_is_refused_with_its_target() -> None:
    async with trading() as scene:
        await scene.broker.place(order("e"))
        with pytest.raises(Rejected, match="error 110"):
            await scene.broker.place(order("p", side=-1, limit="110.001", stop_loss=105, reduce_only=True))
        await scene.ear.until_status("p-sl", S.FILLED)
        assert await scene.broker.holdings() == []


# --- refusals ---------------------------------------------------------------------------------------------


async def test_a_refused_order_does_not_exist() -> None:
    async with trading() as scene:
        scene.x.refusals = ["no more of that"]
        with pytest.raises(Rejected, match=r"error 201 .*no more of that"):
            await scene.broker.place(order("a"))
        with pytest.raises(Rejected, match="error 110"):
            await scene.broker.place(order("b", limit="99.001"))
        assert await scene.broker.find("a") is None
        assert await scene.broker.working() == []


async def test_an_order_is_rejected_after_it_was_accepted() -> None:
    async with trading() as scene:
        scene.x.doomed = ["margin"]
        await scene.broker.place(order("a"))
        scene.x.strike()
        report = await scene.ear.until_status("a", S.REJECTED)
        assert (report.reason, report.said) == (
            Reason.BROKER_REFUSED, "201: Order rejected - reason:margin",
        )  # fmt: skip


async def test_a_warning_leaves_an_order_as_it_is() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        number = scene.tws.tickets[0].number
        for client in scene.tws.clients.values():
            client.put(4, 2, number, 399, "Your order will be held", "")
            client.put(4, 2, 31_337, 201, "of nobody", "")
        await scene.broker.cancel("a")
        report = await scene.ear.until_status("a", S.CANCELLED)
        assert report.reason is Reason.ASKED


async def test_a_code_that_says_nothing_for_sure_leaves_the_outcome_open() -> None:
    async with trading() as scene:
        scene.tws.mishaps = ["silent"]
        placing = asyncio.create_task(scene.broker.place(order("a", limit=90)))
        await scene.tws.wait_for(PLACE)
        for client in scene.tws.clients.values():
            client.put(4, 2, scene.tws.tickets[0].number, 9999, "odd", "")
        with pytest.raises(Retryable, match="error 9999"):
            await placing
        found = await scene.broker.find("a")
        assert found is not None
        assert found.status is S.ACCEPTED


async def test_an_exit_that_is_refused_ends_and_its_entry_stays() -> None:
    async with trading() as scene:
        scene.tws.mishaps = ["silent"]
        placing = asyncio.create_task(scene.broker.place(order("a", limit=90, stop_loss=80)))
        await scene.tws.wait_for(PLACE, count=2)
        entry, stop = scene.tws.tickets
        for client in scene.tws.clients.values():
            client.put(*frames.open_order(entry.asked, 81, entry.perm, "Submitted"))
            client.put(4, 2, stop.number, 201, "no stops today", "")
        assert (await placing).status is S.ACCEPTED
        assert (await scene.ear.until_status("a-sl", S.REJECTED)).said == "201: no stops today"


# --- changes and cancels ----------------------------------------------------------------------------------


@pytest.mark.parametrize("renames", [True, False])
async def test_a_change_takes_the_place_of_an_order(renames: bool) -> None:
    async with trading() as scene:
        scene.tws.renames = renames
        await scene.broker.place(order("a", limit=90))
        report = await scene.broker.replace("a", order("b", limit=99, quantity=12))
        assert (report.client_id, report.replaces, report.quantity) == ("b", "a", Decimal(12))
        assert (await scene.ear.until_status("a", S.CANCELLED)).reason is Reason.REPLACED
        old = await scene.broker.find("a")
        assert old is not None
        assert old.reason is Reason.REPLACED
        with pytest.raises(Rejected, match="order a does not work"):
            await scene.broker.cancel("a")
        await scene.broker.cancel("b")
        await scene.ear.until_status("b", S.CANCELLED)


async def test_a_change_that_is_refused_leaves_the_order() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        with pytest.raises(Rejected, match="error 110"):
            await scene.broker.replace("a", order("b", limit="90.001"))
        scene.x.trade("AAPL", 90, 4)
        await scene.ear.until_status("a", S.PARTIALLY_FILLED)
        with pytest.raises(Rejected, match="has filled 4, and 4 is asked"):
            await scene.broker.replace("a", order("b", limit=90, quantity=4))
        assert [(one.client_id, one.status) for one in await scene.broker.working()] == [
            ("a", S.PARTIALLY_FILLED)
        ]


async def test_a_fill_outruns_a_change() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        scene.tws.mute = True
        changing = asyncio.create_task(scene.broker.replace("a", order("b", limit=91)))
        await asyncio.sleep(0)
        scene.tws.mute = False
        scene.x.trade("AAPL", 90)
        with pytest.raises(Rejected, match="order a is filled"):
            await changing


async def test_a_cancel_is_asked_for_and_a_fill_may_win() -> None:
    async with trading() as scene:
        scene.x.slow_cancels = True
        await scene.broker.place(order("a", limit=99))
        await scene.broker.cancel("a")
        scene.x.trade("AAPL", 99, 4)
        await scene.ear.until_status("a", S.PARTIALLY_FILLED)
        scene.x.settle_cancels()
        report = await scene.ear.until_status("a", S.CANCELLED)
        assert (report.filled, report.reason) == (Decimal(4), Reason.ASKED)
        with pytest.raises(Rejected, match="order a is cancelled"):
            await scene.broker.cancel("a")
        with pytest.raises(Rejected, match="order never does not work"):
            await scene.broker.cancel("never")


async def test_all_orders_are_cancelled_by_one_request() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        await scene.broker.place(order("b", limit=91))
        await scene.broker.cancel_all()
        for name in ("a", "b"):
            assert (await scene.ear.until_status(name, S.CANCELLED)).reason is Reason.ASKED


async def test_an_order_placed_by_hand_is_seen_and_not_touched() -> None:
    async with trading() as scene:
        for name in ("", "other"):
            kind, day = order("x", limit=90).type, TimeInForce.DAY
            scene.x.place(Placed(name, "AAPL", 1, kind, day, Decimal(5), limit=Decimal(90)))
        seen = (await scene.broker.working())[0]
        assert (seen.client_id, seen.quantity, seen.status) == ("", Decimal(5), S.ACCEPTED)
        with pytest.raises(Rejected, match="order other belongs to client 0"):
            await scene.broker.cancel("other")
