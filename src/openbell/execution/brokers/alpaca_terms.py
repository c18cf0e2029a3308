"""What is asked of Alpaca: an order's body, and what it would refuse.

https://docs.alpaca.markets/docs/orders-at-alpaca. Numbers are text on the wire, so that they stay exact; the
SDK's own request records would turn them into floats.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from openbell.core.errors import Rejected
from openbell.core.types import OrderType, TimeInForce
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers.alpaca_wire import text
from openbell.execution.port import Capabilities

_T, _F = OrderType, TimeInForce

CAPABILITIES = Capabilities(
    frozenset(OrderType),
    frozenset({_F.DAY, _F.GTC, _F.IOC, _F.FOK, _F.OPG, _F.CLS}),
    bracket=True,
    oco=True,
    replace=True,
    fractional=True,
    notional=True,
    short=True,
    extended_hours=True,
    id_length=128,
    unique_ids=True,
    reserves=True,
    stops_last=True,
)

_LASTING = (_F.DAY, _F.GTC)
_LEAST = Decimal(1)  #: dollars of an order for a fraction, or for an amount


def find_fault(order: ApprovedOrder) -> str:
    """Return why Alpaca would refuse an order, as far as the order alone tells; empty if it would not."""
    if not 0 < len(order.client_id) <= CAPABILITIES.id_length:
        return f"the client order id has {len(order.client_id)} characters, of which Alpaca takes 128"
    if order.tif not in CAPABILITIES.tifs:
        return f"Alpaca has no orders that are {order.tif.value}"
    plain = order.type in (_T.MARKET, _T.LIMIT)
    if order.tif not in _LASTING and not plain:
        return f"Alpaca takes {order.tif.value} for market and limit orders, not for {order.type.value}"
    if order.extended_hours and not (order.type is _T.LIMIT and order.tif in _LASTING):
        return "outside of the session Alpaca takes limit orders for the day or until cancelled"
    if _has_exits(order) and (order.tif not in _LASTING or not plain or order.extended_hours):
        return "Alpaca takes exits with market and limit orders, for the day or until cancelled"
    return _find_fault_of_size(order)


def _find_fault_of_size(order: ApprovedOrder) -> str:
    if order.notional is not None:
        if order.type is not _T.MARKET or order.notional < _LEAST:
            return "an order for an amount must be a market order for $1 or more"
    elif order.quantity <= 0:
        return f"quantity {order.quantity} must be positive"
    elif not order.quantity % 1:
        return ""
    if order.type is _T.TRAILING_STOP or _tif(order) is not _F.DAY or _has_exits(order):
        return "fractions of a share must be for the day, without a trail and without exits"
    return ""


def write_order(order: ApprovedOrder) -> dict[str, Any]:
    """Return the body of a request for an order, its exits with it.

    Raises:
        Rejected: Alpaca has no such order.
    """
    fault = find_fault(order)
    if fault:
        raise Rejected(f"alpaca: order {order.client_id} was not sent: {fault}")
    body: dict[str, Any] = {
        "symbol": order.symbol,
        "side": "buy" if order.side > 0 else "sell",
        "type": order.type.value,
        "time_in_force": _tif(order).value,
        "client_order_id": order.client_id,
    }
    if order.notional is not None:
        body["notional"] = text(order.notional)
    else:
        body["qty"] = text(order.quantity)
    if order.extended_hours:
        body["extended_hours"] = True
    return body | _write_prices(order) | _write_exits(order)


def _write_prices(order: ApprovedOrder) -> dict[str, Any]:
    body = {}
    if order.type in (_T.LIMIT, _T.STOP_LIMIT):
        body["limit_price"] = _price(order, "limit")
    if order.type in (_T.STOP, _T.STOP_LIMIT):
        body["stop_price"] = _price(order, "stop")
    if order.type is _T.TRAILING_STOP:
        body["trail_percent" if order.trail_percent else "trail_price"] = _trail(order)
    return body


def _write_exits(order: ApprovedOrder) -> dict[str, Any]:
    """Return an order's exits: a pair (OCO) for what is held, else those of an entry."""
    target, stop = order.take_profit, order.stop_loss
    if order.reduce_only and order.type is _T.LIMIT and stop is not None:
        return {
            "order_class": "oco",
            "take_profit": {"limit_price": _price(order, "limit")},
            "stop_loss": {"stop_price": text(stop)},
        }
    exits: dict[str, Any] = {}
    if target is not None:
        exits["take_profit"] = {"limit_price": text(target)}
    if stop is not None:
        exits["stop_loss"] = {"stop_price": text(stop)}
    return {"order_class": "bracket" if len(exits) == 2 else "oto", **exits} if exits else {}


def write_change(order: ApprovedOrder, quantity: Decimal | None) -> dict[str, Any]:
    """Return the body of a request to replace an order; `quantity` is what is to fill from now on."""
    body: dict[str, Any] = {"client_order_id": order.client_id}
    if quantity is not None:
        body["qty"] = text(quantity)
    if order.type is _T.TRAILING_STOP:
        return {**body, "trail": _trail(order)}
    return body | _write_prices(order)


def _price(order: ApprovedOrder, name: str) -> str:
    value: Decimal | None = getattr(order, name)
    if value is None:
        raise Rejected(f"alpaca: order {order.client_id} was not sent: it has no {name} price")
    return text(value)


def _trail(order: ApprovedOrder) -> str:
    if order.trail is None:
        raise Rejected(f"alpaca: order {order.client_id} was not sent: it has no trail")
    return text(order.trail * 100 if order.trail_percent else order.trail)


def _tif(order: ApprovedOrder) -> TimeInForce:
    """Return how long an order is sent for: fractions only work for the day, which is enough at any price."""
    whole = order.notional is None and not order.quantity % 1
    return _F.DAY if order.type is _T.MARKET and order.tif is _F.GTC and not whole else order.tif


def _has_exits(order: ApprovedOrder) -> bool:
    return order.take_profit is not None or order.stop_loss is not None
