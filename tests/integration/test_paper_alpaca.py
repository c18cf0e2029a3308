"""`openbell paper --feed alpaca` as a user types it: a process of its own, Alpaca's SDK, the wall clock.

The market is Alpaca's crypto exchange, which is open whenever the test runs. Stocks, minutes that pass and
a socket that breaks are in test_paper_stream.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.integration.cli_runs import run
from tests.loopback.alpaca import ENVIRON, KEY, SECRET, AlpacaServer, send, stamp
from tests.loopback.thread import beside

from openbell.core.market import as_datetime
from openbell.storage.journal import Journal

MINUTE = 60_000_000_000
SYMBOL = "BTC/USD"
ASSET = {
    "id": "276e2673-764b-4ab6-a611-caf665ca6340", "class": "crypto", "exchange": "CRYPTO", "symbol": SYMBOL,
    "name": "Bitcoin", "status": "active", "tradable": True, "marginable": False, "shortable": False,
    "easy_to_borrow": False, "fractionable": True,
}  # fmt: skip


def row(close: float) -> dict[str, Any]:
    return {"o": 100.0, "h": close, "l": 100.0, "c": close, "v": 1e6, "n": 3, "vw": close}


async def speak(socket: Any) -> None:
    """Tell this minute's bar twice a second, until the session has stopped."""
    with suppress(ConnectionResetError):
        while True:
            start = time.time_ns() // MINUTE * MINUTE
            await send(socket, [{"T": "b", "S": SYMBOL, "t": stamp(start), **row(105.0)}])
            await asyncio.sleep(0.5)  # a stream comes by the clock


@pytest.fixture
def server() -> Iterator[AlpacaServer]:
    """Alpaca's servers: half an hour at 100, and from this minute on 105, told twice a second."""
    made, now = AlpacaServer(), time.time_ns() // MINUTE * MINUTE
    made.assets[SYMBOL] = ASSET
    past = [now - back * MINUTE for back in range(30, 0, -1)]
    made.bars[SYMBOL] = [{"t": f"{as_datetime(start):%Y-%m-%dT%H:%M:%SZ}", **row(100.0)} for start in past]

    async def talk(socket: Any) -> None:
        speaking = asyncio.ensure_future(speak(socket))
        async for _ in socket:  # pings are answered meanwhile
            pass
        speaking.cancel()

    made.talk = talk
    with beside(made) as running:
        yield running


@pytest.fixture
def begin(
    server: AlpacaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    monkeypatch.chdir(tmp_path)
    begun: list[subprocess.Popen[str]] = []

    def start(*more: str) -> subprocess.Popen[str]:
        words = ["paper", "sma_cross", "--symbols", SYMBOL, "--feed", "alpaca", "--history", "30", *more]
        words += ["--set", "fast=2", "--set", "slow=5", "--state", "state/p"]
        for name, value in {**server.options, "market": "crypto"}.items():
            words += ["--config-set", f"providers.alpaca.{name}={value}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "openbell.cli", *words],
            env={**os.environ, **ENVIRON}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def wait_for(process: subprocess.Popen[str], what: str, seconds: float) -> Any:
    """Wait until the session's status has something; return the status."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        sessions = run("status", "--json").document["sessions"]
        if sessions and sessions[0][what]:
            return sessions[0]
        time.sleep(0.1)  # another process's journal has no event to wait for
    process.kill()
    pytest.fail(f"no {what} in {seconds:g} s: {process.communicate()[0]}")


def test_a_session_on_alpacas_stream_orders_is_seen_and_stops(
    begin: Callable[..., subprocess.Popen[str]], server: AlpacaServer
) -> None:
    process = begin()
    seen = wait_for(process, "working_orders", 90)
    assert seen["strategy"] == "sma_cross"
    assert seen["state"] in {"running", "silent"}  # which is a busy machine
    (order,) = run("orders", "--json").document["orders"]
    assert order["order"].startswith("buy ")
    assert server.asked[0]["bars"] == [SYMBOL]
    assert run("stop", "--keep").code == 0
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert "The session was asked to stop" in said
    assert not {KEY, SECRET} & set(said.split())
    with Journal("state/p/journal.db", read_only=True) as journal:
        (history,) = journal.of_kind("history")
        assert 25 < len(history.body["columns"][0]) <= 30  # the clock goes on while it begins
        assert not any(SECRET in str(entry.body) for entry in journal.read())


def test_wrong_keys_are_one_line(
    begin: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRON, "ALPACA_SECRET_KEY", "another-secret-of-nobody")
    process = begin()
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 2
    (line,) = [one for one in said.splitlines() if one.startswith("openbell: ")]
    assert "ALPACA_API_KEY and ALPACA_SECRET_KEY" in line
    assert "another-secret-of-nobody" not in said


@pytest.mark.slow
def test_an_order_fills_a_minute_later_and_a_kill_loses_nothing(
    begin: Callable[..., subprocess.Popen[str]],
) -> None:
    process = begin()
    wait_for(process, "fills", 150)
    process.kill()
    process.communicate()
    process = begin()
    assert process.stdout is not None
    while "feed: Connected" not in process.stdout.readline():
        assert process.poll() is None
    assert list(wait_for(process, "fills", 90)["positions"]) == [SYMBOL]
    assert run("stop", "--keep").code == 0
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert run("parity", "p").code == 0
