"""Alpaca's stream of bars, quotes, trades and halts, by the SDK's own streams.

The SDK connects, logs in and subscribes. Its loop is not used: that reconnects by itself, tells nobody of the
gap, and drops the rest of a frame when a handler fails. What comes is read from its socket here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from openbell.core.errors import BadData, ConfigError, Disconnected, OpenbellError
from openbell.core.messages import BarMessage, Message, PriceBand, Quote, Trade, TradingStatus
from openbell.core.types import NANOS_PER_SECOND
from openbell.data.providers.http import quote
from openbell.data.providers.protocol import Channel
from openbell.remote.alpaca import KEY, SECRET, load_sdk

#: What Alpaca calls each channel. Corrected bars come with the bars.
_CHANNELS: dict[Channel, tuple[str, ...]] = {
    "bars": ("bars", "updatedBars"),
    "quotes": ("quotes",),
    "trades": ("trades",),
    "statuses": ("statuses", "lulds"),
}
#: Codes of the tapes A and B, then of C: a halt, a pause, a resumption. After `Q` only quotes resume.
_HALTS = {"2": True, "3": False, "H": True, "P": True, "Q": True, "T": False}
_MINUTE = 60 * NANOS_PER_SECOND
_REFUSED = frozenset({402, 405, 408, 409, 410})  #: codes that the same request will meet again
_PING = 10.0  #: seconds between pings
_QUEUE = 1024  #: frames that wait to be read, before the other side must wait


class AlpacaConnection:
    """A connection to one of Alpaca's streams. An account may have one for stocks and one for crypto.

    Bars are of a minute. Cancelled and corrected trades are left out: a late trade corrects its bar.
    """

    def __init__(
        self,
        key: str,
        secret: str,
        *,
        url: str,
        crypto: bool = False,
        timeout: float = 30.0,
        ping: float = _PING,
    ) -> None:
        """Take the keys and the stream's address.

        Args:
            key: ALPACA_API_KEY.
            secret: ALPACA_SECRET_KEY.
            url: The stream's full address.
            crypto: Whether it is the stream of crypto.
            timeout: Seconds to wait for the connection and the login.
            ping: Seconds between pings; without an answer to one within as many, the other side is gone.
        """
        self._crypto, self._timeout = crypto, timeout
        options = {"ping_interval": ping, "ping_timeout": ping, "max_queue": _QUEUE, "close_timeout": 1.0}
        self._stream = _make_stream(key, secret, url, options, crypto=crypto)

    async def open(self) -> None:
        """Connect and log in.

        Raises:
            ConfigError: The keys are refused, or the plan does not include the feed.
            Disconnected: There is no connection to be had now.
        """
        from websockets.exceptions import WebSocketException

        try:
            async with asyncio.timeout(self._timeout):
                await self._stream.start()
        except TimeoutError as error:
            await self.close()
            raise Disconnected(f"alpaca: the stream did not answer within {self._timeout:g} s") from error
        except (OSError, WebSocketException) as error:
            await self.close()
            raise Disconnected(f"alpaca: the stream cannot be reached ({quote(str(error))})") from error
        except (ValueError, KeyError, IndexError, TypeError) as error:
            await self.close()
            raise _refuse_login(str(error)) from None  # it may repeat what it was sent

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        """Ask for more symbols on these channels.

        Raises:
            ConfigError: A symbol is of the other market.
            Disconnected: The connection is gone.
        """
        from websockets.exceptions import WebSocketException

        if self._stream.socket is None:
            raise Disconnected("alpaca: the stream is not open; open it first")
        wide = [one for one in channels if one != "statuses" or not self._crypto]  # crypto is never halted
        names = [name for channel in wide for name in _CHANNELS[channel]]
        wanted = list(symbols)
        for symbol in wanted:
            if ("/" in symbol) != self._crypto:
                other = "stocks" if self._crypto else "crypto"
                raise ConfigError(
                    f"alpaca: {symbol!r} is of another stream; set providers.alpaca.market to {other}"
                )
        try:
            await self._stream.ask(wanted, names)
        except (OSError, WebSocketException) as error:
            raise _gone(error) from error

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives until the connection is closed.

        Raises:
            Disconnected: The other side is gone, does not answer pings, or closes the stream with an error.
            ConfigError: It refuses a subscription for good.
            BadData: A message is none that the protocol has.
        """
        import msgpack
        from websockets.exceptions import ConnectionClosed

        stream = self._stream
        while (socket := stream.socket) is not None:
            try:
                frame = await socket.recv()
            except ConnectionClosed as error:
                if stream.socket is None:  # closed from here
                    return
                raise _gone(error) from error
            try:
                rows = msgpack.unpackb(frame)
            except (ValueError, TypeError) as error:  # every error of msgpack is a ValueError
                raise BadData(f"alpaca: the stream sent what is no message ({quote(str(error))})") from error
            for row in rows if isinstance(rows, list) else [rows]:
                message = _read_message(row)
                if message is not None:
                    yield message

    async def close(self) -> None:
        """Close the connection."""
        await self._stream.leave()


