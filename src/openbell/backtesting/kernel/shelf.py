"""The indicators of a batch: each is computed once while there is room, by the thread that asks first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import nullcontext
from threading import Event, Lock
from weakref import finalize

import numpy as np

from openbell.data.bars import Floats
from openbell.data.panel import Panel
from openbell.indicators.spec import Indicator

#: Bytes of memory that is asked for in one piece.
_PIECE = 5_000_000
#: Floats of a line of the cache, at the beginning of which values begin.
_LINE = 8
Key = tuple[Indicator, str]


class Making:
    """An indicator that a thread is computing."""

    def __init__(self) -> None:
        self.ended = Event()
        self.values: Floats | None = None  #: None after the end too, where it cannot be computed


class Shelf:
    """Keeps the values of the indicators that were asked for last."""

    def __init__(self, panel: Panel, room: int) -> None:
        """Keep up to `room` bytes of what a panel that is not replayed has; one indicator in any case."""
        self.room = room
        self._panel = panel
        self._rows: OrderedDict[Key, Floats] = OrderedDict()
        self._making: dict[Key, Making] = {}
        self._free: list[Floats] = []
        self.lays = False  #: whether values are laid out for many combinations to read
        self._kept = 0
        self._lock = Lock()
        self._turn = Lock()  #: of what only one thread at a time may compute

    def columns(self, recipes: Sequence[Indicator], symbol: str) -> list[Floats]:
        """Return indicators' values as they stood at each bar of a symbol.

        Those that another thread is computing are waited for last: two threads that ask for the same ones
        compute half of them each.
        """
        found = [self._find(recipe, symbol) for recipe in recipes]
        return [
            self._await(one, recipe, symbol) if isinstance(one, Making) else one
            for one, recipe in zip(found, recipes, strict=True)
        ]

    def clear(self) -> None:
        """Let go of all that is kept, and of the memory that is used again."""
        with self._lock:
            self._rows.clear()  # which gives the places back
            self._free.clear()
            self._kept = 0

    def _find(self, recipe: Indicator, symbol: str) -> Floats | Making:
        key = recipe, symbol
        with self._lock:
            there = self._rows.get(key)
            if there is not None:
                self._rows.move_to_end(key)
                return there
            if key in self._making:
                return self._making[key]
            made = self._making[key] = Making()
        try:
            made.values = self._compute(recipe, symbol)
        finally:
            with self._lock:
                del self._making[key]
                if made.values is not None:
                    self._keep(key, made.values)
            made.ended.set()
        return made.values

    def _await(self, made: Making, recipe: Indicator, symbol: str) -> Floats:
        """Wait for what another thread computes; where it could not, try here, and so hear why."""
        made.ended.wait()
        if made.values is not None:
            return made.values
        again = self._find(recipe, symbol)
        return self._await(again, recipe, symbol) if isinstance(again, Making) else again

    def _compute(self, recipe: Indicator, symbol: str) -> Floats:
        """Compute an indicator. TA-Lib lets others work meanwhile; a user's function need not bear that."""
        plain = recipe.is_talib and not recipe.timeframe and len(self._panel.parts[symbol].bounds) == 2
        with nullcontext() if plain else self._turn:
            return self._laid(self._panel.revealed(recipe, symbol))

    def _laid(self, values: Floats) -> Floats:
        """Return values at the beginning of a line of the cache, in memory that is used again.

        Memory that is asked for at each indicator anew is slow at its first touch, and ends up in splinters.
        """
        if not self.lays:
            return np.ascontiguousarray(values)
        with self._lock:
            if not self._free:
                self._free += self._places(len(values))
            place = self._free.pop()
        laid = place[:]  # whose end gives the place back
        laid[:] = values
        finalize(laid, self._free.append, place).atexit = False
        return laid

    def _places(self, bars: int) -> list[Floats]:
        """Return places for indicators, in one piece: of large ones the system hands out large pages."""
        width = -(-bars // _LINE) * _LINE
        count = max(min(_PIECE, self.room) // (8 * width), 1)
        piece = np.empty(count * width + _LINE)
        begin = -piece.ctypes.data // 8 % _LINE
        return [piece[at : at + bars] for at in range(begin, begin + count * width, width)]

    def _keep(self, key: Key, values: Floats) -> None:
        """Keep an indicator's values, and no more of the oldest than there is room for."""
        self._rows[key] = values
        self._kept += values.nbytes
        while self._kept > self.room and len(self._rows) > 1:
            self._kept -= self._rows.popitem(last=False)[1].nbytes
