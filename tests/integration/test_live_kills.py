"""A trader in a process of its own is killed with SIGKILL at calls of its broker, and started again."""

from __future__ import annotations

import asyncio
import random
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.loopback.front import Front
from tests.unit.trading_by_hand import INSTRUMENTS, START, bar
from tests.unit.trading_chaos import walk

from openbell.storage.journal import Journal
from openbell.trading.inbox import ask_to_stop
from openbell.trading.ledger import fold
from openbell.trading.record import latest_session

ROOT = Path(__file__).parents[2]


class Trial:
    """The exchange, the front, and the trader of the moment with the call that it will not outlive."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rng = folder, random.Random(7)
        self.x = Exchange(INSTRUMENTS, time=START, fee=Decimal("0.01"), margin=None)
        for symbol in ("A", "B"):
            self.x.trade(symbol, 100)
        self.front = Front(Direct(self.x), self._on_call)
        self.calls, self.deadly, self.minute = 0, 0, 0
        self.trader: asyncio.subprocess.Process | None = None

    def _on_call(self, call: str, point: str) -> None:
        self.calls += 1
        if self.calls == self.deadly and self.trader is not None:
            self.trader.kill()

    async def live(self, deadly: int) -> int:
        """Let a trader live until a call, or for long if there is none; return its exit code."""
        self.calls, self.deadly = 0, deadly
        self.trader = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.loopback.trader", str(self.folder), str(self.front.port), cwd=ROOT
        )
        ended = asyncio.ensure_future(self.trader.wait())
        moments = 0
        while not ended.done():
            if self.front.is_connected:
                moments += 1
                self._move()
            if not deadly and moments == 30:
                ask_to_stop(self.folder, "cancel")
            await asyncio.sleep(0.005)
        return await ended

    def _move(self) -> None:
        self.minute += 1
        self.x.advance(60_000_000_000)
        symbol = self.rng.choice(["A", "B"])
        self.front.send_bars([bar(self.minute, walk(self.x, self.rng, symbol), symbol)])


@pytest.mark.parametrize("kills", [8, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
async def test_no_kill_loses_or_doubles_anything(tmp_path: Path, kills: int) -> None:
    trial = Trial(tmp_path)
    await trial.front.start()
    for _ in range(kills):
        assert await trial.live(trial.rng.randint(1, 60)) == -9
    assert await trial.live(0) == 0
    await trial.front.close()
    x = trial.x
    assert (x.audit(), x.working()) == ([], [])
    with Journal(tmp_path / "journal.db", read_only=True) as journal:
        assert journal.verify() == journal.last
        (ledger,) = fold(latest_session(journal)[1]).values()
    assert all(not order.open for order in ledger.orders.values())
    held = {symbol: one.quantity for symbol, one in ledger.account.positions.items() if one.quantity}
    assert held == {symbol: float(quantity) for symbol, quantity in x.positions.items() if quantity}
    assert abs(ledger.account.cash - ledger.account.initial_cash - float(x.cash - x.initial)) < 1e-6
    assert len(x.fills) > kills
