"""One symbol of a panel: its bars, the unit of its prices, and what is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from openbell.core.errors import BadData, ConfigError, nearest
from openbell.core.market import Bar, Cursor, Track
from openbell.core.types import Action, Delisting, Instrument, Split, SymbolChange
from openbell.data.actions import factors, repricing
from openbell.data.bars import COLUMNS, Floats, Series, Times
from openbell.data.views import View
from openbell.indicators.spec import Indicator

#: How many symbols are turned into columns at a time: as many as a processor's cache holds.
BLOCK = 64


@dataclass(slots=True, eq=False)
class Traded:
    """One symbol's bars, its adjustment, and what is computed from it."""

    series: Series
    track: Track
    bar: Bar
    slots: Times  #: (n,) the moment of each bar on the timeline
    split: Floats
    total: Floats
    bounds: list[int]  #: the bars at which the prices' unit changes, and the end
    slower: dict[str, Series] = field(default_factory=dict)
    epoch: int = 0
    views: dict[Indicator, View] = field(default_factory=dict)

    def carried(self, values: Floats, moments: int) -> Floats:
        """(moments,) values of the bars, each carried to the next bar; NaN before the first."""
        if len(self.slots) == moments:
            return values
        lasts = np.diff(self.slots, append=moments)
        return np.concatenate((np.full(self.slots[0], np.nan), np.repeat(values, lasts)))

    def spread(self, values: Floats, moments: int) -> Floats:
        """(moments,) values of the bars; NaN where there is no bar."""
        if len(self.slots) == moments:
            return values
        row = np.full(moments, np.nan)
        row[self.slots] = values
        return row

    def due(self, times: Times) -> list[tuple[int, Action]]:
        """Return the actions between the bars, each with the moment before whose bars it happens.

        A delisting follows the last bar; after the last moment it happens at the end.
        """
        first, last = self.series.start[0], self.series.start[-1]
        found = [
            (self._due(times, a.ex), a)
            for a in self.series.actions
            if first < a.ex and (a.ex <= last or isinstance(a, Delisting)) and not isinstance(a, SymbolChange)
        ]
        return sorted(found, key=lambda item: (item[0], item[1].ex))

    def _due(self, times: Times, ex: int) -> int:
        """Return the first moment after an ex-date; after the bar that it lies inside of, if there is one."""
        at = int(np.searchsorted(times, ex, side="right"))
        inside = int(np.searchsorted(self.series.start, ex)) - 1
        return max(at, int(self.slots[inside]) + 1) if self.series.known[inside] > ex else at


def finest(series: Sequence[Series]) -> tuple[dict[str, Series], dict[str, dict[str, Series]]]:
    """Return each symbol's finest bars, and its coarser ones by timeframe."""
    traded: dict[str, Series] = {}
    slower: dict[str, dict[str, Series]] = {}
    for one in series:
        if not len(one):
            raise BadData(f"{one.symbol}: no bars; widen the range of dates")
        other = traded.get(one.symbol)
        if other is None:
            traded[one.symbol] = one
            continue
        if other.timeframe == one.timeframe:
            raise ConfigError(
                f"{one.symbol} is given twice with {one.timeframe} bars; give each timeframe once"
            )
        fine, coarse = sorted((one, other), key=lambda s: int(np.median(s.known - s.start)))
        traded[one.symbol] = fine
        slower.setdefault(one.symbol, {})[coarse.timeframe] = coarse
    return traded, slower


def place(series: Series, instrument: Instrument, cursor: Cursor, slots: Times) -> Traded:
    """Place a series on a timeline, at `slots`."""
    columns = [getattr(series, name).data for name in ("start", "known", *COLUMNS)]
    track = Track(instrument, cursor, columns)
    track.around = series.source.is_around
    count = len(series)
    if not series.actions:
        return Traded(series, track, Bar(track), slots, _ones(count), _ones(count), [0, count])
    _check_splits(series)
    _check_end(series)
    split, total = factors(series.start, series.close, series.actions)
    inside = {int(np.searchsorted(series.start, action.ex)) for action in repricing(series.actions)}
    bounds = [0, *sorted(b for b in inside if 0 < b < count), count]
    return Traded(series, track, Bar(track), slots, split, total, bounds)


@lru_cache(maxsize=4)
def _counted(count: int) -> Times:
    """Return the numbers of so many moments, one array for all runs over as many, as nobody writes it."""
    made = np.arange(count)
    made.setflags(write=False)
    return made


@lru_cache(maxsize=16)
def _ones(count: int) -> Floats:
    """Return factors that change nothing: one array for all symbols of as many bars, as nobody writes it."""
    made = np.ones(count)
    made.setflags(write=False)
    return made


