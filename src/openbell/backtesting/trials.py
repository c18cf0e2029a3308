"""Measure combinations through the event engine: what a worker process does, or this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from openbell.backtesting.measures import MEASURES, measure, measures_of
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import Drawer
from openbell.core.errors import BadData, OpenbellError
from openbell.data.bars import Floats, Series, Times
from openbell.strategies.registry import Found

#: Runs a plan: `run.simulate`.
Simulate = Callable[[Plan, Found, Sequence[Series]], Outcome]

#: A run's arrays beside the data: the timeline, places, growth, cash, equity and what is held, 8 bytes each.
_ARRAYS_A_BAR = 16
_AT_LEAST = 4_000_000


class EventEvaluator:
    """Runs each combination through the event engine."""

    def __init__(
        self,
        simulate: Simulate,
        plan: Plan,
        found: Found,
        series: Sequence[Series],
        *,
        figures: str = "all",
        drawn: int = 0,
    ) -> None:
        """Take what is run; with `drawn` marks a combination is drawn instead of measured."""
        self.simulate, self.drawn = simulate, drawn
        self.kept = False  #: whether each curve stands behind its figures
        self.figures, self.measures = figures, marks_of(drawn) if drawn else measures_of(figures)
        self._picked = [] if drawn else [MEASURES.index(name) for name in self.measures]
        self.plan, self.found, self.series = plan, found, series

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        """Return the figures, shape (len(combinations), len(measures)), and by its index why one has none.

        Where curves are kept, the account's value at each mark follows the figures.
        """
        rows: dict[int, Floats] = {}
        errors: dict[int, str] = {}
        for at, combination in enumerate(combinations):
            try:
                rows[at] = self._measure(combination)
            except OpenbellError as error:
                errors[at] = " ".join(str(error).split())
        width = max((len(row) for row in rows.values()), default=len(self.measures))
        values = np.full((len(combinations), width), np.nan)
        for at, row in rows.items():
            values[at] = row
        return values, errors

    def curves(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Times, Floats]:
        """Return the moments of statistics, ns UTC, and equity there, (combinations, marks).

        A combination that fails is NaN throughout.
        """
        times: Times = np.zeros(0, np.int64)
        rows: list[Floats | None] = []
        for combination in combinations:
            try:
                outcome = self._run(combination)
            except OpenbellError:
                rows.append(None)
                continue
            marks = np.unique(np.append(0, outcome.daily))
            times = outcome.times[marks]
            rows.append(outcome.equity[marks])
        missing = np.full(len(times), np.nan)
        return times, np.array([missing if row is None else row for row in rows]).reshape(len(rows), -1)

    def bytes_for(self, count: int) -> int:  # noqa: ARG002  # one combination after the other
        """Return about how much memory a run takes beside the data."""
        return _AT_LEAST + 8 * _ARRAYS_A_BAR * sum(map(len, self.series))

    def _measure(self, combination: Mapping[str, Any]) -> Floats:
        outcome = self._run(combination)
        if len(outcome.waiting) == len(outcome.panel.symbols):
            bars = max(map(len, self.series))
            raise BadData(
                f"its indicators never had a value in {bars:,} bars, so that it was never asked; "
                "widen the range of dates, or shorten the window"
            )
        if self.drawn:
            return _curve(outcome)
        picked: Floats = measure(outcome)[self._picked]
        return np.append(picked, _curve(outcome)) if self.kept else picked

    def _run(self, combination: Mapping[str, Any]) -> Outcome:
        parameters = {**self.plan.parameters, **combination}
        return self.simulate(replace(self.plan, parameters=parameters), self.found, self.series)


def _curve(outcome: Outcome) -> Floats:
    """Return what the account is worth before anything is traded, and at the end of each session."""
    curve: Floats = outcome.equity[np.unique(np.append(0, outcome.daily))]
    return curve


class Drawn:
    """Draws combinations by what measures them: their figures are what the account is worth at each mark."""

    def __init__(self, drawer: Drawer, runs: EventEvaluator) -> None:
        """Take what draws, and what says in its words why a combination has no curve."""
        self.measures = runs.measures
        self._drawer, self._runs = drawer, runs

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        """Return the curves, shape (len(combinations), marks), and why one has none, by its index."""
        _, values = self._drawer.curves(combinations)
        errors: dict[int, str] = {}
        for at in np.flatnonzero(np.isnan(values).all(axis=1)).tolist():
            mine, why = self._runs.examine([combinations[at]])
            values[at] = mine[0]
            errors |= dict.fromkeys([at], why[0]) if why else {}
        return values, errors

    def curves(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Times, Floats]:
        """Return the moments and the curves."""
        return self._drawer.curves(combinations)

    def bytes_for(self, count: int) -> int:
        """Return about how much memory they take beside the data."""
        return self._drawer.bytes_for(count) + count * len(self.measures) * 8


def marks_of(count: int) -> tuple[str, ...]:
    """Return the names of what a drawn combination has instead of measures."""
    return tuple(f"mark {at}" for at in range(count))
