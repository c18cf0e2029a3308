"""The dashboard: sessions as they run, what may be asked of them, and research."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from nicegui import ui

from openbell.app.dashboard.frame import Page, frame
from openbell.app.dashboard.notices import Notices
from openbell.app.dashboard.overview import Overview
from openbell.app.dashboard.research import Compare, Report, Research
from openbell.app.dashboard.session import Session
from openbell.app.desk import Desk
from openbell.core.errors import OpenbellError


def add_dashboard(app: FastAPI, desk: Desk) -> None:
    """Add the pages to an application, which has the API already."""
    state = app.state

    def page(title: str, *, back: bool = True) -> Page:
        frame(title, back=back)
        return Page(desk, state.actions, state.jobs, ui.context.client.request.state.caller)

    @ui.page("/", title="Openbell")
    def overview() -> None:
        Overview(page("Openbell", back=False))

    @ui.page("/session/{name}", title="Session: Openbell")
    def session(name: str) -> None:
        shown = page(name)
        if name in desk.reading or _finds(lambda: desk.session(name)):
            Session(shown, name)

    @ui.page("/research", title="Research: Openbell")
    def research() -> None:
        Research(page("Research"))

    @ui.page("/report/{name}", title="Report: Openbell")
    def report(name: str) -> None:
        shown = page(name)
        if _finds(lambda: desk.archive.page(name)):
            Report(shown, name)

    @ui.page("/compare", title="Comparison: Openbell")
    def compare(runs: str = "") -> None:
        Compare(page("Comparison"), [name for name in runs.split(",") if name])

    @ui.page("/alerts", title="Alerts: Openbell")
    def alerts() -> None:
        Notices(page("Alerts and actions"))

    ui.run_with(app, title="Openbell", dark=None, show_welcome_message=False, reconnect_timeout=10.0)


def _finds(look: Callable[[], object]) -> bool:
    """Look for what a page is to show, and say on it where that cannot be shown."""
    try:
        look()
    except OpenbellError as error:
        ui.label(str(error)).classes("text-lg")
        return False
    return True
