"""Going on where a session stopped: its journal is gone through again, and must say the same again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openbell.core.errors import Halt
from openbell.core.messages import BarMessage
from openbell.storage.journal import Entry
from openbell.trading.records import action_of

#: What comes from outside; everything else follows from it.
INPUTS = (
    "moment", "expect", "leave", "start", "return", "report", "execution", "answer", "settle", "touch",
    "power", "base", "adopt", "open", "act", "reload", "limits", "brake", "ask", "condition",
    "restate", "resplit",
)  # fmt: skip
#: What neither comes from outside nor follows: it is passed over.
_ASIDE = (
    "session", "link", "alarm", "checked", "correction", "feed", "snapshot", "lock", "history", "asked",
    "signal", "saved", "summed",
)  # fmt: skip


class Rehearsal:
    """Stands in for the journal while a session is gone through again, and holds each event against it."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = iter(entries)
        self.checked = 0

    def append(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        time: int,
        wall: int,  # noqa: ARG002  # the computer's clock is another now
        strategy: str = "",
        subject: str = "",
        trace: str = "",  # noqa: ARG002  # as above
    ) -> None:
        """Hold what would be written against what was.

        Raises:
            Halt: It is something else: the strategy or Openbell has changed, or decides by chance.
        """
        if kind in _ASIDE:
            return
        before = self._next()
        if before is None:
            raise Halt(
                f"strategy {strategy}: gone through again, it does more than the journal has ({kind} "
                f"{subject}); its code has changed, so begin a new session"
            )
        same = (before.kind, before.strategy, before.subject, before.time) == (kind, strategy, subject, time)
        if not same or before.body != body:
            raise Halt(
                f"strategy {strategy}: gone through again, it does not do what it did: event {before.seq} "
                f"({before.kind} {before.subject}) is {kind} {subject} now, or has other values; its code "
                "has changed or it decides by chance or by the clock, so begin a new session"
            )
        self.checked += 1

    def inputs(self) -> Iterator[Entry]:
        """Yield what came from outside, each after everything that followed from the one before.

        Raises:
            Halt: Something that followed then does not follow now.
        """
        while (entry := self._next()) is not None:
            if entry.kind not in INPUTS:
                raise Halt(
                    f"event {entry.seq} ({entry.kind} {entry.subject}) of strategy {entry.strategy} does not "
                    "happen again; its code has changed, so begin a new session"
                )
            yield entry

    def _next(self) -> Entry | None:
        return next((entry for entry in self._entries if entry.kind not in _ASIDE), None)


def bars_of(entry: Entry) -> list[BarMessage]:
    """Return the bars of a moment."""
    return [BarMessage(*row) for row in entry.body["bars"]]


def actions_of(entry: Entry) -> list[Any]:
    """Return the corporate actions that an event announces."""
    return [action_of(body) for body in entry.body["actions"]]
