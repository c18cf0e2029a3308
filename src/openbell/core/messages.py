"""What a live market says, as it arrives: bars, quotes, trades, halts and price bands.

Times are ns since 1970 in UTC, by the clock of who sent them; prices and sizes are float64.
"""

from __future__ import annotations

from typing import NamedTuple


class BarMessage(NamedTuple):
    """A complete bar. `corrected` bars replace one that was sent before."""

    symbol: str
    start: int  #: when it opened
    end: int  #: when it is complete: the earliest time at which it may be seen
    open: float
    high: float
    low: float
    close: float
    volume: float
    corrected: bool = False


class Quote(NamedTuple):
    """The best bid and ask. Sizes are in shares; a side without an offer has the price 0 and the size 0."""

    symbol: str
    time: int
    bid: float
    ask: float
    bid_size: float = 0.0
    ask_size: float = 0.0


class Trade(NamedTuple):
    """One trade on the tape. `conditions` are the feed's own codes; `id` is unique within symbol and day.

    `tape` is `A`, `B` or `C` where the feed says it: the same code means different things on each.
    """

    symbol: str
    time: int
    price: float
    size: float
    id: str = ""
    conditions: tuple[str, ...] = ()
    tape: str = ""


class TradingStatus(NamedTuple):
    """Whether trading in a symbol is halted from now on. `why` has the exchange's words."""

    symbol: str
    time: int
    halted: bool
    why: str = ""


class PriceBand(NamedTuple):
    """Limit down and limit up: outside of them nothing trades."""

    symbol: str
    time: int
    low: float
    high: float


Message = BarMessage | Quote | Trade | TradingStatus | PriceBand
