"""Bars from CSV files: one file, or a folder with a file for each symbol."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from openbell.core.errors import BadData, ConfigError, nearest
from openbell.data.bars import COLUMNS, CalendarUnit, Floats, Series, Times, parse_timeframe
from openbell.data.numerals import explain, quote
from openbell.data.separated import SeparatedFile, read_separated
from openbell.data.stamps import IN_YEARS, find_zone
from openbell.data.table import Layout, Reading, Table, assemble, ignore_columns, lay_out, shorten
from openbell.data.validate import cut_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openbell.core.types import Action

_LISTED = 10  #: files that a message names


class CsvProvider:
    """Reads `SYMBOL.csv`, whatever its case, in a folder, or one file for any symbol.

    A file begins with a header: a time (date, time, datetime or timestamp) and open, high, low, close and
    volume, in any order and case, in UTF-8 or UTF-16. The separator is the one of comma, semicolon, tab and
    pipe that splits the header into the most columns. Times are ISO, `2005-01-31` or
    `2005-01-31T09:30:00-05:00`; intraday times without an offset need `timezone`. Prices are as they were
    traded, with a decimal point. Further numeric columns are kept as extras.
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
            ConfigError: There is no such file or folder, the zone is unknown, or `stamp` is neither.
        """
        self.name = "csv"
        self.path = Path(path)
        self._actions = actions or {}
        with self._placed("stamp", stamp):
            self._reading = Reading(None, calendar, stamp, timezone)
        if timezone is not None:
            with self._placed("timezone", timezone):
                find_zone(timezone)
        with _readable(self.path):
            if not self.path.exists():
                raise ConfigError(f"path {str(path)!r} does not exist; give a CSV file or a folder of them")
            if not (self.path.is_file() or self.path.is_dir()):
                raise ConfigError(
                    f"path {str(path)!r} is neither a file nor a folder; give a CSV file or a folder of them"
                )

    def load(self, symbol: str, timeframe: str, start: int | None = None, end: int | None = None) -> Series:
        """Return the bars that open in [start, end), ns UTC; None is no limit.

        Raises:
            ConfigError: The symbol has no file, or an argument is wrong.
            BadData: The file breaks a rule, or has no bar in the range; names the line and the remedy.
        """
        path = find_file(self.path, symbol)
        dated = isinstance(parse_timeframe(timeframe), CalendarUnit)
        with _readable(path):
            table = _read(path, symbol, dated=dated)
        with self._placed("calendar", self._reading.calendar):
            series = assemble(
                table,
                replace(self._reading, timeframe=timeframe),
                actions=self._actions.get(symbol, ()),
                provider=self.name,
                feed=path.name,
            )
        return cut_range(series, start, end)

    @contextmanager
    def _placed(self, setting: str, value: str) -> Iterator[None]:
        """Name the provider as the place of a wrong setting."""
        try:
            yield
        except ConfigError as error:
            raise ConfigError(f"csv:{self.path}?{setting}={value}: {error}") from None


def find_file(path: Path, symbol: str) -> Path:
    """Return the file of a symbol: `SYMBOL.csv` in a folder, whatever its case, or the file that is given.

    Raises:
        ConfigError: The folder has none, or several; names what it holds.
    """
    wanted = f"{symbol}.csv"
    with _readable(path):
        if path.is_file():
            return path
        if Path(wanted).name == wanted and (path / wanted).is_file():  # a folder may hold thousands
            return path / wanted
        found = {file.name: file for file in sorted(path.iterdir()) if file.suffix.lower() == ".csv"}
    same = [name for name in found if name.lower() == wanted.lower()]
    if len(same) == 1:
        return found[same[0]]
    if same:
        raise ConfigError(
            f"folder {str(path)!r} has {' and '.join(same)}, none of them {wanted}; give one's name"
        )
    there = ", ".join([*list(found)[:_LISTED], *(["…"] if len(found) > _LISTED else [])]) or "no CSV file"
    hint = nearest(symbol, [file.stem for file in found.values()]).partition("; valid names")[0]
    raise ConfigError(f"folder {str(path)!r} has no {wanted} (it holds {there}){hint}")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say in one line that the system does not let a path be read."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"path {str(path)!r} cannot be read ({error.strerror}); check it and its permissions"
        ) from None


def _read(path: Path, symbol: str, *, dated: bool) -> Table:
    """Return a file's rows, all columns but the time as numbers. `dated`: their dates count, as written."""
    file = read_separated(path)
    texts = _texts(file)
    layout = _lay_out(texts.column_names, f"{symbol}: {file.name}")
    if not len(texts):
        raise BadData(f"{symbol}: {file.name} has no rows; add a line for each bar below the header")
    wall, utc = _stamps(texts[layout.time], symbol, file)
    if dated and utc is not None:
        wall = _as_written(texts[layout.time])
    columns, not_numeric = _columns(texts, layout, symbol, file)
    return Table(symbol, columns, wall, utc, file.place, tuple(ignore_columns(symbol, layout, not_numeric)))


