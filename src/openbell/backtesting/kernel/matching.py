"""A moment's bars against the orders that work: what `Matching` does, on the kernel's state."""

from __future__ import annotations

import math

from openbell.backtesting.kernel.book import set_level
from openbell.backtesting.kernel.compiler import apart, compiled
from openbell.backtesting.kernel.fills import fill
from openbell.backtesting.kernel.funds import remaining
from openbell.backtesting.kernel.log import tell, tell_ambiguity
from openbell.backtesting.kernel.memory import item, order_at, put, symbol_at, value
from openbell.backtesting.kernel.records import (
    ACTIVE,
    INTRABAR,
    LIMIT,
    NONE,
    OPEN,
    SLOTS,
    TRAILING,
    TRIGGERED,
    Run,
)
from openbell.core import rules

_NAN = float("nan")


@compiled
def bar_of(run: Run, slot: int) -> int:
    """Return the bar that an order meets: the one that nobody knows yet."""
    s = symbol_at(run, order_at(run, slot).symbol)
    return s.first + s.at + 1


@apart
def match(run: Run, moment: int) -> None:
    """Let the bars of a moment fill what rests."""
    run.queued = run.trailing = 0
    for k in range(run.resting):
        meet(run, item(run.resting_at, k), moment)
    if run.queued:
        fill_at_open(run)
        fill_inside(run)
    for k in range(run.trailing):
        trail(run, item(run.trailing_at, k))


@compiled
def meet(run: Run, slot: int, moment: int) -> None:
    """Put an order into the queue if the moment has a bar for it that does not pass it by."""
    order = order_at(run, slot)
    s = symbol_at(run, order.symbol)
    bar = s.first + s.at + 1
    if s.at + 1 >= s.bars or item(run.slots_at, bar) != moment or order.since > item(run.start_at, bar):
        return
    if order.kind == TRAILING:
        put(run.trailing_at, run.trailing, slot)
        run.trailing += 1
    if order.is_stop:
        if not rules.stop_touched(order.side, order.level, value(run.high_at, bar), value(run.low_at, bar)):
            return
    elif order.kind == LIMIT and not rules.limit_touched(
        order.side, order.limit, value(run.high_at, bar), value(run.low_at, bar)
    ):
        return
    s.taken = 0.0
    put(run.queue_at, run.queued, slot)
    run.queued += 1


@compiled
def trail(run: Run, slot: int) -> None:
    """Move a trailing stop's mark by its bar's extreme, for the next bar."""
    order, bar = order_at(run, slot), bar_of(run, slot)
    mark = rules.trailing_mark(order.side, order.mark, value(run.high_at, bar), value(run.low_at, bar))
    if mark != order.mark:
        order.mark = mark
        set_level(run, slot)


# --- the open ------------------------------------------------------------------------------------------


@compiled
def price_at_open(run: Run, slot: int, open_: float) -> float:
    """Return the open if the order fills there, else NaN."""
    order = order_at(run, slot)
    if order.is_stop:
        return open_ if rules.stop_at_open(order.side, order.level, open_) else _NAN
    if order.kind == LIMIT and not rules.limit_at_open(order.side, order.limit, open_):
        return _NAN
    return open_


@compiled
def fill_at_open(run: Run) -> None:
    """Fill at the open; children of what fills join the queue, as they work at once."""
    reductions_first(run)
    run.joined = 0
    k = 0
    while k < run.turned:
        if order_at(run, item(run.turns_at, k)).state == ACTIVE:
            at_open(run, item(run.turns_at, k))
        for j in range(run.joined):
            join(run, item(run.joined_at, j))
        run.joined = 0
        k += 1


@compiled
def join(run: Run, slot: int) -> None:
    """Let a child that began to work at this open take its turn."""
    put(run.turns_at, run.turned, slot)
    run.turned += 1
    found = False
    for k in range(run.queued):
        found = found or item(run.queue_at, k) == slot
    if not found:
        put(run.queue_at, run.queued, slot)
        run.queued += 1
    if order_at(run, slot).kind == TRAILING:
        put(run.trailing_at, run.trailing, slot)
        run.trailing += 1


@compiled
def at_open(run: Run, slot: int) -> None:
    """Fill one order at its bar's open."""
    order, bar = order_at(run, slot), bar_of(run, slot)
    open_ = value(run.open_at, bar)
    stopped = order.is_stop != 0 and rules.stop_at_open(order.side, order.level, open_)
    price = price_at_open(run, slot, open_)
    if stopped:
        order.is_stop, order.since = 0, item(run.known_at, bar)
    if not math.isnan(price):
        fill(run, slot, price, OPEN, stopped)
    if stopped:
        tell_triggered(run, slot, item(run.start_at, bar))


