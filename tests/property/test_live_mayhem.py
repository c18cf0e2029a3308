"""A session while all goes wrong together: an exchange that is slow, refuses late and is traded at by hand.

Beside what `test_live_crashes` has: cancels that take effect later or never, orders placed by hand in the
same symbols, rejects after acceptance, connections refused for minutes, streams lost for minutes.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.loopback.direct import BARE, EVERYTHING, Direct
from tests.loopback.exchange import Exchange, Placed, Refusal
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Life
from tests.unit.trading_chaos import Busy, Chaos, check, walk

from openbell.core.errors import Disconnected
from openbell.core.types import OrderType, TimeInForce
from openbell.execution.port import Capabilities

KINDS = {"everything": EVERYTHING, "bare": BARE, "reserving": replace(EVERYTHING, reserves=True)}
HAND = "by-hand-"


class Mayhem(Chaos):
    """Chaos, and a broker that refuses connections while it is away."""

    away = False

    async def __call__(self, call: str, point: str) -> None:
        if self.away and "event" not in (call, point) and not self.killed.is_set():
            raise Disconnected("direct: connection refused")
        await super().__call__(call, point)


class Night:
    """What goes wrong at an exchange, minute by minute."""

    def __init__(self, seed: int, kind: Capabilities) -> None:
        self.rng, self.kind = random.Random(seed), kind
        unique = "ever" if kind.unique_ids else "no"
        self.x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None, unique=unique)  # type: ignore[arg-type]
        self.minute, self.down = 0, False
        for symbol in ("A", "B"):
            self.x.trade(symbol, 100)

    def begin(self, folder: Path, *, kills: bool) -> tuple[Life, Mayhem, Direct]:
        """Begin a life of the session; with `kills` it ends at some point."""
        chaos = Mayhem(self.rng, kill_at=self.rng.randint(1, 200) if kills else 0, faults=0.05)
        broker = Direct(self.x, self.kind, script=chaos, muddle=chaos.muddle)
        life = Life(folder, self.x, broker, {"one": Busy, "two": type("Other", (Busy,), {})}, initial=0.1)
        life.start()
        self.down = False
        return life, chaos, broker

    async def trade(self, life: Life, chaos: Mayhem, broker: Direct) -> None:
        """Let a minute pass, with what goes wrong in it."""
        x, rng, chance = self.x, self.rng, self.rng.random
        self.minute += 1
        x.slow_cancels ^= chance() < 0.2
        if chance() < 0.3:
            x.settle_cancels()
        if chance() < 0.1:
            x.doomed.append("rejected after it was accepted")
        if chance() < 0.3:
            x.strike()
        if chance() < 0.15 and life.floor.base is not None:  # before, it would be a position of before
            self._trade_by_hand()
        chaos.away ^= chance() < 0.15
        if chance() < 0.15:
            (broker.restore if self.down else broker.drop)()
            self.down = not self.down
        symbol = rng.choice(["A", "B"])
        x.advance(MINUTE)
        await life.moment_of(self.minute, walk(x, rng, symbol), symbol, until=chaos.killed)

    def _trade_by_hand(self) -> None:
        x, rng = self.x, self.rng
        symbol, side = rng.choice(["A", "B"]), rng.choice([1, -1])
        last, kind = x.lines[symbol].last or Decimal(100), OrderType.MARKET
        terms = {"limit": last - side * rng.randint(0, 3)} if rng.random() < 0.6 else {}
        kind = OrderType.LIMIT if terms else kind
        name, quantity = f"{HAND}{self.minute}", Decimal(rng.randint(1, 9))
        try:
            x.place(Placed(name, symbol, side, kind, TimeInForce.GTC, quantity, **terms))  # type: ignore[arg-type]
        except Refusal:
            return  # what was to be doomed was refused at once

    def calm(self, chaos: Mayhem, broker: Direct) -> None:
        """Let all be well from now on."""
        x = self.x
        chaos.away, chaos.faults, chaos.kill_at = False, 0.0, 0
        x.doomed.clear()
        x.strike()
        x.slow_cancels = False
        x.settle_cancels()
        if self.down:
            broker.restore()


def wrong_in(life: Life) -> list[str]:
    """Return what is wrong; what was placed by hand may work on."""
    return [one for one in check(life) if not one.startswith(f"orphan {HAND}")]


async def live_through(folder: Path, seed: int, kind: Capabilities, *, minutes: int, kills: int) -> list[str]:
    """Trade while all goes wrong; return what is wrong in the end."""
    night = Night(seed, kind)
    while True:
        life, chaos, broker = night.begin(folder, kills=kills > 0)
        while night.minute < minutes and not chaos.killed.is_set():
            await night.trade(life, chaos, broker)
        if not chaos.killed.is_set():
            break
        kills -= 1
        await life.kill()
        await broker.close()
    night.calm(chaos, broker)
    async with asyncio.timeout(30):
        while True:
            life.session._examiner.ask()
            await asyncio.sleep(0.01)
            await life.rest()
            if not wrong_in(life):
                break
    life.wish.how = "cancel"
    await life.finish()
    wrong = wrong_in(life)
    wrong += [f"left working: {one.client_id}" for one in night.x.working() if HAND not in one.client_id]
    life.journal.close()
    return wrong


@pytest.mark.parametrize("kind", KINDS)
async def test_all_that_goes_wrong_together_loses_and_doubles_nothing(tmp_path: Path, kind: str) -> None:
    assert await live_through(tmp_path, 7, KINDS[kind], minutes=12, kills=1) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_hundred_nights_of_it(tmp_path: Path, kind: str) -> None:
    for seed in range(100):
        wrong = await live_through(tmp_path / str(seed), seed, KINDS[kind], minutes=40, kills=3)
        assert wrong == [], seed
