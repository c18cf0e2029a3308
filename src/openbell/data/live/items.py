"""What goes into a feed, and what comes out of it.

A feed yields `Item`s: bars, each once and in order, quotes, and what a consumer must know of the stream
itself. Times are ns since 1970 in UTC, by the feed's clock.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

from openbell.core.messages import BarMessage, Message, PriceBand, Quote, TradingStatus
from openbell.data.providers.protocol import Span


class Connected(NamedTuple):
    """The stream is open, and all symbols are subscribed."""

    time: int
    again: bool  #: whether it had been open before


class Lost(NamedTuple):
    """The stream is gone, or was given up; the feed connects again by itself."""

    time: int
    reason: str


class Stale(NamedTuple):
    """The stream was mute while the exchange was open: as a whole, or for one symbol."""

    time: int
    symbol: str  #: empty for the whole stream
    since: int  #: the last sign of life


class Gap(NamedTuple):
    """Bars that the stream did not bring. Those that were fetched follow as bars.

    `reason` says why none could be fetched.
    """

    time: int
    symbol: str
    span: Span
    bars: int  #: how many were fetched
    reason: str = ""  #: empty when the gap is filled


class Correction(NamedTuple):
    """Other values of a bar that was delivered, or should have been: for records, never for a decision.

    `before` is the bar as it was delivered; None if it never was, or too long ago to be remembered.
    """

    time: int
    bar: BarMessage
    before: BarMessage | None


class Settled(NamedTuple):
    """Every bar that is complete at `end` was delivered, or is not expected any more."""

    time: int
    end: int


class Slow(NamedTuple):
    """The consumer is slow: reading has stopped until it has caught up. Nothing is dropped but old quotes."""

    time: int
    waiting: int  #: items that it has not taken


class Unusable(NamedTuple):
    """A message that cannot be right was left out."""

    time: int
    reason: str


Status = Connected | Lost | Stale | Gap | Settled | Slow | Unusable
Item = BarMessage | Correction | Quote | TradingStatus | PriceBand | Status


class Ask(NamedTuple):
    """A request for the bars of a symbol that open in a span."""

    symbol: str
    span: Span


class Answer(NamedTuple):
    """What came of an `Ask`: bars, oldest first, or why there are none."""

    symbol: str
    span: Span
    bars: tuple[BarMessage, ...]
    reason: str = ""


class Up(NamedTuple):
    """The connection is open and subscribed, says the line."""


class Down(NamedTuple):
    """The connection is closed, says the line."""

    reason: str


class Full(NamedTuple):
    """Reading stops until the consumer has caught up, says the feed itself."""

    waiting: int


class Free(NamedTuple):
    """The consumer has caught up."""


class Pulse(NamedTuple):
    """Nothing but the time: the feed was closed."""


#: What a feed is told, and a recording keeps.
Event = Message | Up | Down | Answer | Full | Free | Pulse


@dataclass(slots=True)
class Counters:
    """What happened since the feed began, as counts."""

    messages: int = 0
    bars: int = 0  #: delivered
    quotes: int = 0
    trades: int = 0
    conflated: int = 0  #: quotes that a later one replaced before anybody took them
    duplicates: int = 0
    reordered: int = 0  #: bars that came after a later one, and were delivered before it
    replaced: int = 0  #: bars that were corrected before they were delivered
    corrections: int = 0  #: told after the bar was delivered
    outside: int = 0  #: bars outside the sessions, of a feed that wants only what is inside
    foreign: int = 0  #: of symbols that nobody asked for
    unusable: int = 0
    asked: int = 0  #: requests for bars
    filled: int = 0  #: bars that such requests brought
    quiet: int = 0  #: such requests that brought none, rightly
    unfilled: int = 0  #: gaps that stay
    stale: int = 0
    lost: int = 0
    connected: int = 0
    slow: int = 0  #: times that reading waited for the consumer

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)
