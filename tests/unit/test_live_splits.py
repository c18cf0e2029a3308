"""A live session over corporate actions: what rests here, and what is somebody else's, goes with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openbell.core.messages import Quote
from openbell.core.types import (
    Action,
    Delisting,
    Dividend,
    Instrument,
    OrderStatus,
    OrderType,
    Reason,
    SpinOff,
    Split,
    TimeInForce,
)
from openbell.trading.reconcile import Policy
from tests.loopback.direct import BARE, EVERYTHING, Direct
from tests.loopback.exchange import Exchange, Placed
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Life, Scripted, scripted
from tests.unit.trading_chaos import check

EX = START + 90 * MINUTE
TWO_FOR_ONE = Split("A", EX, 2, 1)
UNCHANGING = replace(EVERYTHING, replace=False)


def protected(s: Scripted, _: int) -> None:
    s.order("A", 10, stop_loss=95)


def trailed(s: Scripted, _: int) -> None:
    s.order("A", 10)
    s.order("A", -10, trail=5)


async def overnight(path: Path, act: Any, action: Action, can: Any = BARE, **more: Any) -> Life:
    """Let a strategy act at 100, and the night of an action pass, which the broker's account has by then."""
    x = Exchange(INSTRUMENTS, time=START, unique="no")
    x.at_splits = more.pop("at_splits", "cancel")
    x.trade("A", 100)
    x.trade("B", 100)
    for symbol, held in more.pop("others", {}).items():
        x.positions[symbol], x.averages[symbol] = Decimal(held), Decimal(100)
    x.initial = x.cash
    life = Life(path, x, Direct(x, can), {"s": scripted({1: act})}, **more)
    life.start()
    await life.moment(0, 100)
    life.session.expect([action])
    await life.rest()
    x.set_time(EX + MINUTE)
    if isinstance(action, Split):
        x.split("A", action.new, action.old)
    return life


def the_exit(life: Life) -> Any:
    orders = life.floor.courses["s"].engine.desk.orders.values()
    return next(order for order in orders if order.side < 0)


@pytest.mark.parametrize(
    ("act", "last", "stop", "trail"), [(protected, 48, 47.5, math.nan), (trailed, 49, 47.5, 2.5)]
)
async def test_a_stop_that_is_watched_is_one_of_the_new_shares(
    tmp_path: Path, act: Any, last: float, stop: float, trail: float
) -> None:
    life = await overnight(tmp_path, act, TWO_FOR_ONE)
    await life.moment(100, 50)
    await life.moment(101, last)
    assert life.floor.held() == life.exchange.positions == {"A": 20}
    told = the_exit(life)
    assert (told.status, told.reason, told.quantity) == (OrderStatus.ACCEPTED, Reason.SPLIT, 20)
    assert told.trail == pytest.approx(trail, nan_ok=True)
    await life.moment(102, stop)
    assert life.exchange.positions == {"A": 0}
    assert check(life) == []
    await life.end()


async def test_a_quote_after_the_split_does_not_reach_the_stop_of_before(tmp_path: Path) -> None:
    life = await overnight(tmp_path, protected, TWO_FOR_ONE)
    for bid in (49.9, 47.4):
        assert life.floor.held() == {"A": 10} or the_exit(life).stop == 47.5
        life.exchange.trade("A", str(bid))
        life.feed.send(Quote("A", EX + MINUTE, bid, bid + 0.1))
        await life.rest()
        assert life.exchange.positions["A"] == (20 if bid > 48 else 0)
    assert check(life) == []
    await life.end()


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Split("A", EX, 1, 2), Reason.SPLIT),
        (SpinOff("A", EX, "B", 1, 2, 40.0), Reason.SPIN_OFF),
        (Delisting("A", EX, 90.0), Reason.DELISTED),
    ],
)
async def test_what_is_kept_here_ends_where_the_shares_are_others(
    tmp_path: Path, action: Action, reason: Reason
) -> None:
    life = await overnight(tmp_path, protected, action, policy=Policy(positions="leave"))
    life.session.put("act", {}, EX + MINUTE)
    await life.rest()
    ended = the_exit(life)
    assert (ended.status, ended.reason) == (OrderStatus.CANCELLED, reason)
    await life.kill()


