"""The part of a tear sheet that is about trades: which were best and worst, and when and where they were."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from openbell.core.types import NANOS_PER_SECOND
from openbell.reporting.html import sections
from openbell.reporting.html.markup import Cell, Column
from openbell.reporting.pdf import charts
from openbell.reporting.pdf.typeset import Part, Section, chart, grid, words
from openbell.reporting.result import Result
from openbell.reporting.words import count, money, percent

#: Trades in each of the lists of the best and of the worst; with up to twice as many, all are listed.
SHOWN = 10
#: Symbols that are listed.
SYMBOLS_SHOWN = 20
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LEFT_OUT = frozenset({"Slippage"})  #: the page has no room for all


def sections_of(result: Result, drawn: dict[str, bytes]) -> list[Section]:
    """Return the sections about trades; their charts are added to `drawn`."""
    found = result.trade_table
    rows = found.rows
    if not rows:
        return [Section("Trades", [words("There were no trades.")])]
    names = list(found.columns)
    profit = names.index("pnl")
    parts: list[Part] = [words(_TOLD, muted=True)]
    if len(rows) <= 2 * SHOWN:
        parts.append(_listed(result, count(len(rows), "trade"), rows))
    else:
        ordered = sorted(rows, key=lambda row: -float(row[profit]))
        parts.append(_listed(result, f"The best {SHOWN} of {len(rows):,} trades", ordered[:SHOWN]))
        parts.append(_listed(result, f"The worst {SHOWN}", ordered[: -SHOWN - 1 : -1]))
    drawn["moves"] = charts.moves(*(_column(found.rows, names, key) for key in ("mae", "mfe", "return")))
    said = "Of each trade its return, against the furthest move of the price against it and for it."
    parts.append(chart("moves", said))
    parts += _by_symbol(rows, names)
    parts += _by_time(rows, names, drawn)
    return [Section("Trades", parts)]


_TOLD = "A trade goes from flat to flat in one symbol. Profit is after costs, times are UTC."


def _column(rows: Sequence[tuple[Any, ...]], names: list[str], key: str) -> np.ndarray[Any, Any]:
    at = names.index(key)
    return np.array([row[at] for row in rows], np.float64)


def _listed(result: Result, caption: str, rows: Sequence[tuple[Any, ...]]) -> Part:
    kept = [i for i, one in enumerate(sections.TRADE_COLUMNS) if one.name not in _LEFT_OUT]
    cells = sections.trade_cells(result, rows)
    heads = [sections.TRADE_COLUMNS[i] for i in kept]
    return grid(caption, heads, [[row[i] for i in kept] for row in cells], size=6.5, wide="Ended by")


def _by_symbol(rows: Sequence[tuple[Any, ...]], names: list[str]) -> list[Part]:
    symbol = names.index("symbol")
    groups = _groups(rows, names, lambda row: str(row[symbol]))
    if len(groups) == 1:
        return []
    ordered = sorted(groups.items(), key=lambda one: -one[1][1])
    caption = f"By symbol: {count(len(ordered), 'symbol')}"
    if len(ordered) > SYMBOLS_SHOWN:
        half = SYMBOLS_SHOWN // 2
        ordered = [*ordered[:half], *ordered[-half:]]
        caption += f", of which the {half} that brought most and the {half} that brought least"
    heads = [
        Column("Symbol"), Column("Trades", number=True), Column("Won", number=True),
        Column("Profit", number=True),
    ]  # fmt: skip
    cells = [
        [
            Cell(name), Cell(f"{number:,}"), Cell(percent(won / number)),
            Cell(money(total), css="negative" if total < 0 else "positive"),
        ]
        for name, (number, total, won) in ordered
    ]  # fmt: skip
    return [grid(caption, heads, cells)]


def _by_time(rows: Sequence[tuple[Any, ...]], names: list[str], drawn: dict[str, bytes]) -> list[Part]:
    opened = names.index("opened")

    def moment(row: tuple[Any, ...]) -> datetime:
        return datetime.fromtimestamp(row[opened] // NANOS_PER_SECOND, UTC)

    days = _groups(rows, names, lambda row: _DAYS[moment(row).weekday()])
    hours = _groups(rows, names, lambda row: f"{moment(row).hour:02d}")
    week = [day for day in _DAYS if day in days]
    day = sorted(hours)
    drawn["times"] = charts.bars([
        ("Profit by weekday of the entry", week, [days[name][1] for name in week]),
        ("Profit by hour of the entry, UTC", day, [hours[name][1] for name in day]),
    ])  # fmt: skip
    said = "Profit by the weekday and by the hour, in UTC, in which a trade was opened."
    return [chart("times", said)]


def _groups(
    rows: Sequence[tuple[Any, ...]], names: list[str], key: Callable[[tuple[Any, ...]], str]
) -> dict[str, tuple[int, float, int]]:
    """Return how many trades each group has, what they brought, and how many won."""
    profit = names.index("pnl")
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(float(row[profit]))
    return {
        name: (len(values), math.fsum(values), sum(value > 0 for value in values))
        for name, values in found.items()
    }
