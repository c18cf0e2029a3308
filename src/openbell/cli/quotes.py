"""The command `data quotes`: the latest quotes that any process knows, or a provider has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.fetching import open_supply
from openbell.cli.jobs import split_symbols
from openbell.cli.stored import written
from openbell.config import Loaded
from openbell.core.errors import BadData, ConfigError, RemoteError
from openbell.core.messages import Quote
from openbell.data.fetch import Supply
from openbell.data.live.clock import StreamClock
from openbell.data.live.items import Connected, Lost
from openbell.data.live.opening import make_plan, open_feed
from openbell.data.live.quotes import LocalQuotes, QuoteCache
from openbell.data.live.quotes_redis import URL
from openbell.data.live.shelves import address_of, read_shelves, shared_quotes, tape_of

_PATIENCE = 30.0  #: seconds that a provider has for a quote


@dataclass(frozen=True, slots=True)
class _Row:
    """A tape's latest quote of a symbol."""

    tape: str
    quote: Quote


def show_quotes(
    symbols: Sequence[str], loaded: Loaded, *, provider: str | None, watch: float | None
) -> Answer:
    """Show the latest quotes.

    Args:
        symbols: Of which; none is all that are shared.
        loaded: The settings: `data.cache` says where quotes are kept.
        provider: Who is asked; None asks nobody, and shows what other processes shared.
        watch: Seconds to listen to the provider's stream; None asks for each symbol's quote.

    Raises:
        ConfigError: Nobody shares quotes and no provider is named, a name is wrong, or no quote is there.
    """
    wanted = split_symbols(symbols)
    url = address_of(loaded.settings.data.cache, loaded.environ)
    if provider is None:
        if watch is not None:
            raise ConfigError("--watch listens to a stream; name whose, as in --provider alpaca")
        return _answer(asyncio.run(_shared(url, wanted)), [])
    if not wanted:
        raise ConfigError("SYMBOL is missing: name what to ask for, as in openbell data quotes AAPL")
    return _answer(*asyncio.run(_asked(open_supply(provider, loaded), wanted, url, watch)))


async def _shared(url: str, wanted: Sequence[str]) -> list[_Row]:
    if not url:
        raise ConfigError(
            f"no process shares its quotes: set {URL} to the address of a Redis, or name whom to ask, as in "
            "--provider alpaca"
        )
    shelves = await read_shelves(url)
    return [
        _Row(tape, quote)
        for tape, quotes in shelves.items()
        for symbol, quote in sorted(quotes.items())
        if not wanted or symbol in wanted
    ]


async def _asked(
    supply: Supply, wanted: Sequence[str], url: str, watch: float | None
) -> tuple[list[_Row], list[str]]:
    """Ask a provider, share what it says, and return what is the latest of all."""
    provider = supply.provider
    by_tape: dict[str, list[str]] = {}
    for symbol in wanted:
        by_tape.setdefault(tape_of(provider.source(symbol)), []).append(symbol)
    rows: list[_Row] = []
    warnings: list[str] = []
    try:
        for tape, symbols in by_tape.items():
            async with AsyncExitStack() as stack:
                shelf: QuoteCache = LocalQuotes()
                if url:
                    shelf = await stack.enter_async_context(shared_quotes(url, tape))
                if watch is None:
                    warnings += await _ask(supply, symbols, shelf)
                else:
                    warnings += await _listen(supply, symbols, shelf, watch)
                latest = await shelf.all()
            rows += [_Row(tape, latest[symbol]) for symbol in symbols if symbol in latest]
    finally:
        await provider.close()
    return rows, warnings


async def _ask(supply: Supply, symbols: Sequence[str], shelf: QuoteCache) -> list[str]:
    """Ask for each symbol's quote; return what went wrong."""
    if not supply.provider.offer.quotes:
        raise ConfigError(
            f"provider {supply.provider.name!r} has no latest quote; `openbell data providers` says who has"
        )
    told = []
    for symbol in symbols:
        try:
            async with asyncio.timeout(_PATIENCE):
                shelf.put(await supply.provider.quote(symbol))
        except TimeoutError:
            told.append(f"{symbol}: no answer within {_PATIENCE:g} s")
        except (RemoteError, BadData, ConfigError) as error:
            told.append(f"{symbol}: {error}")
    return told


async def _listen(supply: Supply, symbols: Sequence[str], shelf: QuoteCache, seconds: float) -> list[str]:
    """Put what a stream says for some seconds on a shelf; return what went wrong."""
    plan = make_plan(supply.provider, symbols, channels=("quotes",))
    clock = StreamClock() if supply.provider.name == "synthetic" else None
    connected, reason = False, "nothing was heard"
    async with open_feed(supply.provider, plan, clock=clock, budget=supply.budget, shelf=shelf) as feed:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE) as limit:
                async for item in feed:
                    if isinstance(item, Lost):
                        reason = item.reason
                    elif isinstance(item, Connected) and not connected:
                        connected = True
                        limit.reschedule(asyncio.get_running_loop().time() + seconds)
    return [] if connected else [f"{supply.provider.name}: no stream within {_PATIENCE:g} s: {reason}"]


def _answer(rows: Sequence[_Row], warnings: Sequence[str]) -> Answer:
    titles = ("Symbol", "Tape", "Bid", "Size", "Ask", "Size", "Time (UTC)")
    columns = [Column(title, right=title in {"Bid", "Ask", "Size"}) for title in titles]
    cells = [
        [row.quote.symbol, row.tape, f"{row.quote.bid:g}", f"{row.quote.bid_size:g}", f"{row.quote.ask:g}",
         f"{row.quote.ask_size:g}", written(row.quote.time)[:23].replace("T", " ").rstrip("Z")]
        for row in rows
    ]  # fmt: skip
    document = {
        "quotes": [{"tape": row.tape, **row.quote._asdict(), "time": written(row.quote.time)} for row in rows]
    }
    nothing = "There are no quotes."
    code = Exit.FINE if rows and not warnings else Exit.FAILED
    return Answer([Table(columns, cells) if rows else nothing], document, code, warnings)
