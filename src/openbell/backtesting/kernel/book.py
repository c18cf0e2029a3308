"""The orders that the exchange holds: what `Book` does, on the kernel's state."""

from __future__ import annotations

from openbell.backtesting.kernel.compiler import apart, compiled
from openbell.backtesting.kernel.funds import refusal, release, remaining
from openbell.backtesting.kernel.log import tell, tell_change, tell_restated
from openbell.backtesting.kernel.memory import item, order_at, put, symbol_at, value
from openbell.backtesting.kernel.quiet import trailing_level
from openbell.backtesting.kernel.records import (
    ACCEPTED,
    ACTIVE,
    ASLEEP,
    BY_SPLIT,
    CANCELLED,
    CUT,
    END_OF_DATA,
    ENDED,
    EXPIRED,
    HELD,
    NONE,
    OCO,
    OPEN,
    PARENT_ENDED,
    POSITION_CLOSED,
    REJECTED,
    SAME,
    SLOTS,
    TRAILING,
    Order,
    Run,
)
from openbell.core import rules


@compiled
def is_done(order: Order) -> bool:
    """Tell whether nothing is left to fill."""
    return order.filled >= order.quantity * rules.WHOLE - rules.DUST


@compiled
def open_parent(run: Run, slot: int) -> int:
    """Return the slot of an order's parent while that may still fill, else -1."""
    order = order_at(run, slot)
    if order.parent != 0:
        first = order.symbol * SLOTS
        for k in range(first, first + symbol_at(run, order.symbol).orders):
            if order_at(run, k).id == order.parent and order_at(run, k).state != ENDED:
                return k
    return -1


@compiled
def set_level(run: Run, slot: int) -> None:
    """Work out a stop's price on the tick grid: a trailing one's follows its mark."""
    order = order_at(run, slot)
    if order.kind == TRAILING:
        order.level = trailing_level(order.side, order.mark, order.trail, symbol_at(run, order.symbol).tick)
    else:
        order.level = order.stop


# --- beginnings ----------------------------------------------------------------------------------------


@compiled
def accept(run: Run, slot: int, time: int) -> None:
    """Take an order: it is refused, works at once, or is held until its parent fills."""
    order = order_at(run, slot)
    order.since = time
    parent = open_parent(run, slot)
    if parent >= 0:
        unfilled = 1.0 - order_at(run, parent).filled / order_at(run, parent).quantity
        order.pending = order.quantity * unfilled
    elif order.parent != 0:
        tell(run, order.id, REJECTED, PARENT_ENDED, time)
        forget(run, slot)
        return
    order.state = ASLEEP
    if parent >= 0:
        tell(run, order.id, HELD, NONE, time)
    else:
        s = symbol_at(run, order.symbol)
        start(run, slot, time, value(run.close_at, s.first + s.at) * s.unit)


@compiled
def start(run: Run, slot: int, time: int, mark: float) -> None:
    """Let an order work from `time` on, if there is money for it."""
    order = order_at(run, slot)
    why = refusal(run, slot)
    if why != NONE:
        end(run, slot, REJECTED, time, why)
        return
    order.since, order.mark, order.state = time, mark, ACTIVE
    set_level(run, slot)
    insert(run, slot)
    tell(run, order.id, ACCEPTED, NONE, time)


@compiled
def insert(run: Run, slot: int) -> None:
    """Put an order among those that work, by age."""
    at = run.resting
    number = order_at(run, slot).id
    while at > 0 and order_at(run, item(run.resting_at, at - 1)).id > number:
        put(run.resting_at, at, item(run.resting_at, at - 1))
        at -= 1
    put(run.resting_at, at, slot)
    run.resting += 1


# --- ends ----------------------------------------------------------------------------------------------


@compiled
def forget(run: Run, slot: int) -> None:
    """Drop an order that has ended: its slot is free."""
    order = order_at(run, slot)
    order.state = ENDED
    order.working = 0
    s = symbol_at(run, order.symbol)
    first = order.symbol * SLOTS
    while s.orders > 0 and order_at(run, first + s.orders - 1).state == ENDED:
        s.orders -= 1


@compiled
def drop(run: Run, slot: int) -> None:
    """Take an order off the book."""
    release(run, slot, 0.0)
    if order_at(run, slot).state == ACTIVE:
        at = 0
        while item(run.resting_at, at) != slot:
            at += 1
        run.resting -= 1
        for k in range(at, run.resting):
            put(run.resting_at, k, item(run.resting_at, k + 1))
    forget(run, slot)


@compiled
def end_alone(run: Run, slot: int, status: int, time: int, reason: int) -> None:
    """End an order without a look at its children."""
    number = order_at(run, slot).id
    drop(run, slot)
    tell(run, number, status, reason, time)


@compiled
def end(run: Run, slot: int, status: int, time: int, reason: int) -> None:
    """End an order; children go with it, as far as it has not filled. A child has none itself."""
    order = order_at(run, slot)
    number, filled, first = order.id, order.filled, order.symbol * SLOTS
    last = first + symbol_at(run, order.symbol).orders
    end_alone(run, slot, status, time, reason)
    for k in range(slot + 1, last):
        child = order_at(run, k)
        if child.parent != number or child.state == ENDED:
            continue
        if filled > 0.0:
            give_up(run, k, child.pending, time)
        else:
            end_alone(run, k, CANCELLED, time, PARENT_ENDED)


