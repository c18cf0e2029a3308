"""The commands `data import` and `data export`: between files and the catalog."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from openbell.cli.answer import Answer
from openbell.cli.jobs import split_symbols
from openbell.cli.places import placed
from openbell.cli.stored import written
from openbell.core.errors import ConfigError
from openbell.data.bars import Source, parse_date
from openbell.data.catalog import Catalog, Origin
from openbell.data.catalog.key import key_of
from openbell.data.table import Reading

__all__ = ["Reading", "export_file", "import_files"]


def import_files(
    catalog: Catalog,
    path: str,
    *,
    provider: str,
    feed: str,
    symbols: Sequence[str],
    reading: Reading,
    revise: bool,
) -> Answer:
    """Put files into a catalog.

    Args:
        catalog: Where to.
        path: A file, or a folder with one for each symbol.
        provider: Whose prices they are.
        feed: Which of its tapes.
        symbols: Which; none is all files.
        reading: How rows are to be understood.
        revise: Whether they are right where they differ from what is stored.

    Raises:
        ConfigError: There is no such file, or a name is wrong.
        BadData: A file breaks a rule, or differs from what is stored; files before it are in the catalog.
    """
    from openbell.data.providers.files import list_symbols, open_files

    for option, value in (("--provider", provider), ("PATH", path)):
        if not value.strip():
            raise ConfigError(f"{option} is empty; name it")
    files = open_files(
        path, calendar=reading.calendar, stamp=reading.stamp, timezone=reading.timezone
    )  # fmt: skip
    lines, documents = [], []
    for symbol in split_symbols(symbols) or list_symbols(Path(path)):
        read = files.load(symbol, reading.timeframe or "1d")
        series = replace(read, source=Source(provider, feed, calendar=read.source.calendar))
        origin = Origin(provider, time.time_ns(), f"file {read.source.feed}", hand=True)
        catalog.write(series, origin=origin, revise=revise)
        first, last = written(int(series.start[0]))[:10], written(int(series.start[-1]))[:10]
        lines.append(f"{key_of(series)}: {len(series):,} bars, {first} to {last}")
        documents.append({
            "symbol": symbol, "timeframe": series.timeframe, "provider": provider, "feed": feed,
            "bars": len(series), "first": first, "last": last,
            "findings": [finding.message for finding in series.findings],
        })  # fmt: skip
    return Answer(lines, {"catalog": str(catalog.root), "imported": documents})


def export_file(
    catalog: Catalog,
    symbol: str,
    to: str,
    *,
    provider: str | None,
    timeframe: str,
    start: str | None,
    end: str | None,
    adjusted: str,
) -> Answer:
    """Write a symbol's bars to a file.

    Raises:
        ConfigError: There are no such bars, or the file cannot be written.
    """
    from openbell.data.catalog.adjusted import check_adjusted
    from openbell.data.providers.files import write_file
    from openbell.data.validate import cut_range

    with placed("--adjusted"):
        check_adjusted(adjusted)
    name, _, feed = (provider or "").partition(":")
    key = catalog.find(symbol, timeframe, provider=name or None, feed=feed or None)
    first, last = parse_date(start, where="--start"), parse_date(end, where="--end", end_of_day=True)
    series = cut_range(catalog.read(key, first, last, adjusted=adjusted), first, last)  # type: ignore[arg-type]  # checked above
    path = write_file(series, Path(to))
    document = {"file": str(path), "symbol": symbol, "bars": len(series), "adjusted": adjusted,
                "hash": series.content_hash}  # fmt: skip
    return Answer([f"wrote {path}: {len(series):,} {adjusted} bars, {key}"], document)
