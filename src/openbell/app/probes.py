"""Where machines look: `/health`, `/health/live`, `/health/ready` and `/metrics`.

Annotations are evaluated here (no `from __future__ import annotations`): FastAPI reads them.
"""

from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from openbell.app.desk import Desk
from openbell.app.healthview import health_of
from openbell.app.jobs import Jobs
from openbell.app.metrics import Collector, render

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def add_probes(app: FastAPI, desk: Desk, jobs: Jobs) -> None:
    """Add the routes to an application."""
    collector = Collector(desk, jobs)

    @app.get("/health", tags=["probes"])
    async def health() -> dict[str, Any]:
        """Tell how everything does, with reasons where something is wrong."""
        return health_of(desk)

    @app.get("/health/live", tags=["probes"])
    async def live() -> dict[str, bool]:
        """Tell that the server answers; this alone needs no token."""
        return {"live": True}

    @app.get(
        "/health/ready", tags=["probes"], response_model=dict[str, Any],
        responses={503: {"description": "something is wrong; `reasons` says what"}},
    )  # fmt: skip
    async def ready() -> Response:
        """Tell whether all that should run does, and why not: 200 or 503."""
        found = health_of(desk)
        return JSONResponse({k: found[k] for k in ("ready", "reasons")}, 200 if found["ready"] else 503)

    @app.get("/metrics", tags=["probes"], response_class=Response, responses={200: {"content": {_TEXT: {}}}})
    async def metrics() -> Response:
        """Return all figures as Prometheus reads them."""
        return Response(render(collector), media_type=_TEXT)
