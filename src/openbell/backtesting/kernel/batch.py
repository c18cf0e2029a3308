"""Many parameter sets of one decision over the same bars, in compiled code on several threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.kernel.bundles import BUNDLE, Gathered, Places, Table
from openbell.backtesting.kernel.convictions import (
    ERRORS,
    FAILURES,
    WAITING,
    decide_all,
    fault_of,
    said_of,
)
from openbell.backtesting.kernel.decider import RAISED, Decider, Scratch, new_lists, new_scratch
from openbell.backtesting.kernel.exact import LARGE, refuse
from openbell.backtesting.kernel.inputs import (
    SIZERS,
    check_actions,
    check_hours,
    columns_of,
    set_costs,
    set_symbols,
)
from openbell.backtesting.kernel.loop import prepare, replay
from openbell.backtesting.kernel.memory import Memory
from openbell.backtesting.kernel.pointers import entry_of, has_entry
from openbell.backtesting.kernel.shelf import Shelf
from openbell.backtesting.measures import MEASURES, measures_of
from openbell.backtesting.outcome import last_of_sessions
from openbell.backtesting.plan import Plan
from openbell.backtesting.workers import processors
from openbell.core.errors import StrategyError
from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import Floats, Times
from openbell.data.calendar import sessions_per_year
from openbell.data.panel import Panel
from openbell.indicators.spec import Indicator
from openbell.strategies.signal import Signal, changed_input

_YEAR = 365.25 * NANOS_PER_DAY
#: Bytes of indicators that are kept from one bundle to the next. Each thread holds its bundle's beside them.
KEPT = 24_000_000
_FIGURES = len(MEASURES)
#: Combinations for so few of which an indicator is taken as it comes.
_FEW = 8


class Judge(Protocol):
    """Runs combinations in the event engine."""

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        """Return their figures, and why one has none."""


class Batch:
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
        check_actions(panel.schedule())
        check_hours(panel)
        if plan.universe is not None:
            raise refuse("in a universe, members come and go")
        if not plan.costs.margin.is_plain:
            raise refuse("settlement, day trades and what can be borrowed look at the ledger")
        if plan.risk.active:
            raise refuse("limits of risk look at each order")
        if type(plan.sizer) not in SIZERS:
            raise refuse(f"sizing by {type(plan.sizer).__name__} is Python's")
        if plan.finer:
            raise refuse("finer bars decide between a stop and its target")
        prepare()
        self._panel, self._plan, self._judge = panel, plan, judge
        self._signal = signal.with_parameters(**plan.parameters)
        self._names = signal.order
        if self._names is None:
            raise refuse(f"strategy {signal.name} takes its inputs by name alone")
        self.threads = threads or processors()
        self._symbols = list(panel.parts)
        self.measures = measures_of(figures)
        self._picked = [MEASURES.index(name) for name in self.measures]
        self._first = panel.after(plan.begin)
        ends = last_of_sessions(panel.times[self._first :], panel) + self._first
        ends = ends[-1:] if figures == "trades" else ends
        self._marks = ends if ends[0] == self._first else np.append(self._first, ends)
        self._columns = columns_of(panel, self._marks)
        self._inputs: dict[tuple[str, type, Any], Any] = {}
        self.shelf = Shelf(panel, KEPT if keep is None else keep)
        longest = max(len(part.series) for part in panel.parts.values())
        self.first_symbol = _no_others(longest)  #: whose changes they are, where there is one symbol
        self.decider = self._compile(self._signal.asked)

    def _compile(self, inputs: Mapping[str, Any]) -> Decider:
        return Decider(self._signal.decide, [_constant(inputs[name]) for name in self._names or ()])

    # --- a call ----------------------------------------------------------------------------------------

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

    def _wanted(self, combination: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of a combination."""
        changed = {name: self.changed(name, value) for name, value in combination.items()}
        return {**self._signal.inputs, **changed}

    def changed(self, name: str, value: Any) -> Any:
        """Return an input with another value."""
        key = (name, type(value), value)
        if key not in self._inputs:
            own, where = self._signal.inputs[name], f"{self._signal.name}.{name}"
            self._inputs[key] = changed_input(own, value, where=where)
        return self._inputs[key]

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Return the plan's own inputs."""
        return self._signal.inputs

    @property
    def gathers(self) -> bool:
        """Tell whether combinations run in bundles."""
        return len(self._symbols) == 1 and has_entry(replay)

    def gather(self, table: Table, rows: Places) -> Iterator[Gathered]:
        """Yield rows of a table in bundles that run in one call."""
        return table.gather(rows, width=_FIGURES)

    def kind(self, name: str) -> type | None:
        """Return of what kind the plan's own input is; None for an indicator."""
        thing = _constant(self._signal.inputs[name])
        return None if thing is None else type(thing)

    # --- what runners share ----------------------------------------------------------------------------

    def memory(self, *, log: int = 0) -> Memory:
        """Return the memory of one runner."""
        panel, plan = self._panel, self._plan
        memory = Memory(self._columns, symbols=len(self._symbols), log=log)
        set_symbols(memory, panel)
        set_costs(memory, plan.costs, cash=plan.cash, sizer=plan.sizer, dense=panel.dense)
        span = int(panel.times[self._marks[0]]), int(panel.times[self._marks[-1]])
        memory.run.moments, memory.run.mark_count = len(panel), len(self._marks)
        memory.run.sessions = len(panel.sessions)
        memory.run.actions = len(self._columns["action_moments"])
        memory.run.years = (span[1] - span[0]) / _YEAR
        memory.run.periods = sessions_per_year(panel.sessions, *span)
        return memory

    @property
    def order(self) -> Sequence[str]:
        """Return the function's inputs in the order in which it takes them."""
        return self._names or ()

    def changes(self, inputs: Mapping[str, Any], symbol: str, scratch: Scratch) -> tuple[int, int]:
        """Find a combination's changes of conviction in a symbol; return its first bar, and how many."""
        things = [inputs[name] for name in self.order]
        columns = self.shelf.columns([thing for thing in things if isinstance(thing, Indicator)], symbol)
        constants = [_constant(thing) for thing in things if not isinstance(thing, Indicator)]
        if any(
            (_constant(thing) is None) != (self.kind(name) is None)
            for name, thing in inputs.items()
            if name in self.order
        ):
            raise TypeError
        if any(isinstance(number, int) and abs(number) >= LARGE for number in constants):
            raise OverflowError
        return self.decider.changes(columns, constants, scratch, self.first_bar(symbol))

    def first_bar(self, symbol: str) -> int:
        """Return a symbol's first bar that may be decided on."""
        return int(np.searchsorted(self.slots(symbol), self._first)) if self._first else 0

    def scratches(self) -> dict[str, Scratch]:
        """Return what one thread decides in, for each symbol."""
        return {symbol: new_scratch(len(self.slots(symbol))) for symbol in self._symbols}

    @property
    def symbols(self) -> Sequence[str]:
        """Return the run's symbols."""
        return self._symbols

    def slots(self, symbol: str) -> Any:
        """Return the moments of a symbol's bars."""
        return self._panel.parts[symbol].slots

    def moments(self, symbol: str, bars: Any) -> Any:
        """Return the moments of some of a symbol's bars."""
        return bars if self._panel.dense else self.slots(symbol)[bars]

    @property
    def marks(self) -> int:
        """Return how many moments statistics look at."""
        return len(self._marks)

    def trace(self) -> Memory:
        """Run the plan's own parameters and keep a log of all that happens.

        Raises:
            StrategyError: The decision or an order is one that no run can have; the event engine says which.
        """
        memory = self.memory()
        memory.point("curve", np.zeros(self.marks))
        why = decide_all(self, self._signal.inputs, memory, self.scratches())
        if why in ("", WAITING):
            replay(memory.address, -1)  # to learn how long the log is
            memory.begin_log(memory.run.logged)
            replay(memory.address, -1)
            why = fault_of(memory)
        if why not in ("", WAITING):
            raise StrategyError(f"strategy {self._signal.name}: {why}")
        return memory

    def waiting(self) -> frozenset[str]:
        """Return the symbols whose indicators never have a value."""
        inputs, scratches = self._signal.inputs, self.scratches()
        return frozenset(
            symbol
            for symbol in self._symbols
            if self.changes(inputs, symbol, scratches[symbol])[0] == len(self.slots(symbol))
        )


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


@lru_cache(maxsize=4)
def _no_others(bars: int) -> NDArray[np.int64]:
    """Return the first symbol's number so many times; nobody writes it."""
    made = np.zeros(bars, np.int64)
    made.setflags(write=False)
    return made


def _constant(thing: Any) -> Any:
    """Return a parameter's value; None for an indicator."""
    if isinstance(thing, Indicator):
        return None
    return getattr(thing, "default", thing)
