"""Serves the API, with or without the dashboard, until it is asked to end."""

from __future__ import annotations

import gc
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from openbell.app.access import Access
from openbell.app.api import make_api
from openbell.app.desk import Desk
from openbell.app.guard import Guard
from openbell.storage.supabase.reading import Database


def make_app(desk: Desk, guard: Guard, *, dashboard: bool, database: Database | None = None) -> FastAPI:
    """Return the application."""
    app = make_api(desk, guard, database)
    if dashboard:
        from openbell.app.dashboard import add_dashboard  # nicegui takes a second to load

        add_dashboard(app, desk)
    return app


def serve(
    state: Path, reports: Path, *, host: str, port: int, access: Access, dashboard: bool = True,
    database: Database | None = None,
) -> None:  # fmt: skip
    """Serve until Ctrl-C.

    Raises:
        ConfigError: The address can be reached from elsewhere, and nobody has to say who they are.
    """
    desk = Desk(state, reports)
    app = make_app(desk, Guard(host, access), dashboard=dashboard, database=database)
    desk.yield_processor()
    gc.freeze()  # what is loaded by now stays; to look through it takes a tenth of a second each time
    uvicorn.run(app, host=host, port=port, log_level="warning", ws_max_size=1_000_000, server_header=False)
