"""A signal over bars, prepared for compiled code: what its combinations, and all who run them, share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.kernel.convictions import WAITING, decide_all, fault_of
from openbell.backtesting.kernel.decider import Decider, Scratch, new_scratch
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
from openbell.backtesting.kernel.pointers import has_entry
from openbell.backtesting.kernel.shelf import Shelf
from openbell.backtesting.outcome import last_of_sessions
from openbell.backtesting.plan import Plan
from openbell.core.errors import StrategyError
from openbell.core.types import NANOS_PER_DAY
from openbell.data.calendar import sessions_per_year
from openbell.data.panel import Panel
from openbell.indicators.spec import Indicator
from openbell.strategies.signal import Signal, changed_input

_YEAR = 365.25 * NANOS_PER_DAY


class Prepared:
    """A signal and a plan over a panel, checked and laid out."""

    def __init__(self, panel: Panel, plan: Plan, signal: Signal, *, keep: int, figures: str) -> None:
        """Prepare what all combinations share.

        Args:
            panel: The bars, not replayed yet.
            plan: Costs, cash, sizing and the parameters that are not varied.
            signal: The strategy.
            keep: Bytes of indicators to keep from one combination to the next.
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
        self._panel, self._plan = panel, plan
        self._signal = signal.with_parameters(**plan.parameters)
        self._names = signal.order
        if self._names is None:
            raise refuse(f"strategy {signal.name} takes its inputs by name alone")
        self._symbols = list(panel.parts)
        self._first = panel.after(plan.begin)
        ends = last_of_sessions(panel.times[self._first :], panel) + self._first
        ends = ends[-1:] if figures == "trades" else ends
        self._marks = ends if ends[0] == self._first else np.append(self._first, ends)
        self._columns = columns_of(panel, self._marks)
        self._inputs: dict[tuple[str, type, Any], Any] = {}
        self.shelf = Shelf(panel, keep)
        longest = max(len(part.series) for part in panel.parts.values())
        self.first_symbol = _no_others(longest)  #: whose changes they are, where there is one symbol
        self.decider = self._compile(self._signal.asked)

    def _compile(self, inputs: Mapping[str, Any]) -> Decider:
        return Decider(self._signal.decide, [_constant(inputs[name]) for name in self._names or ()])

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

    def kind(self, name: str) -> type | None:
        """Return of what kind the plan's own input is; None for an indicator."""
        thing = _constant(self._signal.inputs[name])
        return None if thing is None else type(thing)

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
