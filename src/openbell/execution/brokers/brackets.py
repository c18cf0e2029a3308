"""The exits of a bracket, where nothing else is at the exchange: laid in one step, and ended in one.

An entry that crosses takes its exits along when its own bar passes them by. Later a bar that reaches one of
them, and not the other, fills it whole and cancels the other. It is the same that `book`, `matching` and
`fills` do with them step by step, by the same rules; whatever is not as simple as that goes their way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.orders import Order, OrderUpdate, whole_lots
from openbell.core.ports import Ear, Market
from openbell.core.types import Fill, OrderStatus, OrderType, Phase, Reason, TimeInForce
from openbell.execution.brokers.book import Book
from openbell.execution.brokers.fills import Fills
from openbell.execution.brokers.working import Working

#: The most exits that a bracket of this kind has: a stop and a target.
MOST = 2
_LIMIT, _STOP, _GTC = OrderType.LIMIT, OrderType.STOP, TimeInForce.GTC
_ACCEPTED, _CANCELLED = OrderStatus.ACCEPTED, OrderStatus.CANCELLED
_SAME = (math.nan,) * 4  #: of a quantity and prices that do not change
_OPEN, _INTRABAR = Phase.OPEN, Phase.INTRABAR
_new = tuple.__new__  # a named tuple's own constructor is a call of Python more


class Brackets:
    """Stops and targets of the one position that there is, which a bar passes by or reaches alone."""

    def __init__(self, book: Book, fills: Fills, account: Account, *, market: Market) -> None:
        self.ear: Ear
        self._tracks = market.tracks
        self._open, self._resting, self._filled = book.open, book.resting, book.filled
        self._positions = account.positions
        self._fills = fills

    def lay(self, entry: Order, exits: Sequence[Order], time: int) -> list[Working] | None:
        """Return an entry's exits as they work from the open of the bar that becomes known at `time`.

        Returns:
            None if one of them is not simple, if that bar reaches it, or if something is held already.
        """
        track = self._tracks[entry.symbol]
        at, known = track.cursor.at + 1, track.known
        position = self._positions.get(entry.symbol)
        flat = position is None or position.quantity == 0.0
        if not flat or at >= len(known) or known[at] != time or len(exits) > MOST:
            return None
        open_, high, low, start = track.open[at], track.high[at], track.low[at], track.start[at]
        if not low <= open_ <= high:
            return None
        laid = []
        for order in exits:
            if not (_protects(order, entry) and _is_missed(order, high, low)):
                return None
            working = Working(order, track, start)
            working.mark = open_
            laid.append(working)
        return laid

    def wake(self, laid: Sequence[Working]) -> None:
        """Let exits work, as their entry has filled."""
        for working in laid:
            order = working.order
            self._open[order.id] = working
            self._resting.add(working)
            self.ear.moved(order, _ACCEPTED, working.since)

    def leave(self, time: int) -> bool:
        """Fill the exit that the bar that becomes known at `time` reaches alone, and cancel the other.

        Returns:
            Whether it did. If not, nothing has happened.
        """
        resting = self._resting
        if not 0 < len(self._open) <= MOST or resting.pressing or resting.expiring:
            return False
        works = list(self._open.values())
        track = works[0].track
        at, known = track.cursor.at + 1, track.known
        if at >= len(known) or known[at] != time:
            return False
        position = self._positions.get(track.symbol)
        working = self._reached(works, at, position.quantity if position is not None else 0.0)
        return working is not None and self._fill(working, works, at)

    def _reached(self, works: Sequence[Working], at: int, held: float) -> Working | None:
        """Return the order that a bar reaches alone, when all are simple exits of all that is held."""
        track, group, reached = works[0].track, works[0].order.oco, None
        high, low, start, size = track.high[at], track.low[at], track.start[at], abs(held)
        if not group and len(works) > 1:
            return None
        for working in works:
            order = working.order
            whole = working.quantity == size and working.filled == 0.0 and working.pending == 0.0
            closes = order.reduce_only and order.oco == group and held * order.side < 0.0
            ready = working.active and working.since <= start and working.track is track
            if not (whole and closes and ready and _waits(working)):
                return None
            if working.is_stop:
                touched = rules.stop_touched(order.side, working.stop, high, low)
            else:
                touched = rules.limit_touched(order.side, working.limit, high, low)
            if touched and reached is not None:
                return None
            reached = working if touched else reached
        return reached

    def _fill(self, working: Working, works: Sequence[Working], at: int) -> bool:
        """Fill an exit whole, if the bar has the volume for it."""
        order, track, stopped = working.order, working.track, working.is_stop
        side, quantity, open_ = order.side, working.quantity, track.open[at]
        if whole_lots(quantity, working.lot) != quantity or not self._fills.has_volume(working, quantity, at):
            return False
        if stopped:
            level, through = working.stop, rules.stop_at_open(side, working.stop, open_)
        else:
            level, through = working.limit, rules.limit_at_open(side, working.limit, open_)
        if through:
            price, phase, moment = open_, _OPEN, track.start[at]
        else:
            price, phase, moment = level, _INTRABAR, track.known[at]
        taken, fee, _ = self._fills.trade(working, quantity, price, at, phase, stopped)
        slipped = abs(taken - price)
        told = (order.id, order.strategy, order.symbol, side, quantity, taken, fee, slipped, moment, phase)
        self.ear.fill(_new(Fill, told))
        self._conclude(working, works, moment)
        return True

    def _conclude(self, filled: Working, works: Sequence[Working], moment: int) -> None:
        """End all that works, as one of a group has filled whole."""
        self._open.clear()
        self._resting.clear()
        self._filled.add(filled.order.id)
        for other in works:
            if other is not filled:
                told = (other.order.id, _CANCELLED, Reason.OCO, moment, *_SAME)
                self.ear.update(_new(OrderUpdate, told))


def _waits(working: Working) -> bool:
    """Tell whether an order waits for the price of a plain stop or limit, whenever it comes."""
    simple = working.is_stop if working.order.type is _STOP else working.order.type is _LIMIT
    return simple and not working.bound and not working.confined


def _protects(order: Order, entry: Order) -> bool:
    """Tell whether an order is an exit of all of an entry, until cancelled."""
    simple = order.parent == entry.id and order.reduce_only and order.tif is _GTC
    return simple and order.side == -entry.side and order.quantity == entry.quantity


def _is_missed(order: Order, high: float, low: float) -> bool:
    """Tell whether a bar passes by an order that is a plain stop or limit."""
    if order.type is _STOP:
        return not rules.stop_touched(order.side, order.stop, high, low)
    return order.type is _LIMIT and not rules.limit_touched(order.side, order.limit, high, low)
