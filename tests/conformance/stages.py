"""What moves the market behind a broker in the tests: the loopback exchange, whatever speaks for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol

from openbell.conformance import Story
from openbell.conformance.story import SYMBOL, Span
from openbell.core.types import Instrument
from openbell.execution.factory import open_broker
from openbell.execution.port import LiveBroker
from tests.loopback.alpaca import ENVIRON
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange

_SAID = "it cannot be paid at the open"


class Front(Protocol):
    """What stands between an exchange and a broker's adapter."""

    async def open(self, exchange: Exchange) -> LiveBroker:
        """Return an adapter that is connected and listens."""

    async def close(self) -> None:
        """Let go of everything."""


class ExchangeStage:
    """A stage on the loopback exchange, which proves its books at the end."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.exchange: Exchange

    async def begin(self, story: Story, price: Decimal, time: int) -> LiveBroker:
        """Make an exchange whose last price this is, closed after a session."""
        x = self.exchange = Exchange([Instrument(SYMBOL, lot=story.lot)], cash=story.cash, time=time)
        x.trade(SYMBOL, price)
        x.is_open = False
        return await self.front.open(x)

    async def open(self, price: Decimal, size: int | None, span: Span) -> None:
        """Open a session, or let one go on, at a price."""
        x = self.exchange
        x.set_time(span.start)
        x.strike()
        x.is_open = not span.outside
        x.trade(SYMBOL, price, size)
        if span.opens:
            x.open()

    async def trade(self, price: Decimal) -> None:
        """Trade what is left of the bar's volume."""
        self.exchange.trade(SYMBOL, price, self.exchange.lines[SYMBOL].size)

    async def close(self, price: Decimal, span: Span) -> None:
        """End a bar, and with it the session if it is its last."""
        x = self.exchange
        size = x.lines[SYMBOL].size
        x.trade(SYMBOL, price, size)
        x.set_time(span.end)
        if span.closes:  # an auction has volume of its own, which a bar that has little does not show
            x.close({SYMBOL: price} if size is None else None)
        x.is_open = False

    async def doom(self) -> None:
        """Reject the next order at the next open."""
        self.exchange.doomed.append(_SAID)

    async def end(self) -> None:
        """Check the books, and let go."""
        await self.front.close()
        assert self.exchange.audit() == []


class DirectFront:
    """The exchange in the same process."""

    async def open(self, exchange: Exchange) -> LiveBroker:
        """Return a broker that calls the exchange."""
        self.broker = Direct(exchange)
        await self.broker.connect()
        return self.broker

    async def close(self) -> None:
        """Let go of the exchange."""
        await self.broker.close()


class AlpacaFront:
    """Alpaca's adapter and the real SDK, against a server of Alpaca's protocol."""

    async def open(self, exchange: Exchange) -> LiveBroker:
        """Return the adapter, logged in."""
        self.server = AlpacaBrokerServer(exchange)
        await self.server.__aenter__()
        options: dict[str, Any] = {**self.server.options, "rate": 1e6}
        self.broker = open_broker("alpaca", options, ENVIRON)
        await self.broker.connect()
        return self.broker

    async def close(self) -> None:
        """Close the adapter, then the server."""
        await self.broker.close()
        await self.server.__aexit__(None, None, None)
