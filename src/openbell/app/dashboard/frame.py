"""What every page has: its head, its way back, light and dark, and a watch over the connection itself."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import ui

from openbell.app.access import Caller, Scope
from openbell.app.dashboard.tables import SCRIPT, STYLE
from openbell.app.desk import Desk
from openbell.app.jobs import Jobs
from openbell.app.routes.actions import Actions

_BEAT = 1.0  #: seconds between two signs of life to the browser
#: Blue and orange are told apart by everybody; what is good or bad has a sign or a word beside its colour.
GOOD, BAD, QUIET = "#0b5cad", "#b85400", "#5f6368"
#: The colour of text beside the figures on a light page and on a dark one, and of the pages themselves.
DIM, PAPER = ("#5f6368", "#a9adb2"), ("#ffffff", "#121212")
_DIM = f".ob-dim {{ color: {DIM[0]}; }} .body--dark .ob-dim {{ color: {DIM[1]}; }}"
_HEAD = """
<style>
.ob-lost { display: none; }
.ob-stale .ob-lost { display: block; }
.ob-stale .ob-live, .ob-old .ob-figures { opacity: .35; }
.ob-num { font-variant-numeric: tabular-nums; }
.ob-bad { color: #b85400; } .body--dark .ob-bad { color: #f0924a; }
a.nicegui-link { color: #0b5cad; } .body--dark a.nicegui-link { color: #7db4f5; }
.q-tab-panel { padding: 8px 0 !important; }
:focus-visible { outline: 2px solid #0b5cad !important; outline-offset: 2px; }
@media (max-width: 600px) { .nicegui-content { padding: .5rem; } .q-tab { padding: 0 10px; } }
</style>
<script>
window.obBeat = Date.now();
window.obDrawn = (name, number) => {
  const say = () => emitEvent(name, number);
  if (document.hidden) say(); else requestAnimationFrame(() => setTimeout(say, 0));
};
setInterval(() => document.body.classList.toggle('ob-stale', Date.now() - window.obBeat > 3000), 250);
</script>
"""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page needs: what it looks at, what it may ask, and who looks."""

    desk: Desk
    actions: Actions
    jobs: Jobs
    caller: Caller

    @property
    def may_trade(self) -> bool:
        """Whether who looks may ask things of sessions."""
        return self.caller.scope >= Scope.TRADE


def frame(title: str, *, back: bool) -> None:
    """Place the head, and begin to tell the browser that the server is there."""
    ui.colors(primary=GOOD, negative=BAD, positive=GOOD, warning=BAD, secondary=QUIET)
    ui.add_head_html(f"{_HEAD}<style>{_DIM}{STYLE}</style><script>{SCRIPT}</script>")
    ui.dark_mode(None)  # as the computer is
    with ui.header().classes("items-center q-py-sm no-wrap"):
        if back:
            _button("arrow_back", "/", "Back to all sessions")
        ui.label(title).classes("text-h6 ellipsis").props("role=heading aria-level=1")
        ui.space()
        _button("science", "/research", "Research: runs, sweeps and jobs")
        _button("notifications", "/alerts", "Alerts and actions")
        ui.button(icon="contrast").props("flat round dense color=white aria-label='Light or dark'").on(
            "click",
            js_handler="() => Quasar.Dark.toggle()",  # the browser knows which of them it is
        )
    ui.label("The server does not answer. What is shown is old.").classes(
        "ob-lost w-full text-center text-white q-pa-sm"
    ).style(f"background: {BAD}").props("role=alert")
    ui.timer(_BEAT, lambda: ui.run_javascript("window.obBeat = Date.now()"))


def column() -> ui.column:
    """Return the column that a page's parts stand in."""
    return ui.column().classes("ob-live w-full max-w-6xl mx-auto gap-4")


def _button(icon: str, target: str, says: str) -> None:
    ui.button(icon=icon, on_click=lambda: ui.navigate.to(target)).props(
        f"flat round dense color=white aria-label='{says}'"
    )
