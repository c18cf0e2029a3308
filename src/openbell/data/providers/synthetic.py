"""The synthetic provider: prices from a seed, without a key or a network, for tests and intraday demos."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np

from openbell.core.errors import ConfigError
from openbell.core.messages import BarMessage, Message, Quote
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action, Instrument
from openbell.data.bars import Source, parse_date
from openbell.data.providers.protocol import Batch, Channel, Offer, Pace, Span
from openbell.data.synthetic import FIRST, MINUTE, Columns, History, Recipe, make_days, make_minutes

_SECTORS = ("Technology", "Health Care", "Financials", "Energy", "Consumer Staples", "Industrials")
_PAGE = 21  #: sessions of minutes in one batch
_AHEAD = 64 * NANOS_PER_DAY  #: days are made up to a multiple of this


class SyntheticProvider:
    """Makes bars, actions, facts, quotes and a stream of minutes out of a seed. Any symbol exists."""

    name = "synthetic"
    offer = Offer(
        title="Synthetic",
        extra="",
        timeframes=("1m", "1d"),
        feeds=("synthetic",),
        actions=True,
        instruments=True,
        quotes=True,
        channels=("bars", "quotes"),
        lacks="anything real: nobody ever paid these prices",
    )

    def __init__(
        self,
        _secrets: Mapping[str, str],
        *,
        seed: int = 0,
        calendar: str = "XNYS",
        volatility: float = 0.3,
        drift: float = 0.06,
        begin: str = "2024-07-01",
        speed: float = 60.0,
    ) -> None:
        """Take the recipe, and for the stream its first session's date and how often faster than life it is.

        Raises:
            ConfigError: A value is out of range.
        """
        if not 0.0 < speed < float("inf"):
            raise ConfigError(f"speed={speed} must be a positive number, such as 60: an hour in a minute")
        self._recipe = Recipe(seed, calendar, volatility, drift)
        self._begin = parse_date(begin, where="begin") or 0
        self._speed = speed
        self._made: dict[str, tuple[int, History]] = {}

    def pace(self, wait: Pace) -> None:
        """Do nothing: it asks nobody."""

    def source(self, symbol: str) -> Source:  # noqa: ARG002  # all symbols have the same
        """Return the identity of the prices: seed and recipe are part of it."""
        recipe = self._recipe
        feed = f"seed-{recipe.seed}-vol-{recipe.volatility:g}-drift-{recipe.drift:g}"
        return Source(self.name, feed, calendar=recipe.calendar)

    async def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        """Yield raw bars that open in a span, some weeks of minutes at a time."""
        if timeframe not in self.offer.timeframes:
            raise ConfigError(
                f"timeframe {timeframe!r}: synthetic has 1m and 1d; the catalog makes coarser ones"
            )
        history = self._history(symbol, span.end)
        dates = history.sessions.dates * NANOS_PER_DAY
        if timeframe == "1d":
            rows = slice(*np.searchsorted(dates, span))
            yield Batch(dates[rows], {k: v[rows] for k, v in history.bars._asdict().items()})
            return
        first = int(np.searchsorted(history.sessions.closes, span.start, side="right"))
        last = int(np.searchsorted(history.sessions.opens, span.end))
        for low in range(first, last, _PAGE):
            yield self._page(symbol, history, range(low, min(low + _PAGE, last)), span)
            await asyncio.sleep(0)  # others may go on

    def _page(self, symbol: str, history: History, days: range, span: Span) -> Batch:
        made = [make_minutes(self._recipe, symbol, history, day) for day in days]
        start = np.concatenate([times for times, _ in made])
        columns = [np.concatenate(parts) for parts in zip(*(bars for _, bars in made), strict=True)]
        rows = slice(*np.searchsorted(start, span))
        return Batch(start[rows], {k: v[rows] for k, v in Columns(*columns)._asdict().items()})

    async def actions(self, symbol: str, span: Span) -> Sequence[Action]:
        """Return the splits and dividends in a span."""
        found = self._history(symbol, span.end).actions
        return [action for action in found if span.start <= action.ex < span.end]

    async def instrument(self, symbol: str) -> Instrument:
        """Return the facts of a symbol: every one is traded in whole shares and cents."""
        return Instrument(symbol, sector=_SECTORS[sum(map(ord, symbol)) % len(_SECTORS)])

    async def quote(self, symbol: str) -> Quote:
        """Return the quote at the stream's beginning."""
        return _around(next(self._minutes(symbol)))

    def connect(self) -> SyntheticConnection:
        """Return a stream that begins with its first session, faster than life."""
        return SyntheticConnection(self._minutes, self._speed)

    async def close(self) -> None:
        """Forget what was made."""
        self._made.clear()

    def _history(self, symbol: str, end: int) -> History:
        """Return a symbol's days up to a moment at least."""
        if end <= FIRST:
            raise ConfigError("synthetic prices begin on 2000-01-03; ask for a span after it")
        made = self._made.get(symbol)
        if made is None or made[0] < end:
            ahead = (
                -(-end // _AHEAD) * _AHEAD
            )  # a fetch asks for bars up to a close, then for actions up to now
            made = ahead, make_days(self._recipe, symbol, ahead)
            self._made[symbol] = made
        return made[1]

    def _minutes(self, symbol: str) -> Iterator[BarMessage]:
        """Yield the stream's minutes of a symbol for a year."""
        history = self._history(symbol, self._begin + 366 * NANOS_PER_DAY)
        first = int(np.searchsorted(history.sessions.opens, self._begin))
        for day in range(first, len(history.sessions)):
            times, columns = make_minutes(self._recipe, symbol, history, day)
            for start, *values in zip(times.tolist(), *(c.tolist() for c in columns), strict=True):
                yield BarMessage(symbol, start, start + MINUTE, *values)


class SyntheticConnection:
    """A stream of synthetic minutes, at a multiple of life's speed within a session and none between two."""

    def __init__(self, minutes: Callable[[str], Iterator[BarMessage]], speed: float) -> None:
        self._minutes, self._speed = minutes, speed
        self._wanted: dict[str, set[Channel]] = {}
        self._next: list[tuple[int, str, BarMessage, Iterator[BarMessage]]] = []
        self._now = 0
        self._asked, self._closed = asyncio.Event(), asyncio.Event()

    async def open(self) -> None:
        """There is nothing to connect to."""

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        """Begin a symbol's minutes, at the first that is not past."""
        asked = set(channels)
        for symbol in symbols:
            if symbol not in self._wanted:
                self._wanted[symbol] = set()
                self._advance(symbol, (bar for bar in self._minutes(symbol) if bar.end > self._now))
            self._wanted[symbol] |= asked
        self._asked.set()

    def _advance(self, symbol: str, minutes: Iterator[BarMessage]) -> None:
        bar = next(minutes, None)
        if bar is not None:
            heapq.heappush(self._next, (bar.end, symbol, bar, minutes))

    async def messages(self) -> AsyncIterator[Message]:
        """Yield minutes in the order of their ends, each with a quote before it where quotes are asked."""
        await self._asked.wait()
        while self._next and not self._closed.is_set():
            lasts = min(self._next[0][0] - self._now, MINUTE) if self._now else 0
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), lasts / NANOS_PER_SECOND / self._speed)
                return
            self._now, symbol, bar, minutes = heapq.heappop(self._next)
            self._advance(symbol, minutes)
            if "quotes" in self._wanted[symbol]:
                yield _around(bar)
            if "bars" in self._wanted[symbol]:
                yield bar

    async def close(self) -> None:
        """End the stream."""
        self._closed.set()
        self._asked.set()


def _around(bar: BarMessage) -> Quote:
    """Return the quote at a bar's end: a cent on either side of its close."""
    bid = max(round(bar.close - 0.01, 2), 0.01)
    return Quote(bar.symbol, bar.end, bid, round(bar.close + 0.01, 2), 100.0, 100.0)
