"""Trading under chaos: a busy strategy, a moving market, lost answers, muddled events, and kills."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import openbell as ob
from openbell.core.errors import Disconnected, Retryable
from openbell.core.orders import TERMINAL
from openbell.execution.port import Capabilities, Heard, Link
from openbell.trading.ledger import fold
from openbell.trading.record import latest_session
from tests.loopback.direct import EVERYTHING, Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, START, Life


class Busy(ob.Strategy):
    """Does something else at each bar: every kind of order, brackets, cancels, changes, closes."""

    seed: int = ob.param(0)

    def on_start(self) -> None:
        self.count = self.seed

    def on_bar(self, bar: Any) -> None:
        self.count += 1
        price, symbol = bar.close, bar.symbol
        acts = (
            lambda: self.order(symbol, 10),
            lambda: self.order(symbol, 10, limit=price - 1, stop_loss=price - 3, take_profit=price + 2),
            lambda: self.cancel(self.working[0]) if self.working else None,
            self._change,
            lambda: self.buy(symbol, confidence=0.5, stop_loss=price - 2, trailing_stop=0.02),
            lambda: self.order(symbol, 5, stop=price + 1),
            lambda: self.order(symbol, 8, limit=price, tif="ioc"),
            lambda: self.order(symbol, 6, stop_loss=price - 1, take_profit=price + 1),
            lambda: self.close(symbol),
            lambda: self.target_quantity(symbol, 12),
        )
        acts[self.count * 7919 % len(acts)]()

    def _change(self) -> None:
        for order in self.working:
            if order.type == "limit" and order.status != "held":
                self.replace(order, limit=order.limit + 0.5, quantity=order.quantity + order.filled + 1)
                return


class Chaos:
    """A script for `Direct`: kills at the n-th point, and lets some calls fail."""

    def __init__(self, rng: random.Random, *, kill_at: int = 0, faults: float = 0.0) -> None:
        self.rng, self.kill_at, self.faults = rng, kill_at, faults
        self.points = 0
        self.killed = asyncio.Event()

    async def __call__(self, call: str, point: str) -> None:
        self.points += 1
        if self.points == self.kill_at:
            self.killed.set()
        if self.killed.is_set():
            await asyncio.Event().wait()  # nothing goes on from here
        if point != "event" and self.rng.random() < self.faults:
            error = self.rng.choice([Retryable, Disconnected])
            raise error(f"direct: {call} {point}")

    def muddle(self, heard: Sequence[Heard]) -> Sequence[Heard]:
        """Double, turn round and lose events; the stream says that it was lost when it was."""
        if not self.faults:
            return heard
        made = [one for one in heard for _ in range(self.rng.choice([1, 1, 1, 2]))]
        self.rng.shuffle(made)
        if self.rng.random() < self.faults:
            return [Link(up=False, time=0), Link(up=True, time=0)]
        return made


def walk(x: Exchange, rng: random.Random, symbol: str) -> float:
    """Move a symbol's price by some ticks, with little or much to be had; return it."""
    last = x.lines[symbol].last or Decimal(100)
    price = max(last + Decimal(rng.randint(-6, 6)) / 4, Decimal(20))
    x.trade(symbol, price, rng.choice([None, 3, 7, 20]))
    return float(price)


def check(life: Life) -> list[str]:
    """Return what is wrong between exchange, strategies and journal, of which nothing is retired yet."""
    wrong = check_account(life)
    for name, ledger in fold(latest_session(life.journal)[1]).items():
        engine = life.floor.courses[name].engine
        if set(ledger.orders) != set(engine.desk.orders):
            wrong.append(f"{name}: the fold has other orders")
        for number, order in ledger.orders.items():
            live = engine.desk.orders[number]
            if repr(order) != repr(live) or order.life != live.life:
                wrong.append(f"{name}: the fold has {order!r}, not {live!r}")
    return wrong


def check_account(life: Life) -> list[str]:
    """Return what is wrong between the exchange, what strategies hold, and the journal's fold of it."""
    x, wrong = life.exchange, life.exchange.audit()
    wrong += [str(course.failure) for course in life.floor.courses.values() if course.failure]
    held = {symbol: quantity for symbol, quantity in x.positions.items() if quantity}
    if life.floor.held() != held:
        wrong.append(f"positions: exchange {held}, books {life.floor.held()}")
    if abs(life.floor.cash() - x.cash) > Decimal("0.001"):
        wrong.append(f"cash: exchange {x.cash}, books {life.floor.cash()}")
    mine = {route.client_id for route in life.floor.router.open()}
    wrong += [f"orphan {one.client_id} {one.status}" for one in x.working() if one.client_id not in mine]
    life.journal.verify()
    for name, ledger in fold(latest_session(life.journal)[1]).items():
        account = life.floor.courses[name].engine.account
        if ledger.account.cash != account.cash:
            wrong.append(f"{name}: the fold has cash {ledger.account.cash}, not {account.cash}")
    for route in life.floor.router.board.routes.values():
        ended = route.order.status in TERMINAL
        if ended != (route.stage == "ended"):
            wrong.append(f"route {route.key} is {route.stage}, its order {route.order!r}")
    return wrong


async def trade_through(
    path: Path,
    seed: int,
    *,
    capabilities: Capabilities = EVERYTHING,
    kills: int = 1,
    faults: float = 0.05,
    moments: int = 30,
) -> list[str]:
    """Trade while everything goes wrong; return what is wrong in the end."""
    rng = random.Random(seed)
    unique = "ever" if capabilities.unique_ids else "no"
    x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None, unique=unique)  # type: ignore[arg-type]
    for symbol in ("A", "B"):
        x.trade(symbol, 100)
    number, lives = 0, 0
    kinds = {"one": Busy, "two": type("Other", (Busy,), {"seed": ob.param(seed % 10)})}
    while True:
        lives += 1
        kill_at = rng.randint(1, 120) if lives <= kills else 0
        chaos = Chaos(rng, kill_at=kill_at, faults=faults)
        broker = Direct(x, capabilities, script=chaos, muddle=chaos.muddle)
        life = Life(path, x, broker, kinds, initial=0.1)
        life.start()
        while number < moments and not chaos.killed.is_set():
            number += 1
            symbol = rng.choice(["A", "B"])
            x.advance(60_000_000_000)
            await life.moment_of(number, walk(x, rng, symbol), symbol, until=chaos.killed)
        if chaos.killed.is_set():
            await life.kill()
            await broker.close()
            for _ in range(rng.randint(0, 3)):  # it goes on while nobody looks
                walk(x, rng, rng.choice(["A", "B"]))
            continue
        chaos.faults, chaos.kill_at = 0.0, 0
        life.session._examiner.ask()
        await life.rest()
        wrong = check(life)
        life.wish.how = "cancel"
        await life.finish()
        wrong += check(life)
        wrong += [f"left working: {one}" for one in x.working()]
        life.journal.close()
        return wrong
