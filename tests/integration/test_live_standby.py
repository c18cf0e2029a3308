"""A stop reaches the broker also while the engine hangs: its process is paused, as a debugger does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.integration.test_live_command import until
from tests.loopback import alpaca, binance
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.binance import BinanceServer
from tests.loopback.ear import order
from tests.loopback.exchange import Exchange, Placed
from tests.loopback.tws_broker import TwsBroker
from tests.unit.opened import open_journal

from openbell.core.types import Instrument, OrderStatus, OrderType, TimeInForce
from openbell.data.bars import parse_date
from openbell.execution.factory import broker_offer, open_broker
from openbell.execution.port import LiveBroker
from openbell.operation import standby
from openbell.operation.standby import Standby
from openbell.storage.journal import Journal
from openbell.storage.lock import FolderLock
from openbell.trading.inbox import Stop, ask_to_stop, was_taken
from openbell.trading.pulse import NAME, SILENT, Pulse
from openbell.utils.logging import get_logger

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
BEGIN = parse_date("2024-07-01T13:30:00+00:00") or 0
STOCK, COIN = "AAPL", "BTC/USD"


class Account(NamedTuple):
    """A broker's account on loopback: what trades there, and how it is reached."""

    exchange: Exchange
    symbol: str
    options: Mapping[str, Any]
    environ: Mapping[str, str]


def exchange_of(symbol: str, **options: Any) -> Exchange:
    made = Exchange([Instrument(symbol)], time=BEGIN, speed=600.0, **options)
    made.trade(symbol, "165")
    return made


@asynccontextmanager
async def account_at(kind: str) -> AsyncIterator[Account]:
    """Run a broker's server."""
    if kind == "alpaca":
        async with AlpacaBrokerServer(exchange_of(STOCK)) as server:
            yield Account(server.exchange, STOCK, server.options, alpaca.ENVIRON)
    elif kind == "ib":
        async with TwsBroker(exchange_of(STOCK)) as tws:
            yield Account(tws.exchange, STOCK, {"port": tws.port}, {})
    else:
        secrets = {"CCXT_API_KEY": binance.KEY, "CCXT_SECRET": binance.SECRET}
        async with BinanceServer(exchange_of(COIN, unique="working", short=False), quote="USD") as crypto:
            yield Account(crypto.exchange, COIN, {"symbols": [COIN], "urls": crypto.urls}, secrets)


def configure(folder: Path, kind: str, options: Mapping[str, Any]) -> None:
    (folder / "config").mkdir()
    brokers = {"brokers": {"mine": {"kind": kind, "options": options}}}
    (folder / "config" / "brokers.yaml").write_text(json.dumps(brokers))  # which is YAML too
    (folder / "resting.py").write_text(RESTING)


@pytest.mark.parametrize(
    "kind",
    ["alpaca", pytest.param("ib", marks=pytest.mark.slow), pytest.param("ccxt", marks=pytest.mark.slow)],
)
async def test_a_stop_reaches_the_broker_within_a_second_while_the_engine_hangs(
    kind: str, tmp_path: Path
) -> None:
    async with account_at(kind) as account:
        configure(tmp_path, kind, account.options)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "openbell.cli", "live", "resting.py", "--symbols", account.symbol,
            "--broker", "mine", "--feed", "synthetic", "--history", "0", "--cash", "20000", "--state",
            "session", "--config-set", "providers.synthetic.speed=600", "--config-set", "logging.json=true",
            cwd=tmp_path, env={**os.environ, **account.environ},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        ready = tmp_path / "session" / "standby"
        await until(lambda: account.exchange.working() and ready.exists(), process)
        process.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        ask_to_stop(tmp_path / "session", "cancel")
        async with asyncio.timeout(30):
            while account.exchange.working():  # noqa: ASYNC110  # another process's deeds are no event
                await asyncio.sleep(0.01)
        took = time.monotonic() - begin
        process.send_signal(signal.SIGCONT)
        out, err = await asyncio.wait_for(process.communicate(), 90)
        assert account.exchange.audit() == []
    assert process.returncode == 0, err.decode()
    assert "the session does not answer a request to stop" in err.decode()
    assert took < 5.0  # one second on a computer that is not busy
    lines = [json.loads(line) for line in err.decode().splitlines() if line.startswith("{")]
    sent = [line for line in lines if line["message"].startswith(f"place buy 5 {account.symbol} limit 50")]
    assert sent
    assert sent[0]["ids"]["trace"]
    assert not any(secret in (out + err).decode() for secret in account.environ.values())


