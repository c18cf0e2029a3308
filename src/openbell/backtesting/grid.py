"""The combinations of a sweep: all of a grid, a random sample, or a Latin one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.axes import Axis, check_distinct
from openbell.backtesting.constraint import Constraint
from openbell.backtesting.samples import draw_sample
from openbell.core.errors import ConfigError, nearest

#: More combinations than this are a slip rather than a sweep.
MOST = 1_000_000
METHODS = ("grid", "random", "latin")
#: Methods that look at what came of combinations before they choose the next ones.
ADAPTIVE = ("coordinate", "optuna")
#: The column that names a combination's window, where there are several; no parameter can be called so.
WINDOW = "@window"

Codes = NDArray[np.int32]
#: Takes a parameter's name and a value, and returns the value in the parameter's own type.
Check = Callable[[str, Any], Any]
#: Tells whether varied parameters meet the constraint.
Meets = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Combinations(Sequence[dict[str, Any]]):
    """Parameters to try: each row of `codes` picks one value of each axis. Small, however many there are."""

    names: tuple[str, ...]
    values: tuple[Sequence[Any], ...]  #: the distinct values of each parameter
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
        named = () if constraint is None else constraint.names
        made, tried = _grid(axes, check, named, meets), math.prod(len(axis) for axis in axes)
    else:
        values, codes, tried = draw_sample(
            axes, choice.samples or 0, choice.seed,
            latin=choice.method == "latin", listed=MOST, check=check, meets=meets,
        )  # fmt: skip
        made = Combinations(tuple(axis.name for axis in axes), values, codes, choice.method)
    if not len(made):
        text = constraint.text if constraint is not None else ""
        what = "combination" if choice.method == "grid" else "draw"
        what = f"the only {what}" if tried == 1 else f"all {tried:,} {what}s"
        raise ConfigError(f"where={text!r} excludes {what}; loosen it, or give other values")
    return made


def _meets(constraint: Constraint | None, defaults: dict[str, Any]) -> Meets:
    if constraint is None:
        return lambda _: True
    return lambda varied: constraint.holds(defaults | varied)


def _grid(axes: Sequence[Axis], check: Check, named: Container[str], meets: Meets) -> Combinations:
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
    names = tuple(axis.name for axis in axes)
    allowed = np.broadcast_to(_allowed(names, values, named, meets), sizes)
    codes = np.empty((np.count_nonzero(allowed), len(names)), np.int32)
    for at, size in enumerate(sizes):  # a column at a time: the grid is never there as a whole
        along = np.arange(size, dtype=np.int32).reshape([-1 if k == at else 1 for k in range(len(sizes))])
        codes[:, at] = np.broadcast_to(along, sizes)[allowed]
    return Combinations(names, tuple(values), codes)


def _allowed(
    names: Sequence[str], values: Sequence[Sequence[Any]], named: Container[str], meets: Meets
) -> NDArray[np.bool_]:
    """Return which of a grid pass, by the place on each axis; along one that is not named there is one place.

    It is asked once for each pick of what is named.
    """
    asked = [at for at, name in enumerate(names) if name in named]
    picks = itertools.product(*(values[at] for at in asked))
    holds = (meets({names[at]: value for at, value in zip(asked, pick, strict=True)}) for pick in picks)
    shape = [len(mine) if at in asked else 1 for at, mine in enumerate(values)]
    return np.fromiter(holds, np.bool_, math.prod(shape)).reshape(shape)
