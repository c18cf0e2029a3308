"""Fills: how many shares, at what price, for which fee. What `Fills` does, on the kernel's state."""

from __future__ import annotations

from openbell.backtesting.kernel.book import after_fill, cut, end, open_parent
from openbell.backtesting.kernel.compiler import compiled
from openbell.backtesting.kernel.funds import (
    affordable,
    book_fill,
    may_short,
    release,
    remaining,
    shortfall,
)
from openbell.backtesting.kernel.log import tell_fill
from openbell.backtesting.kernel.memory import item, order_at, symbol_at, value
from openbell.backtesting.kernel.records import (
    CANCELLED,
    GAP_UNAFFORDABLE,
    INTRABAR,
    LIMIT,
    NOTHING_TO_REDUCE,
    OPEN,
    REJECTED,
    SHORT_NOT_ALLOWED,
    Run,
)
from openbell.core import rules


@compiled
def fill(run: Run, slot: int, touched: float, phase: int, stopped: bool) -> None:
    """Fill what can be filled of an order at a price; `stopped` when its stop was reached just now."""
    order = order_at(run, slot)
    s = symbol_at(run, order.symbol)
    bar = s.first + s.at + 1
    moment = item(run.start_at, bar) if phase == OPEN else item(run.known_at, bar)
    held = s.position
    quantity = fillable(run, slot, bar)
    if order.reduce_only and held * order.side >= 0.0 and open_parent(run, slot) < 0:
        end(run, slot, CANCELLED, moment, NOTHING_TO_REDUCE)
        return
    if quantity == 0.0:
        return
    if order.side < 0.0 and held - quantity < -rules.DUST and not may_short(run, order.symbol):
        end(run, slot, REJECTED, moment, SHORT_NOT_ALLOWED)
        return
    price, fee, raw = trade(run, slot, quantity, touched, phase, stopped)
    release(run, slot, quantity)
    if shortfall(run, slot, quantity, price, touched, fee) > rules.DUST:
        if not run.cut:
            quantity = 0.0
        else:
            quantity = affordable(run, slot, quantity, price, touched, fee)
        if quantity == 0.0:
            end(run, slot, REJECTED, moment, GAP_UNAFFORDABLE)
            return
        cut(run, slot, quantity, moment)
        price, fee, raw = trade(run, slot, quantity, touched, phase, stopped)
    order.filled += quantity
    order.value += quantity * price
    order.raw = raw
    order.paid += fee
    s.taken += quantity
    slipped = abs(price - touched)
    run.slippage += slipped * quantity
    tell_fill(run, slot, quantity, price, fee, slipped, moment, phase)
    book_fill(run, order.symbol, order.side * quantity, price, fee)
    after_fill(run, slot, quantity, held, touched, moment, phase)


@compiled
def fillable(run: Run, slot: int, bar: int) -> float:
    """Return how many shares the order, the position and the bar's volume allow."""
    order = order_at(run, slot)
    s = symbol_at(run, order.symbol)
    quantity = remaining(order)
    if order.reduce_only:
        quantity = min(quantity, abs(s.position)) if s.position * order.side < 0.0 else 0.0
    share = run.volume_share
    return min(quantity, rules.volume_left(value(run.volume_at, bar), share, s.taken, order.lot))


@compiled
def trade(
    run: Run, slot: int, quantity: float, touched: float, phase: int, stopped: bool
) -> tuple[float, float, float]:  # fmt: skip
    """Return a fill's price, its fee, and the order's fee with it before the floor and the cap."""
    order = order_at(run, slot)
    rests = order.kind == LIMIT and not stopped
    maker = rests and phase == INTRABAR and touched == order.limit
    price = touched
    if not rests:
        s = symbol_at(run, order.symbol)
        volume = value(run.volume_at, s.first + s.at + 1)
        cost = rules.slippage(
            touched, quantity, volume, run.slip_share, run.slip_bps, run.spread_bps, run.impact
        )
        price = rules.slipped(order.side, touched, cost)
    worth = quantity * price
    raw = order.raw + rules.charge_raw(
        quantity, worth, run.per_share, run.maker_bps if maker else run.taker_bps
    )
    fee = rules.order_fee(raw, order.value + worth, run.per_order, run.minimum, run.maximum_share)
    return price, fee - order.paid, raw
