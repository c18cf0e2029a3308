"""Alpaca's stream of what happens to an account's orders, by the SDK's own `TradingStream`.

The SDK connects, logs in and listens. Its loop is not used: that reconnects without telling anybody of the
gap, and takes any error of a handler for one of the line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any

from openbell.core.errors import BadData, ConfigError, Disconnected, OpenbellError
from openbell.execution.brokers.alpaca_wire import Row
from openbell.execution.port import Link
from openbell.remote.alpaca import KEY, SECRET, load_sdk
from openbell.remote.http import guard_logs, quote
from openbell.utils.retry import Backoff, Patience

_ENDLESS = Patience(attempts=1_000_000_000, first=0.5, longest=30.0)
_QUEUE = 1024  #: frames that wait to be read, before the other side must wait


class Updates:
    """The stream, which comes back by itself. `clock` tells the broker's time as far as it is known, ns."""

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        url: str,
        clock: Callable[[], int],
        timeout: float,
        ping: float,
        silence: float,
    ) -> None:
        """Take the keys and the address.

        Args:
            secrets: By the names of their variables.
            url: The stream's full address.
            clock: The broker's time as far as it is known, ns.
            timeout: Seconds to wait for the connection and the login.
            ping: Seconds between pings; without an answer to one within as many, the other side is gone.
            silence: Seconds after which a stream is mute that says nothing of an order that was taken.
        """
        guard_logs("websockets.client", "urllib3.connectionpool")
        options = {
            "ping_interval": ping, "ping_timeout": ping, "max_queue": _QUEUE, "close_timeout": 1.0,
            "open_timeout": timeout,
        }  # fmt: skip
        self._make: Callable[[], Any] = lambda: _make_stream(secrets, url, options)
        self._clock, self._timeout, self._silence = clock, timeout, silence
        self._stream: Any = None
        self._alarm: asyncio.TimerHandle | None = None
        self._why = ""
        self._closed = False

    async def messages(self) -> AsyncIterator[Row | Link]:
        """Yield the updates; a link that is up before them, and one that is down where they were lost.

        Raises:
            ConfigError: The keys are refused.
        """
        backoff = Backoff(_ENDLESS)
        up = told = False
        while not self._closed:
            try:
                await self._open()
                async for row in self._rows():
                    backoff.reset()
                    if row.get("stream") == "listening":
                        up, told = True, False
                        yield Link(up=True, time=self._clock())
                    elif row.get("stream") == "trade_updates":
                        yield row["data"]
            except (Disconnected, BadData) as error:
                if self._closed:
                    return
                if up or not told:
                    yield Link(up=False, time=self._clock(), why=self._why or str(error))
                up, told, self._why = False, True, ""
            finally:
                await self._leave()
            await backoff.wait()

    def expect(self) -> None:
        """Take note that the stream must say something soon, or is mute."""
        if self._alarm is None and self._stream is not None:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(self._silence, self._give_up)

    def drop(self, why: str) -> None:
        """Let go of the connection, and make another: something of it was lost."""
        socket = None if self._stream is None else self._stream.socket
        self._why = why
        if socket is not None and socket.transport is not None:
            socket.transport.abort()

    async def close(self) -> None:
        """Close the connection for good."""
        self._closed = True
        await self._leave()

    def _give_up(self) -> None:
        self._alarm = None
        self.drop(f"alpaca: the stream said nothing for {self._silence:g} s of an order that was taken")

    async def _open(self) -> None:
        from websockets.exceptions import WebSocketException

        stream = self._stream = self._make()
        try:
            async with asyncio.timeout(self._timeout):
                await stream.start()
        except TimeoutError as error:
            raise Disconnected(f"alpaca: the stream did not answer within {self._timeout:g} s") from error
        except (OSError, WebSocketException) as error:
            raise _refuse_handshake(error) from error
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise _refuse_login(str(error)) from None  # it may repeat what it was sent
        self.expect()  # that it listens

    async def _rows(self) -> AsyncIterator[Row]:
        from websockets.exceptions import ConnectionClosed

        while self._stream is not None and (socket := self._stream.socket) is not None:
            try:
                frame = await socket.recv()
            except ConnectionClosed as error:
                raise Disconnected(
                    f"alpaca: the stream's other side is gone ({quote(str(error))})"
                ) from error
            self._calm()
            try:
                row = json.loads(frame)
            except ValueError as error:
                raise BadData(f"alpaca: the stream sent what is no message ({quote(str(error))})") from error
            if not isinstance(row, dict):
                raise BadData(f"alpaca: the stream sent a {type(row).__name__}, no object")
            yield row

    def _calm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    async def _leave(self) -> None:
        self._calm()
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.leave()


def _make_stream(secrets: Mapping[str, str], url: str, options: dict[str, Any]) -> Any:
    load_sdk()
    from alpaca.trading.stream import TradingStream

    class Opened(TradingStream):
        """The SDK's stream without its loop."""

        @property
        def socket(self) -> Any:
            return self._ws

        async def start(self) -> None:
            self.subscribe_trade_updates(_read_elsewhere)
            await self._start_ws()  # type: ignore[no-untyped-call]  # the SDK's own

        async def leave(self) -> None:
            socket, self._ws = self._ws, None
            if socket is not None:
                await socket.close()

    return Opened(secrets[KEY], secrets[SECRET], raw_data=True, websocket_params=options, url_override=url)


async def _read_elsewhere(_row: object) -> None:
    """Stand for a handler, without which the SDK does not ask for updates."""


def _refuse_handshake(error: Exception) -> OpenbellError:
    status = getattr(error, "status_code", None)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _refuse_login(str(error))
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.NOT_ACCEPTABLE):
        return Disconnected(
            f"alpaca: the stream answers {status}: the account has it open elsewhere, or had a minute ago; "
            "close that"
        )
    return Disconnected(f"alpaca: the stream cannot be reached ({quote(str(error))})")


def _refuse_login(said: str) -> OpenbellError:
    if "authenticate" in said or "HTTP 40" in said:
        return ConfigError(
            f"alpaca: the stream refuses the login; check {KEY} and {SECRET}, and that they are of the paper "
            "or the live account that is set"
        )
    return Disconnected(f"alpaca: the stream did not take the login ({quote(said)})")
