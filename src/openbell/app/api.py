"""The API: what sessions and runs are, what may be asked of them, and by whom. Versioned and typed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

import openbell
from openbell.app import models
from openbell.app.audit import Audit
from openbell.app.desk import Desk
from openbell.app.gatekeeper import Gatekeeper
from openbell.app.guard import Guard
from openbell.app.jobs import Jobs
from openbell.app.patience import Patience
from openbell.app.probes import add_probes
from openbell.app.routes.actions import Actions, action_routes
from openbell.app.routes.jobs import job_routes
from openbell.app.routes.overview import overview_routes
from openbell.app.routes.sessions import session_routes
from openbell.app.routes.stream import stream_routes
from openbell.app.shared import Shares
from openbell.app.signin import add_sign_in
from openbell.core.errors import ConfigError, OpenbellError, RemoteError
from openbell.storage.supabase.reading import Database
from openbell.utils.logging import get_logger, hide

_ABOUT = (
    "Sessions, runs, orders and positions of Openbell on this computer, and what may be asked of them. "
    "Errors are `application/problem+json` (RFC 9457)."
)
_PROBLEM = "application/problem+json"
_TITLES = {
    400: "Not understood", 403: "Not allowed", 404: "Not found", 405: "Not that method", 409: "Not possible",
    422: "Not valid", 500: "Our fault", 503: "Not there",
}  # fmt: skip


def make_api(desk: Desk, guard: Guard, database: Database | None = None) -> FastAPI:
    """Return the API over a desk, behind a guard. `app.state.actions` is what the dashboard asks through.

    Args:
        desk: The sessions of this computer.
        guard: Lets in.
        database: The copies of journals, in which users of Supabase see what row level security shows them.
    """
    audit = Audit(desk.state)
    jobs, actions = Jobs(desk.archive.folder), Actions(desk, audit)
    shares = None if database is None else Shares(database, desk)

    @asynccontextmanager
    async def live(_app: FastAPI) -> AsyncIterator[None]:
        reading = asyncio.create_task(desk.read())
        await asyncio.sleep(0)  # from here on it is known what is being read
        yield
        reading.cancel()
        await asyncio.wait({reading})
        jobs.close()
        desk.close()
        if shares is not None:
            shares.close()

    app = FastAPI(
        lifespan=live,
        title="Openbell",
        version=openbell.__version__,
        description=_ABOUT,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    v1 = APIRouter(prefix="/v1")
    for routes in (
        overview_routes(desk, audit), session_routes(), action_routes(actions),
        job_routes(jobs, actions), stream_routes(desk),
    ):  # fmt: skip
        v1.include_router(routes)
    app.include_router(v1)
    add_probes(app, desk, jobs)
    add_sign_in(app, guard)
    _add_errors(app)
    _describe_security(app)
    app.add_middleware(Patience, desk=desk)
    app.add_middleware(Gatekeeper, guard=guard)
    app.state.desk, app.state.shares = desk, shares
    app.state.actions, app.state.jobs, app.state.guard = actions, jobs, guard
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(OpenbellError)
    async def explain(_request: Request, error: OpenbellError) -> Response:
        unknown = isinstance(error, ConfigError) and " is unknown" in str(error)
        status = 503 if isinstance(error, RemoteError) else 404 if unknown else 409
        return _refuse(status, str(error))

    @app.exception_handler(RequestValidationError)
    async def correct(_request: Request, error: RequestValidationError) -> Response:
        return _refuse(422, "; ".join(map(_describe, error.errors())))

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        said = f"there is nothing at {request.url.path}" if error.status_code == 404 else str(error.detail)
        if error.status_code == 405:
            said = f"{request.url.path} does not take {request.method}"
        return _refuse(error.status_code, said, error.headers)

    @app.exception_handler(Exception)
    async def admit(request: Request, error: Exception) -> Response:
        get_logger().opt(exception=error).error(f"{request.method} {request.url.path} failed")
        return _refuse(500, "something is wrong here; the server's log says what")


def _describe_security(app: FastAPI) -> None:
    """Describe the token, which the gatekeeper looks at before any route."""
    make = app.openapi

    def described() -> dict[str, Any]:
        document = make()
        parts = document.setdefault("components", {})
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        parts.setdefault("schemas", {})["Problem"] = models.Problem.model_json_schema()
        document["security"] = [{"token": []}, {}]
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].get("422", {}).get("content", {}).pop("application/json", None)
        return document

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to add to it


def _describe(wrong: Mapping[str, Any]) -> str:
    if wrong["type"] == "json_invalid":
        return f'body: it is no JSON at character {wrong["loc"][-1]}; send such as {{"how": "keep"}}'
    return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"


def _refuse(status: int, said: str, headers: Mapping[str, str] | None = None) -> Response:
    problem = models.Problem(title=_TITLES.get(status, "Refused"), status=status, detail=hide(said))
    return JSONResponse(problem.model_dump(), status, media_type=_PROBLEM, headers=dict(headers or {}))
