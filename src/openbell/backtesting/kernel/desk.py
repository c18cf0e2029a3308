"""From a conviction to orders: what `Desk` and the sizers do, on the kernel's state."""

from __future__ import annotations

import math

from openbell.backtesting.kernel.book import accept, end
from openbell.backtesting.kernel.compiler import apart, compiled, inlined
from openbell.backtesting.kernel.funds import equity_of, price_of
from openbell.backtesting.kernel.log import tell_made
from openbell.backtesting.kernel.memory import item, order_at, put, symbol_at
from openbell.backtesting.kernel.power import within
from openbell.backtesting.kernel.records import (
    CANCELLED,
    CUT,
    ENDED,
    FIXED_NOTIONAL,
    FIXED_QUANTITY,
    LIMIT,
    MARGIN_CALL,
    MARKET,
    NO_BUYING_POWER,
    NONE,
    REPLACED,
    SHARE_OF_EQUITY,
    SHORT_NOT_ALLOWED,
    SIZE_ZERO,
    SLOTS,
    STOP,
    TRAILING,
    Run,
)
from openbell.core import rules

_NAN = float("nan")


@compiled
def count_note(run: Run, reason: int) -> None:
    """Count a decision that led to no order."""
    put(run.notes_at, reason, item(run.notes_at, reason) + 1)


@inlined
def size(run: Run, symbol: int, conviction: float) -> float:
    """Return the signed target of a conviction."""
    equity = equity_of(run) if run.sizer == SHARE_OF_EQUITY else 0.0
    lots = sized(run, abs(conviction), price_of(run, symbol), equity, symbol_at(run, symbol).lot)
    return math.copysign(lots, conviction)


@inlined
def sized(run: Run, strength: float, price: float, equity: float, lot: float) -> float:
    """Return the shares of a conviction's strength; only a share of equity asks for that."""
    if run.sizer == FIXED_QUANTITY:
        return rules.whole_lots(strength * run.size, lot)
    if run.sizer == FIXED_NOTIONAL:
        return rules.sized_by_value(strength * run.size, price, lot)
    return rules.sized_by_value(strength * run.size * equity, price, lot)


@compiled
def works(run: Run, symbol: int) -> bool:
    """Tell whether the desk has an order of a symbol that works."""
    first = symbol * SLOTS
    for k in range(first, first + symbol_at(run, symbol).orders):
        if order_at(run, k).working:
            return True
    return False


@compiled
def aims_at(run: Run, symbol: int, change: float) -> bool:
    """Tell whether the market orders that work towards a target add up to `change`."""
    first = symbol * SLOTS
    coming, aims = 0.0, 0
    for k in range(first, first + symbol_at(run, symbol).orders):
        order = order_at(run, k)
        if order.working and order.aim:
            if order.kind != MARKET:
                return False
            coming += order.side * (order.quantity - order.filled)
            aims += 1
    return aims > 0 and abs(coming - change) < rules.DUST


@compiled
def holds(run: Run, symbol: int, conviction: float) -> bool:
    """Tell whether a signal repeats the last one while its position or its order stands."""
    s = symbol_at(run, symbol)
    if conviction != s.conviction:
        return False
    busy = works(run, symbol)
    if conviction == 0.0:
        return aims_at(run, symbol, -s.position) if busy else s.position == 0.0
    if s.position * conviction > 0.0 or not busy:
        return s.position * conviction > 0.0
    first = symbol * SLOTS
    for k in range(first, first + s.orders):
        order = order_at(run, k)
        if order.working and not order.reduce_only and order.side * conviction > 0.0:
            return True
    return False


