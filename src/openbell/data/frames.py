"""Series out of pandas frames."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from openbell.core.errors import BadData, ConfigError
from openbell.data.bars import COLUMNS, Floats, Series, Times
from openbell.data.numerals import explain, quote
from openbell.data.stamps import FIRST_YEAR, IN_YEARS, LAST_YEAR
from openbell.data.table import (
    TIME_NAMES,
    Layout,
    Reading,
    Table,
    assemble,
    ignore_columns,
    lay_out,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openbell.core.types import Action

_OFFSET = r"(?:Z|[+-]\d\d:?\d\d)$"  #: what ends an ISO time that names its zone
_INDEX = "frame.index"
_NUMERIC = {float, int, str, Decimal, np.float64, np.int64}
_EPOCHS = (  #: whole numbers from, and below, which are probably to be read so
    (19e6, 21e6, ".astype(str), format='%Y%m%d'"),
    (1e8, 1e11, ", unit='s', utc=True"),
    (1e11, 1e14, ", unit='ms', utc=True"),
    (1e14, 1e17, ", unit='us', utc=True"),
    (1e17, 1e19, ", unit='ns', utc=True"),
)


def from_frame(  # noqa: PLR0913  # all but the first two are named, and may be left out
    frame: pd.DataFrame,
    symbol: str,
    *,
    timeframe: str | None = None,
    calendar: str = "auto",
    stamp: str = "start",
    timezone: str | None = None,
    session: str = "regular",
    actions: Iterable[Action] = (),
    provider: str = "frame",
) -> Series:
    """Make a series of a frame with the columns open, high, low, close and volume, in any case.

    Prices must be as they were traded; an adjusted close is ignored. Further numeric columns are kept as
    extras. The frame is not changed.

    Args:
        frame: One row a bar, sorted by time: a DatetimeIndex, or a column date, time, datetime or timestamp.
            Columns of two levels are taken if they are of one symbol, or `symbol` is among theirs.
        symbol: The symbol it belongs to.
        timeframe: Such as `5m` or `1d`; None takes it from the most common spacing.
        calendar: The exchange's calendar; `auto` is XNYS if all bars fall into its sessions, else `24/7`.
        stamp: Whether intraday times are the `start` or the `end` of their bars.
        timezone: The zone of times that name none. Needed for intraday bars.
        session: `extended` lets intraday bars lie before the open and after the close.
        actions: The symbol's splits and dividends.
        provider: A name for where the frame came from, kept with the series.

    Raises:
        BadData: A column is missing or a row breaks a rule; names the row (counted from 0) and the remedy.
        ConfigError: An argument is wrong.
    """
    frame = _of_one_symbol(_checked(frame, symbol), symbol)
    reading = Reading(timeframe, calendar, stamp, timezone, session)
    names = ["" if name is None or name != name else str(name) for name in frame.columns]  # noqa: PLR0124  # NaN
    by_name: dict[str, Any] = dict(zip(names, (c for _, c in frame.items()), strict=True))
    layout = lay_out(names, place=symbol, timed=_has_times(frame.index, names, symbol))
    if layout.time is None:
        wall, utc = _stamps(frame.index.to_series(), symbol, _INDEX)
    else:
        wall, utc = _stamps(by_name[layout.time], symbol, f"frame[{layout.time!r}]")
    columns, not_numeric = _columns(by_name, layout, symbol)
    findings = tuple(ignore_columns(symbol, layout, not_numeric))
    table = Table(symbol, columns, wall, utc, _place, findings)
    return assemble(table, reading, actions=actions, provider=provider)


def _checked(frame: Any, symbol: str) -> pd.DataFrame:
    if isinstance(frame, pd.DataFrame):
        return frame
    kind = type(frame)
    family = kind.__module__.partition(".")[0]
    name = kind.__name__ if family in {"builtins", "numpy"} else f"{family}.{kind.__name__}"
    remedy = "give one with a row for each bar"
    if hasattr(frame, "to_pandas"):
        remedy = "give its .to_pandas()"
    elif hasattr(frame, "collect"):
        remedy = "give its .collect().to_pandas()"
    raise ConfigError(f"{symbol}: {name} is no pandas DataFrame; {remedy}")


def _of_one_symbol(frame: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """Return the columns of one symbol where a level of their names says whose they are, as yfinance does."""
    if frame.columns.nlevels == 1:
        return frame
    levels = [frame.columns.get_level_values(level) for level in range(frame.columns.nlevels)]
    prices = [n for n, level in enumerate(levels) if set(COLUMNS) <= {str(v).strip().lower() for v in level}]
    if len(levels) > 2 or len(prices) != 1:
        shown = ", ".join(str(name) for name in frame.columns[0])
        raise BadData(f"{symbol}: columns have several levels ({shown}); select one symbol's columns first")
    other = 1 - prices[0]
    there = [name for name in levels[other].unique() if name != ""]
    if len(there) > 1 and symbol not in there:
        listed = shorten([str(name) for name in there])
        raise BadData(
            f"{symbol}: the columns are those of several symbols ({listed}); select one's, as in "
            f"frame.xs({there[0]!r}, axis=1, level={other})"
        )
    own = frame.loc[:, levels[other].isin([symbol if len(there) > 1 else there[0], ""])]
    return own.set_axis(own.columns.get_level_values(prices[0]), axis=1)


def _has_times(index: pd.Index[Any], names: Iterable[str], symbol: str) -> bool:
    """Tell whether the index is the time: if it holds moments, or no column does and it is not a count."""
    if isinstance(index, pd.DatetimeIndex):
        return True
    if isinstance(index, pd.RangeIndex) or any(name.strip().lower() in TIME_NAMES for name in names):
        return False
    if index.nlevels > 1:
        shown = ", ".join(map(str, index[0]))
        raise BadData(f"{symbol}: the index has several levels ({shown}); select one symbol's rows first")
    return True


def _place(row: int) -> str:
    return f"row {row}"


def _stamps(times: pd.Series[Any], symbol: str, source: str) -> tuple[Times, Times | None]:
    """Return the times as written and in UTC; None for the latter when they have no zone."""
    written = None
    if times.dtype.kind != "M" or str(times.dtype).startswith(("date32", "date64")):
        times, written = _parsed(times, symbol, source)
    empty = np.flatnonzero(times.isna().to_numpy())
    if len(empty):
        raise BadData(f"{symbol}: {_place(int(empty[0]))} has no time; fill it in or drop the row")
    try:
        exact = times.dt.as_unit("ns")
    except pd.errors.OutOfBoundsDatetime:
        years = times.dt.year
        row = int(np.flatnonzero(((years < FIRST_YEAR) | (years > LAST_YEAR)).to_numpy())[0])
        raise BadData(
            f"{symbol}: {_place(row)}: time {quote(str(times.iloc[row]))} is not {IN_YEARS}; "
            "correct it or drop the row"
        ) from None
    wall = (exact if written is None else written).dt.tz_localize(None).to_numpy(np.int64)
    return wall, None if exact.dt.tz is None else exact.dt.tz_convert(None).to_numpy(np.int64)


def _parsed(times: pd.Series[Any], symbol: str, source: str) -> tuple[pd.Series[Any], pd.Series[Any] | None]:
    """Return texts or dates as moments: without a zone or in theirs; with several, in UTC and as written."""
    if not isinstance(times.dtype, pd.StringDtype):
        times = times.astype(object)
        for row, value in enumerate(times):
            if not (_is_missing(value) or isinstance(value, str | date)):
                raise BadData(f"{symbol}: {_place(row)}: time {quote(value)} {_no_moment(value, source)}")
    try:
        return pd.to_datetime(times, format="ISO8601"), None
    except ValueError:  # a wrong text, or clocks that changed in between: two offsets
        moments = pd.to_datetime(times, format="ISO8601", errors="coerce", utc=True)
    texts = times.astype(str)
    given = times.notna()
    zoned = texts.str.contains(_OFFSET, na=False)
    wrong = np.flatnonzero((given & (moments.isna() | (zoned != zoned[given].iloc[0]))).to_numpy())
    if len(wrong):
        row = int(wrong[0])
        raise BadData(
            f"{symbol}: {_place(row)}: time {quote(texts.iloc[row])} is no ISO time, or not like the first; "
            "write all as 2005-01-31 or all as 2005-01-31T09:30:00-05:00"
        )
    written = pd.to_datetime(
        texts.where(moments.notna()).str.replace(_OFFSET, "", regex=True), format="ISO8601"
    )
    return moments, written.dt.as_unit("ns")


def _is_missing(value: object) -> bool:
    """Tell whether a value stands for none. pandas' own `isna` fails for a Decimal that signals."""
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
    )


