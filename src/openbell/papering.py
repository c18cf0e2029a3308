"""Paper trading: strategies on stored bars, played as a live feed would bring them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Unpack

from openbell.backtesting.plan import Plan
from openbell.core.account import Account
from openbell.core.errors import ConfigError, StrategyError
from openbell.core.messages import BarMessage
from openbell.core.orders import Order
from openbell.core.types import Action, Fill
from openbell.data.bars import Series
from openbell.run import Settings, load_plan, prepare
from openbell.run.course import as_begun, describe_course, ground_of, make_course, read_course
from openbell.storage.journal import JOURNAL, Journal
from openbell.storage.lock import FolderLock
from openbell.strategies.registry import Form, Found
from openbell.trading.continuation import check_same, go_on, is_unfinished, tell_replaced
from openbell.trading.copying import copied
from openbell.trading.course import Course
from openbell.trading.inbox import Inbox
from openbell.trading.ledger import fold
from openbell.trading.livecourse import LiveCourse
from openbell.trading.moments import moments_of
from openbell.trading.pace import paced, read_speed
from openbell.trading.pulse import beating
from openbell.trading.record import Record, latest_session
from openbell.trading.saves import Saves
from openbell.trading.session import Ending, Session

#: Moments that are committed together where nobody waits for them.
_MOMENTS = 256


@dataclass(frozen=True, slots=True)
class Part:
    """One strategy of a session: its name there, what it is, its settings and its bars."""

    name: str
    plan: Plan
    found: Found
    series: Sequence[Series]


@dataclass(frozen=True, slots=True)
class Traded:
    """What became of one strategy: its account, orders and fills, and what it raised, if it did."""

    name: str
    account: Account
    orders: Sequence[Order]
    fills: Sequence[Fill]
    equity: float
    failure: StrategyError | None


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper session that has ended: why, where its journal is, and each strategy's outcome."""

    ending: Ending
    folder: Path
    resumed: int  #: moments that were gone through again, because the session had been interrupted
    strategies: Sequence[Traded]


def paper(
    strategy: str | Form,
    data: Any,
    *,
    speed: str | float = "max",
    state: str | Path = "state/paper",
    **settings: Unpack[Settings],
) -> Paper:
    """Trade a strategy on paper: stored bars, played through the live driver.

    The same bars give the same orders and fills as `backtest`. An interrupted session goes on where it was.

    Args:
        strategy: As for `backtest`.
        data: As for `backtest`.
        speed: How much faster than life, such as `"100x"`; no pause is longer than a second. `"max"` is none.
        state: The folder for the journal.
        **settings: As for `backtest`; `start` and `end` are the first and the last day to play.

    Raises:
        ConfigError: A name or a setting is wrong, or another session uses the folder.
        Halt: The interrupted session cannot be gone on with, because the strategy has changed.
    """
    plan, found, series = prepare(strategy, data, **settings)
    parts = [Part(found.name, plan, found, series)]
    return asyncio.run(run_paper(parts, speed=read_speed(str(speed)), folder=Path(state)))


def parts_of(jobs: Sequence[tuple[str, Plan, Found]]) -> list[Part]:
    """Return the parts of a session with their bars loaded.

    Raises:
        BadData: The data break a rule.
        ConfigError: A name is taken twice.
    """
    names = [name for name, _, _ in jobs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"strategy {twice[0]!r} is named twice in one session; give each its own name")
    return [Part(name, plan, found, _bars(plan)) for name, plan, found in jobs]


