"""What a portfolio strategy sees: all symbols at one moment, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from openbell.core.errors import StrategyError, nearest
from openbell.core.inputs import shown
from openbell.core.market import Bar, Cursor, Slice
from openbell.data.bars import Floats


class Matrices(Protocol):
    """Where the arrays come from: columns over (moments, symbols)."""

    @property
    def symbols(self) -> Sequence[str]:
        """Return the symbols, in the arrays' order."""

    @property
    def time(self) -> int:
        """Return the time of the last known moment in ns."""

    @property
    def bars(self) -> Sequence[Bar]:
        """Return the bars that became known last."""

    def matrix(self, column: str) -> Floats:
        """Return a raw column; NaN where a symbol has no bar."""

    def adjustment(self, column: str, first: int, now: int) -> Floats | float:
        """Return what turns the moments' raw values into today's units."""


class CrossSection(Slice):
    """All symbols' bars of one moment. Arrays have one entry a symbol; NaN where it has no bar now."""

    __slots__ = ("_moment", "_source")

    def __init__(self, source: Matrices, moment: Cursor) -> None:
        self._source = source
        self._moment = moment

    @property
    def bars(self) -> Sequence[Bar]:  # type: ignore[override]  # made where they are asked for
        """The symbols' bars."""
        return self._source.bars

    @property
    def time(self) -> int:
        """The moment in ns UTC."""
        return self._source.time

    @property
    def symbols(self) -> Sequence[str]:
        """The symbols, in the order of the arrays."""
        return self._source.symbols

    @property
    def open(self) -> Floats:
        """(symbols,) the first prices of the bars."""
        return self._row("open")

    @property
    def high(self) -> Floats:
        """(symbols,) the highest prices of the bars."""
        return self._row("high")

    @property
    def low(self) -> Floats:
        """(symbols,) the lowest prices of the bars."""
        return self._row("low")

    @property
    def close(self) -> Floats:
        """(symbols,) the last prices of the bars."""
        return self._row("close")

    @property
    def volume(self) -> Floats:
        """(symbols,) the shares that traded."""
        return self._row("volume")

    def history(self, column: str, count: int) -> Floats:
        """Return the last `count` moments of a column, shape (count, symbols), adjusted as of now."""
        now = self._moment.at
        first = max(now + 1 - count, 0)
        window = self._source.matrix(column)[first : now + 1]
        return window * self._source.adjustment(column, first, now)

    def __getitem__(self, symbol: str) -> Bar:
        for bar in self.bars:
            if bar.symbol == symbol:
                return bar
        near = nearest(str(symbol), self.symbols)
        raise StrategyError(f"symbol {shown(symbol)} has no bar now{near}")

    def __contains__(self, symbol: str) -> bool:
        return any(bar.symbol == symbol for bar in self.bars)

    def _row(self, column: str) -> Floats:
        row: Floats = self._source.matrix(column)[self._moment.at]
        return row
