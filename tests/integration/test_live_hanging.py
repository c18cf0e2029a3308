"""A live session whose strategy never returns: every command from another process works all the same."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.integration.test_live_command import start, until
from tests.integration.test_live_standby import Account, account_at

from openbell.core.types import OrderStatus
from openbell.trading.pulse import SILENT, read_pulse

HANGING = '''
import os
import time
from pathlib import Path

import openbell as ob

class Hanging(ob.Strategy):
    """Buys ten shares, leaves five orders below the market, and does not return while a file is there."""

    def on_start(self):
        self.placed = False

    def on_bar(self, bar):
        if not self.placed:
            self.placed = True
            self.order(bar.symbol, 10)
            for number in range(5):
                self.order(bar.symbol, 5, limit=50.0 + number)
        while "HANGS" in os.environ and Path("hang").exists():  # not where another process replays it
            Path("hangs").touch()
            time.sleep(0.02)
'''
GOAL = (
    1.0  #: second from a request to stop to the end of all orders at the broker; asserted at three times it
)


class Hung(NamedTuple):
    """A session that hangs, with ten shares and five orders."""

    account: Account
    folder: Path
    process: Process

    async def ask(self, *words: str) -> tuple[int, Any, str]:
        """Run a command in a process of its own; return its code, its document, and what it said last."""
        asked = await start(self.folder, *words, "--json")
        out, err = await asyncio.wait_for(asked.communicate(), 60)
        lines = err.decode().splitlines()
        return asked.returncode or 0, json.loads(out) if out else None, lines[-1] if lines else ""

    @property
    def heard(self) -> int:
        """When the session last said something of itself."""
        pulse = read_pulse(self.folder / "state/live-mine")
        assert pulse is not None
        return pulse.wall

    async def go_on(self) -> int:
        """Let the strategy return; return the code of the session's end."""
        (self.folder / "hang").unlink(missing_ok=True)
        self.process.send_signal(signal.SIGCONT)
        await asyncio.wait_for(self.process.communicate(), 90)
        return self.process.returncode or 0


@asynccontextmanager
async def hanging(folder: Path, how: str) -> AsyncIterator[Hung]:
    """Run a session until it hangs: its strategy `blocks`, or its process is `paused`."""
    async with account_at("alpaca") as account:
        (folder / "config").mkdir()
        brokers = {"brokers": {"mine": {"kind": "alpaca", "options": account.options}}}
        (folder / "config" / "brokers.yaml").write_text(json.dumps(brokers))  # which is YAML too
        (folder / "hanging.py").write_text(HANGING)
        environ = {**os.environ, **account.environ, "HANGS": "1"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "openbell.cli", "live", "hanging.py", "--symbols", account.symbol,
            "--broker", "mine", "--feed", "synthetic", "--history", "0", "--cash", "20000",
            "--config-set", "providers.synthetic.speed=600",
            cwd=folder, env=environ, stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        try:
            x, ready = account.exchange, folder / "state/live-mine/standby"
            await until(lambda: len(x.working()) == 5 and len(x.fills) == 1 and ready.exists(), process)
            if how == "blocks":
                (folder / "hang").touch()
                await until((folder / "hangs").exists, process)
            else:
                process.send_signal(signal.SIGSTOP)
            yield Hung(account, folder, process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        assert account.exchange.audit() == []


async def check_answers(hung: Hung) -> None:
    """Ask what can be asked of a session that hangs: all is answered, with the age of what is known."""
    async with asyncio.timeout(30):
        while (await hung.ask("status"))[1]["sessions"][0]["state"] != "silent":
            pass  # each question takes its time
    for words in (("status",), ("orders",), ("positions",)):
        asked = await start(hung.folder, *words)
        out, _ = await asyncio.wait_for(asked.communicate(), 60)
        said = out.decode()
        assert re.search(
            r"state/live-mine: silent for [0-9.]+ s \(a strategy or the process hangs\), and", said
        )
        assert "`openbell stop --cancel --state state/live-mine` cancels its orders at the broker" in said
        assert words != ("status",) or "running, silent for " in said
    told = await asyncio.gather(
        hung.ask("status"), hung.ask("orders"), hung.ask("orders", "--working"), hung.ask("positions"),
        hung.ask("parity", "live-mine"), hung.ask("resume"),
    )  # fmt: skip
    (_, status, _), (_, orders, _), (_, working, _), (_, positions, _), parity, resumed = told
    assert [code for code, _, _ in told[:4]] == [0] * 4
    assert [(one["state"], one["working_orders"], one["fills"]) for one in status["sessions"]] == [
        ("silent", 5, 1)
    ]
    for document in (status, orders, working, positions):
        (session,) = document["sessions"]
        assert (session["state"], session["heard"]) == ("silent", hung.heard)
        assert session["age"] > SILENT
    assert [one["status"] for one in orders["orders"]] == ["filled", *["accepted"] * 5]
    assert [one["id"] for one in working["orders"]] == [2, 3, 4, 5, 6]
    assert [(one["symbol"], one["quantity"]) for one in positions["positions"]] == [("AAPL", 10.0)]
    assert parity[1]["orders"] == 6
    assert parity[0] == (1 if parity[1]["unexplained"] else 0)
    assert resumed[0] == 2
    assert "the session in 'state/live-mine' runs" in resumed[2]


async def stop(hung: Hung, how: str) -> float:
    """Ask for a stop; return after how many seconds the last order ended at the broker, as it comes to it."""
    x = hung.account.exchange
    ended: list[float] = []
    x.listeners.append(lambda event: ended.append(time.time()) if event.kind == "cancelled" else None)
    code, document, _ = await hung.ask("stop", f"--{how}")
    assert (code, document["how"]) == (0, how)
    asked = (hung.folder / "state/live-mine/stop.json").stat().st_mtime
    async with asyncio.timeout(30):
        while x.working():  # noqa: ASYNC110  # another process's deeds are no event
            await asyncio.sleep(0.01)
    return ended[-1] - asked


def statuses(hung: Hung) -> Mapping[str, int]:
    told = [one.status for one in hung.account.exchange.orders.values()]
    return {status.value: told.count(status) for status in OrderStatus if status in told}


async def test_a_strategy_that_never_returns_is_asked_about_and_stopped_from_outside(tmp_path: Path) -> None:
    async with hanging(tmp_path, "blocks") as hung:
        await check_answers(hung)
        assert await stop(hung, "cancel") < 3 * GOAL
        assert statuses(hung) == {"filled": 1, "cancelled": 5}
        assert await hung.go_on() == 0
        _, document, _ = await hung.ask("status")
        (standing,) = document["sessions"]
        assert (standing["state"], standing["working_orders"]) == ("stopped", 0)
        assert standing["positions"] == {"AAPL": 10.0}


@pytest.mark.slow
async def test_a_paused_process_is_asked_about_and_flattened_when_it_goes_on(tmp_path: Path) -> None:
    async with hanging(tmp_path, "paused") as hung:
        await check_answers(hung)
        assert await stop(hung, "flatten") < 3 * GOAL
        assert hung.account.exchange.positions["AAPL"] == 10
        assert await hung.go_on() == 0
        assert hung.account.exchange.positions["AAPL"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", ["blocks", "paused"])
async def test_a_stop_that_keeps_is_taken_when_the_session_goes_on(tmp_path: Path, how: str) -> None:
    async with hanging(tmp_path, how) as hung:
        code, document, _ = await hung.ask("stop", "--keep")
        assert (code, document["how"]) == (0, "keep")
        assert await hung.go_on() == 0
        assert statuses(hung) == {"accepted": 5, "filled": 1}
