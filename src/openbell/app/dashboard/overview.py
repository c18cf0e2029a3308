"""All sessions, at a glance."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from openbell.app.dashboard import words
from openbell.app.dashboard.frame import Page, column
from openbell.app.dashboard.research import RunTable
from openbell.app.dashboard.session import BADGES
from openbell.app.dashboard.tables import Text
from openbell.app.follower import Follower
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
        self._shown: dict[str, _Card] = {}
        self._looks = 0
        self._update()
        ui.timer(_EVERY, self._update)

    def _update(self) -> None:
        desk = self._page.desk
        sessions = desk.sessions()
        if self._looks % _SLOW == 0:
            self._runs.update()
        self._looks += 1
        names = ([one.name for one in sessions], dict(desk.unreadable), list(desk.reading))
        if names != self._seen:
            self._seen = names
            self._draw(sessions)
        for one in sessions:
            self._shown[one.name].show(one)

    def _draw(self, sessions: list[Follower]) -> None:
        """Draw the cards anew, as there are others; a card stays where it is while its figures change."""
        unreadable = self._page.desk.unreadable
        self._cards.clear()
        with self._cards:
            for name, reason in unreadable.items():
                ui.label(f"{name}: {reason}").classes("ob-bad").props("data-unreadable role=alert")
            reading = self._page.desk.reading
            for name in reading:
                ui.label(f"{name} is being read.").props("data-reading role=status")
            if not sessions and not unreadable and not reading:
                ui.label("No session is here. `openbell paper sma_cross --symbols AAPL` begins one.")
            self._shown = {one.name: _Card(one.name) for one in sessions}


class _Card:
    """One session."""

    def __init__(self, name: str) -> None:
        with ui.card().classes("w-full cursor-pointer").on(
            "click", lambda: ui.navigate.to(f"/session/{name}")
        ), ui.row().classes("w-full items-center gap-x-4 gap-y-1"):  # fmt: skip
            ui.link(name, f"/session/{name}").classes("text-subtitle1")
            self._state = ui.badge("")
            ui.space()
            self._time = Text(ui.label().classes("ob-dim ob-num"))
            self._strategies = ui.row().classes("gap-x-4 gap-y-1")
        self._standing: dict[str, Text] = {}

    def show(self, one: Follower) -> None:
        """Show how it stands."""
        state, seen = one.state, one.once("session", session_of)
        if self._state.text != state:
            self._state.text = state
            self._state.props(f"color={BADGES[state]}")
        self._time.show(words.when(seen.time))
        if [standing.strategy for standing in seen.strategies] != list(self._standing):
            self._strategies.clear()
            with self._strategies:
                self._standing = {
                    standing.strategy: Text(ui.label().classes("ob-num")) for standing in seen.strategies
                }
        for standing in seen.strategies:
            now = f"{words.money(standing.equity)} ({words.change(standing.today)} today)"
            self._standing[standing.strategy].show(f"{standing.strategy}: {now}")
