"""Buying power and the ledger's numbers: what `Funds` and `Account` do, on the kernel's state."""

from __future__ import annotations

from openbell.backtesting.kernel.compiler import compiled, inlined
from openbell.backtesting.kernel.log import tell_charge
from openbell.backtesting.kernel.memory import item, order_at, put, symbol_at, value
from openbell.backtesting.kernel.records import (
    LIMIT,
    MARKET,
    NO_BUYING_POWER,
    NONE,
    SHORT_NOT_ALLOWED,
    Order,
    Run,
)
from openbell.core import rules


@compiled
def price_of(run: Run, symbol: int) -> float:
    """Return the last known close in today's shares."""
    s = symbol_at(run, symbol)
    return value(run.close_at, s.first + s.at) * s.unit


@compiled
def equity_of(run: Run) -> float:
    """Return cash plus positions at the last known closes."""
    total = run.cash
    for k in range(run.positions):
        symbol = item(run.positions_at, k)
        position = symbol_at(run, symbol).position
        if position != 0.0:
            total += position * price_of(run, symbol)
    return total


@compiled
def gross_of(run: Run) -> float:
    """Return the sum of the positions' absolute values."""
    total = 0.0
    for k in range(run.positions):
        symbol = item(run.positions_at, k)
        position = symbol_at(run, symbol).position
        if position != 0.0:
            total += abs(position) * price_of(run, symbol)
    return total


@compiled
def unreserved(run: Run) -> float:
    """Return the equity that no position ties up."""
    initial = run.initial
    if initial == 1.0 and run.shorts == 0:
        return run.cash
    return rules.free_equity(equity_of(run), gross_of(run), initial)


@compiled
def remaining(order: Order) -> float:
    """Return how many shares of an order may still fill now."""
    left = order.quantity - order.filled - order.pending
    if 0.0 < left < order.quantity:
        left = rules.denoised(left, order.quantity, order.lot)
    return rules.whole_lots(max(left, 0.0), order.lot)


@compiled
def may_short(run: Run, symbol: int) -> bool:
    """Tell whether the account and the instrument allow a short position."""
    return run.short != 0 and symbol_at(run, symbol).shortable != 0


@compiled
def whole_fee(run: Run, quantity: float, worth: float) -> float:
    """Return the fee of an order that fills at once."""
    raw = rules.charge_raw(quantity, worth, run.per_share, run.taker_bps)
    return rules.order_fee(raw, worth, run.per_order, run.minimum, run.maximum_share)


@compiled
def refusal(run: Run, slot: int) -> int:
    """Return why an order cannot be accepted, or reserve what it would take."""
    order = order_at(run, slot)
    is_market = order.kind == MARKET
    if order.reduce_only and not is_market:
        return NONE
    s = symbol_at(run, order.symbol)
    quantity = remaining(order)
    opening = rules.opening_part(s.position + s.projected, order.side * quantity)
    closing = quantity - opening
    if order.reduce_only:
        quantity, opening = closing, 0.0
    elif opening > rules.DUST and order.side < 0.0 and not may_short(run, order.symbol):
        return SHORT_NOT_ALLOWED
    price = order.limit if order.kind == LIMIT else price_of(run, order.symbol)
    fee = whole_fee(run, opening + closing, (opening + closing) * price)
    need = rules.required(opening, closing, price, price, order.side, run.initial, fee)
    if opening > rules.DUST and need > unreserved(run) - run.reserved + rules.DUST:
        return NO_BUYING_POWER
    if quantity > rules.DUST and (is_market or need > 0.0):
        order.need, order.held = need, quantity
        run.holds += 1
        run.reserved += need
        project(run, slot, quantity)
    return NONE


@compiled
def project(run: Run, slot: int, quantity: float) -> None:
    """Count a market order as filled already, for those that come after it."""
    order = order_at(run, slot)
    if order.kind == MARKET:
        s = symbol_at(run, order.symbol)
        s.projected = rules.booked_position(s.projected, order.side * quantity)


