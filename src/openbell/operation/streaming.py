"""The moments of a real stream: gathered, recorded, resumed without a seam, and with the exchange's hours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from openbell.core.market import as_datetime
from openbell.core.messages import BarMessage
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action
from openbell.data.live.clock import Clock
from openbell.data.live.feed import Feed
from openbell.data.live.items import (
    Connected,
    Correction,
    Gap,
    Item,
    Lost,
    Settled,
    Slow,
    Stale,
    Unusable,
)
from openbell.data.live.opening import make_plan, open_feed
from openbell.data.live.recorder import Recorder
from openbell.data.live.shelves import shared_quotes, tape_of
from openbell.data.live.timetable import Timetable
from openbell.data.providers.protocol import Channel, Span
from openbell.operation.warmup import Source
from openbell.trading.gathering import Gathering
from openbell.trading.inbox import Requests
from openbell.trading.session import Session
from openbell.utils.heap import settled_heap
from openbell.utils.logging import get_logger
from openbell.utils.ratelimit import Budget
from openbell.utils.turns import short_turns

FEED = "feed"  #: the folder of a session below which its stream is recorded
EARLY = 600 * NANOS_PER_SECOND  #: before the open a session connects
LATE = 60 * NANOS_PER_SECOND  #: after the close it disconnects: late bars and corrections have come
_LOOK = 0.05  #: seconds between two looks at what is asked
_STATUS = (Connected, Lost, Gap, Stale, Slow, Unusable)


class Diary(Protocol):
    """What a session is told beside its bars."""

    @property
    def time(self) -> int:
        """The last moment's time in ns."""

    def note(self, kind: str, body: dict[str, Any]) -> None:
        """Write down what is only to be known."""

    def expect(self, actions: Sequence[Action]) -> None:
        """Take note of corporate actions."""

    def snapshot(self, close: int) -> None:
        """Write down how everything stands at a close."""


