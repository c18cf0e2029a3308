"""Files of lines and separators: their bytes as UTF-8, their separator, and what is wrong with a line."""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from openbell.core.errors import BadData, ConfigError
from openbell.data.numerals import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = 65_536  #: bytes in which the header must end
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_QUOTED = re.compile(r'"[^"]*(?:"|$)')
_DISGUISED = (  #: how files begin that are something else, in lower case: what, and what to do
    ((b"\x1f\x8b", b"bzh9", b"\xfd7zxz\0", b"\x28\xb5\x2f\xfd"), "is compressed", "unpack it first"),
    ((b"pk\x03\x04",), "is an Excel workbook or a ZIP archive", "save the sheet as CSV, or unpack it"),
    ((b"\xd0\xcf\x11\xe0",), "is an Excel workbook", "save the sheet as CSV"),
    ((b"par1",), "is a Parquet file", "read it with pandas.read_parquet() and give the table"),
    ((b"<!doctype", b"<html", b"<?xml"), "is a web page or XML", "download the CSV file itself"),
    ((b"{", b"["), "is JSON", "read it with pandas.read_json() and give the table"),
)


@dataclass(frozen=True, slots=True)
class SeparatedFile:
    """A file in memory: UTF-8 without a mark."""

    name: str
    data: bytes
    separator: str

    @property
    def header(self) -> bytes:
        """Return the line with the names of the columns."""
        return re.split(rb"[\r\n]", self.data.lstrip(b"\r\n"), maxsplit=1)[0]

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not empty with the number of its last line."""
        reader = csv.reader(StringIO(self.data.decode(), newline=""), delimiter=self.separator)
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

    def explain(self) -> str | None:
        """Say in which line the file is no table; None if that cannot be told."""
        try:
            records = list(self.records())
        except UnicodeDecodeError as wrong:
            line = self.data.count(b"\n", 0, wrong.start) + 1
            byte = f"0x{self.data[wrong.start]:02x}"
            return f"line {line} is not UTF-8 (byte {byte}); save the file in that encoding"
        except csv.Error:
            return None
        header = records[0][1]
        if len(records) == 1:
            return "has no rows; add a line for each bar below the header"
        for line, fields in records:
            if len(fields) != len(header):
                return f"line {line} {self._misfit(fields, header)}"
        return None

    def _misfit(self, fields: list[str], header: list[str]) -> str:
        if fields[0].lstrip().startswith("#"):
            return "begins with '#'; drop the comment lines"
        if not "".join(fields).strip():
            return "holds only spaces or separators; drop it"
        if any("\n" in field for field in fields):
            return "ends a quote that begins in a line above it; close that one"
        count, width = len(fields), len(header)
        what = f"{count} {'field' if count == 1 else 'fields'} between {_SEPARATORS[self.separator]}"
        return f"has {what}, the header has {width}; {self._remedy(fields, header)}"

    def _remedy(self, fields: list[str], header: list[str]) -> str:
        width = len(header)
        if not header[-1].strip():
            return "take the separator from the header's end"
        others = [name for mark, name in _SEPARATORS.items() if mark != self.separator and mark in fields[0]]
        if len(fields) == 1 and others:
            return f"it has {' and '.join(others)}: use one separator throughout"
        if len(fields) > width:
            if not "".join(fields[width:]).strip():
                return "take the separator from its end, or put one at the header's end too"
            if self.separator == ",":
                return "take commas out of its numbers, or drop it"
        return "correct the line or drop it"


def read_separated(path: Path) -> SeparatedFile:
    """Read a file in UTF-8, or in UTF-16 with a mark, and find its separator in its header.

    Raises:
        ConfigError: It is a folder, a pipe or the like.
        OSError: It cannot be read.
        BadData: It is empty, no text, in another encoding or without a separator.
    """
    if not path.is_file():  # a pipe would be waited for
        raise ConfigError(f"path {str(path)!r} is no file; give a CSV file")
    data = _as_utf8(path.read_bytes(), path.name)
    if not data[:_HEAD].strip():
        raise BadData(f"{path.name} is empty; it needs a header and a line for each bar")
    return SeparatedFile(path.name, data, _find_separator(data, path.name))


def _as_utf8(data: bytes, name: str) -> bytes:
    start = data[:16].lower()
    for beginnings, what, remedy in _DISGUISED:
        if start.startswith(beginnings):
            raise BadData(f"{name} {what}; {remedy}")
    if data.startswith((BOM_UTF32_LE, BOM_UTF32_BE)):
        raise BadData(f"{name} is in UTF-32; save it as UTF-8")
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeDecodeError as wrong:
            raise BadData(
                f"{name} is in UTF-16 and damaged at byte {wrong.start}; save it as UTF-8"
            ) from None
    zero = data.find(b"\0")
    if zero >= 0:
        line = data.count(b"\n", 0, zero) + 1
        raise BadData(
            f"{name} line {line} has a zero byte: it is no text, or UTF-16 without a mark; save it as UTF-8"
        )
    return data.removeprefix(BOM_UTF8)


def _find_separator(data: bytes, name: str) -> str:
    """Return what splits the header into the most columns; quoted names do not count."""
    above = len(data) - len(data.lstrip(b"\r\n"))
    header = re.split(r"[\r\n]", data[above : above + _HEAD].decode(errors="replace"), maxsplit=1)[0]
    line = f"{name} line {len(data[:above].splitlines()) + 1}"
    if header.lstrip().startswith("#"):
        raise BadData(f"{line} begins with '#'; drop the comment lines, so that the header comes first")
    if header.lower().startswith("sep="):
        raise BadData(f"{line} is {quote(header)}; drop it: the header tells the separator")
    bare = _QUOTED.sub("", header)
    most = max(map(bare.count, _SEPARATORS))
    found = [mark for mark in _SEPARATORS if bare.count(mark) == most]
    if not most:
        raise BadData(
            f"{line} is no header, {quote(header)}; put a comma, semicolon, tab or pipe (|) between columns"
        )
    if len(found) > 1:
        names = " and ".join(_SEPARATORS[mark] for mark in found)
        raise BadData(f"{line} has as many {names}: {quote(header)}; use one separator throughout")
    return found[0]