@compiled
def release(run: Run, slot: int, quantity: float) -> None:
    """Give back what `quantity` shares of an order reserved; with zero, all of it."""
    order = order_at(run, slot)
    if order.held == 0.0:
        return
    if 0.0 < quantity < order.held - rules.DUST:
        need = order.need * quantity / order.held
        order.need -= need
        order.held -= quantity
    else:
        need, quantity = order.need, order.held
        order.need = order.held = 0.0
        run.holds -= 1
    if run.holds == 0:
        run.reserved = 0.0
        for k in range(run.senders):
            symbol_at(run, item(run.senders_at, k)).projected = 0.0
        return
    run.reserved -= need
    project(run, slot, -quantity)


@compiled
def free_at(run: Run, symbol: int, touched: float) -> float:
    """Return the free equity with a symbol at the price that was touched."""
    return rules.revalued_free(
        unreserved(run),
        symbol_at(run, symbol).position,
        price_of(run, symbol),
        touched,
        run.initial,
    )


@compiled
def shortfall(run: Run, slot: int, quantity: float, price: float, touched: float, fee: float) -> float:
    """Return the free equity that is missing for a fill; zero or less when there is enough."""
    order = order_at(run, slot)
    opening = rules.opening_part(symbol_at(run, order.symbol).position, order.side * quantity)
    if opening <= rules.DUST:
        return 0.0
    initial = run.initial
    need = rules.required(opening, quantity - opening, price, touched, order.side, initial, fee)
    return need - free_at(run, order.symbol, touched)


@compiled
def affordable(run: Run, slot: int, quantity: float, price: float, touched: float, fee: float) -> float:
    """Return how many of the shares that a fill is short of money for are affordable."""
    order, initial = order_at(run, slot), run.initial
    position = symbol_at(run, order.symbol).position
    closing = quantity - rules.opening_part(position, order.side * quantity)
    freed = -rules.required(0.0, closing, price, touched, order.side, initial, 0.0)
    each = rules.required(1.0, 0.0, price, touched, order.side, initial, 0.0)
    free = free_at(run, order.symbol, touched) + freed
    return closing + rules.affordable(free, each, fee, order.lot)


# --- bookings ------------------------------------------------------------------------------------------


@inlined
def book_fill(run: Run, symbol: int, signed: float, price: float, fee: float) -> None:
    """Book one execution: cash, the position, and the round trip that it belongs to."""
    s = symbol_at(run, symbol)
    before = s.position
    if not s.booked:  # sums over positions go by the order of their first booking
        s.booked = 1
        put(run.positions_at, run.positions, symbol)
        run.positions += 1
    after = rules.booked_position(before, signed)
    s.position = after
    run.shorts += (after < 0.0) - (before < 0.0)
    run.cash += rules.fill_amount(signed, price, fee)
    run.fees += fee
    if before * after >= 0.0:
        tally(run, symbol, signed, price, fee, after)
    else:
        share = abs(before / signed)
        tally(run, symbol, -before, price, fee * share, 0.0)
        tally(run, symbol, after, price, fee * (1.0 - share), after)


@inlined
def tally(run: Run, symbol: int, signed: float, price: float, fee: float, after: float) -> None:
    """Add a fill that does not pass through zero to its round trip."""
    s = symbol_at(run, symbol)
    s.trade_pnl -= signed * price + fee
    if after == 0.0:
        finish_trade(run, symbol)


@inlined
def finish_trade(run: Run, symbol: int) -> None:
    """Count a round trip that is done."""
    s = symbol_at(run, symbol)
    run.trades += 1
    if s.trade_pnl > 0.0:
        run.wins += 1
        run.won += s.trade_pnl
    else:
        run.lost += s.trade_pnl
    s.trade_pnl = 0.0


@compiled
def book_charge(run: Run, symbol: int, amount: float, time: int) -> None:
    """Book what holding cost: a borrow fee of a symbol, or interest where the symbol is -1."""
    run.cash -= amount
    run.charges += amount
    if symbol >= 0:
        symbol_at(run, symbol).trade_pnl -= amount
    tell_charge(run, symbol, amount, time)
