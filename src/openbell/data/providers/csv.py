"""Bars from CSV files: one file, or a folder with a file for each symbol."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from openbell.core.errors import BadData
from openbell.data.arrow import as_array
from openbell.data.bars import COLUMNS, Floats, Times
from openbell.data.numerals import explain, quote
from openbell.data.providers.folder import FolderProvider, Form
from openbell.data.separated import SeparatedFile, read_separated
from openbell.data.stamps import IN_YEARS
from openbell.data.table import Layout, Table, ignore_columns, lay_out, shorten

#: Names the place of a row, counted from 0.
Place = Callable[[int], str]

#: Bytes from which Arrow's pool of threads makes reading quicker. Below it the pool is not used: a command
#: that ends at once, with an error, could meet a thread that still begins, and the process would abort.
_LARGE = 1 << 20


def read_csv(path: Path, symbol: str, dated: bool) -> Table:  # noqa: FBT001  # as `Form.read` says
    """Return a file's rows, all columns but the time as numbers. `dated`: their dates count, as written."""
    file = read_separated(path)
    texts = _texts(file)
    layout = _lay_out(texts.column_names, f"{symbol}: {file.name}")
    if not len(texts):
        raise BadData(f"{symbol}: {file.name} has no rows; add a line for each bar below the header")
    wall, utc = read_times(texts[layout.time], symbol, file.place, dated=dated)
    columns, not_numeric = read_columns(texts, layout, symbol, file.place)
    return Table(symbol, columns, wall, utc, file.place, tuple(ignore_columns(symbol, layout, not_numeric)))


def _texts(file: SeparatedFile) -> Any:
    """Return the file as an Arrow table of strings: types are decided by column, not by its first rows."""
    try:
        as_text = dict.fromkeys(_read(file.header + b"\n", file.separator).column_names, pa.string())
        convert = pyarrow.csv.ConvertOptions(column_types=as_text, strings_can_be_null=True)
        return _read(file.data, file.separator, convert)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        why = file.explain() or f"{str(error).splitlines()[0]}; look for a quote that is not closed"
        raise BadData(f"{file.name}: {why}") from None


def _read(data: bytes, separator: str, convert: Any = None) -> Any:
    return pyarrow.csv.read_csv(
        pa.BufferReader(data),
        read_options=pyarrow.csv.ReadOptions(use_threads=len(data) > _LARGE),
        parse_options=pyarrow.csv.ParseOptions(delimiter=separator),
        convert_options=convert,
    )


def _lay_out(names: list[str], place: str) -> Layout:
    if any(_is_number(name) for name in names):
        raise BadData(
            f"{place} has no header ({shorten(names)}); put the names of the columns into the first line"
        )
    return lay_out(names, place=place)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_times(texts: Any, symbol: str, place: Place, *, dated: bool) -> tuple[Times, Times | None]:
    """Return times as written and in UTC; None for the latter when the first has no offset.

    Raises:
        BadData: One is missing, no ISO time, or not like the first.
    """
    naive = cast(texts[:1], pa.timestamp("ns")) is not None
    kind = pa.timestamp("ns") if naive else pa.timestamp("ns", "UTC")
    times = cast(texts, kind)
    if times is None or times.null_count:
        row = _first_bad(texts, kind)
        raise BadData(f"{symbol}: {place(row)}{_wrong_time(texts[row : row + 1])}")
    nanos = as_array(times.cast(pa.int64()))
    if naive:
        return nanos, None
    return _as_written(texts) if dated else nanos, nanos


def _as_written(texts: Any) -> Times:
    """Return times with an offset as their clocks show them: midnight of a day in Tokyo is of that day."""
    bare = pyarrow.compute.replace_substring_regex(texts, r"(?:Z|[+-]\d\d(?::?\d\d)?)\s*$", "")
    wall: Times = as_array(cast(bare, pa.timestamp("ns")).cast(pa.int64()))
    return wall


def _wrong_time(one: Any) -> str:
    """Say why a column of one text is no time."""
    text = one[0].as_py()
    if text is None or not text.strip():
        return " has no time; fill it in or drop the line"
    like = "write all as 2005-01-31 or all as 2005-01-31T09:30:00-05:00"
    for zone, first in ((None, "an"), ("UTC", "no")):
        if cast(one, pa.timestamp("ns", zone)) is not None:
            return f": time {quote(text)} is not like the first, which has {first} offset; {like}"
        if cast(one, pa.timestamp("s", zone)) is not None:
            return f": time {quote(text)} is not {IN_YEARS}; correct it or drop the line"
    return f": time {quote(text)} is no ISO time; {like}"


def read_columns(
    table: Any, layout: Layout, symbol: str, place: Place
) -> tuple[dict[str, Floats], list[str]]:
    """Return the prices, the volume and the extras as float64, and the names that are no numbers.

    Raises:
        BadData: A price or a volume is no number.
    """
    columns: dict[str, Floats] = {}
    not_numeric = []
    for name, given in (layout.required | layout.others).items():
        numbers = cast(table[given], pa.float64())
        if numbers is not None:
            columns[name] = as_array(numbers)
        elif name not in COLUMNS:
            not_numeric.append(given)
        else:
            row = _first_bad(table[given], pa.float64())
            text = str(table[given][row].as_py())
            raise BadData(
                f"{symbol}: {place(row)}: {name} {quote(text)} is no number; {explain(text)}, "
                "or drop the line"
            )
    return columns, not_numeric


def cast(column: Any, kind: Any) -> Any:
    """Return a column as another type; None if a value is none such. Spaces around texts do not count."""
    try:
        return pyarrow.compute.cast(column, kind)
    except pa.ArrowInvalid:  # stripping a long file takes time that few files need
        stripped = pyarrow.compute.utf8_trim_whitespace(column)
    try:
        return pyarrow.compute.cast(stripped, kind)
    except pa.ArrowInvalid:
        return None


def _first_bad(column: Any, kind: Any) -> int:
    """Return the first row that is missing or that no cast accepts, by halving: there must be one."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        part = cast(column[low:middle], kind)
        low, high = (low, middle) if part is None or part.null_count else (middle, high)
    return low


CSV = Form("csv", ".csv", "CSV", read_csv)


class CsvProvider(FolderProvider):
    """Reads `SYMBOL.csv`, whatever its case, in a folder, or one file for any symbol.

    A file begins with a header: a time (date, time, datetime or timestamp) and open, high, low, close and
    volume, in any order and case, in UTF-8 or UTF-16. The separator is the one of comma, semicolon, tab and
    pipe that splits the header into the most columns. Times are ISO, `2005-01-31` or
    `2005-01-31T09:30:00-05:00`; intraday times without an offset need `timezone`. Prices are as they were
    traded, with a decimal point. Further numeric columns are kept as extras.
    """

    form = CSV
