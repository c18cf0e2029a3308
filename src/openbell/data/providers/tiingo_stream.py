"""Tiingo's stream of IEX: trades and quotes, or reference prices, over a WebSocket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from openbell.core.errors import BadData, ConfigError, Disconnected, Rejected
from openbell.core.messages import Message, Quote, Trade, TradingStatus
from openbell.data.providers.answers import read_field, read_moment, read_number
from openbell.data.providers.http import guard_logs, quote
from openbell.data.providers.protocol import Channel

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

#: Seconds of silence after which the stream is gone: its heartbeats come more often, market or not.
HEARTBEAT = 90.0

#: What a subscription may ask for: everything, all trades and changed quotes, reference prices.
THRESHOLDS = ("0", "5", "6")

#: The condition of a reference price: Tiingo's estimate from the tape, of no size.
REFERENCE = "reference"

_REFERENCE = 6
_LOGGER = "openbell.tiingo"


class TiingoConnection:
    """A connection to the stream. A refused key shows when messages are read: the login is in them.

    Trade breaks are left out: no message says that a trade never was.
    """

    def __init__(
        self, token: str, *, url: str, key: str, threshold: int, heartbeat: float, timeout: float
    ) -> None:
        self._token, self._url, self._key = token, url, key
        self._threshold, self._heartbeat, self._timeout = threshold, heartbeat, timeout
        self._channels: dict[str, set[Channel]] = {}  #: by Tiingo's ticker, in lower case
        self._symbols: dict[str, str] = {}
        self._halted: dict[str, bool] = {}  #: as the last update said, by ticker
        self._subscription: object = None
        self._socket: ClientConnection | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            ConfigError: The key is refused.
            Disconnected: There is no connection to be had now.
        """
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, InvalidStatus

        guard_logs(_LOGGER)
        try:
            self._socket = await connect(
                self._url, open_timeout=self._timeout, logger=logging.getLogger(_LOGGER)
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if status in (401, 403):
                raise ConfigError(f"tiingo: stream: HTTP {status}; check {self._key}") from error
            raise Disconnected(f"tiingo: stream: HTTP {status}") from error
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
            raise Disconnected(f"tiingo: stream: no connection ({quote(str(error))})") from error

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        """Ask for more symbols.

        Raises:
            ConfigError: It does not stream such a channel.
            Disconnected: The connection is gone.
        """
        from websockets.exceptions import ConnectionClosed

        wanted, fresh = set(channels), list(symbols)
        if "bars" in wanted:
            raise ConfigError("tiingo: the stream has no bars; subscribe to trades")
        if self._threshold == _REFERENCE and wanted & {"quotes", "statuses"}:
            raise ConfigError(
                "tiingo: threshold=6 streams reference prices, without quotes and halts; IEX gives these by "
                "an agreement: then set threshold=5"
            )
        for symbol in fresh:
            self._symbols[symbol.lower()] = symbol
            self._channels.setdefault(symbol.lower(), set()).update(wanted)
        data = {"thresholdLevel": self._threshold, "tickers": [symbol.lower() for symbol in fresh]}
        if self._subscription is not None:
            data["subscriptionId"] = self._subscription
        request = {"eventName": "subscribe", "authorization": self._token, "eventData": data}
        try:
            await self._open_socket().send(json.dumps(request))
        except ConnectionClosed as error:
            raise Disconnected(f"tiingo: stream: closed ({quote(str(error))})") from error

    async def messages(self) -> AsyncIterator[Message]:
        """Yield trades and quotes as they come, until the connection is closed here.

        Raises:
            ConfigError: The key is refused, or the account may not have what was asked.
            Disconnected: The other side closed it, or nothing came for `heartbeat` seconds.
            BadData: A message is none of the protocol's.
        """
        from websockets.exceptions import ConnectionClosed

        socket = self._open_socket()
        while self._socket is socket:
            try:
                async with asyncio.timeout(self._heartbeat):
                    text = await socket.recv()
            except TimeoutError as error:
                raise Disconnected(
                    f"tiingo: stream: not even a heartbeat for {self._heartbeat:g} s"
                ) from error
            except ConnectionClosed as error:
                if self._socket is None:
                    return  # closed here
                raise Disconnected(f"tiingo: stream: closed ({quote(str(error))})") from error
            for message in self._read(text):
                yield message

    async def close(self) -> None:
        """Close the connection."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    def _open_socket(self) -> ClientConnection:
        if self._socket is None:
            raise Disconnected("tiingo: stream: not open")
        return self._socket

    def _read(self, text: str | bytes) -> Iterator[Message]:
        """Yield what is in a frame; nothing for heartbeats, answers and what was not asked for."""
        try:
            frame = json.loads(text)
        except ValueError as error:
            raise BadData(f"tiingo: stream: a message is no JSON: {quote(str(text))!r}") from error
        kind = read_field(frame, "messageType", "tiingo: stream")
        if kind == "A":
            yield from self._read_data(read_field(frame, "data", "tiingo: stream"))
        elif kind == "I":
            data = frame.get("data")
            self._subscription = data.get("subscriptionId") if isinstance(data, dict) else None
        elif kind == "E":
            raise self._refusal(frame.get("response"))
        elif kind != "H":
            raise BadData(f"tiingo: stream: a message of type {kind!r} is none of the protocol's")

    def _refusal(self, response: object) -> ConfigError | Rejected:
        given = response if isinstance(response, dict) else {}
        said = quote(str(given.get("message", "")))
        if given.get("code") in (401, 403):
            return ConfigError(
                f"tiingo: stream: refused ({said}); check {self._key} and what its plan includes"
            )
        return Rejected(f"tiingo: stream: refused ({said})")

    def _read_data(self, data: Any) -> list[Message]:
        where = "tiingo: stream"
        if not isinstance(data, list):
            raise BadData(f"{where}: data are expected as a list, not as {type(data).__name__}")
        try:
            if self._threshold == _REFERENCE:
                found = [self._read_reference(data)]
            else:
                found = [self._read_halt(data), self._read_tape(data)]
        except (IndexError, AttributeError) as error:
            raise BadData(f"{where}: data of another form: {quote(str(data))}") from error
        return [one for one in found if one is not None]

    def _read_reference(self, data: list[Any]) -> Message | None:
        """Read `[date, ticker, reference price]`."""
        where, ticker = "tiingo: stream: reference price", data[1].lower()
        if "trades" not in self._channels.get(ticker, ()):
            return None
        price = read_number(data[2], where)
        return Trade(self._symbols[ticker], read_moment(data[0], where), price, 0.0, conditions=(REFERENCE,))

    def _read_halt(self, data: list[Any]) -> Message | None:
        """Return whether IEX has halted trading, where an update says another thing than the one before."""
        ticker = data[3].lower()
        if "statuses" not in self._channels.get(ticker, ()):
            return None
        halted = bool(data[11])
        if self._halted.get(ticker) is halted:
            return None
        self._halted[ticker] = halted
        moment = _nanos(data[2], f"tiingo: stream: {data[0]} of {ticker}")
        return TradingStatus(self._symbols[ticker], moment, halted, "halted at IEX" if halted else "")

    def _read_tape(self, data: list[Any]) -> Message | None:
        """Read `[T, Q or B, date, ns, ticker, bid size, bid, mid, ask, ask size, last, last size, …]`."""
        kind, ticker = data[0], data[3].lower()
        where, wanted = f"tiingo: stream: {kind} of {ticker}", self._channels.get(ticker, set())
        if kind == "T" and "trades" in wanted:
            price, size = read_number(data[9], where), read_number(data[10], where)
            return Trade(self._symbols[ticker], _nanos(data[2], where), price, size, conditions=_flags(data))
        if kind == "Q" and "quotes" in wanted:
            bid_size, bid, ask, ask_size = (
                0.0 if data[n] is None else read_number(data[n], where) for n in (4, 5, 7, 8)
            )
            return Quote(self._symbols[ticker], _nanos(data[2], where), bid, ask, bid_size, ask_size)
        if kind not in ("T", "Q", "B"):
            raise BadData(f"{where}: an update of type {kind!r} is none of the protocol's")
        return None


def _nanos(value: object, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise BadData(f"{where}: {value!r} is no time in ns")


def _flags(data: list[Any]) -> tuple[str, ...]:
    names = ("halted", "after_hours", "intermarket_sweep", "odd_lot", "rule_611_exempt")
    return tuple(name for name, flag in zip(names, data[11:16], strict=False) if flag)
