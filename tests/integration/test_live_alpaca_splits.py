"""A broker that leaves orders as they were at a split, in Alpaca's protocol: none triggers then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Life, Scripted, bar, scripted

from openbell.core.types import Split
from openbell.execution.factory import open_broker

EX = START + 90 * MINUTE
NEW = (Decimal(20), Decimal(45))  #: an order's quantity and limit after the split


def resting(s: Scripted, _: int) -> None:
    s.order("A", 10, limit=90)


async def until(told: Callable[[], object], life: Life) -> None:
    async with asyncio.timeout(30):
        while not told():
            assert life.task is not None
            assert not life.task.done(), life.task.result()
            await asyncio.sleep(0.01)  # what a server does is no event here


async def test_an_order_that_alpaca_left_at_a_split_is_changed_before_it_triggers(tmp_path: Path) -> None:
    x = Exchange(INSTRUMENTS, time=START)
    x.at_splits = "keep"
    x.trade("A", 100)
    async with AlpacaBrokerServer(x) as server:
        broker = open_broker("alpaca", server.options, ENVIRON)
        await broker.connect()
        life = Life(tmp_path, x, broker, {"s": scripted({1: resting})})
        life.start()
        x.set_time(START + MINUTE)
        life.feed.send([bar(0, 100)])
        await until(x.working, life)
        life.session.expect([Split("A", EX, 2, 1)])
        await until(lambda: life.floor.expected, life)
        x.set_time(EX + MINUTE)
        x.split("A", 2, 1)
        life.session._examiner.ask()
        await until(lambda: [(one.quantity, one.limit) for one in x.working()] == [NEW], life)
        x.trade("A", 50)
        assert x.fills == []
        alarms = [entry.body["said"] for entry in life.journal.of_kind("alarm")]
        await life.kill()
        await broker.close()
    (order,) = life.floor.courses["s"].engine.desk.orders.values()
    assert (order.quantity, order.limit) == (20, 45)
    assert [one.endswith("before the split 2 for 1; it is changed") for one in alarms] == [True]
    assert x.audit() == []
