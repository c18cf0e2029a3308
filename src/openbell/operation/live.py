"""Live trading: strategies on a provider's stream and a broker's account, with a journal of it all."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY, Instrument
from openbell.data.bars import Series
from openbell.data.live.opening import make_plan
from openbell.data.providers.protocol import Span
from openbell.execution.port import Balance, Holding, LiveBroker
from openbell.operation.accountlock import held
from openbell.operation.broadcast import published
from openbell.operation.standby import Spare, standing_by
from openbell.operation.streamed import Job, Stream, begin_of, ground_again, ground_on
from openbell.operation.streaming import Streaming
from openbell.operation.warmup import Source
from openbell.papering import JOURNAL, Traded, outcomes_of, stop_on_signals
from openbell.portfolio.currencies import currency_of
from openbell.run.course import describe_course, make_live_course, read_course, with_parameters
from openbell.storage.journal import Entry, Journal
from openbell.storage.lock import FolderLock
from openbell.trading.circumstances import channels_for
from openbell.trading.clientids import ClientIds, session_id
from openbell.trading.continuation import check_same, is_unfinished, tell_replaced
from openbell.trading.copying import copied
from openbell.trading.floor import Floor
from openbell.trading.gate import Gate
from openbell.trading.inbox import Inbox
from openbell.trading.livecourse import LiveCourse
from openbell.trading.livesession import LiveSession
from openbell.trading.pulse import beating
from openbell.trading.recall import past_of
from openbell.trading.reconcile import Policy
from openbell.trading.record import latest_session
from openbell.trading.router import Router
from openbell.trading.sender import Timing
from openbell.trading.session import Ending
from openbell.utils.ratelimit import Budget

#: The part of a share that is a lot where fractions are traded: brokers' own are finer, and float noise.
FRACTION = 1e-06


@dataclass(frozen=True, slots=True)
class Venue:
    """Where orders go.

    Args:
        broker: The account, not connected yet.
        budget: How many requests it may make.
        policy: What to do with differences between account and books that nothing explains.
        timing: How long to wait for what.
        spare: What a second connection needs, by which a stop reaches the broker while the session hangs.
        fractional: Whether shares that can be are traded in parts of one.
    """

    broker: LiveBroker
    budget: Budget
    policy: Policy | None = None
    timing: Timing | None = None
    spare: Spare | None = None
    fractional: bool = False

    def part(self, instrument: Instrument) -> Instrument:
        """Return an instrument with the lot that it is traded in here."""
        if not (self.fractional and instrument.fractionable):
            return instrument
        return replace(instrument, lot=min(instrument.lot, FRACTION))


@dataclass(frozen=True, slots=True)
class Account:
    """A broker's account, as it is shown before anything is sent."""

    id: str
    balance: Balance
    holdings: Sequence[Holding]

    @property
    def is_real(self) -> bool:
        """Whether real money is traded: its id does not say that it is on paper."""
        return ":paper:" not in self.id


@dataclass(frozen=True, slots=True)
class Live:
    """A live session that has ended: why, where its journal is, and each strategy's outcome."""

    ending: Ending
    folder: Path
    account: str
    resumed: int  #: inputs that were gone through again, because the session had been interrupted
    strategies: Sequence[Traded]


