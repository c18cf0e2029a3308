"""Bars from CSV files: one file, or a folder with a file for each symbol."""

from __future__ import annotations

import csv
import math
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from openbell.core.errors import BadData, ConfigError, nearest
from openbell.data.bars import COLUMNS, Floats, Series, Times
from openbell.data.table import Layout, Reading, Table, assemble, ignore_columns, lay_out
from openbell.data.validate import cut_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openbell.core.types import Action

_HEAD = 65_536  #: bytes in which the header must end
_LISTED = 10  #: files that a message names


class CsvProvider:
    """Reads `SYMBOL.csv`, whatever its case, in a folder, or one file for any symbol.

    A file begins with a header: a time (date, time, datetime or timestamp) and open, high, low, close and
    volume, in any order and case, with commas or semicolons between, in UTF-8 or UTF-16. Times are ISO,
    `2005-01-31` or `2005-01-31T09:30:00-05:00`; intraday times without an offset need `timezone`. Prices
    are as they were traded. Further numeric columns are kept as extras.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        calendar: str = "auto",
        stamp: str = "start",
        timezone: str | None = None,
        actions: Mapping[str, tuple[Action, ...]] | None = None,
    ) -> None:
        """Take a folder or a file, and how to read it.

        Args:
            path: The folder or the file.
            calendar: The exchange's calendar; `auto` is XNYS if all bars fall into its sessions, else `24/7`.
            stamp: Whether intraday times are the `start` or the `end` of their bars.
            timezone: The zone of times that name none.
            actions: Splits and dividends by symbol.

        Raises:
            ConfigError: There is no such path, or `stamp` is neither.
        """
        self.name = "csv"
        self.path = Path(path)
        self._actions = actions or {}
        self._reading = Reading(None, calendar, stamp, timezone)
        if not self.path.exists():
            raise ConfigError(f"path {str(path)!r} does not exist; give a CSV file or a folder of them")

    def load(self, symbol: str, timeframe: str, start: int | None = None, end: int | None = None) -> Series:
        """Return the bars that open in [start, end), ns UTC; None is no limit.

        Raises:
            ConfigError: The symbol has no file, or an argument is wrong.
            BadData: The file breaks a rule, or has no bar in the range; names the line and the remedy.
        """
        path = self._find(symbol)
        series = assemble(
            _read(path, symbol),
            replace(self._reading, timeframe=timeframe),
            actions=self._actions.get(symbol, ()),
            provider=self.name,
            feed=path.name,
        )
        return cut_range(series, start, end)

    def _find(self, symbol: str) -> Path:
        if self.path.is_file():
            return self.path
        found = {path.name: path for path in sorted(self.path.iterdir()) if path.suffix.lower() == ".csv"}
        wanted = f"{symbol}.csv"
        for name, path in found.items():
            if name.lower() == wanted.lower():
                return path
        there = ", ".join([*list(found)[:_LISTED], *(["…"] if len(found) > _LISTED else [])]) or "no CSV file"
        hint = nearest(symbol, [path.stem for path in found.values()]).partition("; valid names")[0]
        raise ConfigError(f"folder {str(self.path)!r} has no {wanted} (it holds {there}){hint}")


@dataclass(frozen=True, slots=True)
class _File:
    """A CSV file in memory: UTF-8 without a mark."""

    name: str
    data: bytes
    delimiter: str

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not empty with the number of its last line."""
        reader = csv.reader(StringIO(self.data.decode(), newline=""), delimiter=self.delimiter)
        for fields in reader:
            if fields:
                yield reader.line_num, fields

    def place(self, row: int) -> str:
        """Name the line of a data row, counted from 0."""
        lines = (line for line, _ in self.records())
        next(lines)
        for _ in range(row):
            next(lines)
        return f"{self.name} line {next(lines)}"


def _open(path: Path) -> _File:
    data = path.read_bytes()
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        data = data.decode("utf-16").encode()
    data = data.removeprefix(BOM_UTF8)
    first = data[:_HEAD].lstrip().partition(b"\n")[0]
    return _File(path.name, data, ";" if first.count(b";") > first.count(b",") else ",")


def _read(path: Path, symbol: str) -> Table:
    """Return a file's rows, all columns but the time as numbers."""
    file = _open(path)
    texts = _texts(file)
    layout = _lay_out(texts.column_names, f"{symbol}: {file.name}")
    if not len(texts):
        raise BadData(f"{symbol}: {file.name} has no rows; add a line for each bar below the header")
    wall, utc = _stamps(texts[layout.time], symbol, file)
    columns, not_numeric = _columns(texts, layout, symbol, file)
    return Table(symbol, columns, wall, utc, file.place, tuple(ignore_columns(symbol, layout, not_numeric)))


