"""A stream of market data in the simplest of protocols: a recording's lines over a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import cast

import httpx
import numpy as np
import websockets
from aiohttp import web

from openbell.core.errors import BadData, Disconnected, Retryable
from openbell.core.messages import BarMessage, Message
from openbell.data.live.script import read_event, write_event
from openbell.data.providers.protocol import Batch, Channel, Span
from tests.loopback.server import Loopback, receive_json

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


class StreamServer:
    """Serves REST bars from `history`, and lets each connection be led by the next of `talks`."""

    def __init__(self, *talks: Talk, history: Iterable[BarMessage] = ()) -> None:
        self.history = list(history)
        self.loopback = Loopback()
        self.loopback.on_json("GET", "/bars", self._answer)
        self.loopback.on_socket("/stream", self._talk)
        self._talks = list(talks)
        self.hold = asyncio.Event()  #: set to let silent connections end

    def _answer(self, request: web.Request) -> list[list[float]]:
        query: Mapping[str, str] = request.query
        first, last = int(query["start"]), int(query["end"])
        return [
            [one.start, one.open, one.high, one.low, one.close, one.volume]
            for one in self.history
            if one.symbol == query["symbol"] and first <= one.start < last
        ]

    async def _talk(self, socket: web.WebSocketResponse) -> None:
        if await receive_json(socket) is None:
            return
        talk = self._talks.pop(0) if self._talks else self.stay_mute
        await talk(socket)

    async def stay_mute(self, socket: web.WebSocketResponse) -> None:
        """Say nothing until the test lets go, or the other side leaves."""
        waits = [asyncio.ensure_future(self.hold.wait()), asyncio.ensure_future(socket.receive())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def say(socket: web.WebSocketResponse, *messages: Message) -> None:
    """Send messages, one frame each."""
    for message in messages:
        await socket.send_bytes(write_event(0, message))


class StreamOrigin:
    """The provider of a `StreamServer`."""

    def __init__(self, loopback: Loopback) -> None:
        self._loopback = loopback

    def connect(self) -> StreamConnection:
        return StreamConnection(f"{self._loopback.ws}/stream")

    async def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        params = {"symbol": symbol, "start": str(span.start), "end": str(span.end)}
        try:
            async with httpx.AsyncClient(base_url=self._loopback.url) as client:
                answer = await client.get("/bars", params=params)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Retryable(f"{symbol}: {error}") from error
        rows = answer.json()
        if rows:
            start, *columns = (np.array(column) for column in zip(*rows, strict=True))
            names = ("open", "high", "low", "close", "volume")
            yield Batch(start.astype(np.int64), dict(zip(names, columns, strict=True)))


class StreamConnection:
    """A client of the stream, by the websockets library."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._socket: websockets.ClientConnection | None = None

    async def open(self) -> None:
        try:
            self._socket = await websockets.connect(self._url, max_queue=16)
        except OSError as error:
            raise Disconnected(f"no connection: {error}") from error

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps({"symbols": [*symbols], "channels": [*channels]}))

    async def messages(self) -> AsyncIterator[Message]:
        assert self._socket is not None
        try:
            async for frame in self._socket:
                try:
                    yield cast("Message", read_event(json.loads(frame))[1])
                except (ValueError, KeyError) as error:
                    raise BadData(f"it is no message: {frame[:40]!r}") from error
        except websockets.ConnectionClosedError as error:
            raise Disconnected("the socket was cut") from error

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
