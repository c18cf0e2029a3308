"""Round trips out of a ledger, as a trader counts them."""

import math

import pytest

from openbell.core.account import Account
from openbell.core.types import BUY, NANOS_PER_DAY, SELL, Charge, Dividend, Fill, Instrument, Phase, Split
from openbell.portfolio.trades import Trade, round_trips

DAY = NANOS_PER_DAY


class Book:
    """A ledger written a day at a time."""

    def __init__(self) -> None:
        self.account = Account(100_000.0)
        self.day = 0

    def trade(self, signed: float, price: float, fee: float = 0.0, symbol: str = "A") -> None:
        self.day += 1
        side = BUY if signed > 0 else SELL
        fill = Fill(1, "t", symbol, side, abs(signed), price, fee, 0.0, self.day * DAY, Phase.OPEN)
        self.account.book_fill(fill)

    def split(self, new: int, old: int, close: float) -> None:
        self.day += 1
        self.account.book_split(
            Split("A", self.day, new, old),
            time=self.day * DAY,
            previous_close=close,
            instrument=Instrument("A"),
        )

    def dividend(self, amount: float) -> None:
        self.day += 1
        self.account.book_dividend(Dividend("A", self.day, amount), time=self.day * DAY)

    def charge(self, amount: float, symbol: str = "A") -> None:
        self.day += 1
        kind = "borrow" if symbol else "interest"
        self.account.book_charge(Charge("t", symbol, kind, amount, self.day * DAY))

    def trips(self, **prices: float) -> list[Trade]:
        return round_trips(self.account.entries, prices)


@pytest.fixture
def book() -> Book:
    return Book()


def test_a_long_and_a_short_round_trip(book):
    book.trade(100, 10.0, 1.0)
    book.trade(-100, 12.0, 1.0)
    book.trade(-50, 20.0)
    book.trade(50, 16.0, 2.0)
    long, short = book.trips()
    assert long == Trade("A", 1, DAY, 2 * DAY, 100, 10.0, 12.0, 198.0, 2.0, 0.0, 1_000.0, 2, 0, 1)
    assert short == Trade("A", -1, 3 * DAY, 4 * DAY, 50, 20.0, 16.0, 198.0, 2.0, 0.0, 1_000.0, 2, 2, 3)
    assert (long.is_open, long.days, long.gain) == (False, 1.0, 0.198)


def test_a_flip_ends_one_trade_and_begins_another_and_shares_the_fee(book):
    book.trade(100, 10.0)
    book.trade(-150, 12.0, 3.0)
    book.trade(50, 11.0)
    first, second = book.trips()
    assert (first.side, first.pnl, first.fees, first.fills) == (
        1,
        pytest.approx(198.0),
        pytest.approx(2.0),
        2,
    )
    assert (second.side, second.pnl, second.fees, second.fills) == (
        -1,
        pytest.approx(49.0),
        pytest.approx(1.0),
        2,
    )
    assert (first.last, second.first, second.quantity, second.entry) == (1, 1, 50, 12.0)


def test_scaling_in_and_out_is_one_trade_with_average_prices(book):
    book.trade(100, 10.0)
    book.trade(-50, 12.0)
    book.trade(150, 20.0)
    book.trade(-200, 22.0)
    (trade,) = book.trips()
    assert (trade.entry, trade.exit) == (pytest.approx(16.0), pytest.approx(20.0))
    assert (trade.quantity, trade.fills) == (200, 4)
    assert trade.basis == pytest.approx(50 * 10.0 + 150 * 20.0)
    assert trade.pnl == pytest.approx(1_000.0)


def test_an_open_trade_is_valued_at_the_last_price(book):
    book.trade(100, 10.0, 1.0)
    book.trade(5, 1.0, symbol="B")
    book.trade(-5, 2.0, symbol="B")
    trade, other = book.trips(A=13.0)
    assert (trade.is_open, trade.closed, trade.exit, trade.pnl) == (True, 0, 13.0, 299.0)
    assert (trade.first, trade.last, math.isnan(trade.days)) == (0, 0, True)
    assert (other.symbol, other.pnl) == ("B", 5.0)


def test_a_split_inside_a_trade_changes_shares_and_prices_but_no_money(book):
    book.trade(100, 30.0)
    book.trade(-40, 36.0)
    book.split(2, 1, 36.0)
    book.trade(-120, 20.0)
    (trade,) = book.trips()
    assert (trade.quantity, trade.entry) == (200, 15.0)
    assert trade.exit == pytest.approx((40 * 36.0 + 120 * 20.0) / 200)
    assert (trade.pnl, trade.basis) == (pytest.approx(40 * 36.0 + 120 * 20.0 - 3_000.0), 3_000.0)


def test_the_fraction_of_a_split_is_part_of_the_exit(book):
    book.trade(101, 30.0)
    book.split(3, 2, 33.0)
    book.trade(-151, 22.0)
    (trade,) = book.trips()
    assert trade.exit == pytest.approx(22.0)
    assert trade.pnl == pytest.approx(101 * 3.0)


def test_a_split_that_pays_out_all_ends_the_trade(book):
    book.trade(-3, 10.0)
    book.split(1, 5, 8.0)
    book.trade(7, 40.0)
    short, long = book.trips(A=40.0)
    assert (short.closed, short.last, short.exit, short.pnl) == (2 * DAY, 1, 40.0, pytest.approx(6.0))
    assert (short.entry, short.quantity) == (pytest.approx(50.0), pytest.approx(0.6))
    assert (long.is_open, long.pnl) == (True, 0.0)


def test_a_split_at_no_price_pays_nothing(book):
    book.trade(3, 10.0)
    book.split(1, 5, 0.0)
    (trade,) = book.trips()
    assert (trade.exit, trade.pnl) == (0.0, -30.0)


def test_dividends_and_borrow_are_carry(book):
    book.trade(-100, 10.0)
    book.dividend(0.5)
    book.charge(3.0)
    book.trade(100, 10.0)
    (trade,) = book.trips()
    assert (trade.carry, trade.pnl, trade.last) == (-53.0, -53.0, 3)


def test_interest_belongs_to_no_trade(book):
    book.trade(100, 10.0)
    book.charge(3.0, symbol="")
    (trade,) = book.trips(A=10.0)
    assert (trade.pnl, trade.last) == (0.0, 0)


def test_what_is_charged_after_the_end_counts_for_the_trade_that_was(book):
    book.trade(-100, 10.0)
    book.trade(100, 10.0)
    book.charge(3.0)
    (trade,) = book.trips()
    assert (trade.pnl, trade.carry, trade.last, trade.closed) == (-3.0, -3.0, 1, 2 * DAY)


def test_what_is_charged_for_what_was_never_held_belongs_to_no_trade(book):
    book.charge(3.0)
    assert book.trips() == []


def test_nothing_put_in_gains_nothing():
    assert Trade("A", 1, 0).gain == 0.0
