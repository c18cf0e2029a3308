"""What was bought on good faith, and sold before it was paid for."""

from __future__ import annotations

from typing import Any

import pytest

import openbell as ob
from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.costs import Margin
from openbell.core.types import BUY, NANOS_PER_DAY, NANOS_PER_SECOND, SELL, Dividend, Fill, Phase, Split
from openbell.portfolio.conduct import Company, Conduct
from openbell.portfolio.goodfaith import GoodFaith, GoodFaithRule, Violation, frozen_until
from openbell.reporting.conduct import good_faith

DAY = 86_400 * NANOS_PER_SECOND
FIRST = 20_000  #: 2024-10-04, when a trade settles after one session
OPENS = [day * DAY for day in range(FIRST, FIRST + 600)]
YEAR = Sessions("hand", OPENS, [one + DAY // 2 for one in OPENS])


def at(day: float) -> int:
    return OPENS[0] + int(day * DAY)


def trade(account: Account, day: float, symbol: str, signed: float, price: float = 10.0) -> None:
    side = BUY if signed > 0 else SELL
    account.book_fill(Fill(1, "t", symbol, side, abs(signed), price, 0.0, 0.0, at(day), Phase.OPEN))


def found(account: Account) -> list[tuple[Any, ...]]:
    return [
        (one.symbol, (one.bought - at(0)) / DAY, (one.sold - at(0)) / DAY)
        for one in GoodFaith(account.initial_cash, YEAR).read(account.entries)
    ]


def test_what_was_bought_with_proceeds_and_sold_before_they_settle_is_a_violation():
    account = Account(1_000.0)
    trade(account, 0.1, "A", 100)
    trade(account, 1.1, "A", -100)
    trade(account, 1.2, "B", 100)  # with what A brought, which settles at the close of session 2
    trade(account, 1.3, "B", -100)
    assert found(account) == [("B", pytest.approx(1.2), pytest.approx(1.3))]


def test_what_is_held_until_the_proceeds_have_settled_is_none():
    account = Account(1_000.0)
    trade(account, 0.1, "A", 100)
    trade(account, 1.1, "A", -100)
    trade(account, 1.2, "B", 100)
    trade(account, 2.6, "B", -100)
    assert found(account) == []


def test_settled_cash_pays_first_and_dividends_are_settled():
    account = Account(2_000.0)
    trade(account, 0.1, "A", 100)
    account.book_dividend(Dividend("A", 0, 10.0), time=at(0.9))
    trade(account, 1.1, "A", -100)
    trade(account, 1.2, "B", 200)  # 2,000 of settled cash
    trade(account, 1.3, "B", -200)
    trade(account, 1.4, "C", 1)
    trade(account, 1.41, "C", -1)
    assert found(account) == [("C", pytest.approx(1.4), pytest.approx(1.41))]


def test_one_purchase_is_one_violation_and_the_oldest_shares_go_first():
    account = Account(1_000.0)
    trade(account, 0.1, "A", 50)  # paid for
    trade(account, 0.2, "B", 50)
    trade(account, 1.1, "B", -50)
    trade(account, 1.2, "A", 50)  # not paid for
    trade(account, 1.3, "A", -50)  # the shares of before
    assert found(account) == []
    trade(account, 1.4, "A", -20)
    trade(account, 1.5, "A", -30)
    assert found(account) == [("A", pytest.approx(1.2), pytest.approx(1.4))]


def test_a_debit_is_no_good_faith_and_a_short_opens_no_lot():
    account = Account(0.0)
    trade(account, 0.1, "A", 10)
    trade(account, 0.2, "A", -20)
    trade(account, 0.3, "A", 10)
    trade(account, 0.4, "B", 30)  # 200 of proceeds are left, of which 100 have gone; the rest is owed
    assert found(account) == []
    trade(account, 0.5, "B", -30)
    assert [one[0] for one in found(account)] == ["B"]


def test_a_split_turns_shares_into_others():
    account = Account(1_000.0)
    trade(account, 0.1, "A", 100)
    trade(account, 1.1, "A", -100)
    trade(account, 1.2, "B", 50)
    account.book_split(Split("B", 0, 2, 1), time=at(1.25), previous_close=10.0, instrument=ob.Instrument("B"))
    trade(account, 1.3, "B", 50, 10.0)
    trade(account, 1.4, "B", -100, 10.0)  # those of before the split
    trade(account, 1.45, "B", -50, 10.0)
    assert found(account) == [
        ("B", pytest.approx(1.2), pytest.approx(1.4)), ("B", pytest.approx(1.3), pytest.approx(1.45)),
    ]  # fmt: skip


def violations(*days: float) -> list[Violation]:
    return [Violation("A", at(day), at(day), at(day + 1)) for day in days]


def test_the_third_within_a_year_leaves_settled_cash_alone_for_ninety_days():
    rule = GoodFaithRule()
    assert frozen_until(violations(1, 2), rule) == 0
    assert frozen_until(violations(1, 2, 3), rule) == at(3) + 90 * NANOS_PER_DAY
    assert frozen_until(violations(1, 2, 400), rule) == 0
    assert frozen_until(violations(1, 2, 3, 500), rule) == at(3) + 90 * NANOS_PER_DAY
    assert frozen_until(violations(5), rule._replace(most=0)) == at(5) + 90 * NANOS_PER_DAY


def churn(account: Account, rounds: int) -> None:
    """Buy and sell with what is not settled, again and again."""
    trade(account, 0.1, "A", 100)
    trade(account, 0.2, "A", -100)
    for one in range(rounds):
        trade(account, 0.21 + one / 100, "B", 100)
        trade(account, 0.215 + one / 100, "B", -100)


def test_proceeds_may_be_spent_on_good_faith_until_there_were_too_many_violations():
    conduct = Conduct(Margin(settlement=True, good_faith=True), YEAR)
    strict = Conduct(Margin(settlement=True), YEAR)
    two, three = Account(1_000.0), Account(1_000.0)
    churn(two, 2)
    churn(three, 3)
    assert conduct.unsettled(two, at(0.3)) == 0.0
    assert strict.unsettled(two, at(0.3)) > 0.0
    assert conduct.unsettled(three, at(0.3)) == strict.unsettled(three, at(0.3)) > 0.0
    assert len(conduct.violations(three)) == 3
    trade(three, 91.0, "A", 100)
    trade(three, 91.1, "A", -100)
    assert conduct.unsettled(three, at(91.2)) == 0.0


def test_the_violations_of_all_strategies_of_an_account_count():
    conduct = Conduct(Margin(settlement=True, good_faith=True), YEAR)
    one, other = Account(1_000.0), Account(1_000.0)
    churn(one, 2)
    churn(other, 1)
    assert conduct.unsettled(one, at(0.3)) == 0.0
    assert conduct.unsettled(one, at(0.3), Company([other])) > 0.0


class Churn(ob.Strategy):
    """Buys at one bar's close, and sells at the next one's."""

    def on_bar(self, bar: Any) -> None:
        self.order(bar.symbol, -100 if self.position(bar.symbol) else 100)


def test_a_backtest_says_how_many_there_were_and_what_they_led_to():
    def run(**settings: Any) -> ob.Result:
        costs = ob.Costs(margin=Margin(settlement=True, **settings))
        return ob.backtest(
            Churn, ["IBM"], costs=costs, cash=22_000.0, start="2012-01-01", end="2012-12-31",
            engine="event",
        )  # fmt: skip

    free, strict = run(good_faith=True), run()
    (said,) = good_faith(free)
    assert said.text.startswith("6 good-faith violations")
    assert "until 2013-" in said.detail
    assert list(good_faith(strict)) == []


def test_good_faith_is_a_matter_of_settlement():
    with pytest.raises(ob.ConfigError, match=r"margin.good_faith=True needs margin.settlement"):
        Margin(good_faith=True)
