"""What is known of the market: columns of bars, and a cursor at the last one that may be seen.

A `Bar` is a view at the cursor, not a copy. All prices a strategy sees are *adjusted as of now*: the bar
at the cursor has its raw, tradable prices, and bars before a split or dividend are scaled to match it. So
nothing from the future is in them, and a level taken from them is a price that an order can carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from openbell.core.errors import LookAhead, StrategyError
from openbell.core.inputs import shown, whole
from openbell.core.types import NANOS_PER_SECOND, Instrument


def as_datetime(time: int) -> datetime:
    """Return a time in ns as a UTC datetime (whole microseconds)."""
    seconds, rest = divmod(time, NANOS_PER_SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


class Cursor:
    """The index of the last known bar; -1 before the first. Symbols whose bars coincide share one."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = -1


class Track:
    """The bars of one symbol: raw columns, of which those up to the cursor are known.

    `unit` turns the last close into today's shares and is 1.0 but between an action and the next bar.
    `before` is what a share is worth that was received before its first bar; NaN where none can be.
    `around` tells that some bars lie outside of the exchange's sessions, where not every order works.
    """

    __slots__ = (
        "around",
        "before",
        "close",
        "cursor",
        "high",
        "instrument",
        "known",
        "low",
        "open",
        "start",
        "symbol",
        "unit",
        "volume",
    )

    def __init__(self, instrument: Instrument, cursor: Cursor, columns: Sequence[Sequence[float]]) -> None:
        self.symbol = instrument.symbol
        self.instrument = instrument
        self.cursor = cursor
        self.start: Sequence[int]
        self.known: Sequence[int]
        self.start, self.known, self.open, self.high, self.low, self.close, self.volume = columns  # type: ignore[assignment]  # two of ints, five of floats
        self.unit = 1.0
        self.before = float("nan")
        self.around = False

    def price(self) -> float:
        """Return the last known close in today's shares; before the first bar what is told, or NaN."""
        at = self.cursor.at
        return self.close[at] * self.unit if at >= 0 else self.before


class Bar:
    """The last known bar of one symbol, as a view: it moves on with the cursor. Raw, tradable prices."""

    __slots__ = ("_close", "_cursor", "_high", "_low", "_open", "_start", "_time", "_volume", "symbol")

    def __init__(self, track: Track) -> None:
        self.symbol = track.symbol
        self._cursor = track.cursor
        self._start, self._time = track.start, track.known
        self._open, self._high, self._low = track.open, track.high, track.low
        self._close, self._volume = track.close, track.volume

    @property
    def open(self) -> float:
        """The first price of the bar."""
        return self._open[self._cursor.at]

    @property
    def high(self) -> float:
        """The highest price of the bar."""
        return self._high[self._cursor.at]

    @property
    def low(self) -> float:
        """The lowest price of the bar."""
        return self._low[self._cursor.at]

    @property
    def close(self) -> float:
        """The last price of the bar."""
        return self._close[self._cursor.at]

    @property
    def volume(self) -> float:
        """The shares that traded during the bar."""
        return self._volume[self._cursor.at]

    @property
    def time(self) -> datetime:
        """When the bar became known (its close), in UTC."""
        return as_datetime(self._time[self._cursor.at])

    @property
    def nanos(self) -> int:
        """When the bar became known, in ns since 1970."""
        return self._time[self._cursor.at]

    @property
    def start(self) -> datetime:
        """When the bar began, in UTC."""
        return as_datetime(self._start[self._cursor.at])

    @property
    def index(self) -> int:
        """How many bars of the symbol came before this one."""
        return self._cursor.at

    def __getitem__(self, offset: int) -> Bar:
        if whole(offset) is None:
            raise StrategyError(
                f"bar[{shown(offset)}]: a bar's values are bar.open, bar.high, bar.low, bar.close, "
                "bar.volume and bar.time; take earlier ones from self.history()"
            )
        if offset > 0:
            raise LookAhead(f"bar[{offset}] of {self.symbol} asks for a bar that is not known yet")
        if offset < 0:
            raise StrategyError(f"bar[{offset}]: a bar is one bar; take earlier values from self.history()")
        return self

    def __repr__(self) -> str:
        return (
            f"<Bar {self.symbol} {self.time:%Y-%m-%d %H:%M} open {self.open:g} high {self.high:g} "
            f"low {self.low:g} close {self.close:g} volume {self.volume:g}>"
        )


class Slice:
    """The event that bars have become known: those of one moment, over all symbols that have one.

    A view as well: `bars` are the symbols' bars; the market knows the time.
    """

    __slots__ = ("bars",)

    def __init__(self) -> None:
        self.bars: Sequence[Bar] = ()

    @property
    def every(self) -> Sequence[Bar]:
        """All symbols' bars, those of no member too, where `bars` has members alone."""
        return self.bars