@compiled
def give_up(run: Run, slot: int, shares: float, time: int) -> None:
    """Take shares off a child that its parent will not bring any more."""
    child = order_at(run, slot)
    if shares <= rules.DUST:
        return
    child.pending = max(child.pending - shares, 0.0)
    rest = rules.denoised(child.quantity - child.filled - shares, child.quantity, child.lot)
    child.quantity = child.filled + rules.whole_lots(rest, child.lot)
    if is_done(child):
        end_alone(run, slot, CANCELLED, time, PARENT_ENDED)
    else:
        tell_change(run, child.id, SAME, PARENT_ENDED, time, child.quantity)


@apart
def finish(run: Run, time: int) -> None:
    """End everything that has not ended, because the run ends."""
    for symbol in range(run.symbols):
        first = symbol * SLOTS
        for k in range(first, first + symbol_at(run, symbol).orders):
            if order_at(run, k).state != ENDED:
                end(run, k, EXPIRED, time, END_OF_DATA)


# --- changes -------------------------------------------------------------------------------------------


@compiled
def cut(run: Run, slot: int, quantity: float, time: int) -> None:
    """Make `quantity` shares all that is left of an order, and of its children in proportion."""
    order = order_at(run, slot)
    left = order.quantity - order.filled
    order.quantity = order.filled + quantity
    tell_change(run, order.id, SAME, CUT, time, order.quantity)
    last = order.symbol * SLOTS + symbol_at(run, order.symbol).orders
    for k in range(slot + 1, last):
        child = order_at(run, k)
        if child.parent == order.id and child.state != ENDED:
            give_up(run, k, child.pending * (1.0 - quantity / left), time)


@compiled
def split_orders(run: Run, symbol: int, new: float, old: float, time: int) -> None:
    """Adjust a symbol's orders to a split: more shares at a lower price. A reverse split cancels them."""
    first = symbol * SLOTS
    for k in range(first, first + symbol_at(run, symbol).orders):
        if order_at(run, k).state == ENDED:
            continue
        if new / old >= 1.0:
            restate(run, k, new, old)
            tell_restated(run, k, BY_SPLIT, time)
        else:
            end(run, k, CANCELLED, time, BY_SPLIT)


@compiled
def restate(run: Run, slot: int, new: float, old: float) -> None:
    """Write an order's numbers in the shares after a split."""
    order = order_at(run, slot)
    s = symbol_at(run, order.symbol)
    rest = rules.split_shares(order.quantity - order.filled, new, old)
    order.quantity = order.filled + rules.whole_lots(rest, order.lot)
    order.pending = rules.split_shares(order.pending, new, old)
    order.limit = rules.on_tick(rules.split_price(order.limit, new, old), s.tick)
    order.stop = rules.on_tick(rules.split_price(order.stop, new, old), s.tick)
    order.mark = rules.split_price(order.mark, new, old)
    set_level(run, slot)
    if order.held > 0.0:
        left = remaining(order)
        s.projected = rules.booked_position(s.projected, order.side * (left - order.held) * (order.kind == 0))
        order.held = left


# --- consequences of a fill ----------------------------------------------------------------------------


@compiled
def after_fill(
    run: Run, slot: int, quantity: float, held: float, touched: float, moment: int, phase: int
) -> None:  # fmt: skip
    """Wake children, take a fill off its OCO group, and end exits whose position is closed."""
    order = order_at(run, slot)
    number, symbol, group, done = order.id, order.symbol, order.oco, is_done(order)
    unfilled = order.quantity - order.filled
    share = 1.0 if done else quantity / (unfilled + quantity)
    last = symbol * SLOTS + symbol_at(run, symbol).orders
    if done:
        drop(run, slot)
    for k in range(slot + 1, last):
        child = order_at(run, k)
        if child.parent == number and child.state != ENDED:
            child.pending *= 1.0 - share
            wake(run, k, touched, moment, phase)
    if group != 0:
        reduce_group(run, slot, group, quantity, moment, done)
    after = symbol_at(run, symbol).position
    if held != 0.0 and held * after <= 0.0:
        end_exits(run, symbol, after, moment)


@compiled
def wake(run: Run, slot: int, touched: float, moment: int, phase: int) -> None:
    """Start a child, or let it grow with its parent. What happened inside a bar counts from the next."""
    child = order_at(run, slot)
    if child.state == ASLEEP:
        start(run, slot, moment, touched)
    elif phase != OPEN:
        child.since = moment
    if child.state == ACTIVE and phase == OPEN:
        put(run.joined_at, run.joined, slot)
        run.joined += 1


@compiled
def reduce_group(run: Run, slot: int, group: int, quantity: float, moment: int, done: bool) -> None:
    """Take a fill off the other orders of its OCO group; what has nothing left is cancelled."""
    first = order_at(run, slot).symbol * SLOTS
    for k in range(first, first + symbol_at(run, order_at(run, slot).symbol).orders):
        other = order_at(run, k)
        if other.oco != group or k == slot or other.state == ENDED:
            continue
        other.quantity -= quantity
        if done or is_done(other):
            end(run, k, CANCELLED, moment, OCO)
            continue
        other.pending = min(other.pending, other.quantity - other.filled)
        tell_change(run, other.id, SAME, OCO, moment, other.quantity)


@compiled
def end_exits(run: Run, symbol: int, after: float, moment: int) -> None:
    """Cancel orders that protected a position which is closed, or turned into its opposite."""
    first = symbol * SLOTS
    for k in range(first, first + symbol_at(run, symbol).orders):
        other = order_at(run, k)
        if (
            other.state == ACTIVE
            and other.reduce_only
            and after * other.side >= 0.0
            and open_parent(run, k) < 0
        ):
            end(run, k, CANCELLED, moment, POSITION_CLOSED)
