"""Steering: what to send next, so that an order at the broker becomes what is wanted of it."""

from __future__ import annotations

from decimal import Decimal

from openbell.core.orders import TERMINAL
from openbell.core.types import OrderStatus, OrderType, Reason
from openbell.trading.board import Board
from openbell.trading.dispatch import Dispatch
from openbell.trading.gate import Terms
from openbell.trading.reducing import allowed, closes, ends_anyway, is_spent, may_wait
from openbell.trading.reviewing import grows, is_same, review_again
from openbell.trading.route import Route, Stage, triggered_terms
from openbell.trading.tying import is_leading, misfits, must_watch, others_of, tie, untie

_S = OrderStatus
#: A cancel that is refused is asked again so often, as a broker may not take one just after the order.
_CANCELS = 3


class Steering:
    """Compares what is wanted of a route with what the broker has, whenever nothing of it is under way."""

    def __init__(self, board: Board) -> None:
        self._board, self._dispatch = board, Dispatch(board)
        self._can = board.gate.capabilities

    def steer(self, route: Route) -> None:
        """Send what is to be sent now, if anything is."""
        if route.stage is Stage.KEPT:
            self._wake(route)
        elif route.stage is Stage.WORKING and not route.pending:
            self._adjust(route)

    def end(self, route: Route, status: OrderStatus, reason: Reason, said: str = "") -> None:
        """Let a route end, and what hangs on it."""
        if route.stage is Stage.ENDED:
            return
        board = self._board
        route.stage, route.pending = Stage.ENDED, ""
        board.drop(route)
        board.note(route, said)
        board.say(route, status, reason)
        for child in route.children:
            if child.native and child.stage is Stage.SENT and child.owner is route:
                self.end(child, _S.CANCELLED, Reason.PARENT_ENDED)  # it was refused with its parent
            else:
                child.native = child.native and child.stage is not Stage.KEPT  # it never went with it
                self.steer(child)
        for other in others_of(self._board, route):
            if other.triggered and other.stage is Stage.KEPT:
                self.steer(other)  # it waited for this end
        self.release(route)
        if not route.order.reduce_only or closes(route):
            self.fit(route)  # what waited for what it opens or leaves waits for nothing

    def fit(self, route: Route) -> None:
        """Fit the orders that only reduce to the position, which an order beside them has changed."""
        for other in self._board.reducing(route):
            self.steer(other)

    def end_exits(self, route: Route, after: float) -> None:
        """Let the orders end that would reduce a position which a fill has closed or turned over."""
        for other in self._board.reducing(route):
            parent = other.parent
            waits = parent is not None and parent.stage is not Stage.ENDED
            if after * other.order.side >= 0.0 and not (
                waits or closes(other) or ends_anyway(self._board, other, route)
            ):
                self._board.ask_end(other, Reason.POSITION_CLOSED)
                self.steer(other)

    def release(self, route: Route) -> None:
        """Let those go that waited for an order's end."""
        for other in self._board.has_ended(route):
            self.steer(other)

    # --- what is kept here -----------------------------------------------------------------------------

    def _wake(self, route: Route) -> None:
        board, wanted = self._board, allowed(self._board, route)
        if route.cancelling:
            self.end(route, _S.CANCELLED, route.cancelling)
        elif route.wanted <= route.booked:
            self._sleep_on(route)
        elif wanted <= route.booked and not closes(route):
            self._lack_position(route)
        elif board.gate.must_watch(route.order, route.terms):
            self._watch(route)
        elif not self._must_wait(route) and not self._board.must_wait(route):
            lead = tie(board, route) if self._can.oco else route
            if lead is route and must_watch(board, route):
                self._watch(route)
            else:
                self._place(lead, allowed(board, lead) - lead.booked)

    def _watch(self, route: Route) -> None:
        if not route.watched:
            self._board.watch(route)
            self._board.say(route, _S.ACCEPTED)

    def _must_wait(self, route: Route) -> bool:
        """Let a watched stop go only when the other exit of its pair works no more: both may not fill."""
        waits = False
        for other in others_of(self._board, route) if route.triggered else ():
            if other.stage is not Stage.KEPT:
                self._board.ask_end(other, Reason.OCO)
                self.steer(other)
                waits = True
        return waits

    def _sleep_on(self, route: Route) -> None:
        """Keep a child asleep while its parent may fill more, or end what has nothing left to do."""
        parent = route.parent
        if parent is not None and parent.stage is not Stage.ENDED:
            self._board.say(route, _S.HELD)
        elif route.taken > 0:
            self.end(route, _S.CANCELLED, Reason.OCO)
        elif route.booked > 0:
            self._board.change(route, Reason.NONE, quantity=float(route.booked))
            self.end(route, _S.FILLED, Reason.NONE)
        else:
            self.end(route, _S.CANCELLED, Reason.PARENT_ENDED)

    def _lack_position(self, route: Route) -> None:
        """Keep an order that has nothing to reduce yet, or end it."""
        if may_wait(self._board, route):
            parent = route.parent
            self._board.say(route, _S.ACCEPTED if parent is None or parent.stage is Stage.ENDED else _S.HELD)
        else:
            reason = Reason.POSITION_CLOSED if route.ids else Reason.NOTHING_TO_REDUCE
            self.end(route, _S.CANCELLED, reason)

    def _place(self, route: Route, quantity: Decimal) -> None:
        if self._must_make_room(route):
            return
        barred = review_again(route)
        if barred is not None:
            self.end(route, _S.REJECTED, barred.limit, barred.text)
            return
        refused = self._dispatch.place(route, quantity)
        if refused is not None:
            self.end(route, _S.REJECTED, *refused)

    def _must_make_room(self, route: Route) -> bool:
        """Let a market order wait until the exits have ended that keep the shares which it is to close.

        They are placed anew behind it, for what it leaves.
        """
        board, order = self._board, route.order
        held = route.course.engine.account.quantity(order.symbol)
        if not self._can.reserves or route.terms.type is not OrderType.MARKET or held * order.side >= 0.0:
            return False
        for other in board.reducing(route):
            if other is not route and other.stage is Stage.WORKING and not closes(other):
                self.take_back(other)
        return board.must_wait(route)

    def take_back(self, route: Route) -> None:
        """Cancel an exit, and those that the broker tends with it, to be placed anew."""
        if route.again or route.cancelling:
            return  # it is on its way back
        group = untie(route) if is_leading(route) else [route]
        for one in group:
            one.again = True
            self._board.await_end(one)
        for one in group:
            self.cancel(one)

    # --- what the broker has ---------------------------------------------------------------------------

    def _adjust(self, route: Route) -> None:
        if route.cancel_sent or (route.last is not None and route.last.status in TERMINAL):
            return  # it is ending, or has ended and its last fills are awaited
        if route.cancelling or (not route.native and route.wanted <= route.booked):
            self.cancel(route)
        elif not self._goes_back(route):
            self._bring_in_line(route)

    def _bring_in_line(self, route: Route) -> None:
        """Have an order at the broker changed to what is wanted of it."""
        asked, most = route.asked, allowed(self._board, route)
        if is_spent(self._board, route):
            return
        if not route.native and most <= route.booked:
            route.again = True  # it may have something to reduce again
            self.cancel(route)
            return
        wanted = route.terms if route.native else route.terms._replace(quantity=float(most))
        if asked is not None and not is_same(asked, wanted):
            self._change(route, wanted)

    def _change(self, route: Route, wanted: Terms) -> None:
        """Have the terms of an order changed, in its place or by one that is placed anew."""
        if grows(route, wanted) and self._board.must_wait(route):
            return
        refused = review_again(route, wanted)
        if refused is not None:
            self.keep_terms(route, refused.limit, refused.text)
        elif self._can.replace:
            verdict = self._dispatch.replace(route, wanted)
            if verdict is not None:
                self.keep_terms(route, *verdict)
        elif route.native:
            self.keep_terms(route, Reason.UNSUPPORTED, "the broker does not change the exits of a bracket")
        else:
            route.again = True
            self.cancel(route)

    def _goes_back(self, route: Route) -> bool:
        """Take an exit back that does not fit, or try again to; tell whether it is on its way."""
        if route.again and route.cancel_refused >= _CANCELS:  # it stays, and nobody can wait for ever
            route.again = False
            self.release(route)
        elif route.again:
            self.cancel(route)
        elif is_leading(route) and misfits(self._board, route):
            self.take_back(route)
        return route.again

    def cancel(self, route: Route) -> None:
        """Ask the broker for an order's end."""
        if route.cancel_refused < _CANCELS:
            self._dispatch.cancel(route)
        else:
            self.release(route)  # it works on, and nobody can wait for ever

    def keep_terms(self, route: Route, reason: Reason, said: str) -> None:
        """Leave an order as the broker has it, because a change was refused."""
        assert route.asked is not None  # noqa: S101  # only what was sent can be changed
        asked = route.asked.quantity
        if route.restated:
            route.restated = False
            self._board.warn(route, f"it stays in the shares of before its split ({said}): cancel it")
        shown = asked == float(allowed(self._board, route))  # then the change was not about the quantity
        quantity = route.terms.quantity if shown else max(asked, float(route.booked))
        route.terms = route.asked._replace(quantity=quantity)
        self._board.hold(route, self._board.left(route, route.terms))
        self._board.note(route, said)
        self._board.change(route, reason)

    def trigger(self, route: Route) -> None:
        """Let a watched stop go: its level was reached."""
        self._board.unwatch(route)
        route.triggered = True
        route.terms = triggered_terms(route.terms)
        self._board.say(route, _S.TRIGGERED)
        self.steer(route)