@compiled
def tell_triggered(run: Run, slot: int, time: int) -> None:
    """Say that a stop was reached, when no fill has said so."""
    order = order_at(run, slot)
    if order.state == ACTIVE and order.filled == 0.0:
        tell(run, order.id, TRIGGERED, NONE, time)


@compiled
def reductions_first(run: Run) -> None:
    """Order what fills at an open: reductions before what opens positions, else by age."""
    run.turned = 0
    for k in range(run.queued):
        s = symbol_at(run, order_at(run, item(run.queue_at, k)).symbol)
        s.turning = s.position
    later = 0
    for k in range(run.queued):
        slot = item(run.queue_at, k)
        if run.queued > 1 and opens(run, slot):
            put(run.joined_at, later, slot)
            later += 1
        else:
            put(run.turns_at, run.turned, slot)
            run.turned += 1
    for k in range(later):
        put(run.turns_at, run.turned, item(run.joined_at, k))
        run.turned += 1


@compiled
def opens(run: Run, slot: int) -> bool:
    """Tell whether an order would open a position after those that went before it."""
    order = order_at(run, slot)
    if math.isnan(price_at_open(run, slot, value(run.open_at, bar_of(run, slot)))):
        return False  # it does not fill, so its place does not matter
    s = symbol_at(run, order.symbol)
    signed = order.side * remaining(order)
    if rules.opening_part(s.turning, signed) > rules.DUST and not order.reduce_only:
        return True
    s.turning += order.side * min(abs(signed), abs(s.turning))
    return False


# --- inside --------------------------------------------------------------------------------------------


@compiled
def price_inside(run: Run, slot: int) -> float:
    """Return the price at which an order fills between its bar's open and close, else NaN."""
    order, bar = order_at(run, slot), bar_of(run, slot)
    high, low = value(run.high_at, bar), value(run.low_at, bar)
    if order.is_stop:
        return order.level if rules.stop_touched(order.side, order.level, high, low) else _NAN
    if order.kind != LIMIT or rules.limit_at_open(order.side, order.limit, value(run.open_at, bar)):
        return _NAN
    return order.limit if rules.limit_touched(order.side, order.limit, high, low) else _NAN


@compiled
def before(run: Run, one: int, other: int) -> bool:
    """Tell whether an order goes strictly before another: stops before limits, the nearer first."""
    a, b = order_at(run, one), order_at(run, other)
    if a.is_stop != b.is_stop:
        return a.is_stop > b.is_stop
    return distance(run, one) < distance(run, other)


@compiled
def distance(run: Run, slot: int) -> float:
    """Return how far a bar must go from its open to fill an order, as a share of it."""
    order = order_at(run, slot)
    open_ = value(run.open_at, bar_of(run, slot))
    price = open_
    if order.is_stop:
        price = order.level
    elif order.kind == LIMIT:
        price = order.limit
    return abs(price - open_) / open_


@compiled
def fill_inside(run: Run) -> None:
    """Fill what the bars touch between open and close."""
    count = run.queued
    for k in range(1, count):  # insertion keeps equals in their order, as Python's sort does
        slot, at = item(run.queue_at, k), k
        while at > 0 and before(run, slot, item(run.queue_at, at - 1)):
            put(run.queue_at, at, item(run.queue_at, at - 1))
            at -= 1
        put(run.queue_at, at, slot)
    for k in range(count):
        inside(run, item(run.queue_at, k))


@compiled
def inside(run: Run, slot: int) -> None:
    """Fill one order inside its bar, the stop rather than its target."""
    order, bar = order_at(run, slot), bar_of(run, slot)
    if order.state != ACTIVE or order.since > item(run.start_at, bar):
        return
    price = price_inside(run, slot)
    if math.isnan(price):
        return
    if not order.is_stop:
        fill(run, slot, price, INTRABAR, False)
        return
    target = target_of(run, slot)
    order.is_stop, order.since = 0, item(run.known_at, bar)
    if target < 0:
        fill(run, slot, price, INTRABAR, True)
    else:
        better, had, symbol = order_at(run, target).limit, order.filled, order.symbol
        taken = min(max(price, value(run.low_at, bar)), value(run.high_at, bar))
        fill(run, slot, taken, INTRABAR, True)
        if order.filled > had:
            tell_ambiguity(run, symbol, item(run.known_at, bar), order.filled - had, taken, better)
    tell_triggered(run, slot, item(run.known_at, bar))


@compiled
def target_of(run: Run, slot: int) -> int:
    """Return the target that the bar touches as well as the stop, or -1."""
    order = order_at(run, slot)
    if order.oco != 0:
        first = order.symbol * SLOTS
        for k in range(first, first + symbol_at(run, order.symbol).orders):
            other = order_at(run, k)
            if other.oco == order.oco and other.kind == LIMIT and other.state == ACTIVE:
                in_time = other.since <= item(run.start_at, bar_of(run, slot))
                if in_time and not math.isnan(price_inside(run, k)):
                    return k
    return -1
