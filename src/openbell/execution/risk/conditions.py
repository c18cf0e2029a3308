"""What a live session knows beside bars: quotes, halts, faults. A driver keeps it up to date, as inputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from openbell.core.messages import PriceBand, Quote
from openbell.core.types import NANOS_PER_SECOND

_MINUTE = 60 * NANOS_PER_SECOND


@dataclass(slots=True)
class Conditions:
    """The state of the machinery. In a backtest all is well."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    halted: set[str] = field(default_factory=set)  #: symbols whose trading is halted
    bands: dict[str, PriceBand] = field(default_factory=dict)  #: limit down and limit up
    disagreement: str = ""  #: what the broker's account and the ledger do not agree on
    clock_skew: float = 0.0  #: seconds between the computer's clock and the broker's
    stop: bool = False  #: whether the emergency stop is pulled
    now: int = 0  #: time of the last input, ns: it goes on where bars stay away
    _errors: deque[int] = field(default_factory=deque)

    @property
    def are_quiet(self) -> bool:
        """Tell whether nothing is known that could hold an order back, as in a backtest."""
        return not (
            self._errors or self.quotes or self.bands or self.halted or self.disagreement or self.stop
            or self.clock_skew
        )  # fmt: skip

    def take(self, body: Mapping[str, Any], time: int) -> None:
        """Take in one thing that a driver has written down: `what`, and its values by name."""
        _TAKERS[body["what"]](self, body, time)

    def note_error(self, time: int) -> None:
        """Count an error of the broker or the feed, at a time in ns."""
        self._errors.append(time)
        self.errors(time)  # nobody else may ever ask, and old ones are of no use

    def errors(self, time: int) -> int:
        """Return how many errors there were in the minute up to a time, its beginning included."""
        while self._errors and self._errors[0] < time - _MINUTE:
            self._errors.popleft()
        return len(self._errors)

    def spread_bps(self, symbol: str) -> float:
        """Return the spread of the last quote, in basis points of its middle; 0 where none is known."""
        quote = self.quotes.get(symbol)
        return 0.0 if quote is None else spread_of(quote)

    def is_outside(self, symbol: str, price: float) -> bool:
        """Tell whether a price is beyond limit up or limit down, or at it; without a band none is."""
        band = self.bands.get(symbol)
        return band is not None and not band.low < price < band.high


def spread_of(quote: Quote) -> float:
    """Return a quote's spread, in basis points of its middle; 0 where a side is missing."""
    if quote.bid <= 0.0 or quote.ask <= 0.0:
        return 0.0
    return 20_000.0 * (quote.ask - quote.bid) / (quote.ask + quote.bid)


def _quote(conditions: Conditions, body: Mapping[str, Any], time: int) -> None:
    conditions.quotes[body["symbol"]] = Quote(body["symbol"], time, body["bid"], body["ask"])


def _halt(conditions: Conditions, body: Mapping[str, Any], _time: int) -> None:
    (conditions.halted.add if body["halted"] else conditions.halted.discard)(body["symbol"])


def _band(conditions: Conditions, body: Mapping[str, Any], time: int) -> None:
    conditions.bands[body["symbol"]] = PriceBand(body["symbol"], time, body["low"], body["high"])


def _disagreement(conditions: Conditions, body: Mapping[str, Any], _time: int) -> None:
    conditions.disagreement = body["said"]


def _skew(conditions: Conditions, body: Mapping[str, Any], _time: int) -> None:
    conditions.clock_skew = body["seconds"]


def _stop(conditions: Conditions, body: Mapping[str, Any], _time: int) -> None:
    conditions.stop = body["stop"]


def _error(conditions: Conditions, _body: Mapping[str, Any], time: int) -> None:
    conditions.note_error(time)


_TAKERS: Mapping[str, Callable[[Conditions, Mapping[str, Any], int], None]] = {
    "quote": _quote, "halt": _halt, "band": _band, "disagreement": _disagreement, "skew": _skew,
    "stop": _stop, "error": _error,
}  # fmt: skip
