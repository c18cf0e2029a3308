"""The combinations of a sweep: all of a grid, a random sample, or a Latin one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.axes import Axis, check_distinct
from openbell.backtesting.constraint import Constraint
from openbell.core.errors import ConfigError, nearest

#: More combinations than this are a slip rather than a sweep.
MOST = 1_000_000
METHODS = ("grid", "random", "latin")
#: Methods that look at what came of combinations before they choose the next ones.
ADAPTIVE = ("coordinate", "optuna")
#: The column that names a combination's window, where there are several; no parameter can be called so.
WINDOW = "@window"
#: Draws for each sample that is wanted, before a constraint counts as excluding the rest.
_TRIES = 200
_MOST_TRIES = 2_000_000

Codes = NDArray[np.int32]
#: Takes a parameter's name and a value, and returns the value in the parameter's own type.
Check = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Combinations(Sequence[dict[str, Any]]):
    """Parameters to try: each row of `codes` picks one value of each axis. Small, however many there are."""

    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]  #: the distinct values of each parameter
    codes: Codes  #: (combinations, parameters)
    method: str = "grid"

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, at: slice) -> Combinations: ...

    def __getitem__(self, at: int | slice) -> dict[str, Any] | Combinations:
        if isinstance(at, slice):
            return self.picked(at)
        row = zip(self.names, self.values, self.codes[at].tolist(), strict=True)
        return {name: values[code] for name, values, code in row}

    def picked(self, rows: NDArray[np.int64] | slice) -> Combinations:
        """Return some of them, in the order of the rows."""
        return replace(self, codes=self.codes[rows])

    def between(self, first: int, last: int) -> list[dict[str, Any]]:
        """Return the combinations from `first` to `last`, which is not included."""
        return [self[at] for at in range(first, last)]

    def kindred(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places of rows in an order in which neighbours share what takes the most values.

        Windows come one after the other whatever else is shared: each has data of its own.
        """
        sizes = [len(values) for values in self.values]
        first = max(sizes, default=0) + 1
        ranks = [first if name == WINDOW else size for name, size in zip(self.names, sizes, strict=True)]
        most = np.argsort(-np.array(ranks), kind="stable")
        return np.lexsort(self.codes[rows][:, most[::-1]].T)

    def column(self, name: str) -> list[Any]:
        """Return one parameter's value in each combination."""
        at = self.names.index(name)
        values = self.values[at]
        return [values[code] for code in self.codes[:, at].tolist()]


@dataclass(frozen=True, slots=True)
class Choice:
    """How combinations are chosen."""

    method: str = "grid"
    samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        known = (*METHODS, *ADAPTIVE)
        if self.method not in known:
            raise ConfigError(f"method={self.method!r} is unknown{nearest(str(self.method), known)}")
        if self.method in ("grid", "coordinate"):
            if self.samples is not None:
                ends = "a grid tries all" if self.method == "grid" else "a coordinate search ends by itself"
                raise ConfigError(
                    f"samples={self.samples!r}: {ends}; give method='random', 'latin' or 'optuna' with it"
                )
        elif self.samples is None:
            raise ConfigError(f"method={self.method!r} needs samples, such as samples=200")
        elif isinstance(self.samples, bool) or not isinstance(self.samples, int) or self.samples < 1:
            raise ConfigError(f"samples={self.samples!r} must be a whole number, one or more")
        elif self.samples > MOST:
            raise ConfigError(f"samples={self.samples:,} must be at most {MOST:,}")


def combine(
    axes: Sequence[Axis],
    choice: Choice,
    *,
    constraint: Constraint | None,
    check: Check,
    defaults: dict[str, Any],
) -> Combinations:
    """Return the combinations of a sweep.

    Args:
        axes: What to try of each parameter.
        choice: All of the grid, or which sample.
        constraint: What has to hold for a combination.
        check: Returns a value in its parameter's type, or raises ConfigError.
        defaults: The parameters that are not varied, for the constraint.

    Raises:
        ConfigError: Nothing is left, a value is wrong or there twice, or the grid is too large.
    """
    if not axes:
        raise ConfigError("nothing to try: give values for a parameter, as in fast=range(5, 60, 5)")
    meets = _meets(constraint, defaults)
    if choice.method == "grid":
        made, tried = _grid(axes, check), math.prod(len(axis) for axis in axes)
        made = replace(made, codes=made.codes[_allowed(made, constraint, meets)])
    else:
        made, tried = _sample(axes, choice, check, meets)
    if not len(made):
        text = constraint.text if constraint is not None else ""
        what = "combination" if choice.method == "grid" else "draw"
        what = f"the only {what}" if tried == 1 else f"all {tried:,} {what}s"
        raise ConfigError(f"where={text!r} excludes {what}; loosen it, or give other values")
    return made


