"""From what a caller names to series of bars: the only place that chooses a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from openbell.backtesting import inputs
from openbell.core.errors import ConfigError, nearest
from openbell.core.types import Instrument
from openbell.data import bundled
from openbell.data.bars import Series, parse_date
from openbell.data.validate import cut_range

#: What may follow `csv:FOLDER?`.
READING = ("calendar", "timezone", "stamp")


def load(
    data: Any, *, provider: str = "bundled", timeframe: str = "1d", start: Any = None, end: Any = None
) -> list[Series]:
    """Return the series that `backtest`'s data mean, cut to the dates.

    Raises:
        ConfigError: The provider or a symbol is unknown, or an argument has the wrong type.
        BadData: Nothing is left between the dates, or the data break a rule.
    """
    inputs.text_of("provider", provider, such_as="'bundled' or 'csv:FOLDER'")
    inputs.text_of("timeframe", timeframe, such_as="'1d' or '5m'")
    inputs.check_date("start", start)
    inputs.check_date("end", end)
    inputs.check_data(data)
    first = parse_date(start, where="start")
    last = parse_date(end, where="end", end_of_day=True)
    if first is not None and last is not None and first >= last:
        raise ConfigError(f"start={start} is not before end={end}: the range of dates is empty")
    if isinstance(data, Series):
        found = [data]
    elif is_symbols(data):
        names = [data] if isinstance(data, str) else list(data)
        found = [_from_provider(name, provider, timeframe) for name in names]
    elif isinstance(data, Mapping):
        found = [_from_table(table, symbol) for symbol, table in data.items()]
    elif isinstance(data, Sequence):
        found = list(data)
    else:
        found = [_from_table(data, "ASSET")]
    return [cut_range(one, first, last) for one in found]


def instrument(series: Series) -> Instrument:
    """Return what may be traded of a series: what its provider says, else whole shares in cents."""
    if series.source.provider == "bundled":
        return bundled.instrument(series.symbol)
    return Instrument(series.symbol)


def is_symbols(data: Any) -> bool:
    """Tell whether data are names of a provider's symbols."""
    return isinstance(data, str) or (isinstance(data, Sequence) and isinstance(data[0], str))


def _from_provider(symbol: str, provider: str, timeframe: str) -> Series:
    if provider == "bundled":
        if timeframe != "1d":
            raise ConfigError(f"timeframe={timeframe}: the bundled prices are daily; use 1d")
        return bundled.load(symbol)
    kind, _, rest = provider.partition(":")
    path, _, query = rest.partition("?")
    if kind == "csv" and path:
        from openbell.data.providers.csv import CsvProvider, find_file  # pyarrow is slow to load

        prices = CsvProvider(Path(path), **_reading(query, provider))
        try:
            find_file(prices.path, symbol)
        except ConfigError as error:
            raise ConfigError(f"provider={provider!r}: {error}") from error
        return prices.load(symbol, timeframe, None, None)
    raise ConfigError(f"provider={provider!r} is unknown; use 'bundled' or 'csv:FOLDER'")


def _reading(query: str, provider: str) -> dict[str, Any]:
    """Return how CSV files are to be read, from `calendar=24/7&timezone=UTC&stamp=end`."""
    given: dict[str, Any] = dict(parse_qsl(query))
    for name in given:
        if name not in READING:
            raise ConfigError(f"provider={provider!r}: {name!r} is unknown{nearest(name, READING)}")
    return given


def _from_table(table: Any, symbol: str) -> Series:
    from openbell.data.frames import from_frame  # pandas is slow to load

    return from_frame(table, symbol)
