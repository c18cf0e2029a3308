"""A week of faults: in which share of an exchange's minutes a signal is acted on within a second.

Five sessions of 390 minutes go through a live session whose strategy orders at every bar. Time between bars
is left out; what a fault costs is waited for on the wall clock, with the timing that users have. An outage
ends in the middle of a minute; of the half minute until the next bar six seconds are waited. An order counts
when the exchange has it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Life

import openbell as ob
from openbell.core.errors import Disconnected, Retryable
from openbell.execution.port import Heard
from openbell.trading.sender import Timing

SESSION = 390
WEEK = 5 * SESSION
_SOON = 1.0  #: seconds
_HALF_MINUTE = 6.0  #: seconds that are waited of it

#: Minutes of the week (first, last) in which the broker itself does not answer, and how.
OUTAGES: Mapping[str, tuple[int, int]] = {
    "429 burst": (450, 454),
    "500 burst": (900, 903),
    "connection refused": (1300, 1309),
}
#: Minutes at which something else goes wrong.
KILLS = (700, 1100, 1700)
DROPS = (100, 250, 1500, 1501)
MUDDLED = range(150, 220)
LOST_ANSWERS = (300,)  #: an order was taken, and its answer got lost
BY_HAND = (1200,)


class Alternating(ob.Strategy):
    """Holds ten shares and none, in turn: each bar is a signal."""

    def on_bar(self, bar: Any) -> None:
        """Decide on the first symbol's bar."""
        if bar.symbol == "A":
            self.target_quantity("A", 0.0 if self.position("A") else 10.0)


@dataclass
class Week:
    """The script of the week, and what was seen."""

    minute: int = 0
    lost: set[int] = field(default_factory=set)
    missed: list[int] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    random: random.Random = field(default_factory=lambda: random.Random(11))

    async def __call__(self, call: str, point: str) -> None:
        """Let a call fail as the minute has it."""
        if call == "events":
            return
        kind = self.outage(self.minute)
        if kind == "connection refused":
            raise Disconnected("the broker refuses connections")
        if kind is not None:
            raise Retryable(kind, after=0.2 if kind == "429 burst" else None)
        if (
            call == "place"
            and point == "after"
            and self.minute in LOST_ANSWERS
            and self.minute not in self.lost
        ):
            self.lost.add(self.minute)
            raise Retryable("the answer got lost")

    def outage(self, minute: int) -> str | None:
        """Return what ails the broker itself in a minute."""
        return next((name for name, (low, high) in OUTAGES.items() if low <= minute <= high), None)

    def muddle(self, heard: Sequence[Heard]) -> Sequence[Heard]:
        """Double and turn round events, in some minutes."""
        if self.minute not in MUDDLED:
            return heard
        made = [one for one in heard for _ in range(2)]
        self.random.shuffle(made)
        return made


async def run_week(folder: Path, *, minutes: int = WEEK) -> dict[str, Any]:
    """Live through the week; return shares of its minutes, and what is wrong with the books in the end."""
    week, timing = Week(), Timing(reconcile=60.0, power=0.0, fills=0.0)
    x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None)
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    broker, life = await _begin(folder, x, week, timing)
    for number in range(1, minutes + 1):
        week.minute = number
        if week.outage(number - 1) and not week.outage(number):
            await asyncio.sleep(_HALF_MINUTE)
        if number in DROPS:
            broker.drop()
            broker.restore()
        if number in BY_HAND:
            x.trade("B", 101)
        x.advance(MINUTE)
        price = Decimal(100) + Decimal(week.random.randint(-8, 8)) / 4
        x.trade("A", price)
        began, before = time.perf_counter(), len(x.orders)
        if number in KILLS:
            await life.kill()
            await broker.close()
            broker, life = await _begin(folder, x, week, timing)
        await life.moment_of(number, float(price), "A", until=asyncio.Event())
        while len(x.orders) == before and time.perf_counter() - began < _SOON:  # noqa: ASYNC110  # an exchange that tells nobody
            await asyncio.sleep(0.001)
        week.took.append(time.perf_counter() - began)
        if len(x.orders) == before:
            week.missed.append(number)
    week.minute = 0
    await life.rest()
    life.wish.how = "cancel"
    await life.finish()
    held = {symbol: quantity for symbol, quantity in x.positions.items() if quantity}
    wrong = x.audit() + (
        [] if life.floor.held() == held else [f"{held} held, {life.floor.held()} in the books"]
    )
    life.journal.close()
    await broker.close()
    return _told(week, minutes, len(x.fills), wrong)


async def _begin(folder: Path, x: Exchange, week: Week, timing: Timing) -> tuple[Direct, Life]:
    broker = Direct(x, script=week, muddle=week.muddle)
    life = Life(folder, x, broker, {"s": Alternating}, timing=timing)
    life.start()
    await life.rest()
    return broker, life


def _told(week: Week, minutes: int, fills: int, wrong: Sequence[str]) -> dict[str, Any]:
    own = {number for number in range(1, minutes + 1) if week.outage(number)}
    other = [number for number in week.missed if number not in own]
    return {
        "minutes": minutes,
        "outage_minutes": len(own),
        "acted_within_1s_percent": round(100 * (1 - len(week.missed) / minutes), 3),
        "outside_outages_percent": round(100 * (1 - len(other) / (minutes - len(own))), 3),
        "missed_outside": other,
        "fills": fills,
        "wrong": list(wrong),
    }
