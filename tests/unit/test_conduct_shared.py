"""An account that several strategies share: its day trades and its shorts are counted over all of them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.account import Account
from openbell.core.clock import Sessions
from openbell.core.costs import Margin
from openbell.core.types import (
    BUY,
    NANOS_PER_SECOND,
    SELL,
    Fill,
    OrderStatus,
    OrderType,
    Phase,
    Reason,
    TimeInForce,
)
from openbell.portfolio.conduct import Company, Conduct
from openbell.portfolio.joint import joined
from openbell.portfolio.settlement import day_trades
from openbell.reporting.conduct import pattern
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange, Placed
from tests.unit.router_rig import Rig
from tests.unit.trading_by_hand import INSTRUMENTS, START, Life, scripted

DAY = 86_400 * NANOS_PER_SECOND
OPENS = [day * DAY for day in range(20_000, 20_030)]
WEEK = Sessions("hand", OPENS, [one + DAY // 2 for one in OPENS])
PATTERN = Margin(initial=0.5, day_trades=True, short=True)
SMALL: dict[str, Any] = {"equity": 9_000.0, "time": OPENS[3] + DAY // 4}


def booked(*trades: tuple[float, str, float]) -> Account:
    """Return a ledger after trades at the hours of sessions, at 10 a share."""
    account = Account(10_000.0)
    for day, symbol, signed in trades:
        side, time = (BUY if signed > 0 else SELL), OPENS[0] + int(day * DAY)
        account.book_fill(Fill(1, "t", symbol, side, abs(signed), 10.0, 0.0, 0.0, time, Phase.OPEN))
    return account


def rounds(day: int, count: int) -> list[tuple[float, str, float]]:
    return [
        (day + one / 10 + part, "A", sign * 10.0)
        for one in range(count)
        for part, sign in ((0, 1), (0.05, -1))
    ]


def test_bookings_of_several_ledgers_are_those_of_one_account():
    one = booked((0.1, "A", 100), (2.1, "A", -40))
    other = booked((2.2, "A", -60), (2.3, "B", 5))
    found = joined([one, other], OPENS[2], base={"B": 3.0, "C": 1.0})
    assert [(entry.symbol, entry.quantity, entry.position) for entry in found] == [
        ("A", -40.0, 60.0), ("A", -60.0, 0.0), ("B", 5.0, 8.0),
    ]  # fmt: skip
    assert joined([one], OPENS[2]) == one.entries[1:]


def test_what_one_strategy_buys_and_another_sells_is_a_day_trade_of_the_account():
    one, other = booked((0.1, "A", 10)), booked((0.2, "A", -10))
    assert [day_trades(ledger.entries, WEEK) for ledger in (one, other)] == [{}, {}]
    assert day_trades(joined([one, other], 0), WEEK) == {0: 1}


def test_day_trades_of_all_strategies_count_against_each():
    conduct = Conduct(PATTERN, WEEK)
    own, other = booked(*rounds(1, 1)), booked(*rounds(2, 2))
    assert conduct.barred("C", 5.0, own, **SMALL) is None
    assert conduct.barred("C", 5.0, own, **SMALL, company=Company([other])) is Reason.DAY_TRADES
    assert conduct.barred("C", 5.0, booked(), **SMALL, company=Company([own, other])) is Reason.DAY_TRADES


@pytest.mark.parametrize(("told", "expected"), [(2, None), (3, Reason.DAY_TRADES)])
def test_day_trades_that_the_broker_tells_of_count(told, expected):
    found = Conduct(PATTERN, WEEK).barred("C", 5.0, booked(), **SMALL, company=Company(told=told))
    assert found is expected


def test_what_is_located_is_for_all_strategies_and_for_orders_that_work():
    conduct = Conduct(Margin(initial=0.5, short=True, locates={"A": 50}), WEEK)
    other = booked((0.1, "A", -30))
    assert conduct.barred("A", -30.0, booked(), **SMALL) is None
    assert conduct.barred("A", -30.0, booked(), **SMALL, selling=30.0) is Reason.NOT_LOCATED
    assert conduct.barred("A", -30.0, booked(), **SMALL, company=Company([other])) is Reason.NOT_LOCATED
    held = Company([other], base={"A": 10.0})
    assert conduct.barred("A", -30.0, booked(), **SMALL, company=held) is None


def test_two_short_sales_at_once_need_shares_for_both():
    class Twice(ob.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 30:
                self.order(bar.symbol, -30)
                self.order(bar.symbol, -30)

    margin = Margin(initial=0.5, short=True, locates={"IBM": 50})
    result = ob.backtest(Twice, "IBM", costs=ob.Costs(margin=margin), end="2000-06-30", engine="event")
    assert [one.reason for one in result.outcome.orders] == [Reason.NONE, Reason.NOT_LOCATED]


def flip(strategy: Any, number: int) -> None:
    strategy.order("A", 10 if number % 2 else -10)


def hold(strategy: Any, number: int) -> None:
    strategy.order("A", 1)


async def test_live_the_day_trades_of_one_strategy_keep_another_from_opening(tmp_path: Path) -> None:
    x = Exchange(INSTRUMENTS, time=START, cash=9_000)
    x.trade("A", 100)
    kinds = {"busy": scripted(dict.fromkeys(range(1, 7), flip)), "calm": scripted({8: hold})}
    life = Life(tmp_path, x, Direct(x), kinds, cash=4_000.0, initial=0.5)
    for course in life.floor.courses.values():
        course.conduct = Conduct(PATTERN, course.tape.calendar)
    life.start()
    for number in range(8):
        await life.moment(number, 100)
    busy, calm = (life.floor.courses[name].engine.desk.orders for name in ("busy", "calm"))
    assert [one.status for one in busy.values()] == [OrderStatus.FILLED] * 6
    assert [(one.status, one.reason) for one in calm.values()] == [(OrderStatus.REJECTED, Reason.DAY_TRADES)]
    await life.end()


async def test_live_the_brokers_count_and_equity_are_heard(tmp_path: Path) -> None:
    x = Exchange(INSTRUMENTS, time=START, cash=9_000)
    x.trade("A", 100)
    x.day_trades = 3
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: hold})}, cash=4_000.0, initial=0.5)
    course = life.floor.courses["s"]
    course.conduct = Conduct(PATTERN, course.tape.calendar)
    life.start()
    await life.moment(0, 100)
    assert (life.floor.router.board.equity, life.floor.router.board.day_trades) == (9_000.0, 3)
    assert [one.reason for one in course.engine.desk.orders.values()] == [Reason.DAY_TRADES]
    await life.end()


async def test_live_what_somebody_trades_by_hand_counts(tmp_path: Path) -> None:
    x = Exchange(INSTRUMENTS, time=START, cash=9_000)
    x.trade("A", 100)
    direct = Direct(x)
    life = Life(tmp_path, x, direct, {"s": scripted({2: hold})}, cash=4_000.0, initial=0.5)
    course = life.floor.courses["s"]
    course.conduct = Conduct(PATTERN, course.tape.calendar)
    life.start()
    await life.moment(0, 100)
    for number in range(6):
        x.place(by_hand(number))
    await life.moment(1, 100)
    assert len(life.floor.router.foreign_fills) == 6
    assert [one.reason for one in course.engine.desk.orders.values()] == [Reason.DAY_TRADES]
    await life.end()


def by_hand(number: int) -> Placed:
    side = BUY if number % 2 == 0 else SELL
    return Placed(f"hand-{number}", "A", side, OrderType.MARKET, TimeInForce.DAY, Decimal(1))


def test_a_run_says_where_a_small_account_made_a_pattern_of_day_trades():
    def run(**settings: Any) -> list[str]:
        margin = Margin(initial=0.5, **settings)
        result = ob.backtest(
            Scalp,
            "IBM",
            costs=ob.Costs(margin=margin),
            cash=20_000.0,
            start="2002-01-01",
            end="2002-06-30",
            engine="event",
        )
        return [one.text for one in pattern(result)]

    assert run() == ["4 day trades within 5 sessions by 2002-02-21, with equity of 19,988."]
    assert run(day_trades=True) == []


class Scalp(ob.Strategy):
    """Buys, and sells what it bought in the same session: its stop is touched in the bar of its fill."""

    def on_bar(self, bar: Any) -> None:
        if 30 <= bar.index < 36:
            self.order(bar.symbol, 10, stop_loss=bar.close * 0.999)


def test_before_the_broker_has_told_its_equity_that_of_all_strategies_counts(tmp_path: Path) -> None:
    kinds = {"s": scripted({1: hold}), "other": scripted({})}
    for cash, status in ((10_000.0, OrderStatus.REJECTED), (13_000.0, OrderStatus.SUBMITTED)):
        folder = tmp_path / str(cash)
        folder.mkdir()
        rig = Rig(folder, {}, kinds=kinds, cash=cash, initial=0.5)
        rig.course.conduct = Conduct(PATTERN, rig.course.tape.calendar)
        rig.floor.router.board.day_trades = 3
        rig.moment(0, 100)
        assert rig.order(1).status is status
