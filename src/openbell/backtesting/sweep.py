"""Try many combinations of a strategy's parameters, in chunks that fit the memory, and keep what is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from mmap import mmap
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.grid import Combinations
from openbell.backtesting.reasons import Reasons
from openbell.core.errors import ConfigError, StrategyError
from openbell.data.bars import Floats, Times

Rows = NDArray[np.int64]
#: Told how many combinations are done, and of how many.
Progress = Callable[[int, int], None]

#: What evaluating may take beside the data, unless a sweep is told otherwise.
DEFAULT_MEMORY = 256_000_000
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


class Evaluator(Protocol):
    """Measures combinations."""

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the names of what it measures."""

    def examine(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Floats, dict[int, str]]:
        """Return the figures, shape (len(combinations), len(measures)), and why one has none, by its index.

        A figure that is undefined is NaN.
        """

    def bytes_for(self, count: int) -> int:
        """Return about how much memory `examine` takes for so many combinations, beside the data."""


#: Draws combinations: the moments of statistics, ns UTC, and the equity of each one there.
Draw = Callable[[Sequence[Mapping[str, Any]]], tuple[Times, Floats]]


@runtime_checkable
class Drawer(Evaluator, Protocol):
    """Measures combinations, and draws them too."""

    def curves(self, combinations: Sequence[Mapping[str, Any]]) -> tuple[Times, Floats]:
        """Return the moments of statistics, ns UTC, and equity there, (combinations, marks).

        A combination that fails is NaN throughout.
        """


@runtime_checkable
class Resting(Protocol):
    """Keeps something from one call to the next."""

    def rest(self) -> None:
        """Let go of it until the next call."""


class Part(NamedTuple):
    """Some rows of a sweep, measured."""

    rows: Rows  #: (n,) which combinations
    values: Floats  #: (n, measures)
    errors: Mapping[int, str]  #: why a row has no figures, by the row
    curves: Floats | None = None  #: (n, marks) what the account was worth, where that is kept


class Engine(Protocol):
    """Runs combinations by their rows, in whatever order."""

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the names of what it measures."""

    def run(self, combinations: Combinations, rows: Rows) -> Generator[Part, None, None]:
        """Yield the rows' figures as they come."""

    def held(self) -> AbstractContextManager[object]:
        """Keep what running takes from one run to the next while the context lasts, such as workers."""


class Store(Protocol):
    """Keeps what is done, so that a sweep can go on after it was stopped."""

    def parts(self) -> Iterator[Part]:
        """Yield what is kept."""

    def save(self, part: Part) -> None:
        """Keep one more part."""