def _texts(file: _File) -> Any:
    """Return the file as an Arrow table of strings: types are decided by column, not by its first rows."""
    if not file.data[:_HEAD].strip():
        raise BadData(f"{file.name} is empty; it needs a header and a line for each bar")
    options = pyarrow.csv.ParseOptions(delimiter=file.delimiter)
    try:
        reader = pyarrow.csv.open_csv(pa.BufferReader(file.data), parse_options=options)
        as_text = dict.fromkeys(reader.schema.names, pa.string())
        convert = pyarrow.csv.ConvertOptions(column_types=as_text, strings_can_be_null=True)
        return pyarrow.csv.read_csv(
            pa.BufferReader(file.data), parse_options=options, convert_options=convert
        )
    except pa.ArrowInvalid as error:
        raise BadData(f"{file.name}: {_explain(file, error)}") from None


def _explain(file: _File, error: pa.ArrowInvalid) -> str:
    """Say in which line a file is no CSV file."""
    try:
        records = list(file.records())
    except UnicodeDecodeError as wrong:
        line = file.data.count(b"\n", 0, wrong.start) + 1
        return f"line {line} is not UTF-8; save the file in that encoding"
    except csv.Error:
        records = []
    for line, fields in records:
        width = len(records[0][1])
        if len(fields) != width:
            return (
                f"line {line} has {len(fields)} fields, the header has {width}; correct the line or drop it"
            )
    return f"{str(error).splitlines()[0]}; look for a quote that is not closed"


def _lay_out(names: list[str], place: str) -> Layout:
    if any(_is_number(name) for name in names):
        raise BadData(
            f"{place} has no header ({', '.join(names)}); put the names of the columns into the first line"
        )
    return lay_out(names, place=place)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _stamps(texts: Any, symbol: str, file: _File) -> tuple[Times, Times | None]:
    """Return the times as written and in UTC; None for the latter when the first has no offset."""
    naive = _cast(texts[:1], pa.timestamp("ns")) is not None
    times = _cast(texts, pa.timestamp("ns") if naive else pa.timestamp("ns", "UTC"))
    if times is None or times.null_count:
        row = _first_bad(texts, pa.timestamp("ns") if naive else pa.timestamp("ns", "UTC"))
        text = texts[row].as_py() or ""
        raise BadData(
            f"{symbol}: {file.place(row)}: time {text!r} is no ISO time, or not like the first; "
            "write all as 2005-01-31 or all as 2005-01-31T09:30:00-05:00"
        )
    nanos = _array(times.cast(pa.int64()))
    return nanos, None if naive else nanos


def _columns(texts: Any, layout: Layout, symbol: str, file: _File) -> tuple[dict[str, Floats], list[str]]:
    """Return the prices, the volume and the extras as float64, and the names that are no numbers."""
    columns: dict[str, Floats] = {}
    not_numeric = []
    for name, given in (layout.required | layout.others).items():
        numbers = _cast(texts[given], pa.float64())
        if numbers is not None:
            columns[name] = _array(numbers)
        elif name not in COLUMNS:
            not_numeric.append(given)
        else:
            row = _first_bad(texts[given], pa.float64())
            raise BadData(
                f"{symbol}: {file.place(row)}: {name} {texts[given][row].as_py()!r} is no number; "
                "write it with a decimal point and no thousands separator, or drop the line"
            )
    return columns, not_numeric


def _cast(texts: Any, kind: Any) -> Any:
    """Return strings as another type; None if one of them is none such. Spaces around them do not count."""
    try:
        return pyarrow.compute.cast(texts, kind)
    except pa.ArrowInvalid:  # stripping a long file takes time that few files need
        stripped = pyarrow.compute.utf8_trim_whitespace(texts)
    try:
        return pyarrow.compute.cast(stripped, kind)
    except pa.ArrowInvalid:
        return None


def _array(numbers: Any) -> Any:
    """Return an Arrow column as a numpy array, NaN where there is no value.

    Arrow's own `to_numpy` would import pandas, which takes longer than to read most files.
    """
    if numbers.null_count:
        numbers = pyarrow.compute.fill_null(numbers, math.nan)
    return np.from_dlpack(numbers.combine_chunks())


def _first_bad(texts: Any, kind: Any) -> int:
    """Return the first row that is missing or that no cast accepts, by halving: there must be one."""
    low, high = 0, len(texts)
    while high - low > 1:
        middle = (low + high) // 2
        part = _cast(texts[low:middle], kind)
        low, high = (low, middle) if part is None or part.null_count else (middle, high)
    return low
