"""Reducing: how much an order that only reduces may ask of a broker, which knows no such promise itself.

As in the simulation, its quantity stays what the strategy asked for; the broker is shown no more of it than
is held.
"""

from __future__ import annotations

from decimal import Decimal

from openbell.core.types import OrderType
from openbell.execution.approval import quantity_of
from openbell.trading.board import Board
from openbell.trading.natives import is_tended
from openbell.trading.route import ZERO, Route, Stage


def allowed(board: Board, route: Route) -> Decimal:
    """Return how much of an order may be filled in all: to reduce, no more than there is to close.

    The exits that a broker tends itself, as part of a bracket or a pair, are as many as they were sent for.
    """
    if not route.order.reduce_only or route.native:
        return route.wanted
    if is_tended(route):
        return min(route.wanted, route.sent - route.taken)
    return min(route.wanted, route.booked + closable(board, route))


def closable(board: Board, route: Route) -> Decimal:
    """Return how much of its position an order may close now.

    A market order is as quick as the others, and counts with what they leave. So does every order where the
    broker keeps shares for one order at a time.
    """
    away = -route.order.side
    held = away * route.course.engine.account.quantity(route.order.symbol)
    if closes(route):
        held += away * board.holds.beside(route)
    elif board.gate.capabilities.reserves:
        held += min(away * board.holds.beside(route), 0.0)
    return quantity_of(max(held, 0.0), route.instrument)


def closes(route: Route) -> bool:
    """Tell whether an order closes a position at once, by itself: no exit that waits beside one."""
    order = route.order
    return order.reduce_only and order.type is OrderType.MARKET and not order.parent and not order.oco


def is_spent(board: Board, route: Route) -> bool:
    """Tell whether all has filled that the broker was shown of an order: its end is on the way."""
    asked = route.asked
    return (
        route.order.reduce_only
        and not is_tended(route)
        and asked is not None
        and route.booked > ZERO
        and route.booked >= quantity_of(asked.quantity, route.instrument)
        and allowed(board, route) < route.wanted
    )


def ends_anyway(board: Board, route: Route, filled: Route) -> bool:
    """Tell whether an exit was never in force, has filled, or is ended by its broker with its group."""
    if route.stage is Stage.KEPT and not route.ids and not route.watched:
        return True
    owner = route.owner or route
    legs = [one for one in (owner, *owner.children) if one.order.oco == route.order.oco != 0]
    if is_tended(route) and (filled in legs or sum(one.booked for one in legs) >= route.whole):
        return True
    return route.booked >= route.wanted or is_spent(board, route)


def may_wait(board: Board, route: Route) -> bool:
    """Tell whether an order that has nothing to close may get something: its entry works yet."""
    parent = route.parent
    if parent is not None and parent.stage is not Stage.ENDED:
        return True
    if route.ids:  # where shares are kept for one order, a market order may have them, and leave some yet
        return -route.order.side * route.course.engine.account.quantity(route.order.symbol) > 0.0
    order = route.order
    return any(
        other.order.symbol == order.symbol and other.order.side == -order.side and not other.order.reduce_only
        for other in board.open(route.course.name)
    )