@pytest.mark.parametrize("can", [BARE, EVERYTHING])
async def test_a_position_whose_stop_the_broker_cancelled_at_a_split_raises_one_alarm(
    tmp_path: Path, can: Any
) -> None:
    def both_exits(s: Scripted, _: int) -> None:
        s.order("A", 10, stop_loss=95, take_profit=120)

    life = await overnight(tmp_path, both_exits if can is EVERYTHING else protected, TWO_FOR_ONE, can)
    for _ in range(2):
        life.session._examiner.ask()
        await life.rest()
    said = [entry.body["said"] for entry in life.journal.of_kind("alarm")]
    naked = "strategy s holds 20 A that nothing protects any more: the broker ended order 3; place another, "
    assert [one.removesuffix("or close it") for one in said] == ([naked] if can is EVERYTHING else [])
    await life.end()


@pytest.mark.parametrize("action", [Dividend("A", EX, 0.5), TWO_FOR_ONE])
async def test_orders_at_the_broker_and_those_of_other_symbols_are_left_alone(
    tmp_path: Path, action: Action
) -> None:
    def rest(s: Scripted, _: int) -> None:
        s.order("A", 10, limit=90)
        s.order("B", 10, limit=90, stop_loss=80)

    life = await overnight(tmp_path, rest, action)
    life.session.put("act", {}, EX + MINUTE)
    await life.rest()
    orders = life.floor.courses["s"].engine.desk.orders.values()
    assert [(one.quantity, one.limit, one.stop) for one in orders if one.symbol == "B"] == [
        (10, 90, pytest.approx(float("nan"), nan_ok=True)),
        (10, pytest.approx(float("nan"), nan_ok=True), 80),
    ]
    assert next(one for one in orders if one.symbol == "A").limit == 90
    await life.kill()


async def test_what_is_somebody_elses_splits_too(tmp_path: Path) -> None:
    policy = Policy(positions="leave")
    life = await overnight(tmp_path, protected, TWO_FOR_ONE, EVERYTHING, policy=policy, others={"A": 5})
    life.session._examiner._judgement._policy = Policy(positions="halt")  # the account is known by now
    life.session._examiner.ask()
    await life.moment(100, 50)
    assert life.floor.held() == life.exchange.positions == {"A": 30}
    assert dict(life.floor.base or {}) == {"A": Decimal(10)}
    assert life.floor.courses["s"].quantity("A") == Decimal(20)
    await life.end()


async def test_a_split_of_what_nobody_here_trades_is_said_and_stops_nothing(tmp_path: Path) -> None:
    x = Exchange([*INSTRUMENTS, Instrument("C")], time=START)
    for symbol in ("A", "B", "C"):
        x.trade(symbol, 100)
    x.positions["C"], x.averages["C"] = Decimal(5), Decimal(100)
    life = Life(tmp_path, x, Direct(x, EVERYTHING), {"s": scripted({2: protected})})
    life.start()
    await life.moment(0, 100)
    x.split("C", 2, 1)
    life.session._examiner.ask()
    await life.rest()
    await life.moment(1, 100)
    assert life.floor.held() == x.positions == {"A": 10, "C": 10}
    said = [entry.body["said"] for entry in life.journal.of_kind("alarm")]
    assert said == ["position C: the broker has 10, the books 5; booked as somebody else's"]
    await life.end()


async def test_what_was_bought_by_hand_splits_too_and_a_fraction_is_paid(tmp_path: Path) -> None:
    life = await overnight(tmp_path, lambda *_: None, Split("A", EX + 60 * MINUTE, 3, 2), EVERYTHING)
    life.exchange.place(Placed("hand", "A", 1, OrderType.MARKET, TimeInForce.GTC, Decimal(5)))
    await life.rest()
    assert life.floor.held() == {"A": 5}
    life.exchange.set_time(EX + 61 * MINUTE)
    life.exchange.positions["A"] = Decimal(7)
    life.session._examiner.ask()
    await life.rest()
    assert life.floor.held() == {"A": 7}
    await life.end()


