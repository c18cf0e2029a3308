"""What a strategy holds of an indicator: its values up to now, and nothing of what comes after."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import setitem
from typing import Any, Self

import numpy as np

from openbell.core.errors import LookAhead, StrategyError, nearest
from openbell.core.inputs import shown, whole
from openbell.core.market import Cursor
from openbell.data.bars import Floats, Times

_EMPTY: Sequence[float] = ()


def _unseen(ago: object) -> float:
    """Return NaN for a value before the first.

    Raises:
        StrategyError: `ago` is no whole number.
        LookAhead: It is a value that is not known yet.
    """
    number = whole(ago)
    if number is None:
        raise _no_place(ago)
    if number >= 0:
        raise LookAhead(f"[{number}] of an indicator is not known yet: [-1] is now, [-2] one bar ago")
    return math.nan


def _no_place(ago: object) -> StrategyError:
    """Return the line that refuses what is no place of a value."""
    if isinstance(ago, slice):
        asked = ":".join("" if part is None else shown(part) for part in (ago.start, ago.stop))
        return StrategyError(f"[{asked}] of an indicator: take the last values with .last(3), oldest first")
    return StrategyError(
        f"[{shown(ago)}] of an indicator must be a whole number: [-1] is now, [-2] one bar ago"
    )


def _last(values: Any, end: int, count: int) -> Floats:
    number = whole(count)
    if number is None or number < 1:
        raise StrategyError(f".last({shown(count)}) of an indicator must be a whole number, 1 or more")
    return np.asarray(values[max(end - number, 0) : end], dtype=np.float64)


class _Line:
    """What the views of one output have in common."""

    __slots__ = ()

    _cursor: Cursor
    _symbol: str
    _values: Any

    @property
    def values(self) -> Floats:
        """The value now, as an array of one."""
        return np.array([self.ago(-1)])

    def of(self, symbol: str) -> Self:
        """Return the indicator of one symbol: this one, if it is the one that it is of."""
        if symbol != self._symbol:
            raise StrategyError(f".of({shown(symbol)}): the indicator is of {self._symbol} alone")
        return self

    def ready(self) -> bool:
        """Tell whether there is a value now."""
        return not math.isnan(self.ago(-1))

    def fill(self, values: Floats) -> None:
        """Take new values, one for each bar."""
        self._values = np.ascontiguousarray(values).data

    def grow(self, values: Sequence[float]) -> None:
        """Take values that grow with the bars: one more for each that becomes known."""
        self._values = values

    def last(self, count: int) -> Floats:
        """Return the last `count` values as an array, oldest first; shorter at the beginning."""
        return _last(self._values, self._cursor.at + 1, count)

    def upto(self, end: int) -> Floats:
        """(end,) the value now at each of the first bars, as far as the current unit tells."""
        return np.asarray(self._values, dtype=np.float64)[:end]

    def ago(self, ago: int) -> float:
        """Return the value now (-1) or that of `-ago - 1` bars ago; NaN before the first."""
        try:
            index = self._cursor.at + 1 + ago
            if ago < 0 <= index:
                return self._values[index]  # type: ignore[no-any-return]  # a float of the memory view
        except (TypeError, ValueError):
            raise _no_place(ago) from None
        return _unseen(ago)


class Values(_Line):
    """One output of an indicator for one symbol: `[-1]` is the value now, `[-2]` the one before.

    NaN before the first value.
    """

    __slots__ = ("_cursor", "_symbol", "_values")

    def __init__(self, cursor: Cursor, symbol: str) -> None:
        self._cursor = cursor
        self._symbol = symbol
        self._values = _EMPTY

    __getitem__ = _Line.ago


class Shown(_Line, dict[int, float]):  # type: ignore[misc]  # to its users it is no dictionary
    """`Values` that a driver may show: then `[-1]` is an entry of the dictionary, and costs next to nothing.

    Whatever is no entry is looked up as in `Values`.
    """

    __slots__ = ("_cursor", "_symbol", "_values")

    def __init__(self, cursor: Cursor, symbol: str) -> None:
        super().__init__()
        self._cursor = cursor
        self._symbol = symbol
        self._values = _EMPTY

    __missing__ = _Line.ago

    def fill(self, values: Floats) -> None:
        """Take new values, one for each bar."""
        self.clear()
        super().fill(values)

    def reveal(self, first: int, stop: int) -> Iterator[None]:
        """Return what shows, at each step, the value of one bar more."""
        return map(setitem, repeat(self), repeat(-1), self._values[first:stop])

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[int]:
        raise LookAhead("an indicator has no end that is known: [-1] is now, [-2] one bar ago")

    def __len__(self) -> int:
        raise TypeError("an indicator has no length: [-1] is now, [-2] one bar ago")

    def __contains__(self, value: object) -> bool:
        return any(value == known for known in self)

    def __repr__(self) -> str:
        return f"<{self[-1]:g} now>"


class SlowValues(Values):
    """The same on coarser bars: `[-1]` is the last *finished* one, `[-2]` the finished one before it."""

    __slots__ = ("_finished",)

    def __init__(self, cursor: Cursor, symbol: str) -> None:
        super().__init__(cursor, symbol)
        self._finished: Any = _EMPTY

    def place(self, finished: Times) -> None:
        """Take, for each base bar, the index of the last coarse bar that is finished."""
        self._finished = np.ascontiguousarray(finished).data

    def follow(self, finished: Sequence[int]) -> None:
        """Take the same as a column that grows with the bars."""
        self._finished = finished

    def last(self, count: int) -> Floats:
        """Return the last `count` finished values as an array, oldest first."""
        end = (self._finished[self._cursor.at] if self._cursor.at >= 0 else -1) + 1
        return _last(self._values, end, count)

    def upto(self, end: int) -> Floats:
        """(end,) the last finished value at each of the first bars."""
        finished = np.asarray(self._finished)[:end]
        values = np.asarray(self._values, dtype=np.float64)
        known: Floats = np.where(finished >= 0, values[np.maximum(finished, 0)], np.nan)
        return known

    def ago(self, ago: int) -> float:
        """Return the last finished value (-1) or one before it; NaN before the first."""
        try:
            index = (self._finished[self._cursor.at] if self._cursor.at >= 0 else -1) + 1 + ago
            if ago < 0 <= index:
                return self._values[index]  # type: ignore[no-any-return]  # a float of the memory view
        except (TypeError, ValueError):
            raise _no_place(ago) from None
        return _unseen(ago)

    __getitem__ = ago


class Outputs:
    """An indicator with several outputs for one symbol, as attributes: `bands.upperband[-1]`."""

    __slots__ = ("_describe", "_outputs")

    def __init__(self, outputs: Mapping[str, Values | Shown], describe: str) -> None:
        self._outputs = dict(outputs)
        self._describe = describe

    def __getitem__(self, ago: int) -> float:
        raise StrategyError(f"{self._describe} has several outputs; choose one: .{', .'.join(self._outputs)}")

    def __getattr__(self, name: str) -> Values | Shown:
        if name.startswith("_"):
            raise AttributeError(name)  # of one that is being made: it has no outputs yet
        if name not in self._outputs:
            raise AttributeError(f"{self._describe} has no output {name!r}{nearest(name, self._outputs)}")
        return self._outputs[name]

    def each(self) -> Sequence[Values | Shown]:
        """Return the outputs, in their order."""
        return tuple(self._outputs.values())

    def of(self, symbol: str) -> Outputs:
        """Return the indicator of one symbol: this one, if it is the one that it is of."""
        for values in self._outputs.values():
            values.of(symbol)
        return self

    def ready(self) -> bool:
        """Tell whether every output has a value now."""
        return all(values.ready() for values in self._outputs.values())


View = Values | Shown | Outputs


class Focused:
    """An indicator over all symbols of a run: it speaks of the one whose bar is decided on."""

    __slots__ = ("_focus", "_row", "_views")

    def __init__(
        self, views: Mapping[str, View], focus: Callable[[], str], row: Callable[[], Floats]
    ) -> None:
        self._views = dict(views)
        self._focus = focus
        self._row = row

    def __getitem__(self, ago: int) -> float:
        return self._views[self._focus()][ago]

    def __getattr__(self, name: str) -> Values | Shown:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._views[self._focus()], name)  # type: ignore[no-any-return]  # an output of a View

    def of(self, symbol: str) -> Any:
        """Return the indicator of one symbol."""
        if not isinstance(symbol, str) or symbol not in self._views:
            near = nearest(str(symbol), self._views)
            raise StrategyError(f"symbol {shown(symbol)} is not in this run{near}")
        return self._views[symbol]

    @property
    def values(self) -> Floats:
        """The values now, one for each symbol in the run's order; NaN where there is none."""
        return self._row()
