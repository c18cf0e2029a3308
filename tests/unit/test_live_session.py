"""A live session: strategies, router, journal and broker together."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from openbell.trading.session import Ending
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, START, Life, scripted


def exchange(**settings: Any) -> Exchange:
    made = Exchange(INSTRUMENTS, time=START, **settings)
    made.trade("A", 100)
    return made


async def test_orders_go_out_and_fills_come_back(tmp_path: Path) -> None:
    x = exchange()
    life = Life(tmp_path, x, Direct(x), {"s": scripted({1: lambda s, _: s.order("A", 10)})})
    life.start()
    await life.moment(0, 100)
    assert x.positions == {"A": Decimal(10)}
    assert life.floor.courses["s"].engine.account.quantity("A") == 10
    await life.moment(1, 101)
    assert await life.end() is Ending.END_OF_DATA
    assert x.audit() == []