async def run_live(  # noqa: PLR0913  # all but the first three are named, and may be left out
    jobs: Sequence[Job],
    stream: Stream,
    venue: Venue,
    *,
    folder: Path,
    agree: Callable[[Account], Awaitable[bool]],
    fresh: bool = False,
    told: Callable[[LiveSession], object] | None = None,
    changes: Callable[[LiveSession], Mapping[str, Mapping[str, Any]]] | None = None,
    command: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Live:
    """Trade until somebody asks to stop.

    Args:
        jobs: The strategies, each with its share of the capital as its plan's cash.
        stream: Where the bars come from.
        venue: Where orders go.
        folder: Where the journal is, and in `feed` what the stream said.
        agree: Shown the account before anything is sent; False ends it there.
        fresh: Whether to begin anew although an interrupted session could be gone on with.
        told: Called with the session when it is ready.
        changes: Asked between two inputs for strategies' new parameters.
        command: How the session was asked for, so that it can be asked for again.
        environ: Where the addresses are of a database, which gets a copy of the journal, and of a Redis,
            which has the account's lock and hears of all events.

    Raises:
        ConfigError: Another process uses the folder, the account cannot trade, or nobody agreed.
        Halt: The account is not what the books say, or the interrupted session cannot be gone on with.
    """
    path, broker = folder / JOURNAL, venue.broker
    try:
        account = Account(await broker.connect(), await broker.balance(), await broker.holdings())
        if account.balance.blocked:
            raise ConfigError(f"account {account.id} cannot trade: {account.balance.blocked}")
        if not await agree(account):
            raise ConfigError(f"account {account.id}: nobody agreed to trade on it, so nothing was sent")
        async with AsyncExitStack() as kept:
            kept.enter_context(FolderLock(folder))
            guard = await kept.enter_async_context(held(account.id, environ))
            journal = kept.enter_context(Journal(path, account=account.id))
            kept.enter_context(copied(path, environ))
            await kept.enter_async_context(published(path, "", environ))
            inbox = Inbox(folder)
            kept.enter_context(standing_by(folder, venue.spare))
            begun, entries = latest_session(journal)
            symbols = _symbols(jobs)
            source = Source(stream.provider, stream.catalog, stream.budget)
            resumed, since = 0, None
            if begun is not None and not fresh and is_unfinished(entries):
                session = _resume(
                    jobs, journal, venue, inbox, begun=begun, entries=entries, follows=changes is not None
                )
                resumed = session.resume(entries)
                since = _last_bar(entries)
            else:
                tell_replaced(begun, entries, folder)
                session = await _begin(
                    jobs, journal, venue, inbox, source=source, stream=stream, command=command,
                    currency=account.balance.currency,
                )  # fmt: skip
            session.guard = guard
            if changes is not None:
                session.changes = lambda: changes(session)
            if told is not None:
                told(session)
            channels = channels_for(stream.provider, [one.risk for _, one, _ in jobs])
            streaming = Streaming(
                source, symbols, clock=stream.time, folder=folder, requests=inbox, budget=stream.budget,
                hours=stream.hours, channels=channels, share=stream.share,
            )  # fmt: skip
            with stop_on_signals(inbox):
                items = streaming.items(session, since=since)
                async with aclosing(items), beating(folder, lambda: session.waiting):
                    ending = await session.run(items)
            courses = session.floor.courses.values()
            return Live(ending, folder, account.id, resumed, outcomes_of(courses, journal))
    finally:
        await broker.close()


async def _begin(
    jobs: Sequence[Job],
    journal: Journal,
    venue: Venue,
    inbox: Inbox,
    *,
    source: Source,
    stream: Stream,
    command: Mapping[str, Any] | None,
    currency: str,
) -> LiveSession:
    """Begin a new session: with the facts of its symbols, in the account's currency, and the bars before."""
    symbols = _symbols(jobs)
    feed = make_plan(stream.provider, symbols)
    now = await begin_of(stream, stream.time, symbols)
    instruments = {symbol: venue.part(await source.instrument(symbol)) for symbol in symbols}
    currency_of(instruments.values(), account=currency)
    past: dict[str, Series] = {}
    for symbol in symbols if stream.history else ():
        before = await source.past(symbol, feed, until=now, count=stream.history)
        if before is not None:
            past[symbol] = before
    courses, described = [], []
    for name, plan, found in jobs:
        ground = ground_on(plan, stream.provider, instruments, past, now)
        courses.append(make_live_course(name, plan, found, ground, journal))
        described.append(describe_course(name, plan, ground))
    about: dict[str, Any] = {"strategies": described, "id": session_id(time.time_ns())}
    about["broker"] = venue.broker.name
    about["command"] = dict(command or {})
    session = _session(courses, journal, venue, inbox, identity=str(about["id"]))
    actions = await source.actions(symbols, _span_of_today(now))
    session.begin(about, actions)
    return session


def _resume(
    jobs: Sequence[Job],
    journal: Journal,
    venue: Venue,
    inbox: Inbox,
    *,
    begun: Entry,
    entries: Sequence[Entry],
    follows: bool,
) -> LiveSession:
    """Return an interrupted session as it began: what it is told again brings it to where it was.

    With `follows` parameters are taken from a file that is watched, and may be others now.

    Raises:
        ConfigError: It is another one than the one that is asked for.
    """
    asked = {name: (plan, found) for name, plan, found in jobs}
    latest = max([entry.time for entry in entries], default=0)
    courses, now = [], []
    for described in begun.body["strategies"]:
        name, plan, sources = read_course(described)
        if name not in asked:
            raise ConfigError(
                f"the interrupted session in {str(inbox.folder)!r} has a strategy {name!r}, which is not "
                "asked; give the same, or begin anew with --new"
            )
        mine, found = asked[name]
        past = past_of(entries, sources)
        begin = next(entry.time for entry in entries if entry.kind == "strategy" and entry.strategy == name)
        ground = ground_again(plan, sources, past, begin=begin, latest=latest)
        parameters = plan.parameters if follows else mine.parameters
        now.append(describe_course(name, with_parameters(mine, parameters), ground))
        courses.append(make_live_course(name, plan, found, ground, journal))
    check_same(begun.body, {"strategies": now}, inbox.folder)
    return _session(courses, journal, venue, inbox, identity=begun.body["id"])


def _session(
    courses: Sequence[LiveCourse],
    journal: Journal,
    venue: Venue,
    inbox: Inbox,
    *,
    identity: str,
) -> LiveSession:
    calendar = courses[0].tape.calendar

    def is_open(moment: int) -> bool:
        return calendar.opens[calendar.index_after(moment)] <= moment

    broker = venue.broker
    ids = ClientIds(identity, longest=broker.capabilities.id_length)
    floor = Floor(courses, Router(Gate(broker.capabilities), ids, is_open=is_open))
    return LiveSession(
        floor,
        journal,
        broker,
        budget=venue.budget,
        requests=inbox,
        policy=venue.policy,
        timing=venue.timing,
    )


def _symbols(jobs: Sequence[Job]) -> list[str]:
    return list(dict.fromkeys(symbol for _, plan, _ in jobs for symbol in plan.symbols))


def _last_bar(entries: Sequence[Entry]) -> int | None:
    """Return when the last bar that was taken opened, ns UTC; None if there was none."""
    moments = [entry for entry in entries if entry.kind == "moment"]
    return int(moments[-1].body["bars"][-1][1]) if moments else None


def _span_of_today(now: int) -> Span:
    return Span(now - now % NANOS_PER_DAY, now + NANOS_PER_DAY)
