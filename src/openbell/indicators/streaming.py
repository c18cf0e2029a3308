"""Indicators bar by bar: the same values as `batch.compute`, bit for bit, as the bars arrive."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from openbell.core.errors import ConfigError
from openbell.indicators.batch import (
    Array,
    Columns,
    call_talib,
    compute,
    finite_rows,
    input_arrays,
    load_talib,
    lookback,
)
from openbell.indicators.spec import FIELD, Indicator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = tuple[float, ...]

#: TA-Lib functions whose handle differs from the batch function, with the measured difference. They
#: are computed anew on each bar instead. With TA-Lib 0.8.2 no function differs: 201 of 201 agree
#: bitwise, with default and with random parameters, on trending, flat, tick-sized and stepped prices.
RECOMPUTED: dict[str, str] = {}


class Stream:
    """An indicator that is fed one bar at a time. Make one with `open_stream`.

    Attributes:
        indicator: the recipe.
        values: its outputs at the newest bar, in the order of `indicator.outputs`; NaN until there
            is enough history.
    """

    __slots__ = ("_recent", "_source", "indicator", "values")

    def __init__(self, indicator: Indicator, arrays: Sequence[Array], window: int) -> None:
        self.indicator = indicator
        recent = indicator.shift + 1
        self._recent = deque([(math.nan,) * len(indicator.outputs)] * recent, maxlen=recent)
        known = max(0, arrays[0].size - recent)
        head = [array[:known] for array in arrays]
        handled = indicator.is_talib and indicator.name not in RECOMPUTED
        retained = 1 if indicator.name == FIELD else window
        self._source: _Source = (
            _Handled(indicator, head) if handled else _Recomputed(indicator, head, retained)
        )
        self.values = self._recent[0]
        for row in zip(*(array[known:].tolist() for array in arrays), strict=True):
            self._push(row)

    @property
    def value(self) -> float:
        """The one output at the newest bar.

        Raises:
            ConfigError: the indicator has several outputs and none was chosen.
        """
        if len(self.values) != 1:
            name, outputs = self.indicator.describe(), self.indicator.outputs
            raise ConfigError(f"{name} has several outputs; choose one of .{', .'.join(outputs)}")
        return self.values[0]

    def update(self, columns: Mapping[str, float]) -> None:
        """Take in the next bar.

        Args:
            columns: one number a column; columns that the indicator does not use are passed over.

        Raises:
            ConfigError: a column that the indicator uses is missing.
        """
        try:
            row = tuple([columns[name] for name in self.indicator.inputs])
        except KeyError as error:
            known = ", ".join(columns) or "none"
            raise ConfigError(
                f"{self.indicator.describe()}: the bar has no column {error}; available: {known}"
            ) from error
        self._push(row)

    def _push(self, row: Row) -> None:
        self._recent.append(self._source.step(row))
        self.values = self._recent[0]


def open_stream(indicator: Indicator, columns: Columns, *, window: int = 0) -> Stream:
    """Open an indicator on the history so far, which may be empty or too short for a first value.

    TA-Lib's functions are carried by its streaming handles: constant time and memory a bar. Raw
    columns and the user's functions are computed anew over the retained bars each time. A handle
    lives in this process: a stream cannot be pickled.

    Args:
        indicator: the recipe; its timeframe is the caller's business.
        columns: name to history, as for `batch.compute`, of equal length; empty arrays are fine.
        window: how many bars are retained for a recomputation, 0 for all of them. With a window that
            is shorter than the function's memory the values differ from those over all bars.

    Returns:
        A stream whose values equal the last ones of `batch.compute` over the history.

    Raises:
        ConfigError: as `batch.compute`, or `window` is negative.
        BadData: as `batch.compute`.
    """
    if window < 0:
        raise ConfigError(f"{indicator.describe()}: window={window} must be 0 (all bars) or more")
    return Stream(indicator, input_arrays(indicator, columns), window)


class _Source(Protocol):
    """What turns a bar into the outputs at that bar, before `shift`."""

    def step(self, row: Row) -> Row: ...


class _Handled:
    """A TA-Lib handle, and the bars that are collected until it can be opened."""

    __slots__ = ("_handle", "_history", "_indicator", "_lookback", "_pick", "_width")

    def __init__(self, indicator: Indicator, arrays: Sequence[Array]) -> None:
        self._indicator = indicator
        self._lookback = lookback(indicator) - indicator.shift
        self._width = len(indicator.outputs)
        self._pick = indicator.all_outputs.index(indicator.output) if indicator.output else -1
        rows = finite_rows(arrays)
        self._history = _History(arrays if rows is None else [array[rows] for array in arrays])
        self._handle: Any = None
        self._open()

    def step(self, row: Row) -> Row:
        if not all(map(math.isfinite, row)):
            return (math.nan,) * self._width
        if self._handle is not None:
            return self._numbers(self._handle.update(*row))
        self._history.append(row)
        return self._open()

    def _open(self) -> Row:
        """Open the handle once there are bars enough, and return the outputs at the last bar."""
        if self._history.size <= self._lookback:
            return (math.nan,) * self._width
        arrays = self._history.arrays()
        talib = load_talib()
        try:
            handle = getattr(talib.stream, self._indicator.name)(
                *arrays, *(v for _, v in self._indicator.parameters)
            )
        except talib.InsufficientHistory:  # a function may need a little more than its lookback to start
            return self._numbers(tuple(array[-1] for array in call_talib(self._indicator, arrays)))
        self._handle = handle
        self._history = _History([array[:0] for array in arrays])
        return self._numbers(handle.value)

    def _numbers(self, result: Any) -> Row:
        """Return the chosen outputs as floats: a handle answers with a number or a tuple of them."""
        outputs = result if isinstance(result, tuple) else (result,)
        if self._pick >= 0:
            return (float(outputs[self._pick]),)
        return tuple([float(output) for output in outputs])


class _Recomputed:
    """The last value of `compute` over the retained bars."""

    __slots__ = ("_history", "_indicator")

    def __init__(self, indicator: Indicator, arrays: Sequence[Array], window: int) -> None:
        self._indicator = dataclasses.replace(indicator, shift=0)
        self._history = _History(arrays, window)

    def step(self, row: Row) -> Row:
        self._history.append(row)
        columns = dict(zip(self._indicator.inputs, self._history.arrays(), strict=True))
        return tuple([float(array[-1]) for array in compute(self._indicator, columns).values()])


class _History:
    """The newest bars of a few columns in one growing block."""

    __slots__ = ("_block", "_end", "_start", "_window")

    def __init__(self, arrays: Sequence[Array], window: int = 0) -> None:
        self._block = np.stack(arrays)
        self._end = arrays[0].size
        self._window = window or sys.maxsize
        self._start = max(0, self._end - self._window)

    @property
    def size(self) -> int:
        return self._end - self._start

    def append(self, row: Row) -> None:
        if self._end == self._block.shape[1]:
            self._grow()
        self._block[:, self._end] = row
        self._end += 1
        self._start = max(self._start, self._end - self._window)

    def arrays(self) -> list[Array]:
        """Return the columns, oldest bar first: views, which the next `append` leaves as they are."""
        return [column[self._start : self._end] for column in self._block]

    def _grow(self) -> None:
        """Move the retained bars to the front of a block with as much room again."""
        kept = self._block[:, self._start : self._end]
        self._block = np.empty((kept.shape[0], 2 * self.size + 64))
        self._block[:, : self.size] = kept
        self._start, self._end = 0, self.size
