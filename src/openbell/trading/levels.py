"""Levels: when an order that is kept here has run out, and when prices reach its stop."""

from __future__ import annotations

import math

from openbell.core import rules
from openbell.core.types import OrderType, TimeInForce
from openbell.trading.route import Route


def expiry_of(route: Route) -> float:
    """Return when an order that is kept here runs out."""
    order = route.order
    if order.tif is TimeInForce.GTD:
        return order.good_till
    if order.tif is TimeInForce.DAY:
        return route.course.tape.calendar.close_after(order.decided)
    return math.inf


def is_around(route: Route) -> bool:
    """Tell whether bars of an order's symbol may lie outside of the exchange's sessions."""
    return route.course.tape.tracks[route.order.symbol].around


def is_reached(route: Route, high: float, low: float) -> bool:
    """Tell whether prices reach a watched stop; a trailing one is tested against the mark known before."""
    side, terms = route.order.side, route.terms
    stop = terms.stop
    if terms.type is OrderType.TRAILING_STOP:
        stop = rules.trailing_stop(side, route.mark, terms.trail, route.order.trail_percent)
    return rules.stop_touched(side, stop, high, low)
