"""How orders meet the market at the loopback exchange: at each price, each order that works, in turn."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from openbell.core.types import OrderStatus, OrderType, TimeInForce
from tests.loopback.book import TERMINAL, Placed, is_reached, limit_of, trail_stop

if TYPE_CHECKING:
    from tests.loopback.exchange import Exchange

_S, _T, _F = OrderStatus, OrderType, TimeInForce


def move(x: Exchange, symbol: str, price: Decimal, size: Decimal | None) -> None:
    """Set a symbol's market, and the marks of trailing stops."""
    line = x.lines[symbol]
    line.last, line.size, line.bid, line.ask = price, size, None, None
    for order in x.working():
        if order.symbol == symbol and order.type is _T.TRAILING_STOP and order.status is not _S.HELD:
            better = max if order.side < 0 else min
            order.mark = price if order.mark is None else better(price, order.mark)


def match(x: Exchange, symbol: str, *, closing: bool = False) -> None:
    """Let the orders in a symbol meet the market as it is."""
    for order in x.working():
        if order.symbol == symbol and order.status not in TERMINAL and order.status is not _S.HELD:
            _try(x, order, closing=closing)


def _try(x: Exchange, order: Placed, *, closing: bool) -> None:
    if order.doom or not (x.is_open or (order.extended and order.type is _T.LIMIT)):
        return
    if order.tif is _F.CLS and not closing:
        return
    price = x.price(order.symbol, order.side)
    if price is None:
        return
    if order.type is _T.TRAILING_STOP and order.mark is None:
        order.mark = price
    if order.status is _S.ACCEPTED and order.type in {_T.STOP, _T.STOP_LIMIT, _T.TRAILING_STOP}:
        level = trail_stop(order) if order.type is _T.TRAILING_STOP else order.stop
        if not is_reached(order.side, level, price):
            return
        order.triggered = True
        order.status = _S.TRIGGERED
        x._tell("triggered", order)
    limit = limit_of(order)
    crosses = limit is None or order.side * (limit - price) >= 0
    size = x.lines[order.symbol].size
    room = order.remaining if size is None else min(order.remaining, size)
    whole = room == order.remaining
    if crosses and room > 0 and (order.tif is not _F.FOK or whole):
        if size is not None:
            x.lines[order.symbol].size = size - room
        x._fill(order, room, price)
    if order.tif in {_F.IOC, _F.FOK} and order.status not in TERMINAL:
        x._end(order, _S.CANCELLED, "cancelled")
