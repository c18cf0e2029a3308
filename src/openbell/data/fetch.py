"""Fetches what a catalog is missing, with a provider to follow where one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openbell.core.errors import BadData, ConfigError, OpenbellError, RemoteError
from openbell.data.bars import FindingKind, Policy
from openbell.data.budgets import budget_of
from openbell.data.catalog import Catalog
from openbell.data.catalog.coarser import serving
from openbell.data.download import Asking, Download
from openbell.data.providers.protocol import Provider, Span, timeframes_of
from openbell.data.ranges import finished_until, within_reach
from openbell.data.validate import POLICY
from openbell.utils.ratelimit import Budget
from openbell.utils.retry import Patience

#: Told a symbol, and how much of its time is fetched, from 0 to 1.
Progress = Callable[[str, float], None]

_ENOUGH = 3  #: symbols that a provider refuses at once, before no more are asked of it


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fetch.

    Args:
        symbols: Which.
        timeframe: Such as `1d`. Where a provider has none of it, the bars are fetched that make them.
        span: The range; what is not finished at `now` is left out.
        now: The time, ns UTC.
        revise: Whether all is asked again, and replaces what is stored where it differs.
        together: Symbols that are fetched at once.
        policy: What is done about bars that break a rule or are odd.
    """

    symbols: tuple[str, ...]
    timeframe: str
    span: Span
    now: int
    revise: bool = False
    together: int = 8
    policy: Mapping[FindingKind, Policy] = field(default_factory=lambda: POLICY)


@dataclass(slots=True)
class Supply:
    """A provider and the budget of its account."""

    provider: Provider
    budget: Budget | None = None
    _worked: bool = False
    _refusals: list[ConfigError] = field(default_factory=list)

    def check(self) -> None:
        """Refuse to ask a provider further that refused everything so far.

        Raises:
            ConfigError: The last refusal.
        """
        if not self._worked and len(self._refusals) >= _ENOUGH:
            raise self._refusals[-1]

    def note(self, error: OpenbellError | None) -> None:
        """Remember how a symbol ended."""
        if error is None:
            self._worked = True
        elif isinstance(error, ConfigError):
            self._refusals.append(error)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a symbol's fetching ended.

    Args:
        symbol: Which.
        bars: New bars in the catalog.
        tapes: Who gave them, in order: `alpaca:iex`.
        error: Why not all is there; None if it is.
        notes: What should be known besides.
    """

    symbol: str
    bars: int
    tapes: tuple[str, ...] = ()
    error: OpenbellError | None = None
    notes: tuple[str, ...] = ()


def supply(
    provider: Provider,
    environ: Mapping[str, str],
    *,
    rate: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> Supply:
    """Return a provider that keeps to the budget of its account.

    Args:
        provider: Which.
        environ: Where its secrets are, by which accounts are told apart.
        rate: Requests a minute that the account may make; None is what the provider usually allows.
        options: The provider's settings, which say whom it asks.
    """
    return Supply(provider, budget_of(provider, environ, rate=rate, options=options))


async def fetch(
    plan: Plan,
    supplies: Sequence[Supply],
    catalog: Catalog,
    *,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> list[Outcome]:
    """Fetch the bars that a catalog is missing, and splits, dividends and facts with them.

    A provider that fails is followed by the next: it is asked for what the first did not give, and its bars
    stay apart under its own name. Errors of a symbol stand in its outcome; the others go on.

    Args:
        plan: What.
        supplies: Providers, in the order in which they are asked.
        catalog: Where to.
        progress: Told how far each symbol is.
        patience: How often a read is tried.
    """
    gate = asyncio.Semaphore(plan.together)
    writing = asyncio.Lock()

    async def run(symbol: str) -> Outcome:
        async with gate:
            asking = Asking(
                catalog, writing, plan.now, patience or Patience(), revise=plan.revise, policy=plan.policy
            )
            outcome = await _fetch_symbol(symbol, plan, supplies, asking, progress)
        if progress is not None:
            progress(symbol, 1.0)
        return outcome

    tasks = [asyncio.create_task(run(symbol)) for symbol in plan.symbols]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fetch_symbol(
    symbol: str, plan: Plan, supplies: Sequence[Supply], asking: Asking, progress: Progress | None
) -> Outcome:
    wanted: tuple[Span, ...] = (plan.span,)
    bars, tapes, notes = 0, [], []
    error: OpenbellError | None = None
    for one in supplies:
        if error is not None:
            notes.append(f"{symbol}: {error}; {one.provider.name} is asked for the rest")
        error = None
        timeframe = serving(timeframes_of(one.provider, symbol), plan.timeframe) or plan.timeframe
        if timeframe != plan.timeframe:
            notes.append(
                f"{symbol}: {plan.timeframe} bars are made of {timeframe} ones, which are what is fetched of "
                f"{one.provider.name}"
            )
        download = Download(one.provider, one.budget, asking, symbol, timeframe)
        try:
            one.check()
            await _fetch_from(one.provider, download, wanted, plan, progress)
        except (ConfigError, BadData, RemoteError) as failure:
            error = failure
            wanted = tuple(rest for span in wanted for rest in download.missing(span))
        one.note(error)
        bars += download.bars
        notes += download.notes
        if download.bars:
            tapes.append(download.tape)
        if error is None:
            break
    return Outcome(symbol, bars, tuple(tapes), error, tuple(notes))


async def _fetch_from(
    provider: Provider,
    download: Download,
    wanted: Sequence[Span],
    plan: Plan,
    progress: Progress | None,
) -> None:
    """Fetch spans, then what belongs to them."""
    key = download.key
    until = finished_until(key, plan.now)
    spans: list[Span] = []
    for span in wanted:
        near = within_reach(
            Span(span.start, min(span.end, until)), provider.offer.reach.get(key.timeframe), plan.now
        )
        if near.start > span.start and near.start < span.end:
            download.notes.append(
                f"{key}: {provider.name} keeps {provider.offer.reach[key.timeframe]} days of it; what is "
                "older is not fetched"
            )
        spans += download.missing(near) if not plan.revise else [near] if near.start < near.end else []
    refusal = await download.instrument() if provider.offer.instruments else None
    total = sum(span.end - span.start for span in spans) or 1
    done = 0
    for span in spans:

        def tell(reached: int, span: Span = span, before: int = done) -> None:
            if progress is not None:
                progress(key.symbol, (before + reached - span.start) / total)

        await download.fetch(span, tell)
        done += span.end - span.start
    if refusal is not None and not download.bars and spans:
        raise refusal
    if refusal is not None:
        download.notes.append(f"{key}: its facts are not known: {refusal}")
    if provider.offer.actions:
        await download.actions(Span(plan.span.start, plan.now))
