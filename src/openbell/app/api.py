"""The API: what sessions and runs are, and how to stop one. Versioned, typed, and for this computer alone.

Annotations are evaluated here (no `from __future__ import annotations`): FastAPI reads them.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

import openbell
from openbell.app import models
from openbell.app.desk import Desk
from openbell.app.follower import Follower
from openbell.app.guard import Guard, Refusal
from openbell.core.errors import BadData, ConfigError, OpenbellError
from openbell.storage.journal import Entry
from openbell.utils.logging import get_logger

Item = TypeVar("Item")
After = Annotated[int, Query(ge=0, description="where the page before ended")]
Limit = Annotated[int, Query(ge=1, le=1_000)]

_PROBLEM = "application/problem+json"
_LOOK = 0.1  #: seconds between two looks at a journal, while somebody listens
_BEHIND = 10_000  #: events that a listener may be behind before it is dropped


def make_api(desk: Desk, guard: Guard) -> FastAPI:
    """Return the API over a desk, behind a guard."""

    @asynccontextmanager
    async def live(_app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()

    app = FastAPI(
        lifespan=live,
        title="Openbell",
        version=openbell.__version__,
        description="Sessions, runs, orders and positions of Openbell on this computer.",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.include_router(_routes(desk, guard), prefix="/v1")

    @app.middleware("http")
    async def watch(request: Request, follow: Callable[[Request], Awaitable[Response]]) -> Response:
        refusal = guard.judge(
            request.method,
            host=request.headers.get("host", ""),
            origin=request.headers.get("origin", ""),
            token=_token(request.headers.get("authorization", "")),
            client=request.client.host if request.client else "",
        )
        if refusal is not None:
            return _refuse(refusal)
        response = await follow(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-cache")
        return response

    @app.exception_handler(OpenbellError)
    async def explain(_request: Request, error: OpenbellError) -> Response:
        status = 404 if isinstance(error, ConfigError) and " is unknown" in str(error) else 409
        status = 500 if isinstance(error, BadData) else status
        return _refuse(Refusal(status, "Not possible" if status == 409 else "Not found", str(error)))

    @app.exception_handler(RequestValidationError)
    async def correct(_request: Request, error: RequestValidationError) -> Response:
        return _refuse(Refusal(422, "Not valid", "; ".join(map(_describe, error.errors()))))

    return app


def _routes(desk: Desk, guard: Guard) -> APIRouter:
    v1 = APIRouter(responses={404: {"model": models.Problem}, 422: {"model": models.Problem}})
    _add_overview(v1, desk)
    _add_session(v1, desk)
    _add_events(v1, desk, guard)
    return v1


def _add_overview(v1: APIRouter, desk: Desk) -> None:
    @v1.get("/health")
    async def health() -> models.Health:
        """Tell that the API answers, and what it sees."""
        states = [one.state for one in desk.sessions()]
        return models.Health(
            version=openbell.__version__,
            sessions=len(states),
            running=states.count("running"),
            unreadable=dict(desk.unreadable),
        )

    @v1.get("/sessions")
    async def sessions() -> list[models.Session]:
        """List all sessions and how their strategies stand; `/v1/health` names those that cannot be read."""
        return [session_of(one) for one in desk.sessions()]

    @v1.get("/runs")
    async def runs(*, after: After = 0, limit: Limit = 100) -> models.Page[models.Run]:
        """List recorded backtests, the latest first."""
        return _page([run_of(one) for one in desk.runs()], after, limit)

    @v1.get("/runs/{name}")
    async def run(name: str) -> dict[str, Any]:
        """Return all that was recorded of a backtest."""
        return desk.run(name)


def _add_session(v1: APIRouter, desk: Desk) -> None:
    @v1.get("/sessions/{name}")
    async def session(name: str, request: Request, response: Response) -> Any:
        """Return one session. Its ETag is the number of its last event and whether it runs."""
        found = session_of(desk.session(name))
        tag = f'"{hashlib.sha256(found.model_dump_json().encode()).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        return found

    @v1.get("/sessions/{name}/positions")
    async def positions(name: str) -> list[models.Position]:
        """List what a session's strategies hold."""
        return positions_of(desk.session(name))

    @v1.get("/sessions/{name}/orders")
    async def orders(
        name: str, *, working: bool = False, after: After = 0, limit: Limit = 100
    ) -> models.Page[models.Order]:
        """List a session's orders, oldest first."""
        return _page([o for o in orders_of(desk.session(name)) if not working or _works(o)], after, limit)

    @v1.get("/sessions/{name}/fills")
    async def fills(name: str, *, after: After = 0, limit: Limit = 100) -> models.Page[models.Fill]:
        """List a session's fills, oldest first."""
        return _page(fills_of(desk.session(name)), after, limit)

    @v1.get("/sessions/{name}/equity")
    async def equity(name: str) -> list[models.Curve]:
        """Return each strategy's equity over time."""
        found = desk.session(name)
        curves = {strategy: found.curve(strategy) for strategy in found.ledgers}
        return [models.Curve(strategy=s, times=t, values=v) for s, (t, v) in curves.items()]

    @v1.post("/sessions/{name}/stop", status_code=202)
    async def stop(name: str, asked: models.Stop) -> models.Session:
        """Ask a session to stop. It does so between two moments."""
        desk.stop(name, asked.how)
        get_logger().warning(f"session {name} was asked to stop ({asked.how}) by the API")
        return session_of(desk.session(name))


