"""What routes share: pages of a list, ETags, who asks, and what they may.

Annotations are evaluated here (no `from __future__ import annotations`): FastAPI reads them.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Depends, HTTPException, Path, Query, Request, Response
from fastapi.routing import APIRoute

from openbell.app import models
from openbell.app.access import Caller, Scope
from openbell.app.follower import Follower

Item = TypeVar("Item")
After = Annotated[int, Query(ge=0, le=2**62, description="where the page before ended")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
Name = Annotated[str, Path(max_length=200, description="the session", examples=["paper-sma_cross"])]
StrategyName = Annotated[str, Path(max_length=200, examples=["sma_cross"])]


class Sessions(Protocol):
    """The sessions that somebody may see."""

    unreadable: dict[str, str]

    def sessions(self) -> list[Follower]:
        """Return every one that can be read."""

    def session(self, name: str) -> Follower:
        """Return one."""


_SAYS = {
    401: "no token, or a wrong one", 403: "the token may not do this, or the request is of another site",
    404: "there is none of that name", 409: "not possible as things are", 422: "not valid",
    429: "asked too often", 503: "the database does not answer",
}  # fmt: skip


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route may refuse, for its description."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": _SAYS[status], "content": content} for status in (401, 403, 429, *statuses)
    }


class Tagged(APIRoute):
    """A route whose answers to GET have an ETag, and are not sent again while they have not changed."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # wider there
        """Return the handler with the tag around it."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            response = await handle(request)
            if request.method != "GET" or response.status_code != 200 or "etag" in response.headers:
                return response
            tag = f'"{hashlib.sha256(bytes(response.body)).hexdigest()[:16]}"'
            if tag in {one.strip() for one in request.headers.get("if-none-match", "").split(",")}:
                return Response(status_code=304, headers={"ETag": tag})
            response.headers["ETag"] = tag
            return response

        return answer


def caller_of(request: Request) -> Caller:
    """Return who asks; the gatekeeper has let them in."""
    caller: Caller = request.state.caller
    return caller


def needs(scope: Scope) -> Any:
    """Return what a route depends on that only some may use; it hands on who asks."""

    def check(request: Request) -> Caller:
        caller = caller_of(request)
        if caller.scope < scope:
            raise HTTPException(
                403, f"{caller.name} may {caller.scope.name.lower()}; this needs {scope.name.lower()}"
            )
        return caller

    return Depends(check)


Trader = Annotated[Caller, needs(Scope.TRADE)]
Admin = Annotated[Caller, needs(Scope.ADMIN)]


def _look(request: Request) -> Iterator[Sessions]:
    """Give the sessions that who asks may see, read up to now; in a thread, for a database may take long."""
    shares, caller = request.app.state.shares, caller_of(request)
    if shares is None or not caller.claims:
        yield request.app.state.desk
        return
    with shares.of(caller, request.path_params.get("name")) as share:
        yield share


def may_see(request: Request) -> None:
    """Refuse what is asked of a session that row level security does not show to who asks.

    Raises:
        ConfigError: There is none of that name.
    """
    shares, caller = request.app.state.shares, caller_of(request)
    if shares is not None and caller.claims:
        shares.check(caller, request.path_params["name"])


Seen = Annotated[Any, Depends(_look)]


def page(items: Sequence[Item], after: int, limit: int) -> models.Page[Item]:
    """Return a page of a list."""
    end = after + limit
    return models.Page(items=list(items[after:end]), next=end if end < len(items) else None)
