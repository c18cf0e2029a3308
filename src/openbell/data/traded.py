"""One symbol of a panel: its bars, the unit of its prices, and what is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from openbell.core.errors import BadData, ConfigError, nearest
from openbell.core.market import Bar, Cursor, Track
from openbell.core.types import Instrument, Split
from openbell.data.actions import factors
from openbell.data.bars import COLUMNS, Floats, Series, Times
from openbell.data.views import View
from openbell.indicators.spec import Indicator


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


def place(series: Series, instrument: Instrument, cursor: Cursor, times: Times) -> Traded:
    """Place a series on a timeline."""
    _check_splits(series)
    columns = [getattr(series, name).data for name in ("start", "known", *COLUMNS)]
    track = Track(instrument, cursor, columns)
    split, total = factors(series.start, series.close, series.actions)
    inside = {int(np.searchsorted(series.start, action.ex)) for action in series.actions}
    bounds = [0, *sorted(b for b in inside if 0 < b < len(series)), len(series)]
    return Traded(series, track, Bar(track), np.searchsorted(times, series.known), split, total, bounds)


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


def members(parts: Sequence[Traded], moments: int) -> list[list[int]]:
    """Return for each moment the symbols that have a bar, by their index."""
    members: list[list[int]] = [[] for _ in range(moments)]
    for i, part in enumerate(parts):
        for at in part.slots.tolist():
            members[at].append(i)
    return members


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