def _add_events(v1: APIRouter, desk: Desk, guard: Guard) -> None:
    @v1.websocket("/sessions/{name}/events")
    async def events(socket: WebSocket, name: str, after: int = 0) -> None:
        """Send every event after a number, then each as it happens."""
        refusal = guard.judge_socket(
            host=socket.headers.get("host", ""),
            origin=socket.headers.get("origin", ""),
            token=_token(socket.headers.get("authorization", "")),
            client=socket.client.host if socket.client else "",
        )
        await socket.accept()
        if refusal is not None:
            await socket.close(4000 + refusal.status, refusal.detail)
            return
        try:
            folder = desk.session(name).folder
        except ConfigError as error:
            await socket.close(4404, str(error)[:120])
            return
        await _send_events(socket, Follower(folder), after)


async def _send_events(socket: WebSocket, follower: Follower, after: int) -> None:
    """Send events until the listener goes, or is too slow: then it is told so and dropped."""
    gone = asyncio.ensure_future(socket.receive())  # it says nothing, so the first thing heard is its end
    sent = after
    try:
        while not gone.done():
            follower.refresh()
            if follower.last - sent > _BEHIND and sent > after:
                await socket.close(4408, f"too slow: go on after {sent}, of {follower.last}")
                return
            for entry in follower.events(sent):
                await socket.send_json(_event_of(entry).model_dump())
                sent = entry.seq
            await asyncio.wait({gone}, timeout=_LOOK)
    except WebSocketDisconnect:
        return
    finally:
        gone.cancel()
        follower.close()


def _event_of(entry: Entry) -> models.Event:
    seq, time, _, kind, strategy, subject, _, body = entry
    return models.Event(seq=seq, time=time, kind=kind, strategy=strategy, subject=subject, body=dict(body))


def session_of(one: Follower) -> models.Session:
    """Return how a session stands."""
    standing = [
        models.Standing(
            strategy=name,
            equity=one.equity(name),
            cash=ledger.account.cash,
            positions=sum(position.quantity != 0.0 for position in ledger.account.positions.values()),
            working=sum(order.open for order in ledger.orders.values()),
            fills=len(ledger.fills),
            failed=one.failed.get(name, ""),
        )
        for name, ledger in one.ledgers.items()
    ]
    return models.Session.model_validate({
        "name": one.name, "state": one.state, "time": one.time, "events": one.last, "strategies": standing,
    })  # fmt: skip


def positions_of(one: Follower) -> list[models.Position]:
    """Return what a session's strategies hold."""
    return [
        models.Position(
            strategy=name, symbol=symbol, quantity=held.quantity, average=held.average,
            price=one.prices[symbol], unrealised=held.unrealised(one.prices[symbol]), realised=held.realised,
        )
        for name, ledger in one.ledgers.items()
        for symbol, held in ledger.account.positions.items()
        if held.quantity != 0.0
    ]  # fmt: skip


def orders_of(one: Follower) -> list[models.Order]:
    """Return a session's orders, oldest first."""
    found = [
        models.Order(
            strategy=name, id=order.id, text=order.describe(), symbol=order.symbol, side=order.side,
            quantity=order.quantity, filled=order.filled, average=order.average, fees=order.fees,
            status=order.status.value, reason=order.reason.value, decided=order.decided,
        )
        for name, ledger in one.ledgers.items()
        for order in ledger.orders.values()
    ]  # fmt: skip
    return sorted(found, key=lambda order: (order.decided, order.strategy, order.id))


def fills_of(one: Follower) -> list[models.Fill]:
    """Return a session's fills, oldest first."""
    found = [
        models.Fill(
            strategy=name, order_id=fill.order_id, symbol=fill.symbol, side=fill.side,
            quantity=fill.quantity, price=fill.price, fee=fill.fee, time=fill.time,
        )
        for name, ledger in one.ledgers.items()
        for fill in ledger.fills
    ]  # fmt: skip
    return sorted(found, key=lambda fill: (fill.time, fill.strategy, fill.order_id))


def run_of(record: dict[str, Any]) -> models.Run:
    """Return a run's headline."""
    figures: dict[str, float | None] = {
        name: value for name, value in record["metrics"].items() if isinstance(value, int | float)
    }
    return models.Run(
        id=record["id"], strategy=record["name"], symbols=list(record["plan"]["symbols"]), metrics=figures
    )


def _describe(wrong: Mapping[str, Any]) -> str:
    if wrong["type"] == "json_invalid":
        return f'body: it is no JSON at character {wrong["loc"][-1]}; send such as {{"how": "keep"}}'
    return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"


def _works(order: models.Order) -> bool:
    return order.status not in {"filled", "cancelled", "expired", "rejected"}


def _page(items: Sequence[Item], after: int, limit: int) -> models.Page[Item]:
    end = after + limit
    return models.Page(items=list(items[after:end]), next=end if end < len(items) else None)


def _token(header: str) -> str:
    kind, _, token = header.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _refuse(refusal: Refusal) -> Response:
    problem = models.Problem(title=refusal.title, status=refusal.status, detail=refusal.detail)
    return JSONResponse(problem.model_dump(), refusal.status, media_type=_PROBLEM)
