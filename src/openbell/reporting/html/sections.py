"""The sections that are tables: months, falls, metrics and trades."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from openbell.backtesting.ledger import stamp
from openbell.portfolio.drawdown import top_drawdowns
from openbell.portfolio.rolling import monthly_returns
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting import tables
from openbell.reporting.html.limits import exit_grid, limit_grid
from openbell.reporting.html.markup import Cell, Column, table
from openbell.reporting.result import Result
from openbell.reporting.words import count, date, figure, money, percent, plain, signed, spaceless, span

#: Most trades that the page lists; `trades.csv` has all.
TRADES_SHOWN = 500
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: Returns of a month from which on its cell is a shade deeper.
_SHADES = (0.0, 0.01, 0.03, 0.06, 0.10)
#: The metric that each group begins with, in the order of `DESCRIPTIONS`.
_GROUPS = {
    "total_return": "Return and risk",
    "var_historical": "Shape of the returns",
    "alpha": "Against the benchmark",
    "trades": "Trades",
    "exposure": "Activity and costs",
}


#: The heads of a table and its rows, as a page or a print shows them.
Grid = tuple[list[Column], list[list[Cell]]]


def months(result: Result) -> str:
    """Return the returns of each month as a table that is coloured by them."""
    return table("Return of each month, and of each year", *month_grid(result), css="months")


def month_grid(result: Result) -> Grid:
    """Return a row for each year: its months' returns and its own."""
    found = monthly_returns(result.daily_equity, result.daily_times)
    years: dict[int, dict[int, float]] = {}
    for year, month, value in found:
        years.setdefault(year, {})[month] = value
    columns = [Column("Year"), *(Column(name, number=True) for name in _MONTHS), Column("Year", number=True)]
    rows = []
    for year, values in years.items():
        whole = math.prod(1.0 + value for value in values.values()) - 1.0
        cells = [_shaded(values[month]) if month in values else Cell("") for month in range(1, 13)]
        rows.append([Cell(str(year)), *cells, Cell(percent(whole), css="total")])
    return columns, rows


#: Refusals that the page lists; `refusals.csv` has all.
REFUSALS_SHOWN = 200


def limits(result: Result) -> str:
    """Return each limit with what it refused, the worst that was reached, and what was held back."""
    worst = table("Each limit", *limit_grid(result))
    columns, exits = exit_grid(result)
    worst += table("Exits for entries that come without any", columns, exits) if exits else ""
    worst += table("The highest value of each measure, and when", *reached_grid(result))
    heads, cells = refusal_grid(result, REFUSALS_SHOWN)
    if not cells:
        return f"{worst}<p>Every order passed.</p>"
    total = len(result.outcome.refused)
    shown = f"The first {REFUSALS_SHOWN} of {total:,}" if total > REFUSALS_SHOWN else count(total, "refusal")
    return worst + table(f"Orders that did not pass, and warnings: {shown}", heads, cells, sortable=True)


def reached_grid(result: Result) -> Grid:
    """Return the highest value of each measure of risk, and when it was reached."""
    rows = [
        [Cell(name.replace("_", " ")), Cell(plain(round(one.value, 4))), Cell(date(one.time))]
        for name, one in result.outcome.reached.items()
    ]
    return [Column("Measure"), Column("Value", number=True), Column("Date")], rows


def refusal_grid(result: Result, most: int) -> Grid:
    """Return the first orders and warnings that limits of risk held back."""
    cells = [
        [Cell(date(time), time), Cell(str(order) if order else "–", order), Cell(limit), Cell(text)]
        for time, order, _, limit, _, _, text in tables.refusals(result.outcome).rows[:most]
    ]
    return [Column("Date"), Column("Order", number=True), Column("Limit"), Column("Why")], cells


def falls(result: Result) -> str:
    """Return the deepest falls and how long they took."""
    columns, rows = fall_grid(result)
    if not rows:
        return "<p>The account never fell below a former peak.</p>"
    return table("The deepest falls from a peak", columns, rows)


def fall_grid(result: Result) -> Grid:
    """Return the deepest falls: depth, dates, and days from peak to recovery or the end."""
    times = result.daily_times
    rows = []
    for fall in top_drawdowns(result.daily_equity):
        end = fall.recovery if fall.recovery is not None else len(times) - 1
        days = float(times[end] - times[fall.peak]) / 86_400e9
        rows.append(
            [
                Cell(percent(fall.depth), css="negative"),
                Cell(date(int(times[fall.peak]))),
                Cell(date(int(times[fall.trough]))),
                Cell(date(int(times[fall.recovery])) if fall.recovery is not None else "not yet"),
                Cell(f"{days:,.0f}"),
            ]
        )
    columns = [Column("Depth"), Column("Peak"), Column("Lowest"), Column("Recovered"),
               Column("Days", number=True)]  # fmt: skip
    return columns, rows


def metrics(result: Result, benchmark: Mapping[str, float], name: str) -> str:
    """Return all metrics in groups, with the benchmark's beside those that a curve alone defines."""
    shown = [
        _metric_table(heading, keys, result, benchmark, name) for heading, keys in metric_groups().items()
    ]
    return f"<div class='groups'>{''.join(shown)}</div>"