@apart
def signal(run: Run, symbol: int, conviction: float) -> None:
    """Bring a position to what the sizer makes of a conviction."""
    s = symbol_at(run, symbol)
    if conviction < 0.0 and not run.short:
        count_note(run, SHORT_NOT_ALLOWED)
        conviction = 0.0
    if holds(run, symbol, conviction):
        return
    s.conviction = conviction
    if conviction == 0.0:
        target(run, symbol, 0.0, 0.0, NONE)
        return
    meant = size(run, symbol, conviction)
    wanted = within(run, symbol, meant)
    if wanted == 0.0:
        count_note(run, SIZE_ZERO if meant == 0.0 else NO_BUYING_POWER)
    direction = 1.0 if conviction > 0.0 else -1.0
    held = direction * s.position
    if wanted == meant:
        target(run, symbol, wanted, direction if wanted != 0.0 else 0.0, NONE)
    elif held <= abs(wanted) and (held != 0.0 or wanted != 0.0):
        target(run, symbol, wanted, direction if wanted != 0.0 else 0.0, CUT)


@compiled
def has_exits(run: Run) -> bool:
    """Tell whether the strategy protects its positions."""
    return run.stop_loss > 0.0 or run.take_profit > 0.0 or run.trailing_stop > 0.0


@compiled
def target(run: Run, symbol: int, quantity: float, direction: float, tag: int) -> None:
    """Bring a position to `quantity` shares; `direction` is the signal's, 0 where it protects nothing."""
    s = symbol_at(run, symbol)
    held = s.position
    exits = direction != 0.0 and has_exits(run)
    limited = run.limit > 0.0 and held * direction <= 0.0 and direction != 0.0
    aims = not (exits or limited) and aims_at(run, symbol, quantity - held)
    keeps = not exits and (held * quantity > 0.0 or (aims and quantity != 0.0))
    time = item(run.times_at, run.moment)
    first = symbol * SLOTS
    for k in range(first, first + s.orders):
        order = order_at(run, k)
        if order.working:
            stays = aims if order.aim else keeps and order.reduce_only and order.side * quantity < 0.0
            if not stays:
                order.working = -1
    for k in range(first, first + s.orders):
        if order_at(run, k).working == -1 and order_at(run, k).state != ENDED:
            order_at(run, k).working = 0
            end(run, k, CANCELLED, time, REPLACED)
    if not aims:
        change(run, symbol, held, quantity, direction, tag)


@compiled
def change(run: Run, symbol: int, held: float, quantity: float, direction: float, tag: int) -> None:
    """Send what leads from `held` to `quantity` shares, and exits for what is held then."""
    s = symbol_at(run, symbol)
    exits = direction != 0.0 and has_exits(run)
    limit = _NAN
    if run.limit > 0.0 and held * direction <= 0.0 and direction != 0.0:
        limit = rules.away(price_of(run, symbol), -direction, run.limit)
    if held * quantity < 0.0:
        send(run, symbol, -held, MARKET, _NAN, 1, 1, 0, 0, tag)
        held = 0.0
    reduces = abs(quantity) < abs(held)
    part = quantity - held
    if held != 0.0:
        meant = rules.denoised(abs(part), abs(held) + abs(quantity), s.lot)
        if not reduces and rules.whole_lots(abs(held), s.lot) < abs(held) - rules.DUST:
            meant = rules.whole_lots(meant, s.lot)  # a split left an odd lot
        part = math.copysign(meant, part)
    if exits and held * quantity > 0.0:
        protect(run, symbol, quantity if reduces else held, direction, 0)
    if abs(part) < rules.DUST:
        return
    parent = run.next_id
    kind = MARKET if math.isnan(limit) else LIMIT
    send(run, symbol, part, kind, limit, 1 if reduces else 0, 1, 0, 0, tag)
    if exits and not reduces:
        protect(run, symbol, part, direction, parent)


@compiled
def protect(run: Run, symbol: int, held: float, direction: float, parent: int) -> None:
    """Send the exits of a position: they reduce only, and the first to fill cancels the others."""
    price = price_of(run, symbol)
    group = 0
    if (run.stop_loss > 0.0) + (run.take_profit > 0.0) + (run.trailing_stop > 0.0) > 1:
        group = run.next_id
        run.next_id += 1
    if run.stop_loss > 0.0:
        level = rules.away(price, -direction, run.stop_loss)
        send(run, symbol, -held, STOP, level, 1, 0, parent, group, NONE)
    if run.trailing_stop > 0.0:
        send(run, symbol, -held, TRAILING, run.trailing_stop, 1, 0, parent, group, NONE)
    if run.take_profit > 0.0:
        level = rules.away(price, direction, run.take_profit)
        send(run, symbol, -held, LIMIT, level, 1, 0, parent, group, NONE)


