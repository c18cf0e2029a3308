"""The command `data fetch`, and how a provider is opened by the settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from openbell.cli import terminal
from openbell.cli.answer import Answer, Column, Exit, Stopped, Table
from openbell.cli.folders import check_named
from openbell.cli.jobs import split_symbols
from openbell.cli.places import load_settings, placed
from openbell.config import Loaded, Override
from openbell.core.errors import ConfigError, OpenbellError, Retryable, nearest
from openbell.data.bars import format_timeframe, parse_date, parse_timeframe
from openbell.data.catalog import Catalog
from openbell.data.catalog.coarser import serving
from openbell.data.fetch import Outcome, Plan, Supply, fetch, supply
from openbell.data.providers import offer_of, open_provider, provider_names
from openbell.data.providers.protocol import Provider, Span
from openbell.data.quarantine import make_policy

#: The first day that the calendars' times, ns in 64 bits, can hold.
_FIRST = int(np.datetime64("1678-01-01", "ns").astype(np.int64))


@dataclass(frozen=True, slots=True)
class Request:
    """What `data fetch` was given."""

    symbols: Sequence[str]
    provider: str
    feed: str | None
    timeframe: str
    start: str
    end: str | None
    revise: bool
    catalog: str | None
    settings: Sequence[str]
    folder: str | None
    env: str | None


def load_overrides(settings: Sequence[str], folder: str | None, env: str | None) -> Loaded:
    """Load the settings under what `--set` says.

    Raises:
        ConfigError: Anything is wrong.
    """
    return load_settings([Override(text, "--set") for text in settings], folder, env)


def run_fetch(request: Request) -> Answer:
    """Fetch what the catalog is missing.

    Raises:
        ConfigError: A provider, a key, a date or a symbol is wrong, so that nothing was fetched.
    """
    loaded = load_overrides(request.settings, request.folder, request.env)
    if request.catalog is not None:
        check_named(request.catalog, "--catalog")
    catalog = Catalog(request.catalog or loaded.settings.data.catalog)
    plan = _make_plan(request, loaded, now=time.time_ns())
    supplies = [
        open_supply(name, loaded, feed=request.feed if number == 0 else None)
        for number, name in enumerate(_names(request.provider, loaded))
    ]
    for one in supplies:
        _check_timeframe(one, plan)
    with terminal.progress() as tell:
        try:
            outcomes = asyncio.run(_fetch(plan, supplies, catalog, _add_up(plan.symbols, tell)))
        except KeyboardInterrupt as stopped:
            raise Stopped("what came is kept, and the same command goes on from there") from stopped
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if len(errors) == len(outcomes) and isinstance(errors[0], ConfigError):
        raise errors[0]
    return _show(outcomes, catalog)


def open_supply(name: str, loaded: Loaded, *, feed: str | None = None) -> Supply:
    """Return a provider as the settings want it, with its account's budget.

    Args:
        name: Which, or `NAME:FEED`.
        loaded: The settings.
        feed: The tape, instead of the settings'.

    Raises:
        ConfigError: It is unknown, not installed, has no key, or a setting is wrong.
    """
    name, _, own = name.partition(":")
    offer = offer_of(name)
    options = loaded.settings.providers.options(name)
    wanted = feed or own
    if wanted:
        if wanted not in offer.feeds:
            option = "--feed" if feed else "--provider"
            raise ConfigError(f"{option}: {name} has no feed {wanted!r}{nearest(wanted, offer.feeds)}")
        if "feed" in options:
            options["feed"] = wanted
    provider: Provider = open_provider(name, options, loaded.environ)
    return supply(provider, loaded.environ, rate=loaded.settings.providers.rate(name), options=options)


async def _fetch(
    plan: Plan, supplies: Sequence[Supply], catalog: Catalog, progress: Callable[[str, float], None]
) -> list[Outcome]:
    try:
        return await fetch(plan, supplies, catalog, progress=progress)
    finally:
        for one in supplies:
            await one.provider.close()


def _make_plan(request: Request, loaded: Loaded, *, now: int) -> Plan:
    symbols = split_symbols(request.symbols)
    if not symbols:
        raise ConfigError("SYMBOL is missing: name what to fetch, such as AAPL")
    start = parse_date(request.start, where="--start")
    end = parse_date(request.end, where="--end", end_of_day=True)
    if start is not None and start < _FIRST:
        raise ConfigError(
            f"--start: {request.start} is before {_day(_FIRST)}, where times begin; give a later day"
        )
    span = Span(start or 0, now if end is None else min(end, now))
    if span.start >= span.end:
        raise ConfigError(
            f"--start: {request.start} is not before the end of what is asked, {_day(span.end)}"
        )
    timeframe = format_timeframe(parse_timeframe(request.timeframe))
    with placed(loaded.explain("data.findings").source):
        policy = make_policy(loaded.settings.data.findings or {})
    return Plan(symbols, timeframe, span, now, revise=request.revise, policy=policy)


def _names(given: str, loaded: Loaded) -> list[str]:
    """Return the providers to ask, in order, each once."""
    named = [name.strip() for name in given.split(",") if name.strip()]
    if not named:
        raise ConfigError(f"--provider: {given!r} names none; there are {', '.join(provider_names())}")
    if len(named) == 1:
        named += [name.strip() for name in loaded.settings.providers.fallback.split(",") if name.strip()]
    return list(dict.fromkeys(named))


def _check_timeframe(one: Supply, plan: Plan) -> None:
    offered = one.provider.offer.timeframes
    if serving(offered, plan.timeframe) is None:
        raise ConfigError(
            f"--timeframe: {one.provider.name} has no {plan.timeframe} bars, and none that make them; it has "
            f"{', '.join(offered)}"
        )


def _add_up(symbols: Sequence[str], tell: terminal.Progress) -> Callable[[str, float], None]:
    done = dict.fromkeys(symbols, 0.0)

    def progress(symbol: str, share: float) -> None:
        done[symbol] = share
        tell(sum(done.values()) / len(done), symbol)

    return progress


def _show(outcomes: Sequence[Outcome], catalog: Catalog) -> Answer:
    rows, described = [], []
    warnings: list[str] = []
    for outcome in outcomes:
        warnings += outcome.notes
        if outcome.error is not None:
            warnings.append(f"{outcome.symbol}: {outcome.error}{_remedy(outcome.error)}")
        state = "incomplete" if outcome.error else "complete"
        rows.append([outcome.symbol, ", ".join(outcome.tapes) or "–", f"{outcome.bars:,}", state])
        described.append(
            {
                "symbol": outcome.symbol,
                "from": list(outcome.tapes),
                "bars": outcome.bars,
                "complete": outcome.error is None,
                "error": None if outcome.error is None else str(outcome.error),
                "notes": list(outcome.notes),
            }
        )
    failed = any(outcome.error for outcome in outcomes)
    columns = (Column("Symbol"), Column("From"), Column("New bars", right=True), Column("State"))
    return Answer(
        [Table(columns, rows), f"The catalog is {catalog.root}."],
        {"catalog": str(catalog.root), "symbols": described},
        code=Exit.FAILED if failed else Exit.FINE,
        warnings=warnings,
    )


def _remedy(error: OpenbellError) -> str:
    """Return what to do about an error that goes away by itself; nothing for others, which say it."""
    if not isinstance(error, Retryable):
        return ""
    first = "check the connection and" if error.after is None else "later"
    return f"; {first} run it again: what came is kept"


def _day(nanos: int) -> str:
    return str(np.datetime64(nanos, "ns").astype("datetime64[D]"))
