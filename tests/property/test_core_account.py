"""Money is neither made nor lost by booking it."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from openbell.core import rules
from openbell.core.account import Account, EntryKind
from openbell.core.types import BUY, SELL, Charge, Dividend, Fill, Instrument, Phase, Split
from openbell.portfolio.trades import round_trips

SYMBOLS = ("A", "B")
CASH = 100_000.0
LOTS = {"A": 1.0, "B": 0.001}

symbols = st.sampled_from(SYMBOLS)
prices = st.integers(1, 1_000_000).map(lambda cents: cents / 100)
sides = st.sampled_from((BUY, SELL))
fills = st.tuples(st.just("fill"), symbols, sides, st.integers(1, 5_000), prices, st.floats(0, 50))
splits = st.tuples(st.just("split"), symbols, st.integers(1, 10), st.integers(1, 10), prices)
dividends = st.tuples(st.just("dividend"), symbols, st.floats(0.001, 20))
charges = st.tuples(st.just("charge"), st.sampled_from((*SYMBOLS, "")), st.floats(0, 100))
bookings = st.lists(st.one_of(fills, fills, splits, dividends, charges), max_size=40)


def book(account: Account, what: tuple[Any, ...], time: int) -> None:
    kind, symbol, *values = what
    if kind == "fill":
        side, lots, price, fee = values
        quantity = rules.whole_lots(lots * LOTS[symbol], LOTS[symbol])
        account.book_fill(Fill(1, "test", symbol, side, quantity, price, fee, 0.0, time, Phase.OPEN))
    elif kind == "split":
        new, old, price = values
        instrument = Instrument(symbol, lot=LOTS[symbol])
        account.book_split(
            Split(symbol, time, new, old), time=time, previous_close=price, instrument=instrument
        )
    elif kind == "dividend":
        account.book_dividend(Dividend(symbol, time, values[0]), time=time)
    else:
        kind = "borrow" if symbol else "interest"
        account.book_charge(Charge("test", symbol, kind, values[0], time))


def booked(events: list[tuple[Any, ...]]) -> Account:
    account = Account(CASH)
    for time, what in enumerate(events, start=1):
        book(account, what, time)
    return account


def tolerance(account: Account) -> float:
    """Return what float sums of these sizes, and dust that was dropped, may be off by."""
    moved = sum(abs(e.amount) + abs(e.position * e.price) for e in account.entries)
    return 1e-9 * (CASH + moved) + rules.DUST * sum(e.price for e in account.entries)


@given(bookings)
@settings(deadline=None)
def test_cash_is_the_sum_of_the_amounts_bit_for_bit(events):
    account = booked(events)
    cash = CASH
    for entry in account.entries:
        cash += entry.amount
        assert cash == entry.cash
    assert cash == account.cash


@given(bookings, st.fixed_dictionaries(dict.fromkeys(SYMBOLS, prices)))
@settings(deadline=None)
def test_equity_is_what_was_put_in_and_what_came_of_it(events, last):
    account = booked(events)
    positions = account.positions.values()
    made = sum(p.realised + p.unrealised(last[p.symbol]) + p.dividends - p.fees - p.borrow for p in positions)
    assert math.isclose(
        CASH + made - account.interest, account.equity(last.__getitem__), abs_tol=tolerance(account)
    )


@given(bookings)
@settings(deadline=None)
def test_a_position_is_the_sum_of_its_changes(events):
    account = booked(events)
    for symbol in SYMBOLS:
        changes = sum(e.quantity for e in account.entries if e.symbol == symbol)
        assert math.isclose(changes, account.quantity(symbol), abs_tol=1e-6)
    assert account.shorts == sum(p.quantity < 0.0 for p in account.positions.values())


@given(bookings)
@settings(deadline=None)
def test_a_position_is_whole_lots_and_has_an_average_if_and_only_if_it_is_held(events):
    account = booked(events)
    for symbol, position in account.positions.items():
        size = abs(position.quantity)
        assert math.isclose(rules.whole_lots(size, LOTS[symbol]), size, abs_tol=1e-6)
        assert (position.average > 0.0) == (position.quantity != 0.0)


@given(bookings)
@settings(deadline=None)
def test_what_a_fill_realises_is_booked_with_it(events):
    account = booked(events)
    for symbol, position in account.positions.items():
        kinds = (EntryKind.FILL, EntryKind.SPLIT)
        booked_gains = [e.realised for e in account.entries if e.symbol == symbol and e.kind in kinds]
        one_by_one = functools.reduce(operator.add, booked_gains, 0.0)  # newer `sum` rounds but once
        assert position.realised == one_by_one


@given(bookings, st.fixed_dictionaries(dict.fromkeys(SYMBOLS, prices)))
@settings(deadline=None)
def test_trades_add_up_to_what_the_account_made(events, last):
    account = booked(events)
    trades = round_trips(account.entries, last)
    opened = {trade.symbol: trade.opened for trade in reversed(trades)}
    elsewhere = sum(
        entry.fee  # what was charged for a symbol before it was ever held belongs to no trade
        for entry in account.entries
        if entry.kind in (EntryKind.BORROW, EntryKind.INTEREST)
        and entry.time < opened.get(entry.symbol, math.inf)
    )
    made = account.equity(last.__getitem__) - CASH + elsewhere
    assert math.isclose(sum(trade.pnl for trade in trades), made, abs_tol=tolerance(account))
    assert all(trade.quantity > 0.0 and trade.basis > 0.0 and trade.entry > 0.0 for trade in trades)
    assert sorted(t.symbol for t in trades if t.is_open) == [s for s in SYMBOLS if account.quantity(s)]