@compiled
def send(
    run: Run, symbol: int, signed: float, kind: int, price: float, reduce_only: int,
    aim: int, parent: int, group: int, tag: int,
) -> None:  # fmt: skip
    """Make an order and hand it to the exchange; a price that no order can have ends the run with a fault."""
    s = symbol_at(run, symbol)
    if s.orders == SLOTS:  # never seen: what would not fit is left to the event engine
        run.fault = 1
        return
    slot = symbol * SLOTS + s.orders
    s.orders += 1
    order = order_at(run, slot)
    order.id = run.next_id
    run.next_id += 1
    order.symbol, order.kind, order.reduce_only, order.aim = symbol, kind, reduce_only, aim
    order.parent, order.oco, order.working = parent, group, 1
    order.side = -1.0 if signed < 0.0 else 1.0
    order.lot = min(s.lot, 1.0) if reduce_only else s.lot
    order.limit = rules.on_tick(price, s.tick) if kind == LIMIT else _NAN
    order.stop = rules.on_tick(price, s.tick) if kind == STOP else _NAN
    order.trail = price if kind == TRAILING else _NAN
    order.is_stop = 1 if kind in (STOP, TRAILING) else 0
    order.filled = order.pending = order.raw = order.value = order.paid = order.need = order.held = 0.0
    order.quantity = abs(signed)
    lots = rules.whole_lots(order.quantity, order.lot)
    if reduce_only and abs(lots - order.quantity) > rules.DUST:
        order.quantity = rules.denoised(order.quantity, order.quantity, order.lot)
        lots = rules.whole_lots(order.quantity, order.lot)
    wrong = lots <= 0.0 or abs(lots - order.quantity) > rules.DUST + rules.GRAIN * order.quantity
    if wrong or order.limit <= 0.0 or order.stop <= 0.0:
        run.fault = 1
    order.quantity = lots
    if not s.sent:
        s.sent = 1
        put(run.senders_at, run.senders, symbol)
        run.senders += 1
    time = item(run.times_at, run.moment)
    tell_made(run, slot, time, tag)
    accept(run, slot, time)
    if not order.working and not reduce_only:
        if s.tried_at != run.moment:
            s.tried = s.tried_limit = 0.0
            s.tried_at = run.moment
        if kind == MARKET:
            s.tried += signed
        else:
            s.tried_limit += signed * max(order.limit, price_of(run, symbol))


@apart
def call_margin(run: Run) -> None:
    """Ask for all positions to be closed when equity is below the maintenance margin at the closes."""
    gross, closing = 0.0, True
    for k in range(run.positions):
        symbol = item(run.positions_at, k)
        position = symbol_at(run, symbol).position
        if position != 0.0:
            gross += abs(position) * price_of(run, symbol)
            closing = closing and is_closing(run, symbol)
    if equity_of(run) >= run.maintenance * gross or closing:
        return
    count_note(run, MARGIN_CALL)
    for k in range(run.positions):
        if symbol_at(run, item(run.positions_at, k)).position != 0.0:
            target(run, item(run.positions_at, k), 0.0, 0.0, MARGIN_CALL)
    for k in range(run.senders):
        symbol = item(run.senders_at, k)
        if symbol_at(run, symbol).position == 0.0 and works(run, symbol):
            target(run, symbol, 0.0, 0.0, MARGIN_CALL)


@compiled
def is_closing(run: Run, symbol: int) -> bool:
    """Tell whether an order to close a position at the next open works."""
    first = symbol * SLOTS
    for k in range(first, first + symbol_at(run, symbol).orders):
        order = order_at(run, k)
        if order.state != ENDED and order.reduce_only and order.kind == MARKET:
            return True
    return False
