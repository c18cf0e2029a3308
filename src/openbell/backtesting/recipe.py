"""What measures combinations, in a form that can be sent: how to make it where the work is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from openbell.backtesting.plan import Plan
from openbell.backtesting.spans import Span, Spanned, Within
from openbell.backtesting.sweep import Draw, Drawer, Evaluator
from openbell.backtesting.trials import Drawn, EventEvaluator, Simulate
from openbell.backtesting.worlds import Elsewhere, Over, Worlds
from openbell.core.errors import ConfigError
from openbell.data.bars import Series
from openbell.data.panel import Panel
from openbell.strategies.registry import Found
from openbell.strategies.signal import Signal

#: Joins series on one timeline: `run.panel_of`.
Join = Callable[[Plan, Sequence[Series]], Panel]


class Recipe(NamedTuple):
    """How to make what measures the combinations of a plan; `join` is what the compiled engine needs."""

    simulate: Simulate
    plan: Plan
    found: Found
    figures: str = "all"
    join: Join | None = None
    keep: int | None = None  #: bytes of indicators to keep from one combination to the next
    spans: tuple[Span, ...] = ()  #: windows, where each combination names its own
    drawn: int = 0  #: marks, where combinations are drawn instead of measured
    worlds: Worlds | None = None  #: other histories, where each combination names its own

    def runs(self, series: Sequence[Series]) -> EventEvaluator:
        """Make what measures through the event engine, over these series."""
        simulate = Within(self.simulate, self.spans) if self.spans else self.simulate
        simulate = simulate if self.worlds is None else Over(simulate, self.worlds)
        return EventEvaluator(simulate, self.plan, self.found, series, figures=self.figures, drawn=self.drawn)

    def make(self, series: Sequence[Series], *, threads: int | None = None) -> Evaluator:
        """Make it, over these series.

        Raises:
            ConfigError: The strategy or a setting has no compiled form, and was to be compiled.
        """
        runs = self.runs(series)
        if self.join is None:
            return runs
        if self.worlds is not None:
            here = self._replace(worlds=None)
            return Elsewhere(self.worlds, series, lambda other: here.make(other, threads=1))
        if self.spans:
            return Spanned(
                lambda window: self._within(window).make(self.spans[window].cut(series), threads=threads)
            )
        return self._compiled(series, runs, threads)

    def draw(self, series: Sequence[Series]) -> Draw:
        """Return what draws combinations over all of these series, whatever their windows are."""
        if self.spans:
            return self._replace(spans=()).draw(series)
        runs = self.runs(series)
        return runs.curves if self.join is None else self._compiled(series, runs, 1).curves

    def _compiled(self, series: Sequence[Series], runs: EventEvaluator, threads: int | None) -> Drawer:
        """Make what measures in compiled code.

        Raises:
            ConfigError: The strategy or a setting has no compiled form.
        """
        form = self.found.form
        if self.join is None or not isinstance(form, Signal):
            raise ConfigError(
                f"strategy {self.found.name} is a class, which decides in Python: only @signal strategies "
                "compile"
            )
        from openbell.backtesting.kernel.batch import KEPT, Batch  # numba is slow to load

        batch = Batch(
            self.join(self.plan, series),
            self.plan,
            form,
            threads=threads,
            judge=runs,
            keep=KEPT if self.keep is None else min(KEPT, self.keep),
            figures=self.figures,
        )
        return Drawn(batch, runs) if self.drawn else batch

    def _within(self, window: int) -> Recipe:
        """Return the recipe of one window."""
        return self._replace(plan=replace(self.plan, begin=self.spans[window].begin), spans=())
