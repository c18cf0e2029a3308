"""Routes that nobody needs any more: their orders ended long ago, and the broker has said so."""

from __future__ import annotations

from openbell.core.orders import TERMINAL
from openbell.trading.board import Board
from openbell.trading.route import Route, Stage


def retired_routes(board: Board, name: str) -> list[Route]:
    """Take the routes off the board whose orders a strategy's desk has let go of; return them.

    A route stays while one of its family does, and until the broker has said that it ended.
    """
    gone = [
        route for route in board.routes.values()
        if route.course.name == name and all(map(_is_over, _family(route)))
    ]  # fmt: skip
    for route in gone:
        del board.routes[route.key]
        for client_id in route.ids:
            del board.by_client[client_id]
    return gone


def _is_over(route: Route) -> bool:
    """Tell whether nothing will be heard of a route any more that would have to be booked."""
    said = route.last is not None and route.last.status in TERMINAL
    desk = route.course.engine.desk
    ended = route.stage is Stage.ENDED and route.order.id not in desk.orders
    return ended and not route.is_short_of_fills and (said or not route.ids)


def _family(route: Route) -> list[Route]:
    """Return a route with those that it is tied to."""
    heads = [one for one in (route.parent, route.owner) if one is not None]
    return [route, *heads, *route.children]
