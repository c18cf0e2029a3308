"""From what a caller names to series of bars: the only place that chooses a provider."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from openbell.backtesting import inputs
from openbell.core.errors import ConfigError, nearest
from openbell.core.types import Delisting, Instrument
from openbell.data import bundled
from openbell.data.bars import Series, parse_date
from openbell.data.calendar import sessions
from openbell.data.catalog.apart import read_apart
from openbell.data.providers import BUILT_IN, provider_names
from openbell.data.quarantine import describe
from openbell.data.universe import Universe
from openbell.data.validate import cut_range, examine

if TYPE_CHECKING:
    from openbell.data.catalog import Catalog

#: What may follow `csv:FOLDER?` and `parquet:FOLDER?`.
READING = ("calendar", "timezone", "stamp", "session")
#: The providers that read files.
FILES = ("csv", "parquet")
#: Where the catalog is, unless `?catalog=FOLDER` or the environment says otherwise.
CATALOG = "data/catalog"

_WHERE = "OPENBELL_DATA__CATALOG"
_SUCH_AS = "'bundled', 'csv:FOLDER', 'parquet:FOLDER', or what the catalog holds, such as 'yahoo'"


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
    if isinstance(data, Universe):
        return _from_universe(data, provider, timeframe, (first, last))
    if isinstance(data, Series):
        found = [data]
    elif is_symbols(data):
        names = [data] if isinstance(data, str) else list(data)
        found = _from_provider(names, provider, timeframe, first, last)
    elif isinstance(data, Mapping):
        found = [_from_table(table, symbol) for symbol, table in data.items()]
    elif isinstance(data, Sequence):
        found = list(data)
    else:
        found = [_from_table(data, "ASSET")]
    for one in found:
        if one.source.adjustment != "raw":
            raise ConfigError(
                f"{one.symbol}: its prices are adjusted ({one.source.adjustment}), and no order was "
                "ever filled at those; give raw ones"
            )
    return [_cut(one, first, last) for one in found]


def _cut(series: Series, first: int | None, last: int | None) -> Series:
    """Return the bars between two moments, without a delisting that comes after them: it is not known yet."""
    part = cut_range(series, first, last)
    if last is None:
        return part
    known = [one for one in part.actions if not (isinstance(one, Delisting) and one.ex >= last)]
    return part if len(known) == len(part.actions) else replace(part, actions=tuple(known))


def instrument(series: Series, provider: str = "") -> Instrument:
    """Return what may be traded of a series: what its provider says, else whole shares in cents.

    Args:
        series: Its bars.
        provider: Where they came from, as `load` takes it; empty for a caller's own.
    """
    if series.source.provider == "bundled":
        return bundled.instrument(series.symbol)
    place = catalog_place(provider)
    known = place and open_catalog(place).instrument(series.source.provider, series.symbol)
    return known or Instrument(series.symbol)


def is_symbols(data: Any) -> bool:
    """Tell whether data are names of a provider's symbols, or a universe of them."""
    return isinstance(data, str | Universe) or (isinstance(data, Sequence) and isinstance(data[0], str))


class Place(NamedTuple):
    """What a provider's name means that is in the catalog: `alpaca:iex?catalog=FOLDER`."""

    provider: str
    feed: str = ""
    catalog: str = ""


def catalog_place(provider: str) -> Place | None:
    """Return the place in the catalog that a provider's name means; None if it means none.

    Raises:
        ConfigError: What follows the `?` is not `catalog=FOLDER`.
    """
    head, _, query = provider.partition("?")
    name, _, feed = head.partition(":")
    if not name or name in {"bundled", "caller", *FILES}:
        return None
    given = dict(parse_qsl(query))
    for key in given:
        if key != "catalog":
            raise ConfigError(f"provider={provider!r}: {key!r} is unknown{nearest(key, ['catalog'])}")
    place = Place(name, feed, given.get("catalog", ""))
    if name in BUILT_IN or open_catalog(place).has(name) or name in provider_names():  # which takes longest
        return place
    return None


def open_catalog(place: Place) -> Catalog:
    """Return the catalog: in the folder that a place names, else the environment, else `data/catalog`."""
    from openbell.data.catalog import Catalog  # pyarrow is slow to load

    return Catalog(place.catalog or os.environ.get(_WHERE) or CATALOG)


