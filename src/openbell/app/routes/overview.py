"""Routes of everything: health, strategies, runs, sweeps, the audit log.

Annotations are evaluated here (no `from __future__ import annotations`): FastAPI reads them.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

import openbell
from openbell.app import models
from openbell.app.alerts.book import Book
from openbell.app.archive import figures_of
from openbell.app.audit import Audit
from openbell.app.desk import Desk
from openbell.app.routes.common import Admin, After, Limit, Tagged, page, problems
from openbell.strategies.registry import Found, names
from openbell.strategies.signal import Signal

RunName = Annotated[str, Path(max_length=200, examples=["sma_cross-AAPL-0c885cb5"])]
_BOUNDS = ("ge", "gt", "le", "lt")
#: A report is a page with scripts of its own, of strategies' making too: it may run them, apart from ours.
_REPORT = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "sandbox allow-scripts; frame-ancestors 'self'"
)


def overview_routes(desk: Desk, audit: Audit) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(route_class=Tagged)

    @routes.get("/health", responses=problems(), tags=["overview"])
    async def health() -> models.Health:
        """Tell that the API answers, and what it sees."""
        states = {one.name: one.state for one in desk.sessions()}
        return models.Health(
            version=openbell.__version__,
            sessions=len(states),
            running=sum(state in {"starting", "running"} for state in states.values()),
            silent=[name for name, state in states.items() if state == "silent"],
            unreadable=dict(desk.unreadable),
        )

    @routes.get("/strategies", responses=problems(), tags=["overview"])
    async def strategies() -> list[models.Strategy]:
        """List the strategies that have a name here, with their parameters."""
        return [strategy_of(found) for _, found in sorted(names().items())]

    @routes.get("/runs", responses=problems(422), tags=["research"])
    async def runs(*, after: After = 0, limit: Limit = 100) -> models.Runs:
        """List recorded backtests, the latest first, and name those that cannot be read."""
        found = page([run_of(*one) for one in desk.archive.runs()], after, limit)
        return models.Runs(items=found.items, next=found.next, unreadable=dict(desk.archive.unreadable))

    @routes.get("/runs/{name}", responses=problems(404, 409), tags=["research"])
    async def run(name: RunName) -> dict[str, Any]:
        """Return all that was recorded of a backtest."""
        return {"id": name, **desk.archive.run(name).said}

    @routes.get("/runs/{name}/equity", responses=problems(404, 409), tags=["research"])
    async def equity(name: RunName) -> list[tuple[str, float]]:
        """Return a backtest's equity over time."""
        return desk.archive.equity(name)

    @routes.get(
        "/reports/{name}", response_class=Response, tags=["research"],
        responses={**problems(404), 200: {"content": {"text/html": {}}, "description": "the page"}},
    )  # fmt: skip
    async def report(name: RunName) -> Response:
        """Return the report of a backtest, or the map of a sweep, as a page."""
        headers = {"Content-Security-Policy": _REPORT, "X-Frame-Options": "SAMEORIGIN"}
        return Response(desk.archive.page(name).read_bytes(), media_type="text/html", headers=headers)

    @routes.get("/sweeps", responses=problems(422), tags=["research"])
    async def sweeps(*, after: After = 0, limit: Limit = 100) -> models.Page[models.Sweep]:
        """List recorded sweeps, the latest first."""
        return page([sweep_of(*one) for one in desk.archive.sweeps()], after, limit)

    @routes.get("/audit", responses=problems(422), tags=["overview"])
    async def actions(_caller: Admin, *, after: After = 0, limit: Limit = 100) -> models.Page[models.Action]:
        """List who asked for what, the latest first."""
        lines = reversed(audit.read())
        return page([models.Action.model_validate(line) for line in lines], after, limit)

    @routes.get("/alerts", responses=problems(422), tags=["overview"])
    async def alerts(*, after: After = 0, limit: Limit = 100) -> models.Page[models.Sent]:
        """List what `openbell alerts watch` has sent, and what it could not, the latest first."""
        lines = reversed(Book(desk.state).read())
        return page([models.Sent.model_validate(line) for line in lines], after, limit)

    return routes


def strategy_of(found: Found) -> models.Strategy:
    """Return a strategy and what may be set of it."""
    declared = {} if isinstance(found.form, Signal) else found.form.parameters
    return models.Strategy(
        name=found.name,
        summary=found.summary,
        kind="signal" if isinstance(found.form, Signal) else "class",
        parameters=[
            models.Parameter(
                name=name,
                default=default,
                bounds={b: v for b in _BOUNDS if (v := getattr(declared.get(name), b, None)) is not None},
                choices=list(getattr(declared.get(name), "choices", ())),
                help=getattr(declared.get(name), "help", ""),
            )
            for name, default in found.parameters().items()
        ],
    )


def run_of(name: str, said: Any) -> models.Run:
    """Return a run's headline."""
    return models.Run(
        id=name, strategy=said["name"], symbols=list(said["plan"]["symbols"]), metrics=figures_of(said)
    )


def sweep_of(name: str, said: Any) -> models.Sweep:
    """Return a sweep's headline."""
    return models.Sweep(
        id=name, strategy=said["strategy"], symbols=list(said["plan"]["symbols"]),
        combinations=said["combinations"], state=said["state"], best=said.get("best"),
    )  # fmt: skip