def _check_splits(series: Series) -> None:
    """Refuse bars that a split lies inside of: their prices are in two units."""
    for action in series.actions:
        inside = int(np.searchsorted(series.start, action.ex)) - 1
        if isinstance(action, Split) and inside >= 0 and series.known[inside] > action.ex:
            day = np.datetime64(action.ex, "ns").astype("datetime64[D]")
            raise BadData(
                f"{series.symbol}: the split on {day} lies inside a {series.timeframe} bar, so its prices "
                "are in two units; trade finer bars, read these as an indicator's timeframe"
            )


def _check_end(series: Series) -> None:
    """Refuse bars of a symbol that is not traded any more."""
    for action in series.actions:
        if isinstance(action, Delisting) and action.ex <= series.start[-1]:
            raise BadData(tell_dead(series.symbol, action.ex, int(series.start[-1])))


def tell_dead(symbol: str, ex: int, start: int) -> str:
    """Return what is said of a bar that begins after its symbol's delisting."""
    gone, day = (np.datetime64(time, "ns").astype("datetime64[D]") for time in (ex, start))
    return f"{symbol}: a bar on {day} is after the delisting on {gone}; drop the bar or correct the delisting"


class Timeline:
    """The times at which bars of any symbol become known, and where each symbol's bars lie among them."""

    def __init__(self, series: Sequence[Series]) -> None:
        self.times: Times = max(series, key=len).known
        self._every = _counted(len(self.times))
        found = [self._slots(one.known) for one in series]
        others = [one.known for one, slots in zip(series, found, strict=True) if slots is None]
        if others:
            self.times = np.unique(np.concatenate((self.times, *others)))
            self._every = _counted(len(self.times))
            found = [self._slots(one.known) for one in series]
        self.slots: list[Times] = found  # type: ignore[assignment]  # all found now
        count = len(self.times)
        self.dense = all(len(slots) == count for slots in self.slots)

    def _slots(self, known: Times) -> Times | None:
        """Return the moments of a symbol's bars; None when one of them is not on the timeline."""
        times, count = self.times, len(known)
        if known is times:
            return self._every
        first = int(np.searchsorted(times, known[0]))
        if np.array_equal(times[first : first + count], known):  # without a gap, as most are
            return self._every[first : first + count]
        slots = np.searchsorted(times, known)
        return slots if slots[-1] < len(times) and np.array_equal(times[slots], known) else None


class Members:
    """Which symbols have a bar at each moment."""

    def __init__(self, slots: Sequence[Times], moments: int) -> None:
        self._has = np.zeros((moments, len(slots)), dtype=np.bool_)
        for i, rows in enumerate(slots):
            self._has[rows, i] = True

    def at(self, moment: int) -> Sequence[bool]:
        """Tell of each symbol, in the run's order, whether it has a bar."""
        row: Sequence[bool] = self._has[moment].data
        return row


def column_of(series: Series, name: str) -> Floats:
    """Return a column by its name.

    Raises:
        ConfigError: There is none; the nearest is offered.
    """
    if name in COLUMNS:
        return getattr(series, name)  # type: ignore[no-any-return]  # one of five float columns
    if name in series.extra:
        return series.extra[name]
    raise ConfigError(f"{series.symbol} has no column {name!r}{nearest(name, (*COLUMNS, *series.extra))}")


def ratio_of(part: Traded, column: str, rows: slice, unit: int) -> Floats | float:
    """Return what turns raw values into the unit of bar `unit`: exactly 1 for that bar itself."""
    if len(part.bounds) == 2 or column in part.series.extra:  # no action
        return 1.0
    if column == "volume":
        shares: Floats = part.split[unit] / part.split[rows]
        return shares
    prices: Floats = part.total[rows] / part.total[unit]
    return prices


def adjusted_of(part: Traded, column: str, end: int, unit: int) -> Floats:
    """Return the first `end` bars' values in the unit of bar `unit`; the very column where no action is."""
    values = column_of(part.series, column)
    values = values if end == len(values) else values[:end]  # the same object, of which more may be known
    ratio = ratio_of(part, column, slice(0, end), unit)
    return values if isinstance(ratio, float) else values * ratio


def matrix_of(parts: Sequence[Traded], column: str, moments: int) -> Floats:
    """Return a raw column of all symbols, shape (moments, symbols); NaN where a symbol has no bar."""
    made = np.empty((moments, len(parts)))
    for first in range(0, len(parts), BLOCK):
        block = parts[first : first + BLOCK]
        rows = [part.spread(column_of(part.series, column), moments) for part in block]
        made[:, first : first + BLOCK] = np.array(rows).T
    return made


def adjustment_of(parts: Sequence[Traded], column: str, first: int, now: int) -> Floats:
    """Return what turns the raw values of moments `first` to `now` into the units of now."""
    made = np.ones((now + 1 - first, len(parts)))
    for i, part in enumerate(parts):
        if len(part.bounds) > 2:  # has actions
            low, high = np.searchsorted(part.slots, (first, now + 1))
            unit = part.bounds[part.epoch]
            made[part.slots[low:high] - first, i] = ratio_of(part, column, slice(low, high), unit)
    return made