def _meets(constraint: Constraint | None, defaults: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    if constraint is None:
        return lambda _: True
    return lambda varied: constraint.holds(defaults | varied)


def _grid(axes: Sequence[Axis], check: Check) -> Combinations:
    sizes = [len(axis) for axis in axes]
    total = math.prod(sizes)
    if total > MOST:
        shape = " × ".join(f"{size:,}" for size in sizes)
        raise ConfigError(
            f"the grid has {total:,} combinations ({shape}), and {MOST:,} are the most; "
            "take wider steps, or draw some with method='random', samples=1000"
        )
    values = []
    for axis in axes:
        mine = tuple(check(axis.name, value) for value in axis.listed())
        check_distinct(axis.name, mine)
        values.append(mine)
    codes = np.stack(np.unravel_index(np.arange(total), sizes), axis=1).astype(np.int32)
    return Combinations(tuple(axis.name for axis in axes), tuple(values), codes)


def _sample(
    axes: Sequence[Axis], choice: Choice, check: Check, meets: Callable[[dict[str, Any]], bool]
) -> tuple[Combinations, int]:
    """Draw combinations that meet the constraint, each of them once; return them and how many were drawn."""
    count = choice.samples or 0
    source = random.Random(choice.seed)
    names = tuple(axis.name for axis in axes)
    rows = _latin(axes, count, source) if choice.method == "latin" else _random(axes, count, source)
    checked: dict[tuple[str, str], Any] = {}
    known: list[dict[str, tuple[int, Any]]] = [{} for _ in axes]
    kept: dict[tuple[int, ...], None] = {}
    tried = 0
    for raw in rows:
        tried += 1
        keys = [(name, repr(value)) for name, value in zip(names, raw, strict=True)]
        for key, value in zip(keys, raw, strict=True):
            if key not in checked:
                checked[key] = check(key[0], value)
        row = [checked[key] for key in keys]
        if meets(dict(zip(names, row, strict=True))):
            places = [
                index.setdefault(repr(value), (len(index), value))
                for index, value in zip(known, row, strict=True)
            ]
            kept[tuple(at for at, _ in places)] = None
            if len(kept) == count:
                break
    codes = np.array(list(kept), np.int32).reshape(len(kept), len(axes))
    values = tuple(tuple(value for _, value in index.values()) for index in known)
    return Combinations(names, values, codes, choice.method), tried


def _random(axes: Sequence[Axis], count: int, random_: random.Random) -> Iterator[list[Any]]:
    """Yield draws; every combination, shuffled, where there are fewer than a million."""
    sizes = [len(axis.values) if axis.values is not None else 0 for axis in axes]
    total = math.prod(sizes)
    if 0 < total <= MOST:
        order = list(range(total))
        random_.shuffle(order)
        for at in order:
            codes = np.unravel_index(at, sizes)
            yield [axis.listed()[int(code)] for axis, code in zip(axes, codes, strict=True)]
        return
    for _ in range(count + min(count * _TRIES, _MOST_TRIES)):
        yield [axis.quantile(random_.random()) for axis in axes]


def _latin(axes: Sequence[Axis], count: int, random_: random.Random) -> Iterator[list[Any]]:
    """Yield a Latin hypercube: each of `count` equal shares of each parameter is met once.

    McKay, Beckman and Conover (1979).
    """
    columns = []
    for axis in axes:
        order = list(range(count))
        random_.shuffle(order)
        columns.append([axis.quantile((stratum + random_.random()) / count) for stratum in order])
    yield from (list(row) for row in zip(*columns, strict=True))


def _allowed(
    made: Combinations, constraint: Constraint | None, meets: Callable[[dict[str, Any]], bool]
) -> NDArray[np.bool_]:
    """Return which combinations of a grid pass; it is asked once for each pick of what it names."""
    columns = [
        at for at, name in enumerate(made.names) if constraint is not None and name in constraint.names
    ]
    if not columns:
        return np.full(len(made), meets({}))
    picks, inverse = np.unique(made.codes[:, columns], axis=0, return_inverse=True)
    holds = np.array(
        [
            meets({made.names[at]: made.values[at][code] for at, code in zip(columns, codes, strict=True)})
            for codes in picks.tolist()
        ]
    )
    passed: NDArray[np.bool_] = holds[inverse.reshape(-1)]
    return passed