class Streaming:
    """One stream for all strategies of a session.

    Args:
        source: The provider, and what else knows of its symbols.
        symbols: All that is traded.
        clock: Wall time; a `StreamClock` where the stream has a time of its own.
        folder: Of the session: what the feed receives is kept in `feed` below it.
        requests: Who may ask the session to stop.
        budget: Of the provider's account.
        hours: Whether to be connected while the exchange is open only.
        until: No moment after this one is played, ns UTC; None is no end.
        channels: What is subscribed.
        share: The address of a Redis that gets the quotes; none is empty.
    """

    def __init__(  # noqa: PLR0913  # each is a part of the stream, by its name
        self,
        source: Source,
        symbols: Sequence[str],
        *,
        clock: Clock,
        folder: Path,
        requests: Requests,
        budget: Budget | None = None,
        hours: bool = False,
        until: int | None = None,
        channels: Sequence[Channel] = ("bars",),
        share: str = "",
    ) -> None:
        self._channels, self._share = channels, share
        self._source, self._symbols, self._clock, self._folder = source, list(symbols), clock, folder
        self._requests, self._budget, self._hours, self._until = requests, budget, hours, until
        self.plan = make_plan(source.provider, symbols)
        self._times = Timetable(self.plan.calendar, self.plan.step, regular=self.plan.regular)
        self._known = 0  # up to when corporate actions have been asked for
        self._latest = 0  # the end of the last bar that was handed on as it came
        self.closed = 0  #: the last close at which it was written down how everything stands
        self._ended = False

    async def moments(self, session: Session, *, since: int | None) -> AsyncIterator[Sequence[BarMessage]]:
        """Yield moments until a stop is asked or the end is reached.

        Args:
            session: Whose moments they are; it is told of gaps, corrections, actions and closes.
            since: Bars that open from here on are asked for, ns UTC; those that it knows are passed over.
                None begins with the next one.
        """
        begin = since
        while not self._is_over():
            if self._hours and not await self._wait_for_open(session):
                return
            async with self._open(begin) as feed:
                async for bars in self._listen(feed, session, begin or 0):
                    begin = bars[-1].end
                    yield bars
            if not self._hours:
                return

    async def items(self, session: Diary, *, since: int | None) -> AsyncGenerator[Item, None]:
        """Yield what the stream brings, as it comes, for a session that gathers moments itself.

        Args:
            session: It is told of actions of a morning, of closes, and of the stream's gaps.
            since: Bars that open from here on are asked for, ns UTC; None begins with the next one.
        """
        begin = since
        while not self._hours or await self._wait_for_open(session):
            async with self._open(begin) as feed:
                closing = _start(self._end_after_close(feed)) if self._hours else None
                try:
                    async for item in feed:
                        if isinstance(item, BarMessage):
                            begin = self._latest = item.end
                            await self._prepare_day(session, item.start)
                        yield item
                        if not isinstance(item, Correction):  # the session says that itself
                            self._tell(session, item, 0)
                finally:
                    if closing is not None:
                        closing.cancel()
                        await asyncio.gather(closing, return_exceptions=True)
            if not self._hours:
                return

    @asynccontextmanager
    async def _open(self, begin: int | None) -> AsyncIterator[Feed]:
        """Open the stream, and keep what it says."""
        provider = self._source.provider
        plan = make_plan(provider, self._symbols, channels=self._channels, since=begin)
        sources = {symbol: provider.source(symbol) for symbol in self._symbols}
        async with AsyncExitStack() as stack:
            stack.enter_context(settled_heap())
            stack.enter_context(short_turns())
            recorder = stack.enter_context(Recorder(self._folder / FEED, plan, sources=sources))
            options: dict[str, Any] = {"budget": self._budget, "log": recorder}
            if self._share and "quotes" in plan.channels:
                options["shelf"] = await stack.enter_async_context(
                    shared_quotes(self._share, tape_of(sources[self._symbols[0]]))
                )
            yield await stack.enter_async_context(open_feed(provider, plan, clock=self._clock, **options))

    async def _listen(self, feed: Feed, session: Session, since: int) -> AsyncIterator[Sequence[BarMessage]]:
        gathering = Gathering(self._symbols)
        watchers = [_start(self._end_when_asked(feed))]
        if self._hours:
            watchers.append(_start(self._end_after_close(feed)))
        try:
            async for item in feed:
                for moment in gathering.take(item):
                    bars = _unknown(moment, session)
                    if not bars:
                        continue
                    if self._until is not None and bars[-1].end > self._until:
                        self._ended = True
                        return
                    await self._prepare_day(session, bars[0].start)
                    yield bars
                session.hear(item)
                self._tell(session, item, since)
            for moment in gathering.rest():
                if bars := _unknown(moment, session):
                    yield bars
        finally:
            for task in watchers:
                task.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

    def _is_over(self) -> bool:
        return self._ended or self._requests.stop_asked() in {"keep", "cancel"}

    async def _end_when_asked(self, feed: Feed) -> None:
        while not self._is_over():  # noqa: ASYNC110  # another process asks by a file, which is no event
            await asyncio.sleep(_LOOK)
        await feed.close()

    async def _end_after_close(self, feed: Feed) -> None:
        now = self._clock.now()
        close = self._times.session(now).end
        await self._clock.sleep_until(close + LATE)
        await feed.close()

    async def _wait_for_open(self, session: Diary) -> bool:
        """Wait until some minutes before the next open; tell whether nobody asked to stop meanwhile."""
        hours = self._times.session(self._clock.now())
        if self._clock.now() < hours.start - EARLY:
            said = f"the exchange opens at {as_datetime(hours.start):%Y-%m-%d %H:%M}Z"
            get_logger().info(f"{said}; waiting")
            session.note("feed", {"kind": "Waiting", "said": said})
            await self._sleep(hours.start - EARLY)
        return not self._is_over()

    async def _sleep(self, until: int) -> None:
        sleeping, watching = _start(self._clock.sleep_until(until)), _start(self._watch())
        await asyncio.wait({sleeping, watching}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sleeping, watching):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        while not self._requests.stop_asked():  # noqa: ASYNC110  # as above
            await asyncio.sleep(_LOOK)

    async def _prepare_day(self, session: Diary, start: int) -> None:
        """Before a session's first bar: ask which corporate actions happen on its day."""
        hours = self._times.session(start)
        if start < hours.start or hours.end <= self._known:
            return
        self._known, now = hours.end, session.time
        first, day = (time - time % NANOS_PER_DAY for time in (now, hours.start))
        actions = await self._source.actions(self._symbols, Span(min(first, day), day + NANOS_PER_DAY))
        session.expect([action for action in actions if action.ex >= now])

    def _tell(self, session: Diary, item: Item, since: int) -> None:
        """Write down what is not a bar, and how everything stands at a close."""
        if isinstance(item, Correction):
            if item.bar.start >= since:
                session.note("correction", {"bar": list(item.bar)})
        elif isinstance(item, _STATUS):
            said = ", ".join(f"{name}={value}" for name, value in item._asdict().items() if name != "time")
            session.note("feed", {"kind": type(item).__name__, "said": said})
            level = "INFO" if isinstance(item, Connected) else "WARNING"
            get_logger().log(level, f"feed: {type(item).__name__} {said}")
        elif isinstance(item, Settled):
            hours = self._times.session(item.end - 1)
            if item.end == hours.end > self.closed and max(session.time, self._latest) > hours.start:
                self.closed = hours.end
                session.snapshot(hours.end)


def _unknown(bars: Sequence[BarMessage], session: Session) -> list[BarMessage]:
    """Return the bars that the session has not seen: after a stop, a stream may bring some again."""
    latest: dict[str, int] = {}
    for course in session.courses:
        for symbol, lane in course.tape.lanes.items():
            latest[symbol] = lane.start[-1] if len(lane) else -1
    return [bar for bar in bars if bar.start > latest[bar.symbol]]


def _start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.ensure_future(work)
