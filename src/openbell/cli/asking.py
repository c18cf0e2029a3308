"""The commands `data providers` and `data check`: what each provider is, and whether it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from openbell.cli.answer import Answer, Column, Exit, Table
from openbell.cli.fetching import open_supply
from openbell.config import Loaded
from openbell.core.errors import BadData, ConfigError, OpenbellError
from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import CalendarUnit, parse_timeframe
from openbell.data.providers import offer_of, provider_names
from openbell.data.providers.protocol import Offer, Provider, Span, timeframes_of

_PATIENCE = 60.0  #: seconds that one question may take
_DAYS = 10  #: of bars, so that there are sessions among them
_SYMBOLS = {"ccxt": "BTC/USD"}
_USUAL = "AAPL"


@dataclass(frozen=True, slots=True)
class Step:
    """One question, and what came of it."""

    name: str
    fine: bool
    said: str


def list_providers(names: Sequence[str], loaded: Loaded, *, ask: bool) -> Answer:
    """List providers; with names, each in full.

    Raises:
        ConfigError: A name is unknown.
    """
    chosen = list(names) or provider_names()
    described = [_described(name, offer_of(name), loaded) for name in chosen]
    if ask:
        for one in described:
            one["answers"] = _answers(one, loaded)
    if names:
        parts: list[str | Table] = [line for one in described for line in _lines(one)]
    else:
        parts = [_table(described, ask=ask), "`openbell data providers NAME` shows one in full."]
    return Answer(parts, {"providers": described})


def _described(name: str, offer: Offer, loaded: Loaded) -> dict[str, Any]:
    missing = [module for module in offer.modules if find_spec(module) is None]
    unset = [variable for variable in offer.variables if not loaded.environ.get(variable, "").strip()]
    limit = None if offer.limit is None else f"{offer.limit.requests:g} in {offer.limit.seconds:g} s"
    rate = loaded.settings.providers.rate(name)
    return {
        "provider": name,
        "title": offer.title,
        "installed": not missing,
        "install": f'pip install "openbell[{offer.extra}]"' if missing else None,
        "configured": not unset,
        "variables": list(offer.variables),
        "unset": unset,
        "timeframes": list(offer.timeframes),
        "reach_days": dict(offer.reach),
        "feeds": list(offer.feeds),
        "actions": offer.actions,
        "facts": offer.instruments,
        "quotes": offer.quotes,
        "stream": list(offer.channels),
        "limit": f"{rate:g} in 60 s" if rate is not None else limit,
        "lacks": offer.lacks,
        "answers": None,
    }


def _answers(one: dict[str, Any], loaded: Loaded) -> bool | str:
    """Return whether a provider gives bars, or why it was not asked or did not."""
    if not (one["installed"] and one["configured"]):
        return "not asked"
    name = one["provider"]
    step = asyncio.run(_ask_one(name, loaded))
    return True if step.fine else step.said


async def _ask_one(name: str, loaded: Loaded) -> Step:
    try:
        provider = open_supply(name, loaded).provider
    except ConfigError as error:
        return Step("open", fine=False, said=str(error))
    try:
        return await _attempt("bars", lambda: _bars(provider, _SYMBOLS.get(name, _USUAL)))
    finally:
        await provider.close()


def _table(described: Sequence[dict[str, Any]], *, ask: bool) -> Table:
    titles = ["Provider", "Installed", "Key", *(["Answers"] if ask else []), "Bars", "Requests"]
    rows = []
    for one in described:
        times = one["timeframes"]
        answers = ["yes" if one["answers"] is True else str(one["answers"])] if ask else []
        rows.append(
            [
                one["provider"],
                "yes" if one["installed"] else one["install"],
                _key(one),
                *answers,
                f"{times[0]} to {times[-1]}" if len(times) > 1 else times[0],
                one["limit"] or "no limit",
            ]
        )
    return Table([Column(title) for title in titles], rows)


def _key(one: dict[str, Any]) -> str:
    if one["unset"]:
        return f"set {' and '.join(one['unset'])}"
    return "is set" if one["variables"] else "needs none"


def _lines(one: dict[str, Any]) -> list[str]:
    kept = [f"{time} {days} days" for time, days in one["reach_days"].items()]
    has = [what for what in ("actions", "facts", "quotes") if one[what]]
    lines = [
        f"{one['provider']}: {one['title']}",
        f"  installed   {'yes' if one['installed'] else 'no: ' + one['install']}",
        f"  key         {_key(one)}",
        f"  bars        {', '.join(one['timeframes'])}",
        f"  goes back   {', '.join(kept) if kept else 'as far as there are any'}",
        f"  feeds       {', '.join(one['feeds'])}",
        f"  also        {', '.join(has) or 'nothing'}",
        f"  stream      {', '.join(one['stream']) or 'none'}",
        f"  requests    {one['limit'] or 'no limit'}",
        f"  lacks       {one['lacks'] or 'nothing known'}",
    ]
    if one["answers"] is not None:
        lines.append(f"  answers     {'yes' if one['answers'] is True else one['answers']}")
    return lines


def check_provider(
    name: str, loaded: Loaded, *, symbol: str | None, feed: str | None, seconds: float
) -> Answer:
    """Ask a provider for one of everything.

    Raises:
        ConfigError: It is unknown, not installed, has no key, or a setting is wrong.
    """
    provider = open_supply(name, loaded, feed=feed).provider
    chosen = symbol or _SYMBOLS.get(provider.name, _USUAL)
    steps = asyncio.run(_check(provider, chosen, seconds))
    fine = all(step.fine for step in steps)
    rows = [[step.name, "ok" if step.fine else "FAULT", step.said] for step in steps]
    last = "it answers as it should" if fine else f"{sum(not step.fine for step in steps)} faults"
    document = {
        "provider": provider.name,
        "symbol": chosen,
        "fine": fine,
        "steps": [{"step": step.name, "fine": step.fine, "said": step.said} for step in steps],
    }
    table = Table((Column("Step"), Column("State"), Column("Said")), rows)
    return Answer([table, last], document, code=Exit.FINE if fine else Exit.FAILED)


async def _check(provider: Provider, symbol: str, seconds: float) -> list[Step]:
    offer = provider.offer
    steps = []
    try:
        if offer.instruments:
            steps.append(await _attempt("facts", lambda: _facts(provider, symbol)))
        steps.append(await _attempt("bars", lambda: _bars(provider, symbol)))
        if offer.actions:
            steps.append(await _attempt("actions", lambda: _actions(provider, symbol)))
        if offer.quotes:
            steps.append(await _attempt("quote", lambda: _quote(provider, symbol)))
        if offer.channels:
            steps.append(await _attempt("stream", lambda: _stream(provider, symbol, seconds)))
    finally:
        await provider.close()
    return steps


async def _attempt(name: str, ask: Callable[[], Awaitable[str]]) -> Step:
    try:
        async with asyncio.timeout(_PATIENCE):
            return Step(name, fine=True, said=await ask())
    except TimeoutError:
        return Step(name, fine=False, said=f"no answer within {_PATIENCE:g} s")
    except OpenbellError as error:
        return Step(name, fine=False, said=str(error))


async def _facts(provider: Provider, symbol: str) -> str:
    facts = await provider.instrument(symbol)
    return f"{symbol}: tick {facts.tick:g}, lot {facts.lot:g}, {facts.currency}"


async def _bars(provider: Provider, symbol: str) -> str:
    timeframe = _daily(timeframes_of(provider, symbol))
    now = time.time_ns()
    span = Span(now - _DAYS * NANOS_PER_DAY, now - NANOS_PER_DAY)
    count = 0
    async for batch in provider.bars(symbol, timeframe, span):
        count += len(batch.start)
    if not count:
        raise BadData(f"{symbol}: no {timeframe} bar of the last {_DAYS} days came")
    return f"{count} {timeframe} bars of the last {_DAYS} days"


def _daily(timeframes: Sequence[str]) -> str:
    """Return days where there are any, else the longest bars below."""
    if "1d" in timeframes:
        return "1d"
    shorter = [time for time in timeframes if not isinstance(parse_timeframe(time), CalendarUnit)]
    return shorter[-1] if shorter else timeframes[0]


async def _actions(provider: Provider, symbol: str) -> str:
    now = time.time_ns()
    found = await provider.actions(symbol, Span(now - 366 * NANOS_PER_DAY, now))
    return f"{len(found)} splits and dividends in a year"


async def _quote(provider: Provider, symbol: str) -> str:
    quote = await provider.quote(symbol)
    return f"{symbol}: {quote.bid:g} bid, {quote.ask:g} asked"


async def _stream(provider: Provider, symbol: str, seconds: float) -> str:
    connection = provider.connect()
    count = 0
    try:
        await connection.open()
        await connection.subscribe([symbol], provider.offer.channels)
        try:
            async with asyncio.timeout(seconds):
                async for _ in connection.messages():
                    count += 1
        except TimeoutError:
            pass  # the time is over
    finally:
        await connection.close()
    closed = "" if count else ", as when the market is closed"
    return f"connected and subscribed; {count} messages in {seconds:g} s{closed}"
