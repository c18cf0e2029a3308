"""What a live session knows beside bars: quotes, halts, faults. A driver keeps it up to date, as an input."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from openbell.core.messages import Quote
from openbell.core.types import NANOS_PER_SECOND

_MINUTE = 60 * NANOS_PER_SECOND


@dataclass(slots=True)
class Conditions:
    """The state of the machinery. In a backtest all is well."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    halted: set[str] = field(default_factory=set)  #: symbols whose trading is halted
    disagreement: str = ""  #: what the broker's account and the ledger do not agree on
    clock_skew: float = 0.0  #: seconds between the computer's clock and the broker's
    stop: bool = False  #: whether the emergency stop is pulled
    _errors: deque[int] = field(default_factory=deque)

    def note_error(self, time: int) -> None:
        """Count an error of the broker or the feed, at a time in ns."""
        self._errors.append(time)

    def errors(self, time: int) -> int:
        """Return how many errors there were in the minute before a time."""
        while self._errors and self._errors[0] <= time - _MINUTE:
            self._errors.popleft()
        return len(self._errors)

    def spread_bps(self, symbol: str) -> float:
        """Return the spread of the last quote, in basis points of its middle; 0 where none is known."""
        quote = self.quotes.get(symbol)
        if quote is None or quote.bid <= 0.0 or quote.ask <= 0.0:
            return 0.0
        return 20_000.0 * (quote.ask - quote.bid) / (quote.ask + quote.bid)
