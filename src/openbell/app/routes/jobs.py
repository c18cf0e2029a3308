"""Routes of jobs: backtests and sweeps that run on this computer.

Annotations are evaluated here (no `from __future__ import annotations`): FastAPI reads them.
"""

from typing import Annotated

from fastapi import APIRouter, Path

from openbell.app import asked, models
from openbell.app.jobs import Jobs, Running
from openbell.app.routes.actions import Actions
from openbell.app.routes.common import After, Limit, Tagged, Trader, page, problems

JobId = Annotated[str, Path(max_length=60)]


def job_routes(jobs: Jobs, actions: Actions) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(route_class=Tagged, prefix="/jobs", tags=["jobs"], responses=problems(404, 409, 422))

    @routes.post("", status_code=202)
    async def start(body: asked.JobRequest, caller: Trader) -> asked.Job:
        """Begin a backtest or a sweep; jobs run one after the other."""
        on = f"{body.strategy} on {', '.join(body.symbols)}"
        return job_of(actions.do(caller.name, body.kind, on, lambda: jobs.start(body, caller.name)))

    @routes.get("")
    async def listed(*, after: After = 0, limit: Limit = 100) -> models.Page[asked.Job]:
        """List jobs, the latest first."""
        return page([job_of(one) for one in jobs.all()], after, limit)

    @routes.get("/{job}")
    async def shown(job: JobId) -> asked.Job:
        """Return a job, and how far it is."""
        return job_of(jobs.get(job))

    @routes.delete("/{job}")
    async def cancel(job: JobId, caller: Trader) -> asked.Job:
        """End a job; one that has ended stays as it is."""
        return job_of(actions.do(caller.name, "cancel a job", job, lambda: jobs.cancel(job)))

    return routes


def job_of(one: Running) -> asked.Job:
    """Return a job as it is told."""
    return asked.Job(
        id=one.id, kind=one.asked.kind, strategy=one.asked.strategy, symbols=list(one.asked.symbols),
        state=one.state, done=one.done, doing=one.doing, said=one.said,
        answer=None if one.answer is None else dict(one.answer), asked=one.began, by=one.by,
    )  # fmt: skip
