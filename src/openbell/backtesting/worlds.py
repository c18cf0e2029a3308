"""Histories by their numbers, so that whatever runs combinations runs a strategy over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from openbell.backtesting.grid import Combinations
from openbell.backtesting.histories import Observed, observe
from openbell.backtesting.laws import Law
from openbell.backtesting.outcome import Outcome
from openbell.backtesting.plan import Plan
from openbell.backtesting.sweep import Evaluator
from openbell.data.bars import Floats, Series
from openbell.strategies.registry import Found

#: The parameter that names a history; no strategy can have one of this name.
WORLD = "@world"

_Simulate = Callable[[Plan, Found, Sequence[Series]], Outcome]


@dataclass(slots=True)
class Worlds:
    """Histories of a law. Each has a generator of its own, seeded by the seed and its number."""

    law: Law
    seed: int
    _seen: tuple[Sequence[Series], Observed] | None = field(default=None, repr=False)

    def of(self, series: Sequence[Series], number: int) -> list[Series]:
        """Draw a history of these series."""
        if self._seen is None or self._seen[0] is not series:
            self._seen = series, observe(series)
        return self.law.draw(self._seen[1], np.random.default_rng([self.seed, number]))

    def __getstate__(self) -> tuple[Law, int]:
        """Leave the bars here: a worker has its own."""
        return self.law, self.seed

    def __setstate__(self, state: tuple[Law, int]) -> None:
        self.law, self.seed = state
        self._seen = None


@dataclass(frozen=True, slots=True)
class Over:
    """Runs a plan over the history that its parameters name."""

    simulate: _Simulate
    worlds: Worlds

    def __call__(self, plan: Plan, found: Found, series: Sequence[Series]) -> Outcome:
        """Run it."""
        parameters = dict(plan.parameters)
        number = parameters.pop(WORLD)
        return self.simulate(replace(plan, parameters=parameters), found, self.worlds.of(series, number))


class Elsewhere:
    """Measures combinations, each over the history that it names, by an evaluator of that history's own."""

    def __init__(
        self, worlds: Worlds, series: Sequence[Series], make: Callable[[Sequence[Series]], Evaluator]
    ) -> None:
        """Take what makes an evaluator; the first is made now, so that what it refuses is known.

        Raises:
            ConfigError: As `make` raises it.
        """
        self._worlds, self._series, self._make = worlds, series, make
        first = make(worlds.of(series, 0))
        self.measures, self._bytes = first.measures, first.bytes_for(1)

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        """Return the figures, shape (len(combinations), len(measures)), and by its index why one has none."""
        values = np.full((len(combinations), len(self.measures)), np.nan)
        errors: dict[int, str] = {}
        for at, combination in enumerate(combinations):
            own = dict(combination)
            history = self._worlds.of(self._series, own.pop(WORLD))
            found, failed = self._make(history).examine([own])
            values[at] = found[0]
            errors |= {at: failed[0]} if failed else {}
        return values, errors

    def bytes_for(self, count: int) -> int:  # noqa: ARG002  # one history after the other
        """Return about how much memory it takes beside the data."""
        return 2 * self._bytes


def numbered(count: int) -> Combinations:
    """Return so many histories by their numbers."""
    codes = np.arange(count, dtype=np.int32)[:, None]
    return Combinations((WORLD,), (tuple(range(count)),), codes, "grid")