@asynccontextmanager
async def connected(kind: str, account: Account, **options: Any) -> AsyncIterator[LiveBroker]:
    broker = open_broker(kind, {**account.options, **options}, account.environ)
    await broker.connect()
    try:
        yield broker
    finally:
        await broker.close()


async def stand_by(folder: Path, broker: LiveBroker, told: Any, journal: Journal | None = None) -> None:
    """Let a request to cancel be served by a standby, until what is wanted is told."""
    (journal or open_journal(folder / "journal.db", "a")).commit()
    ended = threading.Event()
    aside = Standby(folder, broker, logs_in=False)
    await aside.prepare(ended)
    ask_to_stop(folder, "cancel")
    watching = asyncio.create_task(aside.watch(ended))
    async with asyncio.timeout(15):
        while not told():  # noqa: ASYNC110  # a line in the log is no event
            await asyncio.sleep(0.02)
    ended.set()
    await watching


def beat(folder: Path, seconds: float) -> None:
    """Write a pulse as if a session had last beaten so many seconds ago."""
    pulse = Pulse(time.time_ns() - int(seconds * 1e9), 1, lag=0.0, memory=1, queue=0)
    (folder / NAME).write_text(json.dumps(pulse._asdict()))


async def test_a_session_that_is_known_to_hang_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "_PATIENCE", 3600.0)
    async with account_at("alpaca") as account, connected("alpaca", account) as aside:
        await aside.place(order("obt1-s-1-1", STOCK, limit=90))
        with FolderLock(tmp_path):
            beat(tmp_path, SILENT + 1.0)
            await stand_by(tmp_path, aside, lambda: not account.exchange.working())
        assert account.exchange.working() == []


async def test_a_session_that_beats_is_left_to_take_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "_PATIENCE", 3600.0)
    journal, looks = open_journal(tmp_path / "journal.db", "a"), [0]

    def look(asked: Stop, kept: Journal) -> bool:
        looks[0] += 1
        if looks[0] == 3:  # the session takes it now
            journal.append("leave", {"how": "cancel"}, time=BEGIN, wall=time.time_ns() + 10**9)
            journal.commit()
        return was_taken(asked, kept)

    monkeypatch.setattr(standby, "was_taken", look)
    async with account_at("alpaca") as account, connected("alpaca", account) as aside:
        await aside.place(order("obt1-s-1-1", STOCK, limit=90))
        with FolderLock(tmp_path):
            beat(tmp_path, -60.0)
            await stand_by(tmp_path, aside, lambda: looks[0] >= 3, journal=journal)
        assert len(account.exchange.working()) == 1


@pytest.mark.parametrize("kind", ["ib", "ccxt"])
async def test_a_second_connection_cancels_what_the_first_has_placed(kind: str, tmp_path: Path) -> None:
    async with account_at(kind) as account:
        second = broker_offer(kind).second
        async with connected(kind, account) as ours, connected(kind, account, **second) as aside:
            await ours.place(order("obt1-s-1-1", account.symbol, limit=90))
            assert account.exchange.working()
            await stand_by(tmp_path, aside, lambda: not account.exchange.working())
        (ended,) = account.exchange.orders.values()
        assert ended.status is OrderStatus.CANCELLED


async def test_orders_that_tws_lets_nobody_else_cancel_are_said_to_work_on(tmp_path: Path) -> None:
    lines: list[str] = []
    sink = get_logger().add(lines.append, format="{message}")

    def told() -> bool:
        return "cancel them at the broker" in lines[-1] if lines else False

    async with account_at("ib") as account:
        second = broker_offer("ib").second
        async with connected("ib", account) as ours, connected("ib", account, **second) as aside:
            await ours.place(order("obt1-s-1-1", STOCK, limit=90))
            account.exchange.place(
                Placed("by hand", STOCK, 1, OrderType.LIMIT, TimeInForce.GTC, Decimal(1), limit=Decimal(80))
            )
            await stand_by(tmp_path, aside, told)
        assert {one.status for one in account.exchange.orders.values()} == {OrderStatus.ACCEPTED}
    get_logger().remove(sink)
    said = "".join(lines)
    assert "0 orders were asked to be cancelled" in said
    assert (
        "1 orders cannot be cancelled from here beside those of others (ib: cancel: order obt1-s-1-1" in said
    )
