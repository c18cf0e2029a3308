"""One session, kept up as it goes on: how it stands, what may be asked of it, and its panels."""

from __future__ import annotations

import math
from time import monotonic

from nicegui import ui

from openbell.app import models
from openbell.app.dashboard import words
from openbell.app.dashboard.asking import ask_to_stop, confirm
from openbell.app.dashboard.frame import BAD, Page, column
from openbell.app.dashboard.pace import Pace
from openbell.app.dashboard.panels import Charts, Log, Machinery, Panel, Risks
from openbell.app.dashboard.tables import Figure, Text
from openbell.app.dashboard.trading import Trading
from openbell.app.dashboard.watch import Sight, watch
from openbell.app.follower import Follower
from openbell.app.riskview import risk_of
from openbell.app.views import session_of
from openbell.trading.pulse import AT_WORK, is_quiet

_SLOW = 1.0  #: seconds between two drawings of what is not read at a glance
BADGES = {
    "starting": "info", "running": "positive", "silent": "negative", "interrupted": "warning",
    "stopped": "secondary", "end_of_data": "secondary",
}  # fmt: skip
_FIGURES = {
    "Equity": "Cash and positions at the last prices",
    "Today": "Since the day's first bar",
    "Cash": "",
    "Drawdown": "Below the highest equity",
    "Gross": "Long and short positions as a share of equity",
    "VaR 99%": "What one bar in a hundred loses or more, by the last bars",
    "Positions": "",
    "Working": "Orders that may still fill",
    "Fills": "",
    "Refusals": "Orders that a limit or the broker refused",
}


class Session:
    """The page of one session."""

    def __init__(self, page: Page, name: str) -> None:
        self._page, self._name = page, name
        self._shown = (-1, "")
        self._slow = self._said = -math.inf
        self._pace = Pace()
        with column():
            self._head()
            with ui.row().classes("ob-figures w-full gap-x-6 gap-y-2"):
                self._figures = {title: Figure(title, hint) for title, hint in _FIGURES.items()}
            with ui.tabs().classes("w-full").props("dense align=left outside-arrows mobile-arrows") as tabs:
                for title in ("Trading", "Charts", "Risk", "Health", "Log"):
                    ui.tab(title)
            self._panels: dict[str, Panel] = {}
            with (
                ui.tab_panels(tabs, value="Trading")
                .classes("w-full bg-transparent")
                .props("keep-alive") as self._tabs
            ):
                for title, make in (
                    ("Trading", lambda: Trading(page, name)), ("Charts", Charts), ("Risk", Risks),
                    ("Health", Machinery), ("Log", Log),
                ):  # fmt: skip
                    with ui.tab_panel(title).classes("q-pa-none gap-4"):
                        self._panels[title] = make()
            self._tabs.on_value_change(self._turn)
        self._watch = watch(page.desk, name)
        self._watch.join(self._update)

    def _head(self) -> None:
        page, name = self._page, self._name
        with ui.row().classes("w-full items-center gap-3"):
            self._badge = ui.badge("").props("data-state role=status")
            self._time = Text(ui.label().classes("ob-dim ob-num"))
            self._age = Text(ui.label().classes("ob-dim ob-num").props("data-age"))
            ui.space()
            self._stop = ui.button(
                "Stop", icon="stop", color="negative", on_click=lambda: ask_to_stop(page, name)
            )
            self._resume = ui.button("Resume", icon="play_arrow", on_click=self._ask_to_resume)
        self._alarm = ui.label().classes("w-full text-white q-pa-sm rounded").props("role=alert data-alarm")
        self._alarm.style(f"background: {BAD}")

    def _turn(self) -> None:
        self._shown, self._slow = (-1, ""), -math.inf
        self._watch.owe()

    def _update(self, sight: Sight) -> None:
        """Show what is new; where nothing is, this costs next to nothing."""
        one = sight.one
        if one is None:
            self._alarm.text = sight.wrong
            self._alarm.set_visibility(True)
            return
        now = monotonic()
        if sight.state != self._badge.text or now - self._said >= _SLOW / 2:
            self._said = now
            self._say(one, sight)
        seen = (one.last, sight.state)
        if seen != self._shown:
            if self._pace.is_free(now):
                self._shown = seen
                self._show(one)
                self._pace.send(now)
            else:
                self._watch.owe()
        if now - self._slow >= _SLOW:
            self._slow = now
            self._panels[str(self._tabs.value)].refresh(one)
            self._show_risk(one.once("risk", risk_of, every=_SLOW))

    def _say(self, one: Follower, sight: Sight) -> None:
        """Say whether the session is there, and how old what is shown is."""
        state, silence = sight.state, words.age(sight.silence)
        if self._badge.text != state:
            self._badge.text = state
            self._badge.props(f"color={BADGES[state]}")
        self._stop.set_visibility(state in AT_WORK and self._page.may_trade)
        self._resume.set_visibility(state == "interrupted" and self._page.may_trade)
        self._age.show("" if sight.silence is None else f"answered {silence} ago")
        said = [f"{name}: {why}" for name, why in one.failed.items()]
        if state == "silent":
            said.insert(0, f"This session has not answered for {silence}. What is shown is old.")
        elif is_quiet(state, sight.silence):
            said.insert(0, f"This session is starting, and has not answered for {silence}.")
        elif state == "interrupted":
            said.insert(0, "This session's process has ended. What is shown is as of its last moment.")
        self._alarm.text = " ".join(said)
        self._alarm.set_visibility(bool(said))

    def _show(self, one: Follower) -> None:
        seen = one.once("session", session_of)
        self._time.show(words.when(one.time))
        standing = seen.strategies
        shown = {
            "Equity": words.money(sum(s.equity for s in standing)),
            "Today": words.change(sum(s.today for s in standing)),
            "Cash": words.money(sum(s.cash for s in standing)),
            "Drawdown": words.share(max((s.drawdown for s in standing), default=0.0)),
            "Positions": f"{sum(s.positions for s in standing):,}",
            "Working": f"{sum(s.working for s in standing):,}",
            "Fills": f"{sum(s.fills for s in standing):,}",
            "Refusals": f"{sum(one.observed.refused.values()):,}",
        }
        for title, text in shown.items():
            self._figures[title].show(text)
        self._panels[str(self._tabs.value)].show(one, seen)

    def _show_risk(self, risk: models.Risk) -> None:
        self._figures["Gross"].show(words.share(risk.gross))
        self._figures["VaR 99%"].show(words.share(risk.value_at_risk))

    def _ask_to_resume(self) -> None:
        page, name = self._page, self._name
        confirm(
            f"Go on with {name}?", "It goes on where it was, with the options that it was begun with.",
            "Resume",
            lambda: page.actions.resume(page.caller, name),
            "it is starting; its log is resumed.log in its folder",
        )  # fmt: skip
