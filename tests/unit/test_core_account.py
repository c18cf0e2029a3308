"""The ledger, booking by booking."""

import pytest

from openbell.core.account import Account, EntryKind
from openbell.core.types import BUY, SELL, Charge, Dividend, Fill, Instrument, Phase, Split

ACME = Instrument("ACME")


def trade(account: Account, signed: float, price: float, fee: float = 0.0, symbol: str = "ACME") -> None:
    side = BUY if signed > 0 else SELL
    account.book_fill(Fill(1, "test", symbol, side, abs(signed), price, fee, 0.0, 5, Phase.OPEN))


@pytest.fixture
def account() -> Account:
    return Account(10_000.0)


def test_a_long_round_trip_realises_its_profit_and_pays_its_fees(account):
    trade(account, 100, 10.0, 1.0)
    position = account.positions["ACME"]
    assert (account.cash, position.quantity, position.average) == (8_999.0, 100, 10.0)
    assert position.unrealised(12.0) == 200.0
    trade(account, -100, 12.0, 2.0)
    assert (account.cash, position.quantity, position.average) == (10_197.0, 0.0, 0.0)
    assert (position.realised, position.fees) == (200.0, 3.0)
    assert [e.realised for e in account.entries] == [0.0, 200.0]


def test_a_short_round_trip_mirrors_it(account):
    trade(account, -100, 10.0)
    assert (account.cash, account.shorts, account.quantity("ACME")) == (11_000.0, 1, -100)
    assert account.positions["ACME"].unrealised(8.0) == 200.0
    trade(account, 100, 8.0)
    assert (account.cash, account.shorts) == (10_200.0, 0)
    assert account.positions["ACME"].realised == 200.0


def test_additions_average_the_cost_and_reductions_leave_it(account):
    trade(account, 100, 10.0)
    trade(account, 100, 20.0)
    trade(account, -150, 30.0)
    position = account.positions["ACME"]
    assert (position.quantity, position.average, position.realised) == (50, 15.0, 2_250.0)


@pytest.mark.parametrize("side", [1, -1])
def test_a_flip_realises_what_it_closes_and_begins_anew_at_its_price(account, side):
    trade(account, side * 100, 10.0)
    trade(account, side * -160, 12.0)
    position = account.positions["ACME"]
    assert (position.quantity, position.average, position.realised) == (side * -60, 12.0, side * 200.0)
    assert account.shorts == (side > 0)


def test_float_dust_counts_as_flat(account):
    trade(account, 0.1, 10.0)
    trade(account, 0.2, 10.0)
    trade(account, -0.3, 10.0)
    assert account.quantity("ACME") == 0.0


def test_equity_and_gross_count_longs_and_shorts_at_a_price(account):
    trade(account, 100, 10.0)
    trade(account, -50, 20.0, symbol="OTHER")
    trade(account, 5, 1.0, symbol="GONE")
    trade(account, -5, 1.0, symbol="GONE")
    prices = {"ACME": 11.0, "OTHER": 22.0}
    assert account.equity(prices.__getitem__) == 10_000.0
    assert account.gross(prices.__getitem__) == 2_200.0
    assert account.quantity("NEVER") == 0.0


def test_a_holder_receives_a_dividend_and_a_short_pays_it(account):
    trade(account, 100, 10.0)
    account.book_dividend(Dividend("ACME", 9, 0.5), time=9)
    assert (account.cash, account.positions["ACME"].dividends) == (9_050.0, 50.0)
    trade(account, -300, 10.0)
    account.book_dividend(Dividend("ACME", 9, 0.5), time=9)
    assert (account.cash, account.positions["ACME"].dividends) == (11_950.0, -50.0)
    assert account.entries[-1].kind is EntryKind.DIVIDEND


def test_who_holds_nothing_gets_no_dividend_and_no_split(account):
    account.book_dividend(Dividend("ACME", 9, 0.5), time=9)
    account.book_split(Split("ACME", 9, 2, 1), time=9, previous_close=10.0, instrument=ACME)
    trade(account, 1, 10.0)
    trade(account, -1, 10.0)
    account.book_dividend(Dividend("ACME", 9, 0.5), time=9)
    account.book_split(Split("ACME", 9, 2, 1), time=9, previous_close=10.0, instrument=ACME)
    assert [e.kind for e in account.entries] == [EntryKind.FILL, EntryKind.FILL]


@pytest.mark.parametrize("side", [1, -1])
def test_a_split_keeps_the_value_and_pays_the_fraction_of_a_share_in_cash(account, side):
    trade(account, side * 101, 30.0)
    before = account.cash
    account.book_split(Split("ACME", 9, 3, 2), time=9, previous_close=33.0, instrument=ACME)
    position, entry = account.positions["ACME"], account.entries[-1]
    assert (position.quantity, position.average) == (side * 151, 20.0)
    assert account.cash - before == pytest.approx(side * 0.5 * 22.0)
    assert position.realised == pytest.approx(side * 0.5 * 2.0)
    assert (entry.kind, entry.quantity, entry.price, entry.ratio) == (EntryKind.SPLIT, side * 50, 22.0, 1.5)
    assert account.shorts == (side < 0)


@pytest.mark.parametrize("side", [1, -1])
def test_a_reverse_split_may_pay_out_all(account, side):
    trade(account, side * 3, 10.0)
    account.book_split(Split("ACME", 9, 1, 5), time=9, previous_close=10.0, instrument=ACME)
    position = account.positions["ACME"]
    assert (position.quantity, position.average, account.shorts) == (0.0, 0.0, 0)
    assert account.cash == pytest.approx(10_000.0)


def test_fractional_lots_keep_fractions_through_a_split(account):
    trade(account, 1.5, 10.0)
    account.book_split(
        Split("ACME", 9, 1, 4), time=9, previous_close=10.0, instrument=Instrument("ACME", lot=0.01)
    )
    assert account.quantity("ACME") == 0.37
    assert account.entries[-1].amount == pytest.approx(0.005 * 40.0)


def test_a_split_may_leave_an_odd_lot(account):
    trade(account, 100, 10.0)
    account.book_split(
        Split("ACME", 9, 3, 2), time=9, previous_close=10.0, instrument=Instrument("ACME", lot=100)
    )
    assert account.quantity("ACME") == 150
    assert account.entries[-1].amount == 0.0


def test_borrow_belongs_to_its_symbol_and_interest_to_the_account(account):
    trade(account, -100, 10.0)
    account.book_charge(Charge("test", "ACME", "borrow", 3.0, 9))
    account.book_charge(Charge("test", "", "interest", 4.0, 9))
    assert account.cash == 10_993.0
    assert (account.positions["ACME"].borrow, account.interest) == (3.0, 4.0)
    borrow, interest = account.entries[-2:]
    assert (borrow.kind, borrow.position, borrow.amount) == (EntryKind.BORROW, -100, -3.0)
    assert (interest.kind, interest.symbol, interest.amount) == (EntryKind.INTEREST, "", -4.0)


def test_a_charge_for_what_was_never_held_is_booked_all_the_same(account):
    account.book_charge(Charge("test", "ACME", "borrow", 3.0, 9))
    assert (account.cash, account.quantity("ACME")) == (9_997.0, 0.0)


def test_a_position_shows_itself(account):
    trade(account, -2, 10.0)
    assert repr(account.positions["ACME"]) == "<Position -2 ACME at 10.0000>"
