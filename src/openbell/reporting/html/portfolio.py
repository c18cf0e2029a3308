"""Two sections of a report: why orders have their sizes, and where the profit came from."""

from __future__ import annotations

from html import escape

from openbell.core.ports import InformedSizer
from openbell.portfolio.attribution import divide, in_cents
from openbell.reporting.html.markup import Cell, Column, table
from openbell.reporting.portfolio import parts
from openbell.reporting.result import Result
from openbell.reporting.words import count, date, money, plain

SIZES_SHOWN = 200
_SIZES = (
    Column("Order", number=True), Column("Decided"), Column("Symbol"), Column("Side"),
    Column("Shares", number=True), Column("Why this size"),
)  # fmt: skip
_WAYS = {"symbol": "Symbol", "side": "Side", "sector": "Sector"}


def has_sizes(result: Result) -> bool:
    """Tell whether the run's sizer says why, or its limits cut orders."""
    return isinstance(result.plan.sizer, InformedSizer) or result.plan.risk.cut or bool(_rule(result))


def _rule(result: Result) -> str:
    """Return the one rule that all signals are sized by, where the sizer has one; no orders' tags say it."""
    return str(getattr(result.plan.sizer, "why", ""))


def sizes(result: Result) -> str:
    """Return the first orders of signals with what the sizer made them of."""
    told = [order for order in result.outcome.orders if order.aim and order.tag]
    rule = f"<p>A signal's shares are {escape(_rule(result))}.</p>" if _rule(result) else ""
    if not told:
        return rule or "<p>No signal was sized.</p>"
    rows = [
        [
            Cell(str(order.id), order.id), Cell(date(order.decided), order.decided), Cell(order.symbol),
            Cell("buy" if order.side > 0 else "sell"), Cell(plain(order.quantity), order.quantity),
            Cell(order.tag),
        ]
        for order in told[:SIZES_SHOWN]
    ]  # fmt: skip
    listed = count(len(told), "order")
    if len(told) > SIZES_SHOWN:
        listed = f"The first {SIZES_SHOWN:,} of {len(told):,} orders"
    return rule + table(listed, _SIZES, rows, sortable=True, css="tall")


def origins(result: Result) -> str:
    """Return the profit by symbol, side and sector, each to the cent; what divides nothing is left out."""
    found = parts(result)
    tables = []
    for way, head in _WAYS.items():
        amounts = in_cents(divide(found, way))
        if len(amounts) > 1:
            rows = [
                [Cell(name), Cell(money(value), value, "negative" if value < 0 else "positive")]
                for name, value in amounts.items()
            ]
            columns = [Column(head), Column("Profit", number=True)]
            tables.append(table(f"Profit by {way}", columns, rows))
    return "".join(tables) or "<p>All of it came from one position at a time, in one symbol.</p>"
