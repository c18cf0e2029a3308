"""A session's strategies as they stand, made again from its journal: to look at, not to go on with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from openbell.backtesting.plan import Plan
from openbell.core.account import Account
from openbell.core.errors import ConfigError, Halt, StrategyError
from openbell.execution.factory import capabilities_of
from openbell.operation.liveopening import hours_of
from openbell.operation.parity import Nowhere
from openbell.operation.streamed import ground_of_record
from openbell.run.course import make_course, make_live_course, read_course
from openbell.storage.entries import Entry
from openbell.storage.journal import JOURNAL, Journal
from openbell.strategies.registry import find
from openbell.trading.clientids import ClientIds
from openbell.trading.course import Course
from openbell.trading.floor import Floor
from openbell.trading.gate import Gate
from openbell.trading.ledger import fold
from openbell.trading.livecourse import LiveCourse
from openbell.trading.paperbooks import PaperBooks
from openbell.trading.record import Ending, Record
from openbell.trading.rehearsal import INPUTS
from openbell.trading.router import Router

_CENT = 0.005


class Standing(NamedTuple):
    """A strategy as it stands: its course, and the plan that it began with."""

    course: Course | LiveCourse
    plan: Plan


def revive(folder: Path) -> dict[str, Standing]:
    """Return the strategies of a folder's last session as they stand, by name.

    Its journal is only read, and the session may be running: what came from outside is gone through again.
    Nothing is written or sent.

    Raises:
        ConfigError: There is no session, or its strategies are not found or do not do again what they did.
        BadData: The journal is damaged.
    """
    path = folder / JOURNAL
    with Journal(path, read_only=True) as journal:
        record = Record(journal)
        if record.begun is None:
            raise ConfigError(f"journal {str(path)!r} has no session; `openbell status` lists the sessions")
        if any("sources" not in described for described in record.begun.body["strategies"]):
            raise ConfigError(f"journal {str(path)!r} was begun by an earlier version, which kept too little")
        entries = list(record.after())
        inputs = [entry for entry in entries if entry.kind in INPUTS]
        try:
            if journal.account == "paper":
                standing = _on_paper(journal, record, inputs)
                if _has_ended(entries):
                    for one in standing.values():
                        one.course.stop()
            else:
                standing = _live(record, record.begun, inputs)
        except (Halt, StrategyError) as error:
            raise ConfigError(f"session {str(folder)!r} cannot be gone through again: {error}") from error
    _check(folder, standing, entries)
    return standing


def _on_paper(journal: Journal, record: Record, inputs: Sequence[Entry]) -> dict[str, Standing]:
    standing: dict[str, Standing] = {}
    courses = []
    for described in record.begun.body["strategies"] if record.begun else ():
        name, plan, sources = read_course(described)
        ground = ground_of_record(plan, name, record, sources)
        courses.append(make_course(name, plan, find(plan.strategy), ground, Nowhere()))
        standing[name] = Standing(courses[-1], plan)
    books = PaperBooks(courses, journal)
    for entry in inputs:
        books.redo(entry)
    return standing


def _live(record: Record, begun: Entry, inputs: Sequence[Entry]) -> dict[str, Standing]:
    standing: dict[str, Standing] = {}
    courses = []
    for described in begun.body["strategies"]:
        name, plan, sources = read_course(described)
        ground = ground_of_record(plan, name, record, sources)
        courses.append(make_live_course(name, plan, find(plan.strategy), ground, Nowhere()))
        standing[name] = Standing(courses[-1], plan)
    can = capabilities_of(begun.body["broker"])
    ids = ClientIds(begun.body["id"], longest=can.id_length)
    floor = Floor(courses, Router(Gate(can), ids, is_open=hours_of(courses[0].tape.calendar)))
    for entry in inputs:
        floor.apply(entry.kind, entry.body, entry.time)
        floor.router.take_outgoing()
    return standing


def _has_ended(entries: Sequence[Entry]) -> bool:
    return any(
        entry.kind == "session" and entry.body["state"] == Ending.END_OF_DATA.value for entry in entries
    )


def _check(folder: Path, standing: dict[str, Standing], entries: Sequence[Entry]) -> None:
    """Refuse what is not what the journal says.

    Raises:
        ConfigError: A strategy holds something else, or has other cash.
    """
    for name, ledger in fold(entries).items():
        made = standing[name].course.engine.account
        if _held(made) != _held(ledger.account) or abs(made.cash - ledger.account.cash) > _CENT:
            raise ConfigError(
                f"session {str(folder)!r}: strategy {name!r} does not do again what it did; its "
                "code has changed since, or it decides by chance"
            )


def _held(account: Account) -> dict[str, float]:
    return {symbol: round(p.quantity, 6) for symbol, p in account.positions.items() if p.quantity}
