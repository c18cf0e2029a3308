"""A stop that is asked from another process reaches the broker within a second, however much works."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.messages import BarMessage
from openbell.storage.journal import Journal
from openbell.trading.inbox import How, Inbox, Stop, ask_to_stop, was_taken
from tests.loopback.direct import BARE, EVERYTHING, Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, QUICK, START, Life, bar

RESTING = 150
PATIENT = replace(QUICK, fresh=60.0)  # all of them are sent, however busy the computer is


class Rests(ob.Strategy):
    """Leaves many orders far from the market, and holds ten shares."""

    def on_start(self) -> None:
        self.count = 0

    def on_bar(self, bar: Any) -> None:
        self.count += 1
        if self.count == 1:
            self.order("A", 10)
            for number in range(RESTING):
                self.order("A", 1, limit=10.0 + number / 100)


@pytest.mark.parametrize(("how", "bare"), [("cancel", False), ("flatten", False), ("cancel", True)])
async def test_all_orders_end_within_a_second_of_the_request(how: How, bare: bool, tmp_path: Path) -> None:
    x = Exchange(INSTRUMENTS, time=START, margin=None)
    x.trade("A", 100)
    life = Life(tmp_path, x, Direct(x, BARE if bare else EVERYTHING), {"s": Rests}, timing=PATIENT)
    life.session._requests = Inbox(tmp_path)
    life.start()
    await life.rest()
    await life.moment(0, 100.0)
    async with asyncio.timeout(10):
        while len(x.working()) < RESTING:  # noqa: ASYNC110  # an exchange that tells nobody
            await asyncio.sleep(0.01)
    ask_to_stop(tmp_path, how)
    began = time.monotonic()
    number = 1
    while x.working():
        life.feed.send([one(number)])  # the feed goes on meanwhile
        number += 1
        await asyncio.sleep(0.005)
    took = time.monotonic() - began
    await life.finish()
    assert took < 3.0  # one second on a computer that is not busy; 0.03 s were measured
    assert x.positions["A"] == (0 if how == "flatten" else 10)
    assert x.audit() == []
    life.journal.close()


def one(number: int) -> BarMessage:
    return bar(number, 100.0)


def test_a_stop_that_was_taken_is_known_however_much_followed(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        assert not was_taken(Stop("flatten", 1.0), journal)
        journal.append("leave", {"how": "flatten"}, time=1, wall=2 * 10**9)
        for _ in range(300):  # the orders that close what is held, and their fills
            journal.append("report", {}, time=1, wall=3 * 10**9)
        assert was_taken(Stop("flatten", 1.0), journal)
        assert not was_taken(Stop("cancel", 2.5), journal)
