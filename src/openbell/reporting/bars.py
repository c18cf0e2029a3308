"""A run's bars as reports need them: columns, and what turns their prices into one unit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from openbell.core.types import Fill, Phase
from openbell.data.actions import factors
from openbell.data.bars import Floats, Times
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

    def from_(self, time: int) -> int:
        """Return the index of the first bar that begins at a time or later, or of the last."""
        return min(int(np.searchsorted(self.start, time)), len(self.start) - 1)


def bars_of(panel: Panel, symbol: str) -> Bars:
    """Return a symbol's bars."""
    traded = (one for one in panel.series if one.symbol == symbol)
    series = next(traded)  # slower ones come after it
    split, _ = factors(series.start, series.close, series.actions)
    return Bars(series.start, series.known, series.open, series.high, series.low, series.close, split)
