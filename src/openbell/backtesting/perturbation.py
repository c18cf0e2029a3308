"""Other futures: the same bars up to a moment, and different ones, or none, after it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

import numpy as np

from openbell.data.bars import COLUMNS, PRICES, Floats, Series

#: What the prices after the moment are multiplied with, in the two directions.
HIGHER, LOWER = 1.6, 0.6


class Future(StrEnum):
    """What takes the place of the bars that are not known yet."""

    ONE_WAY = "replaced"  #: other prices, higher for every other symbol, lower for the rest
    OTHER_WAY = "replaced the other way"  #: the mirror image: what rose falls
    NONE = "cut off"


def known_until(series: Series, time: int) -> int:
    """Return how many bars are known at `time`, ns UTC."""
    return int(np.searchsorted(series.known, time, side="right"))


def change(series: Sequence[Series], time: int, future: Future) -> list[Series]:
    """Return the series with everything that is not known at `time` changed; what is known stays as it is.

    Replaced bars keep their times. Their returns are the true ones in a shuffled order, and begin at 1.6 or
    0.6 times the last known close; the other direction is the mirror image (p becomes c / p), so that a
    decision on the sign of a future return differs from the truth in one of them. Further columns take
    other values that occur in them. Corporate actions after `time` are dropped.

    A series of which nothing is known keeps one (changed) bar when cut off, since a run needs its symbol.
    """
    place = {symbol: i for i, symbol in enumerate(dict.fromkeys(one.symbol for one in series))}
    rises = 0 if future is Future.ONE_WAY else 1
    changed = [replaced(one, time, higher=place[one.symbol] % 2 == rises) for one in series]
    return [_shortened(one, time) for one in changed] if future is Future.NONE else changed


def replaced(series: Series, time: int, *, higher: bool) -> Series:
    """Return a series with other bars after `time`: those of a rise, or their mirror image."""
    first = known_until(series, time)
    if first == len(series):
        return replace(series, actions=_actions(series, time))
    random = np.random.default_rng(zlib.crc32(series.symbol.encode()))
    order = random.permutation(len(series) - first)
    columns = _prices(series, first, order, higher=higher)
    traded = series.volume[first:][order if higher else order[::-1]]
    columns["volume"] = traded * (HIGHER if higher else LOWER)
    columns |= {name: _others(values, first, higher=higher) for name, values in series.extra.items()}
    return put(series, first, columns, actions=_actions(series, time))


def put(series: Series, first: int, columns: dict[str, Floats], **fields: Any) -> Series:
    """Return a series whose columns have other values from bar `first` on."""
    whole: dict[str, Any] = {}
    for name, values in columns.items():
        old = getattr(series, name) if name in COLUMNS else series.extra[name]
        whole[name] = np.concatenate([old[:first], values])
        whole[name].setflags(write=False)  # so that the series need not copy it
    extra = {name: whole.pop(name, values) for name, values in series.extra.items()}
    return replace(series, extra=extra, **whole, **fields)


def cut_off(series: Series, time: int) -> Series:
    """Return what is known of a series at `time`, ns UTC: its bars and corporate actions until then.

    A series of which nothing is known keeps one bar, since a run needs its symbol.
    """
    return _shortened(replace(series, actions=_actions(series, time)), time)


def _actions(series: Series, time: int) -> tuple[Any, ...]:
    return tuple(action for action in series.actions if action.ex <= time)


def _prices(series: Series, first: int, order: Any, *, higher: bool) -> dict[str, Floats]:
    """Return prices that begin at `HIGHER` times the last known close, or their mirror image."""
    close = series.close
    last = close[first - 1] if first else series.open[0]
    before = np.concatenate([[last], close[first:-1]])
    parts = {name: _sane(getattr(series, name)[first:] / before)[order] for name in PRICES}
    begin = last * HIGHER
    base = begin * np.concatenate([[1.0], np.cumprod(parts["close"][:-1])])
    risen = {name: base * part for name, part in parts.items()}
    if higher:
        return risen
    mirror = begin * last * LOWER
    swapped = {"open": "open", "high": "low", "low": "high", "close": "close"}
    return {name: mirror / risen[of] for name, of in swapped.items()}


def _sane(ratios: Floats) -> Floats:
    """Take hand-made bars with a gap or a zero for bars that did not move: one would spoil all after it."""
    return np.where(np.isfinite(ratios) & (ratios > 0.0), ratios, 1.0)


def _others(values: Floats, first: int, *, higher: bool) -> Floats:
    """Return for each value after `first` another that occurs in the column, so that a code stays a code."""
    found, rank = np.unique(values, return_inverse=True)
    count = len(found)
    moved = count - 1 - rank if higher else (rank + (count + 1) // 2) % count
    return found[moved[first:]]


def _shortened(series: Series, time: int) -> Series:
    """Return what is known at `time`, and the bar that an action which has happened waits for."""
    keep = max(known_until(series, time), 1)
    if series.actions:
        keep = max(keep, int(np.searchsorted(series.start, series.actions[-1].ex)) + 1)
    rows = slice(None, keep)
    names = ("start", "known", *COLUMNS)
    columns: dict[str, Any] = {name: getattr(series, name)[rows] for name in names}
    return replace(series, **columns, extra={name: values[rows] for name, values in series.extra.items()})


def change_only(
    series: Sequence[Series], changed: Sequence[Series], *, symbols: Sequence[str], columns: Sequence[str]
) -> list[Series]:
    """Return the true series with these columns of these symbols taken from the changed ones.

    A column may be `actions`, the corporate actions. Both lists must have the same bars.
    """
    made = []
    for true, other in zip(series, changed, strict=True):
        if true.symbol not in symbols:
            made.append(true)
            continue
        own = [name for name in columns if name in (*COLUMNS, "actions")]
        fields: dict[str, Any] = {name: getattr(other, name) for name in own}
        extra = {name: (other if name in columns else true).extra[name] for name in true.extra}
        made.append(replace(true, extra=extra, **fields))
    return made
