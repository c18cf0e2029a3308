"""Crypto exchanges as brokers: ccxt and ccxt.pro against a server of Binance's protocol."""

from decimal import Decimal
from typing import Any

import pytest
from tests.loopback import binance
from tests.loopback.binance import BinanceServer
from tests.loopback.binance_scene import NOON, SECRETS, SYMBOL, is_fill, order, trading
from tests.loopback.cases import assert_unlogged
from tests.loopback.ear import order as any_order
from tests.loopback.exchange import Exchange

from openbell.core.errors import ConfigError, Rejected
from openbell.core.types import Instrument, OrderStatus, Reason, TimeInForce
from openbell.execution.brokers.ccxt import KEY, SECRET, CcxtBroker
from openbell.execution.factory import open_broker
from openbell.execution.port import Execution, Holding

S = OrderStatus

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
    silent = CcxtBroker(SECRETS, exchange="btcmarkets", symbols=["BTC/AUD"], live=True, id_length=36)
    assert not silent._watch._streams


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
