"""What Alpaca refuses, in its words and with its codes, beyond what any exchange would."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from openbell.core.types import OrderStatus, OrderType
from tests.loopback.exchange import Exchange, Placed, Refusal

ZERO = Decimal(0)
Body = dict[str, Any]


class Refused(Exception):
    """An answer with a status, a code and a message."""

    def __init__(self, status: int, code: int, said: str) -> None:
        super().__init__(said)
        self.status, self.code, self.said = status, code, said


def refused_by(refusal: Refusal) -> Refused:
    """Return how Alpaca says what the exchange refuses."""
    if refusal.code in {"funds", "short", "blocked"}:
        return Refused(403, 40310000, refusal.said)
    if refusal.code == "client_id":
        return Refused(422, 40010001, refusal.said)
    return Refused(422, 42210000, refusal.said)


def check_order(body: Body, exchange: Exchange) -> None:
    """Check an order's body.

    Raises:
        Refused: It is not taken.
    """
    if len(body.get("client_order_id", "")) > 128:
        raise _unprocessable("client_order_id must be no more than 128 characters")
    kind, tif, family = body["type"], body["time_in_force"], body.get("order_class", "simple")
    plain = kind in {"market", "limit"}
    if tif in {"opg", "cls", "ioc", "fok"} and not plain:
        raise _unprocessable(f"{kind} orders must be day or gtc")
    if body.get("extended_hours") and (kind != "limit" or tif not in {"day", "gtc"}):
        raise _unprocessable("extended hours order must be DAY or GTC limit orders")
    if family != "simple" and tif not in {"day", "gtc"}:
        raise _unprocessable("complex orders must be day or gtc")
    _check_size(body, family)
    side, symbol = 1 if body["side"] == "buy" else -1, body["symbol"]
    _check_holding(body, side, exchange)
    if family == "simple" and kind != "trailing_stop":
        _check_wash(body, side, [one for one in exchange.working() if one.symbol == symbol])


def check_change(order: Placed, body: Body) -> None:
    """Check a request to replace an order.

    Raises:
        Refused: It is not taken.
    """
    if order.status is OrderStatus.HELD and "qty" in body:
        raise _unprocessable("the quantity of an exit cannot be replaced")
    if order.status in {
        OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED
    }:  # fmt: skip
        raise _unprocessable(f"cannot replace order in {order.status.value} state")
    if "limit_price" in body and order.type not in {OrderType.LIMIT, OrderType.STOP_LIMIT}:
        raise _unprocessable(f"{order.type.value} orders must not have limit_price")
    if "stop_price" in body and order.type not in {OrderType.STOP, OrderType.STOP_LIMIT}:
        raise _unprocessable(f"{order.type.value} orders must not have stop_price")


def _check_size(body: Body, family: str) -> None:
    notional = body.get("notional")
    if notional is not None and (Decimal(notional) < 1 or body["type"] != "market"):
        raise _unprocessable("notional must be at least 1, of a market order")
    if notional is None and Decimal(body["qty"]) % 1 == 0:
        return
    if body["time_in_force"] != "day":
        raise _unprocessable("fractional orders must be DAY orders")
    if family != "simple" or body["type"] == "trailing_stop":
        raise _unprocessable("fractional orders must be simple orders")


def _check_holding(body: Body, side: int, exchange: Exchange) -> None:
    """Check that an order takes no position through zero, with those that wait to close it."""
    held = exchange.positions.get(body["symbol"], ZERO)
    if held * side >= 0:
        if side < 0 and "qty" in body and Decimal(body["qty"]) % 1:
            raise Refused(403, 40310000, "fractional orders cannot be sold short")
        return
    families: dict[str, Decimal] = {}
    for one in exchange.working():
        if one.symbol == body["symbol"] and one.side == side and one.status is not OrderStatus.HELD:
            families[one.oco or one.id] = max(families.get(one.oco or one.id, ZERO), one.remaining)
    available = max(abs(held) - sum(families.values(), ZERO), ZERO)
    wanted = Decimal(body["qty"]) if "qty" in body else ZERO
    if wanted > available:
        said = f"insufficient qty available for order (requested: {wanted}, available: {available})"
        raise Refused(403, 40310000, said)


def _check_wash(body: Body, side: int, working: list[Placed]) -> None:
    """Check that an order cannot trade with one of the account's own."""
    limit = Decimal(body["limit_price"]) if "limit_price" in body else None
    for one in working:
        if one.side == side or one.status is OrderStatus.HELD or one.oco or one.parent:
            continue
        if one.type is OrderType.TRAILING_STOP:
            continue
        priceless = one.limit is None or limit is None
        if priceless or side * (limit - one.limit) >= 0:  # type: ignore[operator]  # both are there
            raise Refused(403, 40310000, "potential wash trade detected. use complex orders")


def _unprocessable(said: str) -> Refused:
    return Refused(422, 42210000, said)
