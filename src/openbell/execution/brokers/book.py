"""The orders that the simulated exchange holds: how each is accepted, held back, changed and ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from openbell.core import rules
from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.market import Track
from openbell.core.orders import Order, OrderUpdate, Replace
from openbell.core.types import OrderStatus, OrderType, Phase, Reason, Split, TimeInForce
from openbell.execution.brokers.funds import Funds
from openbell.execution.brokers.working import Working

Updates = Iterator[OrderUpdate]


class Book:
    """All orders that have not ended; those that work also by symbol, which children asleep do not."""

    def __init__(
        self, *, account: Account, tracks: Mapping[str, Track], sessions: Sessions, funds: Funds
    ) -> None:
        self.open: dict[int, Working] = {}
        self.joined: list[Working] = []  #: children that began to work, or grew, at an open
        self._resting: dict[str, list[Working]] = {}
        self._by_age: list[Working] | None = None
        self._children: dict[int, list[Working]] = {}
        self._with_fills: set[int] = set()  #: orders that ended with a fill: a later child need not wait
        self._account = account
        self._tracks = tracks
        self._sessions = sessions
        self._funds = funds

    @property
    def busy(self) -> bool:
        """Tell whether an order works."""
        return bool(self._resting)

    def resting(self) -> list[Working]:
        """Return the orders that work now, oldest first. What changes later is not seen in the list."""
        if self._by_age is None:
            found = [working for works in self._resting.values() for working in works]
            self._by_age = sorted(found, key=lambda working: working.order.id)
        return self._by_age

    def resting_in(self, symbol: str) -> list[Working]:
        """Return the orders of one symbol that work."""
        return list(self._resting.get(symbol, ()))

    def is_closing(self, symbol: str) -> bool:
        """Tell whether an order to close the symbol's position at the next open works."""
        return any(
            w.order.reduce_only and w.order.type is OrderType.MARKET for w in self._resting.get(symbol, ())
        )

    def waits_for_parent(self, working: Working) -> bool:
        """Tell whether an order's parent may still fill, and so bring something to protect."""
        return working.order.parent in self.open

    # --- beginnings ------------------------------------------------------------------------------------

    def accept(self, order: Order, time: int) -> Updates:
        """Take an order: it is refused, works at once, or is held until its parent fills."""
        working = Working(order, track=self._tracks[order.symbol], since=time)
        yield OrderUpdate(order.id, OrderStatus.SUBMITTED, Reason.NONE, time)
        parent = self.open.get(order.parent)
        if parent is not None:
            unfilled = 1.0 - parent.filled / parent.quantity
            working.pending = order.quantity * unfilled
            self._children.setdefault(order.parent, []).append(working)
        elif order.parent and order.parent not in self._with_fills:
            yield OrderUpdate(order.id, OrderStatus.REJECTED, Reason.PARENT_ENDED, time)
            return
        self.open[order.id] = working
        if parent is not None and parent.filled == 0.0:
            yield OrderUpdate(order.id, OrderStatus.HELD, Reason.NONE, time)
        else:
            yield from self._start(
                working, time, mark=working.track.price(), expires=self._expiry(order, time)
            )

    def _start(self, working: Working, time: int, *, mark: float, expires: float) -> Updates:
        """Let an order work from `time` on, if it is in time and there is money for it."""
        order = working.order
        if expires <= time:
            yield from self.end(working, OrderStatus.EXPIRED, time, _why_it_ran_out(order))
            return
        refusal = Reason.NO_PRICE if math.isnan(mark) else self._funds.refusal(working)
        if refusal is not None:
            yield from self.end(working, OrderStatus.REJECTED, time, refusal)
            return
        working.since, working.expires, working.mark = time, expires, mark
        working.active = True
        self._resting.setdefault(order.symbol, []).append(working)
        self._by_age = None
        yield OrderUpdate(order.id, OrderStatus.ACCEPTED, Reason.NONE, time)

    def _expiry(self, order: Order, time: int) -> float:
        if order.tif in (TimeInForce.DAY, TimeInForce.CLS):
            return self._sessions.close_after(time)
        if order.tif is TimeInForce.OPG:
            return self._sessions.close_after(self._sessions.open_from(time))
        return order.good_till if order.tif is TimeInForce.GTD else math.inf

    # --- changes ---------------------------------------------------------------------------------------

    def replace(self, change: Replace, time: int) -> Updates:
        """Change an order in place; where the money is missing it stays as it was."""
        working = self.open.get(change.order_id)
        if working is None:
            return  # it ended on the way: a fill or an expiry won the race
        before = working.quantity, working.limit, working.stop, working.pending
        self._change(working, change)
        if working.done:
            yield from self.end(working, OrderStatus.CANCELLED, time, Reason.REPLACED)
            return
        order_id, status = working.order.id, working.order.status
        if working.active:
            self._funds.release(order_id)
            refusal = self._funds.refusal(working)
            if refusal is not None:
                working.quantity, working.limit, working.stop, working.pending = before
                self._funds.refusal(working)  # it was affordable before, and its reservation is taken again
                yield OrderUpdate(order_id, status, refusal, time)
                return
            working.since = time
        yield OrderUpdate(order_id, status, Reason.REPLACED, time, change.quantity, change.limit, change.stop)

    def _change(self, working: Working, change: Replace) -> None:
        if not math.isnan(change.quantity):
            share = (change.quantity - working.filled) / (working.quantity - working.filled)
            working.quantity = change.quantity
            working.pending *= max(share, 0.0)
        if not math.isnan(change.limit):
            working.limit = change.limit
        if not math.isnan(change.stop):
            working.stop = change.stop

    def split(self, split: Split) -> Updates:
        """Adjust a symbol's orders to a split: more shares at a lower price. A reverse split cancels them."""
        for working in [w for w in self.open.values() if w.order.symbol == split.symbol]:
            if split.ratio >= 1.0:
                yield self._restated(working, split)
            elif working.order.id in self.open:
                yield from self.end(working, OrderStatus.CANCELLED, split.ex, Reason.SPLIT)

    def _restated(self, working: Working, split: Split) -> OrderUpdate:
        tick = working.track.instrument.tick
        new, old = split.new, split.old
        rest = rules.split_shares(working.quantity - working.filled, new, old)
        rest = rules.whole_lots(rest, working.lot)
        working.quantity = working.filled + rest
        working.pending = rules.split_shares(working.pending, new, old)
        working.limit = rules.on_tick(rules.split_price(working.limit, new, old), tick)
        working.stop = rules.on_tick(rules.split_price(working.stop, new, old), tick)
        working.mark = rules.split_price(working.mark, new, old)
        if not working.order.trail_percent:
            working.trail = rules.split_price(working.trail, new, old)
        self._funds.split(working.order.id, working.remaining)
        return OrderUpdate(
            working.order.id, working.order.status, Reason.SPLIT, split.ex,
            working.quantity, working.limit, working.stop, working.trail,
        )  # fmt: skip

    def cut(self, working: Working, quantity: float, time: int) -> Updates:
        """Make `quantity` shares all that is left of an order, and of its children in proportion."""
        left = working.quantity - working.filled
        working.quantity = working.filled + quantity
        yield OrderUpdate(
            working.order.id, working.order.status, Reason.CUT_TO_AFFORDABLE, time, working.quantity
        )
        for child in self._children.get(working.order.id, ()):
            yield from self._give_up(child, child.pending * (1.0 - quantity / left), time)

    # --- consequences of a fill ------------------------------------------------------------------------

    def after_fill(
        self, working: Working, quantity: float, *, held: float, market: float, moment: int, phase: Phase
    ) -> Updates:
        """Wake children, take a fill off its OCO group, and end exits whose position is closed.

        `held` is the position before the fill, `market` the price that was touched.
        """
        order = working.order
        if working.done:
            self._drop(working)
        unfilled = working.quantity - working.filled
        share = 1.0 if working.done else quantity / (unfilled + quantity)
        for child in self._children.pop(order.id, []) if working.done else self._children.get(order.id, []):
            if child.order.id in self.open:
                child.pending *= 1.0 - share
                yield from self._wake(child, market, moment=moment, phase=phase)
        if order.oco:
            yield from self._reduce_group(working, quantity, moment)
        after = self._account.quantity(order.symbol)
        if held != 0.0 and held * after <= 0.0:
            yield from self._end_exits(order.symbol, after, moment)

    def _wake(self, child: Working, market: float, *, moment: int, phase: Phase) -> Updates:
        """Start a child, or let it grow with its parent. What happened inside a bar counts from the next."""
        if not child.active:
            inside = phase is Phase.INTRABAR  # somewhere before the bar's end, which may be the session's
            expires = self._expiry(child.order, moment - inside)
            yield from self._start(child, moment, mark=market, expires=expires)
        elif phase is not Phase.OPEN:
            child.since = moment
        if child.active and phase is Phase.OPEN:
            self.joined.append(child)

    def _reduce_group(self, working: Working, quantity: float, moment: int) -> Updates:
        """Take a fill off the other orders of its OCO group; what has nothing left is cancelled."""
        oco = working.order.oco
        for other in [w for w in self.open.values() if w.order.oco == oco and w is not working]:
            if other.order.id not in self.open:
                continue  # its parent was in the group as well, and took it along
            other.quantity -= quantity
            if working.done or other.done:
                yield from self.end(other, OrderStatus.CANCELLED, moment, Reason.OCO)
                continue
            other.pending = min(other.pending, other.quantity - other.filled)
            self._funds.release(other.order.id, quantity)
            yield OrderUpdate(other.order.id, other.order.status, Reason.OCO, moment, other.quantity)

    def _end_exits(self, symbol: str, after: float, moment: int) -> Updates:
        """Cancel orders that protected a position which is closed, or turned into its opposite."""
        for other in self.resting_in(symbol):
            exits = other.order.reduce_only and after * other.order.side >= 0.0
            if exits and other.active and not self.waits_for_parent(other):
                yield from self.end(other, OrderStatus.CANCELLED, moment, Reason.POSITION_CLOSED)

    # --- ends ------------------------------------------------------------------------------------------

    def end(self, working: Working, status: OrderStatus, time: int, reason: Reason) -> Updates:
        """End an order; children go with it, as far as it has not filled."""
        self._drop(working)
        yield OrderUpdate(working.order.id, status, reason, time)
        for child in self._children.pop(working.order.id, ()):
            if working.filled > 0.0:
                yield from self._give_up(child, child.pending, time)
            elif child.order.id in self.open:
                yield from self.end(child, OrderStatus.CANCELLED, time, Reason.PARENT_ENDED)

    def expire(self, working: Working) -> Updates:
        """End an order that ran out."""
        why = _why_it_ran_out(working.order)
        yield from self.end(working, OrderStatus.EXPIRED, int(working.expires), why)

    def finish(self, time: int) -> Updates:
        """End everything that has not ended, because the run ends."""
        for working in list(self.open.values()):
            if working.order.id in self.open:
                yield from self.end(working, OrderStatus.EXPIRED, time, Reason.END_OF_DATA)

    def _give_up(self, child: Working, shares: float, time: int) -> Updates:
        """Take shares off a child that its parent will not bring any more."""
        if shares <= rules.DUST or child.order.id not in self.open:
            return
        child.pending = max(child.pending - shares, 0.0)
        rest = child.quantity - child.filled - shares
        child.quantity = child.filled + rules.whole_lots(rest, child.lot)
        if child.done:
            yield from self.end(child, OrderStatus.CANCELLED, time, Reason.PARENT_ENDED)
        else:
            yield OrderUpdate(child.order.id, child.order.status, Reason.PARENT_ENDED, time, child.quantity)

    def _drop(self, working: Working) -> None:
        order = working.order
        working.active = False
        self._funds.release(order.id)
        self.open.pop(order.id, None)
        if working.filled > 0.0:
            self._with_fills.add(order.id)
        works = self._resting.get(order.symbol, [])
        if working in works:
            works.remove(working)
            self._by_age = None
            if not works:
                del self._resting[order.symbol]


def _why_it_ran_out(order: Order) -> Reason:
    return Reason.GOOD_TILL if order.tif is TimeInForce.GTD else Reason.SESSION_END
