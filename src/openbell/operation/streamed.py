"""Paper trading on a real stream: one feed, several strategies, the simulated broker of the backtest."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from openbell.backtesting.plan import Plan
from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Instrument
from openbell.data.bars import Series
from openbell.data.bars import Source as Identity
from openbell.data.calendar import BeyondCalendar, Sessions, sessions
from openbell.data.catalog import Catalog
from openbell.data.live.clock import Clock, StreamClock, WallClock
from openbell.data.live.opening import make_plan
from openbell.data.providers.protocol import Provider
from openbell.operation.broadcast import published
from openbell.operation.streaming import Streaming
from openbell.operation.warmup import Source
from openbell.papering import Paper, outcomes_of, saves_of, stop_on_signals
from openbell.run.course import Ground, as_begun, describe_course, make_course, read_course
from openbell.storage.journal import JOURNAL, Entry, Journal
from openbell.storage.lock import FolderLock
from openbell.strategies.registry import Found
from openbell.trading.circumstances import channels_for
from openbell.trading.continuation import check_same, go_on, is_unfinished, tell_replaced
from openbell.trading.copying import copied
from openbell.trading.inbox import Inbox
from openbell.trading.pulse import beating
from openbell.trading.recall import past_of
from openbell.trading.record import Record
from openbell.trading.saves import Saves
from openbell.trading.session import Session
from openbell.utils.logging import get_logger
from openbell.utils.ratelimit import Budget

#: Bars of history that indicators begin with.
HISTORY = 500
_ANOTHER_TIME = 4 * 3600 * NANOS_PER_SECOND  #: no clock that is set wrong is as far off
_OVERLAP = 600 * NANOS_PER_SECOND  #: what is asked again after a stop: a bar may have been under way
_YEARS = (300, 40)  #: days ahead for which the exchange's sessions are asked, as far as they are known

#: One strategy of a session: its name there, what decides it, and what it is.
Job = tuple[str, Plan, Found]


@dataclass(frozen=True, slots=True)
class Stream:
    """Where bars come from, and how.

    Args:
        provider: Whose stream it is.
        budget: Of the provider's account.
        catalog: Where bars of before may be; None is nowhere.
        history: How many bars of before indicators begin with.
        hours: Whether to be connected while the exchange is open only.
        until: No moment after this one is played, ns UTC.
        clock: What tells the time; None is the wall's, and for synthetic prices the stream's own.
    """

    provider: Provider
    budget: Budget | None = None
    catalog: Catalog | None = None
    history: int = HISTORY
    hours: bool = False
    until: int | None = None
    clock: Clock | None = None
    share: str = ""  #: the address of a Redis that gets the quotes, for other processes; none is empty

    @property
    def time(self) -> Clock:
        """What tells the time."""
        return self.clock or (StreamClock() if self.is_synthetic else WallClock())

    def at(self, now: int) -> Stream:
        """Return the stream with the clock of a market whose time is `now`, ns UTC.

        Where that is hours from ours, the market is a simulated one: its bars set the clock then.
        """
        if self.clock is not None or self.is_synthetic or abs(now - WallClock().now()) < _ANOTHER_TIME:
            return self
        get_logger().warning("the broker's clock is hours off this computer's: the market's own time counts")
        clock = StreamClock()
        clock.follow(now)
        return replace(self, clock=clock)

    @property
    def is_synthetic(self) -> bool:
        """Whether the stream has a time of its own."""
        return self.provider.name == "synthetic"


async def run_streamed(
    jobs: Sequence[Job],
    stream: Stream,
    *,
    folder: Path,
    fresh: bool = False,
    told: Callable[[Session], object] | None = None,
    changes: Callable[[Session], Mapping[str, Mapping[str, Any]]] | None = None,
    command: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Paper:
    """Run a session on a stream until somebody asks it to stop.

    Args:
        jobs: Its strategies.
        stream: Where the bars come from.
        folder: Where its journal is, and in `feed` what the stream said.
        fresh: Whether to begin anew although an interrupted session could be gone on with.
        told: Called with the session when it is ready.
        changes: Asked between two moments for strategies' new parameters.
        command: How the session was asked for, so that it can be asked for again.
        environ: Where the address of a database is, which gets a copy of the journal.

    Raises:
        ConfigError: Another process uses the folder, or a symbol is not the provider's.
        Halt: The interrupted session cannot be gone on with.
    """
    path = folder / JOURNAL
    clock = stream.time
    symbols = list(dict.fromkeys(symbol for _, plan, _ in jobs for symbol in plan.symbols))
    source = Source(stream.provider, stream.catalog, stream.budget)
    with FolderLock(folder), Journal(path, account="paper") as journal, copied(path, environ):
        inbox = Inbox(folder)
        async with beating(folder) as heart:
            record = Record(journal)
            begun = None if fresh or not is_unfinished(record.of_kind("session")) else record.begun
            streaming = Streaming(
                source, symbols, clock=clock, folder=folder, requests=inbox, budget=stream.budget,
                hours=stream.hours, until=stream.until, share=stream.share,
                channels=channels_for(stream.provider, [plan.risk for _, plan, _ in jobs]),
            )  # fmt: skip
            closes = (one.body["close"] for one in record.of_kind("snapshot"))
            streaming.closed = max(closes, default=0)
            if begun is not None:
                again = partial(_resume, jobs, record, inbox, begun, follows=changes is not None)
                session, resumed = go_on(again, record, partial(_saves, jobs))
            else:
                tell_replaced(record, folder)
                session = await _begin(
                    jobs, journal, inbox, source, stream=stream, clock=clock, command=command
                )
                resumed = 0
            if changes is not None:
                session.changes = lambda: changes(session)
            if told is not None:
                told(session)
            since = session.time - _OVERLAP if resumed else None if stream.is_synthetic else session.time
            async with published(path, f"paper:{folder.name}", environ):
                with stop_on_signals(inbox):
                    heart.at_work()
                    ending = await session.run(streaming.moments(session, since=since))
        return Paper(ending, folder, resumed, outcomes_of(session.courses, journal))


async def _begin(
    jobs: Sequence[Job],
    journal: Journal,
    inbox: Inbox,
    source: Source,
    *,
    stream: Stream,
    clock: Clock,
    command: Mapping[str, Any] | None,
) -> Session:
    """Begin a new session: with the facts of its symbols, and the bars of before."""
    symbols = list(dict.fromkeys(symbol for _, plan, _ in jobs for symbol in plan.symbols))
    feed = make_plan(stream.provider, symbols)
    now = await begin_of(stream, clock, symbols)
    instruments = {symbol: await source.instrument(symbol) for symbol in symbols}
    past: dict[str, Series] = {}
    if stream.history:
        for symbol in symbols:
            before = await source.past(symbol, feed, until=now, count=stream.history)
            if before is not None:
                past[symbol] = before
    courses, described = [], []
    for name, plan, found in jobs:
        ground = ground_on(plan, stream.provider, instruments, past, now)
        courses.append(make_course(name, plan, found, ground, journal))
        described.append(describe_course(name, plan, ground))
    session = Session(courses, journal, requests=inbox)
    session.saves = _saves(jobs, session)
    session.begin({"strategies": described, "command": dict(command or {})}, past=past.values())
    return session


def _saves(jobs: Sequence[Job], session: Session) -> Saves:
    found = {name: one for name, _, one in jobs}
    return saves_of(session.courses, [found[course.name] for course in session.courses], session.journal)


async def begin_of(stream: Stream, clock: Clock, symbols: Sequence[str]) -> int:
    """Return the moment before a session's first one, ns UTC."""
    step = make_plan(stream.provider, symbols).step
    if stream.is_synthetic:
        return (await stream.provider.quote(symbols[0])).time - step
    return clock.now() - clock.now() % step


