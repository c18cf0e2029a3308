"""What exits do at the loopback exchange: a bracket's sleep until it fills, a pair's cancel each other."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from openbell.core.types import OrderStatus, OrderType, Side, TimeInForce
from tests.loopback.book import TERMINAL, Placed
from tests.loopback.matching import match

if TYPE_CHECKING:
    from tests.loopback.exchange import Exchange

_S, _T = OrderStatus, OrderType


def exit_of(x: Exchange, parent: Placed, client_id: str, price: Decimal | None, kind: OrderType) -> Placed:
    """Return a new exit of an order, which the exchange has from now on."""
    leg = Placed(
        client_id, parent.symbol, parent.side if parent.reduce_only else _other(parent.side), kind,
        TimeInForce.GTC, parent.quantity, limit=price if kind is _T.LIMIT else None,
        stop=price if kind is _T.STOP else None, reduce_only=True, id=f"x{len(x.orders) + 1}",
        submitted=x.time, status=_S.ACCEPTED if parent.reduce_only else _S.HELD,
        parent="" if parent.reduce_only else parent.id,
    )  # fmt: skip
    x.orders[leg.id] = leg
    return leg


def tend_pair(x: Exchange, order: Placed, quantity: Decimal) -> None:
    """Take what filled of one of a pair off the other."""
    for other in x.working() if order.oco else ():
        if other.oco == order.oco and other.id != order.id and other.status not in TERMINAL:
            other.quantity -= quantity
            if other.remaining <= 0:
                other.quantity += quantity
                x._end(other, _S.CANCELLED, "cancelled", alone=True)


def wake(x: Exchange, parent: Placed) -> None:
    """Let a bracket's exits work for what has filled."""
    for leg in (x.orders[one] for one in parent.legs):
        if leg.status is _S.HELD:
            leg.quantity, leg.status = parent.filled, _S.ACCEPTED
            x._tell("new", leg)
    match(x, parent.symbol)


def _other(side: Side) -> Side:
    return -1 if side > 0 else 1