def metric_groups() -> dict[str, list[str]]:
    """Return the metrics' keys below the headings that they are shown under."""
    groups: dict[str, list[str]] = {}
    heading = ""
    for key in DESCRIPTIONS:
        heading = _GROUPS.get(key, heading)
        groups.setdefault(heading, []).append(key)
    return groups


def _metric_table(
    heading: str, keys: list[str], result: Result, benchmark: Mapping[str, float], name: str
) -> str:
    compared = any(key in benchmark for key in keys)
    other = "<th scope='col' class='number'>Holding</th>" if compared else ""
    rows = []
    for key in keys:
        label, _, meaning = (escape(spaceless(words)) for words in DESCRIPTIONS[key])
        value = figure(key, result.metrics[key])
        its = f"<td class='number'>{figure(key, benchmark[key])}</td>" if compared else ""
        rows.append(
            f"<tr><th scope='row'>{label}<span class='meaning'>{meaning}</span></th>"
            f"<td class='number'>{value}</td>{its}</tr>"
        )
    note = f" <span class='detail'>with {escape(name)} beside it</span>" if compared else ""
    return (
        f"<table class='metrics'><caption>{escape(heading)}{note}</caption><thead><tr>"
        f"<th scope='col'>Metric</th><th scope='col' class='number'>Strategy</th>{other}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


TRADE_COLUMNS = (
    Column("#", number=True),
    Column("Symbol"),
    Column("Side"),
    Column("Opened"),
    Column("Closed"),
    Column("Held", number=True, title="Time from the first fill to the last, nights and weekends too"),
    Column("Shares", number=True, title="Largest position"),
    Column("Entry", number=True, title="Average price of what opened"),
    Column("Exit", number=True, title="Average price of what closed; of an open trade the last price"),
    Column("Profit", number=True, title="After costs, with dividends and borrow"),
    Column("Return", number=True, title="Profit as a share of the most that was put in"),
    Column(
        "Worst", number=True, title="Maximum adverse excursion: the furthest move of the price against it"
    ),
    Column("Best", number=True, title="Maximum favourable excursion: the furthest move of the price for it"),
    Column("Fees", number=True),
    Column("Slippage", number=True, title="What slippage cost, which the prices include"),
    Column("Ended by", title="The exit order's tag, reason or type"),
)


def trades(result: Result) -> str:
    """Return the first round trips; a click on a column's head sorts them."""
    found = result.trade_table
    cells = trade_cells(result, found.rows[:TRADES_SHOWN])
    if not cells:
        return "<p>There were no trades.</p>"
    total = len(found.rows)
    listed = (
        f"The first {TRADES_SHOWN:,} of {total:,} trades" if total > TRADES_SHOWN else count(total, "trade")
    )
    return table(listed, TRADE_COLUMNS, cells, sortable=True, css="tall")


def cents(value: float) -> str:
    """Return money with its cents."""
    return signed(f"{value:,.2f}")


def trade_cells(result: Result, rows: Sequence[tuple[Any, ...]]) -> list[list[Cell]]:
    """Return rows of the table of trades as cells below `TRADE_COLUMNS`."""
    names = list(result.trade_table.columns)
    intraday = len(result.outcome.daily) < len(result.outcome.times)
    return [_trade(dict(zip(names, row, strict=True)), intraday=intraday) for row in rows]


def _trade(t: dict[str, Any], *, intraday: bool) -> list[Cell]:
    sign = "negative" if t["pnl"] < 0 else "positive"
    length = 16 if intraday else 10
    opened, closed = (stamp(t[name])[:length].replace("T", " ") for name in ("opened", "closed"))
    return [
        Cell(str(t["trade"]), t["trade"]),
        Cell(t["symbol"]),
        Cell(t["side"]),
        Cell(opened, t["opened"]),
        Cell("still open" if t["is_open"] else closed, t["closed"] or 2**63),
        Cell(span(t["holding_days"]), t["holding_days"]),
        Cell(plain(t["quantity"]), t["quantity"]),
        Cell(f"{t['entry_price']:,.2f}", t["entry_price"]),
        Cell(f"{t['exit_price']:,.2f}", t["exit_price"]),
        Cell(money(t["pnl"]), t["pnl"], sign),
        Cell(percent(t["return"]), t["return"], sign),
        Cell(percent(t["mae"]), t["mae"]),
        Cell(percent(t["mfe"]), t["mfe"]),
        Cell(f"{t['fees']:,.2f}", t["fees"]),
        Cell(cents(t["slippage"]), t["slippage"]),
        Cell(t["exit_reason"]),
    ]


def _shaded(value: float) -> Cell:
    if math.isnan(value):
        return Cell("–")
    step = int(np.searchsorted(_SHADES, abs(value), side="right"))
    kind = "g" if value > 0 else "l"
    return Cell(percent(value), css=f"{kind}{step}" if value else "")
