"""What a portfolio strategy sees: all symbols at one moment, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from openbell.core.errors import StrategyError, nearest
from openbell.core.inputs import shown
from openbell.core.market import Bar, Cursor, Slice
from openbell.data.bars import Floats
from openbell.data.universe import Roll


class Moments(Protocol):
    """Rows of moments."""

    def __getitem__(self, place: Any, /) -> Floats: ...


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

    @property
    def members(self) -> Roll | None:
        """Return who is a member at each moment; None where everything is."""

    def matrix(self, column: str) -> Moments:
        """Return a raw column; NaN where a symbol has no bar."""

    def adjustment(self, column: str, first: int, now: int) -> Floats | float:
        """Return what turns the moments' raw values into today's units."""


def latest_values(source: Matrices, views: Mapping[str, Any]) -> Floats:
    """(symbols,) an indicator's last value of each symbol; NaN for what is no member now."""
    values = np.array([views[symbol][-1] for symbol in source.symbols])
    members = source.members
    return values if members is None else np.where(members.mask(source.time), values, np.nan)


class CrossSection(Slice):
    """All symbols' bars of one moment. Arrays have one entry a symbol; NaN where it has no bar now.

    In a universe, what is no member now has no bar here, nor a past.
    """

    __slots__ = ("_moment", "_source")

    def __init__(self, source: Matrices, moment: Cursor) -> None:
        self._source = source
        self._moment = moment

    def __getstate__(self) -> tuple[Matrices, Cursor]:
        """Return what it is made of: its bars are not its own."""
        return self._source, self._moment

    def __setstate__(self, state: tuple[Matrices, Cursor]) -> None:
        self._source, self._moment = state

    @property
    def bars(self) -> Sequence[Bar]:  # type: ignore[override]  # made where they are asked for
        """The symbols' bars."""
        members = self._source.members
        if members is None:
            return self._source.bars
        now = members.at(self._source.time)
        return [bar for bar in self._source.bars if bar.symbol in now]

    @property
    def every(self) -> Sequence[Bar]:
        """All symbols' bars, those of no member too."""
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
        return self._of_members(window * self._source.adjustment(column, first, now))

    def __getitem__(self, symbol: str) -> Bar:
        for bar in self.bars:
            if bar.symbol == symbol:
                return bar
        near = nearest(str(symbol), self.symbols)
        raise StrategyError(f"symbol {shown(symbol)} has no bar now{near}")

    def __contains__(self, symbol: str) -> bool:
        return any(bar.symbol == symbol for bar in self.bars)

    def _row(self, column: str) -> Floats:
        return self._of_members(self._source.matrix(column)[self._moment.at])

    def _of_members(self, values: Floats) -> Floats:
        """(..., symbols) values, NaN for what is no member now."""
        members = self._source.members
        return values if members is None else np.where(members.mask(self._source.time), values, np.nan)
