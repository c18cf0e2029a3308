"""What happens to positions by themselves: nights, splits, dividends."""

from __future__ import annotations

from openbell.backtesting.kernel.book import split_orders
from openbell.backtesting.kernel.compiler import apart, compiled
from openbell.backtesting.kernel.funds import book_charge, finish_trade, price_of
from openbell.backtesting.kernel.log import tell_action
from openbell.backtesting.kernel.memory import item, symbol_at, value
from openbell.backtesting.kernel.records import Run
from openbell.core import rules


@apart
def charge(run: Run, moment: int) -> None:
    """Charge the calendar nights since the last bars, at the last closes."""
    session = session_of(run, moment)
    nights = item(run.nights_at, session) - item(run.nights_at, session_of(run, run.since))
    if nights == 0:
        return
    debt = -run.cash
    time = item(run.opens_at, session)
    for k in range(run.positions):
        symbol = item(run.positions_at, k)
        position = symbol_at(run, symbol).position
        if position < 0.0 and run.borrow_rate > 0.0:
            value = -position * price_of(run, symbol)
            book_charge(run, symbol, rules.carry(value, run.borrow_rate, nights), time)
    if debt > 0.0 and run.interest_rate > 0.0:
        book_charge(run, -1, rules.carry(debt, run.interest_rate, nights), time)


@compiled
def session_of(run: Run, moment: int) -> int:
    """Return the session that a moment is in: the first that does not end before it."""
    low, high = 0, run.sessions - 1
    while low < high:
        middle = (low + high) // 2
        if item(run.ends_at, middle) < moment:
            low = middle + 1
        else:
            high = middle
    return low


@apart
def act(run: Run, index: int) -> None:
    """Let a corporate action happen: to the orders, the ledger, and the past's prices."""
    symbol = item(run.action_symbols_at, index)
    new, old, time = (
        value(run.action_new_at, index),
        value(run.action_old_at, index),
        item(run.action_times_at, index),
    )
    s = symbol_at(run, symbol)
    if old > 0.0:
        split_orders(run, symbol, new, old, time)
        book_split(run, index)
        s.unit /= new / old
        s.carried /= new / old
        return
    close = price_of(run, symbol)
    if s.position != 0.0:
        tell_action(run, index, symbol, close, False, time)
        amount = s.position * new
        run.cash += amount
        s.trade_pnl += amount
    s.unit *= (close - new) / close


@compiled
def book_split(run: Run, index: int) -> None:
    """Book a split: exact ratio; the fraction of a share is paid in cash at the previous close."""
    symbol = item(run.action_symbols_at, index)
    s = symbol_at(run, symbol)
    before = s.position
    if before == 0.0:
        return
    new, old = value(run.action_new_at, index), value(run.action_old_at, index)
    close = price_of(run, symbol)
    tell_action(run, index, symbol, close, True, item(run.action_times_at, index))
    direction = 1.0 if before > 0.0 else -1.0
    exact = rules.split_shares(before, new, old)
    kept = direction * rules.whole_lots(abs(exact), min(s.lot, 1.0))
    price = rules.split_price(close, new, old)
    fraction = exact - kept
    s.position = kept
    if before < 0.0 and kept == 0.0:
        run.shorts -= 1
    run.cash += fraction * price
    s.trade_pnl += fraction * price
    if kept == 0.0:
        finish_trade(run, symbol)
