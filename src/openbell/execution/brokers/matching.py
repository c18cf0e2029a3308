"""Matching: a moment's bars against the orders that work, in three phases.

A bar has its open, what happens inside, and its close. At an open, orders that reduce positions go before
those that open them, so that sales pay for purchases. Inside, stops go before limits, which is the worse
reading for the trader, and the nearer to the open goes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.types import OrderStatus, OrderType, Phase, Reason, TimeInForce
from openbell.execution.brokers.ambiguity import Ambiguity, Detail, first_touched
from openbell.execution.brokers.book import Book
from openbell.execution.brokers.fills import Fills
from openbell.execution.brokers.working import Working

_OPEN = Phase.OPEN

#: An order, and the index of the bar that it meets.
_Item = tuple[Working, int]


class Matching:
    """Lets bars fill what rests in a book."""

    def __init__(
        self, book: Book, fills: Fills, *, account: Account, sessions: Sessions, detail: Detail | None
    ) -> None:
        self.ambiguities: list[Ambiguity] = []
        self._book = book
        self._fills = fills
        self._account = account
        self._sessions = sessions
        self._detail = detail

    def run(self, time: int) -> None:
        """Match the bars that become known at `time`, and expire what runs out by then."""
        book = self._book
        self._match(time)
        if book.resting.expiring:
            book.expire_all(time)

    def _match(self, time: int) -> None:
        book = self._book
        queue: list[_Item] = []
        trailing: list[_Item] = []
        for working in book.resting.by_age():
            track = working.track
            at, known = track.cursor.at + 1, track.known
            if at >= len(known) or known[at] != time or not working.active:
                continue
            start = track.start[at]
            if working.expires <= start:
                book.expire(working)
            elif working.since <= start and (not working.confined or self._sessions.is_open(start)):
                if working.trails:
                    trailing.append((working, at))
                if working.plain or not working.is_missed(track.high[at], track.low[at]):
                    queue.append((working, at))
        if queue:
            self._fills.begin()
            self._open(queue, trailing)
            later = [item for item in queue if not item[0].plain]  # which are at the next open again
            if later:
                self._inside(later)
                self._close(later, time)
        _trail(trailing)

    # --- the open --------------------------------------------------------------------------------------

    def _open(self, queue: list[_Item], trailing: list[_Item]) -> None:
        """Fill at the open; children of what fills join the queue, as they work at once."""
        joined = self._book.joined
        joined.clear()
        turns = self._reductions_first(queue, lambda w, at: w.price_at_open(w.track.open[at]))
        for working, at in turns:  # grows while it is walked
            if working.active:
                self._at_open(working, at)
            if joined:
                opens = self._sessions.is_open
                new = [(c, at) for c in joined if not c.confined or opens(c.track.start[at])]
                trailing.extend(item for item in new if item[0].trails)
                reached = [item for item in new if not _is_passed(*item)]
                turns.extend(reached)
                queue.extend(item for item in reached if item not in queue)
                joined.clear()

    def _at_open(self, working: Working, at: int) -> None:
        order, track = working.order, working.track
        open_ = track.open[at]
        if working.plain:
            if not math.isnan(open_):
                self._fills.fill(working, at, open_, _OPEN)
            return
        moment = track.start[at]
        if order.tif is TimeInForce.OPG and moment < self._sessions.open_from(working.since):
            return  # the session it is for has not begun
        stopped = working.stopped_at_open(open_)
        price = working.price_at_open(open_)
        if stopped:
            self._trigger(working, track.known[at])
        if not math.isnan(price):
            self._fills.fill(working, at, price, _OPEN, stopped)
        if stopped:
            self._book.tell_triggered(working, moment)
        if working.active and working.immediate:
            self._book.end(working, OrderStatus.CANCELLED, moment, Reason.NOT_IMMEDIATE)
        elif working.active and order.tif is TimeInForce.OPG:
            self._book.end(working, OrderStatus.EXPIRED, moment, Reason.SESSION_END)

    def _trigger(self, working: Working, since: int) -> None:
        """Make a stop the order that it becomes, which what is left of this bar does not fill."""
        working.is_stop = False
        working.since = since

    def _reductions_first(self, queue: list[_Item], price: Callable[[Working, int], float]) -> list[_Item]:
        """Order what fills at one price of a bar: reductions before what opens positions, else by age."""
        if len(queue) < 2:
            return queue.copy()
        first, last = [], []
        held: dict[str, float] = {}
        for item in queue:
            working, at = item
            order = working.order
            if math.isnan(working.track.open[at] if working.plain else price(working, at)):
                first.append(item)  # it does not fill, so its place does not matter
                continue
            symbol, size = order.symbol, working.remaining()
            position = held.get(symbol)
            if position is None:
                position = self._account.quantity(symbol)
            opens = rules.opening_part(position, order.side * size) > rules.DUST
            if opens and not order.reduce_only:
                last.append(item)
                continue
            first.append(item)
            held[symbol] = position + order.side * min(size, abs(position))
        return first + last

    # --- inside ----------------------------------------------------------------------------------------

    def _inside(self, queue: list[_Item]) -> None:
        for working, at in sorted(queue, key=_turn) if len(queue) > 1 else queue:
            track = working.track
            if not working.active or working.since > track.start[at]:
                continue
            if working.expires < track.known[at]:
                continue  # it runs out inside the bar, and nobody knows which part of it was in time
            high, low = track.high[at], track.low[at]
            stopped = working.stopped_inside(high, low)
            price = working.price_inside(track.open[at], high, low)
            if math.isnan(price):
                if stopped:
                    self._trigger(working, track.known[at])
                    self._book.tell_triggered(working, track.known[at])
                continue
            target = self._target(working, at) if stopped else None
            if target is None:
                self._touch(working, at, price, stopped=stopped)
            else:
                self._settle(working, target, at, price)

    def _touch(self, working: Working, at: int, price: float, *, stopped: bool) -> None:
        known = working.track.known[at]
        if stopped:
            self._trigger(working, known)
        self._fills.fill(working, at, price, Phase.INTRABAR, stopped)
        if stopped:
            self._book.tell_triggered(working, known)

    def _target(self, stop: Working, at: int) -> Working | None:
        """Return the target that the bar touches as well as the stop, if there is one."""
        order, track = stop.order, stop.track
        if not order.oco:
            return None
        for other in self._book.resting.of(order.symbol):
            if other.order.oco == order.oco and other.order.type is OrderType.LIMIT:
                price = other.price_inside(track.open[at], track.high[at], track.low[at])
                if other.since <= track.start[at] and not math.isnan(price):
                    return other
        return None

    def _settle(self, stop: Working, target: Working, at: int, price: float) -> None:
        """Fill the stop rather than its target, unless finer bars tell that the target came first."""
        track = stop.track
        told = None
        if self._detail is not None:
            told = first_touched(stop, target, self._detail(track.symbol, track.start[at], track.known[at]))
        chosen, taken = told or (stop, price)
        taken = min(max(taken, track.low[at]), track.high[at])  # finer bars may not agree with this one
        before = chosen.filled
        self._touch(chosen, at, taken, stopped=chosen is stop)
        filled = chosen.filled - before
        if filled > 0.0:
            better = taken if chosen is target else target.limit
            self.ambiguities.append(
                Ambiguity(track.symbol, track.known[at], filled, taken, better, told is not None)
            )
        if stop.is_stop and stop.active:  # the target left some of it to the stop, that came later
            self._touch(stop, at, price, stopped=True)

    # --- the close -------------------------------------------------------------------------------------

    def _close(self, queue: list[_Item], time: int) -> None:
        due = [(w, at) for w, at in queue if w.order.tif is TimeInForce.CLS and time >= w.expires]
        for working, at in self._reductions_first(due, lambda w, at: w.price_at_close(w.track.close[at])):
            price = working.price_at_close(working.track.close[at])
            if working.active and not math.isnan(price):
                self._fills.fill(working, at, price, Phase.CLOSE)


def _is_passed(child: Working, at: int) -> bool:
    """Tell whether the bar in which a child begins to work passes it by from its open to its close."""
    track = child.track
    high, low = track.high[at], track.low[at]
    return not child.plain and low <= track.open[at] <= high and child.is_missed(high, low)


def _trail(items: list[_Item]) -> None:
    """Move the marks of trailing stops by their bars' extremes, for the next bars."""
    for working, at in items:
        track, side = working.track, working.order.side
        working.mark = rules.trailing_mark(side, working.mark, track.high[at], track.low[at])


def _turn(item: _Item) -> tuple[bool, float]:
    """Order what a bar may touch: stops before limits, the nearer to the open first."""
    working, at = item
    return not working.is_stop, working.distance(working.track.open[at])
