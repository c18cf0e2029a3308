"""An account that is compared while its orders fill."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openbell.core.errors import Halt
from openbell.trading.reconcile import Difference, Snapshot
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, START, Life, Scripted, scripted


def ladder(s: Scripted, _: int) -> None:
    """Rest a buy of one share at each of many prices."""
    for step in range(40):
        s.order("A", 1, limit=99 - step)


class Sinking:
    """Lets the market fall by one whenever the account's positions have just been read."""

    def __init__(self, exchange: Exchange, falls: int) -> None:
        self.exchange, self.falls, self.price = exchange, falls, 100

    async def __call__(self, call: str, point: str) -> None:
        if (call, point) == ("balance", "before") and self.falls and self.exchange.working():
            self.falls, self.price = self.falls - 1, self.price - 1
            self.exchange.trade("A", self.price)


async def life_of(path: Path, falls: int) -> Life:
    x = Exchange(INSTRUMENTS, time=START, margin=None)
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    life = Life(path, x, Direct(x, script=Sinking(x, falls)), {"s": scripted({1: ladder})})
    life.start()
    await life.rest()
    await life.moment(1, 100.0)
    return life


@pytest.mark.parametrize("falls", [1, 9, 30])
async def test_fills_while_the_account_is_read_are_no_difference(tmp_path: Path, falls: int) -> None:
    life = await life_of(tmp_path, falls)
    life.session._examiner.ask()
    await life.rest()
    x = life.exchange
    assert len(x.fills) == min(falls, 20)  # so often it is looked at
    assert life.floor.held() == {"A": x.positions["A"]}
    said = [entry.body.get("said", "") for entry in life.journal.read() if entry.kind == "alarm"]
    assert any("compared later" in one for one in said) is (falls > 20)
    await life.end()


async def test_a_position_that_differs_twice_in_the_same_way_still_halts(tmp_path: Path) -> None:
    life = await life_of(tmp_path, 0)
    positions: Any = life.exchange.positions
    positions["B"] = Decimal(3)  # nobody traded it
    life.exchange.averages["B"] = Decimal(100)
    life.session._examiner.ask()
    assert life.task is not None
    with pytest.raises(Halt, match="position B: the broker has 3, the books 0"):
        await asyncio.wait_for(life.task, 5)
    life.journal.close()


class Renaming:
    """Lets the last route go out under another client id while the first is looked for."""

    life: Life

    async def __call__(self, call: str, point: str) -> None:
        if (call, point) == ("find", "before"):
            *_, last = self.life.floor.router.open()
            last.client_id = "anew"
            self.life.floor.router.board.by_client["anew"] = last


async def test_an_order_that_is_placed_anew_while_it_is_looked_for_is_not_given_up(tmp_path: Path) -> None:
    life = await life_of(tmp_path, 0)
    *_, last = life.floor.router.open()
    life.exchange.orders.clear()  # the broker has none of them any more
    script = Renaming()
    script.life = life
    broker: Any = life.broker
    broker._script = script
    life.session._examiner.ask()
    await life.rest()
    assert list(life.floor.router.open()) == [last]
    await life.end()


async def test_a_fill_right_after_the_account_was_seen_to_agree_is_no_difference(tmp_path: Path) -> None:
    life = await life_of(tmp_path, 0)
    judgement = life.session._examiner._judgement
    find, falls = judgement.differences, iter([99])

    def find_and_fall(seen: Snapshot) -> list[Difference]:
        found = find(seen)
        for price in () if found else falls:
            life.exchange.trade("A", price)
        return found

    judgement.differences = find_and_fall  # type: ignore[method-assign]
    life.session._examiner.ask()
    await life.rest()
    assert len(life.exchange.fills) == 1
    assert life.floor.held() == life.exchange.positions == {"A": 1}
    await life.end()
