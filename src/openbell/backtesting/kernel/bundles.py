"""Combinations over one symbol's bars, gathered so that many of them run in one call of compiled code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from openbell.backtesting.kernel.decider import Bundle
from openbell.backtesting.kernel.exact import LARGE
from openbell.data.bars import Floats
from openbell.indicators.spec import Indicator
from openbell.strategies.exits import EXITS

if TYPE_CHECKING:
    from openbell.backtesting.kernel.batch import Batch

#: The most combinations that run in one call.
BUNDLE = 100
_LEAST = 25
#: Values of an indicator that meet in a bundle all those of the other ones that there are, or a part of them.
_FEW = 4
_DTYPES: Mapping[type, type] = {float: np.float64, int: np.int64, bool: np.bool_}
_LEVELS = tuple(EXITS)[:4]
_FLAGS = tuple(EXITS)[4:]


class Gathered(NamedTuple):
    """Rows that may run together."""

    rows: list[int]
    bundle: Bundle
    columns: list[Floats]  #: whose addresses the bundle has: they have to live as long


def gather(
    batch: Batch, wanted: Sequence[Mapping[str, Any]], rows: Sequence[int], *, width: int, room: int
) -> Iterator[Gathered | int]:
    """Yield rows in bundles; and a row by itself whose inputs are of other kinds than the plan's.

    Args:
        batch: What they share.
        wanted: The inputs of each row.
        rows: Which of them.
        width: How many figures a row has.
        room: Bytes of indicators that a bundle may hold, beside those of its first row.
    """
    open_ = _Open(batch)
    for row in rows:
        if not open_.take(row, wanted[row]):
            yield row
        elif open_.nbytes > room:
            yield open_.close(width)
    if open_.rows:
        yield open_.close(width)


def tiled(batch: Batch, wanted: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the rows in an order in which those that share indicators are near to each other.

    Of the indicator with the fewest values as many stay as a bundle can take, while a few of the others pass
    by: so each is computed once, where the memory to keep them allows it. A bundle that has to end early has
    few of the others too, and so as many combinations for its indicators as can be.
    """
    names = [name for name in batch.order if batch.kind(name) is None]
    ranks: dict[str, dict[int, int]] = {name: {} for name in names}
    places = [
        {name: rank.setdefault(id(inputs[name]), len(rank)) for name, rank in ranks.items()}
        for inputs in wanted
    ]
    names.sort(key=lambda name: len(ranks[name]))
    tiles = [BUNDLE // _FEW] + [_FEW] * (len(names) - 1)
    keys = [
        [*(place[name] // tile for name, tile in zip(names, tiles, strict=False)), *map(place.get, names[:1])]
        for place in places
    ]
    return sorted(range(len(wanted)), key=keys.__getitem__)


def shares(rows: Sequence[int], threads: int) -> Iterator[Sequence[int]]:
    """Yield the rows in shares, smaller ones towards the end, so that threads end at about the same time."""
    first = 0
    while first < len(rows):
        step = min(max(-(-(len(rows) - first) // (2 * threads)) if threads > 1 else BUNDLE, _LEAST), BUNDLE)
        yield rows[first : first + step]
        first += step


class _Open:
    """A bundle that is not full."""

    def __init__(self, batch: Batch) -> None:
        self._batch, self._symbol = batch, batch.symbols[0]
        self._kinds = [(name, batch.kind(name)) for name in batch.order]
        self._begin()

    def _begin(self) -> None:
        self.rows: list[int] = []
        self.nbytes = 0
        self._columns: list[Floats] = []
        self._known: dict[int, int] = {}  # columns, by the identity of the recipe: one row's is another's
        self._inputs: list[Mapping[str, Any]] = []
        self._places: list[list[int]] = []
        self._numbers: list[list[Any]] = []

    def take(self, row: int, inputs: Mapping[str, Any]) -> bool:
        """Take a row, if its inputs are of the plan's kinds."""
        places, numbers = [], []
        for name, kind in self._kinds:
            thing = inputs[name]
            if kind is None:
                if not isinstance(thing, Indicator):
                    return False
                at = self._known.get(id(thing))
                places.append(self._column(thing) if at is None else at)
                continue
            number: Any = getattr(thing, "default", thing)
            if type(number) is not kind or kind not in _DTYPES or _is_large(number):
                return False
            numbers.append(number)
        self.rows.append(row)
        self._inputs.append(inputs)
        self._places.append(places)
        self._numbers.append(numbers)
        return True

    def _column(self, recipe: Indicator) -> int:
        column = self._batch.column(recipe, self._symbol)
        at = self._known[id(recipe)] = len(self._columns)
        self._columns.append(column)
        self.nbytes += column.nbytes
        return at

    def close(self, width: int) -> Gathered:
        """Return what was taken, and begin anew."""
        count = len(self.rows)
        numbers = zip(*self._numbers, strict=True) if self._numbers[0] else ()
        kinds = [kind for _, kind in self._kinds if kind is not None]
        bundle = Bundle(
            np.array([column.ctypes.data for column in self._columns], dtype=np.int64),
            np.array(self._places, dtype=np.int64).reshape(count, -1),
            [np.array(given, dtype=_DTYPES[kind]) for given, kind in zip(numbers, kinds, strict=True)],
            np.array(self._exits(_LEVELS), dtype=np.float64),
            np.array(self._exits(_FLAGS), dtype=np.int64),
            np.array(self.rows, dtype=np.int64) * width,
            np.zeros(count, dtype=np.int64),
            np.zeros(1, dtype=np.int64),
            self._batch.first_bar(self._symbol),
        )
        made = Gathered(self.rows, bundle, self._columns)
        self._begin()
        return made

    def _exits(self, names: Sequence[str]) -> list[list[Any]]:
        given = [name for name in names if name in self._inputs[0]]
        if not given:
            return [[0] * len(names)] * len(self.rows)
        return [[inputs[name].default if name in given else 0 for name in names] for inputs in self._inputs]


def _is_large(number: object) -> bool:
    return isinstance(number, int) and abs(number) >= LARGE
