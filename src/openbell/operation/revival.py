"""A session's strategies as they stand, made again from its journal: to look at, not to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from openbell.backtesting.plan import Plan
from openbell.core.account import Account
from openbell.core.errors import ConfigError, Halt, StrategyError
from openbell.execution.factory import capabilities_of
from openbell.execution.port import Capabilities, capabilities_from_json
from openbell.operation.liveopening import hours_of
from openbell.operation.parity import Nowhere
from openbell.operation.streamed import ground_of_record
from openbell.papering import saves_of
from openbell.run.course import make_course, make_live_course, read_course
from openbell.storage.entries import Entry
from openbell.storage.journal import JOURNAL, Journal
from openbell.strategies.registry import find
from openbell.trading.clientids import ClientIds
from openbell.trading.course import Course
from openbell.trading.floor import Floor
from openbell.trading.freezing import Unfrozen
from openbell.trading.gate import Gate
from openbell.trading.livebooks import LiveBooks
from openbell.trading.livecourse import LiveCourse
from openbell.trading.paperbooks import PaperBooks
from openbell.trading.record import Ending, Record
from openbell.trading.rehearsal import INPUTS
from openbell.trading.router import Router
from openbell.trading.summaries import summarise

_CENT = 0.005
_Books = PaperBooks | LiveBooks


class Standing(NamedTuple):
    """A strategy as it stands: its course, and the plan that it began with."""

    course: Course | LiveCourse
    plan: Plan


def revive(folder: Path) -> dict[str, Standing]:
    """Return the strategies of a folder's last session as they stand, by name.

    Its journal is only read, and the session may be running: what came from outside is gone through again,
    from its last save on where that can be used. Nothing is written or sent.

    Raises:
        ConfigError: There is no session, or its strategies are not found or do not do again what they did.
        BadData: The journal is damaged.
    """
    return Revival(folder).look()


class Revival:
    """A folder's last session, which is followed: who looks again waits for what is new alone."""

    def __init__(self, folder: Path) -> None:
        """Take the session's folder; nothing is read yet."""
        self._folder = folder
        self._begun = self._seen = 0  # the events that it began with, and that were gone through
        self._plans: dict[str, Plan] = {}
        self._books: _Books
        self._has_ended = False

    def look(self) -> dict[str, Standing]:
        """Return its strategies as they stand now, by name; see `revive`."""
        path = self._folder / JOURNAL
        with Journal(path, read_only=True) as journal:
            record = Record(journal)
            if record.begun is None:
                raise ConfigError(
                    f"journal {str(path)!r} has no session; `openbell status` lists the sessions"
                )
            if any("sources" not in described for described in record.begun.body["strategies"]):
                raise ConfigError(
                    f"journal {str(path)!r} was begun by an earlier version, which kept too little"
                )
            try:
                self._follow(journal, record, record.begun)
            except (Halt, StrategyError) as error:
                self._begun = 0
                raise ConfigError(
                    f"session {str(self._folder)!r} cannot be gone through again: {error}"
                ) from error
            standing = {name: Standing(one, self._plans[name]) for name, one in self._courses().items()}
            self._check(record, standing)
        return standing

    def _follow(self, journal: Journal, record: Record, begun: Entry) -> None:
        """Go through what is new, or from the last save on where another session has begun."""
        if self._begun != begun.seq:
            self._begun, self._has_ended = 0, False
            self._seen = self._open(journal, record, begun)
            self._begun = begun.seq
        for entry in record.after(self._seen):
            self._seen = entry.seq
            if entry.kind in INPUTS:
                self._redo(entry)
            elif entry.kind == "session" and entry.body["state"] == Ending.END_OF_DATA.value:
                self._end()

    def _open(self, journal: Journal, record: Record, begun: Entry) -> int:
        """Make the session as it was at its last save, or as it began; return the event that it is as of."""
        self._books = self._make(journal, record, begun)
        found = [find(plan.strategy) for plan in self._plans.values()]
        saves = saves_of(list(self._courses().values()), found, journal)
        saved = saves.latest(record)
        if saved is None:
            return 0
        try:
            outside: Mapping[str, object] = {**self._books.outside, "journal": Nowhere()}  # it stays
            self._books.restore(saves.read(saved, outside))
        except (Unfrozen, Halt):
            self._books = self._make(journal, record, begun)
            return 0
        return int(saved.body["upto"])

    def _make(self, journal: Journal, record: Record, begun: Entry) -> _Books:
        """Return the session as it began."""
        self._plans, parts, is_paper = {}, [], journal.account == "paper"
        for described in begun.body["strategies"]:
            name, plan, sources = read_course(described)
            self._plans[name] = plan
            parts.append((name, plan, find(plan.strategy), ground_of_record(plan, name, record, sources)))
        if is_paper:
            return PaperBooks([make_course(*part, Nowhere()) for part in parts], journal)
        courses = [make_live_course(*part, Nowhere()) for part in parts]
        can = _capabilities(begun.body)
        ids = ClientIds(begun.body["id"], longest=can.id_length)
        floor = Floor(courses, Router(Gate(can), ids, is_open=hours_of(courses[0].tape.calendar)))
        return LiveBooks(floor, journal, bool)

    def _courses(self) -> dict[str, Course | LiveCourse]:
        books = self._books
        if isinstance(books, PaperBooks):
            return {one.name: one for one in books.courses}
        return dict(books.floor.courses)

    def _redo(self, entry: Entry) -> None:
        if isinstance(self._books, PaperBooks):
            self._books.redo(entry)
            return
        self._books.floor.apply(entry.kind, entry.body, entry.time)
        self._books.floor.router.take_outgoing()

    def _end(self) -> None:
        """Let a paper session's strategies end, once: its bars have."""
        if isinstance(self._books, PaperBooks) and not self._has_ended:
            self._has_ended = True
            for course in self._books.courses:
                course.stop()

    def _check(self, record: Record, standing: Mapping[str, Standing]) -> None:
        """Refuse what is not what the journal says.

        Raises:
            ConfigError: A strategy holds something else, or has other cash.
        """
        for name, ledger in summarise(record).ledgers.items():
            made = standing[name].course.engine.account
            if _held(made) != _held(ledger.account) or abs(made.cash - ledger.account.cash) > _CENT:
                self._begun = 0
                raise ConfigError(
                    f"session {str(self._folder)!r}: strategy {name!r} does not do again what it did; its "
                    "code has changed since, or it decides by chance"
                )


def _capabilities(begun: Mapping[str, Any]) -> Capabilities:
    """Return what a session's broker could do when it began; an earlier version did not write it down."""
    return capabilities_from_json(begun["can"]) if "can" in begun else capabilities_of(begun["broker"])


def _held(account: Account) -> dict[str, float]:
    return {symbol: round(p.quantity, 6) for symbol, p in account.positions.items() if p.quantity}
