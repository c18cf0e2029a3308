"""Data that hold what the bars will be: no other future shows it, as it is said of bars that are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import COLUMNS, Floats, Series, Times

MOST_AHEAD = 10  #: bars
LEAST_ROWS = 30  #: of both, to compare a column with a formula
ENOUGH = 0.95  #: of the rows must agree
_MONDAY = 3  #: 1970-01-01 was a Thursday: the day of the epoch plus 3 makes Monday the first of a week


def foretelling(series: Series) -> Iterator[tuple[str, str]]:
    """Yield each further column that is a known function of later bars, and what it is in words.

    Recognised are a column or its return some bars ahead, its place in the range, mean or ranks of the whole
    sample, and the high, low, close or volume of the whole day (or week) on each bar of it.
    """
    for name, values in series.extra.items():
        if len(np.unique(values[np.isfinite(values)])) < 2:
            continue
        for words, formula in _formulas(series):
            if _agree(values, formula):
                yield name, words
                break


def scrambled(series: Series, column: str) -> Series:
    """Return the series with a further column turned over: its highest value for its lowest, and so on."""
    found, rank = np.unique(series.extra[column], return_inverse=True)
    return replace(series, extra={**series.extra, column: found[len(found) - 1 - rank]})


def is_known_early(series: Series) -> bool:
    """Tell whether most bars are said to be known when they begin, though their prices moved."""
    early = (series.known <= series.start) & (series.high > series.low)
    return bool(np.mean(early) > 0.5)


def delayed(series: Series) -> Series:
    """Return the series with each bar known when the next begins, the last after the usual time."""
    step = int(np.median(np.diff(series.start))) if len(series) > 1 else NANOS_PER_DAY
    known: Times = np.append(series.start[1:], series.start[-1] + step)
    return replace(series, known=known)


def _agree(values: Floats, formula: Floats) -> bool:
    both = np.isfinite(values) & np.isfinite(formula)
    if np.count_nonzero(both) < LEAST_ROWS:
        return False
    rows = np.flatnonzero(both)
    for some in (rows[:: max(len(rows) // 200, 1)], rows):  # most columns are cleared by a sample
        if np.mean(np.isclose(values[some], formula[some], rtol=1e-9, atol=1e-12)) < ENOUGH:
            return False
    return True


def _formulas(series: Series) -> Iterator[tuple[str, Floats]]:
    """Yield what later bars can be made into, with its name."""
    with np.errstate(
        all="ignore"
    ):  # a flat or empty column has no returns and no scale; it agrees with nothing
        for name in COLUMNS:
            yield from _ahead(name, getattr(series, name))
            yield from _whole(name, getattr(series, name))
        yield from _returns(series.close)
        yield from _periods(series)


def _ahead(name: str, values: Floats) -> Iterator[tuple[str, Floats]]:
    for bars in range(1, MOST_AHEAD + 1):
        yield f"{name} {bars} bar(s) ahead", _moved(values, bars)


def _returns(close: Floats) -> Iterator[tuple[str, Floats]]:
    for bars in range(1, MOST_AHEAD + 1):
        later = _moved(close, bars)
        words = f"from the close to the one {bars} bar(s) ahead"
        yield f"the return {words}", later / close - 1.0
        yield f"the log return {words}", np.log(later / close)
        yield f"the change {words}", later - close
        yield f"the direction {words}", np.sign(later - close)
        yield f"the direction {words}", np.where(np.isnan(later), np.nan, later > close)
        yield f"the return of the bar {bars} bar(s) ahead", later / _moved(close, bars - 1) - 1.0


def _whole(name: str, values: Floats) -> Iterator[tuple[str, Floats]]:
    centred = values - values.mean()
    yield f"{name} in the range of the whole sample", (values - values.min()) / (values.max() - values.min())
    for freedom in (0, 1):
        yield f"{name} scaled by the whole sample", centred / values.std(ddof=freedom)
    _, rank, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    yield f"the rank of {name} in the whole sample", ((last - (counts - 1) / 2) / len(values))[rank]


def _periods(series: Series) -> Iterator[tuple[str, Floats]]:
    day = series.start // NANOS_PER_DAY
    intraday = np.median(np.diff(series.start)) < NANOS_PER_DAY / 2 if len(series) > 1 else False
    period, group = ("day", day) if intraday else ("week", (day + _MONDAY) // 7)
    firsts = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    if len(firsts) * 2 > len(series):
        return  # about one bar each: what a period comes to is what its bar is
    lengths = np.diff(np.append(firsts, len(series)))
    lasts = firsts + lengths - 1
    totals = {
        "high": np.maximum.reduceat(series.high, firsts),
        "low": np.minimum.reduceat(series.low, firsts),
        "close": series.close[lasts],
        "volume": np.add.reduceat(series.volume, firsts),
    }
    for name, values in totals.items():
        yield f"the {name} of the whole {period}", np.repeat(values, lengths)


def _moved(values: Floats, bars: int) -> Floats:
    return np.append(values[bars:], np.full(min(bars, len(values)), np.nan))
