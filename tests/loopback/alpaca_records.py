"""What an order looks like at Alpaca: its record, its names, and its word for where it stands."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from openbell.core.types import OrderStatus, OrderType, Side
from openbell.execution.brokers.alpaca_wire import write_time as moment
from tests.loopback.exchange import Exchange, Placed

S = OrderStatus
ZERO = Decimal(0)
Row = dict[str, Any]

_WORDS = {
    S.ACCEPTED: "new", S.TRIGGERED: "new", S.HELD: "held", S.PARTIALLY_FILLED: "partially_filled",
    S.FILLED: "filled", S.CANCELLED: "canceled", S.EXPIRED: "expired", S.REJECTED: "rejected",
}  # fmt: skip


class Records:
    """The orders of an exchange in Alpaca's words. A replacement counts beside what was filled before it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.ids: dict[str, str] = {}  #: of orders, by Alpaca's id
        self.bases: dict[str, Decimal] = {}  #: what the orders before one had filled

    def row(self, order: Placed, *, nested: bool = False) -> Row:
        """Return an order's record."""
        base = self.bases.get(order.id, ZERO)
        filled = order.filled - base
        legs = [self.row(self.exchange.orders[one]) for one in self._legs(order)] if nested else []
        self.ids[uuid_of(order.id)] = order.id
        row = {
            "id": uuid_of(order.id), "client_order_id": self.client_id(order),
            "created_at": moment(order.submitted), "submitted_at": moment(order.submitted),
            "updated_at": moment(order.updated or order.submitted), "asset_class": "us_equity",
            "symbol": order.symbol, "side": side_of(order.side), "type": order.type.value,
            "order_type": order.type.value, "time_in_force": order.tif.value,
            "qty": str(order.quantity - base), "filled_qty": str(filled),
            "filled_avg_price": str(self._average(order)) if filled else None,
            "limit_price": _text(order.limit), "stop_price": _text(order.stop),
            "order_class": self._family(order), "status": self.word(order), "legs": legs or None,
            "extended_hours": order.extended,
            "replaces": uuid_of(order.replaces) if order.replaces else None,
            "replaced_by": uuid_of(order.replaced_by) if order.replaced_by else None,
        }  # fmt: skip
        name = "trail_percent" if order.trail_percent else "trail_price"
        row[name] = _text(None if order.trail is None else order.trail * (100 if order.trail_percent else 1))
        return row

    def _average(self, order: Placed) -> Decimal:
        own = [one for one in self.exchange.fills if one.order_id == order.id]
        return sum((one.quantity * one.price for one in own), ZERO) / sum((one.quantity for one in own), ZERO)

    def word(self, order: Placed) -> str:
        """Return Alpaca's word for an order's status: it holds a stop that has a sibling."""
        if order.replaced_by:
            return "replaced"
        if order.status in (S.ACCEPTED, S.PARTIALLY_FILLED) and order.filled == self.bases.get(
            order.id, ZERO
        ):
            held = self.is_leg(order) and order.type is OrderType.STOP and self._has_sibling(order)
            return "held" if held else "new"
        return _WORDS[order.status]

    def client_id(self, order: Placed) -> str:
        """Return an order's client id; Alpaca gives a bracket's exits their own."""
        return order.client_id or uuid_of("client" + order.id)

    def is_leg(self, order: Placed) -> bool:
        return bool(order.parent) or (bool(order.oco) and order.oco != order.id and not order.client_id)

    def _has_sibling(self, order: Placed) -> bool:
        return sum(one.oco == order.oco for one in self.exchange.working()) > 1

    def _legs(self, order: Placed) -> list[str]:
        if order.legs or not order.oco or self.is_leg(order):
            return list(order.legs)
        return [
            one.id for one in self.exchange.orders.values() if one.oco == order.oco and one.id != order.id
        ]

    def _family(self, order: Placed) -> str:
        head = self.exchange.orders.get(order.parent, order)
        count = len(head.legs)
        if count:
            return "bracket" if count > 1 else "oto"
        return "oco" if order.oco else "simple"


def uuid_of(name: str) -> str:
    """Return Alpaca's id of a name."""
    return str(uuid5(NAMESPACE_OID, name))


def side_of(side: Side) -> str:
    """Return Alpaca's word for a side."""
    return "buy" if side > 0 else "sell"


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