def ground_on(
    plan: Plan,
    provider: Provider,
    instruments: Mapping[str, Instrument],
    past: Mapping[str, Series],
    now: int,
) -> Ground:
    """Return what a strategy's course on a stream stands on."""
    given = {one.symbol: one for one in plan.instruments}
    sources = {symbol: provider.source(symbol) for symbol in plan.symbols}
    own = {symbol: past[symbol] for symbol in plan.symbols if symbol in past}
    first = min([now, *(int(series.start[0]) for series in own.values())])
    calendar = next(iter(sources.values())).calendar
    kept = [given.get(symbol) or instruments[symbol] for symbol in plan.symbols]
    return Ground(kept, sources, _sessions(calendar, first, now), now, own)


def ground_of_record(plan: Plan, name: str, record: Record, sources: Mapping[str, Identity]) -> Ground:
    """Return the ground that a session began on, with the exchange's sessions beyond its last moment."""
    past = past_of(record.of_kind("history"), sources)
    begin = next(entry.time for entry in record.of_kind("strategy") if entry.strategy == name)
    latest = 0 if record.last is None else record.last.time
    first = min([begin, *(int(series.start[0]) for series in past.values())])
    calendar = next(iter(sources.values())).calendar
    return Ground(plan.instruments, sources, _sessions(calendar, first, max(latest, begin)), begin, past)


def _sessions(calendar: str, first: int, now: int) -> Sessions:
    """Return the exchange's sessions up to a year from now, or as far as they are known."""
    for days in _YEARS[:-1]:
        try:
            return sessions(calendar, first, now + days * NANOS_PER_DAY)
        except BeyondCalendar:
            continue
    return sessions(calendar, first, now + _YEARS[-1] * NANOS_PER_DAY)


def _resume(jobs: Sequence[Job], record: Record, inbox: Inbox, begun: Entry, *, follows: bool) -> Session:
    """Return an interrupted session as it began: what it is told again brings it to where it was.

    With `follows` parameters are taken from a file that is watched, and may be others now.

    Raises:
        ConfigError: It is another one than the one that is asked for.
    """
    recorded = begun.body["strategies"]
    asked = {name: (plan, found) for name, plan, found in jobs}
    courses, now = [], []
    for described in recorded:
        name, plan, sources = read_course(described)
        if name not in asked:
            raise ConfigError(
                f"the interrupted session in {str(inbox.folder)!r} has a strategy {name!r}, which is not "
                "asked; give the same, or begin anew with --new"
            )
        mine, found = asked[name]
        ground = ground_of_record(plan, name, record, sources)
        now.append(describe_course(name, as_begun(mine, plan) if follows else mine, ground))
        courses.append(make_course(name, plan, found, ground, record.journal))
    check_same(begun.body, {"strategies": now}, inbox.folder)
    return Session(courses, record.journal, requests=inbox)
