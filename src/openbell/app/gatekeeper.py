"""Stands before everything that is served, pages and sockets too: judges it, and sets browsers' headers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openbell.app.access import Caller
from openbell.app.guard import Guard, Refusal
from openbell.app.models import Problem

COOKIE = "openbell"
#: Where one may go without saying who one is.
_DOORS = frozenset({"/sign-in", "/health/live"})
#: Where users may go whose this computer is not: what they see there is what the database shows them.
_SHARED = ("/v1/sessions", "/v1/strategies", "/v1/openapi.json", "/sign-", "/health/live")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
#: The API's answers hold nothing that a browser should run.
_DATA = "default-src 'none'; frame-ancestors 'none'"
#: The dashboard's framework makes its templates in the browser, so that they need `unsafe-eval`.
_PAGES = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


class Gatekeeper:
    """An ASGI application around another: `scope["state"]["caller"]` is who was let in."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        judge = self._judge
        judged = await asyncio.to_thread(judge, scope) if self._guard.access.may_wait else judge(scope)
        path = scope["path"]
        if isinstance(judged, Caller) and not judged.owns and not path.startswith(_SHARED):
            judged = Refusal(403, "Not allowed", f"{judged.name} may see sessions alone: /v1/sessions")
        if isinstance(judged, Refusal) and not (judged.status == 401 and path in _DOORS):
            if scope["type"] == "websocket":
                await _close(receive, send, judged)
            else:
                await _refuse(scope, send, judged)
            return
        scope.setdefault("state", {})["caller"] = None if isinstance(judged, Refusal) else judged
        policy = _DATA if path.startswith("/v1") else _PAGES

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", policy)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, answer)

    def _judge(self, scope: Scope) -> Any:
        headers = Headers(scope=scope)
        client = scope.get("client")
        return self._guard.judge(
            "POST" if scope["type"] == "websocket" else scope["method"],  # browsers open sockets for any page
            host=headers.get("host", ""),
            origin=headers.get("origin", ""),
            token=token_of(headers),
            client=client[0] if client else "",
        )


def token_of(headers: Mapping[str, str]) -> str:
    """Return the token of a request, or its cookie; empty if it has neither."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else cookie_of(headers)


def cookie_of(headers: Mapping[str, str]) -> str:
    """Return the cookie of a browser that has signed in; empty if it has none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


async def _close(receive: Receive, send: Send, refusal: Refusal) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4000 + refusal.status, "reason": refusal.detail})


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Refuse a request; a browser that asks for a page is led to where its user can sign in."""
    headers = {**_HEADERS, "Content-Security-Policy": _DATA, "Content-Type": "application/problem+json"}
    status = refusal.status
    problem = Problem(title=refusal.title, status=status, detail=refusal.detail)
    body = json.dumps(problem.model_dump()).encode()
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
        if scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", ""):
            status, headers["Location"] = 303, f"/sign-in?next={quote(scope['path'])}"
    elif status == 429:
        headers["Retry-After"] = "1"
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
