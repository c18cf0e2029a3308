"""One symbol of a market that grows: its bars so far, their units, and the indicators that follow them."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from openbell.core.errors import BadData, StrategyError
from openbell.core.market import Bar, Cursor, Track
from openbell.core.messages import BarMessage
from openbell.core.types import Action, Delisting, Dividend, Instrument, SpinOff, Split
from openbell.data.actions import factors, repricing
from openbell.data.bars import COLUMNS, Floats, Series, Times, parse_timeframe
from openbell.data.calendar import Sessions
from openbell.data.lines import Line, SlowLine
from openbell.data.resample import Resampled, check_coarser, gather
from openbell.data.spill import Spill
from openbell.data.tail import KEPT, Tail
from openbell.data.traded import tell_dead
from openbell.data.views import View
from openbell.indicators.spec import Indicator

_WHOLE = frozenset({"start", "known", "slot"})  # columns of whole numbers
_ROWS = ("start", "known", "slot", "split", "total", *COLUMNS)
_BEFORE_ALL = -(1 << 63)  # no bar is so early


class Lane:
    """A symbol's bars up to now, raw, with what turns the earlier ones into today's units.

    Bars are appended before they are known; the cursor moves on to them when they are. With a file for them
    the older bars leave memory, and are read again when somebody asks for them.
    """

    def __init__(
        self,
        instrument: Instrument,
        timeframe: str,
        sessions: Sessions,
        past: Series | None = None,
        *,
        spill: Path | None = None,
    ) -> None:
        """Begin with what is past and known already, or with nothing; `spill` is where older bars go."""
        self.symbol, self.timeframe = instrument.symbol, timeframe
        self._sessions = sessions
        self._spill = None if spill is None else Spill(spill)
        self._kept = KEPT
        self._tails = {
            name: Tail("q" if name in _WHOLE else "d", partial(self._bring, name)) for name in _ROWS
        }
        self.start, self.known = self._tails["start"], self._tails["known"]
        self.columns = {name: self._tails[name] for name in COLUMNS}
        self._split, self._total = self._tails["split"], self._tails["total"]
        self._next_split = self._next_total = 1.0  # what happened since the last bar
        self._row: dict[str, float] = {}  # the bar that was appended last
        self._reference = 0.0  # the last close, less what left the company since
        self.slots = self._tails["slot"]  #: the moment of each bar; -1 for the past
        self.cursor = Cursor()
        self.track = Track(instrument, self.cursor, [self.start, self.known, *self.columns.values()])
        self.bar = Bar(self.track)
        self._lines: dict[Indicator, Line] = {}
        self.acted = False  #: whether an action ever changed the unit
        self._delisted = 0  # since when it is not traded any more
        if past is not None and len(past):
            self._take(past)

    def __len__(self) -> int:
        return len(self.start)

    def append(self, bar: BarMessage, *, known: int, slot: int) -> None:
        """Take a bar in, which is not known yet.

        Raises:
            BadData: It does not come after the last one.
        """
        if bar.start <= self.start.newest(_BEFORE_ALL):
            raise BadData(
                f"{self.symbol}: a bar that opens at {_text(bar.start)} comes after the one of "
                f"{_text(self.start[-1])}; bars must arrive in their order, once each"
            )
        if self._delisted:
            raise BadData(tell_dead(self.symbol, self._delisted, bar.start))
        self.start.append(bar.start)
        self.known.append(known)
        self._row = dict(zip(COLUMNS, map(float, bar[3:8]), strict=True))
        for name, value in self._row.items():
            self.columns[name].append(value)
        self.slots.append(slot)

    def advance(self) -> None:
        """Make the bar that was appended known."""
        self._close_unit()
        self.cursor.at += 1
        self._reference = self._row["close"]
        for line in self._lines.values():
            line.follow(self._row)
        if self.start.held > 2 * self._kept:
            self._let_go()

    @property
    def sessions(self) -> Sessions:
        """The exchange's sessions."""
        return self._sessions

    @property
    def is_bounded(self) -> bool:
        """Tell whether older bars leave memory."""
        return self._spill is not None

    def wake(self) -> None:
        """Go on in another process: what only lived in the one before is made again.

        Raises:
            Halt: Older bars are missing on the disk.
        """
        if self._spill is not None:
            self._spill.check()
        for line in self._lines.values():
            line.refill()

    def want(self, count: int) -> None:
        """Keep that many bars in memory from now on: somebody looks back so far."""
        self._kept = max(self._kept, count)

    def place(self, moment: int) -> int:
        """Return the index of the first bar that came in at a moment of the tape or after it."""
        slots, first = self.slots, self.slots.first
        if self._spill is not None and first and slots[first] >= moment:
            return int(np.searchsorted(self._spill.read("slot", 0, first), moment))
        return bisect_left(slots, moment, first)

    def act(self, action: Action) -> None:
        """Turn the past's prices into the units that hold after a split, dividend or spin-off."""
        track = self.track
        if isinstance(action, Delisting):
            self._delisted = action.ex
        if isinstance(action, Split):
            track.unit /= action.ratio
            self._next_split *= action.ratio
            self._next_total *= action.ratio
            self._reference /= action.ratio
        elif isinstance(action, Dividend | SpinOff):
            close = track.price()
            track.unit *= (close - action.amount) / close
            left = self._reference - action.amount
            self._next_total *= self._reference / left
            self._reference = left
        else:
            return
        self.acted = True
        for line in self._lines.values():
            line.refill()

    def adjusted(self, column: str, first: int = 0) -> Floats:
        """Return the known values of a column from bar `first` on, in today's units."""
        values = self._values(column, first)
        made: Floats = values * self.ratio(column, first) if self.acted else values
        return made

    def ratio(self, column: str, first: int) -> Floats | float:
        """Return what turns raw values of the known bars from `first` on into today's units."""
        if column == "volume":
            now = self._split[-1] * self._next_split if len(self._split) else 1.0
            shares: Floats = now / self._values("split", first)
            return shares
        now = self._total[-1] * self._next_total if len(self._total) else 1.0
        prices: Floats = self._values("total", first) / now
        return prices

    def view(self, recipe: Indicator) -> View:
        """Return an indicator's values so far, which grow with the bars."""
        line = self._lines.get(recipe)
        if line is None:
            line = self._lines[recipe] = self._line(recipe)
        return line.view

    def coarser(self, recipe: Indicator, first: int = 0) -> tuple[Resampled, Times]:
        """Return the coarser bars that an indicator is of, from bar `first` on, and where each begins."""
        columns = {name: self.adjusted(name, first) for name in COLUMNS}
        start = self._values("start", first)
        return gather(columns, start, timeframe=recipe.timeframe, sessions=self._sessions)

    def _take(self, past: Series) -> None:
        """Take in the bars that are past, with the actions among them."""
        self.start.extend(past.start.tolist())
        self.known.extend(past.known.tolist())
        for name in COLUMNS:
            self.columns[name].extend(getattr(past, name).tolist())
        split, total = factors(past.start, past.close, past.actions)
        self._split.extend(split.tolist())
        self._total.extend(total.tolist())
        self.slots.extend([-1] * len(past))
        self.acted = bool(repricing(past.actions))
        self.cursor.at = len(past) - 1
        self._reference = self.columns["close"][-1]

    def _values(self, column: str, first: int) -> Any:
        """Return the known values of a column from bar `first` on as they came, as an array."""
        tail, end = self._tails[column], self.cursor.at + 1
        newest = np.array(tail[max(first, tail.first) : end])
        if first >= tail.first or self._spill is None:
            return newest
        return np.concatenate((self._spill.read(column, first, tail.first), newest))

    def _bring(self, column: str, first: int, last: int) -> array[Any]:
        """Read values that are not in memory any more, and keep as many from now on."""
        assert self._spill is not None  # noqa: S101  # without a file nothing leaves memory
        self.want(len(self._tails[column]) - first)
        return array(_code(column), self._spill.read(column, first, last).tolist())

    def _let_go(self) -> None:
        """Put the oldest bars into the file."""
        if self._spill is None:
            return
        count = self.start.held - self._kept
        first = self.start.first
        self._spill.append({name: tail[first : first + count] for name, tail in self._tails.items()}, count)
        for tail in self._tails.values():
            tail.drop(count)

    def _close_unit(self) -> None:
        """Give the bar that becomes known its place among the units."""
        self._split.append(self._split.newest(1.0) * self._next_split)
        self._total.append(self._total.newest(1.0) * self._next_total)
        self._next_split = self._next_total = 1.0

    def _line(self, recipe: Indicator) -> Line:
        unknown = [name for name in recipe.inputs if name not in COLUMNS]
        if unknown:
            raise StrategyError(
                f"{recipe.describe()} of {self.symbol} needs the column {unknown[0]!r}, which a live market "
                f"does not have; it has {', '.join(COLUMNS)}"
            )
        if recipe.timeframe and parse_timeframe(recipe.timeframe) != parse_timeframe(self.timeframe):
            check_coarser(recipe.timeframe, self.timeframe, symbol=self.symbol)
            return SlowLine(self, recipe)
        return Line(self, recipe)


def _code(column: str) -> str:
    return "q" if column in _WHOLE else "d"


def _text(nanos: int) -> str:
    return f"{np.datetime64(nanos, 'ns').astype('datetime64[s]')}Z"
