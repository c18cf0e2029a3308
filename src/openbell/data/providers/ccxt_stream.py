"""A crypto exchange's stream by ccxt.pro: bars of a minute, quotes and trades."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any

from openbell.core.errors import ConfigError, Disconnected, OpenbellError, Retryable, nearest
from openbell.core.messages import BarMessage, Message, Trade
from openbell.data.providers.answers import read_number
from openbell.data.providers.ccxt_wire import put_pace, read_quote
from openbell.data.providers.protocol import Channel, Pace, no_pace
from openbell.remote.ccxt import MILLI, make_exchange, translated

_MINUTE = 60_000 * MILLI
_WAITING = 10_000  #: messages that may wait for their reader; then ccxt keeps the newest 1,000 of each kind

_METHODS: Mapping[Channel, str] = {"bars": "watchOHLCV", "quotes": "watchTicker", "trades": "watchTrades"}


class CcxtConnection:
    """A connection to an exchange's stream.

    An exchange sends the bar that is being made, again and again. A bar is passed on when the next one
    begins, which takes a trade; ccxt does not tell of changes of older ones.
    """

    def __init__(self, exchange: str, *, keep_alive: float | None, pace: Pace = no_pace, **kind: Any) -> None:
        self._exchange, self._keep_alive, self._pace, self._kind = exchange, keep_alive, pace, kind
        self._ccxt: Any = None
        self._tasks: dict[tuple[Channel, str], asyncio.Task[None]] = {}
        self._waiting: asyncio.Queue[Message | OpenbellError | None] = asyncio.Queue(_WAITING)

    async def open(self) -> None:
        """Ask for the markets; the stream itself begins with a subscription.

        Raises:
            ConfigError: ccxt knows no stream of this exchange.
            Disconnected: There is no connection to be had now.
        """
        self._ccxt = make_exchange(self._exchange, module="ccxt.pro", **self._kind)
        put_pace(self._ccxt, self._pace)
        if self._keep_alive is not None:
            self._ccxt.streaming = self._ccxt.streaming | {"keepAlive": self._keep_alive * 1000}
        try:
            with translated(f"ccxt: {self._exchange}: stream"):
                await self._ccxt.load_markets()
        except Retryable as error:
            raise Disconnected(str(error)) from error

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        """Ask for more symbols.

        Raises:
            ConfigError: The exchange has no such symbol, or does not stream such a channel.
            Disconnected: The connection is not open.
        """
        exchange = self._ccxt
        if exchange is None:
            raise Disconnected(f"ccxt: {self._exchange}: stream: not open")
        wanted = [(channel, symbol) for symbol in symbols for channel in channels]
        for channel, symbol in wanted:
            if symbol not in exchange.markets:
                known = nearest(symbol, exchange.markets)
                raise ConfigError(f"ccxt: {self._exchange} has no symbol {symbol!r}{known}")
            if not exchange.has.get(_METHODS[channel]):
                raise ConfigError(f"ccxt: {self._exchange} streams no {channel}; subscribe to others")
        for channel, symbol in wanted:
            if (channel, symbol) not in self._tasks:
                watch = self._watching(exchange, channel, symbol)
                self._tasks[channel, symbol] = asyncio.create_task(self._run(watch, channel, symbol))

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives until the connection is closed here.

        Raises:
            Disconnected: The other side is gone, or answers no ping.
            BadData: A message is none of the protocol's.
        """
        while self._ccxt is not None:
            message = await self._waiting.get()
            if isinstance(message, OpenbellError):
                raise message
            if message is not None:
                yield message

    async def close(self) -> None:
        """Close the connection."""
        exchange, self._ccxt = self._ccxt, None
        if exchange is None:
            return
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await exchange.close()
        if not self._waiting.full():  # a full queue wakes its reader without this
            self._waiting.put_nowait(None)

    def _watching(
        self, exchange: Any, channel: Channel, symbol: str
    ) -> Callable[[], Coroutine[Any, Any, list[Message]]]:
        """Return what waits for the next messages of a symbol's channel."""
        where = f"ccxt: {self._exchange}: stream: {channel} of {symbol}"
        if channel == "trades":

            async def watch() -> list[Message]:
                return [_trade(row, symbol, where) for row in await exchange.watch_trades(symbol)]

        elif channel == "quotes":

            async def watch() -> list[Message]:
                ticker = await exchange.watch_ticker(symbol)
                return [read_quote(ticker, symbol, exchange.milliseconds(), where)]

        else:
            candles = _Candles(symbol, where)

            async def watch() -> list[Message]:
                return list(candles.take(await exchange.watch_ohlcv(symbol, "1m")))

        return watch

    async def _run(
        self, watch: Callable[[], Coroutine[Any, Any, list[Message]]], channel: Channel, symbol: str
    ) -> None:
        """Pass on what a symbol's channel says, until it fails; then that is what is passed on."""
        asked = f"ccxt: {self._exchange}: stream: {channel} of {symbol}"
        try:
            while True:
                with translated(asked):
                    messages = await watch()
                for message in messages:
                    await self._waiting.put(message)
        except Retryable as error:
            await self._waiting.put(Disconnected(str(error)))
        except OpenbellError as error:
            await self._waiting.put(error)


class _Candles:
    """Tells complete bars from the one that is being made."""

    def __init__(self, symbol: str, where: str) -> None:
        self._symbol, self._where = symbol, where
        self._made: list[float] = []

    def take(self, rows: Any) -> Iterator[Message]:
        """Yield the bars that are complete by now. Of the first rows, all but the last are history."""
        read = sorted([read_number(value, self._where) for value in row] for row in rows)
        if not self._made:
            read, self._made = [], read[-1]
        for row in read:
            if row[0] > self._made[0]:
                yield self._bar(self._made)
            if row[0] >= self._made[0]:
                self._made = row

    def _bar(self, row: list[float]) -> BarMessage:
        start, (open_, high, low, close, volume) = int(row[0]) * MILLI, row[1:6]
        return BarMessage(self._symbol, start, start + _MINUTE, open_, high, low, close, volume)


def _trade(row: Any, symbol: str, where: str) -> Trade:
    price, size = read_number(row["price"], where), read_number(row["amount"], where)
    return Trade(symbol, int(read_number(row["timestamp"], where)) * MILLI, price, size, str(row["id"] or ""))
