"""Orders that are taken back while the broker is away: they are not sent when it is there again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openbell.core.errors import Disconnected
from openbell.core.types import OrderStatus, Reason, Split
from openbell.trading.reconcile import Policy
from openbell.trading.sender import Timing
from tests.loopback.direct import EVERYTHING, Direct
from tests.loopback.exchange import Exchange
from tests.unit.router_acts import PLAIN, bracket, buy, cancel
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Life, Scripted, scripted

S = OrderStatus
EX = START + 90 * MINUTE
#: Nothing is stale in a test, so that what is not sent was taken back.
PATIENT = Timing(answer=0.5, fresh=60.0, look=0.001, looks=2, patience=0.001, fills=0.0, close=0.3)


def leave(s: Scripted, _: int) -> None:
    s.made["a"] = s.order("A", -5)


class Away:
    """A broker that refuses connections while it is away."""

    def __init__(self) -> None:
        self.is_away = False

    async def __call__(self, call: str, _point: str) -> None:
        if self.is_away and call != "events":
            raise Disconnected("direct: connection refused")


def away_with(path: Path, acts: dict[int, Any], can: Any = EVERYTHING) -> tuple[Exchange, Away, Life]:
    x, away = Exchange(INSTRUMENTS, time=START), Away()
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    broker = Direct(x, can, script=away)
    policy = Policy(positions="adopt")
    return x, away, Life(path, x, broker, {"s": scripted(acts)}, timing=PATIENT, policy=policy)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # a session has no event for each of its steps
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("act", [buy, bracket, leave])
async def test_what_is_taken_back_while_the_broker_is_away_is_not_sent(tmp_path: Path, act: Any) -> None:
    x, away, life = away_with(tmp_path, {1: act, 2: cancel})
    if act is leave:
        x.positions["A"], x.averages["A"] = Decimal(5), Decimal(100)
    held = dict(x.positions)
    life.start()
    await until(lambda: life.floor.started)
    away.is_away = True
    await life.moment(0, 100)
    await life.moment(1, 100)
    away.is_away = False
    await until(lambda: not life.floor.router.open())
    ended = life.strategy().made["a"]
    assert (ended.status, ended.reason, x.orders, x.positions) == (S.CANCELLED, Reason.ASKED, {}, held)
    assert all(
        one.status in {S.CANCELLED, S.FILLED} for one in life.floor.courses["s"].engine.desk.orders.values()
    )
    await life.end()


async def test_a_stop_that_cancels_sends_no_exit_that_waited(tmp_path: Path) -> None:
    x, away, life = away_with(tmp_path, {1: leave})
    x.positions["A"], x.averages["A"] = Decimal(5), Decimal(100)
    life.start()
    await until(lambda: life.floor.started)
    away.is_away = True
    await life.moment(0, 100)
    life.wish.how = "cancel"
    await until(lambda: life.floor.left)
    away.is_away = False
    await life.finish()
    assert not x.orders
    assert x.positions == {"A": 5}


async def wait_over_a_split(
    path: Path, act: Any, split: Split, can: Any = EVERYTHING
) -> tuple[Exchange, Away, Life]:
    """Hold 10 shares, and let a strategy act on them while the broker is away, until after a split."""
    x, away, life = away_with(path, {1: buy, 2: act}, can)
    life.start()
    await life.moment(0, 100)
    assert life.floor.held() == {"A": 10}
    away.is_away = True
    await life.moment(1, 100)
    life.session.expect([split])
    x.set_time(EX + MINUTE)
    x.split("A", split.new, split.old)
    await life.moment(100, 100 * split.old / split.new)
    away.is_away = False
    return x, away, life


def one_exit(s: Scripted, _: int) -> None:
    s.order("A", -10, stop=95)


def two_exits(s: Scripted, _: int) -> None:
    s.order("A", -10, limit=120, oco=s.order("A", -10, stop=95))


@pytest.mark.parametrize("can", [EVERYTHING, PLAIN])
@pytest.mark.parametrize("act", [one_exit, two_exits])
async def test_an_exit_that_waits_for_the_broker_over_a_split_goes_out_in_the_new_shares(
    tmp_path: Path, can: Any, act: Any
) -> None:
    x, _, life = await wait_over_a_split(tmp_path, act, Split("A", EX, 2, 1), can)
    await until(x.working)
    await life.rest()
    there = {(one.quantity, one.stop, one.limit) for one in x.working()}
    target = {(Decimal(20), None, Decimal(60))} if act is two_exits else set()
    assert there == {(Decimal(20), Decimal("47.5"), None), *target}
    assert life.floor.held() == x.positions == {"A": 20}
    await life.moment(101, 47)
    assert (life.floor.held(), x.audit()) == ({}, [])
    assert x.positions == {"A": 0}
    await life.end()


async def test_an_exit_that_waits_for_the_broker_over_a_reverse_split_is_cancelled(tmp_path: Path) -> None:
    x, _, life = await wait_over_a_split(tmp_path, one_exit, Split("A", EX, 1, 2))
    orders = life.floor.courses["s"].engine.desk.orders
    await until(lambda: orders[2].status is S.CANCELLED)
    assert orders[2].reason is Reason.SPLIT
    assert x.working() == []
    await life.end()
