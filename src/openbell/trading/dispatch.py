"""Dispatch: what goes out to the broker, each order and each change under a client id of its own.

The gate looks at both before. What it refuses is returned with its reason, and nothing has gone out then.
"""

from __future__ import annotations

from decimal import Decimal

from openbell.core.types import OrderStatus, Reason
from openbell.trading.board import Board
from openbell.trading.gate import Refusal, Terms
from openbell.trading.natives import exits_of, legs_of
from openbell.trading.reducing import allowed, closable, closes
from openbell.trading.route import Route, Send, Stage


class Dispatch:
    """Makes requests of what is wanted of a route."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def place(self, route: Route, quantity: Decimal) -> Refusal | None:
        """Send an order for so much, with the exits that go with it natively."""
        board, legs = self._board, legs_of(route)
        standing = board.standing(route)
        if closes(route):
            quantity = min(route.wanted - route.booked, closable(board, route))
            if quantity <= 0:
                return Refusal(Reason.NOTHING_TO_REDUCE, "nothing is held that it could close")
            if quantity < route.wanted:  # what it waited for has filled meanwhile
                route.terms = route.terms._replace(quantity=float(route.booked + quantity))
                board.change(route, Reason.NONE)
        terms = route.terms._replace(quantity=float(quantity))
        client_id = self._next_id(route)
        verdict = board.gate.check(
            route.order, terms, route.instrument, standing, client_id=client_id, exits=exits_of(legs)
        )
        if isinstance(verdict, Refusal):
            return verdict
        board.say(route, OrderStatus.SUBMITTED)
        route.sent = route.booked + route.taken + quantity
        self._set_out(route, client_id)
        for suffix, leg in legs.items():
            leg.sent = quantity
            self._set_out(leg, client_id + suffix)
        board.hold(route, quantity, standing)
        board.send(route, Send("place", client_id, verdict))
        return None

    def replace(self, route: Route, wanted: Terms) -> Refusal | None:
        """Ask for other terms of an order that the broker has."""
        board = self._board
        client_id = self._next_id(route)
        base = route.bases[route.client_id]
        terms = wanted._replace(quantity=wanted.quantity - float(base))
        standing = board.standing(route)._replace(filled=float(route.booked - base))
        verdict = board.gate.check(route.order, terms, route.instrument, standing, client_id=client_id)
        if isinstance(verdict, Refusal):
            return verdict
        route.pending, route.coming = client_id, wanted
        self._claim(route, client_id, base)
        board.hold(route, board.left(route, wanted), standing)
        board.send(route, Send("replace", client_id, verdict, target=route.client_id))
        return None

    def cancel(self, route: Route) -> None:
        """Ask for an order's end."""
        route.cancel_sent = True
        self._board.send(route, Send("cancel", route.client_id, target=route.client_id))

    def _set_out(self, route: Route, client_id: str) -> None:
        """Let an order be on its way under a client id."""
        self._board.say(route, OrderStatus.SUBMITTED)
        route.client_id, route.stage, route.cancel_sent = client_id, Stage.SENT, False
        whole = route.whole if route.native else allowed(self._board, route)
        route.asked = route.terms._replace(quantity=float(whole))
        self._claim(route, client_id, route.booked)

    def _claim(self, route: Route, client_id: str, base: Decimal) -> None:
        """Remember whose a client id is, and what had filled before it."""
        route.ids.append(client_id)
        route.bases[client_id] = base
        self._board.by_client[client_id] = route

    def _next_id(self, route: Route) -> str:
        route.revision += 1
        return self._board.ids.make(route.course.name, route.order.id, route.revision)
