"""The router: orders of strategies to a live broker, and what becomes of them back, each thing once.

It is a function of what it is told, without a clock and without a connection: `submit`, `hear`, `answer` and
`look` take something in, and `take_outgoing` returns what is to be sent because of it, once the journal has
it. So a journal that is gone through again leads to the same state, and a test can play any order of events.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from openbell.core import rules
from openbell.core.orders import Cancel, Order, Replace
from openbell.core.ports import Reviewed
from openbell.core.types import Action, OrderStatus, OrderType, Reason, TimeInForce
from openbell.execution.port import Execution, Report
from openbell.trading.board import Board
from openbell.trading.bookings import Bookings
from openbell.trading.clientids import ClientIds
from openbell.trading.gate import Gate
from openbell.trading.levels import expiry_of, is_around, is_reached
from openbell.trading.livecourse import LiveCourse
from openbell.trading.natives import is_tended, may_be_native, may_be_pair
from openbell.trading.restating import follow_splits, restate_orders, restate_unsent
from openbell.trading.route import Answer, Outcome, Route, Send, Stage, terms_of
from openbell.trading.steering import Steering

_S = OrderStatus
_WHY = {TimeInForce.DAY: Reason.SESSION_END, TimeInForce.GTD: Reason.GOOD_TILL}


class Router:
    """Every order of a session, and where it stands."""

    def __init__(self, gate: Gate, ids: ClientIds, *, is_open: Callable[[int], bool]) -> None:
        """Take the gate, what makes client ids, and what tells whether the exchange is in session."""
        self.board = Board(gate, ids, is_open=is_open)
        self._steering = Steering(self.board)
        self._bookings = Bookings(self.board, self._steering)
        self._can = gate.capabilities

    # --- what goes in ----------------------------------------------------------------------------------

    def submit(self, course: LiveCourse, commands: Sequence[Reviewed], time: int) -> None:
        """Take what a strategy asks for."""
        self.board.time = time
        if commands:
            self.board.asked.append((course, commands, course.scribe.trace))
        self._settle()

    def is_news(self, heard: Report | Execution) -> bool:
        """Tell whether something heard would change anything here."""
        return self._bookings.is_news(heard)

    def is_open_question(self, answer: Answer) -> bool:
        """Tell whether an answer's request has not been answered in another way."""
        return (answer.call, answer.client_id) in self.board.flights

    def hear(self, heard: Report | Execution, time: int) -> None:
        """Take what the broker says of an order: late, twice, or before it has answered."""
        self.board.time = time
        if isinstance(heard, Report):
            self._bookings.hear_report(heard)
        else:
            self._bookings.hear_execution(heard)
        self._settle()

    def answer(self, answer: Answer) -> None:
        """Take what came of a request."""
        self.board.time = answer.time
        self.board.flights.pop((answer.call, answer.client_id), None)
        route = self.board.by_client[answer.client_id]
        if answer.call == "place":
            self._placed(route, answer)
        elif answer.call == "replace":
            self._replaced(route, answer)
        else:
            self._cancelled(route, answer)
        self._settle()

    def power(self, power: float, *, equity: float, day_trades: int) -> None:
        """Take the broker's buying power, the account's equity, and the day trades that it counts."""
        self.board.power, self.board.equity, self.board.day_trades = power, equity, day_trades

    def retire(self, course: LiveCourse, before: int) -> None:
        """Let go of what ended before a time in ns, where the strategy has let go of it."""
        self._bookings.retire(course.name, before)

    def settle(self, client_id: str, time: int) -> None:
        """Book what a report says has filled, because its executions do not come."""
        self.board.time = time
        self._bookings.book_untold(self.board.by_client[client_id])
        self._settle()

    def act(self, course: LiveCourse, action: Action, time: int) -> None:
        """Let a corporate action happen to a strategy's orders that are kept here."""
        self.board.time = time
        restate_orders(self.board, self._steering, course.name, action)
        self._settle()

    def follow_splits(self, seen: Mapping[str, bool], time: int) -> None:
        """Bring orders at the broker to the shares after a split: see `openbell.trading.restating`."""
        self.board.time = time
        follow_splits(self.board, self._steering, seen)
        self._settle()

    def look(self, symbol: str, high: float, low: float, time: int, *, start: int | None = None) -> None:
        """Take a symbol's prices, of a bar that has a start or of a quote.

        Stops that are watched here go when their level is reached.
        """
        self.board.time = time
        for route in self._watching(symbol):
            if time > expiry_of(route):
                self._steering.end(route, _S.EXPIRED, _WHY[route.order.tif])
            elif self._sleeps(route, time, start):
                continue
            elif is_reached(route, high, low):
                self._steering.trigger(route)
            elif route.terms.type is OrderType.TRAILING_STOP:
                route.mark = rules.trailing_mark(route.order.side, route.mark, high, low)
        self._settle()

    def would_trigger(self, symbol: str, price: float, time: int) -> bool:
        """Tell whether a quote's price would let a watched stop go."""
        return any(
            is_reached(route, price, price) and not self._sleeps(route, time, None)
            for route in self._watching(symbol)
        )

    # --- what comes out --------------------------------------------------------------------------------

    def take_outgoing(self) -> list[Send]:
        """Return what is to be sent now, once: the journal must be on the disk before."""
        sends, self.board.outgoing = self.board.outgoing, []
        return sends

    def trace_of(self, client_id: str) -> str:
        """Return what joins an order with the bar that it was decided on; nothing for others' orders."""
        route = self.board.by_client.get(client_id)
        return "" if route is None else route.trace

    def unanswered(self) -> list[Send]:
        """Return what was sent, as far as the journal knows, and never answered: after an earlier life."""
        return [send._replace(doubtful=True) for send in self.board.flights.values()]

    def is_forgotten(self, heard: Report | Execution) -> bool:
        """Tell whether something heard is about an order of this very session that it does not know."""
        return self._bookings.is_forgotten(heard)

    def short_of_fills(self) -> list[Route]:
        """Return the routes of which the broker speaks of fills that it has not told one by one."""
        return list(self.board.short.values())

    def open(self, strategy: str = "") -> list[Route]:
        """Return the routes that have not ended."""
        return list(self.board.open(strategy))

    @property
    def foreign(self) -> dict[str, Report]:
        """Orders in the account that are not of this session, by the broker's id: never touched."""
        return self._bookings.foreign

    @property
    def foreign_fills(self) -> dict[str, Execution]:
        """Fills in the account that are not of this session, by their id."""
        return self._bookings.foreign_fills

    # --- commands --------------------------------------------------------------------------------------

    def _settle(self) -> None:
        asked = self.board.asked
        while asked:
            self._take(*asked.popleft())

    def _take(self, course: LiveCourse, commands: Sequence[Reviewed], trace: str) -> None:
        fresh = [self._register(course, one, trace) for one in commands if isinstance(one, Order)]
        self._tie(fresh)
        if course.gate is not None:  # what is cancelled may fill yet: orders that open wait for its end
            commands = sorted(commands, key=lambda one: not isinstance(one, Cancel))
        new = {route.order.id: route for route in fresh}
        for command in commands:
            if isinstance(command, Order):
                self._begin(new[command.id])
                continue
            route = self.board.routes.get((course.name, command.order_id))
            if route is None or route.stage is Stage.ENDED:
                continue  # it ended on the way: a fill or an expiry won the race
            if isinstance(command, Cancel):
                self.board.ask_end(route, command.reason)
                self._steering.steer(route)
            else:
                self._change(route, command)

    def _register(self, course: LiveCourse, order: Order, trace: str) -> Route:
        instrument = course.tape.tracks[order.symbol].instrument
        parent = self.board.routes.get((course.name, order.parent)) if order.parent else None
        route = Route(course, order, instrument, terms_of(order), trace, parent)
        if parent is not None:
            parent.children.append(route)
        self.board.add(route)
        return route

    def _tie(self, fresh: Sequence[Route]) -> None:
        """Mark the exits that go with their entry or with each other natively."""
        for route in fresh:
            children = [one for one in fresh if one.parent is route]
            if children and self._can.bracket and may_be_native(route, children):
                for child in children:
                    child.native, child.owner = True, route
        if not self._can.oco:
            return
        groups = {one.order.oco for one in fresh if one.order.oco and one.parent is None}
        for group in groups:
            pair = [one for one in fresh if one.order.oco == group]
            if may_be_pair(pair):
                target, stop = sorted(pair, key=lambda one: one.terms.type is OrderType.STOP)
                stop.native, stop.owner = True, target
                target.children.append(stop)

    def _begin(self, route: Route) -> None:
        parent = route.parent
        orphan = parent is not None and parent.stage is Stage.ENDED and not route.wanted
        blotter = route.course.engine.desk.blotter
        gone = route.order.parent and parent is None and not blotter.has_filled(route.order.parent)
        if orphan or gone:
            self._steering.end(route, _S.REJECTED, Reason.PARENT_ENDED)
        elif not route.native:
            self._steering.steer(route)
        # a native exit goes out with its owner, which comes first or right after it

    def _change(self, route: Route, change: Replace) -> None:
        terms = route.terms
        route.terms = terms._replace(
            quantity=_given(change.quantity, terms.quantity),
            limit=_given(change.limit, terms.limit),
            stop=_given(change.stop, terms.stop),
        )
        if route.whole <= route.booked:
            self.board.ask_end(route, Reason.REPLACED)
        if route.stage is Stage.KEPT and not route.cancelling:
            self.board.change(route, Reason.REPLACED)
        self._steering.steer(route)

    # --- answers ---------------------------------------------------------------------------------------

    def _placed(self, route: Route, answer: Answer) -> None:
        if answer.client_id != route.client_id or route.stage is not Stage.SENT:
            return  # a report came before the answer
        if answer.outcome is Outcome.DONE:
            self._bookings.arrive(route)
            self._steering.steer(route)
        elif answer.outcome is Outcome.REFUSED:
            self._steering.end(route, _S.REJECTED, Reason.BROKER_REFUSED, answer.said)
        elif not restate_unsent(self.board, self._steering, route):
            status = _S.CANCELLED if route.cancelling else _S.REJECTED
            self._steering.end(route, status, route.cancelling or Reason.NOT_SENT, answer.said)

    def _replaced(self, route: Route, answer: Answer) -> None:
        if answer.client_id != route.pending:
            return
        if answer.outcome is Outcome.DONE:
            self._bookings.switch(route)
        else:
            route.pending = ""
            grows = not is_tended(route) and (route.parent is not None or _is_refitted(route))
            if grows and route.stage is Stage.WORKING:
                route.again = True  # what the parent filled must be protected: in another way then
                self._steering.cancel(route)
            else:
                reason = Reason.BROKER_REFUSED if answer.outcome is Outcome.REFUSED else Reason.NOT_SENT
                self._steering.keep_terms(route, reason, answer.said)
        self._bookings.finish(route)
        self._steering.steer(route)

    def _cancelled(self, route: Route, answer: Answer) -> None:
        if (
            route.stage in {Stage.ENDED, Stage.KEPT}
            or answer.outcome is Outcome.DONE
            or answer.client_id != route.client_id
        ):
            return
        if answer.outcome is Outcome.ABSENT and route.again:
            self._bookings.rest(route)
            return
        if answer.outcome is Outcome.ABSENT:
            self._steering.end(route, _S.CANCELLED, route.cancelling or Reason.BROKER_CANCELLED, answer.said)
            return
        route.cancel_sent = False
        route.cancel_refused += 1
        self.board.note(route, answer.said)
        self._steering.steer(route)

    def _sleeps(self, route: Route, time: int, start: int | None) -> bool:
        """Tell whether prices are of hours in which an order does not work: as in the simulation."""
        if route.order.extended or (start is not None and not is_around(route)):
            return False
        return not self.board.is_open(time if start is None else start)

    def _watching(self, symbol: str) -> Iterator[Route]:
        yield from list(self.board.watched.get(symbol, {}).values())


def _is_refitted(route: Route) -> bool:
    """Tell whether a change fits an order that only reduces to what is held."""
    assert route.asked is not None  # noqa: S101  # only what was sent can be changed
    assert route.coming is not None  # noqa: S101  # and it is known to what
    return route.order.reduce_only and route.asked.quantity != route.coming.quantity


def _given(value: float, before: float) -> float:
    return before if math.isnan(value) else value
