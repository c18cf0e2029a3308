"""A kill at every await point of submit, replace and cancel: no order twice, none orphaned, no fill lost.

A life goes on for so many turns of the event loop after a bar, and ends there as kill -9 ends it: after each
turn the tasks stand at other awaits. Turn after turn is tried, until all has come to rest before the kill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.loopback.direct import BARE, EVERYTHING, Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Acts, Life, bar, scripted
from tests.unit.trading_chaos import check

from openbell.execution.port import Capabilities


def submit(s: Any, _: int) -> None:
    s.order("A", 10, limit=99, stop_loss=90)


def change(s: Any, _: int) -> None:
    for one in s.working:
        if one.limit == 99:
            s.replace(one, limit=98.5, quantity=12)


def cancel(s: Any, _: int) -> None:
    for one in s.working:
        s.cancel(one)


#: At the second bar an order goes out, which fills in part; at the third it is changed, then cancelled.
ACTS: Mapping[int, Acts] = {2: submit, 3: change, 4: cancel}
BARS = {"submit": 1, "replace": 2, "cancel": 3}  #: the bar that leads to each
_LEAST = 4  #: turns that each takes at least


def market() -> Exchange:
    x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None, unique="ever")
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    return x


async def live(folder: Path, x: Exchange, capabilities: Capabilities) -> tuple[Life, Direct]:
    broker = Direct(x, capabilities)
    life = Life(folder, x, broker, {"s": scripted(ACTS)}, initial=0.1)
    life.start()
    await life.rest()
    return life, broker


async def move(life: Life, x: Exchange, number: int) -> None:
    """Let a bar come, and a part of what rests fill."""
    x.set_time(START + (number + 1) * MINUTE)
    x.trade("A", 100)
    life.feed.send([bar(number, 100)])


async def kill_at(folder: Path, call: str, turns: int, capabilities: Capabilities) -> tuple[int, list[str]]:
    """Kill so many turns after a bar; return in how many of them nothing happened last, and what is wrong."""
    x = market()
    life, broker = await live(folder, x, capabilities)
    for number in range(BARS[call]):
        await move(life, x, number)
        await life.rest()
        x.trade("A", 99, 3)
        await life.rest()
    await move(life, x, BARS[call])
    still = 0
    for _ in range(turns):
        before = life.journal.last
        await asyncio.sleep(0)
        still = still + 1 if before == life.journal.last else 0
    await life.kill()
    await broker.close()
    x.trade("A", "98.5", 2)  # it goes on while nobody looks
    life, broker = await live(folder, x, capabilities)
    wrong = check(life)
    for number in range(BARS[call] + 1, 5):
        await move(life, x, number)
        await life.rest()
    wrong += check(life)
    life.wish.how = "cancel"
    await life.finish()
    wrong += check(life) + [f"left working: {one}" for one in x.working()]
    ids = [one.client_id for one in x.orders.values()]
    wrong += [f"sent twice: {one}" for one in sorted(set(ids)) if ids.count(one) > 1]
    life.journal.close()
    await broker.close()
    return still, wrong


async def kill_everywhere(folder: Path, call: str, capabilities: Capabilities, *, rest: int) -> int:
    """Kill at each turn until nothing has happened in so many before it; return how many turns that were."""
    for turns in count():
        still, wrong = await kill_at(folder / str(turns), call, turns, capabilities)
        assert wrong == [], turns
        if still >= rest:
            return turns - still
    raise AssertionError


@pytest.mark.parametrize("call", BARS)
async def test_a_kill_at_every_await_of_a_call_loses_and_doubles_nothing(tmp_path: Path, call: str) -> None:
    assert await kill_everywhere(tmp_path, call, EVERYTHING, rest=5) >= _LEAST


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["everything", "bare"])
@pytest.mark.parametrize("call", BARS)
async def test_a_kill_long_after_a_call_loses_and_doubles_nothing_either(
    tmp_path: Path, call: str, kind: str
) -> None:
    capabilities = EVERYTHING if kind == "everything" else BARE
    assert await kill_everywhere(tmp_path, call, capabilities, rest=50) >= _LEAST
