"""What is wrong with an order's own numbers, in words. Buying power is the broker's question."""

from __future__ import annotations

import math

from openbell.core import rules
from openbell.core.orders import PRICES, Order, Replace, on_lots
from openbell.core.types import Instrument, OrderType, Reason, TimeInForce

#: The times in force of what may work outside of the session.
_LASTING = (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD)


def fault(order: Order, instrument: Instrument) -> tuple[Reason, str] | None:
    """Return what is wrong with an order's own numbers, or None. Buying power is the broker's question."""
    wrong = _quantity_fault(order.quantity, instrument.lot, reduce_only=order.reduce_only)
    if wrong is not None:
        return Reason.BAD_QUANTITY, wrong
    wrong = _price_fault(order) or _time_fault(order)
    return (Reason.BAD_PRICE, wrong) if wrong is not None else None


def change_fault(order: Order, change: Replace, instrument: Instrument) -> str | None:
    """Return what is wrong with a change of a working order, or None."""
    if not order.open:
        return f"is {order.status}: it cannot be replaced"
    for name in ("limit", "stop"):
        value = getattr(change, name)
        if math.isnan(value):
            continue
        if name not in PRICES[order.type]:
            return f"has no {name} to set to {value}"
        if not 0 < value < math.inf:
            return f"cannot take {name}={value}: it must be a positive number"
        if rules.on_tick(value, instrument.tick) <= 0.0:
            return (
                f"cannot take {name}={value:.10g}: it is less than half a tick of {instrument.tick:g}; "
                f"give {instrument.tick:g} or more"
            )
    if math.isnan(change.quantity):
        return None
    wrong = _quantity_fault(change.quantity, instrument.lot, reduce_only=order.reduce_only)
    return f"cannot take it: {wrong}" if wrong is not None else None


def _quantity_fault(quantity: float, lot: float, *, reduce_only: bool) -> str | None:
    # What only reduces may be an odd lot: a split may have left one.
    if not (math.isfinite(quantity) and quantity > 0):
        return f"quantity {quantity} must be a positive number"
    lots = on_lots(quantity, lot, reduce_only)
    if lots <= 0.0 or abs(lots - quantity) > rules.DUST + rules.GRAIN * quantity:
        return f"quantity {quantity} is not a whole number of lots of {lot:g}"
    return None


def _price_fault(order: Order) -> str | None:
    for name in PRICES[order.type]:
        value = getattr(order, name)
        if not (math.isfinite(value) and value > 0):
            return f"{name}={value} of a {order.type} order must be a positive number"
    if order.trail_percent and order.type is not OrderType.TRAILING_STOP:
        return f"trail_percent says how `trail` is meant, and a {order.type} order has none"
    if order.trail_percent and order.trail >= 1:
        return f"trail={order.trail} in percent must be below 1 (0.05 is 5 %)"
    return None


def _time_fault(order: Order) -> str | None:
    if order.extended and (order.type is not OrderType.LIMIT or order.tif not in _LASTING):
        return (
            f"extended=True is for limit orders that are {', '.join(_LASTING)}: nothing else works outside "
            f"of the session, and this one is a {order.type} order that is {order.tif}"
        )
    auction = order.tif in (TimeInForce.OPG, TimeInForce.CLS)
    if auction and order.type not in (OrderType.MARKET, OrderType.LIMIT):
        return f"a {order.type} order cannot be {order.tif}: only market and limit orders can"
    if order.tif is TimeInForce.GTD:
        if not order.good_till:
            return "tif='gtd' needs good_till=, a datetime with a time zone"
        if order.good_till <= order.decided:
            return f"good_till={order.good_till} must be later than the decision at {order.decided}"
    elif order.good_till:
        return f"good_till={order.good_till} needs tif='gtd', not {order.tif.value!r}"
    return None
