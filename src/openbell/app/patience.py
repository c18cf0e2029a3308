"""Lets who asks for sessions wait until their journals are read; everything else is answered meanwhile."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from openbell.app.desk import Desk

#: What tells of sessions. Pages do not wait: they show that a session is being read.
_SESSIONS = ("/v1/sessions", "/v1/health", "/health", "/metrics")
_LIVE = "/health/live"  #: tells that the server answers, so it does


class Patience:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app, self._desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, when it can be answered."""
        path = scope.get("path", "")
        if path.startswith(_SESSIONS) and path != _LIVE:
            await self._desk.is_read.wait()
        await self._app(scope, receive, send)
