"""What Alpaca would refuse is refused before it is sent; what it answers is read exactly, or not at all."""

from decimal import Decimal
from typing import Any

import pytest

from openbell.core.errors import BadData, Rejected
from openbell.core.types import OrderStatus, OrderType, Reason, TimeInForce
from openbell.execution.brokers import alpaca_wire as wire
from openbell.execution.brokers.alpaca_orders import Orders
from openbell.execution.brokers.alpaca_terms import find_fault, write_change, write_order
from tests.integration.alpaca_desk import order

T, F = OrderType, TimeInForce
ROW: dict[str, Any] = {
    "id": "1", "client_order_id": "ob-1", "symbol": "A", "side": "buy", "type": "limit", "qty": "10",
    "filled_qty": "0", "status": "new", "submitted_at": "2024-01-02T14:30:00Z", "time_in_force": "day",
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"client_id": "x" * 129}, "the client order id has 129 characters"),
        ({"tif": F.GTD}, "no orders that are gtd"),
        ({"kind": T.STOP, "stop": 90, "tif": F.OPG}, "takes opg for market and limit orders"),
        ({"extended_hours": True}, "outside of the session"),
        ({"kind": T.LIMIT, "limit": 9, "tif": F.IOC, "extended_hours": True}, "outside of the session"),
        ({"stop_loss": 90, "tif": F.CLS}, "takes exits with market and limit orders"),
        ({"kind": T.STOP, "stop": 101, "stop_loss": 90}, "takes exits with market and limit orders"),
        ({"notional": "0.99", "quantity": 0}, "must be a market order for $1 or more"),
        ({"notional": 5, "kind": T.LIMIT, "limit": 9}, "must be a market order for $1 or more"),
        ({"notional": 5, "stop_loss": 90}, "fractions of a share must be for the day"),
        ({"quantity": 0}, "quantity 0 must be positive"),
        ({"quantity": "0.5", "kind": T.LIMIT, "limit": 9, "tif": F.GTC}, "fractions of a share must be"),
        ({"quantity": "0.5", "kind": T.TRAILING_STOP, "trail": 5}, "fractions of a share"),
    ],
)
def test_what_alpaca_has_not_is_refused_before_it_is_sent(fields: dict[str, Any], says: str) -> None:
    given = order(fields.pop("client_id", "ob-1"), **fields)
    assert says in find_fault(given)
    with pytest.raises(Rejected, match="was not sent"):
        write_order(given)


@pytest.mark.parametrize("kind", [T.LIMIT, T.TRAILING_STOP])
def test_an_order_without_its_price_is_refused(kind: OrderType) -> None:
    with pytest.raises(Rejected, match=r"it has no (limit price|trail)"):
        write_order(order("ob-1", kind=kind))


def test_a_market_order_for_a_fraction_is_for_the_day() -> None:
    assert write_order(order("f", quantity="0.5", tif=F.GTC))["time_in_force"] == "day"
    assert write_order(order("n", notional=5, quantity=0, tif=F.GTC))["time_in_force"] == "day"
    assert write_order(order("w", quantity=5, tif=F.GTC))["time_in_force"] == "gtc"


def test_exits_make_a_family() -> None:
    bracket = write_order(order("b", tif=F.GTC, take_profit=110, stop_loss=90))
    assert bracket["order_class"] == "bracket"
    assert (bracket["take_profit"], bracket["stop_loss"]) == ({"limit_price": "110"}, {"stop_price": "90"})
    alone = write_order(order("o", stop_loss="90.5"))
    assert (alone["order_class"], alone["stop_loss"]) == ("oto", {"stop_price": "90.5"})
    pair = order("p", -1, kind=T.LIMIT, limit=110, stop_loss=90, reduce_only=True, tif=F.GTC)
    assert write_order(pair)["order_class"] == "oco"


def test_a_change_names_what_is_to_fill_and_the_prices() -> None:
    stop = order("s", -1, kind=T.STOP, stop=95)
    assert write_change(stop, Decimal("6.0")) == {"client_order_id": "s", "qty": "6", "stop_price": "95"}
    trail = order("t", -1, kind=T.TRAILING_STOP, trail="2.50")
    assert write_change(trail, None) == {"client_order_id": "t", "trail": "2.5"}


@pytest.mark.parametrize("word", wire.STATUSES)
def test_every_status_of_alpaca_is_known(word: str) -> None:
    report = wire.read_report({**ROW, "status": word}, "ob-1")
    assert report.status is wire.STATUSES[word]
    partly = wire.read_report({**ROW, "status": word, "filled_qty": "4", "filled_avg_price": 99.1}, "ob-1")
    assert (partly.filled, partly.average) == (Decimal(4), Decimal("99.1"))
    assert partly.status is not OrderStatus.ACCEPTED


@pytest.mark.parametrize(
    ("changes", "asked", "reason"),
    [
        ({"status": "replaced"}, False, Reason.REPLACED),
        ({"status": "expired"}, False, Reason.SESSION_END),
        ({"status": "canceled", "time_in_force": "fok"}, False, Reason.NOT_IMMEDIATE),
        ({"status": "canceled", "time_in_force": "opg"}, False, Reason.SESSION_END),
        ({"status": "canceled", "time_in_force": "opg"}, True, Reason.ASKED),
        ({"status": "canceled"}, False, Reason.NONE),
        ({"status": "filled"}, False, Reason.NONE),
    ],
)
def test_the_reason_of_an_end_is_read(changes: dict[str, Any], *, asked: bool, reason: Reason) -> None:
    assert wire.read_report({**ROW, **changes}, "ob-1", asked=asked).reason is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "dreaming"}, {"status": None}, {"qty": "many"}, {"qty": "NaN"}, {"qty": True},
        {"submitted_at": "yesterday"}, {"submitted_at": "2024-01-02T14:30:00"}, {"id": ""}, {"symbol": 5},
    ],
)  # fmt: skip
def test_a_record_that_is_none_is_bad_data(changes: dict[str, Any]) -> None:
    with pytest.raises(BadData):
        wire.read_report({**ROW, **changes}, "ob-1")


def test_times_keep_their_nanoseconds() -> None:
    stamp = wire.read_time("2024-01-02T09:30:00.383129126-05:00")
    assert wire.write_time(stamp) == "2024-01-02T14:30:00.383129126Z"
    assert wire.read_time("2024-01-02T14:30:00.5Z") % 1_000_000_000 == 500_000_000


def test_an_order_for_an_amount_has_the_quantity_that_filled() -> None:
    report = wire.read_report({**ROW, "qty": None, "filled_qty": "0.25", "status": "filled"}, "ob-1")
    assert (report.quantity, report.filled) == (Decimal("0.25"), Decimal("0.25"))


def test_what_has_ended_is_forgotten_before_the_memory_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbell.execution.brokers.alpaca_orders._MOST", 10)
    orders = Orders()
    leg = {**ROW, "id": "leg", "client_order_id": "?", "status": "held", "order_class": "bracket"}
    for number in range(30):
        row = {**ROW, "id": str(number), "client_order_id": f"ob-{number}", "status": "filled"}
        orders.send(f"ob-{number}")
        orders.limit(f"ob-{number}", Decimal(1))
        orders.learn({**row, "legs": [{**leg, "id": f"leg{number}"}]} if number == 0 else row)
    working = {**ROW, "id": "w", "client_order_id": "ob-w"}
    orders.learn(working)
    assert orders.name("0") is None
    assert orders.limit_of("ob-0") is None
    assert orders.id("ob-w") == "w"
    assert len(orders._names) <= 12
