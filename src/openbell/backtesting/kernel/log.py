"""What the kernel writes down: each thing that happened, so that the whole run can be told from it.

An empty log only counts, which says how long it must be to take everything.
"""

from __future__ import annotations

from openbell.backtesting.kernel.compiler import compiled
from openbell.backtesting.kernel.memory import event_at, order_at
from openbell.backtesting.kernel.records import (
    AMBIGUITY,
    CHARGE,
    DIVIDEND,
    FILL,
    MADE,
    SPLIT,
    UPDATE,
    Run,
)

_NAN = float("nan")


@compiled
def next_line(run: Run, kind: int, time: int, order: int) -> int:
    """Return the place of the next event, begun, or -1 where nothing is kept."""
    at = run.logged
    run.logged = at + 1
    if at >= run.log_size:
        return -1
    line = event_at(run, at)
    line.kind, line.time, line.order = kind, time, order
    line.moment = run.moment
    return at


@compiled
def tell_made(run: Run, slot: int, time: int, tag: int) -> None:
    """Say that an order was sent."""
    order = order_at(run, slot)
    at = next_line(run, MADE, time, order.id)
    if at >= 0:
        line = event_at(run, at)
        line.symbol, line.reason = order.symbol, tag
        line.code = order.kind + 4 * order.reduce_only + 8 * order.aim
        line.a, line.b, line.c, line.d = order.side * order.quantity, order.limit, order.stop, order.trail
        line.e, line.f = order.parent, order.oco


@compiled
def tell(run: Run, order_id: int, status: int, reason: int, time: int) -> None:
    """Say what became of an order."""
    tell_change(run, order_id, status, reason, time, _NAN)


@compiled
def tell_change(run: Run, order_id: int, status: int, reason: int, time: int, quantity: float) -> None:
    """Say what became of an order, and for how many shares it is now."""
    at = next_line(run, UPDATE, time, order_id)
    if at >= 0:
        line = event_at(run, at)
        line.code, line.reason = status, reason
        line.a, line.b, line.c, line.d = quantity, _NAN, _NAN, _NAN


@compiled
def tell_restated(run: Run, slot: int, reason: int, time: int) -> None:
    """Say that a split changed an order's numbers."""
    order = order_at(run, slot)
    at = next_line(run, UPDATE, time, order.id)
    if at >= 0:
        line = event_at(run, at)
        line.code, line.reason = -1, reason
        line.a, line.b, line.c, line.d = order.quantity, order.limit, order.stop, order.trail


@compiled
def tell_fill(
    run: Run, slot: int, quantity: float, price: float, fee: float, slipped: float, time: int, phase: int
) -> None:
    """Say that an order filled."""
    at = next_line(run, FILL, time, order_at(run, slot).id)
    if at >= 0:
        line = event_at(run, at)
        line.code = phase
        line.a, line.b, line.c, line.d = quantity, price, fee, slipped


@compiled
def tell_charge(run: Run, symbol: int, amount: float, time: int) -> None:
    """Say that holding cost something; symbol -1 is interest on a debt."""
    at = next_line(run, CHARGE, time, 0)
    if at >= 0:
        line = event_at(run, at)
        line.symbol = symbol
        line.a = amount


@compiled
def tell_action(run: Run, index: int, symbol: int, price: float, is_split: bool, time: int) -> None:
    """Say that a corporate action was booked; `price` is the last close before it."""
    at = next_line(run, SPLIT if is_split else DIVIDEND, time, index)
    if at >= 0:
        line = event_at(run, at)
        line.symbol = symbol
        line.a = price


@compiled
def tell_ambiguity(run: Run, symbol: int, time: int, quantity: float, taken: float, better: float) -> None:
    """Say that a bar touched a stop and its target."""
    at = next_line(run, AMBIGUITY, time, 0)
    if at >= 0:
        line = event_at(run, at)
        line.symbol = symbol
        line.a, line.b, line.c = quantity, taken, better
