"""A section of a report: what is held at the end, what moves it, and what falls would cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

from openbell.portfolio.exposed import Exposed
from openbell.portfolio.stress import Loss
from openbell.reporting.html.markup import Cell, Column, table
from openbell.reporting.html.sections import Grid
from openbell.reporting.words import money, percent

TITLE = "What falls would cost"
TOLD = (
    "What a fall would cost is a position's beta to the benchmark times the fall of the S&P 500 (closes, "
    "without dividends). Beta and risk are of the last year's sessions; risk is what a position adds to the "
    "deviation of one day's return."
)
HELD, FALLS = "What is held at the end", "What falls of the past would cost"


def render(found: Exposed) -> str:
    """Return the section's body, of a run that holds something."""
    return table(HELD, *held_grid(found)) + table(FALLS, *fall_grid(found.losses()))


def held_grid(found: Exposed) -> Grid:
    """Return each position with its share, its beta and what it adds to risk; the whole below."""
    rows = [
        [
            Cell(symbol), Cell(money(value), value), Cell(percent(value / found.equity), value),
            Cell(_number(found.betas.get(symbol))), Cell(_share(found.risk.get(symbol))),
        ]
        for symbol, value in found.values.items()
    ]  # fmt: skip
    total = math.fsum(found.values.values())
    known = len(found.betas) == len(found.values)
    whole = math.fsum(found.betas[s] * v / found.equity for s, v in found.values.items()) if known else None
    risk = math.fsum(found.risk.values()) if len(found.risk) == len(found.values) else None
    rows.append([
        Cell("All", css="total"), Cell(money(total), css="total"),
        Cell(percent(total / found.equity), css="total"), Cell(_number(whole), css="total"),
        Cell(_share(risk), css="total"),
    ])  # fmt: skip
    columns = [
        Column("Symbol"), Column("Value", number=True), Column("Of equity", number=True),
        Column("Beta", number=True), Column("Risk", number=True),
    ]  # fmt: skip
    return columns, rows


def fall_grid(losses: Sequence[Loss]) -> Grid:
    """Return what each shock would do, and when it was: last, so that a narrow page shows what it costs."""
    rows = [
        [
            Cell(one.shock.name), Cell(percent(one.shock.market)),
            Cell(money(one.pnl), one.pnl, "negative" if one.pnl < 0 else ""), Cell(percent(one.share)),
            Cell(one.shock.span),
        ]
        for one in losses
    ]  # fmt: skip
    columns = [
        Column("Fall"), Column("Index", number=True), Column("Profit", number=True),
        Column("Of equity", number=True), Column("When"),
    ]  # fmt: skip
    return columns, rows


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}".replace("-", "−")
