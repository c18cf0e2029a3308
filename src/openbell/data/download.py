"""One symbol from one provider into the catalog: page by page, within the budget, with patience."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from openbell.core.errors import ConfigError, Retryable
from openbell.core.types import Instrument
from openbell.data.bars import COLUMNS, FindingKind, Policy, Series, format_timeframe, parse_timeframe
from openbell.data.budgets import Spent
from openbell.data.catalog import Catalog, Key, Origin, series_of
from openbell.data.catalog.apart import put_apart
from openbell.data.catalog.caveats import write_caveats
from openbell.data.catalog.facts import disputes, place_actions
from openbell.data.catalog.spans import subtract
from openbell.data.providers.protocol import Batch, Deeds, Provider, Span, Wary
from openbell.data.quarantine import describe, sift
from openbell.data.ranges import SETTLE_NOTHING, ask_for, keep_sessions
from openbell.data.validate import POLICY
from openbell.utils.ratelimit import Budget
from openbell.utils.retry import Backoff, Patience, retry

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Asking:
    """What all downloads of a fetch share.

    Args:
        catalog: Where bars go.
        writing: Held while it is written: one writer at a time, without waiting for its lock in threads.
        now: The time, ns UTC.
        patience: How often a read is tried.
        revise: Whether what comes replaces what is stored where it differs.
        policy: What is done about bars that break a rule or are odd.
    """

    catalog: Catalog
    writing: asyncio.Lock
    now: int
    patience: Patience
    revise: bool = False
    policy: Mapping[FindingKind, Policy] = field(default_factory=lambda: POLICY)


class Download:
    """Fetches a symbol's ranges. `bars` counts those that were written, `notes` has what should be known."""

    def __init__(
        self, provider: Provider, budget: Budget | None, asking: Asking, symbol: str, timeframe: str
    ) -> None:
        self._provider, self._budget, self._asking = provider, budget, asking
        self._symbol = symbol
        self._timeframe = format_timeframe(parse_timeframe(timeframe))
        self._key: Key | None = None
        self.bars = 0
        self.notes: list[str] = []

    @property
    def key(self) -> Key:
        """The key under which the bars are kept.

        Raises:
            ConfigError: The provider cannot place the symbol.
        """
        if self._key is None:
            self._key = Key(self._provider.source(self._symbol), self._symbol, self._timeframe)
        return self._key

    @property
    def tape(self) -> str:
        """Who gives the bars, such as `alpaca:iex`."""
        return self.key.tape

    def missing(self, span: Span) -> tuple[Span, ...]:
        """Return what of a span is not in the catalog; all of it if the provider cannot place the symbol."""
        try:
            return self._asking.catalog.missing(self.key, span) if span.start < span.end else ()
        except ConfigError:
            return (span,)

    async def fetch(self, span: Span, tell: Callable[[int], None]) -> None:
        """Fetch the bars that open in a span; each page is written when it comes.

        Args:
            span: A range that is missing, whose bars are finished.
            tell: Told until when all is there.

        Raises:
            OpenbellError: Of the provider, or of what it sent; what came before is kept.
        """
        reached = span.start
        backoff = Backoff(self._asking.patience)
        while True:
            asked = ask_for(self.key, Span(reached, span.end))
            try:
                if asked is not None:
                    async with aclosing(self._pages(asked)) as pages:
                        async for batch in pages:
                            before, reached = reached, await self._keep(batch, Span(reached, span.end))
                            if reached > before:  # else a page and an error could follow each other forever
                                backoff.reset()
                            tell(reached)
                break
            except Retryable as error:
                if not await backoff.wait(self._read_after(error)):
                    raise
        nothing = Span(reached, min(span.end, self._asking.now - SETTLE_NOTHING))
        if nothing.start < nothing.end and self.missing(nothing):
            await self._write(series_of(self.key, []), nothing)

    async def actions(self, span: Span) -> None:
        """Fetch the splits and dividends of a span that are not in the catalog.

        The last days are asked anew each time: vendors learn of some late.
        """
        catalog, source = self._asking.catalog, self.key.source
        covered = () if self._asking.revise else catalog.facts(source.provider, self._symbol).covered
        for part in subtract(span, covered):
            found, caveats = await self._ask(partial(self._deeds, part))
            sure = Span(part.start, min(part.end, self._asking.now - SETTLE_NOTHING))
            async with self._asking.writing:
                await asyncio.to_thread(
                    catalog.write_actions, source, self._symbol, found,
                    origin=self._origin(f"actions of {self._symbol} {_dates(part)}"),
                    covers=sure if sure.start < sure.end else None,
                    revise=self._asking.revise,
                )  # fmt: skip
                await asyncio.to_thread(write_caveats, catalog.root, source, self._symbol, caveats, part)
            if not self._asking.revise:
                known = catalog.facts(source.provider, self._symbol)
                self.notes += disputes(known, place_actions(found, source.calendar))
            self.notes += [one.said for one in caveats]

    async def _deeds(self, span: Span) -> Deeds:
        if isinstance(self._provider, Wary):
            return await self._provider.deeds(self._symbol, span)
        return Deeds(await self._provider.actions(self._symbol, span), ())

    async def instrument(self) -> ConfigError | None:
        """Fetch the symbol's facts if they are not known; return why there are none."""
        catalog, provider = self._asking.catalog, self.key.source.provider
        if catalog.instrument(provider, self._symbol) is not None:
            return None
        try:
            facts: Instrument = await self._ask(partial(self._provider.instrument, self._symbol))
        except ConfigError as error:
            return error
        async with self._asking.writing:
            await asyncio.to_thread(catalog.write_instrument, provider, facts)
        return None

    async def _pages(self, span: Span) -> AsyncGenerator[Batch, None]:
        """Yield pages; who yields them is closed however it ends."""
        pages = self._provider.bars(self._symbol, self._timeframe, span)
        try:
            async for page in pages:
                yield page
        finally:
            close = getattr(pages, "aclose", None)
            if close is not None:
                await close()

    async def _keep(self, batch: Batch, span: Span) -> int:
        """Write what of a page is asked for; return until when all is there."""
        kept = keep_sessions(self.key, batch)
        if kept.outside:
            self._note_outside()
        series = series_of(self.key, [await self._sift(kept.batch)]).between(*span)
        if not len(series):
            return span.start
        covers = Span(span.start, int(series.known[-1]))
        await self._write(series, covers)
        self.bars += len(series)
        return covers.end

    async def _sift(self, batch: Batch) -> Batch:
        """Put bars apart that the policy wants apart; return the others."""
        policy = self._asking.policy
        if "quarantine" not in policy.values() or any(name not in batch.columns for name in COLUMNS):
            return batch
        stays, apart = sift(batch.start, batch.columns, policy)
        if not apart:
            return batch
        async with self._asking.writing:
            await asyncio.to_thread(put_apart, self._asking.catalog.root, self.key, apart)
        self.notes += [finding.message for finding in describe(self._symbol, apart)]
        return Batch(batch.start[stays], {name: column[stays] for name, column in batch.columns.items()})

    def _note_outside(self) -> None:
        note = f"{self.key}: bars outside the {self.key.source.session} session are left out"
        if note not in self.notes:
            self.notes.append(note)

    async def _write(self, series: Series, covers: Span) -> None:
        request = f"{self._symbol} {self._timeframe} {_dates(covers)}"
        async with self._asking.writing:
            await asyncio.to_thread(
                self._asking.catalog.write, series,
                origin=self._origin(request), covers=covers, revise=self._asking.revise,
            )  # fmt: skip

    def _origin(self, request: str) -> Origin:
        return Origin(self._provider.name, self._asking.now, request)

    async def _ask(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """Ask with patience."""
        return await retry(call, Retryable, after=self._read_after, backoff=Backoff(self._asking.patience))

    def _read_after(self, error: Exception) -> float | None:
        after = error.after if isinstance(error, Retryable) else None
        if self._budget is not None and after is not None and not isinstance(error, Spent):
            self._budget.pause(after)
        return after


def _dates(span: Span) -> str:
    first, last = (np.datetime64(time, "ns").astype("datetime64[m]") for time in span)
    return f"{first}Z to {last}Z"
