"""Sweeps whose figures a test writes itself."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from openbell.backtesting.axes import read_axis
from openbell.backtesting.constraint import read_constraint
from openbell.backtesting.grid import Choice, Combinations, combine
from openbell.backtesting.measures import MEASURES, read_objectives
from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import Chunked, Part, Rows, Trials, explore
from openbell.data.bars import Floats
from openbell.reporting.sweep import Manner, Sweep

DAY = 86_400_000_000_000
Figure = Callable[[Mapping[str, Any]], float]


class ByHand:
    """Measures a combination by a function: that is its Sharpe ratio, ten times that its costs."""

    measures = MEASURES

    def __init__(self, figure: Figure, *, size: int = 1_000) -> None:
        self.figure, self.size = figure, size
        self.wrong = ""  #: why a combination with fast=3 fails
        self.asked: list[int] = []  #: how many combinations at each call

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        self.asked.append(len(combinations))
        values = np.zeros((len(combinations), len(MEASURES)))
        for row, combination in zip(values, combinations, strict=True):
            row[:] = 1.0
            row[MEASURES.index("sharpe")] = self.figure(combination)
            row[MEASURES.index("costs_paid")] = 10.0 * self.figure(combination)
        errors = {at: self.wrong for at, one in enumerate(combinations) if self.wrong and one["fast"] == 3}
        return values, errors

    def bytes_for(self, count: int) -> int:
        return count * self.size


class Failing:
    """An engine in which some rows fail."""

    measures = MEASURES

    def __init__(self, errors: Mapping[int, str]) -> None:
        self.errors = errors

    def held(self) -> AbstractContextManager[None]:
        return nullcontext()

    def run(self, combinations: Combinations, rows: Rows) -> Generator[Part, None, None]:
        for row in rows.tolist():
            value = np.nan if row in self.errors else float(row)
            mine = {row: self.errors[row]} if row in self.errors else {}
            yield Part(np.array([row]), np.full((1, len(MEASURES)), value), mine)


def combinations(where: str | None = None, choice: Choice | None = None, **grid: Any) -> Combinations:
    """Return the combinations of a grid, or of what is chosen from it."""
    known = dict.fromkeys(grid, 0)
    return combine(
        [read_axis(name, values) for name, values in grid.items()],
        choice or Choice(),
        constraint=read_constraint(where, known) if where is not None else None,
        check=lambda _, value: value,
        defaults={},
    )


def measured(made: Combinations, figure: Figure) -> Trials:
    """Return the combinations with the figures that a function gives them."""
    return explore(made, Chunked(ByHand(figure)))


def sweep(results: Trials, objective: str | Sequence[str] = "sharpe", **manner: Any) -> Sweep:
    """Return a sweep as a user holds it."""
    plan = Plan("by_hand", ("AAPL",))
    manners = {"engine": "event", "reason": "it was asked for", "span": (0, 365 * DAY), **manner}
    return Sweep(
        plan,
        results,
        Manner("by_hand", objectives=read_objectives(objective), **manners),
        {"strategy": "by_hand", "plan": plan.as_json()},
    )
