"""Tables that are filled again and again: where only texts differ, only those are sent to the browser.

A table of the page's framework takes 40 ms to draw fifty rows with a button each; this one takes a
millisecond, and a button under somebody's finger stays where it is.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import count
from operator import is_
from typing import Any

from nicegui import events, ui

from openbell.app.dashboard.wire import wire

Row = dict[str, Any]
_LEFT = frozenset({
    "symbol", "strategy", "text", "run", "symbols", "said", "kind", "status", "reason", "name", "state",
    "time", "direction", "given", "decided", "best", "trace", "currency", "span",
})  # fmt: skip
_NUMBERS = count(1)
#: What was made last, of what, and how.
_MADE: deque[tuple[tuple[object, ...], str, str]] = deque(maxlen=24)
#: Tells the server which row's button was pressed, or which rows are ticked.
_PRESSED = "(e) => { const b = e.target.closest('button[data-key]'); if (b) emit(b.dataset.key); }"
_TICKED = """(e) => emit(
  [...e.currentTarget.querySelectorAll('input[data-key]:checked')].map((one) => one.dataset.key)
)"""
STYLE = """
.ob-table { overflow-x: auto; }
.ob-table table { border-collapse: collapse; width: 100%; }
.ob-table table { font-size: 13px; font-variant-numeric: tabular-nums; }
.ob-table th, .ob-table td { padding: 4px 8px; border-bottom: 1px solid #8884; white-space: nowrap; }
.ob-table th { font-weight: 500; font-size: 12px; }
.ob-table .l { text-align: left; } .ob-table .r { text-align: right; }
.ob-table .a { width: 1%; }
.ob-table .w { white-space: normal; min-width: 14rem; }
.ob-table button { border: 0; background: none; color: inherit; cursor: pointer; padding: 2px 6px; }
.ob-table button .material-icons { font-size: 18px; vertical-align: middle; }
"""
SCRIPT = """
window.obPatch = (id, first, cells) => {
  const table = document.getElementById(id);
  if (!table) return;
  const rows = table.tBodies[0].rows;
  for (const [row, column, text] of cells) {
    const cell = rows[row] && rows[row].cells[first + column];
    if (cell) cell.textContent = text;
  }
};
window.obWrite = (id, text) => {
  const place = document.getElementById(id);
  if (place) place.textContent = text;
};
"""


class Table:
    """A table. `fill` shows rows; each needs a `key` that is its own."""

    def __init__(
        self,
        name: str,
        columns: Mapping[str, str],
        nothing: str,
        *,
        title: str = "",
        button: tuple[str, str, Callable[[Row], object]] | None = None,
        choose: Callable[[list[Row]], object] | None = None,
    ) -> None:
        """Place it.

        Args:
            name: What tests find it by.
            columns: What is called how, by its key in a row.
            nothing: What is said where there is no row.
            title: What stands above it.
            button: An icon, what it does in words, and what is called with a row; `act` false has none.
            choose: Called with the rows that are ticked; None lets none be ticked.
        """
        if title:
            ui.label(title).classes("text-subtitle1").props("role=heading aria-level=2")
        self._name, self._columns, self._title = name, columns, title or name
        self._button, self._choose = button, choose
        self._id = f"ob-table-{next(_NUMBERS)}"
        self._html = ui.html("", sanitize=False).classes("ob-table w-full")
        if button is not None:
            self._html.on("click", self._press, js_handler=_PRESSED)
        if choose is not None:
            self._html.on("change", self._tick, js_handler=_TICKED)
        self._empty = ui.label(nothing).classes("ob-dim")
        self._wire = wire()
        self._rows: list[Row] | None = None
        self._shape: Sequence[tuple[str, Any]] = ()

    def fill(self, rows: list[Row]) -> None:
        """Show rows, if they are others than those that are shown."""
        before = self._rows
        if rows is before or rows == before:
            return
        shape = [(str(row["key"]), row.get("act")) for row in rows]
        self._rows = rows
        if before is not None and shape == self._shape:
            self._patch(before, rows)
            return
        self._shape = shape
        self._html.set_content(self._drawn(rows))
        self._html.set_visibility(bool(rows))
        self._empty.set_visibility(not rows)

    def _patch(self, before: list[Row], rows: list[Row]) -> None:
        """Send the texts that differ."""
        first = (self._button is not None) + (self._choose is not None)
        cells = _shared(
            (before, rows, self._columns), "", lambda: _differences(before, rows, list(self._columns))
        )
        self._wire.tell(f"obPatch('{self._id}', {first}, {cells})")

    def _drawn(self, rows: list[Row]) -> str:
        heads = [
            f"<th scope=col class='{_side(key)}'>{escape(text)}</th>" for key, text in self._columns.items()
        ]
        blank = "<th class=a></th>" * ((self._button is not None) + (self._choose is not None))
        controls = f"{self._button and self._button[:2]} {self._choose is not None}"
        body = _shared(
            (rows, self._columns), controls,
            lambda: "".join(f"<tr>{self._controls(row)}{self._cells(row)}</tr>" for row in rows),
        )  # fmt: skip
        return (
            f"<table id='{self._id}' data-table='{self._name}' aria-label='{escape(self._title)}'>"
            f"<thead><tr>{blank}{''.join(heads)}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _cells(self, row: Row) -> str:
        return "".join(f"<td class='{_side(key)}'>{escape(str(row[key]))}</td>" for key in self._columns)

    def _controls(self, row: Row) -> str:
        key, made = escape(str(row["key"]), quote=True), ""
        if self._choose is not None:
            made += f"<td class=a><input type=checkbox data-key='{key}' aria-label='Choose {key}'></td>"
        if self._button is not None:
            icon, says, _ = self._button
            made += (
                "<td class=a></td>"
                if row.get("act") is False
                else (
                    f"<td class=a><button data-key='{key}' title='{says}' aria-label='{says} {key}'>"
                    f"<i class=material-icons aria-hidden=true>{icon}</i></button></td>"
                )
            )
        return made

    def _press(self, event: events.GenericEventArguments) -> None:
        row = next((row for row in self._rows or () if str(row["key"]) == event.args), None)
        if row is not None and self._button is not None:
            self._button[2](row)

    def _tick(self, event: events.GenericEventArguments) -> None:
        if self._choose is not None:
            self._choose([row for row in self._rows or () if str(row["key"]) in event.args])


def _differences(before: list[Row], rows: list[Row], keys: list[str]) -> str:
    """Return the cells that differ, as the browser takes them."""
    return json.dumps([
        (number, at, str(now[key]))
        for number, (was, now) in enumerate(zip(before, rows, strict=True))
        for at, key in enumerate(keys)
        if was[key] != now[key]
    ])  # fmt: skip


def _shared(of: tuple[object, ...], how: str, make: Callable[[], str]) -> str:
    """Return what is made of these very objects: made once for all pages that show the same."""
    for known, kind, text in _MADE:
        if kind == how and len(known) == len(of) and all(map(is_, known, of)):
            return text
    text = make()
    _MADE.append((of, how, text))
    return text


def _side(key: str) -> str:
    return ("l w" if key == "said" else "l") if key in _LEFT else "r"


class Text:
    """A text that changes often: the browser is told it alone, and looks at no other part of the page."""

    def __init__(self, label: ui.label) -> None:
        """Take the label that it stands in."""
        self._label, self._wire = label, wire()
        self._shown: str | None = None

    def show(self, text: str) -> None:
        """Show a text, if it is another than the one that is shown."""
        if self._shown == text:
            return
        if self._shown is not None:
            self._wire.tell(f"obWrite('{self._label.html_id}', {json.dumps(text)})")
        else:
            self._label.text = text
        self._shown = text


class Figure(Text):
    """A figure with its title above it."""

    def __init__(self, title: str, hint: str = "") -> None:
        with ui.column().classes("gap-0"):
            ui.label(title).classes("ob-dim text-caption")
            super().__init__(ui.label("").classes("text-h6 ob-num").props(f"data-figure='{title}'"))
            if hint:
                self._label.tooltip(hint)
