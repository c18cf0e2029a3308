"""The limits of a run, each with numbers: its bound, how many orders it refused, and the highest of them."""

from __future__ import annotations

import math

from openbell.execution.risk.check import Check, shown
from openbell.execution.risk.measures import checks_of
from openbell.reporting.html.markup import Cell, Column
from openbell.reporting.result import Result

#: The heads of a table and its rows.
Grid = tuple[list[Column], list[list[Cell]]]


def limit_grid(result: Result) -> Grid:
    """Return a row for each limit that is set; those that are always on only where they refused something."""
    columns = [
        Column("Limit"), Column("What it measures"), Column("Most", number=True),
        Column("Refused", number=True), Column("Highest refused", number=True),
    ]  # fmt: skip
    rows = []
    for check in checks_of(result.plan.risk):
        values = _refused(result, check)
        if not values and check.live and check.unit == "flag":
            continue
        known = [value for value in values if not math.isnan(value)]
        highest = shown(check, max(known)) if known else ""
        rows.append(
            [
                Cell(check.limit.value.replace("_", " ")), Cell(check.label), Cell(shown(check, check.bound)),
                Cell(f"{len(values):,}", len(values)), Cell(highest),
            ]
        )  # fmt: skip
    return columns, rows


def _refused(result: Result, check: Check) -> list[float]:
    """Return the values of the orders that a limit refused."""
    return [
        one.value
        for one in result.outcome.refused
        if one.order_id and one.limit is check.limit and one.bound == check.bound
    ]
