"""Many parameter sets of one decision over the same bars, in compiled code on several threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

from openbell.backtesting.kernel.bundles import BUNDLE, Gathered, Places, Table
from openbell.backtesting.kernel.convictions import ERRORS, FAILURES, decide_all, fault_of, said_of
from openbell.backtesting.kernel.decider import RAISED, new_lists
from openbell.backtesting.kernel.loop import replay
from openbell.backtesting.kernel.pointers import entry_of
from openbell.backtesting.kernel.prepared import Prepared
from openbell.backtesting.measures import MEASURES, measures_of
from openbell.backtesting.plan import Plan
from openbell.backtesting.workers import processors
from openbell.data.bars import Floats, Times
from openbell.data.panel import Panel
from openbell.strategies.signal import Signal

#: Bytes of indicators that are kept from one bundle to the next. Each thread holds its bundle's beside them.
KEPT = 24_000_000
_FIGURES = len(MEASURES)
#: Combinations for so few of which an indicator is taken as it comes.
_FEW = 8


class Judge(Protocol):
    """Runs combinations in the event engine."""

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        """Return their figures, and why one has none."""


class Batch(Prepared):
    """Measures combinations of a signal's parameters as the event engine would, bit for bit."""

    def __init__(
        self,
        panel: Panel,
        plan: Plan,
        signal: Signal,
        *,
        threads: int | None = None,
        judge: Judge | None = None,
        keep: int | None = None,
        figures: str = "all",
    ) -> None:
        """Prepare what all combinations share.

        Args:
            panel: The bars, not replayed yet.
            plan: Costs, cash, sizing and the parameters that are not varied.
            signal: The strategy.
            threads: How many run at a time; None is one for each processor.
            judge: Runs the combinations that fail here, to say why in the words of the event engine.
            keep: Bytes of indicators to keep from one combination to the next; None is `KEPT`.
            figures: `all`, or those of the `trades` alone, for which no curve is written.

        Raises:
            CannotCompile: The decision, the sizer or a setting has no compiled form.
        """
        super().__init__(panel, plan, signal, keep=KEPT if keep is None else keep, figures=figures)
        self._judge = judge
        self.threads = threads or processors()
        self.measures = measures_of(figures)
        self._picked = [MEASURES.index(name) for name in self.measures]

    def bytes_for(self, count: int) -> int:
        """Return about how much memory `count` combinations take beside the bars."""
        bars = sum(len(part.series) for part in self._panel.parts.values())
        return (
            self.threads * bars * 40 + count * _FIGURES * 8 + 2 * self.shelf.room
        )  # kept, and held by bundles

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        """Return the figures, (combinations, measures), and why a combination has none, by its index."""
        results = np.full((len(combinations), _FIGURES), np.nan)
        if len(combinations) == 1:
            failed = self._alone(combinations[0], results)
        else:
            failed = self._together(combinations, results)
        if self.measures != MEASURES:
            results = results[:, self._picked]
        return results, self._judged(combinations, results, failed)

    def _alone(self, combination: Mapping[str, Any], results: Floats) -> dict[int, str]:
        """Run one combination; a bundle of one would take longer to make than it takes to run."""
        why = _Runner(self, results, 0).one(self._wanted(combination), 0)
        return {0: why} if why else {}

    def _together(self, combinations: Sequence[Mapping[str, Any]], results: Floats) -> dict[int, str]:
        """Run many combinations on several threads; return those that failed, and why."""
        table = Table(self, combinations)
        self.shelf.lays = self.gathers and len(combinations) > _FEW
        failed: dict[int, str] = {}
        threads = min(self.threads, max(len(combinations), 1))
        work = iter(list(table.shares(threads)))
        runners = [_Runner(self, results, min(len(combinations), BUNDLE)) for _ in range(threads)]
        if threads == 1:
            failed.update(runners[0].run(table, work))
        else:
            with ThreadPoolExecutor(threads) as pool:  # each takes the next share when it is free
                for found in pool.map(lambda runner: runner.run(table, work), runners):
                    failed.update(found)
        return failed

    def curves(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Times, Floats]:
        """Return the moments of statistics, ns UTC, and equity there, (combinations, marks).

        A combination that fails is NaN throughout.
        """
        memory, scratches = self.memory(), self.scratches()
        curve = np.zeros(self.marks)
        memory.point("curve", curve)
        found = np.full((len(combinations), self.marks), np.nan)
        for row, combination in zip(found, combinations, strict=True):
            if not decide_all(self, self._wanted(combination), memory, scratches):
                replay(memory.address, -1)
                if not fault_of(memory):
                    row[:] = curve
        return self._panel.times[self._marks], found

    def rest(self) -> None:
        """Let go of the indicators: who asks again waits for them again."""
        self.shelf.clear()

    def _judged(
        self, combinations: Sequence[Mapping[str, Any]], results: Floats, failed: dict[int, str]
    ) -> dict[int, str]:
        """Let the event engine say why combinations failed."""
        if self._judge is None:
            return failed
        errors: dict[int, str] = {}
        for row in sorted(failed):
            values, why = self._judge.examine([combinations[row]])
            results[row] = values[0]
            for text in why.values():
                errors[row] = text
        return errors

    def gather(self, table: Table, rows: Places) -> Iterator[Gathered]:
        """Yield rows of a table in bundles that run in one call."""
        return table.gather(rows, width=_FIGURES)


class _Runner:
    """One thread's memory, through which combinations go one by one."""

    def __init__(self, batch: Batch, results: Floats, rows: int = 1) -> None:
        self._batch = batch
        self._memory = batch.memory()
        self._memory.point("curve", np.zeros(batch.marks))
        self._memory.point("results", results)
        self._memory.point("who", batch.first_symbol)
        self._scratches = batch.scratches()
        rows = rows if len(self._scratches) == 1 else 0
        self._lists = new_lists(len(batch.first_symbol), rows)

    def run(self, table: Table, shares: Iterator[Places]) -> dict[int, str]:
        """Run one share of the rows after the other; return those that failed, and why."""
        failed: dict[int, str] = {}
        for rows in shares:
            if table.fits[rows[0]]:
                for gathered in self._batch.gather(table, rows):
                    failed |= self._run_bundle(gathered)
                    del gathered  # its indicators make room before those of the next one are there
                continue
            for row in rows.tolist():
                why = self.one(table.row(row), row * _FIGURES)
                failed |= {row: why} if why else {}
        return failed

    def _run_bundle(self, gathered: Gathered) -> dict[int, str]:
        """Run a bundle in one call; and again without a combination whose decision raises."""
        said, bundle, (scratch,) = {}, gathered.bundle, self._scratches.values()
        kernel = entry_of(replay), self._memory.address
        while True:
            try:
                self._batch.decider.run(bundle, kernel, self._lists, scratch)
                break
            except ERRORS as error:
                at = int(bundle.at[0])
                said[at] = said_of(error)
                bundle.failed[at] = RAISED
        numbers = [(at, int(bundle.failed[at])) for at in np.flatnonzero(bundle.failed).tolist()]
        return {int(gathered.rows[at]): FAILURES.get(number) or said[at] for at, number in numbers}

    def one(self, inputs: Mapping[str, Any], at: int) -> str:
        """Run one combination, write its figures from `at` on, and return what is wrong, or nothing."""
        why = decide_all(self._batch, inputs, self._memory, self._scratches)
        if why:
            return why
        replay(self._memory.address, at)
        return fault_of(self._memory)
