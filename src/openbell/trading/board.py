"""The board: every route of a session, by order and by client id, and what is still to be sent."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.orders import TERMINAL, TRANSITIONS, OrderUpdate
from openbell.core.ports import Reviewed
from openbell.core.types import Fill, OrderStatus, Phase, Reason
from openbell.execution.approval import quantity_of
from openbell.execution.port import Execution
from openbell.portfolio.conduct import Company
from openbell.trading.clientids import ClientIds
from openbell.trading.gate import Gate, Standing, Terms
from openbell.trading.holds import Holds
from openbell.trading.livecourse import LiveCourse
from openbell.trading.route import ZERO, Route, Send, Stage, body_of_send

_S = OrderStatus
_QUIET = (Reason.NONE, Reason.REPLACED)  #: nothing to tell with them unless something changed


class Board:
    """What the parts of the router share."""

    def __init__(self, gate: Gate, ids: ClientIds, *, is_open: Callable[[int], bool]) -> None:
        self.gate, self.ids, self.is_open = gate, ids, is_open
        self.routes: dict[tuple[str, int], Route] = {}
        self.live: dict[tuple[str, int], Route] = {}  #: those that have not ended
        self.watched: dict[str, dict[tuple[str, int], Route]] = {}  #: those that wait for a price, by symbol
        self.short: dict[tuple[str, int], Route] = {}  #: those with fills that have not been told one by one
        self.by_client: dict[str, Route] = {}
        self.lost: dict[
            tuple[str, str], Route
        ] = {}  #: exits that the broker ended, and their position is held
        self.unsplit: dict[tuple[str, int], Route] = {}  #: those that the broker has, and that have split
        self.warnings: list[str] = []  #: what somebody must hear of
        self._reducing: dict[tuple[str, str], dict[tuple[str, int], Route]] = {}
        self._ending: dict[tuple[str, str], dict[tuple[str, int], Route]] = {}
        self._waiting: dict[tuple[str, str], dict[tuple[str, int], Route]] = {}
        self.outgoing: list[Send] = []  #: to be sent as soon as the journal has it
        self.flights: dict[tuple[str, str], Send] = {}  #: by call and client id: sent, and not answered
        #: what strategies ask for, with the trace of what they answered to
        self.asked: deque[tuple[LiveCourse, Sequence[Reviewed], str]] = deque()
        self.holds = Holds()
        self.power = math.inf  #: the broker's buying power, less what was sent since it was told
        self.equity = math.nan  #: of the account, as the broker told it last; NaN before
        self.day_trades = 0  #: in the last five sessions, as the broker counts them
        self.courses: Sequence[LiveCourse] = ()  #: of the session
        self.foreign = Account(0.0)  #: what was traded in the account by nobody here
        self.base: Mapping[str, float] = {}  #: positions that were somebody else's to begin with
        self.time = 0

    def open(self, strategy: str = "") -> Iterator[Route]:
        """Yield the routes that have not ended, of one strategy or of all."""
        for route in list(self.live.values()):
            if route.stage is not Stage.ENDED and strategy in {"", route.course.name}:
                yield route

    def add(self, route: Route) -> None:
        """Take a new route in."""
        self.routes[route.key] = self.live[route.key] = route
        if route.order.reduce_only:
            self._reducing.setdefault(_place(route), {})[route.key] = route

    def reducing(self, route: Route) -> list[Route]:
        """Return the orders of a route's strategy and symbol that only reduce, and have not ended."""
        return list(self._reducing.get(_place(route), {}).values())

    def unprotected(self) -> list[Route]:
        """Return, once each, the exits that the broker ended and whose position has no other."""
        lost, self.lost = self.lost, {}
        return [one for one in lost.values() if one.is_against_position and not self.reducing(one)]

    def ask_end(self, route: Route, reason: Reason) -> None:
        """Note that an order is to end: new ones of its strategy and symbol wait for it."""
        route.cancelling = route.cancelling or reason
        self.await_end(route)

    def await_end(self, route: Route) -> None:
        """Let new orders of a route's strategy and symbol wait until the broker does not have it any more."""
        self._ending.setdefault(_place(route), {})[route.key] = route

    def must_wait(self, route: Route) -> bool:
        """Tell whether an order has to wait for others to end: they may hold its shares, or fill yet."""
        others = self._in_the_way(route)
        for one in others:
            self._waiting.setdefault(_place(one), {})[route.key] = route
        route.waited = route.waited or bool(others)
        return bool(others)

    def _in_the_way(self, route: Route) -> list[Route]:
        """Return the orders whose end an order waits for.

        Where limits hold a strategy, those of other symbols and of other strategies that may open are among
        them: the limits let the order pass without what they fill yet.
        """
        ending = self._ending.get(_place(route), {}).values()
        found = [one for one in ending if one is not route and one.stage is not Stage.KEPT]
        if route.course.gate is None or route.order.reduce_only:
            return found
        own = _place(route)
        others = (one for where, some in self._ending.items() if where != own for one in some.values())
        return found + [
            one
            for one in others
            if one.cancelling and not one.order.reduce_only and one.stage is not Stage.KEPT
        ]

    def has_ended(self, route: Route) -> list[Route]:
        """Let nobody wait for an order any more; return who did."""
        self._ending.get(_place(route), {}).pop(route.key, None)
        return list(self._waiting.pop(_place(route), {}).values())

    def drop(self, route: Route) -> None:
        """Let go of a route that has ended; late fills still find it by its client ids."""
        self.live.pop(route.key, None)
        self.unsplit.pop(route.key, None)
        self._reducing.get(_place(route), {}).pop(route.key, None)
        self.unwatch(route)
        self.holds.release(route)
        for call in ("place", "cancel"):
            self.flights.pop((call, route.client_id), None)

    def watch(self, route: Route) -> None:
        """Let a route wait for a price."""
        route.watched, route.mark = True, route.course.tape.price(route.order.symbol)
        self.watched.setdefault(route.order.symbol, {})[route.key] = route

    def unwatch(self, route: Route) -> None:
        """Let a route wait for no price any more."""
        route.watched = False
        self.watched.get(route.order.symbol, {}).pop(route.key, None)

    def send(self, route: Route, send: Send) -> None:
        """Write an intent down; it goes out when the journal is on the disk."""
        self.trace(route)
        send = send._replace(trace=route.trace)
        route.course.scribe.write("send", body_of_send(send), time=self.time, subject=send.client_id)
        self.outgoing.append(send)
        self.flights[send.call, send.client_id] = send

    def is_taken_back(self, send: Send) -> bool:
        """Tell whether an order was asked to end before it was sent, or means something else since a split.

        A pair of which only one half was asked to end goes out for the other.
        """
        route = self.by_client[send.client_id]
        if route.splits and send.call == "place":
            return True
        paired = route.order.reduce_only and any(child.native for child in route.children)
        return bool(route.cancelling) and not paired

    def trace(self, route: Route) -> None:
        """Let what is written next belong to the bar that an order was decided on."""
        route.course.scribe.trace = route.trace

    def tell(self, route: Route, event: Fill | OrderUpdate) -> None:
        """Tell a strategy what happened to its order, and keep what it asks for because of it."""
        self.trace(route)
        commands = route.course.tell(event)
        if commands:
            self.asked.append((route.course, commands, route.trace))

    def say(self, route: Route, status: OrderStatus, reason: Reason = Reason.NONE) -> None:
        """Tell a strategy that its order has a status, where the order can take that step."""
        order = route.order
        if order.status is _S.NEW and status is not _S.SUBMITTED:
            self.say(route, _S.SUBMITTED)
        if order.status in {_S.SUBMITTED, _S.HELD} and status is _S.TRIGGERED:
            self.say(route, _S.ACCEPTED)
        if status in TRANSITIONS[order.status] and status is not order.status:
            self.tell(route, OrderUpdate(order.id, status, reason, self.time))

    def change(self, route: Route, reason: Reason, *, quantity: float = math.nan) -> None:
        """Tell a strategy that its order has other terms now."""
        order, terms = route.order, route.terms
        if order.status in TERMINAL:
            return
        size = terms.quantity if math.isnan(quantity) else quantity
        news = (
            _news(size, order.quantity), _news(terms.limit, order.limit), _news(terms.stop, order.stop),
            _news(terms.trail, order.trail),
        )  # fmt: skip
        if reason in _QUIET and all(map(math.isnan, news)):
            return
        self.tell(route, OrderUpdate(order.id, order.status, reason, self.time, *news))

    def warn(self, route: Route, said: str) -> None:
        """Write down of an order what somebody must hear of too."""
        self.note(route, said)
        order = route.order
        self.warnings.append(f"order {order.id} of {route.course.name} ({order.describe()}): {said}")

    def note(self, route: Route, said: str) -> None:
        """Write down what the broker or the gate said of an order, in its own words."""
        if said:
            self.trace(route)
            body = {"said": said, "client_id": route.client_id}
            route.course.scribe.write("said", body, time=self.time, subject=str(route.order.id))

    def hold(self, route: Route, quantity: Decimal, standing: Standing | None = None) -> None:
        """Let an order tie up what its terms need, in place of what it tied up before."""
        known = standing or self.standing(route)
        self.power = known.power - self.holds.take(route, float(quantity), known)

    def left(self, route: Route, terms: Terms) -> Decimal:
        """Return how much of an order's terms has not filled."""
        return max(quantity_of(terms.quantity, route.instrument) - route.booked, ZERO)

    def standing(self, route: Route) -> Standing:
        """Return what the gate must know of the account for an order, to which its own hold is free."""
        course, symbol = route.course, route.order.symbol
        own = self.holds.need(route)
        return Standing(
            price=course.tape.price(symbol),
            held=course.engine.account.quantity(symbol) + self.holds.beside(route),
            free=self._unreserved(course) - self.holds.total.get(course.name, 0.0) + own,
            power=self.power + own / course.initial,
            initial=course.initial,
            open=self.is_open(self.time),
            short=course.engine.desk.short,
            barred=self._barred(route),
            unsettled=self._unsettled(course),
        )

    def _barred(self, route: Route) -> Reason | None:
        """Return which rule of the account an order would break, should it open."""
        course, order = route.course, route.order
        if course.conduct is None:
            return None
        working = [one.order for one in self.open() if one is not route and not one.order.reduce_only]
        sales = (one.remaining for one in working if one.symbol == order.symbol and one.side < 0)
        return course.conduct.barred(
            order.symbol, order.side * route.terms.quantity, course.engine.account,
            equity=self._worth(course), time=self.time, waiting={one.symbol for one in working},
            selling=sum(sales), company=self.company(course),
        )  # fmt: skip

    def book_foreign(self, execution: Execution) -> None:
        """Book what somebody else traded in the account: it counts among the account's day trades."""
        entries = self.foreign.entries
        time = max(execution.time, entries[-1].time) if entries else execution.time
        quantity, price, fee = (float(x) for x in (execution.quantity, execution.price, execution.fee))
        symbol, side = execution.symbol, execution.side
        self.foreign.book_fill(Fill(0, "", symbol, side, quantity, price, fee, 0.0, time, Phase.INTRABAR))

    def company(self, course: LiveCourse) -> Company:
        """Return what else there is in the account beside a strategy's ledger."""
        others = [one.engine.account for one in self.courses if one is not course]
        return Company([*others, self.foreign], self.base, self.day_trades)

    def _worth(self, course: LiveCourse) -> float:
        """Return the account's equity: the broker's word, or what the strategies have."""
        if not math.isnan(self.equity):
            return self.equity
        return sum(one.engine.desk.equity() for one in self.courses or [course])

    def _unreserved(self, course: LiveCourse) -> float:
        """Return the equity that no position ties up."""
        account = course.engine.account
        if course.initial == 1.0 and not account.shorts:
            return account.cash - self._unsettled(course)  # without summing the positions' value
        price = course.tape.price
        return rules.free_equity(account.equity(price), account.gross(price), course.initial)

    def _unsettled(self, course: LiveCourse) -> float:
        """Return the proceeds that may not be spent yet."""
        if course.conduct is None:
            return 0.0
        return course.conduct.unsettled(course.engine.account, course.tape.time, self.company(course))


def _place(route: Route) -> tuple[str, str]:
    return route.course.name, route.order.symbol


def _news(wanted: float, known: float) -> float:
    return wanted if wanted != known else math.nan
