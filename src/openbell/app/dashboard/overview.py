"""All sessions, at a glance."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from openbell.app.dashboard import words
from openbell.app.dashboard.frame import BAD, Page, column
from openbell.app.dashboard.research import RunTable
from openbell.app.dashboard.session import BADGES
from openbell.app.views import session_of

_EVERY = 0.2  #: seconds between two looks at the journals
_SLOW = 10  #: looks between two at the reports


class Overview:
    """The first page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        with column():
            ui.label("Sessions").classes("text-h6").props("role=heading aria-level=2")
            self._cards = ui.column().classes("w-full gap-2")
            ui.label("Recorded runs").classes("text-h6").props("role=heading aria-level=2")
            self._runs = RunTable(page)
        self._seen: Any = None
        self._looks = 0
        self._update()
        ui.timer(_EVERY, self._update)

    def _update(self) -> None:
        desk = self._page.desk
        sessions = [session_of(one) for one in desk.sessions()]
        if self._looks % _SLOW == 0:
            self._runs.update()
        self._looks += 1
        seen = (sessions, dict(desk.unreadable))
        if seen == self._seen:
            return
        self._seen = seen
        self._cards.clear()
        with self._cards:
            for name, reason in desk.unreadable.items():
                ui.label(f"{name}: {reason}").style(f"color: {BAD}").props("data-unreadable role=alert")
            if not sessions and not desk.unreadable:
                ui.label("No session is here. `openbell paper sma_cross --symbols AAPL` begins one.")
            for one in sessions:
                self._card(one)

    def _card(self, one: Any) -> None:
        with ui.card().classes("w-full cursor-pointer").on(
            "click", lambda: ui.navigate.to(f"/session/{one.name}")
        ), ui.row().classes("w-full items-center gap-x-4 gap-y-1"):  # fmt: skip
            ui.link(one.name, f"/session/{one.name}").classes("text-subtitle1")
            ui.badge(one.state, color=BADGES[one.state])
            ui.space()
            ui.label(words.when(one.time)).classes("text-grey ob-num")
            for standing in one.strategies:
                now = f"{words.money(standing.equity)} ({words.change(standing.today)} today)"
                ui.label(f"{standing.strategy}: {now}").classes("ob-num")
