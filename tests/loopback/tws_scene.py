"""IB's adapter on a TWS that trades, ready for a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

from openbell.core.types import NANOS_PER_SECOND, Instrument
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers.ib import IbBroker
from tests.loopback.ear import Ear
from tests.loopback.ear import order as any_order
from tests.loopback.exchange import Exchange
from tests.loopback.tws_broker import TwsBroker

NOON = 1_720_000_800 * NANOS_PER_SECOND


def order(client_id: str, **fields: Any) -> ApprovedOrder:
    """Return an order in AAPL."""
    return any_order(client_id, "AAPL", **fields)


class Scene(NamedTuple):
    """An exchange, its TWS, the adapter, and who listens to it."""

    x: Exchange
    tws: TwsBroker
    broker: IbBroker
    ear: Ear


@asynccontextmanager
async def trading(*, muddle: Any = list, **options: Any) -> AsyncIterator[Scene]:
    """Trade at 100, with a broker that is connected and listened to; at the end the books must agree."""
    x = Exchange([Instrument("AAPL"), Instrument("BRK.B")], unique="no", fee=Decimal("0.01"), time=NOON)
    x.trade("AAPL", 100)
    x.trade("BRK.B", 400)
    async with TwsBroker(x, muddle=muddle) as tws:
        broker = IbBroker({}, **{"port": tws.port, "timeout": 2.0, **options})
        await broker.connect()
        try:
            async with Ear(broker) as ear:
                yield Scene(x, tws, broker, ear)
        finally:
            await broker.close()
    assert x.audit() == []
