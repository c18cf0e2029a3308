"""The limits of a run, each with numbers: its bound, how many orders it refused, and the highest of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from openbell.core.types import Reason
from openbell.execution.risk.check import Check, shown
from openbell.execution.risk.measures import checks_of
from openbell.reporting.html.markup import Cell, Column
from openbell.reporting.result import Result
from openbell.reporting.tables import exit_reasons, fills_by_entry
from openbell.reporting.words import count

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
    return columns, [*rows, *_stages(result)]


def _stages(result: Result) -> Iterator[list[Cell]]:
    """Yield a row for each stage of a drawdown that something is said or done at, beside refusals."""
    limits = result.plan.risk.portfolio
    for bound, label in (
        (limits.drawdown_warn, "fall from the highest equity: a warning"),
        (limits.drawdown_halt, "fall from the highest equity: all is closed"),
    ):
        if bound is None:
            continue
        values = [
            one.value
            for one in result.outcome.refused
            if not one.order_id and one.limit is Reason.DRAWDOWN and one.bound == bound
        ]
        highest = f"{max(values):.2%}" if values else ""
        yield [
            Cell("drawdown"), Cell(label), Cell(f"{bound:.2%}"),
            Cell(f"reached {count(len(values), 'time')}", len(values)), Cell(highest),
        ]  # fmt: skip


def exit_grid(result: Result) -> Grid:
    """Return a row for each exit that limits place where a strategy sets none: how many positions it closed.

    Those that a strategy set itself count too: an exit does not say who set it.
    """
    exits = result.plan.risk.exits
    columns = [Column("Exit"), Column("Placed at", number=True), Column("Positions closed", number=True)]
    closed = Counter(exit_reasons(result.outcome, fills_by_entry(result.outcome)))
    rows = []
    for name, value in (
        ("stop_loss", exits.stop_loss), ("take_profit", exits.take_profit),
        ("trailing_stop", exits.trailing_stop), ("time_stop", exits.max_days),
    ):  # fmt: skip
        if value is not None:
            at = f"{value:.10g} days" if name == "time_stop" else f"{value:.2%}"
            rows.append([Cell(name.replace("_", " ")), Cell(at), Cell(f"{closed[name]:,}", closed[name])])
    return columns, rows


def _refused(result: Result, check: Check) -> list[float]:
    """Return the values of the orders that a limit refused."""
    return [
        one.value
        for one in result.outcome.refused
        if one.order_id and one.limit is check.limit and one.bound == check.bound
    ]
