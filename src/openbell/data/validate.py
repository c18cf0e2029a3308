"""Checks of bars: what stops a run, and what is only noted."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from openbell.core.errors import BadData
from openbell.core.types import NANOS_PER_DAY, Split
from openbell.data.bars import (
    COLUMNS,
    PRICES,
    Finding,
    FindingKind,
    Floats,
    Policy,
    Series,
    Times,
    parse_timeframe,
)
from openbell.data.oddities import find_spikes, find_still

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from openbell.data.calendar import Sessions

    #: Names a row's place and moment, such as `AAPL: prices.csv line 7 (2005-01-31)`.
    Where = Callable[[int], str]

#: What is done about each kind: `fail` raises BadData, `flag` notes a Finding.
POLICY: Mapping[FindingKind, Policy] = MappingProxyType(
    {
        FindingKind.UNSORTED: "fail",
        FindingKind.DUPLICATE: "fail",
        FindingKind.OVERLAP: "fail",
        FindingKind.NOT_A_NUMBER: "fail",
        FindingKind.NOT_POSITIVE: "fail",
        FindingKind.HIGH_BELOW_LOW: "fail",
        FindingKind.OUTSIDE_RANGE: "fail",
        FindingKind.NEGATIVE_VOLUME: "fail",
        FindingKind.OFF_CALENDAR: "fail",
        FindingKind.ZERO_VOLUME: "flag",
        FindingKind.MISSING_SESSIONS: "flag",
        FindingKind.MISSING_BARS: "flag",
        FindingKind.UNRECORDED_SPLIT: "flag",
        FindingKind.SPIKE: "flag",
        FindingKind.FROZEN: "flag",
        FindingKind.DISAGREEMENT: "flag",
        FindingKind.QUARANTINED: "flag",
        FindingKind.UNBOOKED_ACTION: "flag",
        FindingKind.IGNORED_COLUMN: "flag",
        FindingKind.ASSUMED_CALENDAR: "flag",
    }
)

_WHOLE = (2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 50, 100)
#: Splits that are common enough to be suspected: (new, old).
_USUAL = (*((n, 1) for n in _WHOLE), (3, 2), *((1, n) for n in _WHOLE), (2, 3))
_NEAR = 0.02  #: how near to a usual ratio a price's jump looks like a split
_OVERNIGHT = 0.10  #: how near the open alone must be, so that it happened overnight


def report(kind: FindingKind, symbol: str, message: str, *, time: int = 0) -> Finding:
    """Do what the policy says: raise, or return a Finding for the series.

    Raises:
        BadData: The policy of this kind is `fail`.
    """
    policy = POLICY[kind]
    if policy == "fail":
        raise BadData(message)
    return Finding(kind, symbol, time, message, policy)


def check_order(symbol: str, stamps: Times, where: Where) -> list[Finding]:
    """Check that times (n,) ascend.

    Raises:
        BadData: A time repeats or lies before the one above it.
    """
    rows = np.flatnonzero(stamps[1:] <= stamps[:-1])
    if not len(rows):
        return []
    row = int(rows[0]) + 1
    if stamps[row] == stamps[row - 1]:
        return [
            report(FindingKind.DUPLICATE, symbol, f"{where(row)}: the row above has this time too; drop one")
        ]
    return [
        report(
            FindingKind.UNSORTED, symbol, f"{where(row)}: earlier than the row above; sort the rows by time"
        )
    ]


def check_bars(symbol: str, columns: Mapping[str, Floats], where: Where) -> list[Finding]:
    """Check the prices and the volume of each bar: columns of shape (n,) by name.

    Raises:
        BadData: A value is missing, infinite, zero, negative or outside its bar; names the first row.
    """
    findings = []
    for kind, broken, wrong in row_rules(columns):
        rows = np.flatnonzero(broken)
        if len(rows):
            row = int(rows[0])
            values = {name: f"{name} {columns[name][row]:.10g}" for name in COLUMNS}
            text = f"{where(row)}: {wrong.format(**values)}; correct the row or drop it"
            findings.append(report(kind, symbol, text))
    return findings


def row_rules(columns: Mapping[str, Floats]) -> Iterator[tuple[FindingKind, NDArray[np.bool_], str]]:
    """Yield what can be wrong, where it is, and its words with the columns to fill in."""
    high, low, volume = columns["high"], columns["low"], columns["volume"]
    for name in COLUMNS:
        yield FindingKind.NOT_A_NUMBER, ~np.isfinite(columns[name]), f"{{{name}}} is no number"
    for name in PRICES:
        yield FindingKind.NOT_POSITIVE, columns[name] <= 0, f"{{{name}}} is not positive"
    yield FindingKind.HIGH_BELOW_LOW, high < low, "{high} is below {low}"
    for name in ("open", "close"):
        outside = (columns[name] > high) | (columns[name] < low)
        yield FindingKind.OUTSIDE_RANGE, outside, f"{{{name}}} is outside {{low}} to {{high}}"
    yield FindingKind.NEGATIVE_VOLUME, volume < 0, "{volume} is negative"


def check_overlap(symbol: str, start: Times, known: Times, where: Where) -> list[Finding]:
    """Check that each bar is complete before the next begins, so that none knows the next one's prices.

    Raises:
        BadData: Two bars overlap.
    """
    rows = np.flatnonzero(start[1:] < known[:-1])
    if not len(rows):
        return []
    message = "begins before the bar above is complete; drop it or give the right timeframe"
    return [report(FindingKind.OVERLAP, symbol, f"{where(int(rows[0]) + 1)}: {message}")]


def examine(series: Series, sessions: Sessions) -> list[Finding]:
    """Return what else is worth noting: bars without volume, gaps, jumps that look like splits."""
    if not len(series):
        return []
    step = parse_timeframe(series.timeframe)
    return [
        *_zero_volume(series),
        *_missing_sessions(series, sessions),
        *(_missing_bars(series, sessions, step) if isinstance(step, int) else ()),
        *_unrecorded_splits(series),
        *_spikes(series),
        *_frozen(series),
    ]


def _zero_volume(series: Series) -> Iterator[Finding]:
    rows = np.flatnonzero(series.volume == 0)
    if len(rows):
        time = int(series.start[rows[0]])
        message = (
            f"{series.symbol}: {len(rows)} bars without volume, the first on {_date(time)}; they fill nothing"
        )
        yield report(FindingKind.ZERO_VOLUME, series.symbol, message, time=time)


def _missing_sessions(series: Series, sessions: Sessions) -> Iterator[Finding]:
    inside = (sessions.opens >= series.start[0]) & (sessions.closes <= series.known[-1])
    opens, closes = sessions.opens[inside], sessions.closes[inside]
    last_before_close = np.searchsorted(series.start, closes) - 1
    missing = np.flatnonzero(series.known[last_before_close] <= opens)
    if len(missing):
        time = int(opens[missing[0]])
        count = f"{len(missing)} sessions of {sessions.calendar}"
        message = f"{series.symbol}: {count} have no bar, the first on {_date(time)}"
        yield report(FindingKind.MISSING_SESSIONS, series.symbol, message, time=time)


def _missing_bars(series: Series, sessions: Sessions, step: int) -> Iterator[Finding]:
    """Note holes inside sessions that have bars, but before the first bar and after the last."""
    ends, begins = series.known[:-1], series.start[1:]
    before, here = (np.searchsorted(sessions.opens, t, side="right") - 1 for t in (series.start[:-1], begins))
    inside = np.minimum(begins, sessions.closes[here])  # what begins after a close misses nothing behind it
    head = np.maximum(inside - np.maximum(ends, sessions.opens[here]), 0)
    tail = np.where(here > before, np.maximum(sessions.closes[before] - ends, 0), 0)
    holes = -(-head // step) - (-tail // step)  # rounded up: a session's last bar may be short
    total = int(holes.sum())
    if total:
        time = int(ends[np.flatnonzero(holes)[0]])
        moment = np.datetime64(time, "ns").astype("datetime64[m]")
        message = f"{series.symbol}: {total} bars are missing inside sessions, the first from {moment}Z on"
        yield report(FindingKind.MISSING_BARS, series.symbol, message, time=time)


def _unrecorded_splits(series: Series) -> Iterator[Finding]:
    days = series.start // NANOS_PER_DAY
    first = np.flatnonzero(days[1:] > days[:-1]) + 1  # the first bar of each day but the first
    before, start, close = series.start[first - 1], series.start[first], series.close[first - 1]
    at_open, at_close = series.open[first] / close, series.close[first] / close
    recorded = np.zeros(len(first), np.bool_)
    for action in series.actions:
        if isinstance(action, Split):
            recorded |= (before < action.ex) & (action.ex <= start)
    for new, old in _USUAL:
        from_open, from_close = (np.abs(jump * new / old - 1.0) for jump in (at_open, at_close))
        near = (np.minimum(from_open, from_close) < _NEAR) & (from_open < _OVERNIGHT)
        for row in np.flatnonzero(near & ~recorded):
            time = int(start[row])
            message = (
                f"{series.symbol}: {_date(time)} opens at {series.open[first[row]]:.10g} after a close of "
                f"{close[row]:.10g}; if that is a {new}:{old} split, record it in the actions"
            )
            yield report(FindingKind.UNRECORDED_SPLIT, series.symbol, message, time=time)


def _spikes(series: Series) -> Iterator[Finding]:
    rows = np.flatnonzero(find_spikes(series.open, series.high, series.low, series.close))
    for row in rows:
        time = int(series.start[row])
        prices = " ".join(f"{name} {getattr(series, name)[row]:.10g}" for name in PRICES)
        message = (
            f"{series.symbol}: {_when(series, time)} has a spike ({prices}); check it against another vendor"
        )
        yield report(FindingKind.SPIKE, series.symbol, message, time=time)


def _frozen(series: Series) -> Iterator[Finding]:
    for run in find_still(series.open, series.high, series.low, series.close):
        time = int(series.start[run.first])
        price = f"{series.close[run.first]:.10g}"
        message = (
            f"{series.symbol}: {run.bars} bars from {_when(series, time)} on stand still at {price}; "
            "was the symbol halted?"
        )
        yield report(FindingKind.FROZEN, series.symbol, message, time=time)


def _when(series: Series, time: int) -> str:
    if isinstance(parse_timeframe(series.timeframe), int):
        return f"{np.datetime64(time, 'ns').astype('datetime64[m]')}Z"
    return _date(time)


def cut_range(series: Series, start: int | None, end: int | None) -> Series:
    """Return the bars that open in [start, end), of which there must be some.

    Raises:
        BadData: There is none; names the range that was asked and the one that there is.
    """
    part = series.between(start, end)
    if len(part):
        return part
    first = "the beginning" if start is None else _date(start)
    last = "the end" if end is None else _date(end - 1)
    has = f"{_date(int(series.start[0]))} to {_date(int(series.start[-1]))}" if len(series) else "none at all"
    raise BadData(
        f"{series.symbol}: no {series.timeframe} bars from {first} to {last} were found; there are {has}: "
        "ask for a range inside it"
    )


def _date(nanos: int) -> str:
    return str(np.datetime64(nanos // NANOS_PER_DAY, "D"))
