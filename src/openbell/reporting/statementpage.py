"""A statement for readers: its tables, as a page and as a print."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from html import escape
from typing import Any

from openbell.backtesting.ledger import stamp
from openbell.core.types import NANOS_PER_SECOND
from openbell.reporting.html.markup import Cell, Column, section, table
from openbell.reporting.html.page import whole
from openbell.reporting.html.sections import cents
from openbell.reporting.pdf.typeset import Section, Sheet, grid, typeset, words
from openbell.reporting.statement import CASH, PROFIT, Standing, Statement
from openbell.reporting.tables import Kind, Table
from openbell.reporting.words import capitalised, count, percent, plain, signed

Grid = tuple[str, list[Column], list[list[Cell]]]
_MONEY = frozenset({
    "value", "fee", "fees", "slippage", "pnl", "cost", "proceeds", "gain", "amount", "cash", "carry",
    "realised", "unrealised", "unrealised_change", "dividends", "borrow",
})  # fmt: skip
_SHARES = frozenset({"return", "mae", "mfe"})
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "trades": (
        "symbol", "side", "opened", "closed", "quantity", "entry_price", "exit_price", "pnl", "return",
        "fees", "exit_reason",
    ),
    "fills": ("time", "order", "symbol", "side", "quantity", "price", "fee", "slippage"),
    "lots": ("symbol", "side", "quantity", "opened", "closed", "cost", "proceeds", "gain", "term"),
}  # fmt: skip


def grids(one: Statement) -> Iterator[Grid]:
    """Yield a statement's tables: title, heads and rows; those without a row too."""
    yield "Equity", *_equity(one)
    profit = {name: one.profit[key] for key, name in PROFIT.items()}
    yield "Profit and loss", *_sums(profit, "Profit and loss", one.pnl, one.gain)
    cash = {name: one.cash[key] for key, name in CASH.items() if key != "other" or one.cash[key]}
    yield "Cash", *_sums(cash, "Change of cash", one.closing.cash - one.opening.cash, math.nan)
    yield "By symbol", *_table(one.symbols)
    yield "Positions before", *_table(one.opening.positions)
    yield "Positions after", *_table(one.closing.positions)
    yield "Trades closed", *_table(one.trades, _COLUMNS["trades"])
    yield "Fills", *_table(one.fills, _COLUMNS["fills"])
    yield "Tax lots closed, the oldest first", *_table(one.lots, _COLUMNS["lots"])
    yield "Dividends, splits and charges", *_table(one.bookings)


def render(found: Sequence[Statement]) -> str:
    """Return statements as the text of one HTML file."""
    title = title_of(found)
    span = f"{min(one.first for one in found)} to {max(one.last for one in found)}"
    top = (
        f"<header><p class='eyebrow'>Openbell statement</p><h1>{escape(title)}</h1>"
        f"<p class='facts-line'>{escape(span)}</p></header>\n"
    )
    return whole(title, top + "".join(_sections(found)))


def _sections(found: Sequence[Statement]) -> Iterator[str]:
    if len(found) > 1:
        yield section("all", "All strategies", table("Equity of each", *together(found)))
    for number, one in enumerate(found, start=1):
        body = "".join(table(title, heads, rows) for title, heads, rows in grids(one) if rows)
        yield section(f"strategy-{number}", one.name, body, lead=_lead(one))


def print_pdf(found: Sequence[Statement]) -> bytes:
    """Return statements as a PDF.

    Raises:
        ConfigError: typst or matplotlib is not installed.
    """
    sections = [Section("All strategies", [grid("", *together(found))]) for _ in found[:1] if len(found) > 1]
    for one in found:
        parts = [grid(title, heads, rows, size=7) for title, heads, rows in grids(one) if rows]
        sections.append(Section(one.name, [words(_lead(one), muted=True), *parts]))
    last = max(one.last for one in found)
    span = f"{min(one.first for one in found)} to {last}"
    moment = int(datetime.combine(last, time(), UTC).timestamp()) * NANOS_PER_SECOND
    title = title_of(found)
    return typeset(Sheet("Openbell statement", title, span, "Openbell", sections, moment))[0]


def title_of(found: Sequence[Statement]) -> str:
    """Return what statements are of, in few words."""
    period = found[0].period
    return f"Statement of {period.kind if period.kind != 'day' else ''} {period.name}".replace("  ", " ")


def together(found: Sequence[Statement]) -> tuple[list[Column], list[list[Cell]]]:
    """Return a row for each strategy's equity, and one for all."""
    heads = [Column("Strategy"), *(Column(name, number=True) for name in ("Before", "After", "Change"))]
    amounts = [(one.name, one.opening.equity, one.closing.equity) for one in found]
    amounts.append(("All", math.fsum(a[1] for a in amounts), math.fsum(a[2] for a in amounts)))
    rows = [
        [Cell(name), Cell(cents(before)), Cell(cents(after)), _money(after - before)]
        for name, before, after in amounts
    ]
    return heads, rows


def _lead(one: Statement) -> str:
    return f"{one.first} to {one.last}, {count(one.sessions, 'session')}. Times are UTC."


def _equity(one: Statement) -> tuple[list[Column], list[list[Cell]]]:
    def row(name: str, of: Standing) -> list[Cell]:
        values = (of.cash, of.invested, of.equity, of.unrealised)
        return [Cell(name), *(Cell(cents(value), value) for value in values)]

    names = ("", "Cash", "Positions", "Equity", "Unrealised")
    return [Column(n, number=bool(n)) for n in names], [row("Before", one.opening), row("After", one.closing)]


def _sums(
    amounts: Mapping[str, float], name: str, total: float, share: float
) -> tuple[list[Column], list[list[Cell]]]:
    rows = [[Cell(key), _money(value)] for key, value in amounts.items()]
    more = "" if math.isnan(share) else f" ({percent(share)})"
    rows.append([Cell(name + more, css="total"), Cell(cents(total), total, "total")])
    return [Column("Part"), Column("Money", number=True)], rows


def _table(found: Table, names: Sequence[str] = ()) -> tuple[list[Column], list[list[Cell]]]:
    chosen = names or list(found.columns)
    at = [list(found.columns).index(name) for name in chosen]
    heads = [
        Column(capitalised(n.replace("_", " ")), number=found.columns[n] in ("number", "count"))
        for n in chosen
    ]
    rows = [
        [_cell(name, found.columns[name], row[i]) for name, i in zip(chosen, at, strict=True)]
        for row in found.rows
    ]
    return heads, rows


def _cell(name: str, kind: Kind, value: Any) -> Cell:
    if value is None or (kind == "number" and math.isnan(value)):
        return Cell("–")
    if kind == "time":
        return Cell(stamp(value)[:16].replace("T", " "), value)
    if kind != "number":
        return Cell(str(value), value if kind == "count" else None)
    if name in _SHARES:
        return Cell(percent(value), value)
    if name in _MONEY:
        return _money(value)
    return Cell(plain(value) if name == "quantity" else signed(f"{value:,.4f}"), value)


def _money(value: float) -> Cell:
    return Cell(cents(value), value, "negative" if round(value, 2) < 0 else "")
