"""Windows of one timeline that combinations are measured in: a sweep of each, run as one piece of work."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from openbell.backtesting.grid import WINDOW, Combinations
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.perturbation import cut_off
from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import Evaluator, Trials
from openbell.backtesting.trials import Simulate
from openbell.data.bars import Floats, Series
from openbell.strategies.registry import Found

T = TypeVar("T")

#: Windows whose data are kept at a time: rows come window by window.
_KEPT = 2


class Span(NamedTuple):
    """A window of a timeline."""

    known: int  #: ns UTC; what is known then is seen, and nothing that comes later
    begin: int | None = None  #: as of a plan: bars that are known by then serve indicators alone

    def cut(self, series: Sequence[Series]) -> list[Series]:
        """Return what is known of series at the window's end."""
        return [cut_off(one, self.known) for one in series]


def spread(combinations: Combinations, count: int) -> Combinations:
    """Return the same combinations for each of `count` windows, window by window."""
    window = np.repeat(np.arange(count, dtype=np.int32), len(combinations))
    codes = np.column_stack([window, np.tile(combinations.codes, (count, 1))])
    return replace(
        combinations,
        names=(WINDOW, *combinations.names),
        values=(tuple(range(count)), *combinations.values),
        codes=codes,
    )


def gathered(trials: Trials, count: int) -> list[Trials]:
    """Return the trials of each window, as if each had been a sweep by itself."""
    whole = trials.combinations
    found = []
    for window in range(count):
        rows = np.flatnonzero(whole.codes[:, 0] == window)
        mine = Combinations(whole.names[1:], whole.values[1:], whole.codes[rows, 1:], whole.method)
        found.append(
            Trials(mine, trials.measures, trials.values[rows], trials.done[rows], trials.errors.picked(rows))
        )
    return found


@dataclass(slots=True)
class Within:
    """Runs a plan in the window that its parameters name, and sees nothing of what comes after it."""

    simulate: Simulate
    spans: Sequence[Span]
    _cuts: OrderedDict[int, list[Series]] = field(default_factory=OrderedDict)

    def __call__(self, plan: Plan, found: Found, series: Sequence[Series]) -> Outcome:
        """Run it."""
        parameters = dict(plan.parameters)
        window = parameters.pop(WINDOW)
        own = replace(plan, parameters=parameters, begin=self.spans[window].begin)
        cut = _kept(self._cuts, window, lambda: self.spans[window].cut(series))
        return self.simulate(own, found, cut)

    def __getstate__(self) -> tuple[Simulate, Sequence[Span]]:
        """Leave the cut data here: a worker makes its own."""
        return self.simulate, self.spans

    def __setstate__(self, state: tuple[Simulate, Sequence[Span]]) -> None:
        self.simulate, self.spans = state
        self._cuts = OrderedDict()


class Spanned:
    """Measures combinations, each in the window that it names, by an evaluator of that window's own."""

    def __init__(self, make: Callable[[int], Evaluator]) -> None:
        """Take what makes a window's evaluator; the first is made now, so that what it refuses is known.

        Raises:
            ConfigError: As `make` raises it.
        """
        self._make, self._kept = make, OrderedDict[int, Evaluator]()
        self.measures = self._of(0).measures

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        """Return the figures, shape (len(combinations), len(measures)), and by its index why one has none."""
        values = np.full((len(combinations), len(self.measures)), np.nan)
        errors: dict[int, str] = {}
        places: dict[int, list[int]] = {}
        for at, combination in enumerate(combinations):
            places.setdefault(combination[WINDOW], []).append(at)
        for window, mine in places.items():
            wanted = [{k: v for k, v in combinations[at].items() if k != WINDOW} for at in mine]
            values[mine], failed = self._of(window).examine(wanted)
            errors |= {mine[at]: why for at, why in failed.items()}
        return values, errors

    def bytes_for(self, count: int) -> int:
        """Return about how much memory `count` combinations take beside the data."""
        return _KEPT * next(iter(self._kept.values())).bytes_for(count)

    def _of(self, window: int) -> Evaluator:
        return _kept(self._kept, window, lambda: self._make(window))


def _kept(known: OrderedDict[int, T], window: int, make: Callable[[], T]) -> T:
    """Return what is kept of a window, and make it where it is not; the oldest makes room."""
    if window not in known:
        while len(known) >= _KEPT:
            known.popitem(last=False)
        known[window] = make()
    return known[window]