async def run_paper(
    parts: Sequence[Part],
    *,
    speed: float,
    folder: Path,
    fresh: bool = False,
    told: Callable[[Session], object] | None = None,
    environ: Mapping[str, str] = os.environ,
    changes: Callable[[Session], Mapping[str, Mapping[str, Any]]] | None = None,
    command: Mapping[str, Any] | None = None,
) -> Paper:
    """Run a session over stored bars until they end, or somebody asks it to stop.

    Args:
        parts: Its strategies.
        speed: How much faster than life; infinite is without pauses.
        folder: Where its journal is.
        fresh: Whether to begin anew although an interrupted session could be gone on with.
        told: Called with the session when it is ready.
        environ: Where the address of a database is, which gets a copy of the journal.
        changes: Asked between two moments for strategies' new parameters, which a watched file has.
        command: How the session was asked for, so that it can be asked for again.

    Raises:
        ConfigError: Another process uses the folder.
        Halt: The interrupted session cannot be gone on with.
    """
    path = folder / JOURNAL
    with FolderLock(folder), Journal(path, account="paper") as journal, copied(path, environ):
        inbox = Inbox(folder)
        record = Record(journal)
        begun = None if fresh or not is_unfinished(record.of_kind("session")) else record.begun
        if begun is not None and changes is not None:
            parts = [_as_begun(part, begun.body) for part in parts]
        about = {"strategies": [_about(part) for part in parts]}
        every = 1 if isfinite(speed) else _MOMENTS

        def make() -> Session:
            return Session([_course(part, journal) for part in parts], journal, requests=inbox, every=every)

        def saves(session: Session) -> Saves:
            return saves_of(session.courses, [part.found for part in parts], journal)

        async with beating(folder) as heart:
            resumed = 0
            if begun is not None:
                check_same(begun.body, about, folder)
                session, resumed = go_on(make, record, saves)
            else:
                tell_replaced(record, folder)
                session = make()
                session.saves = saves(session)
                session.begin({**about, "command": dict(command or {})}, _actions(parts))
            if changes is not None:
                session.changes = lambda: changes(session)
            if told is not None:
                told(session)
            with stop_on_signals(inbox):
                moments = paced(_left(parts, played=session.time if resumed else -1), speed, inbox)
                heart.at_work()
                ending = await session.run(moments)
        return Paper(ending, folder, resumed, outcomes_of(session.courses, journal))


def _as_begun(part: Part, begun: Mapping[str, Any]) -> Part:
    """Return a part with the parameters that it began with: those of now come as a change."""
    for described in begun["strategies"]:
        if described["name"] == part.name:
            return replace(part, plan=as_begun(part.plan, read_course(described)[1]))
    return part


def _actions(parts: Sequence[Part]) -> list[Action]:
    """Return the corporate actions of all symbols, each symbol's once."""
    known = {one.symbol: one.actions for part in parts for one in part.series}
    return [action for actions in known.values() for action in actions]


def _left(parts: Sequence[Part], *, played: int) -> Iterator[list[BarMessage]]:
    """Yield the moments that have not been played yet, over the bars of all strategies."""
    series = {(one.symbol, one.timeframe): one for part in parts for one in part.series}
    return (bars for bars in moments_of(list(series.values())) if bars[-1].end > played)


def saves_of(courses: Sequence[Course | LiveCourse], found: Sequence[Found], journal: Journal) -> Saves:
    """Return where a session's state is saved; it has not run yet."""
    strategies = [course.engine.strategy for course in courses]
    code = {course.name: one.code_hash for course, one in zip(courses, found, strict=True)}
    return Saves(journal, strategies, code)


def folder_name(name: str) -> str:
    """Return a strategy's name as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)


def _bars(plan: Plan) -> list[Series]:
    return load_plan(plan)


def _about(part: Part) -> dict[str, Any]:
    """Return what makes a session another one: all that decides what happens in it, but the bars' end."""
    return describe_course(part.name, part.plan, ground_of(part.plan, part.series))


def _course(part: Part, journal: Journal) -> Course:
    return make_course(part.name, part.plan, part.found, ground_of(part.plan, part.series), journal)


def outcomes_of(courses: Iterable[Course | LiveCourse], journal: Journal) -> list[Traded]:
    """Return what became of strategies; what their desks have let go of is read in the journal again."""
    found, ledgers = [], None
    for course in courses:
        engine = course.engine
        account, orders, fills = engine.account, list(engine.desk.orders.values()), engine.fills
        if engine.retired:
            ledgers = fold(latest_session(journal)[1]) if ledgers is None else ledgers
            ledger = ledgers[course.name]
            account, orders, fills = ledger.account, list(ledger.orders.values()), ledger.fills
        equity = engine.account.equity(course.tape.price)
        found.append(Traded(course.name, account, orders, fills, equity, course.failure))
    return found


@contextmanager
def stop_on_signals(inbox: Inbox) -> Iterator[None]:
    """Let Ctrl-C and a request to terminate stop the session between two moments."""
    loop = asyncio.get_running_loop()
    caught = []
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, inbox.ask, "keep")
        except (
            ValueError,
            RuntimeError,
            NotImplementedError,
        ):  # not the main thread, or not on this system
            continue
        caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