def _make_stream(key: str, secret: str, url: str, options: dict[str, Any], *, crypto: bool) -> Any:
    load_sdk()
    from alpaca.data.live import CryptoDataStream, StockDataStream

    form: Any = CryptoDataStream if crypto else StockDataStream

    class Opened(form):  # type: ignore[misc]  # one of two
        """The SDK's stream without its loop."""

        _ws: Any

        @property
        def socket(self) -> Any:
            return self._ws

        async def start(self) -> None:
            await self._start_ws()

        async def ask(self, symbols: Iterable[str], names: Iterable[str]) -> None:
            for name in names:
                self._handlers[name].update(dict.fromkeys(symbols, _read_elsewhere))
            await self._send_subscribe_msg()

        async def leave(self) -> None:
            socket, self._ws = self._ws, None
            if socket is not None:
                await socket.close()

    return Opened(key, secret, raw_data=True, websocket_params=options, url_override=url)


async def _read_elsewhere(_row: object) -> None:
    """Stand for a subscription in the SDK's table, from which it makes its request."""


def _refuse_login(said: str) -> OpenbellError:
    text = quote(said)
    if "connection limit" in said:
        return Disconnected(
            f"alpaca: {text}: the account has this stream open elsewhere, or had a minute ago; close that"
        )
    if any(word in said for word in ("auth failed", "not authenticated", "insufficient subscription")):
        return ConfigError(
            f"alpaca: the stream refuses the login ({text}); check {KEY} and {SECRET}, and whether the plan "
            "includes the feed"
        )
    return Disconnected(f"alpaca: the stream did not take the login ({text})")


def _gone(error: Exception) -> Disconnected:
    return Disconnected(f"alpaca: the stream's other side is gone ({quote(str(error))})")


def _read_message(row: Any) -> Message | None:
    """Return a message; None for what needs no answer."""
    try:
        kind = row["T"]
        if kind == "error":
            raise _refuse(int(row["code"]), quote(str(row["msg"])))
        read = _READERS.get(kind)
        return None if read is None else read(row)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadData(
            f"alpaca: the stream sent what is no message ({type(error).__name__}: {quote(str(error))})"
        ) from error


def _refuse(code: int, said: str) -> OpenbellError:
    text = f"alpaca: the stream says {code}, {said}"
    if code in _REFUSED:
        return ConfigError(f"{text}; check the symbols and what the plan of {KEY} includes")
    return Disconnected(text)


def _read_bar(row: Any) -> BarMessage:
    start = row["t"].to_unix_nano()
    opened, high, low, close, volume = (float(row[field]) for field in ("o", "h", "l", "c", "v"))
    return BarMessage(
        row["S"], start, start + _MINUTE, opened, high, low, close, volume, corrected=row["T"] == "u"
    )


def _read_quote(row: Any) -> Quote:
    values = (float(row[field]) for field in ("bp", "ap", "bs", "as"))
    return Quote(row["S"], row["t"].to_unix_nano(), *values)


def _read_trade(row: Any) -> Trade:
    return Trade(
        row["S"],
        row["t"].to_unix_nano(),
        float(row["p"]),
        float(row["s"]),
        str(row.get("i", "")),
        tuple(row.get("c") or ()),
        str(row.get("z") or ""),
    )


def _read_status(row: Any) -> TradingStatus | None:
    """Return a halt or its end; None for a code that is neither, such as an imbalance."""
    halted = _HALTS.get(str(row["sc"]))
    if halted is None:
        return None
    why = str(row.get("rm") or row.get("sm") or "")
    return TradingStatus(row["S"], row["t"].to_unix_nano(), halted, why)


def _read_band(row: Any) -> PriceBand:
    return PriceBand(row["S"], row["t"].to_unix_nano(), float(row["d"]), float(row["u"]))


_READERS: dict[str, Callable[[Any], Message | None]] = {
    "b": _read_bar,
    "u": _read_bar,
    "q": _read_quote,
    "t": _read_trade,
    "s": _read_status,
    "l": _read_band,
}
