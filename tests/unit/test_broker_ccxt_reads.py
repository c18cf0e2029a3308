"""What ccxt's orders and fills mean, for exchanges of all kinds."""

from decimal import Decimal
from typing import Any

import pytest

from openbell.core.types import OrderStatus, Reason
from openbell.execution.brokers import ccxt_reads
from openbell.execution.brokers.ccxt_orders import exact, read_execution, read_report
from openbell.execution.brokers.ccxt_reads import Names, fetch_trades, find_row

S = OrderStatus
ROW = {
    "id": "7", "clientOrderId": "a", "symbol": "BTC/USDT", "side": "sell", "amount": 2.0, "filled": 0.0,
    "status": "open", "timestamp": 1_700_000_000_000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "status", "filled", "reason"),
    [
        ({}, S.ACCEPTED, 0, Reason.NONE),
        ({"status": None}, S.ACCEPTED, 0, Reason.NONE),
        ({"filled": 0.5}, S.PARTIALLY_FILLED, "0.5", Reason.NONE),
        ({"status": "closed", "filled": 2.0}, S.FILLED, 2, Reason.NONE),
        ({"status": "closed", "filled": None}, S.FILLED, 2, Reason.NONE),
        ({"status": "closed", "filled": 1.5}, S.CANCELLED, "1.5", Reason.BROKER_CANCELLED),
        ({"status": "canceled"}, S.CANCELLED, 0, Reason.ASKED),
        ({"status": "canceled", "timeInForce": "FOK"}, S.CANCELLED, 0, Reason.NOT_IMMEDIATE),
        ({"status": "expired"}, S.EXPIRED, 0, Reason.NONE),
        ({"status": "expired", "timeInForce": "IOC"}, S.CANCELLED, 0, Reason.NOT_IMMEDIATE),
        ({"status": "rejected"}, S.REJECTED, 0, Reason.BROKER_REFUSED),
    ],
)
def test_an_orders_status_is_read(row: dict[str, Any], status: S, filled: Any, reason: Reason) -> None:
    report = read_report({**ROW, **row}, now=5)
    assert (report.status, report.filled, report.reason) == (status, Decimal(filled), reason)
    assert (report.side, report.time) == (-1, 1_700_000_000_000 * 1_000_000)


def test_an_order_without_a_time_has_that_of_its_reading() -> None:
    assert read_report({**ROW, "timestamp": None}, now=5).time == 5
    assert exact(None) == 0


@pytest.mark.parametrize(
    ("fee", "booked"),
    [
        (None, "0"),
        ({"cost": 0.2, "currency": "USDT"}, "0.2"),
        ({"cost": 0.001, "currency": "BTC"}, "0.1"),
        ({"cost": 0.01, "currency": "BNB"}, "0"),
    ],
)
def test_a_fee_is_booked_in_the_currency_of_the_price(fee: Any, booked: str) -> None:
    row = {
        "id": "1",
        "order": "7",
        "symbol": "BTC/USDT",
        "side": "buy",
        "amount": 1.0,
        "price": 100.0,
        "fee": fee,
    }
    fill = read_execution(row, "a", now=5)
    assert fill.fee == Decimal(booked)


class Listing:
    """An exchange that lists orders and cannot be asked for one."""

    id = "listing"

    def __init__(self, *has: str) -> None:
        self.has = dict.fromkeys(has, True)
        self.trades: list[dict[str, Any]] = []

    async def fetch_open_orders(self, symbol: str) -> list[Any]:
        return [ROW]

    async def fetch_closed_orders(self, symbol: str) -> list[Any]:
        return [{**ROW, "clientOrderId": "closed"}]

    async def fetch_orders(self, symbol: str) -> list[Any]:
        return [{**ROW, "clientOrderId": "any"}]

    def feature_value(self, *_: str) -> None:
        return None

    async def fetch_my_trades(self, symbol: str, since: int, limit: int) -> list[Any]:
        return [row for row in self.trades if row["timestamp"] >= since][:limit]


@pytest.mark.parametrize(
    ("has", "client_id", "found"),
    [
        ((), "a", True),
        ((), "closed", False),
        (("fetchClosedOrders",), "closed", True),
        (("fetchOrders",), "any", True),
        (("fetchOrders",), "never", False),
    ],
)
async def test_an_order_is_looked_for_in_what_is_listed(
    has: tuple[str, ...], client_id: str, found: bool
) -> None:
    assert (await find_row(Listing(*has), client_id, "BTC/USDT") is not None) is found


async def test_many_fills_of_one_moment_end_the_pages() -> None:
    exchange = Listing()
    exchange.trades = [{"id": n, "timestamp": 7} for n in range(150)]
    assert len(await fetch_trades(exchange, "BTC/USDT", 0)) == 100  # it has no way to ask for the others
    exchange.trades = [{"id": n, "timestamp": n} for n in range(250)]
    assert len(await fetch_trades(exchange, "BTC/USDT", 0)) == 250


def test_names_are_kept_for_the_newest_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccxt_reads, "_KEPT", 2)
    names = Names()
    names.put("a", "", "X")
    names.put("a", "1", "X")
    names.put("", "2", "X")
    names.put("c", "3", "X")
    names.put("d", "", "X")
    assert (names.place("a"), names.place("c"), names.place("d")) == (("", ""), ("3", "X"), ("", "X"))
    assert (names.has("1"), names.client_id("2"), names.client_id("3")) == (False, "", "c")
