"""`openbell live` as a process: SIGTERM while an order is on its way, and a second one on the account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_live_command import begin, configure
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.exchange import Exchange

from openbell.core.types import Instrument
from openbell.data.bars import parse_date
from openbell.storage.journal import Journal
from openbell.trading.ledger import fold
from openbell.trading.record import latest_session

LIMIT = 10.0  #: seconds from the signal to the end


class Slow(AlpacaBrokerServer):
    """Takes an order, and answers when a test says so."""

    def __init__(self, exchange: Exchange) -> None:
        self.taken, self.answering = asyncio.Event(), asyncio.Event()
        super().__init__(exchange)

    async def _place(self, request: Any) -> Any:
        answer = await super()._place(request)
        self.taken.set()
        await self.answering.wait()
        return answer


@pytest.fixture
async def server() -> AsyncIterator[Slow]:
    begin = parse_date("2024-07-01T13:30:00+00:00") or 0
    exchange = Exchange([Instrument("AAPL")], time=begin, speed=600.0)
    exchange.trade("AAPL", "165")
    async with Slow(exchange) as running:
        yield running
        running.answering.set()
    assert exchange.audit() == []


@pytest.mark.parametrize("answers", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_a_stop_during_a_submit_ends_well_within_ten_seconds(
    server: Slow, tmp_path: Path, *, answers: bool
) -> None:
    configure(tmp_path, server)
    process = await begin(tmp_path)
    ending = asyncio.ensure_future(process.communicate())
    async with asyncio.timeout(60):
        await server.taken.wait()
    process.terminate()
    began = time.monotonic()
    if answers:
        asyncio.get_running_loop().call_later(1.0, server.answering.set)
    _, err = await asyncio.wait_for(ending, 60)
    assert time.monotonic() - began < LIMIT, err.decode()
    assert process.returncode == 0, err.decode()
    (order,) = server.exchange.orders.values()
    with Journal(tmp_path / "state/live-mine/journal.db", read_only=True) as journal:
        assert journal.verify() == journal.last
        entries = latest_session(journal)[1]
    assert [entry.body["state"] for entry in entries if entry.kind == "session"] == ["stopped"]
    (ledger,) = fold(entries).values()
    assert (ledger.orders[1].filled, ledger.orders[1].status.value) == (float(order.filled), "filled")
    placed = [entry for entry in entries if entry.kind == "send" and entry.body["call"] == "place"]
    assert [entry.subject for entry in placed] == [order.client_id]
    assert any(entry.kind == "alarm" for entry in entries) is not answers


async def test_a_second_engine_on_the_account_refuses_whatever_its_folder_is(
    server: Slow, tmp_path: Path
) -> None:
    configure(tmp_path, server)
    server.answering.set()
    first = await begin(tmp_path)
    ending = asyncio.ensure_future(first.communicate())
    async with asyncio.timeout(60):
        await server.taken.wait()
    second = await begin(tmp_path, "--state", "state/other")
    _, err = await asyncio.wait_for(second.communicate(), 60)
    assert second.returncode == 2
    who = f"account alpaca:paper:PA3TEST00001 is in use by process {first.pid}"
    assert err.decode().splitlines()[-1] == f"openbell: {who}; stop that session first"
    assert not (tmp_path / "state/other/journal.db").exists()
    first.terminate()
    await asyncio.wait_for(ending, 60)
    assert first.returncode == 0
