"""Bars from Parquet files: one file, or a folder with a file for each symbol."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from pyarrow import types

from openbell.core.errors import BadData
from openbell.core.types import NANOS_PER_SECOND
from openbell.data.arrow import as_array
from openbell.data.bars import Times
from openbell.data.numerals import quote
from openbell.data.providers.csv import Place, read_columns, read_times
from openbell.data.providers.folder import FolderProvider, Form
from openbell.data.stamps import IN_YEARS, find_zone, to_wall
from openbell.data.table import TIME_NAMES, Table, ignore_columns, lay_out

#: Where Openbell's own exports say what they are, in a file's metadata.
METADATA = b"openbell"
#: What pandas calls an index without a name.
_INDEX = "__index_level_0__"


def read_parquet(path: Path, symbol: str, dated: bool) -> Table:  # noqa: FBT001  # as `Form.read` says
    """Return a file's rows, all columns but the time as numbers. `dated`: their dates count, as written.

    Raises:
        BadData: The file is none, is adjusted, or breaks a rule.
    """
    table = _table(path)
    layout = lay_out(table.column_names, place=f"{symbol}: {path.name}")
    if not len(table):
        raise BadData(f"{symbol}: {path.name} has no rows; give at least one bar")

    def place(row: int) -> str:
        return f"{path.name} row {row}"

    wall, utc = _times(table[layout.time], symbol, place, dated=dated)
    wanted = [*layout.required.values(), *layout.others.values()]
    plain = pa.table({given: _plain(table[given]) for given in wanted})
    columns, not_numeric = read_columns(plain, layout, symbol, place)
    return Table(symbol, columns, wall, utc, place, tuple(ignore_columns(symbol, layout, not_numeric)))


def _table(path: Path) -> Any:
    try:
        table = pq.ParquetFile(path).read()
    except pa.ArrowException as error:
        raise BadData(
            f"{path.name} is no Parquet file, or damaged ({str(error).splitlines()[0]}); write it again"
        ) from error
    adjusted = json.loads((table.schema.metadata or {}).get(METADATA, b"{}")).get("adjustment", "raw")
    if adjusted != "raw":
        raise BadData(
            f"{path.name} holds adjusted prices ({adjusted}), as it was exported; give prices as they were "
            "traded: export it with --adjusted raw"
        )
    names = table.column_names
    if _INDEX in names and not any(name.strip().lower() in TIME_NAMES for name in names):
        table = table.rename_columns(["time" if name == _INDEX else name for name in names])
    return table


def _plain(column: Any) -> Any:
    """Return a column as numbers or texts: what is neither becomes texts, which are no numbers."""
    kind = column.type
    if types.is_integer(kind) or types.is_decimal(kind) or types.is_floating(kind):
        return column.cast(pa.float64(), safe=False)
    if types.is_string(kind) or types.is_large_string(kind):
        return column.cast(pa.string())
    return pa.array([quote(str(kind))] * len(column), pa.string())


def _times(column: Any, symbol: str, place: Place, *, dated: bool) -> tuple[Times, Times | None]:
    """Return times as written and in UTC; None for the latter when they name no zone."""
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind):
        return read_times(column.cast(pa.string()), symbol, place, dated=dated)
    if not (types.is_timestamp(kind) or types.is_date(kind)):
        raise BadData(
            f"{symbol}: {place(0)}: time {quote(column[0].as_py())} is no moment ({kind}); "
            "write moments, dates, or ISO texts"
        )
    if column.null_count:
        row = pyarrow.compute.index(column.is_null(), True).as_py()
        raise BadData(f"{symbol}: {place(row)} has no time; fill it in or drop the row")
    zone = kind.tz if types.is_timestamp(kind) else None
    try:
        nanos = as_array(column.cast(pa.timestamp("ns", zone)).cast(pa.int64()))
    except pa.ArrowInvalid as error:
        raise BadData(f"{symbol}: {place(0)}: a time below it is not {IN_YEARS}; correct it") from error
    if zone is None:
        return nanos, None
    return _on_clocks(nanos, zone) if dated else nanos, nanos


def _on_clocks(utc: Times, zone: str) -> Times:
    """Return what the clocks of a zone show; Arrow writes zones as names or as `+05:30`."""
    if zone[:1] in {"+", "-"}:
        shift = datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").utcoffset()
        return utc + (round(shift.total_seconds()) * NANOS_PER_SECOND if shift else 0)
    return to_wall(utc, find_zone(zone))


PARQUET = Form("parquet", ".parquet", "Parquet", read_parquet)


class ParquetProvider(FolderProvider):
    """Reads `SYMBOL.parquet`, whatever its case, in a folder, or one file for any symbol.

    Columns are those of a CSV file, with the same names; numbers of any width, or texts that are numbers.
    Times are timestamps, dates, or ISO texts, in a column or in pandas' index; intraday times without a zone
    need `timezone`. Prices are as they were traded.
    """

    form = PARQUET