async def held_by_hand(path: Path, shares: str, actions: Sequence[Action] | None) -> Life:
    """Let a night pass after which so many shares of B are there, where ten were that nobody trades."""
    life = await overnight(path, lambda *_: None, TWO_FOR_ONE, others={"B": 10}, symbols=("A",))
    assert life.floor.held() == {"B": 10}
    life.exchange.positions["B"] = Decimal(shares)

    async def ask(symbols: Sequence[str], start: int, end: int) -> Sequence[Action]:
        assert (symbols, start < EX < end) == (["B"], True)
        return actions or ()

    life.session.ask_actions = None if actions is None else ask
    life.session._examiner.ask()
    return life


@pytest.mark.parametrize(
    ("shares", "splits"),
    [
        ("40", [Split("B", EX, 4, 1)]),
        ("3", [Split("B", EX, 1, 3)]),  # a third of a share is paid in cash
        ("3.333333333", [Split("B", EX, 1, 3)]),
        ("30", [Split("B", EX, 2, 1), Dividend("B", EX, 1.0), Split("B", EX + MINUTE, 3, 2)]),
    ],
)
async def test_a_split_of_what_is_held_by_hand_and_traded_by_nobody_is_taken_once(
    tmp_path: Path, shares: str, splits: list[Action]
) -> None:
    life = await held_by_hand(tmp_path, shares, splits)
    await life.moment(100, 100)
    life.session._examiner.ask()
    await life.moment(101, 100)
    assert life.floor.held() == {"B": Decimal(shares)}
    assert life.journal.of_kind("alarm") == []
    await life.kill()
    again = Life(tmp_path, life.exchange, life.broker, {"s": scripted({})}, symbols=("A",))
    assert again.floor.held() == {"B": Decimal(shares)}
    again.journal.close()


@pytest.mark.parametrize(
    "actions", [[Split("B", EX, 4, 1)], [Split("A", EX, 39, 10)], [Dividend("B", EX, 29.0)], None]
)
async def test_what_no_split_explains_of_what_is_held_by_hand_is_an_alarm(
    tmp_path: Path, actions: list[Action] | None
) -> None:
    life = await held_by_hand(tmp_path, "39", actions)
    await life.moment(100, 100)
    said = [entry.body["said"] for entry in life.journal.of_kind("alarm")]
    assert said == ["position B: the broker has 39, the books 10; booked as somebody else's"]
    await life.end()


def resting(s: Scripted, _: int) -> None:
    s.order("A", 10, limit=90)


def alarms(life: Life) -> list[str]:
    return [entry.body["said"] for entry in life.journal.of_kind("alarm")]


@pytest.mark.parametrize("can", [EVERYTHING, UNCHANGING, BARE])
async def test_an_order_that_the_broker_left_in_the_shares_of_before_is_changed_before_it_triggers(
    tmp_path: Path, can: Any
) -> None:
    life = await overnight(tmp_path, resting, TWO_FOR_ONE, can, at_splits="keep")
    life.session._examiner.ask()
    await life.rest()
    (there,) = life.exchange.working()
    assert (there.quantity, there.limit) == (Decimal(20), Decimal(45))
    (said,) = alarms(life)
    assert said == (
        "order 1 of s (buy 10 A limit 90 gtc): the broker left it as it was before the split 2 for 1; "
        "it is changed"
    )
    await life.moment(100, 50)
    assert life.exchange.fills == []
    await life.moment(101, 44)
    assert life.floor.held() == life.exchange.positions == {"A": 20}
    (order,) = life.floor.courses["s"].engine.desk.orders.values()
    assert (order.status, order.quantity, order.limit) == (OrderStatus.FILLED, 20, 45)
    assert (check(life), life.exchange.audit(), alarms(life)) == ([], [], [said])
    await life.end()


