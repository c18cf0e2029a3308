"""Combinations over one symbol's bars, gathered so that many of them run in one call of compiled code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbell.backtesting.grid import Combinations
from openbell.backtesting.kernel.decider import Bundle
from openbell.backtesting.kernel.exact import LARGE
from openbell.data.bars import Floats
from openbell.indicators.spec import Indicator
from openbell.strategies.exits import EXITS

if TYPE_CHECKING:
    from openbell.backtesting.kernel.prepared import Prepared

#: The most combinations that run in one call.
BUNDLE = 200
_LEAST = 25
#: The most values of an indicator that pass by in a bundle while those of another one stay.
_FEW = 10
_DTYPES: Mapping[type, type] = {float: np.float64, int: np.int64, bool: np.bool_}
_LEVELS = tuple(EXITS)[:4]
_FLAGS = tuple(EXITS)[4:]
#: Stands for the plan's own value, where a combination leaves a name out.
_OWN: Any = object()

Places = NDArray[np.int64]


class Gathered(NamedTuple):
    """Rows that run together."""

    rows: Places
    bundle: Bundle
    columns: list[Floats]  #: whose addresses the bundle has: they have to live as long


class Asked(NamedTuple):
    """One input of many combinations."""

    things: list[Any]  #: the distinct ones
    codes: Places  #: (combinations,) which of them each has


class Table:
    """The inputs of many combinations: each value is looked at once, however many have it."""

    def __init__(self, batch: Prepared, combinations: Sequence[Mapping[str, Any]]) -> None:
        """Read combinations; those in the form of `Combinations` are not looked at one by one."""
        self._batch, self.count = batch, len(combinations)
        none = np.zeros(self.count, np.int64)
        self.inputs = {name: Asked([thing], none) for name, thing in batch.inputs.items()}
        for name, values, codes in _coded(combinations):
            own = batch.inputs[name]
            things = [own if value is _OWN else batch.changed(name, value) for value in values]
            self.inputs[name] = Asked(things, codes)
        self.names = [name for name in batch.order if batch.kind(name) is None]
        self._numbers: list[NDArray[Any]] = []  # (combinations,) of each input that is no indicator
        self.fits = np.full(self.count, batch.gathers)  #: (combinations,) which may run in bundles
        for name in batch.order:
            self._check(self.inputs[name], batch.kind(name))

    def _check(self, asked: Asked, kind: type | None) -> None:
        """Note which combinations have an input of the plan's own kind, and the numbers."""
        if kind is None:
            fits = [isinstance(thing, Indicator) for thing in asked.things]
        else:
            values = [getattr(thing, "default", thing) for thing in asked.things]
            fits = [type(value) is kind and kind in _DTYPES and not _is_large(value) for value in values]
            known = [value if fit else 0 for value, fit in zip(values, fits, strict=True)]
            self._numbers.append(np.array(known, dtype=_DTYPES.get(kind, float))[asked.codes])
        if not all(fits):
            self.fits &= np.array(fits)[asked.codes]

    def row(self, at: int) -> dict[str, Any]:
        """Return the inputs of one combination."""
        return {name: asked.things[asked.codes[at]] for name, asked in self.inputs.items()}

    def tiled(self) -> Places:
        """Return those that may run in bundles, in an order in which those that share indicators are near.

        Values of the indicator with the fewest stay while a few of the others pass by: so each is computed
        once, where the memory to keep them allows it, and many combinations share what is read from far off.
        """
        rows = np.flatnonzero(self.fits)
        names = self._by_count()
        if not names:
            return rows
        stay, few = self._widths()
        tiles = [stay] + [few] * (len(names) - 1)
        places = [self.inputs[name].codes[rows] for name in names]
        keys = [place // tile for place, tile in zip(places, tiles, strict=True)] + places[1:]
        return rows[np.lexsort(keys[::-1])]

    def _by_count(self) -> list[str]:
        """Return the indicators' names, those with the fewest values first."""
        return sorted(self.names, key=lambda name: len(self.inputs[name].things))

    def _widths(self) -> tuple[int, int]:
        """Return how many values of one indicator stay in a bundle, and how many of the others pass by."""
        kept = self._batch.shelf.room // (8 * max(len(self._batch.first_symbol), 1))
        fewest = min((len(self.inputs[name].things) for name in self.names), default=1)
        if fewest < kept:
            return fewest, min(kept - fewest, _FEW)
        return max(kept // 2, 1), max(min(kept // 3, _FEW), 1)

    def shares(self, threads: int) -> Iterator[Places]:
        """Yield all combinations in shares, first those that may run in bundles."""
        yield from shares(self.tiled(), threads)
        yield from shares(np.flatnonzero(~self.fits), threads)

    def gather(self, rows: Places, *, width: int) -> Iterator[Gathered]:
        """Yield rows that may run in bundles in such, each row with so many figures."""
        most = sum(self._widths())
        while len(rows):
            new = np.zeros(len(rows), np.int64)  # indicators that each row is the first to ask for
            for name in self.names:
                np.add.at(new, np.unique(self.inputs[name].codes[rows], return_index=True)[1], 1)
            count = max(int(np.searchsorted(np.cumsum(new), most, side="right")), 1)
            yield self._gathered(rows[:count], width)
            rows = rows[count:]

    def _gathered(self, rows: Places, width: int) -> Gathered:
        batch, count = self._batch, len(rows)
        recipes: list[Indicator] = []
        places = np.zeros((count, len(self.names)), np.int64)
        for name in reversed(self._by_count()):  # what stays is asked for last, and so kept longest
            asked = self.inputs[name]
            distinct, own = np.unique(asked.codes[rows], return_inverse=True)
            places[:, self.names.index(name)] = own + len(recipes)
            recipes += [asked.things[code] for code in distinct.tolist()]
        columns = batch.shelf.columns(recipes, batch.symbols[0])
        bundle = Bundle(
            np.array([column.ctypes.data for column in columns], dtype=np.int64),
            places,
            [numbers[rows] for numbers in self._numbers],
            self._exits(_LEVELS, rows, np.float64),
            self._exits(_FLAGS, rows, np.int64),
            rows * width,
            np.zeros(count, dtype=np.int64),
            np.zeros(1, dtype=np.int64),
            batch.first_bar(batch.symbols[0]),
        )
        return Gathered(rows, bundle, columns)

    def _exits(self, names: Sequence[str], rows: Places, dtype: type[Any]) -> NDArray[Any]:
        made = np.zeros((len(rows), len(names)), dtype)
        for at, name in enumerate(names):
            if name in self.inputs:
                asked = self.inputs[name]
                made[:, at] = np.array([thing.default for thing in asked.things], dtype)[asked.codes[rows]]
        return made


def _coded(combinations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Any], Places]]:
    """Yield each name that is varied, its distinct values, and which of them each combination has."""
    if isinstance(combinations, Combinations):
        for at, (name, values) in enumerate(zip(combinations.names, combinations.values, strict=True)):
            used, codes = np.unique(combinations.codes[:, at], return_inverse=True)
            yield name, [values[code] for code in used.tolist()], codes.astype(np.int64)
        return
    for name in dict.fromkeys(name for row in combinations for name in row):
        known: dict[tuple[type, Any], int] = {}
        given = [row.get(name, _OWN) for row in combinations]
        found = [known.setdefault((type(value), value), len(known)) for value in given]
        yield name, [value for _, value in known], np.array(found, dtype=np.int64)


def shares(rows: Places, threads: int) -> Iterator[Places]:
    """Yield the rows in shares, smaller ones towards the end, so that threads end at about the same time."""
    first = 0
    while first < len(rows):
        step = min(max(-(-(len(rows) - first) // (2 * threads)) if threads > 1 else BUNDLE, _LEAST), BUNDLE)
        yield rows[first : first + step]
        first += step


def _is_large(number: object) -> bool:
    return isinstance(number, int) and abs(number) >= LARGE