def _no_moment(value: object, source: str) -> str:
    """Say what a value is that is given as a time, and how to make a moment of it."""
    if isinstance(value, Real) and not isinstance(value, bool):
        for least, most, how in _EPOCHS:
            if least <= float(value) < most:
                return f"is a number; convert it first, as in pd.to_datetime({source}{how})"
    if isinstance(value, pd.Period):
        accessor = "" if source == _INDEX else ".dt"
        return f"is a period; make it a moment, as with {source}{accessor}.to_timestamp()"
    return f"is a {type(value).__name__} and no moment; give dates, as pd.to_datetime() makes them"


def _columns(
    by_name: dict[str, pd.Series[Any]], layout: Layout, symbol: str
) -> tuple[dict[str, Floats], list[str]]:
    """Return the prices, the volume and the extras as float64, and the names that are no numbers."""
    columns = {name: _floats(by_name[layout.required[name]], name, symbol) for name in COLUMNS}
    not_numeric = []
    for name, given in layout.others.items():
        kind = by_name[given].dtype
        if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind):
            columns[name] = by_name[given].to_numpy(np.float64, na_value=np.nan)
        else:
            not_numeric.append(given)
    return columns, not_numeric


def _floats(column: pd.Series[Any], name: str, symbol: str) -> Floats:
    types = pd.api.types
    odd = types.is_bool_dtype(column.dtype) or types.is_complex_dtype(column.dtype)
    if types.is_numeric_dtype(column.dtype) and not odd:
        return column.to_numpy(np.float64, na_value=np.nan)
    values = column.astype(object)
    numbers = np.empty(len(values))
    for row, value in enumerate(values):
        number = _float(value)
        if number is None:
            remedy = explain(value) if isinstance(value, str) else "correct it"
            raise BadData(
                f"{symbol}: {_place(row)}: {name} {quote(value)} is no number; {remedy}, or drop the row"
            )
        numbers[row] = number
    return numbers


def _float(value: object) -> float | None:
    """Return a number, or a text of one, as a float, NaN where there is none; None for anything else."""
    if type(value) not in _NUMERIC:  # what follows takes ten times as long
        if _is_missing(value):
            return math.nan
        if not isinstance(value, Real) or isinstance(value, bool):
            return None
    if isinstance(value, str) and "_" in value:  # Python's own way to write 1_000
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # of one of the types above
    except (ValueError, OverflowError):
        return None
