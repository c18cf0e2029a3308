"""What Alpaca answers: its pages of bars, its facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from openbell.core.errors import BadData, ConfigError
from openbell.core.messages import Quote
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Instrument
from openbell.data.bars import CalendarUnit, Floats, Times, parse_timeframe
from openbell.data.providers.answers import read_field, read_moment, read_number
from openbell.data.providers.protocol import Batch, Span
from openbell.data.stamps import find_zone, to_utc, to_wall

#: Where Alpaca's days of stocks begin at midnight.
HOME = "America/New_York"

_UNITS = {
    CalendarUnit.DAY: (1, "Day"),
    CalendarUnit.WEEK: (1, "Week"),
    CalendarUnit.MONTH: (1, "Month"),
}
MICRO = 1_000  #: ns: the finest that the SDK's times hold
_HOUR = 3600 * NANOS_PER_SECOND
_FIELDS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
_EXTRAS = {"vwap": "vw", "trades": "n"}
_CHANGED = "the answer's format has changed"


def is_true(timeframe: str, *, crypto: bool) -> bool:
    """Tell whether bars of a timeframe are what they seem; `find_unit` says why others are not."""
    unit = parse_timeframe(timeframe)
    return not isinstance(unit, CalendarUnit) if crypto else unit != _HOUR


def find_unit(unit: int | CalendarUnit, symbol: str, *, crypto: bool) -> tuple[int, str]:
    """Return a timeframe in Alpaca's words.

    Raises:
        ConfigError: Its bars of this timeframe would not be what they seem.
    """
    if isinstance(unit, CalendarUnit):
        if crypto:
            raise ConfigError(
                f"{symbol}: Alpaca's days of crypto begin at midnight in Chicago, not in UTC; fetch 1h, of "
                "which the catalog makes days"
            )
        return _UNITS[unit]
    minutes, rest = divmod(unit, 60 * NANOS_PER_SECOND)
    if unit == _HOUR and crypto:
        return 1, "Hour"
    if rest or minutes >= 60 or 60 % minutes:
        raise ConfigError(
            f"{symbol}: Alpaca's hours of stocks mix the session with what is before it, and it has no "
            "seconds; fetch 1m to 30m, of which the catalog makes longer ones"
        )
    return minutes, "Min"


def reach(unit: int | CalendarUnit, span: Span) -> Span:
    """Return the span in Alpaca's stamps: its days begin at midnight in New York. Both ends are included."""
    if not isinstance(unit, CalendarUnit):
        return Span(span.start, span.end - MICRO)
    first = -(-span.start // NANOS_PER_DAY) * NANOS_PER_DAY
    last = (span.end - 1) // NANOS_PER_DAY * NANOS_PER_DAY
    dates = np.array([first, last], np.int64)
    start, end = to_utc(dates, find_zone(HOME), lambda _row: "the range").tolist()
    return Span(start, end)


def moment_of(nanos: int) -> datetime:
    """Return ns UTC as the SDK takes them."""
    seconds, rest = divmod(nanos, NANOS_PER_SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // MICRO)


def read_rows(answer: object, symbol: str, asked: str) -> list[Mapping[str, Any]]:
    """Return the rows of a page of bars.

    Raises:
        BadData: The page is none.
    """
    pages = read_field(answer, "bars", asked)
    rows = pages.get(symbol, []) if isinstance(pages, dict) else [] if pages is None else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadData(f"{asked}: there is no list of bars; {_CHANGED}")
    return rows


def read_batch(rows: Sequence[Mapping[str, Any]], unit: int | CalendarUnit, asked: str) -> Batch:
    """Return rows as bars, those of days by their dates.

    Raises:
        BadData: A value or a time is not as it must be.
    """
    stamps = _read_stamps([row.get("t") for row in rows], asked)
    if isinstance(unit, CalendarUnit):
        stamps = _read_dates(stamps, asked)
    back = np.flatnonzero(np.diff(stamps) <= 0)
    if len(back):
        raise BadData(f"{asked}: the bar of {rows[int(back[0]) + 1]['t']} is not after the one before it")
    return Batch(stamps, _read_columns(rows, asked))


def _read_dates(stamps: Times, asked: str) -> Times:
    """Return the dates of daily bars, whose stamps are midnights in New York."""
    wall = to_wall(stamps, find_zone(HOME))
    wrong = np.flatnonzero(wall % NANOS_PER_DAY)
    if len(wrong):
        moment = np.datetime64(int(stamps[wrong[0]]), "ns").astype("datetime64[s]")
        raise BadData(f"{asked}: {moment}Z is no midnight in {HOME}; the answer is in another zone")
    return wall


def read_instrument(asset: object, symbol: str, asked: str) -> Instrument:
    """Return the facts of a symbol; what is hard to borrow is not shortable, as Alpaca lends no shares of it.

    Raises:
        BadData: They are not complete.
    """
    shortable = read_field(asset, "shortable", asked)
    facts = asset if isinstance(asset, Mapping) else {}
    return Instrument(
        symbol,
        tick=read_number(facts.get("price_increment") or 0.01, asked),
        lot=read_number(facts.get("min_trade_increment") or 1.0, asked),
        currency=symbol.partition("/")[2] or "USD",
        shortable=bool(shortable) and facts.get("easy_to_borrow") is not False,
        exchange=str(facts.get("exchange") or ""),
        fractionable=facts.get("fractionable") is True,
    )


def read_quote(row: object, symbol: str, asked: str) -> Quote:
    """Return a quote, with sizes as Alpaca tells them.

    Raises:
        BadData: It is not complete.
    """
    time = read_moment(read_field(row, "t", asked), asked)
    values = (read_number(read_field(row, field, asked), asked) for field in ("bp", "ap", "bs", "as"))
    return Quote(symbol, time, *values)


def _read_columns(rows: Sequence[Mapping[str, Any]], asked: str) -> dict[str, Floats]:
    """Return prices and volume, and the mean price and the number of trades where they are told."""
    columns = {name: _read_column(rows, field, asked) for name, field in _FIELDS.items()}
    for name, field in _EXTRAS.items():
        if all(field in row for row in rows):
            columns[name] = _read_column(rows, field, asked)
    return columns


def _read_column(rows: Sequence[Mapping[str, Any]], field: str, asked: str) -> Floats:
    values = [row.get(field) for row in rows]
    for row, value in zip(rows, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadData(
                f"{asked}: {field!r} of the bar at {row.get('t')} is {value!r}, no number; {_CHANGED}"
            )
    return np.array(values, np.float64)


def _read_stamps(texts: Sequence[Any], asked: str) -> Times:
    """Return moments such as `2024-01-02T05:00:00.123456789Z` in ns UTC, thousands at once."""
    for text in texts:
        if not (isinstance(text, str) and text.endswith("Z")):
            raise BadData(f"{asked}: time {text!r} is not in UTC, which ends with Z; {_CHANGED}")
    try:
        return np.array([text[:-1] for text in texts], "datetime64[ns]").astype(np.int64)
    except ValueError as error:
        raise BadData(f"{asked}: a time is none ({error}); {_CHANGED}") from error
