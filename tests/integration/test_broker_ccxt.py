"""Crypto exchanges as brokers: ccxt and ccxt.pro against a server of Binance's protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from tests.loopback import binance
from tests.loopback.binance import BinanceServer, Mishap, double
from tests.loopback.book import Placed
from tests.loopback.cases import assert_unlogged
from tests.loopback.ear import Ear
from tests.loopback.ear import order as any_order
from tests.loopback.exchange import Exchange
from tests.loopback.server import Fault

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.core.types import Instrument, OrderStatus, Reason, TimeInForce
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers.ccxt import KEY, SECRET, CcxtBroker
from openbell.execution.factory import open_broker
from openbell.execution.port import Execution, Holding

S = OrderStatus
SECRETS = {KEY: binance.KEY, SECRET: binance.SECRET}
SYMBOL = "BTC/USDT"
NOON = 1_720_000_800_000_000_000


def order(client_id: str, **fields: Any) -> ApprovedOrder:
    return any_order(client_id, SYMBOL, **{"quantity": "0.5", **fields})


def is_fill(heard: object) -> bool:
    return isinstance(heard, Execution)


class Scene(NamedTuple):
    x: Exchange
    server: BinanceServer
    broker: CcxtBroker
    ear: Ear


@asynccontextmanager
async def trading(*, muddle: Any = list, streams: bool = True, **options: Any) -> AsyncIterator[Scene]:
    """Trade at 100, with a broker that is connected and listened to; at the end the books must agree."""
    x = Exchange(
        [Instrument(SYMBOL, lot=0.0001)], unique="working", fee=Decimal("0.01"), short=False, time=NOON
    )
    x.trade(SYMBOL, 100)
    async with BinanceServer(x, muddle=muddle) as server:
        broker = CcxtBroker(SECRETS, **{"symbols": [SYMBOL], "urls": server.urls, **options})
        if not streams:
            broker._watch._streams = False
        await broker.connect()
        try:
            async with Ear(broker) as ear:
                if streams:
                    await server.streaming.wait()
                yield Scene(x, server, broker, ear)
        finally:
            await broker.close()
    assert x.audit() == []


# --- what it can do ---------------------------------------------------------------------------------------


def test_capabilities_are_the_exchanges() -> None:
    can = CcxtBroker(SECRETS, symbols=[SYMBOL]).capabilities
    assert sorted(can.types) == ["limit", "market", "stop", "stop_limit"]
    assert sorted(can.tifs) == ["fok", "gtc", "ioc"]
    assert (can.id_length, can.unique_ids, can.replace, can.short, can.bracket) == (
        36,
        False,
        False,
        False,
        False,
    )
    other = CcxtBroker(SECRETS, exchange="bybit", symbols=[SYMBOL]).capabilities
    assert sorted(other.types) == ["limit", "market"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"symbols": []}, "symbols are needed"),
        ({"symbols": ["BTC/USDT", "ETH/USDC"]}, "priced in USDC, USDT; give currency"),
        ({"exchange": "binanse"}, "did you mean 'binance'"),
        ({"exchange": "kraken"}, "kraken has no sandbox; say live: true"),
        ({"exchange": "kraken", "live": True}, "not known that kraken takes client order ids"),
        ({"exchange": "bydfi", "live": True, "id_length": 36}, "bydfi has no cancelOrder; choose another"),
    ],
)
def test_what_cannot_trade_is_said_at_the_start(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CcxtBroker(SECRETS, **{"symbols": [SYMBOL], **options})


def test_the_sandbox_is_used_unless_live_is_meant() -> None:
    paper, live = (CcxtBroker(SECRETS, symbols=[SYMBOL], live=live) for live in (False, True))
    assert paper._ccxt.urls["api"]["private"] == "https://testnet.binance.vision/api/v3"
    assert live._ccxt.urls["api"]["private"] == "https://api.binance.com/api/v3"
    assert not live._ccxt.enableRateLimit


def test_the_factory_asks_for_the_keys() -> None:
    with pytest.raises(ConfigError, match="needs the environment variable CCXT_SECRET"):
        open_broker("ccxt", {"symbols": [SYMBOL]}, {KEY: "x"})


# --- the account ------------------------------------------------------------------------------------------


async def test_the_account_is_told_as_the_exchange_has_it() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a"))
        await scene.broker.place(order("b", limit=90, quantity=1))
        scene.x.trade(SYMBOL, 110)
        assert await scene.broker.now() == NOON
        balance = await scene.broker.balance()
        assert (balance.cash, balance.equity, balance.buying_power, balance.currency) == (
            Decimal("99949.995"), Decimal("100004.995"), Decimal("99859.995"), "USDT",
        )  # fmt: skip
        assert await scene.broker.holdings() == [Holding(SYMBOL, Decimal("0.5"), Decimal(0))]


async def test_a_refused_key_and_an_unknown_symbol_end_the_start(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    x = Exchange([Instrument(SYMBOL)])
    async with BinanceServer(x) as server:
        wrong = CcxtBroker({**SECRETS, SECRET: "canary-5f1e+7/d2"}, symbols=[SYMBOL], urls=server.urls)
        with pytest.raises(ConfigError, match="the key is refused") as caught:
            await wrong.connect()
        assert "canary" not in str(caught.value)
        await wrong.close()
        other = CcxtBroker(SECRETS, symbols=["BTC/USDX"], urls=server.urls)
        with pytest.raises(ConfigError, match="no symbol 'BTC/USDX'; did you mean 'BTC/USDT'"):
            await other.connect()
        await other.close()
    assert_unlogged(caplog)
    assert not any(binance.SECRET in record.getMessage() for record in caplog.records)


async def test_the_identity_names_the_exchange_and_hides_the_key() -> None:
    async with trading() as scene:
        again = CcxtBroker(SECRETS, symbols=[SYMBOL], urls=scene.server.urls)
        identity = await again.connect()
        await again.close()
        assert identity.startswith("ccxt:binance:paper:")
        assert binance.KEY not in identity


# --- orders -----------------------------------------------------------------------------------------------


async def test_an_order_lives_from_its_placing_to_its_fill() -> None:
    async with trading() as scene:
        placed = await scene.broker.place(order("a", limit="99.5"))
        assert (placed.client_id, placed.broker_id, placed.status) == ("a", "1", S.ACCEPTED)
        assert [one.client_id for one in await scene.broker.working()] == ["a"]
        scene.x.trade(SYMBOL, "99.5", Decimal("0.2"))
        scene.x.trade(SYMBOL, 99, Decimal("0.3"))
        done = await scene.ear.until_status("a", S.FILLED)
        assert (done.filled, done.average) == (Decimal("0.5"), Decimal("99.2"))
        fills = await scene.ear.until(is_fill, count=2)
        assert [(f.quantity, f.price, f.fee, f.client_id) for f in fills if isinstance(f, Execution)] == [
            (Decimal("0.2"), Decimal("99.5"), Decimal("0.002"), "a"),
            (Decimal("0.3"), Decimal(99), Decimal("0.003"), "a"),
        ]
        assert await scene.broker.executions(NOON) == fills


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"quantity": "0.00005"}, "less than the market's least"),
        ({"quantity": "9001"}, "more than the market's most, 9000"),
        ({"limit": 10}, "its cost of 5.0 is less than the market's least, 10"),
        ({"limit": "99.001"}, "price 99.001 of BTC/USDT is not on the market's grid"),
        ({"stop": "101.001"}, "price 101.001 of BTC/USDT is not on the market's grid"),
        ({"quantity": "0.50001"}, "amount 0.50001 of BTC/USDT is not on the market's grid"),
        ({"tif": TimeInForce.DAY}, "no market orders that are day"),
        ({"trail": 5}, "no trailing_stop orders"),
        ({"stop_loss": 90}, "orders with exits"),
        ({"notional": 100, "side": -1}, "must be a market buy"),
    ],
)
async def test_what_the_exchange_would_refuse_is_not_sent(fields: dict[str, Any], said: str) -> None:
    async with trading() as scene:
        with pytest.raises(Rejected, match=said):
            await scene.broker.place(order("a", **fields))
        assert scene.x.orders == {}


async def test_an_unknown_symbol_and_a_long_client_id_are_not_sent() -> None:
    async with trading() as scene:
        with pytest.raises(Rejected, match="there is no symbol DOGE/USDT"):
            await scene.broker.place(any_order("a", "DOGE/USDT"))
        with pytest.raises(Rejected, match="has 37 characters, and 36 is the most"):
            await scene.broker.place(order("x" * 37))
        with pytest.raises(Rejected, match="cannot become b in place"):
            await scene.broker.replace("a", order("b"))


async def test_an_order_for_an_amount_of_money_buys_what_it_gets() -> None:
    async with trading() as scene:
        report = await scene.broker.place(order("a", notional=50))
        assert (report.status, report.filled) == (S.FILLED, Decimal("0.5"))


async def test_a_market_buy_is_sent_with_a_price_where_the_exchange_wants_one() -> None:
    async with trading() as scene:
        scene.broker._ccxt.features["spot"]["createOrder"]["marketBuyRequiresPrice"] = True
        await scene.broker.place(order("a"))
        sent = [one for one in scene.server.requests if one.method == "POST"][-1]
        assert b"quoteOrderQty=50" in sent.body


async def test_immediate_orders_end_by_their_own_rule() -> None:
    async with trading() as scene:
        report = await scene.broker.place(order("a", limit=90, tif=TimeInForce.IOC))
        assert (report.status, report.reason) == (S.CANCELLED, Reason.NOT_IMMEDIATE)


async def test_cancels_are_asked_for() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=90))
        await scene.broker.place(order("b", limit=91))
        await scene.broker.cancel("a")
        assert (await scene.ear.until_status("a", S.CANCELLED)).reason is Reason.ASKED
        with pytest.raises(Rejected, match="order x1 is cancelled"):
            await scene.broker.cancel("a")
        with pytest.raises(Rejected, match="there is no order never"):
            await scene.broker.cancel("never")
        await scene.broker.cancel_all()
        await scene.ear.until_status("b", S.CANCELLED)
        assert scene.x.working() == []


async def test_a_later_life_finds_orders_and_names_fills() -> None:
    async with trading() as scene:
        await scene.broker.place(order("a", limit=99))
        await scene.broker.place(order("b", limit=90))
        scene.x.trade(SYMBOL, 99)
        again = CcxtBroker(SECRETS, symbols=[SYMBOL], urls=scene.server.urls)
        await again.connect()
        assert [fill.client_id for fill in await again.executions(0)] == ["a"]
        found = await again.find("b")
        assert found is not None
        assert found.status is S.ACCEPTED
        assert await again.find("never") is None
        await again.cancel("b")
        await again.close()
        assert scene.x.working() == []


async def test_fills_come_page_by_page() -> None:
    async with trading() as scene:
        scene.broker._ccxt.features["spot"]["fetchMyTrades"]["limit"] = 3
        for number in range(7):
            scene.x.advance(1_000_000)
            await scene.broker.place(order(f"o{number}"))
        assert [fill.client_id for fill in await scene.broker.executions(0)] == [f"o{n}" for n in range(7)]


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
        await scene.ear.until(is_fill)


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
