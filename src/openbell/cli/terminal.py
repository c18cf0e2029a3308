"""Writes answers and progress: with rich on a terminal, plain where the output goes elsewhere."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from openbell.cli.answer import Table

_TELL = 0.1  #: seconds between two lines of progress
_WIDTH = 80  #: columns that a table should keep to

#: Told how much of the whole is done, from 0 to 1, and what is being done.
Progress = Callable[[float, str], None]


def write(parts: Sequence[str | Table], stream: TextIO) -> None:
    """Write lines and tables."""
    if not _is_rich(stream):
        stream.writelines(f"{line}\n" for part in parts for line in _lines(part))
        return
    from rich.console import Console

    console = Console(file=stream)
    for part in parts:
        if isinstance(part, Table):
            console.print(_drawn(part))
        else:
            console.print(part, markup=False, highlight=False, soft_wrap=True)


def write_document(document: Mapping[str, Any], stream: TextIO) -> None:
    """Write one JSON document; it is ASCII, so that no console's encoding can refuse it."""
    stream.write(json.dumps(_decoded(document), indent=2, allow_nan=False) + "\n")


@contextmanager
def progress() -> Iterator[Progress]:
    """Show a bar on stderr while something takes its time, on a terminal; to a program say lines of JSON."""
    if os.environ.get("OPENBELL_PROGRESS") == "json":
        yield _Lines(sys.stderr).tell
        return
    if not _is_rich(sys.stderr):
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<21}"), BarColumn(), TaskProgressColumn())
    with Bars(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        task = bars.add_task("", total=1.0)
        yield lambda done, what: bars.update(task, completed=done, description=what)


class _Lines:
    """Progress for a program that started this one: a line of JSON, ten a second at most."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._last = stream, -1.0

    def tell(self, done: float, what: str) -> None:
        """Tell how far it is, if it is time."""
        now = time.monotonic()
        if now - self._last >= _TELL:
            self._last = now
            self._stream.write(json.dumps({"done": min(max(done, 0.0), 1.0), "doing": what}) + "\n")
            self._stream.flush()


def _decoded(value: Any) -> Any:
    """Return a document in which bytes of names that are no text are spelled out: JSON has no such."""
    if isinstance(value, Mapping):
        return {_decoded(key): _decoded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_decoded(one) for one in value]
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _ignore(_done: float, _what: str) -> None:
    """Take note of progress where nobody watches."""


def _is_rich(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _lines(part: str | Table) -> Iterator[str]:
    if isinstance(part, str):
        yield part
        return
    rows = [[column.title for column in part.columns], *part.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(part.columns))]
    gap = "  " if sum(widths) + 2 * len(widths) <= _WIDTH else " "
    for row in rows:
        cells = (
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, part.columns, strict=True)
        )
        yield gap.join(cells).rstrip()


def _drawn(table: Table) -> Any:
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    for column in table.columns:
        drawn.add_column(Text(column.title), justify="right" if column.right else "left")
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn
