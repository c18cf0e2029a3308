"""What a source of market data offers, and the port through which it is asked.

A provider speaks to one source by its SDK and knows nothing else: no retries, no rate limit, no files. Those
are `data.fetch`'s. It awaits its `pace` before each request, for it alone knows how many it makes.
What must be done about an error is in the error's class:

- `ConfigError`: a key is missing or refused (401, 403), the plan does not include what is asked, or an
  argument is wrong.
- `Retryable`: 429, 5xx, a timeout, a connection that broke, a body that ended early; `after` has Retry-After.
- `Rejected`: the server refuses this request for good.
- `BadData`: the answer cannot be right: a column is gone, a price is no number, times descend.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from openbell.core.messages import Message, Quote
from openbell.core.types import Action, Instrument
from openbell.data.bars import Floats, Source, Times

#: `statuses` are halts, resumptions and price bands.
Channel = Literal["bars", "quotes", "trades", "statuses"]

#: Awaited before each request to a source; it returns when the account may make one more.
Pace = Callable[[], Awaitable[None]]


async def no_pace() -> None:
    """Let every request go at once."""


class Span(NamedTuple):
    """A half-open range of time, [start, end) in ns UTC."""

    start: int
    end: int


class Limit(NamedTuple):
    """How many requests one account may make: `requests` in `seconds`."""

    requests: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Offer:
    """What a provider has. It is known without a key, a connection or the provider's SDK.

    Args:
        title: The name for people, such as `Alpaca`.
        extra: What `pip install "openbell[...]"` needs; empty for none.
        modules: Python modules that must be installed.
        variables: Environment variables that must be set; they are secrets.
        timeframes: Those that it serves itself, such as `1m`; the catalog makes coarser ones.
        reach: Days back that a timeframe goes, where it is not all.
        feeds: The tapes it offers, the default first.
        actions: Whether it has splits and dividends.
        instruments: Whether it has instrument facts.
        quotes: Whether it has the latest quote.
        channels: What it streams.
        limit: Requests that an account may make; None is no limit.
        lacks: What a user should know that it has not, in a few words.
    """

    title: str
    extra: str
    timeframes: tuple[str, ...]
    feeds: tuple[str, ...]
    modules: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    reach: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    actions: bool = False
    instruments: bool = False
    quotes: bool = False
    channels: tuple[Channel, ...] = ()
    limit: Limit | None = None
    lacks: str = ""


class Batch(NamedTuple):
    """One answer's bars, raw prices, oldest first. Empty batches are allowed.

    `start` is when each bar opens, (n,) ns UTC. For daily and longer bars it is the date's midnight in UTC:
    the catalog puts the session's open and close in its place. `columns` are open, high, low, close and
    volume, (n,) each, and further ones by lower-case name.
    """

    start: Times
    columns: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Caveat:
    """Something that a company did which no action says: whose, when (as an action's `ex`), and a line."""

    symbol: str
    ex: int
    said: str


class Deeds(NamedTuple):
    """What companies did: what actions say of it, oldest first, and what they cannot."""

    actions: Sequence[Action]
    caveats: Sequence[Caveat]


class Connection(Protocol):
    """One live connection to a provider's stream."""

    async def open(self) -> None:
        """Connect and log in.

        Raises:
            ConfigError: The key is missing or refused.
            Disconnected: There is no connection to be had now.
        """

    async def subscribe(self, symbols: Iterable[str], channels: Iterable[Channel]) -> None:
        """Ask for more symbols on these channels."""

    def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives until the connection is closed.

        Raises:
            Disconnected: The other side is gone.
            BadData: A message is none that the protocol has.
        """

    async def close(self) -> None:
        """Close the connection; closing twice does nothing."""


class Provider(Protocol):
    """A source of market data."""

    name: str
    offer: Offer

    def pace(self, wait: Pace) -> None:
        """Await a function before each request from now on, as the source counts them.

        Each page of an answer is one, each further attempt, and what an SDK asks by itself.
        """

    def source(self, symbol: str) -> Source:
        """Return the identity of what it says of a symbol: provider, feed, adjustment, session, calendar."""

    def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        """Yield the raw bars that open in a span, page by page; nothing if there are none."""

    async def actions(self, symbol: str, span: Span) -> Sequence[Action]:
        """Return splits and dividends with an ex-date in a span, oldest first.

        `ex` is the date's midnight in UTC; the catalog puts the session's open in its place.
        """

    async def instrument(self, symbol: str) -> Instrument:
        """Return what may be traded of a symbol.

        Raises:
            ConfigError: The source does not know the symbol.
        """

    async def quote(self, symbol: str) -> Quote:
        """Return the latest quote."""

    def connect(self) -> Connection:
        """Return a connection to its stream, not open yet."""

    async def close(self) -> None:
        """Let go of connections; closing twice does nothing."""


@runtime_checkable
class Choosy(Protocol):
    """A provider that serves other timeframes of one symbol than of another."""

    def timeframes(self, symbol: str) -> tuple[str, ...]:
        """Return those of the offer that it serves of a symbol."""


def timeframes_of(provider: Provider, symbol: str) -> tuple[str, ...]:
    """Return the timeframes that a provider serves of a symbol; the catalog makes coarser ones."""
    return provider.timeframes(symbol) if isinstance(provider, Choosy) else provider.offer.timeframes


@runtime_checkable
class Wary(Protocol):
    """A provider that is told of more than actions can say."""

    async def deeds(self, symbol: str, span: Span) -> Deeds:
        """Return actions as `actions` does, and what of them cannot be taken."""
