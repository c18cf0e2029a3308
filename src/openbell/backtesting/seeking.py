"""The course of searches that learn: rounds of combinations, run together, until each search has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from openbell.backtesting.grid import WINDOW, Combinations
from openbell.backtesting.seekers import Score, Seeker
from openbell.backtesting.sweep import Engine, Part, Progress, Store, SweepInterrupted, Trials, describe
from openbell.core.errors import StrategyError
from openbell.data.bars import Floats

#: Returns how good rows of figures are.
Judge = Callable[[Sequence[str], Floats], list[Score]]


def seek(
    seekers: Sequence[Seeker],
    engine: Engine,
    *,
    names: Sequence[str],
    method: str,
    judge: Judge,
    spanned: bool = False,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Trials:
    """Let searches run to their ends and return all that they tried, in the order in which they asked.

    The order, and so what each learns and asks for next, is the same whoever runs the combinations.

    Args:
        seekers: The searches, one for each window.
        engine: What measures combinations.
        names: The parameters' names.
        method: The searches' method.
        judge: How good figures are.
        spanned: Whether each search is of a window, which becomes the first column.
        store: Where finished parts are kept; what is there is not run again.
        progress: Told as combinations are done.

    Raises:
        StrategyError: Every single combination failed; the first reason is named.
        SweepInterrupted: Ctrl-C; what was done is in it, and in the store.
    """
    rounds = _Rounds(engine, names, method, store, progress, spanned=spanned)
    with engine.held():
        while True:
            asked = [seeker.propose() for seeker in seekers]
            if not any(asked):
                break
            rows = [rounds.add(window, combinations) for window, combinations in enumerate(asked)]
            rounds.run(_expected(seekers, rounds.count))
            for seeker, mine in zip(seekers, rows, strict=True):
                if len(mine):
                    seeker.learn(judge(engine.measures, rounds.values(mine)))
    return rounds.finish()


def _expected(seekers: Sequence[Seeker], so_far: int) -> int:
    """Return how many combinations there will be; those so far where nobody knows."""
    most = [seeker.most for seeker in seekers]
    return max(sum(one or 0 for one in most), so_far)


class _Rounds:
    """The combinations so far, and what came of them."""

    def __init__(
        self,
        engine: Engine,
        names: Sequence[str],
        method: str,
        store: Store | None,
        progress: Progress | None,
        *,
        spanned: bool,
    ) -> None:
        self._engine, self._store, self._progress, self._method = engine, store, progress, method
        self._spanned = spanned
        self._names = (WINDOW, *names) if self._spanned else tuple(names)
        self._places: list[dict[str, int]] = [{} for _ in self._names]
        self._values: list[list[Any]] = [[] for _ in self._names]
        self._codes: list[list[int]] = []
        self._found: dict[int, Floats] = {}
        self._errors: dict[int, str] = {}
        self._kept: dict[int, tuple[Floats, str]] = dict(_rows_of(store))

    @property
    def count(self) -> int:
        """How many combinations there are so far."""
        return len(self._codes)

    def add(self, window: int, combinations: Sequence[dict[str, Any]]) -> list[int]:
        """Add a window's combinations; return their rows."""
        first = len(self._codes)
        for combination in combinations:
            row = [window, *combination.values()] if self._spanned else list(combination.values())
            self._codes.append([self._code(axis, value) for axis, value in enumerate(row)])
        return list(range(first, len(self._codes)))

    def run(self, expected: int) -> None:
        """Run what is not known yet.

        Raises:
            SweepInterrupted: Ctrl-C.
        """
        wanted = [row for row in range(len(self._codes)) if row not in self._found]
        for row in [row for row in wanted if row in self._kept]:
            self._found[row], why = self._kept[row]
            self._errors |= {row: why} if why else {}
        rows = np.array([row for row in wanted if row not in self._found], np.int64)
        try:
            self._tell(expected)
            if len(rows):
                with closing(self._engine.run(self._combinations(), rows)) as running:
                    for part in running:
                        self._take(part)
                        self._tell(expected)
        except KeyboardInterrupt:
            stopped = SweepInterrupted(self._trials())
            stopped.so_far = f"{len(self._found):,} of {expected:,} combinations"
            stopped.args = (f"stopped after {stopped.so_far}",)
            raise stopped from None

    def values(self, rows: Sequence[int]) -> Floats:
        """(rows, measures) the figures."""
        return np.stack([self._found[row] for row in rows])

    def finish(self) -> Trials:
        """Return all.

        Raises:
            StrategyError: Every combination failed.
        """
        trials = self._trials()
        if len(trials.errors) == len(trials.done):
            first = min(trials.errors)
            raise StrategyError(
                f"all {len(trials.done):,} combinations failed, the first "
                f"({describe(trials.combinations[first])}) with: {trials.errors[first]}"
            )
        return trials

    def _code(self, axis: int, value: Any) -> int:
        at = self._places[axis].setdefault(repr(value), len(self._values[axis]))
        if at == len(self._values[axis]):
            self._values[axis].append(value)
        return at

    def _take(self, part: Part) -> None:
        for at, row in enumerate(part.rows.tolist()):
            self._found[row] = part.values[at]
        self._errors |= part.errors
        if self._store is not None:
            self._store.save(part)

    def _tell(self, expected: int) -> None:
        if self._progress is not None:
            self._progress(len(self._found), expected)

    def _combinations(self) -> Combinations:
        codes = np.array(self._codes, np.int32).reshape(len(self._codes), len(self._names))
        return Combinations(self._names, tuple(map(tuple, self._values)), codes, self._method)

    def _trials(self) -> Trials:
        count, width = len(self._codes), len(self._engine.measures)
        trials = Trials(
            self._combinations(),
            self._engine.measures,
            np.full((count, width), np.nan),
            np.zeros(count, np.bool_),
        )
        for row, values in self._found.items():
            trials.values[row], trials.done[row] = values, True
        trials.errors.update(self._errors)
        return trials


def _rows_of(store: Store | None) -> Iterator[tuple[int, tuple[Floats, str]]]:
    """Yield what is kept, row by row."""
    for part in store.parts() if store is not None else ():
        for at, row in enumerate(part.rows.tolist()):
            yield row, (part.values[at], part.errors.get(row, ""))
