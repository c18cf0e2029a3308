"""Series out of pandas frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from openbell.core.errors import BadData, ConfigError
from openbell.data.bars import COLUMNS, Floats, Series, Times
from openbell.data.table import Layout, Reading, Table, assemble, ignore_columns, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openbell.core.types import Action

_OFFSET = r"(?:Z|[+-]\d\d:?\d\d)$"  #: what ends an ISO time that names its zone


def from_frame(
    frame: pd.DataFrame,
    symbol: str,
    *,
    timeframe: str | None = None,
    calendar: str = "auto",
    stamp: str = "start",
    timezone: str | None = None,
    actions: Iterable[Action] = (),
    provider: str = "frame",
) -> Series:
    """Make a series of a frame with the columns open, high, low, close and volume, in any case.

    Prices must be as they were traded; an adjusted close is ignored. Further numeric columns are kept as
    extras. The frame is not changed.

    Args:
        frame: One row a bar, sorted by time: a DatetimeIndex, or a column date, time, datetime or timestamp.
        symbol: The symbol it belongs to.
        timeframe: Such as `5m` or `1d`; None takes it from the most common spacing.
        calendar: The exchange's calendar; `auto` is XNYS if all bars fall into its sessions, else `24/7`.
        stamp: Whether intraday times are the `start` or the `end` of their bars.
        timezone: The zone of times that name none. Needed for intraday bars.
        actions: The symbol's splits and dividends.
        provider: A name for where the frame came from, kept with the series.

    Raises:
        BadData: A column is missing or a row breaks a rule; names the row (counted from 0) and the remedy.
        ConfigError: An argument is wrong.
    """
    if not isinstance(frame, pd.DataFrame):
        raise ConfigError(
            f"{symbol}: {type(frame).__name__} is no DataFrame; give one with a row for each bar"
        )
    if frame.columns.nlevels > 1:
        levels = ", ".join(str(name) for name in frame.columns[0])
        raise BadData(f"{symbol}: columns have several levels ({levels}); select one symbol's columns first")
    reading = Reading(timeframe, calendar, stamp, timezone)
    indexed = isinstance(frame.index, pd.DatetimeIndex)
    by_name: dict[str, Any] = dict(zip(map(str, frame.columns), (c for _, c in frame.items()), strict=True))
    layout = lay_out([str(name) for name in frame.columns], place=symbol, timed=indexed)
    times = pd.Series(frame.index) if layout.time is None else by_name[layout.time]
    wall, utc = _stamps(times, symbol)
    columns, not_numeric = _columns(by_name, layout, symbol)
    findings = tuple(ignore_columns(symbol, layout, not_numeric))
    table = Table(symbol, columns, wall, utc, _place, findings)
    return assemble(table, reading, actions=actions, provider=provider)


def _place(row: int) -> str:
    return f"row {row}"


def _stamps(times: pd.Series[Any], symbol: str) -> tuple[Times, Times | None]:
    """Return the times as written and in UTC; None for the latter when they have no zone."""
    if pd.api.types.is_numeric_dtype(times) and len(times):
        raise BadData(
            f"{symbol}: {_place(0)}: time {times.iloc[0]} is a number; convert it first, as in "
            "pd.to_datetime(frame['timestamp'], unit='ms', utc=True)"
        )
    if not pd.api.types.is_datetime64_any_dtype(times):
        times = _parsed(times, symbol)
    empty = np.flatnonzero(times.isna().to_numpy())
    if len(empty):
        raise BadData(f"{symbol}: {_place(int(empty[0]))} has no time; fill it in or drop the row")
    try:
        times = times.dt.as_unit("ns")
    except pd.errors.OutOfBoundsDatetime as error:
        raise BadData(f"{symbol}: {error}; times must lie in the years 1678 to 2261") from None
    wall = times.dt.tz_localize(None).to_numpy(np.int64)
    return wall, None if times.dt.tz is None else times.dt.tz_convert(None).to_numpy(np.int64)


def _parsed(times: pd.Series[Any], symbol: str) -> pd.Series[Any]:
    """Return texts or dates as moments: without a zone, in their zone, or in UTC when offsets differ."""
    try:
        return pd.to_datetime(times, format="ISO8601")
    except TypeError:
        raise BadData(
            f"{symbol}: the time is a {times.dtype}; make it moments, as with to_timestamp()"
        ) from None
    except ValueError:  # a wrong text, or clocks that changed in between: two offsets
        moments = pd.to_datetime(times, format="ISO8601", errors="coerce", utc=True)
    zoned = times.astype(str).str.contains(_OFFSET)
    wrong = np.flatnonzero(((moments.isna() & times.notna()) | (zoned != zoned.iloc[0])).to_numpy())
    if len(wrong):
        row = int(wrong[0])
        raise BadData(
            f"{symbol}: {_place(row)}: time {str(times.iloc[row])!r} is no ISO time, or not like the first; "
            "write all as 2005-01-31 or all as 2005-01-31T09:30:00-05:00"
        )
    return moments


def _columns(
    by_name: dict[str, pd.Series[Any]], layout: Layout, symbol: str
) -> tuple[dict[str, Floats], list[str]]:
    """Return the prices, the volume and the extras as float64, and the names that are no numbers."""
    columns = {name: _floats(by_name[layout.required[name]], name, symbol) for name in COLUMNS}
    not_numeric = []
    for name, given in layout.others.items():
        if pd.api.types.is_numeric_dtype(by_name[given]):
            columns[name] = by_name[given].to_numpy(np.float64, na_value=np.nan)
        else:
            not_numeric.append(given)
    return columns, not_numeric


def _floats(column: pd.Series[Any], name: str, symbol: str) -> Floats:
    numbers = pd.to_numeric(column, errors="coerce")
    lost = np.flatnonzero((numbers.isna() & column.notna()).to_numpy())
    if len(lost):
        row = int(lost[0])
        raise BadData(
            f"{symbol}: {_place(row)}: {name} {column.iloc[row]!r} is no number; correct it or drop the row"
        )
    return numbers.to_numpy(np.float64, na_value=np.nan)
