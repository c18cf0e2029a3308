"""A run's bars as reports need them: columns in one unit, and the series that they came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from openbell.core.types import Fill, Phase
from openbell.data.actions import factors
from openbell.data.bars import Floats, Series, Times
from openbell.data.panel import Panel


class Bars(NamedTuple):
    """One symbol's raw bars, columns of shape (n,), and how many shares one of the first bar has become."""

    start: Times
    known: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    split: Floats

    def at(self, fill: Fill) -> int:
        """Return the index of the bar in which a fill happened."""
        if fill.phase is Phase.OPEN:
            return int(np.searchsorted(self.start, fill.time, side="right")) - 1
        return int(np.searchsorted(self.known, fill.time))


def bars_of(panel: Panel, symbol: str) -> Bars:
    """Return a symbol's bars."""
    series = next(one for one in all_series(panel) if one.symbol == symbol)
    split, _ = factors(series.start, series.close, series.actions)
    return Bars(series.start, series.known, series.open, series.high, series.low, series.close, split)


def all_series(panel: Panel) -> Iterator[Series]:
    """Yield every series of a run: of each symbol the one that is traded, then slower ones."""
    for symbol in panel.symbols:
        part = panel._parts[symbol]  # noqa: SLF001  # the panel has no public door to its series
        yield part.series
        yield from part.slower.values()
