"""IB's stream: bars of a minute, made of its bars of five seconds, quotes and trades tick by tick, halts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from openbell.core.errors import BadData, Disconnected, OpenbellError, Retryable
from openbell.core.messages import BarMessage, Message, Quote, Trade, TradingStatus
from openbell.core.types import NANOS_PER_SECOND
from openbell.data.providers.answers import read_number
from openbell.data.providers.http import quote
from openbell.data.providers.ib_wire import LOST, RESTORED_EMPTY, Fields, Session, find_contract, refuse
from openbell.data.providers.protocol import Channel

_BAR_SECONDS = 5
_STEP = _BAR_SECONDS * NANOS_PER_SECOND
_MINUTE = 60 * NANOS_PER_SECOND
_WAITING = 100_000  #: messages that may wait for their reader; with more the connection counts as gone

_BAR_FRAME, _TICK_FRAME, _MARKET_FRAME = 50, 99, 45
_SILENT_FRAMES = (1, 2, 46, 57, 58, 81)  #: that come with halts: prices, sizes and terms of the market data
_HALTED = 49  #: the kind of a tick of the market data
_HALTS = {1: "a regulatory halt", 2: "a volatility halt"}  #: 0 is none, and below it TWS does not know
_TRADES, _QUOTES = ("1", "2"), "3"
_TICKS: Mapping[Channel, str] = {"trades": "Last", "quotes": "BidAsk"}


class IbConnection:
    """A connection to the stream. Frames are read here, since ib_async puts its own clock into ticks.

    TWS has no heartbeat. That it lost its servers ends the connection: what was traded meanwhile is asked
    for again.
    """

    def __init__(self, session: Session, terms: Mapping[str, str]) -> None:
        self._session, self._terms = session, terms
        self._ib: Any = None
        self._symbols: dict[int, str] = {}  #: by the number of their request
        self._asked: set[tuple[Channel, str]] = set()
        self._minutes: dict[str, _Minute] = {}
        self._halts: dict[str, int] = {}  #: what was told last
        self._waiting: asyncio.Queue[Message | OpenbellError | None] = asyncio.Queue()

    async def open(self) -> None:
        """Connect.

        Raises:
            ConfigError: The client id is in use.
            Disconnected: There is no connection to be had now.
        """
        try:
            ib = await self._session.connect()
        except Retryable as error:
            raise Disconnected(str(error)) from error
        handlers = ib.client.decoder.handlers
        handlers[_BAR_FRAME] = self._reading(self._read_bar)
        handlers[_TICK_FRAME] = self._reading(self._read_tick)
        handlers[_MARKET_FRAME] = self._reading(self._read_market)
        handlers |= dict.fromkeys(_SILENT_FRAMES, _pass_over)
        ib.errorEvent += self._on_error
        ib.disconnectedEvent += self._on_disconnected
        self._ib = ib

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        """Ask for more symbols.

        Raises:
            ConfigError: There is no such symbol.
            Disconnected: The connection is gone.
        """
        ib = self._ib
        if ib is None or not ib.isConnected():
            raise Disconnected("ib: stream: not open")
        wanted = list(channels)
        for symbol in symbols:
            try:
                contract = (await find_contract(self._session, symbol, self._terms)).contract
            except Retryable as error:
                raise Disconnected(str(error)) from error
            for channel in wanted:
                if (channel, symbol) in self._asked:
                    continue
                self._asked.add((channel, symbol))
                number = ib.client.getReqId()
                self._symbols[number] = symbol
                if channel == "bars":
                    ib.client.reqRealTimeBars(number, contract, _BAR_SECONDS, "TRADES", True, [])
                elif channel == "statuses":
                    ib.client.reqMktData(number, contract, "", False, False, [])
                else:
                    ib.client.reqTickByTickData(number, contract, _TICKS[channel], 0, False)

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives until the connection is closed here.

        Raises:
            ConfigError: The account may not see what was asked for.
            Disconnected: TWS is gone, or lost its servers; or the reader is too slow.
            BadData: A frame is none of the protocol's.
        """
        while self._ib is not None:
            message = await self._waiting.get()
            if isinstance(message, OpenbellError):
                raise message
            if message is not None:
                yield message

    async def close(self) -> None:
        """Close the connection."""
        ib, self._ib = self._ib, None
        if ib is not None:
            self._waiting.put_nowait(None)
            await self._session.close()

    def _on_disconnected(self) -> None:
        self._waiting.put_nowait(Disconnected("ib: stream: TWS closed the connection"))

    def _on_error(self, number: int, code: int, message: str, *_: Any) -> None:
        if code in (LOST, RESTORED_EMPTY):
            self._waiting.put_nowait(Disconnected(f"ib: stream: error {code} ({quote(message)})"))
        elif number in self._symbols:
            self._waiting.put_nowait(refuse(code, message, f"stream of {self._symbols[number]}"))

    def _reading(self, read: Callable[[Fields], Message | None]) -> Callable[[Fields], None]:
        """Return a handler of frames which passes on what is in them, or that it cannot be read."""

        def handle(fields: Fields) -> None:
            try:
                message: Message | OpenbellError | None = read(fields)
            except (ValueError, IndexError, BadData) as error:
                message = BadData(f"ib: stream: a frame of another form ({quote(repr(error))})")
            if self._waiting.qsize() == _WAITING:
                message = Disconnected(f"ib: stream: {_WAITING} messages wait to be read; read faster")
            if message is not None and self._waiting.qsize() <= _WAITING:
                self._waiting.put_nowait(message)

        return handle

    def _read_bar(self, fields: Fields) -> Message | None:
        """Read `50, version, request, second, open, high, low, close, volume, average, count`."""
        symbol, start = self._symbols.get(int(fields[2])), int(fields[3]) * NANOS_PER_SECOND
        if symbol is None:
            return None
        values = [read_number(field, f"ib: stream: bar of {symbol}") for field in fields[4:9]]
        return self._minutes.setdefault(symbol, _Minute(symbol)).take(start, values)

    def _read_tick(self, fields: Fields) -> Message | None:
        """Read `99, request, kind, second, …`: price, size, mask, exchange, conditions; or both sides."""
        symbol, kind = self._symbols.get(int(fields[1])), fields[2]
        if symbol is None:
            return None
        moment = int(fields[3]) * NANOS_PER_SECOND
        if kind in _TRADES:
            price, size = (read_number(field, f"ib: stream: trade of {symbol}") for field in fields[4:6])
            return Trade(symbol, moment, price, size, conditions=tuple(fields[8].split()))
        if kind != _QUOTES:
            raise BadData(f"ib: stream: a tick of kind {kind!r} is none of the protocol's")
        sides = [read_number(field, f"ib: stream: quote of {symbol}") for field in fields[4:8]]
        bid, ask, bid_size, ask_size = (max(side, 0.0) for side in sides)  # -1 stands for none
        return Quote(symbol, moment, bid, ask, bid_size, ask_size)

    def _read_market(self, fields: Fields) -> Message | None:
        """Read `45, version, request, kind, value`: of all kinds only whether trading is halted.

        The tick has no time of its own, so it has that of its arrival.
        """
        symbol, kind = self._symbols.get(int(fields[2])), int(fields[3])
        if symbol is None or kind != _HALTED:
            return None
        value = int(read_number(fields[4], f"ib: stream: halt of {symbol}"))
        if value < 0 or value == self._halts.get(symbol):
            return None
        self._halts[symbol] = value
        return TradingStatus(symbol, time.time_ns(), value > 0, _HALTS.get(value, ""))


def _pass_over(_fields: Fields) -> None:
    """Do nothing: ib_async would complain of prices that none of its own tickers asked for."""


class _Minute:
    """Makes a symbol's bars of a minute from those of five seconds.

    IB sends one each five seconds, of no volume and the last price where nothing was traded: such a one adds
    nothing. A minute of which a bar is missing, as the first, is left to be asked for as history; one without
    a trade has no bar.
    """

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._next = 0  #: when the bar opens that continues the minute
        self._bar: BarMessage | None = None

    def take(self, start: int, values: list[float]) -> BarMessage | None:
        """Return the minute that a bar completes, from its open, high, low, close and volume."""
        open_, high, low, close, volume = values
        minute = start - start % _MINUTE
        if start == minute:
            self._bar = None
        elif start != self._next:
            return None  # it repeats, or follows a gap
        self._next = start + _STEP
        made = self._bar
        if volume > 0.0 and made is None:
            self._bar = BarMessage(self._symbol, minute, minute + _MINUTE, open_, high, low, close, volume)
        elif volume > 0.0 and made is not None:
            self._bar = made._replace(
                high=max(made.high, high), low=min(made.low, low), close=close, volume=made.volume + volume
            )
        return self._bar if self._next == minute + _MINUTE else None
