"""Bars out of trades, bit by bit those that the vendor makes of the same trades."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from openbell.core.messages import BarMessage, Trade
from openbell.data.live.conditions import Conditions
from openbell.data.providers.protocol import Span

_KEPT = 3  #: complete bars a symbol whose late trades are still counted


class _Building:
    """A bar while its trades arrive, in any order."""

    __slots__ = (
        "close",
        "close_at",
        "ended",
        "exact",
        "high",
        "ids",
        "low",
        "open",
        "open_at",
        "sent",
        "span",
        "volume",
    )

    def __init__(self, span: Span) -> None:
        self.span = span
        self.open = self.close = math.nan
        self.high, self.low = -math.inf, math.inf
        self.open_at, self.close_at = math.inf, -math.inf
        self.volume = 0.0
        self.exact: Decimal | None = (
            None  # once a size is no whole number: sums of floats depend on their order
        )
        self.ids: set[str] = set()
        self.ended = False  # its end is past
        self.sent = False

    def add_size(self, size: float) -> None:
        if self.exact is None and size % 1 == 0:
            self.volume += size  # whole shares are exact up to 2^53
            return
        self.exact = (Decimal(int(self.volume)) if self.exact is None else self.exact) + Decimal(repr(size))
        self.volume = float(self.exact)

    def message(self, symbol: str, *, corrected: bool) -> BarMessage:
        prices = (self.open, self.high, self.low, self.close)
        return BarMessage(symbol, *self.span, *prices, self.volume, corrected=corrected)


class Aggregator:
    """Makes bars out of trades.

    Which bar a trade belongs to is decided by the time at which it happened, half-open: one at 10:01:00
    belongs to the bar that opens then. Open and close are of the first and the last trade in time; among
    trades of one nanosecond, of those that came first and last. A bar is complete with the first trade of a
    later one, or when `flush` says so. A trade that comes later still makes a corrected bar, for the last
    few bars. A bar in which no trade may set the open is none.

    Args:
        period: The bar that a time falls into; None if it falls into none.
        conditions: Which trade counts for what.
        extended: Whether a time is outside the sessions.
    """

    def __init__(
        self,
        period: Callable[[int], Span | None],
        *,
        conditions: Conditions,
        extended: Callable[[int], bool],
    ) -> None:
        self._period = period
        self._conditions = conditions
        self._extended = extended
        self._building: dict[str, dict[int, _Building]] = {}
        self.unknown = 0  #: trades with a condition that no table has
        self.repeated = 0  #: trades that had come before, by their id
        self.late = 0  #: trades of bars that are forgotten

    def take(self, trade: Trade) -> list[BarMessage]:
        """Add a trade, and return the bars that it completes or corrects, oldest first."""
        span = self._period(trade.time)
        if span is None:
            return []
        bars = self._building.setdefault(trade.symbol, {})
        bar = bars.get(span.start)
        if bar is None:
            if len(bars) >= _KEPT and span.start < min(bars):
                self.late += 1
                return []
            bar = bars[span.start] = _Building(span)
        if trade.id and trade.id in bar.ids:
            self.repeated += 1
            return []
        bar.ids.add(trade.id)
        changed = self._add(bar, trade)
        if bar.sent:
            return [bar.message(trade.symbol, corrected=True)] if changed else []
        if bar.ended:
            return self._send(trade.symbol, bar)
        return self._complete(trade.symbol, span.start)

    def flush(self, end: int) -> list[BarMessage]:
        """Return the bars that end by then and wait for trades no longer, by end and then by symbol."""
        done = []
        for symbol, bars in self._building.items():
            for bar in bars.values():
                if not bar.ended and bar.span.end <= end:
                    done += self._send(symbol, bar)
        return sorted(done, key=lambda bar: (bar.end, bar.symbol))

    def forget(self) -> None:
        """Drop the bars that are being made: trades of theirs were missed."""
        for bars in self._building.values():
            for start in [start for start, bar in bars.items() if not bar.ended]:
                del bars[start]

    def _complete(self, symbol: str, before: int) -> list[BarMessage]:
        """Send the bars before the one that opens at `before`, and forget the oldest."""
        bars = self._building[symbol]
        done = []
        for start in sorted(start for start, bar in bars.items() if start < before and not bar.ended):
            done += self._send(symbol, bars[start])
        newest = max(bars)
        if before < newest:  # it is itself older than one that is being made
            done += self._send(symbol, bars[before])
        for start in sorted(bars)[: max(len(bars) - _KEPT, 0)]:
            del bars[start]
        return done

    def _send(self, symbol: str, bar: _Building) -> list[BarMessage]:
        bar.ended = True
        bar.sent = not math.isnan(bar.open)
        return [bar.message(symbol, corrected=False)] if bar.sent else []

    def _add(self, bar: _Building, trade: Trade) -> bool:
        """Let a trade take effect; return whether it had any."""
        if trade.conditions and not self._conditions.knows(trade.conditions, trade.tape):
            self.unknown += 1
        effect = self._conditions.effect(trade.conditions, trade.tape, self._extended(trade.time))
        if effect.volume:
            bar.add_size(trade.size)
        if effect.high_low:
            bar.high, bar.low = max(bar.high, trade.price), min(bar.low, trade.price)
        if effect.open_close:
            if trade.time < bar.open_at:
                bar.open, bar.open_at = trade.price, trade.time
            if trade.time >= bar.close_at:
                bar.close, bar.close_at = trade.price, trade.time
        return any(effect)
