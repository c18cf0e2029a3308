"""A scriptable HTTP and WebSocket server on loopback: it answers as a provider does, or misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Fault:
    """How the next answers go wrong. `times` answers do; then all is well again."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    truncated: bool = False  #: the body ends before its announced length
    stalled: bool = False  #: the body never comes, until the server is let go


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was received."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Loopback:
    """A server on a free port of 127.0.0.1, from `async with server` on. Routes are added with `on` before.

    Routes are aiohttp's, with `{names}` in them. What was asked stands in `requests`.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.sockets: list[web.WebSocketResponse] = []
        self._faults: list[Fault] = []
        self._routes: list[tuple[str, str, Handler]] = []
        self._let_go = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.port = 0

    def on(self, method: str, path: str, handler: Handler) -> None:
        """Answer a route with a handler; before the server is entered."""
        self._routes.append((method, path, handler))

    def on_json(self, method: str, path: str, answer: Callable[[web.Request], Any]) -> None:
        """Answer a route with what a function returns, as JSON."""

        async def handle(request: web.Request) -> web.Response:
            return web.Response(text=json.dumps(answer(request)), content_type="application/json")

        self.on(method, path, handle)

    def on_socket(self, path: str, talk: Callable[[web.WebSocketResponse], Awaitable[None]]) -> None:
        """Let a function talk with whoever opens a WebSocket; the socket closes when it returns."""

        async def handle(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            self.sockets.append(socket)
            await talk(socket)
            if not socket.closed:
                await socket.close()
            return socket

        self.on("GET", path, handle)

    def fail(self, fault: Fault) -> None:
        """Let the next answers go wrong; faults queue up."""
        self._faults += [fault] * fault.times

    @property
    def url(self) -> str:
        """The base of its addresses, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        """The base of its WebSocket addresses."""
        return f"ws://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._meddle])
        for method, path, handler in self._routes:
            app.router.add_route(method, path, handler)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go.set()
        for socket in self.sockets:
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _meddle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await request.read() if request.can_read_body else b""
        self.requests.append(
            Request(request.method, request.path, dict(request.query), dict(request.headers), body)
        )
        if not self._faults:
            return await handler(request)
        return await self._misbehave(request, self._faults.pop(0))

    async def _misbehave(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if not (fault.truncated or fault.stalled):
            return web.Response(status=fault.status, body=fault.body, headers=fault.headers)
        response = web.StreamResponse(status=fault.status, headers=fault.headers)
        response.content_length = len(fault.body) + 100
        await response.prepare(request)
        await response.write(fault.body)
        if fault.stalled:
            await self._let_go.wait()
        elif request.transport is not None:
            request.transport.close()
        return response


async def receive_json(socket: web.WebSocketResponse) -> Any:
    """Return the next text message of a WebSocket; None when it is closed."""
    message = await socket.receive()
    return json.loads(message.data) if message.type is WSMsgType.TEXT else None
