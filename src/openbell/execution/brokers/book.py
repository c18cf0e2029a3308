"""The orders that the simulated exchange holds: how each is accepted, held back, changed and ended."""

from __future__ import annotations

import math
from collections.abc import Mapping

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.market import Track
from openbell.core.marks import Marks
from openbell.core.orders import Order, OrderUpdate, Replace
from openbell.core.ports import Ear
from openbell.core.types import OrderStatus, Phase, Reason, Split, TimeInForce
from openbell.execution.brokers.funds import Funds
from openbell.execution.brokers.resting import Resting
from openbell.execution.brokers.working import Working

_S = OrderStatus
_NEW, _SUBMITTED, _HELD = _S.NEW, _S.SUBMITTED, _S.HELD
_ACCEPTED, _REJECTED = _S.ACCEPTED, _S.REJECTED
_GTC = TimeInForce.GTC
_NONE = Reason.NONE
_NEVER = math.inf
NO_TIME = 2**62  #: ns UTC, after all bars
_SAME = math.nan  #: a price or quantity that does not change
_new = tuple.__new__  # a named tuple's own constructor is a call of Python more


class Book:
    """All orders that have not ended; those that work rest as well, which children asleep do not."""

    def __init__(
        self, *, account: Account, tracks: Mapping[str, Track], sessions: Sessions, funds: Funds
    ) -> None:
        self.ear: Ear
        self.open: dict[int, Working] = {}
        self.resting = Resting()
        self.joined: list[Working] = []  #: children that began to work, or grew, at an open
        self._children: dict[int, list[Working]] = {}
        self.delisted: set[str] = set()  #: symbols that are not traded any more
        self.filled = Marks()  #: orders that ended with a fill: a later child need not wait
        self._account = account
        self._tracks = tracks
        self._sessions = sessions
        self._funds = funds

    def waits_for_parent(self, working: Working) -> bool:
        """Tell whether an order's parent may still fill, and so bring something to protect."""
        return working.order.parent in self.open

    # --- beginnings ------------------------------------------------------------------------------------

    def accept(self, order: Order, time: int) -> None:
        """Take an order: it is refused, works at once, or is held until its parent fills."""
        working = Working(order, self._tracks[order.symbol], time)
        if order.parent:
            self.ear.moved(order, _SUBMITTED, time)
            if not self._join(working, time):
                return
        self.open[order.id] = working
        expires = _NEVER if order.tif is _GTC else self._expiry(order, time)
        self._start(working, time, working.track.price(), expires)

    def _join(self, child: Working, time: int) -> bool:
        """Put a child under its parent; tell whether it works at once, as its parent has filled."""
        order = child.order
        parent = self.open.get(order.parent)
        if parent is None:
            if order.parent in self.filled:
                return True
            self._say(order.id, _REJECTED, time, Reason.PARENT_ENDED)
            return False
        unfilled = 1.0 - parent.filled / parent.quantity
        child.pending = order.quantity * unfilled
        self._children.setdefault(order.parent, []).append(child)
        if parent.filled > 0.0:
            return True
        self.open[order.id] = child
        self.ear.moved(order, _HELD, time)
        return False

    def _start(self, working: Working, time: int, mark: float, expires: float) -> None:
        """Let an order work from `time` on, if it is in time and there is money for it."""
        order = working.order
        status, why = _REJECTED, None
        if self.delisted and order.symbol in self.delisted:
            why = Reason.DELISTED
        elif expires <= time:
            status, why = OrderStatus.EXPIRED, _why_it_ran_out(order)
        elif mark != mark:  # noqa: PLR0124  # NaN, without a call
            why = Reason.NO_PRICE
        else:
            why = self._funds.refusal(working, order)
        fresh = order.status is _NEW
        if why is not None:
            if fresh:
                self.ear.moved(order, _SUBMITTED, time)
            self.end(working, status, time, why)
            return
        working.since, working.expires, working.mark = time, expires, mark
        self.resting.add(working)
        if fresh:
            self.ear.accepted(order, time)
        else:
            self.ear.moved(order, _ACCEPTED, time)

    def _expiry(self, order: Order, time: int) -> float:
        if order.extended and order.tif is TimeInForce.DAY:
            return self._sessions.extended_close_after(time)
        if order.tif in (TimeInForce.DAY, TimeInForce.CLS):
            return self._sessions.close_after(time)
        if order.tif is TimeInForce.OPG:
            return self._sessions.close_after(self._sessions.open_from(time))
        return order.good_till if order.tif is TimeInForce.GTD else math.inf

    # --- changes ---------------------------------------------------------------------------------------

    def replace(self, change: Replace, time: int) -> None:
        """Change an order in place; where the money is missing it stays as it was."""
        working = self.open.get(change.order_id)
        if working is None:
            return  # it ended on the way: a fill or an expiry won the race
        before = working.quantity, working.limit, working.stop, working.pending
        working.change(change)
        if working.is_done():
            self.end(working, OrderStatus.CANCELLED, time, Reason.REPLACED)
            return
        order_id, status = working.order.id, working.order.status
        if working.active:
            self._funds.release(working)
            refusal = self._funds.refusal(working, working.order)
            if refusal is not None:
                working.quantity, working.limit, working.stop, working.pending = before
                self._funds.refusal(working, working.order)  # it was affordable before: it reserves again
                self._say(order_id, status, time, refusal)
                return
            working.since = time
        self.resting.changed.add(working.order.symbol)
        self._say(order_id, status, time, Reason.REPLACED, change.quantity, change.limit, change.stop)

    def put_off(self, working: Working, time: int) -> None:
        """Let an order work from a later time on; at `NO_TIME` it never does, and ties up no money."""
        working.since = time
        if time == NO_TIME:
            self._funds.release(working)
        elif working.expires != _NEVER:
            working.expires = self._expiry(working.order, time)
        self.resting.changed.add(working.order.symbol)

    def restate(self, working: Working, split: Split) -> None:
        """Adjust an order to a split: more shares at a lower price."""
        working.restate(split)
        self._funds.split(working.order.id, working.remaining())
        self.resting.changed.add(split.symbol)
        self._say(
            working.order.id, working.order.status, split.ex, Reason.SPLIT,
            working.quantity, working.limit, working.stop, working.trail,
        )  # fmt: skip

    def cut(self, working: Working, quantity: float, time: int) -> None:
        """Make `quantity` shares all that is left of an order, and of its children in proportion."""
        left = working.quantity - working.filled
        working.quantity = working.filled + quantity
        order = working.order
        self._say(order.id, order.status, time, Reason.CUT_TO_AFFORDABLE, working.quantity)
        for child in self._children.get(order.id, ()):
            self._give_up(child, child.pending * (1.0 - quantity / left), time)

    def tell_triggered(self, working: Working, time: int) -> None:
        """Say that a stop was reached, when no fill has said so."""
        if working.active and working.filled == 0.0:
            self._say(working.order.id, OrderStatus.TRIGGERED, time)

    # --- consequences of a fill ------------------------------------------------------------------------

    def after_fill(
        self, working: Working, quantity: float, held: float, market: float, moment: int, phase: Phase
    ) -> None:
        """Wake children, take a fill off its OCO group, and end exits whose position is closed.

        `held` is the position before the fill, `market` the price that was touched.
        """
        order = working.order
        if working.is_done():
            self._drop(working)
        if self._children and order.id in self._children:
            self._bring(working, quantity, market, moment, phase)
        if order.oco:
            self._reduce_group(working, quantity, moment)
        if held != 0.0 and self.resting:
            after = self._account.quantity(order.symbol)
            if held * after <= 0.0:
                self._end_exits(order.symbol, after, moment)

    def _bring(self, parent: Working, quantity: float, market: float, moment: int, phase: Phase) -> None:
        """Bring children their part of a parent's fill."""
        done = parent.is_done()
        unfilled = parent.quantity - parent.filled
        share = 1.0 if done else quantity / (unfilled + quantity)
        children = self._children.pop(parent.order.id) if done else self._children[parent.order.id]
        for child in children:
            if child.order.id in self.open:
                child.pending *= 1.0 - share
                self._wake(child, market, moment=moment, phase=phase)

    def _wake(self, child: Working, market: float, *, moment: int, phase: Phase) -> None:
        """Start a child, or let it grow with its parent. What happened inside a bar counts from the next."""
        if not child.active:
            inside = phase is Phase.INTRABAR  # somewhere before the bar's end, which may be the session's
            expires = self._expiry(child.order, moment - inside)
            self._start(child, moment, market, expires)
        elif phase is not Phase.OPEN:
            child.since = moment
        if child.active and phase is Phase.OPEN:
            self.joined.append(child)

    def _reduce_group(self, working: Working, quantity: float, moment: int) -> None:
        """Take a fill off the other orders of its OCO group; what has nothing left is cancelled."""
        oco = working.order.oco
        for other in [w for w in self.open.values() if w.order.oco == oco and w is not working]:
            if other.order.id not in self.open:
                continue  # its parent was in the group as well, and took it along
            other.quantity -= quantity
            if working.is_done() or other.is_done():
                self.end(other, OrderStatus.CANCELLED, moment, Reason.OCO)
                continue
            other.pending = min(other.pending, other.quantity - other.filled)
            self._funds.release(other, quantity)
            self._say(other.order.id, other.order.status, moment, Reason.OCO, other.quantity)

    def _end_exits(self, symbol: str, after: float, moment: int) -> None:
        """Cancel orders that protected a position which is closed, or turned into its opposite."""
        for other in self.resting.of(symbol):
            exits = other.order.reduce_only and after * other.order.side >= 0.0
            if exits and other.active and not self.waits_for_parent(other):
                self.end(other, OrderStatus.CANCELLED, moment, Reason.POSITION_CLOSED)

    # --- ends ------------------------------------------------------------------------------------------

    def end(self, working: Working, status: OrderStatus, time: int, reason: Reason) -> None:
        """End an order; children go with it, as far as it has not filled."""
        self._drop(working)
        self._say(working.order.id, status, time, reason)
        if working.order.id not in self._children:
            return
        for child in self._children.pop(working.order.id):
            if working.filled > 0.0:
                self._give_up(child, child.pending, time)
            elif child.order.id in self.open:
                self.end(child, OrderStatus.CANCELLED, time, Reason.PARENT_ENDED)

    def expire_all(self, time: int) -> None:
        """End the orders that have run out by `time`."""
        for working in self.resting.by_age():
            if working.expires <= time and working.active:
                self.expire(working)

    def expire(self, working: Working) -> None:
        """End an order that ran out."""
        why = _why_it_ran_out(working.order)
        self.end(working, OrderStatus.EXPIRED, int(working.expires), why)

    def finish(self, time: int) -> None:
        """End everything that has not ended, because the run ends."""
        for working in list(self.open.values()):
            if working.order.id in self.open:
                self.end(working, OrderStatus.EXPIRED, time, Reason.END_OF_DATA)

    def _give_up(self, child: Working, shares: float, time: int) -> None:
        """Take shares off a child that its parent will not bring any more."""
        if shares <= rules.DUST or child.order.id not in self.open:
            return
        child.pending = max(child.pending - shares, 0.0)
        rest = rules.denoised(child.quantity - child.filled - shares, child.quantity, child.lot)
        child.quantity = child.filled + rules.whole_lots(rest, child.lot)
        if child.is_done():
            self.end(child, OrderStatus.CANCELLED, time, Reason.PARENT_ENDED)
        else:
            self._say(child.order.id, child.order.status, time, Reason.PARENT_ENDED, child.quantity)

    def _drop(self, working: Working) -> None:
        order_id = working.order.id
        self._funds.release(working)
        self.open.pop(order_id, None)
        if working.filled > 0.0:
            self.filled.add(order_id)
        if working.active:
            self.resting.remove(working)

    def _say(
        self, order_id: int, status: OrderStatus, time: int, reason: Reason = _NONE,
        quantity: float = _SAME, limit: float = _SAME, stop: float = _SAME, trail: float = _SAME,
    ) -> None:  # fmt: skip
        """Tell what became of an order."""
        self.ear.update(_new(OrderUpdate, (order_id, status, reason, time, quantity, limit, stop, trail)))


def _why_it_ran_out(order: Order) -> Reason:
    return Reason.GOOD_TILL if order.tif is TimeInForce.GTD else Reason.SESSION_END
