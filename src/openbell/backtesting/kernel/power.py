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
    """Return the most shares, long or short, that a position comes to if what else opens fills as well."""
    s = symbol_at(run, symbol)
    first = symbol * SLOTS
    projected, most, least = sure(run, symbol), 0.0, 0.0
    for k in range(first, first + s.orders):
        order = order_at(run, k)
        if order.working and order.kind != MARKET and not order.reduce_only:
            rest = order.side * (order.quantity - order.filled)
            if rest > 0.0:
                most += rest
            else:
                least += rest
    if s.tried_at == run.moment:
        most += max(s.tried_limit, 0.0)
        least += min(s.tried_limit, 0.0)
    return max(abs(projected), abs(projected + most), abs(projected + least))


@compiled
def worth(run: Run, symbol: int) -> float:
    """Return what a position is worth at its worst; without a price, nothing."""
    price = price_of(run, symbol)
    return 0.0 if math.isnan(price) else worst(run, symbol) * price


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
def cut(run: Run, symbol: int, wanted: float) -> float:
    """Return a signed target, made as small as the account asks for. What is held on is paid for."""
    s = symbol_at(run, symbol)
    power = run.part * equity_of(run) / run.initial
    allowed = rules.sized_by_value(power - tied(run, symbol), price_of(run, symbol), s.lot)
    kept = math.copysign(1.0, wanted) * sure(run, symbol)
    if abs(wanted) <= allowed:
        return wanted
    return math.copysign(min(abs(wanted), max(allowed, kept)), wanted)


@inlined
def within(run: Run, symbol: int, wanted: float) -> float:
    """Do the same, at once where cash alone pays for it."""
    if run.symbols == 1 and run.short == 0 and 0.0 < wanted * price_of(run, symbol) <= run.part * run.cash:
        return wanted
    return cut(run, symbol, wanted)
