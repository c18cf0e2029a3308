"""What was told to whom, and who asked for what."""

from __future__ import annotations

from nicegui import ui

from openbell.app.access import Scope
from openbell.app.alerts.book import Book
from openbell.app.audit import Audit
from openbell.app.dashboard import words
from openbell.app.dashboard.frame import Page, column
from openbell.app.dashboard.tables import Table

_EVERY = 1.0
_ROWS = 100


class Notices:
    """Alerts that were sent, and the audit log for who may see it."""

    def __init__(self, page: Page) -> None:
        self._book, self._audit = Book(page.desk.state), Audit(page.desk.state)
        self._actions: Table | None = None
        with column():
            self._sent = Table(
                "sent", {"time": "Time", "name": "Target", "status": "Outcome", "said": "Says",
                "reason": "Why"},
                "No alert was sent. `openbell alerts watch` sends them, by config/alerts.yaml.",
                title="Alerts",
            )  # fmt: skip
            if page.caller.scope >= Scope.ADMIN:
                self._actions = Table(
                    "audit", {"time": "Time", "name": "Who", "kind": "Asked", "text": "Of",
                    "status": "Outcome"},
                    "Nobody has asked for anything.", title="Actions",
                )  # fmt: skip
        self._update()
        ui.timer(_EVERY, self._update)

    def _update(self) -> None:
        self._sent.fill([
            {
                "key": number, "time": words.when(line["time"]), "name": line["target"],
                "status": line["outcome"],
                "said": line["body"] or line["title"], "reason": line["why"],
            }
            for number, line in reversed(list(enumerate(self._book.read(_ROWS))))
        ])  # fmt: skip
        if self._actions is not None:
            self._actions.fill([
                {
                    "key": number, "time": words.when(line["time"]), "name": line["by"],
                    "kind": line["action"],
                    "text": line["on"], "status": line["outcome"],
                }
                for number, line in reversed(list(enumerate(self._audit.read(_ROWS))))
            ])  # fmt: skip
