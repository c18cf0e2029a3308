"""The page on which a browser says its token once; from then on a cookie stands for it.

Annotations are evaluated here (no `from __future__ import annotations`): FastAPI reads them.
"""

from html import escape
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from openbell.app.gatekeeper import COOKIE, cookie_of
from openbell.app.guard import VISIT, Guard

_MOST = 4_096  #: bytes of a form
_PAGE = """<!doctype html>
<html lang='en'><head><meta charset='utf-8'><title>Sign in: Openbell</title>
<meta name='viewport' content='width=device-width, initial-scale=1'>
<meta name='color-scheme' content='light dark'>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 24rem; margin: 4rem auto; padding: 0 1rem; }}
input, button {{ font: inherit; padding: .5rem; width: 100%; box-sizing: border-box; margin-top: .5rem; }}
</style></head>
<body><main><h1>Openbell</h1><p role='alert'>{said}</p>
<form method='post' action='/sign-in?next={next}'>
<label for='token'>Token, as in OPENBELL_API_TOKEN</label>
<input id='token' name='token' type='password' autocomplete='current-password' autofocus required>
<button>Sign in</button></form></main></body></html>
"""


def add_sign_in(app: FastAPI, guard: Guard) -> None:
    """Add the pages to an application."""

    @app.get("/sign-in", include_in_schema=False)
    async def ask(next: str = "/") -> Response:  # what the address calls it
        return HTMLResponse(_PAGE.format(said="", next=escape(_local(next), quote=True)))

    @app.post("/sign-in", include_in_schema=False)
    async def sign_in(request: Request, next: str = "/") -> Response:  # as above
        body = await request.body()
        said = parse_qs(body[:_MOST].decode("utf-8", "replace")).get("token", [""])[0]
        cookie = guard.sign_in(said.strip())
        if cookie is None:
            page = _PAGE.format(
                said="That is no token of this server.", next=escape(_local(next), quote=True)
            )
            return HTMLResponse(page, 401)
        answer = RedirectResponse(_local(next), 303)
        safe = request.url.scheme == "https"
        answer.set_cookie(COOKIE, cookie, max_age=int(VISIT), httponly=True, samesite="strict", secure=safe)
        return answer

    @app.post("/sign-out", include_in_schema=False)
    async def sign_out(request: Request) -> Response:
        guard.sign_out(cookie_of(request.headers))
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE)
        return answer


def _local(path: str) -> str:
    """Return a path of this server; whatever leads elsewhere is the first page."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
