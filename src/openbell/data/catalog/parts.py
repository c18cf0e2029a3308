"""Bars as Parquet files: written once, read into arrays without a copy where one file holds them all.

The times are stored as differences and the prices by a dictionary, compressed with LZ4: a million minutes of
prices in cents take a third of what pyarrow's defaults make of them, and less time to read. `known` is
stored beside `start`: to decode it takes less than to work it out from the calendar, and a calendar that is
corrected later does not change what was stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from openbell.data.arrow import as_array, as_arrow
from openbell.data.bars import COLUMNS, Series
from openbell.data.catalog.key import Key
from openbell.data.catalog.manifest import Part, damaged
from openbell.utils.files import write_whole

TIMES = ("start", "known")
#: Bars that one file holds at most: one row group, which is read without a copy.
MOST = 1 << 20

#: The number of bars of a part that nobody counted.
UNCOUNTED = -1


class Name(NamedTuple):
    """How the name of a file of bars begins and ends; between stand its first day and its content."""

    prefix: str
    suffix: str


BARS = Name("bars", ".parquet")
#: Bars that were stored once. Other programs that read the folders do not take them for bars.
REPLACED = Name("_replaced", ".revised")

#: Arrays of one length by name: those of `TIMES` of int64, all others of float64.
Columns = Mapping[str, Any]


def columns_of(series: Series) -> dict[str, Any]:
    """Return a series' columns by name: start, known, prices, volume, extras."""
    own = {name: getattr(series, name) for name in (*TIMES, *COLUMNS)}
    return own | dict(sorted(series.extra.items()))


def bars_of(key: Key, columns: Columns) -> Series:
    """Return columns as a series without actions; arrays that nobody may write to are not copied."""
    own = {name: columns[name] for name in (*TIMES, *COLUMNS)}
    extra = {name: column for name, column in columns.items() if name not in own}
    return Series(symbol=key.symbol, timeframe=key.timeframe, source=key.source, extra=extra, **own)


def cut(columns: Columns, rows: Any) -> dict[str, Any]:
    """Return some rows of each column: a slice or a mask."""
    return {name: column[rows] for name, column in columns.items()}


def write_parts(folder: Path, key: Key, columns: Columns, *, name: Name = BARS) -> list[Part]:
    """Write bars as files of at most `MOST` bars, named after their first day and their content."""
    count = len(columns["start"])
    return [
        _write_part(folder, key, cut(columns, slice(first, first + MOST)), name)
        for first in range(0, count, MOST)
    ]


def _write_part(folder: Path, key: Key, columns: Columns, name: Name) -> Part:
    bars = bars_of(key, columns)
    digest = bars.content_hash
    day = np.datetime64(int(bars.start[0]), "ns").astype("datetime64[D]")
    file = f"{name.prefix}-{day}-{digest.partition(':')[2][:16]}{name.suffix}"
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table({title: as_arrow(column) for title, column in columns.items()}),
        sink,
        row_group_size=MOST,
        compression="lz4",
        use_dictionary=[title for title in columns if title not in TIMES],
        column_encoding=dict.fromkeys(TIMES, "DELTA_BINARY_PACKED"),
    )
    write_whole(folder / file, sink.getvalue())
    return Part(file, len(bars), int(bars.start[0]), int(bars.start[-1]), int(bars.known[-1]), digest)


def read_parts(folder: Path, parts: Sequence[Part]) -> dict[str, Any]:
    """Return the bars of parts, which follow one another, as read-only columns.

    Raises:
        FileNotFoundError: A file is gone: the manifest is not the latest.
        BadData: A file is damaged.
    """
    tables = [_read_part(folder, part) for part in parts]
    return tables[0] if len(tables) == 1 else join(tables, [part.bars for part in parts])


def join(
    tables: Sequence[dict[str, Any]], lengths: Sequence[int], names: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the columns of tables one after the other; NaN where one has not the extra of another.

    The tables are emptied on the way, so that no more than a column is held twice.

    Args:
        tables: Columns by name.
        lengths: How many rows each table has.
        names: Which columns; else all.
    """
    names = names or [*TIMES, *COLUMNS, *sorted({n for t in tables for n in t} - {*TIMES, *COLUMNS})]
    joined: dict[str, Any] = {}
    for name in names:
        # of Arrow's memory, where the columns before it have just been: fresh memory costs more than the copy
        room = pa.allocate_buffer(8 * sum(lengths))
        made = np.frombuffer(room, np.int64 if name in TIMES else np.float64)
        last = 0
        for table, length in zip(tables, lengths, strict=True):
            made[last : last + length] = table.pop(name, math.nan)
            last += length
        made.setflags(write=False)
        joined[name] = made
    return joined


def _read_part(folder: Path, part: Part) -> dict[str, Any]:
    file = _open(folder, part)
    return _columns(folder, part, file, file.schema_arrow.names)


def _open(folder: Path, part: Part) -> Any:
    """Open a file, which has the columns and rows that it should."""
    path = folder / part.file
    with _undamaged(path):
        file = pq.ParquetFile(path)
    lacking = {*TIMES, *COLUMNS} - set(file.schema_arrow.names)
    if lacking or part.bars not in {UNCOUNTED, file.metadata.num_rows}:
        raise damaged(path, "it has not the columns and rows that its manifest says")
    return file


def _columns(folder: Path, part: Part, file: Any, names: Sequence[str]) -> dict[str, Any]:
    with _undamaged(folder / part.file):
        table = file.read(columns=list(names))
        return {name: as_array(table[name]) for name in table.column_names}


@contextmanager
def _undamaged(path: Path) -> Iterator[None]:
    """Say that a file which cannot be read is damaged; one that is gone is no fault of its own."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, str(error).splitlines()[0]) from error


def check_part(folder: Path, key: Key, part: Part) -> None:
    """Compare a file with the hash that its manifest has.

    Raises:
        BadData: They differ, or the file cannot be read.
    """
    try:
        bars = bars_of(key, read_parts(folder, [part]))
    except FileNotFoundError as error:
        raise damaged(folder / part.file, "it is gone") from error
    if bars.content_hash != part.hash:
        raise damaged(folder / part.file, "its content has another hash")