def _from_provider(
    symbols: Sequence[str], provider: str, timeframe: str, first: int | None, last: int | None
) -> list[Series]:
    """Return the bars that a provider has between two moments, or more of them."""
    if provider == "bundled":
        if timeframe != "1d":
            raise ConfigError(f"timeframe={timeframe}: the bundled prices are daily; use 1d")
        return [_bundled(symbol) for symbol in symbols]
    kind, _, rest = provider.partition(":")
    if kind in FILES and rest.partition("?")[0]:
        return [_from_files(symbol, provider, timeframe) for symbol in symbols]
    place = catalog_place(provider)
    if place is None:
        names = ["bundled", *(f"{kind}:FOLDER" for kind in FILES), *provider_names()]
        raise ConfigError(
            f"provider={provider!r} is unknown; use {_SUCH_AS}{_only_near(nearest(kind, names))}"
        )
    catalog = open_catalog(place)
    return [_from_catalog(catalog, place, symbol, timeframe, first, last) for symbol in symbols]


def check_bundled(symbol: str, catalog: str = "") -> None:
    """Make sure that a symbol is bundled.

    Args:
        symbol: Which.
        catalog: The folder of the catalog; else as `open_catalog` finds it.

    Raises:
        ConfigError: It is not; says where the catalog has it from, if it has.
    """
    try:
        bundled.instrument(symbol)
    except ConfigError as error:
        stored = open_catalog(Place("", catalog=catalog)).keys()
        tapes = sorted({key.tape for key in stored if key.symbol == symbol})
        if not tapes:
            raise
        raise ConfigError(
            f"symbol {symbol!r} is not bundled, and the catalog has it of {', '.join(tapes)}: give "
            f"provider={tapes[0]!r}, on the command line --provider {tapes[0]}"
        ) from error


def _bundled(symbol: str) -> Series:
    check_bundled(symbol)
    return bundled.load(symbol)


def _from_universe(
    universe: Universe, provider: str, timeframe: str, span: tuple[int | None, int | None]
) -> list[Series]:
    """Return the bars of every symbol that was ever a member between two moments, and that there are bars of.

    Raises:
        ConfigError: Nobody was a member then, or there are bars of none of them.
    """
    names = universe.between(*span)
    if not names:
        raise ConfigError(f"universe {universe.name}: nobody is a member in the range of dates; widen it")
    found, absent = [], None
    for symbol in names:
        try:
            (one,) = _from_provider([symbol], provider, timeframe, *span)
        except ConfigError as error:  # there are no bars of it: the coverage says so
            absent = absent or error
            continue
        if len(one.between(*span)):
            found.append(_cut(one, *span))
    if not found:
        raise ConfigError(
            f"universe {universe.name}: there are bars of none of its {len(names)} members in the range of "
            f"dates{f': {absent}' if absent else ''}"
        ) from absent
    return found


def _only_near(hint: str) -> str:
    return hint if "did you mean" in hint else ""


def _from_catalog(
    catalog: Catalog, place: Place, symbol: str, timeframe: str, first: int | None, last: int | None
) -> Series:
    """Return what the catalog has; the network is never asked."""
    key = catalog.find(symbol, timeframe, provider=place.provider, feed=place.feed or None)
    series = catalog.read(key, first, last)
    if not len(series):  # the message of `cut_range` says what there is
        return catalog.read(key)
    begin, end = int(series.start[0]), int(series.known[-1])
    apart = [bar for bar in read_apart(catalog.root, key) if begin <= bar.time < end]
    found = examine(series, sessions(key.source.calendar, begin, end))
    from openbell.data.catalog.caveats import describe_caveats  # pyarrow is slow to load

    unbooked = describe_caveats(catalog.facts(key.source.provider, symbol), begin, last)
    return replace(series, findings=(*found, *describe(symbol, apart), *unbooked))


def _from_files(symbol: str, provider: str, timeframe: str) -> Series:
    from openbell.data.providers.files import KINDS  # pyarrow is slow to load
    from openbell.data.providers.folder import find_file

    kind, _, rest = provider.partition(":")
    path, _, query = rest.partition("?")
    prices = KINDS[kind](Path(path), **_reading(query, provider))
    try:
        find_file(prices.path, symbol, prices.form)
    except ConfigError as error:
        raise ConfigError(f"provider={provider!r}: {error}") from error
    return prices.load(symbol, timeframe, None, None)


def _reading(query: str, provider: str) -> dict[str, Any]:
    """Return how files are to be read, from `calendar=24/7&timezone=UTC&stamp=end`."""
    given: dict[str, Any] = dict(parse_qsl(query))
    for name in given:
        if name not in READING:
            raise ConfigError(f"provider={provider!r}: {name!r} is unknown{nearest(name, READING)}")
    return given


def _from_table(table: Any, symbol: str) -> Series:
    from openbell.data.frames import from_frame  # pandas is slow to load

    return from_frame(table, symbol)
