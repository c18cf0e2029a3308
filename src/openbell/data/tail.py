"""Columns that grow for months: the newest rows are in memory, older ones are brought when asked for."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsIndex, overload

import numpy as np

from openbell.data.bars import Floats

#: Rows that are kept at least; what reaches farther back asks for more.
KEPT = 256

#: Brings the rows from one index up to another.
Older = Callable[[int, int], "array[Any]"]


class Tail(Sequence[Any]):
    """One column of numbers. An index counts from the first row there ever was."""

    __slots__ = ("_older", "_rows", "first")

    def __init__(self, code: str, older: Older) -> None:
        """Begin empty.

        Args:
            code: Of its numbers, as `array` has it: `d` or `q`.
            older: Brings rows that are not in memory any more.
        """
        self._rows: array[Any] = array(code)
        self._older = older
        self.first = 0  #: the index of the first row in memory

    def __len__(self) -> int:
        return self.first + len(self._rows)

    @overload
    def __getitem__(self, place: SupportsIndex) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> array[Any]: ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return self._slice(*place.indices(len(self))[:2])
        at = place - self.first if place >= 0 else len(self._rows) + place
        if at >= 0:
            return self._rows[at]
        index = at + self.first
        if index < 0:
            raise IndexError(place)
        return self._older(index, index + 1)[0]

    def _slice(self, start: int, stop: int) -> array[Any]:
        first = self.first
        if start >= first:
            return self._rows[start - first : stop - first]
        older = self._older(start, min(stop, first))
        return older + self._rows[: max(stop - first, 0)]

    def newest(self, none: float) -> Any:
        """Return the last row, or a value in place of none: it is always in memory."""
        return self._rows[-1] if self._rows else none

    @property
    def held(self) -> int:
        """How many rows are in memory."""
        return len(self._rows)

    def append(self, value: float) -> None:
        """Add a row."""
        self._rows.append(value)

    def extend(self, values: Iterable[float]) -> None:
        """Add rows."""
        self._rows.extend(values)

    def begin(self, values: Floats, kept: int) -> None:
        """Begin anew with these rows, of which the last `kept` stay in memory."""
        self.first = max(len(values) - kept, 0)
        self._rows = array(self._rows.typecode, values[self.first :].tolist())

    def drop(self, count: int) -> None:
        """Let go of the oldest rows in memory."""
        del self._rows[:count]
        self.first += count


class Matrix:
    """One column of all symbols, shape (moments, symbols); an index counts from the first moment."""

    __slots__ = ("_bounded", "_end", "_first", "_kept", "_older", "_rows")

    def __init__(
        self, width: int, older: Callable[[int, int], Floats], *, moments: int, bounded: bool
    ) -> None:
        """Begin with the moments so far.

        Args:
            width: Symbols.
            older: Makes the rows from one moment up to another out of the bars.
            moments: How many there are.
            bounded: Whether only the newest stay in memory.
        """
        self._older, self._bounded, self._kept = older, bounded, KEPT
        self._first = max(moments - KEPT, 0) if bounded else 0
        self._end = moments
        self._rows = np.full((2 * max(moments - self._first, KEPT), width), np.nan)
        self._rows[: moments - self._first] = older(self._first, moments)

    def __getitem__(self, place: int | slice) -> Floats:
        if isinstance(place, slice):
            start, stop, _ = place.indices(self._end)
        else:
            start, stop = place, place + 1
        made = self._span(start, stop)
        return made if isinstance(place, slice) else made[0]

    def append(self, row: Floats) -> None:
        """Add a moment."""
        used = self._end - self._first
        if used == len(self._rows):
            self._make_room(used)
        self._rows[self._end - self._first] = row
        self._end += 1

    def _span(self, start: int, stop: int) -> Floats:
        if start >= self._first:
            return self._rows[start - self._first : stop - self._first]
        self._kept = max(self._kept, self._end - start)
        return self._older(start, stop)

    def _make_room(self, used: int) -> None:
        """Let the oldest go, or take more room."""
        stays = min(self._kept, used) if self._bounded else used
        rows = np.full((2 * max(stays, KEPT), self._rows.shape[1]), np.nan)
        rows[:stays] = self._rows[used - stays : used]
        self._rows, self._first = rows, self._end - stays
