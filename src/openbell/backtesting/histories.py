"""What bars are made of, taken apart so that other histories can be put together of it.

Prices are the adjusted ones: a dividend counts as reinvested, a split as none, so that a history needs no
corporate actions. A bar is its gap from the close before, and its body, high and low from its own open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.core.errors import BadData
from openbell.data.actions import factors
from openbell.data.bars import COLUMNS, PRICES, CalendarUnit, Floats, Series, parse_timeframe
from openbell.data.calendar import sessions

Rows = NDArray[np.int64]

#: Fewer rows than this say nothing of the law that they follow.
FEWEST = 30


class Parts(NamedTuple):
    """Bars as (bars, symbols) of log ratios."""

    gap: Floats  #: open over the close before; 0 of the first bar
    up: Floats  #: high over open
    down: Floats  #: low over open
    body: Floats  #: close over open

    def pick(self, rows: Rows) -> Parts:
        """Return the parts of some rows, in their order."""
        return Parts(*(part[rows] for part in self))

    @property
    def moves(self) -> Floats:
        """(bars, symbols) from close to close."""
        return self.gap + self.body


@dataclass(frozen=True, eq=False)
class Observed:
    """The bars that all symbols have, and what they are made of.

    What is drawn is a session: of bars shorter than a day those sessions are kept that have the usual number
    of them, so that one can take the place of another. A longer bar is its own session.
    """

    series: tuple[Series, ...]
    parts: Parts
    volume: Floats  #: (bars, symbols) in shares of the first bar
    width: int  #: bars a session

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return len(self.parts.gap) // self.width

    @property
    def market(self) -> Floats:
        """(sessions - 1,) what the symbols moved on average in each session but the first, as log returns."""
        moves: Floats = self.parts.moves.mean(axis=1)
        summed: Floats = moves.reshape(-1, self.width).sum(axis=1)[1:]
        return summed

    def rows_of(self, sessions: Rows) -> Rows:
        """Return the bars of sessions, in their order."""
        return (sessions[:, None] * self.width + np.arange(self.width)).ravel()

    def build(self, parts: Parts, others: Rows | None = None) -> list[Series]:
        """Return series of other parts, (bars, symbols), at the same times; the first bar's open stays.

        Args:
            parts: What the bars are made of.
            others: (bars,) the bar whose volume and further columns each takes; None is its own.
        """
        made = []
        for i, one in enumerate(self.series):
            begin = float(one.open[0])
            before = np.concatenate([[0.0], np.cumsum(parts.moves[:, i])[:-1]])
            before[0] -= parts.gap[0, i]  # the first bar opens where it did
            opened = before + parts.gap[:, i]
            logs = {"open": opened, "high": opened + parts.up[:, i], "low": opened + parts.down[:, i],
                    "close": opened + parts.body[:, i]}  # fmt: skip
            prices = {name: begin * np.exp(values) for name, values in logs.items()}
            ends = prices["open"], prices["close"]
            prices["high"] = reduce(np.maximum, ends, prices["high"])  # exp may round the three apart
            prices["low"] = reduce(np.minimum, ends, prices["low"])
            volume, extra = self.volume[:, i], dict(one.extra)
            if others is not None:
                volume, extra = volume[others], {name: values[others] for name, values in extra.items()}
            fields: dict[str, Any] = {**prices, "volume": volume}
            made.append(replace(one, **fields, extra=extra, actions=(), findings=()))
        return made


def observe(series: Sequence[Series]) -> Observed:
    """Take apart the bars that all symbols have.

    Raises:
        BadData: They share too few, or one is no positive number.
    """
    known = reduce(np.intersect1d, [one.known for one in series])
    rows = [np.flatnonzero(np.isin(one.known, known)) for one in series]
    width, kept = _whole_sessions(series[0], rows[0])
    if len(kept) // width < FEWEST:
        raise BadData(
            f"{len(kept) // width} whole sessions that {series[0].symbol} has in common with all others are "
            f"too few to draw from; {FEWEST} are needed: widen the range of dates or leave out a symbol"
        )
    columns, volumes, cut = [], [], []
    for one, own in zip(series, rows, strict=True):
        at = own[kept]
        split, total = (held[at] / held[at[0]] for held in factors(one.start, one.close, one.actions))
        prices = np.array([getattr(one, name)[at] * total for name in PRICES])
        if not (np.isfinite(prices).all() and (prices > 0.0).all()):
            raise BadData(f"{one.symbol}: a price is no positive number, so it has no return")
        columns.append(np.log(prices))
        volumes.append(one.volume[at] / split)
        cut.append(_picked(one, at))
    open_, high, low, close = np.stack(columns, axis=2)
    before = np.concatenate([open_[:1], close[:-1]])
    parts = Parts(open_ - before, high - open_, low - open_, close - open_)
    return Observed(tuple(cut), parts, np.stack(volumes, axis=1), width)


def _whole_sessions(series: Series, rows: Rows) -> tuple[int, Rows]:
    """Return how many bars a session has, and the places of the bars of sessions that have so many."""
    if isinstance(parse_timeframe(series.timeframe), CalendarUnit):
        return 1, np.arange(len(rows))
    start = series.start[rows]
    opens = sessions(series.source.calendar, int(series.start[0]), int(series.known[-1])).opens
    _, first, counts = np.unique(
        np.searchsorted(opens, start, side="right"), return_index=True, return_counts=True
    )
    width = int(np.bincount(counts).argmax()) if len(counts) else 1
    whole = first[counts == width]
    return width, (whole[:, None] + np.arange(width)).ravel()


def _picked(series: Series, rows: Rows) -> Series:
    """Return some bars of a series."""
    columns: dict[str, Any] = {name: getattr(series, name)[rows] for name in ("start", "known", *COLUMNS)}
    return replace(series, **columns, extra={name: one[rows] for name, one in series.extra.items()})
