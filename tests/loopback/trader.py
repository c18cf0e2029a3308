"""A trader in a process of its own, to be killed: `python -m tests.loopback.trader FOLDER PORT`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from openbell.storage.journal import Journal
from openbell.trading.inbox import Inbox
from openbell.trading.livesession import LiveSession
from openbell.trading.reception import Fed
from openbell.trading.record import latest_session
from openbell.utils.ratelimit import Budget
from tests.loopback.front import SocketBroker
from tests.unit.trading_by_hand import QUICK, floor_of
from tests.unit.trading_chaos import Busy


async def _bars(broker: SocketBroker) -> AsyncIterator[Fed]:
    while True:
        yield await broker.bars.get()


async def trade(folder: Path, port: int) -> None:
    """Trade until asked to stop."""
    broker = SocketBroker(port)
    account = await broker.connect()
    with Journal(folder / "journal.db", account=account) as journal:
        floor = floor_of(journal, {"one": Busy}, initial=0.1)
        session = LiveSession(
            floor,
            journal,
            broker,
            budget=Budget(10_000, 1.0, burst=5_000),
            requests=Inbox(folder),
            timing=QUICK,
        )
        begun, after = latest_session(journal)
        if begun is None:
            session.begin({})
        else:
            session.resume(after)
        await session.run(_bars(broker))
    await broker.close()


if __name__ == "__main__":
    asyncio.run(trade(Path(sys.argv[1]), int(sys.argv[2])))