@dataclass(slots=True, eq=False)
class Trials:
    """The combinations of a sweep and their figures."""

    combinations: Combinations
    measures: tuple[str, ...]
    values: Floats  #: (combinations, measures), NaN where there is none
    done: NDArray[np.bool_]
    errors: Reasons = field(default_factory=lambda: Reasons(0))  #: by row
    allowed: NDArray[np.bool_] | None = None  #: which meet what is required; None where nothing is
    curves: dict[int, Floats] = field(default_factory=dict)  #: (marks,) by row, of those that are kept

    def __post_init__(self) -> None:
        if not self.errors:
            self.errors = Reasons(len(self.done))

    @property
    def measured(self) -> Rows:
        """The rows that have figures."""
        known = self.done.copy()
        known[self.errors.rows] = False
        return np.flatnonzero(known)

    def take(self, part: Part) -> None:
        """Note some rows' figures."""
        self.values[part.rows] = part.values
        self.done[part.rows] = True
        self.errors.update(part.errors)
        if part.curves is not None and part.curves.shape[1]:
            self.curves.update(zip(part.rows.tolist(), part.curves, strict=True))

    def finished(self) -> Trials:
        """Return those alone that are done."""
        rows = np.flatnonzero(self.done)
        combinations, errors = self.combinations.picked(rows), self.errors.picked(rows)
        allowed = None if self.allowed is None else self.allowed[rows]
        return Trials(combinations, self.measures, self.values[rows], self.done[rows], errors, allowed)


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C stopped a sweep. `trials` has what was done by then, and `sweep` shows it, if any was."""

    def __init__(self, trials: Trials) -> None:
        self.so_far = f"{int(trials.done.sum()):,} of {len(trials.done):,} combinations"
        super().__init__(f"stopped after {self.so_far}")
        self.trials = trials
        self.sweep: Any = None
        self.folder: Path | None = None  #: where it is kept


def explore(
    combinations: Combinations,
    engine: Engine,
    *,
    unready: Mapping[int, str] | None = None,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Trials:
    """Try combinations and return their figures, the same however they are chunked and by whom they are run.

    Args:
        combinations: What to try.
        engine: What measures them.
        unready: Rows that cannot be tried, and why.
        store: Where finished parts are kept; what is there already is not tried again.
        progress: Told as combinations are done.

    Raises:
        StrategyError: Every single combination failed; the first reason is named.
        SweepInterrupted: Ctrl-C; what was done is in it, and in the store.
    """
    trials = Trials(
        combinations,
        engine.measures,
        _blank(len(combinations), len(engine.measures)),
        np.zeros(len(combinations), np.bool_),
    )
    trials.errors.update(unready or {})
    trials.done[trials.errors.rows] = True
    for part in store.parts() if store is not None else ():
        trials.take(part)
    _run(trials, engine, store, progress)
    if len(trials.errors) == len(combinations):
        first = min(trials.errors)
        raise StrategyError(
            f"all {len(combinations):,} combinations failed, the first "
            f"({describe(combinations[first])}) with: {trials.errors[first]}"
        )
    return trials


def _blank(rows: int, columns: int) -> Floats:
    """Return a table of NaN in memory of its own, which goes back to the system as soon as it is let go.

    Of what was large once the allocator keeps the place, in splinters, for sweeps that come later.
    """
    made = np.frombuffer(mmap(-1, 8 * rows * columns), np.float64).reshape(rows, columns)
    made[:] = np.nan
    return made


def _run(trials: Trials, engine: Engine, store: Store | None, progress: Progress | None) -> None:
    rows = np.flatnonzero(~trials.done)
    total, done = len(trials.done), len(trials.done) - len(rows)
    if not len(rows):
        return
    if progress is not None:
        progress(done, total)
    try:
        with closing(engine.run(trials.combinations, rows)) as running:  # which ends workers that still run
            for part in running:
                trials.take(part)
                if store is not None:
                    store.save(part)
                done += len(part.rows)
                if progress is not None:
                    progress(done, total)
    except KeyboardInterrupt:
        raise SweepInterrupted(trials) from None


_FIRST_CHUNK = 64


class Chunked:
    """An engine of one evaluator in this process, whose chunks fit a memory budget."""

    def __init__(self, evaluator: Evaluator, *, memory: int | None = None, first: int = _FIRST_CHUNK) -> None:
        """Take what measures, the memory that it may use, and how many combinations to begin with."""
        self.measures = evaluator.measures
        self._evaluator, self._first = evaluator, first
        budget = max(DEFAULT_MEMORY, evaluator.bytes_for(1)) if memory is None else memory
        self._fitting = chunk_for(evaluator, budget)

    def run(self, combinations: Combinations, rows: Rows) -> Generator[Part, None, None]:
        """Yield the rows' figures, chunk by chunk; a chunk takes about as long as one can wait for it."""
        size, first = min(self._fitting, self._first), 0
        rows = rows[combinations.kindred(rows)]
        while first < len(rows):
            mine = rows[first : first + size]
            before = perf_counter()
            values, errors = self._evaluator.examine(combinations.picked(mine))
            seconds = perf_counter() - before
            yield Part(mine, values, {int(mine[at]): why for at, why in errors.items()})
            first += len(mine)
            if seconds < _CHUNK_SECONDS:
                size = min(int(size * max(min(_CHUNK_SECONDS / seconds, _GROWTH), 2)), self._fitting)
            elif seconds > 4 * _CHUNK_SECONDS:
                size = max(size // 2, 1)

    def held(self) -> AbstractContextManager[object]:
        """Keep nothing: there is only the evaluator, which stays."""
        return nullcontext()


_CHUNK_SECONDS = 0.25
_GROWTH = 16  #: times a chunk's size, at most
#: A chunk longer than this makes neither a sweep quicker nor its progress easier to follow.
_LONGEST_CHUNK = 4_096


def chunk_for(evaluator: Evaluator, budget: int) -> int:
    """Return the most combinations that fit a memory budget at once.

    Raises:
        ConfigError: Not even one does.
    """
    one = evaluator.bytes_for(1)
    if one > budget:
        raise ConfigError(
            f"memory={megabytes(budget)} is too little: one combination needs about {megabytes(one)}; "
            f"give memory='{megabytes(one)}' or more, or shorten the range of dates"
        )
    count = 1
    while count < _LONGEST_CHUNK and evaluator.bytes_for(2 * count) <= budget:
        count *= 2
    return count


def read_memory(given: str | int | None) -> int | None:
    """Return a memory budget in bytes; None stays None.

    Raises:
        ConfigError: It is no size, such as `300MB`.
    """
    if given is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(given))
    unit = _UNITS.get(found[2].upper()) if found else None
    size = int(float(found[1]) * unit) if found and unit and not isinstance(given, bool) else 0
    if size <= 0:
        raise ConfigError(f"memory={given!r} is no size; write it as '300MB' or '2GB'")
    return size


def megabytes(size: int) -> str:
    """Return a size in whole megabytes, rounded up; a smaller one in bytes."""
    if size < 1_000_000:
        return f"{size} bytes"
    return f"{-(-size // 1_000_000):,}MB".replace(",", "")


def describe(combination: Mapping[str, Any]) -> str:
    """Return a combination as it would be typed: `fast=5, slow=20`."""
    return ", ".join(f"{name}={value}" for name, value in combination.items())
