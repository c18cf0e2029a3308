"""The adapters of Interactive Brokers and ccxt, each against a server of its broker's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from openbell.conformance.story import SYMBOL
from openbell.core.types import OrderType, TimeInForce
from openbell.execution.approval import ApprovedOrder
from openbell.execution.factory import open_broker
from openbell.execution.port import Capabilities, Execution, Heard, Holding, Link, LiveBroker, Report
from tests.loopback.binance import KEY, SECRET, BinanceServer
from tests.loopback.exchange import Exchange
from tests.loopback.tws_broker import TwsBroker

#: What ccxt has at Binance.
CCXT = Capabilities(
    frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT}),
    frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
    fractional=True,
    reserves=True,
)

_PAIR = f"{SYMBOL}/USDT"


class IbFront:
    """IB's adapter and ib_async's client, against a TWS."""

    async def open(self, exchange: Exchange) -> LiveBroker:
        """Return the adapter, connected."""
        self.server = TwsBroker(exchange)
        await self.server.__aenter__()
        self.broker = open_broker("ib", {"port": self.server.port}, {})
        await self.broker.connect()
        return self.broker

    async def close(self) -> None:
        """Close the adapter, then the server."""
        await self.broker.close()
        await self.server.__aexit__(None, None, None)


class CcxtFront:
    """ccxt's adapter, against a server of Binance's protocol."""

    async def open(self, exchange: Exchange) -> LiveBroker:
        """Return the adapter, connected and streaming."""
        self.server = BinanceServer(exchange)
        await self.server.__aenter__()
        options: dict[str, Any] = {"symbols": [_PAIR], "urls": self.server.urls}
        broker = open_broker("ccxt", options, {"CCXT_API_KEY": KEY, "CCXT_SECRET": SECRET})
        await broker.connect()
        await self.server.streaming.wait()
        self.broker = Paired(broker)
        return self.broker

    async def close(self) -> None:
        """Close the adapter, then the server."""
        await self.broker.close()
        await self.server.__aexit__(None, None, None)


class Paired:
    """A broker whose pair of coins goes by the stories' symbol."""

    def __init__(self, broker: LiveBroker) -> None:
        self._broker = broker
        self.name, self.capabilities = broker.name, broker.capabilities

    async def connect(self) -> str:
        return await self._broker.connect()

    async def now(self) -> int:
        return await self._broker.now()

    async def balance(self) -> Any:
        return await self._broker.balance()

    async def holdings(self) -> Sequence[Holding]:
        return [_named(one) for one in await self._broker.holdings()]

    async def working(self) -> Sequence[Report]:
        return [_named(one) for one in await self._broker.working()]

    async def find(self, client_id: str) -> Report | None:
        found = await self._broker.find(client_id)
        return None if found is None else _named(found)

    async def executions(self, since: int) -> Sequence[Execution]:
        return [_named(one) for one in await self._broker.executions(since)]

    async def place(self, order: ApprovedOrder) -> Report:
        report: Report = _named(await self._broker.place(_paired(order)))
        return report

    async def replace(self, client_id: str, order: ApprovedOrder) -> Report:
        report: Report = _named(await self._broker.replace(client_id, _paired(order)))
        return report

    async def cancel(self, client_id: str) -> None:
        await self._broker.cancel(client_id)

    async def cancel_all(self) -> None:
        await self._broker.cancel_all()

    async def events(self) -> AsyncIterator[Heard]:
        async for heard in self._broker.events():
            yield heard if isinstance(heard, Link) else _named(heard)

    async def close(self) -> None:
        await self._broker.close()


def _named(one: Any) -> Any:
    return one._replace(symbol=SYMBOL)


def _paired(order: ApprovedOrder) -> ApprovedOrder:
    return replace(order, symbol=_PAIR)
