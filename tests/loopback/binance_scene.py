"""ccxt's adapter on a server of Binance's protocol, ready for a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

from openbell.core.types import Instrument
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers.ccxt import KEY, SECRET, CcxtBroker
from openbell.execution.port import Execution
from tests.loopback import binance
from tests.loopback.binance import BinanceServer
from tests.loopback.ear import Ear
from tests.loopback.ear import order as any_order
from tests.loopback.exchange import Exchange

SECRETS = {KEY: binance.KEY, SECRET: binance.SECRET}
SYMBOL = "BTC/USDT"
NOON = 1_720_000_800_000_000_000


def order(client_id: str, **fields: Any) -> ApprovedOrder:
    """Return an order for half a coin."""
    return any_order(client_id, SYMBOL, **{"quantity": "0.5", **fields})


def is_fill(heard: object) -> bool:
    """Tell a fill from what else is heard."""
    return isinstance(heard, Execution)


class Scene(NamedTuple):
    """An exchange, its server, the adapter, and who listens to it."""

    x: Exchange
    server: BinanceServer
    broker: CcxtBroker
    ear: Ear


@asynccontextmanager
async def trading(*, muddle: Any = list, streams: bool = True, **options: Any) -> AsyncIterator[Scene]:
    """Trade at 100, with a broker that is connected and listened to; at the end the books must agree."""
    x = Exchange(
        [Instrument(SYMBOL, lot=0.0001)], unique="working", fee=Decimal("0.01"), short=False, time=NOON
    )
    x.trade(SYMBOL, 100)
    async with BinanceServer(x, muddle=muddle) as server:
        broker = CcxtBroker(SECRETS, **{"symbols": [SYMBOL], "urls": server.urls, **options})
        if not streams:
            broker._watch._streams = False
        await broker.connect()
        try:
            async with Ear(broker) as ear:
                if streams:
                    await server.streaming.wait()
                yield Scene(x, server, broker, ear)
        finally:
            await broker.close()
    assert x.audit() == []
