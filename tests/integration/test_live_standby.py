"""A stop reaches the broker also while the engine hangs: its process is paused, as a debugger does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.test_live_command import configure, until
from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange

from openbell.core.types import Instrument
from openbell.data.bars import parse_date
from openbell.trading.inbox import ask_to_stop

RESTING = '''
import openbell as ob

class Resting(ob.Strategy):
    """Leaves one order far below the market."""

    def on_start(self):
        self.placed = False

    def on_bar(self, bar):
        if not self.placed:
            self.placed = True
            self.order(bar.symbol, 5, limit=50.0)
'''


@pytest.fixture
async def server() -> AsyncIterator[AlpacaBrokerServer]:
    begin = parse_date("2024-07-01T13:30:00+00:00") or 0
    exchange = Exchange([Instrument("AAPL")], time=begin, speed=600.0)
    exchange.trade("AAPL", "165")
    async with AlpacaBrokerServer(exchange) as running:
        yield running
    assert exchange.audit() == []


async def test_a_stop_reaches_the_broker_within_a_second_while_the_engine_hangs(
    server: AlpacaBrokerServer, tmp_path: Path
) -> None:
    configure(tmp_path, server)
    (tmp_path / "resting.py").write_text(RESTING)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "openbell.cli", "live", "resting.py", "--symbols", "AAPL", "--broker", "mine",
        "--feed", "synthetic", "--history", "0", "--cash", "20000", "--state", "session",
        "--config-set", "providers.synthetic.speed=600", "--config-set", "logging.json=true",
        cwd=tmp_path, env={**os.environ, **ENVIRON},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await until(lambda: server.exchange.working() and (tmp_path / "session" / "standby").exists(), process)
    process.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    ask_to_stop(tmp_path / "session", "cancel")
    async with asyncio.timeout(30):
        while server.exchange.working():  # noqa: ASYNC110  # another process's deeds are no event
            await asyncio.sleep(0.01)
    took = time.monotonic() - begin
    process.send_signal(signal.SIGCONT)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err.decode()
    assert "the session does not answer a request to stop" in err.decode()
    assert took < 5.0  # one second on a computer that is not busy
    lines = [json.loads(line) for line in err.decode().splitlines() if line.startswith("{")]
    sent = [line for line in lines if line["message"].startswith("place buy 5 AAPL limit 50")]
    assert sent
    assert sent[0]["ids"]["trace"]
    assert not any(secret in (out + err).decode() for secret in ENVIRON.values())
