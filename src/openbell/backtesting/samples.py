"""Samples of what could be tried: random ones, or a Latin hypercube."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.axes import Axis

if TYPE_CHECKING:
    from openbell.backtesting.grid import Check, Meets

#: Draws for each sample that is wanted, before a constraint counts as excluding the rest.
_TRIES = 200
_MOST_TRIES = 2_000_000
#: Values whose check is remembered.
_REMEMBERED = 10_000
#: Distinct numbers of one parameter that are Python's own; more of them are kept as plain numbers.
_FEW = 1_000


class Sample(NamedTuple):
    """Drawn combinations: each row of codes picks one value of each axis."""

    values: tuple[Sequence[Any], ...]  #: the distinct ones of each axis
    codes: NDArray[np.int32]  #: (combinations, axes)
    tried: int  #: draws


def draw_sample(
    axes: Sequence[Axis], count: int, seed: int, *, latin: bool, listed: int, check: Check, meets: Meets
) -> Sample:
    """Draw combinations that meet a constraint, each of them once.

    Args:
        axes: What to draw from.
        count: How many.
        seed: Of the draws.
        latin: Whether to draw a Latin hypercube.
        listed: The largest grid that is shuffled rather than drawn from.
        check: Returns a value in its parameter's type, or raises ConfigError.
        meets: Tells which combinations count.
    """
    source = random.Random(seed)
    names = tuple(axis.name for axis in axes)
    checked = _Checked(check)
    known = [_Distinct() for _ in axes]
    rows, seen = array("i"), set[bytes]()
    tried = 0
    for raw in _latin(axes, count, source) if latin else _random(axes, count, source, listed):
        tried += 1
        row = [checked.value(name, value) for name, value in zip(names, raw, strict=True)]
        if not meets(dict(zip(names, row, strict=True))):
            continue
        places = array("i", [mine.place(value) for mine, value in zip(known, row, strict=True)])
        key = places.tobytes()
        if key not in seen:
            seen.add(key)
            rows.extend(places)
            if len(seen) == count:
                break
    codes = np.array(rows, np.int32).reshape(len(seen), len(axes))
    return Sample(tuple(mine.values() for mine in known), codes, tried)


class _Checked:
    """Values that were checked, so that one that is drawn often is checked once."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._known: dict[tuple[str, str], Any] = {}

    def value(self, name: str, raw: Any) -> Any:
        key = name, repr(raw)
        if key not in self._known:
            if len(self._known) == _REMEMBERED:
                self._known.clear()
            self._known[key] = self._check(name, raw)
        return self._known[key]


class _Distinct:
    """The distinct values of a parameter, in the order in which they came first."""

    def __init__(self) -> None:
        self._places: dict[Any, int] = {}  #: by a number, or the text of anything else
        self._others: dict[int, Any] = {}  #: what is no such number, by its place

    def place(self, value: Any) -> int:
        """Return a value's place among them."""
        plain = type(value) is float and abs(value) > 0.0  # which neither -0.0 nor NaN is
        key = value if plain else repr(value)
        at = self._places.setdefault(key, len(self._places))
        if not plain:
            self._others.setdefault(at, value)
        return at

    def values(self) -> Sequence[Any]:
        """Return them; many numbers take 8 bytes each, and are Python's own when they are asked for."""
        if self._others or len(self._places) <= _FEW:
            return tuple(self._others.get(at, key) for key, at in self._places.items())
        return array("d", self._places)


def _random(axes: Sequence[Axis], count: int, random_: random.Random, listed: int) -> Iterator[list[Any]]:
    """Yield draws; every combination, shuffled, where there are few enough to list them."""
    sizes = [len(axis.values) if axis.values is not None else 0 for axis in axes]
    total = math.prod(sizes)
    if 0 < total <= listed:
        order = array("i", range(total))
        random_.shuffle(order)
        values = [axis.listed() for axis in axes]
        for at in order:
            codes = np.unravel_index(at, sizes)
            yield [mine[int(code)] for mine, code in zip(values, codes, strict=True)]
        return
    for _ in range(count + min(count * _TRIES, _MOST_TRIES)):
        yield [axis.quantile(random_.random()) for axis in axes]


def _latin(axes: Sequence[Axis], count: int, random_: random.Random) -> Iterator[list[Any]]:
    """Yield a Latin hypercube: each of `count` equal shares of each parameter is met once.

    McKay, Beckman and Conover (1979).
    """
    columns = []
    for _ in axes:
        order = array("i", range(count))
        random_.shuffle(order)
        columns.append(array("d", ((stratum + random_.random()) / count for stratum in order)))
    for row in zip(*columns, strict=True):
        yield [axis.quantile(share) for axis, share in zip(axes, row, strict=True)]
