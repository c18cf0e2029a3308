"""Real daily bars of five US stocks with their splits and dividends, in the package: see NOTICE.md."""

from __future__ import annotations

import csv
import gzip
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from openbell.core.errors import ConfigError
from openbell.core.types import NANOS_PER_DAY, Action, Dividend, Instrument, Split
from openbell.data.bars import Floats, Series, Source, Times
from openbell.data.calendar import Sessions, sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

_SOURCE = Source(provider="bundled", feed="quandl-wiki")


class _Prices(NamedTuple):
    """One symbol's rows: days since 1970 (n,), and open, high, low, close, volume, adjusted close (6, n)."""

    dates: Times
    columns: Floats


def symbols() -> tuple[str, ...]:
    """Return the bundled symbols, sorted."""
    return tuple(_prices())


@cache
def load(symbol: str) -> Series:
    """Return a symbol's daily bars, raw, with its splits and dividends.

    Raises:
        ConfigError: The symbol is not among the bundled ones.
    """
    prices = _prices()[_known(symbol)]
    first, last = (int(day) * NANOS_PER_DAY for day in prices.dates[[0, -1]])
    calendar = sessions(_SOURCE.calendar, first, last)
    rows = np.searchsorted(calendar.dates, prices.dates)
    opened, high, low, close, volume = prices.columns[:5]
    return Series(
        symbol=symbol,
        timeframe="1d",
        start=calendar.opens[rows],
        known=calendar.closes[rows],
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        source=_SOURCE,
        actions=_actions(symbol, calendar),
    )


def instrument(symbol: str) -> Instrument:
    """Return what may be traded of a bundled symbol: whole shares, in cents.

    Raises:
        ConfigError: The symbol is not among the bundled ones.
    """
    return Instrument(_known(symbol), tick=0.01, lot=1.0, sector="Technology")


def adjusted_close(symbol: str) -> Floats:
    """Return the source's own adjusted closes, (n,): a yardstick for ours.

    Raises:
        ConfigError: The symbol is not among the bundled ones.
    """
    adjusted: Floats = _prices()[_known(symbol)].columns[5]
    return adjusted


def _known(symbol: str) -> str:
    names = symbols()
    if symbol not in names:
        raise ConfigError(f"symbol {symbol!r} is not bundled; choose one of {', '.join(names)}")
    return symbol


@cache
def _prices() -> Mapping[str, _Prices]:
    packed = files(__name__).joinpath("stocks.csv.gz").read_bytes()
    fields = gzip.decompress(packed).decode("ascii").rstrip().replace("\n", ",").split(",")
    names, dates, *columns = (fields[8 + i :: 8] for i in range(8))  # the header has 8 fields as well
    days = np.array(dates, "datetime64[D]").astype(np.int64)
    values = np.array(columns, np.float64)
    values.setflags(write=False)
    found, first = np.unique(np.array(names), return_index=True)  # the file is sorted by symbol
    ends = [*first[1:], len(names)]
    return {str(s): _Prices(days[a:b], values[:, a:b]) for s, a, b in zip(found, first, ends, strict=True)}


def _actions(symbol: str, calendar: Sessions) -> tuple[Action, ...]:
    text = files(__name__).joinpath("actions.csv").read_text(encoding="utf-8")
    actions: list[Action] = []
    for row in csv.DictReader(text.splitlines()):
        if row["symbol"] != symbol:
            continue
        day = np.datetime64(row["date"], "D").astype(np.int64)
        ex = int(calendar.opens[np.searchsorted(calendar.dates, day)])
        if row["kind"] == "split":
            actions.append(Split(symbol, ex, int(row["new"]), int(row["old"])))
        else:
            actions.append(Dividend(symbol, ex, float(row["amount"])))
    return tuple(actions)
