"""What the account can pay for: what `core.power` does, on the kernel's state."""

from __future__ import annotations

import math

from openbell.backtesting.kernel.compiler import compiled, inlined
from openbell.backtesting.kernel.funds import equity_of, price_of
from openbell.backtesting.kernel.memory import item, order_at, symbol_at
from openbell.backtesting.kernel.records import MARKET, SLOTS, Run
from openbell.core import rules


@compiled
def sure(run: Run, symbol: int) -> float:
    """Return the signed shares that a position comes to: market orders count as filled."""
    s = symbol_at(run, symbol)
    first = symbol * SLOTS
    projected = s.position
    for k in range(first, first + s.orders):
        order = order_at(run, k)
        if order.working and order.kind == MARKET:
            projected += order.side * (order.quantity - order.filled)
    return projected + s.tried if s.tried_at == run.moment else projected


@compiled
def worst(run: Run, symbol: int) -> float:
    """Return the most that a position is worth, long or short, if what else opens fills as well."""
    s, price = symbol_at(run, symbol), price_of(run, symbol)
    first = symbol * SLOTS
    projected, most, least = sure(run, symbol) * price, 0.0, 0.0
    for k in range(first, first + s.orders):
        order = order_at(run, k)
        if order.working and order.kind != MARKET and not order.reduce_only:
            value = order.side * (order.quantity - order.filled) * max(order.limit, price)
            if value > 0.0:
                most += value
            else:
                least += value
    if s.tried_at == run.moment:
        most += max(s.tried_limit, 0.0)
        least += min(s.tried_limit, 0.0)
    return max(abs(projected), abs(projected + most), abs(projected + least))


@compiled
def worth(run: Run, symbol: int) -> float:
    """Return what a position is worth at its worst; without a price, nothing."""
    return 0.0 if math.isnan(price_of(run, symbol)) else worst(run, symbol)


@compiled
def tied(run: Run, but: int) -> float:
    """Return what all symbols but one are worth at their worst."""
    total = 0.0
    for k in range(run.positions):
        symbol = item(run.positions_at, k)
        if symbol != but:
            total += worth(run, symbol)
    for k in range(run.senders):
        symbol = item(run.senders_at, k)
        if symbol != but and not symbol_at(run, symbol).booked:
            total += worth(run, symbol)
    return total


@compiled
def dear_of(run: Run, symbol: int, wanted: float) -> float:
    """Return what a share of a target is paid for at: an entry's limit where it is beyond the price."""
    s, price = symbol_at(run, symbol), price_of(run, symbol)
    direction = math.copysign(1.0, wanted)
    if run.limit == 0.0 or s.position * direction > 0.0:
        return price
    limit = rules.away(price, -direction, run.limit)
    return max(rules.on_tick(limit, s.tick), price) if limit > price else price


@compiled
def cut(run: Run, symbol: int, wanted: float) -> float:
    """Return a signed target, made as small as the account asks for. What is held on is paid for."""
    s = symbol_at(run, symbol)
    power = run.part * equity_of(run) / run.initial
    price, dear = price_of(run, symbol), dear_of(run, symbol, wanted)
    way = math.copysign(1.0, wanted)
    kept = way * sure(run, symbol)
    if dear > price:
        kept = min(kept, way * s.position)
    allowed = rules.sized_beside(power - tied(run, symbol), kept, price, dear, s.lot)
    if abs(wanted) <= allowed:
        return wanted
    return math.copysign(min(abs(wanted), max(allowed, kept)), wanted)


@inlined
def within(run: Run, symbol: int, wanted: float) -> float:
    """Do the same, at once where cash alone pays for it."""
    if run.symbols == 1 and run.short == 0 and 0.0 < wanted * price_of(run, symbol) <= run.part * run.cash:
        return wanted
    return cut(run, symbol, wanted)
