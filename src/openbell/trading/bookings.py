"""Bookings: what the broker says of orders, told to their strategies once, in an order that can be."""

from __future__ import annotations

from decimal import Decimal

from openbell.core.orders import TERMINAL, Order, OrderUpdate
from openbell.core.types import OrderStatus, Reason, TimeInForce
from openbell.execution.approval import quantity_of
from openbell.execution.port import STOP_LEG, TARGET_LEG, Execution, Report
from openbell.trading.board import Board
from openbell.trading.livecourse import fill_of_execution
from openbell.trading.retired import retired_routes
from openbell.trading.route import ZERO, Route, Send, Stage, plain, said_of
from openbell.trading.steering import Steering

_S = OrderStatus
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class Bookings:
    """Books reports and executions. Fills are booked by their ids, ends when all fills before them are."""

    def __init__(self, board: Board, steering: Steering) -> None:
        self._board, self._steering = board, steering
        self._known: set[str] = set()  # ids of executions
        self._retired = 0  # when those ended whose routes are gone, ns: what is older is no news
        self._by_broker: dict[str, str] = {}  # client ids by the broker's
        self.foreign: dict[str, Report] = {}
        self.foreign_fills: dict[str, Execution] = {}

    def is_news(self, heard: Report | Execution) -> bool:
        """Tell whether something heard would change anything."""
        route = self._board.by_client.get(heard.client_id)
        if isinstance(heard, Execution):
            is_past = route is None and heard.time < self._retired
            return heard.id not in self._known and not is_past
        if route is None and heard.status in TERMINAL and heard.time < self._retired:
            return False
        before = self.foreign.get(heard.broker_id) if route is None else route.heard.get(heard.client_id)
        return before is None or said_of(before) != said_of(heard)

    def is_forgotten(self, heard: Report | Execution) -> bool:
        """Tell whether something heard is about an order of this very session that it does not know.

        What has been let go of was long ago.
        """
        ids, known = self._board.ids, self._board.by_client
        owner = heard.client_id.removesuffix(STOP_LEG).removesuffix(TARGET_LEG)
        if heard.time < self._retired or heard.client_id in known or owner in known:
            return False
        return any(ids.may_have_made(owner, course.name) for course in self._board.courses)

    def retire(self, name: str, before: int) -> None:
        """Let go of the routes of orders that a strategy let go of, which ended before a time in ns."""
        self._retired = max(self._retired, before)
        for route in retired_routes(self._board, name):
            self._known.difference_update(route.executions)
            for heard in route.heard.values():
                self._by_broker.pop(heard.broker_id, None)

    # --- reports ---------------------------------------------------------------------------------------

    def hear_report(self, report: Report) -> None:
        """Take a report, which may come late, twice, or before the answer to its order."""
        route = self._board.by_client.get(report.client_id)
        if route is None:
            self.foreign[report.broker_id] = report
            return
        self._by_broker[report.broker_id] = report.client_id
        news = route.take(report)
        self._count(route)
        if not news:
            return
        if report.client_id == route.pending:
            if report.status is _S.REJECTED:
                return  # the answer to the request says so too
            self.switch(route)
        if report.client_id != route.client_id:
            return  # of a client id that is not in force any more: only its fills count
        if route.stage is Stage.ENDED:
            self._revive(route, report)
            return
        self.arrive(route)
        self._step(route, route.heard[report.client_id])
        self.finish(route)
        self._steering.steer(route)

    def arrive(self, route: Route) -> None:
        """Take note that the broker has an order, and with it the exits that went along."""
        if route.stage is Stage.SENT:
            route.stage = Stage.WORKING
            self._board.flights.pop(("place", route.client_id), None)
            for leg in route.children:
                if leg.native:
                    self.arrive(leg)
                    if leg.parent is not None:
                        self._board.say(leg, _S.HELD)
                    self._steering.steer(leg)

    def switch(self, route: Route) -> None:
        """Let a replacement be in force."""
        self._board.flights.pop(("replace", route.pending), None)
        route.client_id, route.pending = route.pending, ""
        route.asked, route.cancel_sent = route.coming, False
        route.restated = False
        self._board.change(route, Reason.REPLACED)

    def _step(self, route: Route, report: Report) -> None:
        """Tell a strategy of a step that is neither a fill nor an end."""
        if route.native and report.status not in {_S.REJECTED, _S.CANCELLED, _S.EXPIRED}:
            self._follow(route, report)
        if report.status in {_S.ACCEPTED, _S.HELD, _S.TRIGGERED}:
            self._board.say(route, report.status)

    def _follow(self, leg: Route, report: Report) -> None:
        """Take over the quantity that the broker has given a native exit, as its entry or its pair filled."""
        quantity = report.quantity
        if leg.booked <= quantity < min(quantity_of(leg.order.quantity, leg.instrument), leg.sent):
            leg.terms = leg.terms._replace(quantity=float(quantity))
            leg.asked = leg.terms
            self._board.change(leg, Reason.NONE)

    def _revive(self, route: Route, report: Report) -> None:
        """End an order at the broker that was given up here: it has arrived after all."""
        if report.status not in TERMINAL and not route.cancel_sent:
            route.cancel_sent = True
            self._board.note(route, "it reached the broker after it had been given up, and is cancelled")
            self._board.send(route, Send("cancel", route.client_id, target=route.client_id))

    # --- fills -----------------------------------------------------------------------------------------

    def hear_execution(self, execution: Execution) -> None:
        """Take one fill; the same comes twice where the stream and a request overlap."""
        if execution.id in self._known:
            return
        self._known.add(execution.id)
        client_id = execution.client_id or self._by_broker.get(execution.broker_id, "")
        route = self._board.by_client.get(client_id)
        if route is None:
            self.foreign_fills[execution.id] = execution
            self._board.book_foreign(execution)
            return
        route.executions.append(execution.id)
        route.executed += execution.quantity
        quantity = min(execution.quantity, route.executed - route.booked)
        if quantity <= 0:
            return  # it was booked when a report spoke of it
        fee = execution.fee * quantity / execution.quantity
        self._book(route, quantity, execution.price, fee, execution.time)

    def book_untold(self, route: Route) -> None:
        """Book what reports say has filled and no execution has told."""
        quantity = route.told - route.booked
        if quantity <= 0:
            return
        paid = sum((heard.filled * heard.average for heard in route.heard.values()), ZERO)
        price = (paid - route.value) / quantity
        if price <= 0:
            price = max(heard.average for heard in route.heard.values())
        time = max(heard.time for heard in route.heard.values())
        self._book(route, quantity, price, ZERO, time)

    def _book(self, route: Route, quantity: Decimal, price: Decimal, fee: Decimal, time: int) -> None:
        board, order = self._board, route.order
        self.arrive(route)
        if route.splits and time >= route.splits[0].ex:
            board.warn(
                route, f"{plain(quantity)} filled at {plain(price)}, in the shares of before its split"
            )
        if order.status in TERMINAL:
            order = self._late(route, quantity)
        elif order.status in {_S.NEW, _S.HELD}:
            board.say(route, _S.ACCEPTED)
        route.booked += quantity
        route.value += quantity * price
        self._count(route)
        board.holds.release(route, float(quantity))
        account = route.course.engine.account
        before = account.quantity(order.symbol)
        told = fill_of_execution(order, route.course.name, quantity=quantity, price=price, fee=fee, time=time)
        board.tell(route, told)
        if order.oco:
            self._tend_group(route, quantity)
        for child in route.children:
            self._steering.steer(child)
        after = account.quantity(order.symbol)
        if before and before * after <= 0.0:
            board.lost.pop((route.course.name, order.symbol), None)
            self._steering.end_exits(route, after)
        self._steering.fit(route)
        self.finish(route)
        self._steering.steer(route)

    def _late(self, route: Route, quantity: Decimal) -> Order:
        """Return an order of its own for a fill that came after its order had ended: it must be booked."""
        signed = route.order.side * quantity
        self._board.trace(route)
        order = route.course.adopt(route.order.symbol, signed, Reason.LATE_FILL, self._board.time)
        self._board.note(route, f"{quantity} filled after it was {route.order.status.value}")
        time = self._board.time
        self._board.tell(route, OrderUpdate(order.id, _S.SUBMITTED, Reason.NONE, time))
        return order

    def _tend_group(self, route: Route, quantity: Decimal) -> None:
        """Take what filled off the others of its group, where the broker does not."""
        for other in self._board.open(route.course.name):
            if other is not route and other.order.oco == route.order.oco and not other.native:
                other.taken += quantity
                if other.wanted <= other.booked:
                    self._board.ask_end(other, Reason.OCO)
                self._steering.steer(other)

    def _count(self, route: Route) -> None:
        """Note whether the broker speaks of fills of a route that it has not told."""
        if route.is_short_of_fills:
            self._board.short[route.key] = route
        else:
            self._board.short.pop(route.key, None)

    # --- ends ------------------------------------------------------------------------------------------

    def finish(self, route: Route) -> None:
        """Let an order end if the broker says so, and every fill before its end has been booked."""
        last = route.last
        if last is None or last.status not in TERMINAL or route.stage is not Stage.WORKING:
            return
        if route.is_short_of_fills or (route.pending and last.status is _S.CANCELLED):
            return
        if last.status is _S.FILLED:
            self._fill_up(route)
        elif route.again and last.status is _S.CANCELLED:
            self.rest(route)
        else:
            self._warn(route, last)
            self._steering.end(route, last.status, self._why(route, last), last.said)

    def rest(self, route: Route) -> None:
        """Keep an order here that the broker does not have any more, until it is placed anew."""
        route.again, route.cancel_sent, route.stage = False, False, Stage.KEPT
        if not route.cancelling:
            self._board.change(route, Reason.REPLACED)
        self._steering.release(route)
        self._steering.steer(route)

    def _warn(self, route: Route, last: Report) -> None:
        """Take note that a position has lost an order that protected it, unless that was wanted."""
        order = route.order
        if not order.reduce_only or route.cancelling or not route.is_against_position:
            return
        if not route.native:  # of those that the broker tends, the fill that led to it may be still to come
            self._board.note(route, "the broker ended it, and the position that it protected is still held")
        if last.status is not _S.EXPIRED or order.tif is TimeInForce.GTC:
            self._board.lost[route.course.name, order.symbol] = route

    def _fill_up(self, route: Route) -> None:
        """End an order that has filled, or go on with what of it has not been sent yet."""
        if route.booked >= quantity_of(route.order.quantity, route.instrument):
            self._steering.end(route, _S.FILLED, Reason.NONE)
        elif route.native and route.sent >= quantity_of(route.order.quantity, route.instrument):
            self._board.change(route, Reason.NONE, quantity=float(route.booked))
            self._steering.end(route, _S.FILLED, Reason.NONE)
        else:
            route.stage, route.native, route.owner = Stage.KEPT, False, None
            self._steering.steer(route)

    def _why(self, route: Route, last: Report) -> Reason:
        """Return why an order ended that did not fill."""
        if last.status is _S.REJECTED:
            return Reason.BROKER_REFUSED
        if last.status is _S.EXPIRED:
            return last.reason or Reason.SESSION_END
        if route.cancelling or route.order.tif in _AT_ONCE:
            return route.cancelling or Reason.NOT_IMMEDIATE
        if route.native:
            orphan = route.parent is not None and not route.parent.booked
            return Reason.PARENT_ENDED if orphan else Reason.OCO
        return last.reason or Reason.BROKER_CANCELLED
