"""From a feed's items to a session's moments: the bars of one time together, once all of them are there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from openbell.core.messages import BarMessage
from openbell.data.live.items import Item, Settled


class Gathering:
    """Keeps bars until their time is settled. What comes later than that is a moment of its own."""

    def __init__(self, symbols: Sequence[str]) -> None:
        """Take the symbols, in whose order the bars of a moment are."""
        self._turn = {symbol: i for i, symbol in enumerate(symbols)}
        self._bars: list[BarMessage] = []

    def take(self, item: Item) -> list[list[BarMessage]]:
        """Take an item, and return the moments that are complete now, in the order of time."""
        if isinstance(item, BarMessage):
            self._bars.append(item)
        elif isinstance(item, Settled):
            due = [bar for bar in self._bars if bar.end <= item.end]
            self._bars = [bar for bar in self._bars if bar.end > item.end]
            return self._moments(due)
        return []

    def rest(self) -> list[list[BarMessage]]:
        """Return what nobody has settled: the stream has ended."""
        due, self._bars = self._bars, []
        return self._moments(due)

    def _moments(self, bars: Sequence[BarMessage]) -> list[list[BarMessage]]:
        ordered = sorted(bars, key=lambda bar: (bar.end, self._turn[bar.symbol]))
        return [list(some) for _, some in groupby(ordered, key=lambda bar: bar.end)]
