"""Settlement, day trades, borrowed shares: one model, asked by the simulated broker and the live guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.costs import Margin
from openbell.core.types import BUY, NANOS_PER_SECOND, SELL, Fill, OrderStatus, Phase, Reason
from openbell.portfolio.conduct import Conduct
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, START, Life, scripted

DAY = 86_400 * NANOS_PER_SECOND
FIRST = 20_000  #: 2024-10-04, when a trade settles after one session
OPENS = [day * DAY for day in range(FIRST, FIRST + 30)]
WEEK = Sessions("hand", OPENS, [one + DAY // 2 for one in OPENS])


class Told(ob.Strategy):
    """On some bars, an order: "30 AAPL 100"."""

    plan: str = ""

    def on_bar(self, bar: Any) -> None:
        for step in self.plan.split(";"):
            day, symbol, shares = step.split()
            if bar.index == int(day) and bar.symbol == symbol:
                self.order(symbol, float(shares))


def reasons(plan: str, margin: Margin, cash: float = 20_000.0) -> list[Any]:
    result = ob.backtest(
        Told, ["IBM", "MSFT"], parameters={"plan": plan}, costs=ob.Costs(margin=margin), cash=cash,
        end="2002-12-31", engine="event",
    )  # fmt: skip
    return [one.reason for one in result.outcome.orders]


def booked(*trades: tuple[float, str, float]) -> Account:
    """Return an account after trades at the hours of sessions, at 10 a share."""
    account = Account(10_000.0)
    for day, symbol, signed in trades:
        side, time = (BUY if signed > 0 else SELL), OPENS[0] + int(day * DAY)
        account.book_fill(Fill(1, "t", symbol, side, abs(signed), 10.0, 0.0, 0.0, time, Phase.OPEN))
    return account


def test_a_sale_pays_for_a_purchase_when_it_has_settled_and_not_before():
    cash = Margin(settlement=True)  # in 2000 a trade settled after three sessions
    assert reasons("30 IBM 160;40 IBM -160;41 MSFT 150", cash) == [
        Reason.NONE, Reason.NONE, Reason.UNSETTLED,
    ]  # fmt: skip
    assert reasons("30 IBM 160;40 IBM -160;42 MSFT 150", cash)[-1] is Reason.UNSETTLED
    assert reasons("30 IBM 160;40 IBM -160;44 MSFT 150", cash)[-1] is Reason.NONE
    assert reasons("30 IBM 160;40 IBM -160;40 MSFT 150", Margin())[-1] is Reason.NONE
    assert reasons("30 IBM 160;40 IBM -160;40 MSFT 900", cash)[-1] is Reason.NO_BUYING_POWER


def test_proceeds_are_unsettled_for_a_session_and_only_in_a_cash_account():
    account = booked((0.1, "A", 100), (1.1, "A", -100))
    conduct = Conduct(Margin(settlement=True), WEEK)
    assert conduct.unsettled(account, OPENS[1] + DAY // 4) == 1_000.0
    assert conduct.unsettled(account, WEEK.closes[2]) == 0.0
    assert conduct.unsettled(booked(), OPENS[1]) == 0.0
    assert Conduct(Margin(initial=0.5, settlement=True), WEEK).unsettled(account, OPENS[1]) == 0.0
    assert Conduct(Margin(settlement=True), Sessions("none", [], [])).unsettled(booked(), 0) == 0.0


ROUND = [(day + part, "A", sign * 10.0) for day in range(3) for part, sign in ((0.1, 1), (0.2, -1))]
PATTERN = Margin(initial=0.5, day_trades=True)


@pytest.mark.parametrize(
    ("trades", "waiting", "equity", "expected"),
    [
        (ROUND[:4], (), 9_000.0, None),  # two so far: a third is allowed
        (ROUND, (), 9_000.0, Reason.DAY_TRADES),
        (ROUND, (), 25_000.0, None),
        (ROUND[:4], ("B",), 9_000.0, Reason.DAY_TRADES),  # what waits may be a third, this a fourth
        ([*ROUND[:4], (3.1, "B", 5.0)], (), 9_000.0, Reason.DAY_TRADES),  # so may what was opened today
        ([*ROUND[:4], (3.1, "C", 5.0)], (), 9_000.0, None),  # of which this is more
    ],
)
def test_what_could_make_a_pattern_is_not_opened(trades, waiting, equity, expected):
    conduct, now = Conduct(PATTERN, WEEK), OPENS[3] + DAY // 4
    found = conduct.barred("C", 5.0, booked(*trades), equity=equity, time=now, waiting=waiting)
    assert found is expected


def test_day_trades_count_for_five_sessions_and_in_margin_accounts_alone():
    account = booked(*ROUND)
    for day, expected in ((4, Reason.DAY_TRADES), (5, None)):
        found = Conduct(PATTERN, WEEK).barred("C", 5.0, account, equity=1.0, time=OPENS[day] + 9)
        assert found is expected
    cash = Conduct(Margin(day_trades=True), WEEK)
    assert cash.barred("C", 5.0, account, equity=1.0, time=OPENS[3]) is None


def test_no_more_is_sold_short_than_is_located():
    margin = Margin(initial=0.5, short=True, locates={"IBM": 50})
    assert reasons("30 IBM -50", margin) == [Reason.NONE]
    assert reasons("30 IBM -51", margin) == [Reason.NOT_LOCATED]
    assert reasons("30 MSFT -60", margin) == [Reason.NONE]


def test_a_symbol_may_be_dearer_to_borrow_and_a_short_need_more_to_be_held():
    def costs(**settings: Any) -> ob.Result:
        margin = Margin(initial=0.5, short=True, borrow_rate=0.0, interest_rate=0.0, **settings)
        return ob.backtest(
            Told, "IBM", parameters={"plan": "30 IBM -340"}, costs=ob.Costs(margin=margin), cash=20_000.0,
            end="2000-06-30", engine="event",
        )  # fmt: skip

    plain, dear = costs(), costs(borrow_rates={"IBM": 0.2})
    fees = sum(entry.fee for entry in dear.outcome.entries if entry.kind.value == "borrow")
    assert fees > 300.0
    assert plain.final_equity - dear.final_equity == pytest.approx(fees)
    assert not plain.outcome.notes
    assert costs(maintenance_short=0.45).outcome.notes == {Reason.MARGIN_CALL: 1}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"locates": {"IBM": -1}}, r"margin.locates\['IBM'\]=-1 must be a number, zero or more"),
        ({"borrow_rates": 3}, "margin.borrow_rates=3 must be a mapping of symbols to numbers"),
        ({"settlement": 1}, "margin.settlement=1 must be true or false"),
    ],
)
def test_a_wrong_rule_is_named(settings, message):
    with pytest.raises(ob.ConfigError, match=message):
        Margin(**settings)


def test_the_compiled_engine_says_that_it_does_not_look_at_the_ledger():
    with pytest.raises(ob.ConfigError, match="settlement"):
        ob.backtest("sma_cross", "IBM", costs=ob.Costs(margin=Margin(settlement=True)), engine="compiled")


async def test_the_live_guard_asks_the_same_model(tmp_path: Path) -> None:
    def short(strategy: Any, number: int) -> None:
        strategy.order("A", -20)

    x = Exchange(INSTRUMENTS, time=START)
    x.trade("A", 100)
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: short})})
    course = life.floor.courses["s"]
    course.conduct = Conduct(Margin(initial=0.5, short=True, locates={"A": 10}), course.tape.calendar)
    life.start()
    await life.moment(0, 100)
    order = course.engine.desk.orders[1]
    assert (order.status, order.reason) == (OrderStatus.REJECTED, Reason.NOT_LOCATED)
    assert any("cannot be borrowed" in str(entry.body) for entry in life.journal.read())
    await life.end()


async def test_live_proceeds_pay_when_they_have_settled(tmp_path: Path) -> None:
    def sell(strategy: Any, number: int) -> None:
        strategy.order("A", -400 if number == 2 else 400)

    x = Exchange(INSTRUMENTS, time=START)
    x.trade("A", 100)
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: sell, 2: sell, 3: sell})})
    course = life.floor.courses["s"]
    course.conduct = Conduct(Margin(settlement=True), course.tape.calendar)
    life.start()
    for number in range(3):
        await life.moment(number, 100)
    assert [one.status.value for one in course.engine.desk.orders.values()] == [
        "filled",
        "filled",
        "rejected",
    ]
    await life.end()
