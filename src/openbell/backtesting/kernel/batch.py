"""Many parameter sets of one decision over the same bars, in compiled code on several threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Protocol

import numpy as np

from openbell.backtesting.kernel.decider import Decider, Scratch, new_scratch
from openbell.backtesting.kernel.exact import LARGE, refuse
from openbell.backtesting.kernel.inputs import SIZERS, columns_of, set_costs, set_symbols
from openbell.backtesting.kernel.loop import prepare, replay
from openbell.backtesting.kernel.memory import Memory
from openbell.backtesting.measures import MEASURES
from openbell.backtesting.outcome import last_of_sessions
from openbell.backtesting.plan import Plan
from openbell.backtesting.workers import processors
from openbell.core.errors import StrategyError
from openbell.core.types import NANOS_PER_DAY
from openbell.data.bars import Floats
from openbell.data.calendar import sessions, sessions_per_year
from openbell.data.panel import Panel
from openbell.indicators.spec import Indicator
from openbell.strategies.exits import EXITS, Protection
from openbell.strategies.signal import Signal, changed_input, positions

_YEAR = 365.25 * NANOS_PER_DAY
#: Bytes of indicators that are kept from one combination to the next.
KEPT = 96_000_000
_FIGURES = len(MEASURES)
#: What is said of a run whose indicators never have a value.
WAITING = "its indicators never have a value"


class Judge(Protocol):
    """Runs combinations in the event engine."""

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        """Return their figures, and why one has none."""


class Batch:
    """Measures combinations of a signal's parameters as the event engine would, bit for bit."""

    measures = MEASURES

    def __init__(
        self,
        panel: Panel,
        plan: Plan,
        signal: Signal,
        *,
        threads: int | None = None,
        judge: Judge | None = None,
        keep: int | None = None,
    ) -> None:
        """Prepare what all combinations share.

        Args:
            panel: The bars, not replayed yet.
            plan: Costs, cash, sizing and the parameters that are not varied.
            signal: The strategy.
            threads: How many run at a time; None is one for each processor.
            judge: Runs the combinations that fail here, to say why in the words of the event engine.
            keep: Bytes of indicators to keep from one combination to the next; None is `KEPT`.

        Raises:
            CannotCompile: The decision, the sizer or a setting has no compiled form.
        """
        if type(plan.sizer) not in SIZERS:
            raise refuse(f"sizing by {type(plan.sizer).__name__} is Python's")
        if plan.finer:
            raise refuse("finer bars decide between a stop and its target")
        prepare()
        self._panel, self._plan, self._judge = panel, plan, judge
        self._signal = signal.with_parameters(**plan.parameters)
        self._names = positions(signal.decide, signal.asked)
        if self._names is None:
            raise refuse(f"strategy {signal.name} takes its inputs by name alone")
        self.threads = threads or processors()
        self._symbols = list(panel.parts)
        self._marks = np.unique(np.append(0, last_of_sessions(panel.times, panel)))
        self._columns = columns_of(panel, self._marks)
        self._inputs: dict[tuple[str, Any], Any] = {}
        self._rows: OrderedDict[tuple[Indicator, str], Floats] = OrderedDict()
        self._kept = 0
        self._room = KEPT if keep is None else keep
        self._lock = Lock()
        longest = max(len(part.series) for part in panel.parts.values())
        self.first_symbol = np.zeros(longest, np.int64)  #: whose changes they are, where there is one symbol
        self._decider = self._compile(self._signal.asked)

    def _compile(self, inputs: Mapping[str, Any]) -> Decider:
        return Decider(self._signal.decide, [_constant(inputs[name]) for name in self._names or ()])

    # --- a call ----------------------------------------------------------------------------------------

    def bytes_for(self, count: int) -> int:
        """Return about how much memory `count` combinations take beside the bars."""
        bars = sum(len(part.series) for part in self._panel.parts.values())
        return self.threads * bars * 40 + count * _FIGURES * 8 + self._room

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        """Return the figures, (combinations, measures), and why a combination has none, by its index."""
        results = np.full((len(combinations), _FIGURES), np.nan)
        wanted = [self._wanted(combination) for combination in combinations]
        failed: dict[int, str] = {}
        threads = min(self.threads, max(len(combinations), 1))
        runners = [_Runner(self, results) for _ in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            shares = [range(k, len(wanted), threads) for k in range(threads)]
            for found in pool.map(lambda runner, share: runner.run(wanted, share), runners, shares):
                failed.update(found)
        return results, self._judged(combinations, results, failed)

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
        inputs = dict(self._signal.inputs)
        for name, value in combination.items():
            key = (name, value)
            if key not in self._inputs:
                self._inputs[key] = changed_input(inputs[name], value, where=f"{self._signal.name}.{name}")
            inputs[name] = self._inputs[key]
        return inputs

    # --- what runners share ----------------------------------------------------------------------------

    def memory(self, *, log: int = 0) -> Memory:
        """Return the memory of one runner."""
        panel, plan = self._panel, self._plan
        memory = Memory(self._columns, symbols=len(self._symbols), log=log)
        set_symbols(memory, panel)
        set_costs(memory, plan.costs, cash=plan.cash, sizer=plan.sizer, dense=panel.dense)
        span = int(panel.times[0]), int(panel.times[self._marks[-1]])
        memory.run.moments, memory.run.mark_count = len(panel), len(self._marks)
        memory.run.actions = len(self._columns["action_moments"])
        memory.run.years = (span[1] - span[0]) / _YEAR
        memory.run.periods = sessions_per_year(sessions(panel.sessions.calendar, *span), *span)
        return memory

    def column(self, recipe: Indicator, symbol: str) -> Floats:
        """Return an indicator's values as they stood at each bar; the last ones that were asked are kept."""
        key = (recipe, symbol)
        found = self._rows.get(key)
        if found is None:
            with self._lock:
                found = self._rows.get(key)  # another thread may have come first
                if found is None:
                    found = self._keep(key, np.ascontiguousarray(self._panel.revealed(recipe, symbol)))
        return found

    def _keep(self, key: tuple[Indicator, str], values: Floats) -> Floats:
        """Keep an indicator's values, and no more of the oldest than there is room for."""
        self._rows[key] = values
        self._kept += values.nbytes
        while self._kept > self._room and len(self._rows) > 1:
            self._kept -= self._rows.popitem(last=False)[1].nbytes
        return values

    @property
    def order(self) -> Sequence[str]:
        """Return the function's inputs in the order in which it takes them."""
        return self._names or ()

    def changes(self, inputs: Mapping[str, Any], symbol: str, scratch: Scratch) -> tuple[int, int]:
        """Find a combination's changes of conviction in a symbol; return its first bar, and how many."""
        things = [inputs[name] for name in self.order]
        columns = [self.column(thing, symbol) for thing in things if isinstance(thing, Indicator)]
        constants = [_constant(thing) for thing in things if not isinstance(thing, Indicator)]
        if any(isinstance(number, int) and abs(number) >= LARGE for number in constants):
            raise OverflowError
        return self._decider.changes(columns, constants, scratch)

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

    def __init__(self, batch: Batch, results: Floats) -> None:
        self._batch = batch
        self._memory = batch.memory()
        self._memory.point("curve", np.zeros(batch.marks))
        self._memory.point("results", results)
        self._scratches = batch.scratches()

    def run(self, wanted: Sequence[Mapping[str, Any]], rows: Sequence[int]) -> dict[int, str]:
        """Run some rows; return those that failed, and why."""
        failed = {}
        for row in rows:
            why = self.one(wanted[row], row * _FIGURES)
            if why:
                failed[row] = why
        return failed

    def one(self, inputs: Mapping[str, Any], at: int) -> str:
        """Run one combination, write its figures from `at` on, and return what is wrong, or nothing."""
        why = decide_all(self._batch, inputs, self._memory, self._scratches)
        if why:
            return why
        replay(self._memory.address, at)
        return fault_of(self._memory)


def fault_of(memory: Memory) -> str:
    """Return what ended a run, or nothing."""
    return "an order has a price or a quantity that no order can have" if memory.run.fault else ""


def decide_all(
    batch: Batch, inputs: Mapping[str, Any], memory: Memory, scratches: Mapping[str, Scratch]
) -> str:
    """Put a combination's changes of conviction into a run's memory; return what is wrong, or nothing."""
    found, waiting = [], 0
    for symbol, scratch in scratches.items():
        try:
            first, count = batch.changes(inputs, symbol, scratch)
        except (ZeroDivisionError, AssertionError, OverflowError) as error:
            return f"{type(error).__name__} in the decision"
        waiting += first == len(scratch.when)
        what = scratch.what[:count]
        if count and not (what.min() >= -1.0 and what.max() <= 1.0):  # NaN is neither
            return "a conviction is no number from -1 to 1"
        found.append((batch.moments(symbol, scratch.when[:count]), what))
    when, who, what = found[0][0], batch.first_symbol[: len(found[0][0])], found[0][1]
    if len(found) > 1:
        when, who, what = _merged(found)
    for name, array in (("when", when), ("who", who), ("what", what)):
        memory.point(name, array)
    memory.run.changes = len(when)
    set_protection(memory, inputs)
    return WAITING if waiting == len(scratches) else ""


def _merged(found: Sequence[tuple[Any, Floats]]) -> tuple[Any, Any, Floats]:
    """Return the changes of several symbols in the order in which they happen."""
    when = np.concatenate([moments for moments, _ in found])
    who = np.repeat(np.arange(len(found)), [len(moments) for moments, _ in found])
    order = np.lexsort((who, when))
    return when[order], who[order], np.concatenate([what for _, what in found])[order]


def set_protection(memory: Memory, inputs: Mapping[str, Any]) -> None:
    """Write a combination's exits into a run's memory."""
    to, given = memory.run, {name: inputs[name].default for name in EXITS if name in inputs}
    protection = Protection(**given)
    to.stop_loss, to.take_profit = protection.stop_loss, protection.take_profit
    to.trailing_stop, to.limit = protection.trailing_stop, protection.limit
    to.reenter, to.entries_only = int(protection.reenter), int(protection.entries_only)


def _constant(thing: Any) -> Any:
    """Return a parameter's value; None for an indicator."""
    if isinstance(thing, Indicator):
        return None
    return getattr(thing, "default", thing)
