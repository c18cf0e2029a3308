"""Bars out of a journal: those that a session saw, and those that it began with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from openbell.core.messages import BarMessage
from openbell.core.types import Action, SymbolChange
from openbell.data.bars import COLUMNS, Series, Source
from openbell.storage.journal import Entry
from openbell.trading.records import action_of, body_of_action
from openbell.trading.rehearsal import bars_of


def body_of_past(series: Series) -> Mapping[str, Any]:
    """Return the bars and actions of one symbol as a journal keeps them."""
    columns = (series.start, series.known, *(getattr(series, name) for name in COLUMNS))
    return {
        "symbol": series.symbol,
        "timeframe": series.timeframe,
        "columns": [column.tolist() for column in columns],
        "actions": [dict(body_of_action(one)) for one in series.actions],
    }


def past_of(entries: Iterable[Entry], sources: Mapping[str, Source]) -> dict[str, Series]:
    """Return the bars that a session began with, of the symbols that have a source."""
    found = {}
    for entry in entries:
        if entry.kind == "history" and entry.body["symbol"] in sources:
            symbol, (start, known, *columns) = entry.body["symbol"], entry.body["columns"]
            actions = [action_of(one) for one in entry.body["actions"]]
            found[symbol] = _series(
                symbol, entry.body["timeframe"], [start, known], columns, sources[symbol], actions
            )
    return found


def moments_in(entries: Iterable[Entry]) -> list[list[BarMessage]]:
    """Return the moments of a session."""
    return [bars_of(entry) for entry in entries if entry.kind == "moment"]


def series_in(
    moments: Iterable[Sequence[BarMessage]],
    timeframe: str,
    sources: Mapping[str, Source],
    actions: Sequence[Action],
) -> list[Series]:
    """Return the bars that a session saw as if each had been known at its end, in the order of the sources.

    A symbol without bars is left out.
    """
    bars: dict[str, list[BarMessage]] = {symbol: [] for symbol in sources}
    for moment in moments:
        for bar in moment:
            if bar.symbol in bars:
                bars[bar.symbol].append(bar)
    made = []
    for symbol, rows in bars.items():
        if rows:
            _, start, known, *columns = zip(*(bar[:8] for bar in rows), strict=True)
            own = [one for one in actions if one.symbol == symbol and not isinstance(one, SymbolChange)]
            made.append(_series(symbol, timeframe, [start, known], columns, sources[symbol], own))
    return made


def _series(
    symbol: str,
    timeframe: str,
    times: Sequence[Sequence[int]],
    columns: Sequence[Sequence[float]],
    source: Source,
    actions: Iterable[Action],
) -> Series:
    start, known = (np.array(column, np.int64) for column in times)
    arrays: dict[str, Any] = {n: np.array(c, np.float64) for n, c in zip(COLUMNS, columns, strict=True)}
    return Series(symbol, timeframe, start, known, **arrays, source=source, actions=tuple(actions))
