"""A feed of a provider, with the plan that its data ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openbell.core.errors import ConfigError, nearest
from openbell.data.live.clock import Clock
from openbell.data.live.conditions import IEX, US_STOCKS
from openbell.data.live.feed import Feed
from openbell.data.live.line import ProviderLine
from openbell.data.live.plan import Plan
from openbell.data.providers.protocol import Channel, Provider
from openbell.utils.ratelimit import Budget

_RULES = {"tiingo": IEX}  #: whose trades have conditions of their own


def make_plan(
    provider: Provider, symbols: Iterable[str], *, channels: Iterable[Channel] = ("bars",), **options: Any
) -> Plan:
    """Return the plan of a feed: calendar and session are those of the provider's data.

    Args:
        provider: Whose stream it is.
        symbols: All of one calendar.
        channels: Some of those that the provider offers.
        options: Further settings of a `Plan`.

    Raises:
        ConfigError: The provider has no such channel, symbols have several calendars, or an option is wrong.
    """
    names, wanted = tuple(symbols), tuple(channels)
    offered = provider.offer.channels
    for channel in wanted:
        if channel not in offered:
            what = f"streams {', '.join(offered)} alone" if offered else "has no stream"
            raise ConfigError(f"provider {provider.name!r} has no channel {channel!r}; it {what}")
    for option in options:
        if option not in Plan.__slots__:
            raise ConfigError(f"a feed has no option {option!r}{nearest(option, Plan.__slots__)}")
    sources = {name: provider.source(name) for name in names}
    kinds: dict[tuple[str, str], str] = {}
    for name, source in sources.items():
        kinds.setdefault((source.calendar, source.session), name)
    if len(kinds) > 1:
        (first, one), (second, other) = list(kinds.items())[:2]
        raise ConfigError(
            f"{one} and {other} trade by different calendars ({' '.join(first)}, {' '.join(second)}); "
            "give each a feed of its own"
        )
    for calendar, session in kinds:
        options = {"calendar": calendar, "regular": session == "regular", **options}
    return Plan(names, wanted, **options)


def open_feed(
    provider: Provider,
    plan: Plan,
    *,
    clock: Clock | None = None,
    budget: Budget | None = None,
    **options: Any,
) -> Feed:
    """Return a feed over a provider's stream, for `async with`.

    Args:
        provider: Whose stream it is.
        plan: What to deliver.
        clock: The wall clock if None; a `StreamClock` where the stream has a time of its own.
        budget: The account's budget of requests.
        options: Further settings of a `Feed`, such as `log`, or `conditions` in place of the provider's.
    """
    options = {"conditions": _RULES.get(provider.name, US_STOCKS), **options}
    return Feed(ProviderLine(provider, plan, clock=clock, budget=budget), plan, **options)
