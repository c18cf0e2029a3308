"""What has settled, and what was a day trade."""

from datetime import UTC, date, datetime

import pytest

from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.types import BUY, NANOS_PER_SECOND, SELL, Dividend, Fill, Phase
from openbell.data import calendar
from openbell.portfolio.settlement import (
    DayTradeRule,
    cycle_of,
    day_trades,
    is_pattern,
    may_day_trade,
    pending_of,
    settled_cash,
)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NANOS_PER_SECOND


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    found = calendar.sessions("XNYS", at("2024-01-01"), at("2024-12-31"))
    return Sessions("XNYS", found.opens.tolist(), found.closes.tolist())


class Book:
    def __init__(self) -> None:
        self.account = Account(10_000.0)

    def trade(self, when: str, signed: float, price: float = 10.0, symbol: str = "A") -> None:
        side = BUY if signed > 0 else SELL
        fill = Fill(1, "t", symbol, side, abs(signed), price, 0.0, 0.0, at(when), Phase.OPEN)
        self.account.book_fill(fill)


@pytest.fixture
def book() -> Book:
    return Book()


def test_the_cycle_is_that_of_the_day():
    days = [date(1990, 1, 2), date(2000, 1, 3), date(2017, 9, 4), date(2017, 9, 5), date(2024, 5, 27)]
    assert [cycle_of(day) for day in days] == [5, 3, 3, 2, 2]
    assert cycle_of(date(2024, 5, 28)) == 1


@pytest.mark.parametrize(("sold", "before", "after"), [
    ("2024-06-03T15:00", "2024-06-04T19:00", "2024-06-04T20:00"),  # one session
    ("2024-06-07T15:00", "2024-06-10T19:00", "2024-06-10T20:00"),  # over a weekend
    ("2024-05-23T15:00", "2024-05-28T19:00", "2024-05-28T20:00"),  # two sessions, over Memorial Day
])  # fmt: skip
def test_a_sale_settles_sessions_later(book, sessions, sold, before, after):
    book.trade("2024-05-20T15:00", 100)
    book.trade(sold, -50, 12.0)
    entries, cash = book.account.entries, book.account.cash
    assert settled_cash(entries, cash, sessions, at(before)) == cash - 600.0
    assert settled_cash(entries, cash, sessions, at(after)) == cash
    assert pending_of(entries, sessions, at("2024-05-21")) == []
    assert pending_of(entries, sessions, at(sold), cycle=0)[0].symbol == "A"


def test_what_opens_and_closes_in_a_session_is_a_day_trade(book, sessions):
    book.trade("2024-06-03T14:00", 100)
    book.account.book_dividend(Dividend("A", 0, 1.0), time=at("2024-06-03T14:30"))
    book.trade("2024-06-03T15:00", -40)
    book.trade("2024-06-03T15:10", -60)  # the same one
    book.trade("2024-06-03T16:00", -50)  # short
    book.trade("2024-06-03T17:00", 80)  # covers, and is long 30 after it
    book.trade("2024-06-03T18:00", -30)
    assert list(day_trades(book.account.entries, sessions).values()) == [3]
    assert not is_pattern(book.account.entries, sessions, at("2024-06-03T19:00"))


def test_what_is_held_over_night_is_none(book, sessions):
    book.trade("2024-06-03T15:00", 100)
    book.trade("2024-06-04T15:00", -50)
    book.trade("2024-06-04T16:00", -50)
    assert day_trades(book.account.entries, sessions) == {}


def test_a_fourth_day_trade_within_five_sessions_is_a_pattern(book, sessions):
    now = at("2024-06-06T19:00")
    for day in (3, 4, 5):
        book.trade(f"2024-06-0{day}T15:00", 10)
        book.trade(f"2024-06-0{day}T16:00", -10)
    entries = book.account.entries
    assert not is_pattern(entries, sessions, now)
    assert not may_day_trade(entries, sessions, now, equity=24_999.0)
    assert may_day_trade(entries, sessions, now, equity=25_000.0)
    assert may_day_trade(entries, sessions, now, equity=1.0, rule=DayTradeRule(until=date(2024, 6, 6)))
    assert may_day_trade(entries, sessions, at("2024-06-10T19:00"), equity=1.0)  # the first is a week ago
    book.trade("2024-06-06T15:00", 10)
    book.trade("2024-06-06T16:00", -10)
    assert is_pattern(entries, sessions, now)
    assert not is_pattern(entries, sessions, now, rule=DayTradeRule(share=0.6))
    assert not is_pattern(entries, sessions, now, rule=DayTradeRule(until=date(2024, 6, 6)))
    assert not is_pattern(entries, sessions, at("2024-06-13T19:00"))
