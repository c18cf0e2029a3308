"""Yahoo's stream of prices, by yfinance's WebSocket.

yfinance's own loop is not used: it reconnects without telling anybody, and turns forever when the other side
closes in good order.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from openbell.core.errors import BadData, Disconnected
from openbell.core.messages import Message, Quote, Trade
from openbell.data.providers.answers import read_field, read_number
from openbell.data.providers.http import quote
from openbell.data.providers.protocol import Channel

#: The condition of a price that stands for many: Yahoo sends the last one now and then, not each trade.
SAMPLED = "sampled"

_MILLI = 1_000_000  #: ns
_PING = 10.0  #: seconds between pings


class YahooConnection:
    """A connection to the stream. Prices are samples; bid and ask come for few symbols."""

    def __init__(self, url: str, *, timeout: float, ping: float = _PING) -> None:
        """Take the stream's address, and seconds: for the connection, and between pings."""
        self._timeout = timeout
        self._stream = _make_stream(url, ping)
        self._channels: dict[str, set[Channel]] = {}

    async def open(self) -> None:
        """Connect.

        Raises:
            Disconnected: There is no connection to be had now.
        """
        from websockets.exceptions import WebSocketException

        try:
            async with asyncio.timeout(self._timeout):
                await self._stream.start()
        except TimeoutError as error:
            raise Disconnected(f"yahoo: the stream did not answer within {self._timeout:g} s") from error
        except (OSError, WebSocketException) as error:
            raise Disconnected(f"yahoo: the stream cannot be reached ({quote(str(error))})") from error

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        """Ask for more symbols. Yahoo sends all that it has of one; what is not wanted is left out here.

        Raises:
            Disconnected: The connection is gone.
        """
        from websockets.exceptions import ConnectionClosed

        wanted, more = list(symbols), set(channels)
        for symbol in wanted:
            self._channels.setdefault(symbol, set()).update(more)
        if self._stream.socket is None:
            raise Disconnected("yahoo: the stream is not open; open it first")
        try:
            await self._stream.subscribe(wanted)
        except ConnectionClosed as error:
            raise Disconnected(f"yahoo: the stream's other side is gone ({quote(str(error))})") from error

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives until the connection is closed.

        Raises:
            Disconnected: The other side is gone, or answers no pings.
            BadData: A message is none that the protocol has.
        """
        from websockets.exceptions import ConnectionClosed

        while (socket := self._stream.socket) is not None:
            try:
                frame = await socket.recv()
            except ConnectionClosed as error:
                if self._stream.socket is None:  # closed from here
                    return
                raise Disconnected(f"yahoo: the stream's other side is gone ({quote(str(error))})") from error
            row = self._decode(frame)
            symbol = str(read_field(row, "id", "yahoo: the stream"))
            wanted = self._channels.get(symbol, set())
            for message in _read(row, wanted):
                yield message

    async def close(self) -> None:
        """Close the connection."""
        await self._stream.leave()

    def _decode(self, frame: str | bytes) -> Mapping[str, Any]:
        from google.protobuf.message import DecodeError

        try:
            packed = read_field(json.loads(frame), "message", "yahoo: the stream")
            row: Mapping[str, Any] = self._stream.decode(packed)
        except (ValueError, TypeError, DecodeError) as error:
            raise BadData(f"yahoo: the stream sent what is no message ({quote(str(error))})") from error
        return row


def _make_stream(url: str, ping: float) -> Any:
    import yfinance
    from websockets.asyncio.client import connect

    class Opened(yfinance.AsyncWebSocket):  # type: ignore[misc]  # it has no types
        """yfinance's WebSocket without its loop, and with a ping that notices a mute server."""

        _ws: Any
        _heartbeat_task: Any

        @property
        def socket(self) -> Any:
            return self._ws

        async def start(self) -> None:
            self._ws = await connect(self.url, ping_interval=ping, ping_timeout=ping, close_timeout=1.0)

        def decode(self, packed: str) -> Any:
            return self._decode_message(packed)

        async def leave(self) -> None:
            socket, self._ws = self._ws, None
            task, self._heartbeat_task = self._heartbeat_task, None
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            if socket is not None:
                await socket.close()

    yfinance.config.debug.hide_exceptions = False
    return Opened(url=url, verbose=False)


def _read(row: Mapping[str, Any], wanted: set[Channel]) -> list[Message]:
    """Return the messages of a row that are wanted."""
    where = "yahoo: the stream"
    if not wanted:
        return []
    symbol = str(row["id"])
    time = int(read_number(read_field(row, "time", where), where)) * _MILLI
    made: list[Message] = []
    if "quotes" in wanted and row.get("bid") and row.get("ask"):
        values = (read_number(row.get(name, 0), where) for name in ("bid", "ask", "bid_size", "ask_size"))
        made.append(Quote(symbol, time, *values))
    if "trades" in wanted and row.get("price"):
        size = read_number(row.get("last_size", 0), where)
        made.append(Trade(symbol, time, read_number(row["price"], where), size, conditions=(SAMPLED,)))
    return made