@pytest.mark.parametrize("can", [EVERYTHING, UNCHANGING])
async def test_exits_that_the_broker_left_in_the_shares_of_before_protect_the_new_ones(
    tmp_path: Path, can: Any
) -> None:
    def both_exits(s: Scripted, _: int) -> None:
        s.order("A", 10, stop_loss=95, take_profit=120)

    life = await overnight(tmp_path, both_exits, TWO_FOR_ONE, can, at_splits="keep")
    life.session._examiner.ask()
    await life.rest()
    assert len(alarms(life)) == 2
    there = {(one.quantity, one.limit, one.stop) for one in life.exchange.working()}
    assert there == {(Decimal(20), Decimal(60), None), (Decimal(20), None, Decimal("47.5"))}
    await life.moment(100, 50)
    assert life.floor.held() == life.exchange.positions == {"A": 20}
    await life.moment(101, 47)
    assert life.exchange.positions == {"A": 0}
    assert check(life) == []
    await life.end()


@pytest.mark.parametrize("can", [EVERYTHING, UNCHANGING])
async def test_an_entry_with_exits_that_the_broker_left_is_changed_with_them(
    tmp_path: Path, can: Any
) -> None:
    def bracket(s: Scripted, _: int) -> None:
        s.order("A", 10, limit=90, stop_loss=80, take_profit=120)

    life = await overnight(tmp_path, bracket, TWO_FOR_ONE, can, at_splits="keep")
    life.session._examiner.ask()
    await life.rest()
    entry = next(one for one in life.exchange.working() if one.side > 0)
    assert (entry.quantity, entry.limit) == (Decimal(20), Decimal(45))
    await life.moment(100, 44)
    assert life.floor.held() == life.exchange.positions == {"A": 20}
    there = {(one.quantity, one.limit, one.stop) for one in life.exchange.working()}
    assert there == {(Decimal(20), Decimal(60), None), (Decimal(20), None, Decimal(40))}
    await life.moment(101, 39)
    assert life.exchange.positions == {"A": 0}
    assert check(life) == []
    await life.end()


async def test_an_order_that_the_broker_adjusted_at_a_split_is_left_to_it(tmp_path: Path) -> None:
    life = await overnight(tmp_path, resting, TWO_FOR_ONE, EVERYTHING, at_splits="adjust")
    life.session._examiner.ask()
    await life.rest()
    (there,) = life.exchange.working()
    (order,) = life.floor.courses["s"].engine.desk.orders.values()
    assert (there.quantity, there.limit) == (Decimal(20), Decimal(45))
    assert (order.quantity, order.limit) == (20.0, 45.0)
    assert len(life.exchange.orders) == 1
    assert alarms(life) == []
    await life.end()


async def test_an_order_that_the_broker_left_at_a_reverse_split_is_cancelled(tmp_path: Path) -> None:
    life = await overnight(tmp_path, resting, Split("A", EX, 1, 2), EVERYTHING, at_splits="keep")
    life.session._examiner.ask()
    await life.rest()
    (order,) = life.floor.courses["s"].engine.desk.orders.values()
    assert (order.status, order.reason) == (OrderStatus.CANCELLED, Reason.SPLIT)
    assert [one.endswith("the split 1 for 2; it is cancelled") for one in alarms(life)] == [True]
    await life.end()


async def test_a_fill_in_the_shares_of_before_a_split_is_said_loudly(tmp_path: Path) -> None:
    life = await overnight(tmp_path, resting, TWO_FOR_ONE, EVERYTHING, at_splits="keep")
    life.session.put("act", {}, EX)
    life.exchange.trade("A", 50)  # before anybody could look
    await life.rest()
    assert any("10 filled at 50, in the shares of before its split" in one for one in alarms(life))
    await life.kill()


async def test_a_change_after_a_split_that_the_broker_refuses_is_said_loudly(tmp_path: Path) -> None:
    life = await overnight(tmp_path, resting, TWO_FOR_ONE, EVERYTHING, at_splits="keep")
    life.exchange.no_changes = "no changes at night"
    life.session._examiner.ask()
    await life.rest()
    assert "it stays in the shares of before its split" in alarms(life)[-1]
    assert alarms(life)[-1].endswith("cancel it")
    await life.kill()
