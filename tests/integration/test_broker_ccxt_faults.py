"""What goes wrong between a crypto exchange and us: nothing is lost, nothing is doubled."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from tests.loopback import binance
from tests.loopback.binance import BinanceServer, Mishap, double
from tests.loopback.binance_scene import SECRETS, SYMBOL, is_fill, order, trading
from tests.loopback.book import Placed
from tests.loopback.ear import Ear
from tests.loopback.exchange import Exchange
from tests.loopback.server import Fault

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.core.types import Instrument, OrderStatus, TimeInForce
from openbell.execution.brokers import ccxt_stream
from openbell.execution.brokers.ccxt import CcxtBroker
from openbell.execution.port import Execution, Report

S = OrderStatus


# --- what goes wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mishap", "arrives"), [("lost", False), ("unanswered", True), ("garbled", True)])
async def test_an_order_without_an_answer_is_asked_for(mishap: Mishap, arrives: bool) -> None:
    async with trading() as scene:
        scene.server.mishaps = [mishap]
        with pytest.raises(Retryable):
            await scene.broker.place(order("a", limit=90))
        found = await scene.broker.find("a")
        assert (found is not None) is arrives
        assert len(scene.x.orders) == arrives


@pytest.mark.parametrize(
    ("fault", "error", "after"),
    [
        (Fault(429, b"{}", {"Retry-After": "3"}), Retryable, 3.0),
        (Fault(418, b"{}"), Retryable, None),
        (Fault(500, b"{}"), Retryable, None),
        (Fault(503, b"<html>down</html>"), Retryable, None),
        (Fault(200, b"{", truncated=True), Retryable, None),
        (Fault(401, b'{"code": -2015, "msg": "key"}'), ConfigError, None),
        (Fault(403, b"{}"), ConfigError, None),
        (Fault(400, b'{"code": -2010, "msg": "Account has insufficient balance"}'), Rejected, None),
        (Fault(400, b'{"code": -1013, "msg": "Filter failure: LOT_SIZE"}'), Rejected, None),
        (Fault(400, b'{"code": -1007, "msg": "Timeout waiting for response"}'), Retryable, None),
        (Fault(200, b"<html>log in</html>"), Retryable, None),
    ],
)
async def test_answers_to_an_order_say_what_must_happen_next(
    fault: Fault, error: type[Exception], after: float | None
) -> None:
    async with trading(sweep=600.0) as scene:
        scene.server.fail(fault)
        with pytest.raises(error) as caught:
            await scene.broker.place(order("a", limit=90))
        assert "\n" not in str(caught.value)
        assert binance.KEY not in str(caught.value)
        assert "signature=" not in str(caught.value)
        assert getattr(caught.value, "after", None) == after


async def test_an_answer_to_a_read_that_is_no_json_is_bad_data() -> None:
    async with trading(sweep=600.0) as scene:
        scene.server.fail(Fault(200, b"<html>log in</html>"))
        with pytest.raises(BadData):
            await scene.broker.working()


async def test_an_order_is_refused_for_want_of_money() -> None:
    async with trading() as scene:
        with pytest.raises(Rejected, match="insufficient"):
            await scene.broker.place(order("a", quantity=5000))
        assert await scene.broker.find("a") is None


async def test_events_that_come_twice_are_told_once() -> None:
    async with trading(muddle=double) as scene:
        await scene.broker.place(order("a", limit=99))
        scene.x.trade(SYMBOL, 99)
        await scene.ear.until_status("a", S.FILLED)
        await scene.ear.until(is_fill)
        await scene.broker.place(order("b"))
        await scene.ear.until(is_fill, count=2)
        assert [fill.client_id for fill in scene.ear.fills] == ["a", "b"]


async def test_events_that_are_lost_are_found_by_looking() -> None:
    async with trading(muddle=lambda _: [], sweep=0.1) as scene:
        await scene.broker.place(order("a", limit=99))
        await scene.broker.place(order("b", limit=90))
        scene.x.trade(SYMBOL, 99)
        scene.server.fail(Fault(503, b"down", times=3))
        await scene.ear.until_status("a", S.FILLED)
        await scene.ear.until(is_fill)
        scene.x.cancel("x2")
        await scene.ear.until_status("b", S.CANCELLED)


async def test_an_account_without_a_stream_is_looked_at() -> None:
    async with trading(streams=False, poll=0.05) as scene:
        await scene.broker.place(order("a", limit=99))
        scene.x.trade(SYMBOL, 99)
        await scene.ear.until_status("a", S.FILLED)
        assert [fill.quantity for fill in scene.ear.fills] == [Decimal("0.5")]
        scene.server.fail(Fault(503, b"down", times=200))
        await scene.ear.until_link(up=False)
        scene.server._faults.clear()
        await scene.ear.until_link(up=True)


async def test_a_stream_that_drops_comes_back() -> None:
    async with trading(poll=600.0, sweep=600.0) as scene:
        scene.server.deaf = True
        await scene.server.drop()
        await scene.ear.until_link(up=False)
        scene.server.deaf = False
        await scene.ear.until_link(up=True)
        await scene.broker.place(order("a"))
        (fill,) = await scene.ear.until(is_fill)
        assert isinstance(fill, Execution)
        assert (fill.client_id, fill.quantity) == ("a", Decimal("0.5"))  # no look at the account is due


async def test_a_mute_stream_is_noticed() -> None:
    async with trading(keep_alive=0.1, poll=600.0, sweep=600.0) as scene:
        scene.server.mute = True
        scene.x.place(  # wakes the server's reader, which then answers no ping
            Placed(
                "", SYMBOL, 1, order("x", limit=90).type, TimeInForce.GTC, Decimal("0.5"), limit=Decimal(90)
            )
        )
        link = await scene.ear.until_link(up=False)
        assert "stream of" in link.why


async def test_a_key_that_is_withdrawn_ends_the_events() -> None:
    async with trading(sweep=0.05) as scene:
        scene.server.fail(Fault(401, b"{}", times=50))
        error = await scene.ear.until_error()
        assert isinstance(error, ConfigError)


async def test_orders_of_others_are_seen() -> None:
    async with trading() as scene:
        scene.x.place(
            Placed(
                "web_1", SYMBOL, 1, order("x", limit=90).type, TimeInForce.GTC, Decimal(1), limit=Decimal(90)
            )
        )
        report = await scene.ear.until_status("web_1", S.ACCEPTED)
        assert report.quantity == 1


async def test_an_order_that_has_gone_does_not_keep_others_from_being_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        await scene.broker.place(order("b", limit=91))
        listed = await scene.broker.working()
        scene.x.cancel("x1")

        async def working() -> Sequence[Report]:
            return listed

        monkeypatch.setattr(scene.broker, "working", working)
        await scene.broker.cancel_all()
        assert scene.x.working() == []
        monkeypatch.undo()
        await scene.broker.place(order("c", limit=91))

        async def working_once_more() -> Sequence[Report]:
            scene.server.fail(Fault(500, b"{}"))
            return listed

        monkeypatch.setattr(scene.broker, "working", working_once_more)
        with pytest.raises(Retryable):
            await scene.broker.cancel_all()


async def test_an_answer_that_fails_is_no_answer_to_whether_an_order_exists() -> None:
    async with trading(sweep=600.0) as scene:
        scene.server.fail(Fault(500, b"{}"))
        with pytest.raises(Retryable):
            await scene.broker.find("a")


async def test_an_account_that_cannot_be_looked_at_at_first_is_looked_at_later() -> None:
    x = Exchange([Instrument(SYMBOL, lot=0.0001)])
    x.trade(SYMBOL, 100)
    async with BinanceServer(x) as server:
        broker = CcxtBroker(SECRETS, symbols=[SYMBOL], urls=server.urls, poll=0.05, sweep=0.05)
        await broker.connect()
        server.fail(Fault(503, b"down", times=3))
        async with Ear(broker) as ear:
            await server.streaming.wait()
            server.fail(Fault(503, b"down", times=2))
            report = await broker_places(broker)
            await ear.until_status(report.client_id, S.FILLED)
        await broker.close()
    assert x.audit() == []


async def broker_places(broker: CcxtBroker) -> Report:
    """Place an order as soon as the server is well."""
    while True:
        try:
            return await broker.place(order("a"))
        except Retryable:
            if (found := await find(broker)) is not None:
                return found


async def find(broker: CcxtBroker) -> Report | None:
    try:
        return await broker.find("a")
    except Retryable:
        return None


async def test_what_was_told_is_remembered_for_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccxt_stream, "_KEPT", 2)
    async with trading(sweep=0.05) as scene:
        watch = scene.broker._watch
        watch._open.add("ghost")  # an order that the exchange does not know
        await watch._look(0)
        for name in ("a", "b", "c"):
            await scene.broker.place(order(name, limit=90))
            await scene.ear.until_status(name, S.ACCEPTED)
        assert len(watch._seen) == 2
        row = {"id": "1", "symbol": SYMBOL, "side": "buy", "amount": 0.5, "filled": 0.0, "status": "open"}
        assert scene.broker.read_order(row).client_id == "a"
        unnamed = scene.broker.read_order({**row, "id": "99"})
        watch.note(unnamed)
        assert "" not in watch._open


async def test_an_exchange_that_does_not_tell_its_time_has_ours() -> None:
    async with trading() as scene:
        scene.broker._ccxt.has["fetchTime"] = False
        assert await scene.broker.now() > 1_700_000_000_000_000_000