def _texts(file: SeparatedFile) -> Any:
    """Return the file as an Arrow table of strings: types are decided by column, not by its first rows."""
    options = pyarrow.csv.ParseOptions(delimiter=file.separator)
    try:
        reader = pyarrow.csv.open_csv(pa.BufferReader(file.data), parse_options=options)
        as_text = dict.fromkeys(reader.schema.names, pa.string())
        convert = pyarrow.csv.ConvertOptions(column_types=as_text, strings_can_be_null=True)
        return pyarrow.csv.read_csv(
            pa.BufferReader(file.data), parse_options=options, convert_options=convert
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        why = file.explain() or f"{str(error).splitlines()[0]}; look for a quote that is not closed"
        raise BadData(f"{file.name}: {why}") from None


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


def _stamps(texts: Any, symbol: str, file: SeparatedFile) -> tuple[Times, Times | None]:
    """Return the times as written and in UTC; None for the latter when the first has no offset."""
    naive = _cast(texts[:1], pa.timestamp("ns")) is not None
    times = _cast(texts, pa.timestamp("ns") if naive else pa.timestamp("ns", "UTC"))
    if times is None or times.null_count:
        row = _first_bad(texts, pa.timestamp("ns") if naive else pa.timestamp("ns", "UTC"))
        raise BadData(f"{symbol}: {file.place(row)}{_wrong_time(texts[row : row + 1])}")
    nanos = _array(times.cast(pa.int64()))
    return nanos, None if naive else nanos


def _as_written(texts: Any) -> Times:
    """Return times with an offset as their clocks show them: midnight of a day in Tokyo is of that day."""
    bare = pyarrow.compute.replace_substring_regex(texts, r"(?:Z|[+-]\d\d(?::?\d\d)?)\s*$", "")
    wall: Times = _array(_cast(bare, pa.timestamp("ns")).cast(pa.int64()))
    return wall


def _wrong_time(one: Any) -> str:
    """Say why a column of one text is no time."""
    text = one[0].as_py()
    if text is None or not text.strip():
        return " has no time; fill it in or drop the line"
    like = "write all as 2005-01-31 or all as 2005-01-31T09:30:00-05:00"
    for zone, first in ((None, "an"), ("UTC", "no")):
        if _cast(one, pa.timestamp("ns", zone)) is not None:
            return f": time {quote(text)} is not like the first, which has {first} offset; {like}"
        if _cast(one, pa.timestamp("s", zone)) is not None:
            return f": time {quote(text)} is not {IN_YEARS}; correct it or drop the line"
    return f": time {quote(text)} is no ISO time; {like}"


def _columns(
    texts: Any, layout: Layout, symbol: str, file: SeparatedFile
) -> tuple[dict[str, Floats], list[str]]:
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
            text = texts[given][row].as_py()
            raise BadData(
                f"{symbol}: {file.place(row)}: {name} {quote(text)} is no number; {explain(text)}, "
                "or drop the line"
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
