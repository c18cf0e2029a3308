"""What befalls a whole session's machine and broker: a full disk, a wrong clock, a night of IB."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.loopback.direct import EVERYTHING, Direct
from tests.loopback.exchange import Exchange
from tests.loopback.tws_broker import TwsBroker
from tests.unit.opened import open_journal
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, QUICK, START, Life, bar, scripted
from tests.unit.trading_chaos import Busy, check, walk

from openbell.core.errors import Halt
from openbell.execution.brokers.ib import IbBroker

NIGHT = 290  #: a minute of IB's reset: 04:50 in UTC, a quarter to midnight and later in New York
HOUR = 3_600_000_000_000


def exchange(**more: Any) -> Exchange:
    x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None, **more)
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    return x


def life_of(folder: Path, x: Exchange) -> Life:
    return Life(folder, x, Direct(x, EVERYTHING), {"busy": Busy}, initial=0.1)


@contextmanager
def full_disk(life: Life, rng: random.Random) -> Iterator[None]:
    """Let the disk be full soon: a page cannot be had, or what is written does not get there."""
    with pytest.MonkeyPatch.context() as patch:
        if rng.random() < 0.5:
            (pages,) = life.journal._connection.execute("PRAGMA page_count").fetchone()
            life.journal._connection.execute(f"PRAGMA max_page_count = {pages + rng.randint(0, 2)}")
        else:
            sync, left = os.fsync, itertools.count(rng.randint(-6, 0))

            def refuse(file: int) -> None:
                if next(left) >= 0:
                    raise OSError(28, "No space left on device")
                sync(file)

            patch.setattr(os, "fsync", refuse)
        yield


async def trade(life: Life, x: Exchange, rng: random.Random, *, first: int, last: int) -> None:
    """Play minutes."""
    for number in range(first, last):
        x.set_time(START + (number + 1) * MINUTE)
        await life.moment(number, walk(x, rng, "A"))


async def test_a_disk_that_is_full_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rng, x, number = random.Random(5), exchange(unique="ever", cash=10_000_000), 0
    for _ in range(12):
        life = life_of(tmp_path, x)
        life.start()
        await life.rest()
        number += 1
        with full_disk(life, rng), pytest.raises(Halt, match="make room on the disk, and start again"):
            await trade(life, x, rng, first=number, last=number + 500)
        number = (x.time - START) // MINUTE
        await life.kill()
        with open_journal(tmp_path / "journal.db", "direct:paper:1") as journal:
            journal.verify()
            intents = {entry.subject for entry in journal.of_kind("send")}
        assert {order.client_id for order in x.orders.values()} <= intents | legs_of(intents)
    life = life_of(tmp_path, x)
    life.start()
    await life.rest()
    assert check(life) == []
    assert len(x.orders) > 12
    await life.end()


def legs_of(intents: set[str]) -> set[str]:
    return {f"{one}-{leg}" for one in intents for leg in ("tp", "sl")}


async def play(folder: Path, wall: Callable[[], int]) -> list[tuple[Any, ...]]:
    """Trade for two hours with a clock on the wall; return what became of the orders."""
    rng, x = random.Random(3), exchange(unique="ever", cash=10_000_000)
    life = life_of(folder, x)
    life.session._wall = life.session._examiner._wall = wall
    life.start()
    await life.rest()
    await trade(life, x, rng, first=1, last=121)
    assert check(life) == []
    life.wish.how = "keep"
    await life.finish()
    kinds = ("order", "send", "update", "fill")
    written = [
        (kind, one.time, one.subject, one.body) for kind in kinds for one in life.journal.of_kind(kind)
    ]
    life.journal.close()
    return written


async def test_a_clock_that_is_hours_off_and_jumps_changes_nothing(tmp_path: Path) -> None:
    rng = random.Random(9)
    right = await play(tmp_path / "right", lambda: START)
    wrong = await play(tmp_path / "wrong", lambda: START + rng.randint(-9, 9) * HOUR)
    assert wrong == right
    assert sum(kind == "fill" for kind, *_ in right) > 50


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # a session has no event for each of its steps
            await asyncio.sleep(0.01)


async def test_a_night_of_ib_keeps_positions_gates_orders_and_raises_alarms(tmp_path: Path) -> None:
    """TWS restarts in IB's maintenance window and comes back after some bars on which orders were decided."""
    x = exchange(unique="no")
    async with TwsBroker(x) as tws:
        broker = IbBroker({}, port=tws.port, timeout=2.0)
        await broker.connect()
        acts = dict.fromkeys(range(1, 6), lambda s, _: s.order("A", 10))
        timing = replace(QUICK, alarm=0.1, fresh=1.5)
        life = Life(tmp_path, x, broker, {"s": scripted(acts)}, timing=timing)
        x.set_time(START + NIGHT * MINUTE)
        await broker.now()
        life.start()
        await until(lambda: life.journal.of_kind("checked"))

        def send(number: int) -> None:
            x.set_time(START + (NIGHT + number + 1) * MINUTE)
            x.trade("A", 100)
            life.feed.send([bar(NIGHT + number, 100)])

        send(0)
        await until(lambda: life.floor.held() == {"A": 10})
        await broker.now()
        tws.accounts = ""  # it is not logged in yet
        tws.drop()
        await until(lambda: any(not one.body["up"] for one in life.journal.of_kind("link")))
        (*_, link) = (one for one in life.journal.of_kind("link") if not one.body["up"])
        assert link.body["why"].endswith("IB resets its servers at this hour of the night")
        for number in (1, 2, 3):
            send(number)
        await until(lambda: len(life.strategy().working) == 3)
        await until(lambda: len(life.journal.of_kind("alarm")) >= 20)  # by then what was decided is stale
        assert len(x.orders) == 1
        assert x.positions == life.floor.held() == {"A": 10}
        tws.accounts = "DU1"
        await until(lambda: not life.floor.router.open())
        send(4)
        await until(lambda: life.floor.held() == {"A": 20})
        orders = life.floor.courses["s"].engine.desk.orders.values()
        assert [order.reason.value for order in orders] == ["", "not_sent", "not_sent", "not_sent", ""]
        assert check(life) == []
        await life.end()
        await broker.close()
    assert x.audit() == []


async def test_an_extended_order_fills_at_night_without_a_bar_and_the_strategy_hears_of_it(
    tmp_path: Path,
) -> None:
    x = exchange()
    acts = {1: lambda s, _: s.order("A", 10, limit=99, extended=True)}
    life = Life(tmp_path, x, Direct(x), {"s": scripted(acts)})
    life.start()
    await life.moment(0, 100)
    (order,) = x.orders.values()
    assert order.extended
    x.set_time(START + 6 * HOUR)
    x.trade("A", 98)
    await life.rest()
    strategy = life.strategy()
    assert (strategy.bars, [fill.quantity for fill in strategy.filled]) == (1, [10])
    assert check(life) == []
    await life.end()
