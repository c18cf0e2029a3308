"""Routes that look at a session.

Annotations are evaluated here (no `from __future__ import annotations`): FastAPI reads them.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from openbell.app import models, views
from openbell.app.foresight import Foresight
from openbell.app.riskview import risk_of, stress_of
from openbell.app.routes.common import After, Limit, Name, Seen, Tagged, page, problems
from openbell.app.whatif import WhatIf
from openbell.core.errors import ConfigError
from openbell.operation.whatif import Asked

Trace = Annotated[str, Query(max_length=60, description="only events that this bar led to")]
Kind = Annotated[str, Query(max_length=60, description="only events of this kind")]
Shocks = Annotated[
    Sequence[Annotated[str, Query(max_length=500)]],
    Query(max_length=20, description="such as market=-0.1,AAPL=-0.3: market, sectors and symbols"),
]
Symbol = Annotated[str, Query(max_length=60, examples=["AAPL"])]
Shares = Annotated[float, Query(description="signed: less than nothing is a sale", allow_inf_nan=False)]
Price = Annotated[float | None, Query(gt=0, allow_inf_nan=False)]
Whose = Annotated[str | None, Query(max_length=200, description="where several trade the symbol")]


def session_routes() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(
        route_class=Tagged, prefix="/sessions", tags=["sessions"], responses=problems(404, 409, 422, 503)
    )

    @routes.get("")
    async def sessions(desk: Seen) -> list[models.Session]:
        """List all sessions and how their strategies stand; `/v1/health` names those that cannot be read."""
        return [views.session_of(one) for one in desk.sessions()]

    @routes.get("/{name}")
    async def session(name: Name, desk: Seen) -> models.Session:
        """Return one session."""
        return views.session_of(desk.session(name))

    @routes.get("/{name}/positions")
    async def positions(name: Name, desk: Seen) -> list[models.Position]:
        """List what a session's strategies hold."""
        return views.positions_of(desk.session(name))

    @routes.get("/{name}/account")
    async def account(name: Name, desk: Seen) -> models.Account:
        """Return the money of a session's account, by currency and together."""
        return views.account_of(desk.session(name))

    @routes.get("/{name}/orders")
    async def orders(
        name: Name, desk: Seen, *, working: bool = False, after: After = 0, limit: Limit = 100
    ) -> models.Page[models.Order]:
        """List a session's orders, oldest first."""
        return page(views.orders_of(desk.session(name), working=working), after, limit)

    @routes.get("/{name}/fills")
    async def fills(
        name: Name, desk: Seen, *, after: After = 0, limit: Limit = 100
    ) -> models.Page[models.Fill]:
        """List a session's fills, oldest first."""
        return page(views.fills_of(desk.session(name)), after, limit)

    @routes.get("/{name}/equity")
    async def equity(name: Name, desk: Seen) -> list[models.Curve]:
        """Return each strategy's equity over time."""
        found = desk.session(name)
        return [views.curve_of(found, strategy) for strategy in found.ledgers]

    _add_observations(routes)
    return routes


def _add_observations(routes: APIRouter) -> None:
    @routes.get("/{name}/signals")
    async def signals(name: Name, desk: Seen) -> list[models.Signal]:
        """List each strategy's last signal for each symbol."""
        return views.signals_of(desk.session(name))

    @routes.get("/{name}/risk")
    async def risk(name: Name, desk: Seen) -> models.Risk:
        """Return what a session risks now."""
        return risk_of(desk.session(name))

    @routes.get("/{name}/stress")
    async def stress(name: Name, desk: Seen, shock: Shocks = ()) -> models.Stress:
        """Return what falls of the past would cost of what is held, and shocks that are given."""
        return stress_of(desk.session(name), shock)

    foresight = Foresight()

    @routes.get("/{name}/whatif")
    async def whatif(
        name: Name, desk: Seen, *, symbol: Symbol, quantity: Shares, limit: Price = None, stop: Price = None,
        strategy: Whose = None,
    ) -> WhatIf:  # fmt: skip
        """Return what an order would do to a session, and what each of its limits says; nothing is sent."""
        one = desk.session(name)
        if one.is_copy:
            raise ConfigError(f"session {name!r} is of another computer: what-if needs its journal and code")
        none = math.nan
        asked = Asked(symbol, quantity, none if limit is None else limit, none if stop is None else stop)
        return await asyncio.to_thread(foresight.ask, one.folder, asked, strategy)

    @routes.get("/{name}/data")
    async def data(name: Name, desk: Seen) -> models.DataHealth:
        """Return how fresh a session's prices are."""
        return views.data_of(desk.session(name))

    @routes.get("/{name}/machinery")
    async def machinery(name: Name, desk: Seen) -> models.Machinery:
        """Return how a session's process does, and how long things took."""
        return views.machinery_of(desk.session(name))

    @routes.get("/{name}/notices")
    async def notices(
        name: Name, desk: Seen, *, after: After = 0, limit: Limit = 100
    ) -> models.Page[models.Notice]:
        """List what somebody should know of a session, oldest first, of the last 500."""
        return page(views.notices_of(desk.session(name)), after, limit)

    _add_events(routes)


def _add_events(routes: APIRouter) -> None:
    @routes.get("/{name}/events")
    async def events(
        name: Name, desk: Seen, *, after: After = 0, limit: Limit = 100, trace: Trace = "", kind: Kind = ""
    ) -> models.Page[models.Event]:
        """List events of the journal after a sequence number; a WebSocket at the same place sends them."""
        one = desk.session(name)

        def read() -> models.Page[models.Event]:
            found: list[models.Event] = []
            for entry in one.events(after):
                if (not trace or entry.trace == trace) and (not kind or entry.kind == kind):
                    if len(found) == limit:
                        return models.Page(items=found, next=found[-1].seq)
                    found.append(views.event_of(entry))
            return models.Page(items=found, next=None)

        return await asyncio.to_thread(read) if one.is_copy else read()
