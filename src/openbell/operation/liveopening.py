"""How a live session is opened: begun, or gone on with where an interrupted one stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openbell.core.clock import Sessions
from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import Series
from openbell.data.live.opening import make_plan
from openbell.data.providers.protocol import Span
from openbell.operation.streamed import Job, Stream, begin_of, ground_of_record, ground_on
from openbell.operation.venue import Venue
from openbell.operation.warmup import Source
from openbell.papering import saves_of
from openbell.portfolio.currencies import currency_of
from openbell.run.course import as_begun, describe_course, make_live_course, read_course
from openbell.storage.entries import Entry
from openbell.storage.journal import Journal
from openbell.trading.clientids import ClientIds, session_id
from openbell.trading.continuation import check_same, go_on, is_unfinished, tell_replaced
from openbell.trading.floor import Floor
from openbell.trading.gate import Gate
from openbell.trading.inbox import Inbox
from openbell.trading.livecourse import LiveCourse
from openbell.trading.livesession import LiveSession
from openbell.trading.record import Record
from openbell.trading.router import Router
from openbell.trading.saves import Saves


@dataclass(frozen=True, slots=True)
class Opening:
    """What a live session is opened with.

    Args:
        jobs: The strategies.
        stream: Where the bars come from.
        source: What is known of the symbols.
        venue: Where orders go.
        journal: The account's.
        inbox: Where somebody may ask for something.
        follows: Whether parameters are taken from a file that is watched, and may be others now.
    """

    jobs: Sequence[Job]
    stream: Stream
    source: Source
    venue: Venue
    journal: Journal
    inbox: Inbox
    follows: bool

    @property
    def symbols(self) -> list[str]:
        """All strategies' symbols."""
        return list(dict.fromkeys(symbol for _, plan, _ in self.jobs for symbol in plan.symbols))

    async def open(
        self, *, fresh: bool, command: Mapping[str, Any] | None, currency: str
    ) -> tuple[LiveSession, int, int | None]:
        """Return a session, the inputs that an interrupted one had, and when its last bar opened (ns UTC).

        Args:
            fresh: Whether to begin anew although an interrupted session could be gone on with.
            command: How it was asked for.
            currency: The account's.

        Raises:
            ConfigError: The interrupted session is another one than the one that is asked for.
            Halt: It cannot be gone on with.
        """
        record = Record(self.journal)
        if record.begun is None or fresh or not is_unfinished(record.of_kind("session")):
            tell_replaced(record, self.inbox.folder)
            return await self._begin(command, currency), 0, None
        begun = record.begun
        session, had = go_on(lambda: self._as_begun(record, begun), record, self._saves)
        moment = record.latest("moment")
        return session, had, None if moment is None else int(moment.body["bars"][-1][1])

    async def _begin(self, command: Mapping[str, Any] | None, currency: str) -> LiveSession:
        """Begin a new session: with the facts of its symbols, in the account's currency, and the past."""
        symbols, stream, source = self.symbols, self.stream, self.source
        feed = make_plan(stream.provider, symbols)
        now = await begin_of(stream, stream.time, symbols)
        instruments = {symbol: self.venue.part(await source.instrument(symbol)) for symbol in symbols}
        currency_of(instruments.values(), account=currency)
        past: dict[str, Series] = {}
        for symbol in symbols if stream.history else ():
            before = await source.past(symbol, feed, until=now, count=stream.history)
            if before is not None:
                past[symbol] = before
        courses, described = [], []
        for name, plan, found in self.jobs:
            ground = ground_on(plan, stream.provider, instruments, past, now)
            courses.append(make_live_course(name, plan, found, ground, self.journal))
            described.append(describe_course(name, plan, ground))
        about: dict[str, Any] = {"strategies": described, "id": session_id(time.time_ns())}
        broker = self.venue.broker
        about |= {"broker": broker.name, "can": broker.capabilities.as_json(), "command": dict(command or {})}
        session = self._session(courses, about["id"])
        session.saves = self._saves(session)
        actions = await source.actions(symbols, Span(now - now % NANOS_PER_DAY, now + NANOS_PER_DAY))
        session.begin(about, actions, past.values())
        return session

    def _as_begun(self, record: Record, begun: Entry) -> LiveSession:
        """Return an interrupted session as it began: what it is told again brings it to where it was.

        Raises:
            ConfigError: It is another one than the one that is asked for.
        """
        asked = {name: (plan, found) for name, plan, found in self.jobs}
        courses, now = [], []
        for described in begun.body["strategies"]:
            name, plan, sources = read_course(described)
            if name not in asked:
                raise ConfigError(
                    f"the interrupted session in {str(self.inbox.folder)!r} has a strategy {name!r}, which "
                    "is not asked; give the same, or begin anew with --new"
                )
            mine, found = asked[name]
            ground = ground_of_record(plan, name, record, sources)
            now.append(describe_course(name, as_begun(mine, plan) if self.follows else mine, ground))
            courses.append(make_live_course(name, plan, found, ground, self.journal))
        check_same(begun.body, {"strategies": now}, self.inbox.folder)
        return self._session(courses, begun.body["id"])

    def _session(self, courses: Sequence[LiveCourse], identity: str) -> LiveSession:
        venue = self.venue
        can = venue.broker.capabilities
        ids = ClientIds(identity, longest=can.id_length)
        router = Router(Gate(can), ids, is_open=hours_of(courses[0].tape.calendar))
        return LiveSession(
            Floor(courses, router), self.journal, venue.broker, budget=venue.budget, requests=self.inbox,
            policy=venue.policy, timing=venue.timing,
        )  # fmt: skip

    def _saves(self, session: LiveSession) -> Saves:
        found = {name: one for name, _, one in self.jobs}
        return saves_of(session.courses, [found[one.name] for one in session.courses], self.journal)


def hours_of(calendar: Sessions) -> Callable[[int], bool]:
    """Return what tells whether the exchange is in session at a time."""

    def is_open(moment: int) -> bool:
        return calendar.opens[calendar.index_after(moment)] <= moment

    return is_open
