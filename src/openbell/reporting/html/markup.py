"""The few pieces of HTML that every section is made of. What comes from users is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple


class Cell(NamedTuple):
    """One cell of a table: text as a reader sees it, and what the column is sorted by."""

    text: str
    value: float | str | None = None  #: None leaves the text to be sorted by
    css: str = ""


class Column(NamedTuple):
    """The head of a column."""

    name: str
    number: bool = False
    title: str = ""


def section(anchor: str, title: str, body: str, *, lead: str = "", css: str = "") -> str:
    """Return a section with its heading; `lead` is text, `body` HTML."""
    words = f"<p class='lead'>{escape(lead)}</p>" if lead else ""
    return (
        f"<section id='{anchor}' class='{css}' aria-labelledby='{anchor}-title'>"
        f"<h2 id='{anchor}-title'>{escape(title)}</h2>{words}{body}</section>\n"
    )


def chart(name: str, label: str, *, caption: str = "", css: str = "") -> str:
    """Return the place of a chart; `label` says in words what it shows, for who cannot see it."""
    words = f"<figcaption id='caption-{name}'>{escape(caption)}</figcaption>" if caption else ""
    return (
        f"<figure class='chart {css}'>"
        f"<div data-figure='{name}' role='img' aria-label='{escape(label)}'></div>{words}</figure>"
    )


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    *,
    sortable: bool = False,
    css: str = "",
) -> str:
    """Return a table in a frame that scrolls sideways by itself, so that the page never does."""
    head = "".join(_head(column, sortable=sortable) for column in columns)
    body = "\n".join(
        "<tr>" + "".join(_cell(cell, column) for cell, column in zip(row, columns, strict=True)) + "</tr>"
        for row in rows
    )
    mark = " data-sortable" if sortable else ""
    return (
        f"<div class='scroll {css}' tabindex='0' role='region' aria-label='{escape(caption)}'><table{mark}>"
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"
    )


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a list of terms and what they mean here, as text."""
    items = "".join(f"<div><dt>{escape(term)}</dt><dd>{escape(words)}</dd></div>" for term, words in pairs)
    return f"<dl class='facts'>{items}</dl>"


def attribute(value: Any) -> str:
    """Return a value as it stands in an attribute."""
    return escape(str(value))


def _head(column: Column, *, sortable: bool) -> str:
    css = " class='number'" if column.number else ""
    title = f" title='{escape(column.title)}'" if column.title else ""
    name = escape(column.name)
    words = f"<button type='button'>{name}</button>" if sortable else name
    return f"<th scope='col'{css}{title}>{words}</th>"


def _cell(cell: Cell, column: Column) -> str:
    css = " ".join(filter(None, ("number" if column.number else "", cell.css)))
    name = f" class='{css}'" if css else ""
    value = f" data-v='{attribute(cell.value)}'" if cell.value is not None else ""
    return f"<td{name}{value}>{escape(cell.text)}</td>"
