"""A day of minutes at full speed while everything goes wrong: nothing lost, nothing doubled, no task left.

A busy strategy sends every kind of order over 24 hours to the loopback exchange. Requests and answers get
lost, bursts of 429 and 500 come, the broker refuses connections for ten minutes, its stream drops, is mute,
doubled and out of order, orders are rejected after they were accepted and placed by hand, and every hour the
session is killed at a random point of a call and goes on from its last save. The exchange's ledger of exact
decimals, the session's books and the journal's fold agree in the end, to the cent.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.loopback.book import Placed
from tests.loopback.direct import EVERYTHING, Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Life
from tests.unit.trading_chaos import Busy, check, walk

from openbell.core.errors import Disconnected, Retryable
from openbell.core.types import OrderType, TimeInForce
from openbell.execution.port import Heard
from openbell.trading.livesession import LiveSession
from openbell.trading.saves import Saves

DAY = 1_440
_LOST = 0.03  #: of requests, and of answers
#: Minutes of the day (first, last) in which no call is answered, and how.
_BURSTS = {"429": (300, 302), "500": (600, 602), "refused": (900, 909)}


class Trouble:
    """The script of the day, and how often each fault came."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.minute = 0
        self.calls = 0  #: until the kill; 0 is no kill
        self.counts: Counter[str] = Counter()
        self.killed = asyncio.Event()
        self.over = False

    async def __call__(self, call: str, point: str) -> None:
        """Let a call fail, or end the session at it."""
        if self.calls:
            self.calls -= 1
            if not self.calls:
                self.counts["kill"] += 1
                self.killed.set()
        if self.killed.is_set():
            await asyncio.Event().wait()  # nothing goes on from here
        if self.over or call == "events":
            return
        for kind, (first, last) in _BURSTS.items():
            if first <= self.minute <= last and self.rng.random() < _most_of(kind):
                self.counts[kind] += 1
                raise Disconnected(kind) if kind == "refused" else Retryable(kind)
        if self.rng.random() < _LOST:
            self.counts[f"{'answer' if point == 'after' else 'request'} lost"] += 1
            raise self.rng.choice([Retryable, Disconnected])(f"{call} {point}")

    def muddle(self, heard: Sequence[Heard]) -> Sequence[Heard]:
        """Double and turn round what the stream says."""
        if self.over or self.rng.random() < 0.5:  # half of what it says is as it should be
            return heard
        self.counts["events muddled"] += 1
        made = [one for one in heard for _ in range(self.rng.choice([1, 2]))]
        self.rng.shuffle(made)
        return made


def _most_of(kind: str) -> float:
    return 1.0 if kind == "refused" else 0.8


async def run_day(folder: Path, *, minutes: int = DAY, seed: int = 7, hour: int = 60) -> dict[str, Any]:
    """Live through the day, with a kill each hour; return what came of it, and what is wrong in the end."""
    trouble = Trouble(seed)
    x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None, unique="ever", cash=10_000_000)
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    tasks, began = len(asyncio.all_tasks()), time.perf_counter()
    broker, life = await _begin(folder, x, trouble)
    for number in range(1, minutes + 1):
        trouble.minute = number
        await _disturb(x, broker, trouble)
        symbol = trouble.rng.choice("AB")
        x.advance(MINUTE)
        await life.moment_of(number, walk(x, trouble.rng, symbol), symbol, until=trouble.killed)
        if number % hour == 0:
            if not trouble.killed.is_set():
                life.session.save()
            trouble.calls = trouble.rng.randint(1, 40)
        if trouble.killed.is_set():
            await life.kill()
            await broker.close()
            walk(x, trouble.rng, symbol)  # it goes on while nobody looks
            broker, life = await _begin(folder, x, trouble)
    trouble.over, trouble.calls = True, 0
    broker.release()
    life.session._examiner.ask()  # noqa: SLF001  # the comparison that comes every few minutes
    await life.rest()
    wrong = check(life)
    life.wish.how = "cancel"
    await life.finish()
    wrong += check(life) + [f"left working: {one}" for one in x.working()]
    saves = len(life.journal.of_kind("saved"))
    life.journal.close()
    await broker.close()
    await asyncio.sleep(0)
    return {
        "minutes": minutes,
        "seconds": round(time.perf_counter() - began, 1),
        "orders": len(x.orders),
        "fills": len(x.fills),
        "faults": dict(sorted(trouble.counts.items())),
        "saves": saves,
        "tasks_left": len(asyncio.all_tasks()) - tasks,
        "wrong": wrong,
    }


async def _disturb(x: Exchange, broker: Direct, trouble: Trouble) -> None:
    """Do what goes wrong at a minute, beside calls."""
    rng, number = trouble.rng, trouble.minute
    if number % 97 == 0:
        trouble.counts["stream dropped"] += 1
        broker.drop()
        broker.restore()
    if number % 181 == 0:
        trouble.counts["stream mute"] += 1
        broker.muted = True
    elif number % 181 == 3 and broker.muted:
        broker.release(lambda heard: rng.sample(list(heard), len(heard)))
    if number % 53 == 0 and x.working():
        trouble.counts["rejected after it was accepted"] += 1
        x.reject(rng.choice(x.working()).id)
    if number % 311 == 0:
        trouble.counts["placed by hand"] += 1
        x.place(Placed(f"by-hand-{number}", "B", 1, OrderType.MARKET, TimeInForce.DAY, Decimal(3)))
    await asyncio.sleep(0)


async def _begin(folder: Path, x: Exchange, trouble: Trouble) -> tuple[Direct, Life]:
    trouble.killed.clear()
    broker = Direct(x, EVERYTHING, script=trouble, muddle=trouble.muddle)
    life = Life(folder, x, broker, {"busy": Busy}, initial=0.1, saves=_saves)
    if life.session.saves is None:
        life.session.saves = _saves(life.session)
    life.start()
    await life.rest(trouble.killed)
    return broker, life


def _saves(session: LiveSession) -> Saves:
    strategies = [course.engine.strategy for course in session.courses]
    return Saves(session.journal, strategies, {}, after=1)
