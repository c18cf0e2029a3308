"""Lots and parts of a profit add up to the account's, whatever was booked."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.test_core_account import CASH, booked, bookings, tolerance

from openbell.core.account import EntryKind
from openbell.portfolio.attribution import WAYS, attribute, divide, in_cents
from openbell.portfolio.lots import Method, lots_of

PRICES = {"A": 37.0, "B": 2.5}
CARRIED = (EntryKind.DIVIDEND, EntryKind.BORROW, EntryKind.INTEREST)


@given(bookings, st.sampled_from(Method))
def test_the_lots_hold_what_the_account_holds_and_brought_what_it_brought(events, method):
    account = booked(events)
    lots = lots_of(account.entries, method)
    for symbol, position in account.positions.items():
        held = math.fsum(lot.side * lot.quantity for lot in lots.open if lot.symbol == symbol)
        assert held == pytest.approx(position.quantity, abs=1e-6)
    carry = math.fsum(e.amount for e in account.entries if e.kind in CARRIED)
    gains = math.fsum(one.gain for one in lots.closed)
    paper = math.fsum(
        lot.side * lot.quantity * (PRICES[lot.symbol] - lot.price) - lot.fee for lot in lots.open
    )
    whole = account.equity(PRICES.__getitem__) - CASH
    assert gains + paper + carry == pytest.approx(whole, abs=tolerance(account) + 1e-6)


@given(st.lists(bookings, min_size=2, max_size=3))
def test_the_parts_of_strategies_add_up_to_their_accounts(several):
    accounts = {f"s{number}": booked(events) for number, events in enumerate(several)}
    whole = math.fsum(one.equity(PRICES.__getitem__) - CASH for one in accounts.values())
    near = sum(map(tolerance, accounts.values())) + 1e-6
    ledgers = {name: one.entries for name, one in accounts.items()}
    parts = attribute(ledgers, PRICES, sectors={"A": "Energy"})
    by_strategy = divide(parts, "strategy")
    for name, one in accounts.items():
        assert by_strategy.get(name, 0.0) == pytest.approx(one.equity(PRICES.__getitem__) - CASH, abs=near)
    for way in WAYS:
        cents = in_cents(divide(parts, way))
        assert math.fsum(cents.values()) == pytest.approx(whole, abs=0.005 + near)


@given(bookings)
def test_the_parts_of_a_profit_add_up_to_it_and_to_its_cents(events):
    account = booked(events)
    whole = account.equity(PRICES.__getitem__) - CASH
    parts = attribute({"one": account.entries}, PRICES, sectors={"A": "Energy"})
    for way in WAYS:
        amounts = divide(parts, way)
        assert math.fsum(amounts.values()) == pytest.approx(whole, abs=tolerance(account) + 1e-6)
        cents = in_cents(amounts)
        assert round(100 * math.fsum(cents.values())) == round(100 * math.fsum(amounts.values()))
        assert all(abs(cents[name] - value) <= 0.01 + 1e-9 for name, value in amounts.items())
    fees = math.fsum(e.fee for e in account.entries if e.kind is EntryKind.FILL)
    assert math.fsum(part.fees for part in parts) == pytest.approx(fees, abs=1e-6)
    carry = math.fsum(e.amount for e in account.entries if e.kind in CARRIED)
    assert math.fsum(part.carry for part in parts) == pytest.approx(carry, abs=1e-6)
