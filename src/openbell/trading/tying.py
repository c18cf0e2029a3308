"""Tying: exits that a broker tends together, and what happens to them where they do not fit the position.

A bracket's or a pair's exits are for as many shares as they were sent for. When something beside them changes
the position, they are untied: both are cancelled, and what goes out when they have ended fits what is held.
"""

from __future__ import annotations

from openbell.core.orders import TERMINAL
from openbell.core.types import OrderType
from openbell.trading.board import Board
from openbell.trading.gate import WATCHABLE
from openbell.trading.natives import is_tended
from openbell.trading.reducing import closable
from openbell.trading.route import ZERO, Route, Stage

_KINDS = {OrderType.LIMIT, OrderType.STOP}


def members(route: Route) -> list[Route]:
    """Return the exits that the broker tends together with one, itself among them; ended ones too."""
    owner = route.owner or route
    return [one for one in (owner, *owner.children) if one.order.reduce_only and (one is owner or one.native)]


def misfits(board: Board, route: Route) -> bool:
    """Tell whether a broker's exits are for more or less than they should be, with nothing of them under way.

    What fills of one is taken off the other by the broker itself, so that their own fills change nothing.
    """
    owner, group = route.owner or route, members(route)
    if any(_is_moving(one) for one in group):
        return False
    done = sum((one.booked for one in group), ZERO)
    if owner.order.reduce_only:
        whole, there = owner.wanted + owner.taken, owner.sent
    elif owner.stage is Stage.ENDED:
        whole = there = owner.booked
    else:
        return False  # its exits sleep until it has filled
    return there - done != min(whole - done, closable(board, route))


def untie(route: Route) -> list[Route]:
    """Let exits that the broker tends go by themselves from now on; return those that have not ended."""
    owner, group = route.owner or route, members(route)
    whole = owner.terms.quantity
    done = sum((one.booked for one in group), ZERO)
    if owner.order.reduce_only:
        owner.children = [one for one in owner.children if one not in group]
    for one in group:
        one.native, one.owner = False, None
        one.terms = one.terms._replace(quantity=whole)
        one.taken = done - one.booked
    return [one for one in group if one.stage is not Stage.ENDED]


def tie(board: Board, route: Route) -> Route:
    """Tie an exit with the other of its group again, if both are to go out; return the one to be sent."""
    if not route.ids or not route.order.oco:
        return route
    group = [one for one in board.reducing(route) if one.order.oco == route.order.oco]
    fits = len(group) == len(_KINDS) and {one.terms.type for one in group} == _KINDS
    if not fits or any(one.stage is not Stage.KEPT or one.triggered or one.cancelling for one in group):
        return route
    target, stop = sorted(group, key=lambda one: one.terms.type is OrderType.STOP)
    stop.native, stop.owner = True, target
    target.children.append(stop)
    return target


def others_of(board: Board, route: Route) -> list[Route]:
    """Return the others of an order's OCO group that have not ended."""
    group = route.order.oco
    others = board.open(route.course.name) if group else ()
    return [one for one in others if one is not route and one.order.oco == group]


def must_watch(board: Board, route: Route) -> bool:
    """Tell whether a stop stays here because the broker keeps the shares for the other exits of its group."""
    reserves = board.gate.capabilities.reserves
    return reserves and route.terms.type in WATCHABLE and bool(others_of(board, route))


def is_leading(route: Route) -> bool:
    """Tell whether an exit is at the broker as part of a bracket or a pair, and may be untied."""
    return route.order.reduce_only and is_tended(route)


def _is_moving(one: Route) -> bool:
    """Tell whether something of an order is under way, or it has ended."""
    last = one.last
    ended = last is not None and last.status in TERMINAL
    return bool(one.stage is not Stage.WORKING or one.cancel_sent or one.cancelling or one.pending or ended)
