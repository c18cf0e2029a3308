"""What a session on a stream begins with: the facts of its symbols, and the bars before its first one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from openbell.core.errors import BadData, ConfigError, RemoteError, Retryable
from openbell.core.types import NANOS_PER_DAY, Action, Instrument
from openbell.data.bars import COLUMNS, Series
from openbell.data.budgets import Spent
from openbell.data.catalog import Catalog
from openbell.data.catalog.facts import place_actions
from openbell.data.live.plan import Plan
from openbell.data.providers.protocol import Provider, Span
from openbell.utils.logging import get_logger
from openbell.utils.ratelimit import Budget

T = TypeVar("T")

_FAILURES = (RemoteError, ConfigError, BadData)
_DAY_OF_BARS = 200  #: bars that a day surely has, when it is counted how far back to ask
_SPARE = 7  #: days: weekends and holidays


class Source:
    """A provider and a catalog that are asked together: what one lacks, the other may have."""

    def __init__(self, provider: Provider, catalog: Catalog | None, budget: Budget | None) -> None:
        self.provider, self._catalog, self._budget = provider, catalog, budget

    async def instrument(self, symbol: str) -> Instrument:
        """Return what may be traded of a symbol: whole shares in cents, where nobody knows."""
        name = self.provider.name
        known = None if self._catalog is None else self._catalog.instrument(name, symbol)
        if known is not None:
            return known
        if not self.provider.offer.instruments:
            return Instrument(symbol)
        return await self._ask(
            lambda: self.provider.instrument(symbol), Instrument(symbol), f"{symbol}'s facts"
        )

    async def actions(self, symbols: Sequence[str], span: Span) -> list[Action]:
        """Return the corporate actions of a span, at the opens of their sessions."""
        if not self.provider.offer.actions:
            return []
        found: list[Action] = []
        for symbol in symbols:
            question: Callable[[], Awaitable[Sequence[Action]]] = partial(self.provider.actions, symbol, span)
            made: Sequence[Action] = await self._ask(question, [], f"{symbol}'s corporate actions")
            found += place_actions(made, self.provider.source(symbol).calendar)
        return found

    async def actions_between(self, symbols: Sequence[str], start: int, end: int) -> list[Action]:
        """Return the corporate actions between two times, ns UTC, at the opens of their sessions."""
        return await self.actions(symbols, Span(start - start % NANOS_PER_DAY, end))

    async def past(self, symbol: str, plan: Plan, *, until: int, count: int) -> Series | None:
        """Return the last bars that are complete at a time, with the actions among them; None for none."""
        first = until - (count // _DAY_OF_BARS + _SPARE) * NANOS_PER_DAY
        stored = self._stored(symbol, plan, first)
        begin = first if stored is None else int(stored.known[-1])
        fetched = await self._fetched(symbol, plan, Span(begin, until))
        made = [one for one in (stored, fetched) if one is not None and len(one)]
        if not made:
            return None
        joined = _join(made).between(None, until - plan.step + 1)
        cut = joined.between(int(joined.start[-count]), None) if len(joined) > count else joined
        if not len(cut):
            return None
        span = Span(int(cut.start[0]), until)
        actions = await self.actions([symbol], Span(span.start - span.start % NANOS_PER_DAY, until))
        return replace(cut, actions=tuple(one for one in actions if span.start < one.ex < until))

    def _stored(self, symbol: str, plan: Plan, first: int) -> Series | None:
        if self._catalog is None:
            return None
        source = self.provider.source(symbol)
        try:
            key = self._catalog.find(symbol, plan.timeframe, provider=source.provider, feed=source.feed)
        except ConfigError:  # nothing is stored, which is no fault
            return None
        series = self._catalog.read(key, first)
        return series if len(series) else None

    async def _fetched(self, symbol: str, plan: Plan, span: Span) -> Series | None:
        async def collect() -> Series | None:
            batches = [batch async for batch in self.provider.bars(symbol, plan.timeframe, span)]
            start = np.concatenate([np.zeros(0, np.int64), *(batch.start for batch in batches)])
            columns: dict[str, Any] = {
                name: np.concatenate([np.zeros(0), *(batch.columns[name] for batch in batches)])
                for name in COLUMNS
            }
            source = self.provider.source(symbol)
            return Series(symbol, plan.timeframe, start, start + plan.step, **columns, source=source)

        return await self._ask(collect, None, f"{symbol}'s bars of before")

    async def _ask(self, question: Callable[[], Awaitable[T]], otherwise: T, what: str) -> T:
        """Ask the provider; what cannot be had is said, and done without."""
        try:
            return await question()
        except _FAILURES as error:
            after = error.after if isinstance(error, Retryable) else None
            if self._budget is not None and after is not None and not isinstance(error, Spent):
                self._budget.pause(after)
            get_logger().warning(f"{self.provider.name}: {what} cannot be had ({error}); going on without")
            return otherwise


def _join(parts: Sequence[Series]) -> Series:
    """Return two series of one symbol as one."""
    first, *others = parts
    for other in others:
        fresh = other.between(int(first.known[-1]), None)
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(first, name), getattr(fresh, name)])
            for name in ("start", "known", *COLUMNS)
        }
        first = replace(first, **columns, extra={})
    return first
