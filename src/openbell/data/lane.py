"""One symbol of a market that grows: its bars so far, their units, and the indicators that follow them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping

import numpy as np

from openbell.core.errors import BadData, StrategyError
from openbell.core.market import Bar, Cursor, Track
from openbell.core.messages import BarMessage
from openbell.core.types import Action, Delisting, Dividend, Instrument, SpinOff, Split
from openbell.data.actions import factors, repricing
from openbell.data.bars import COLUMNS, Floats, Series, parse_timeframe
from openbell.data.calendar import Sessions
from openbell.data.resample import Resampled, check_coarser, latest, resample
from openbell.data.traded import tell_dead
from openbell.data.views import Outputs, SlowValues, Values, View
from openbell.indicators.batch import compute
from openbell.indicators.spec import Indicator
from openbell.indicators.streaming import Stream, open_stream


class Lane:
    """A symbol's bars up to now, raw, with what turns the earlier ones into today's units.

    Bars are appended before they are known; the cursor moves on to them when they are.
    """

    def __init__(
        self, instrument: Instrument, timeframe: str, sessions: Sessions, past: Series | None = None
    ) -> None:
        """Begin with what is past, which is known already, or with nothing."""
        self.symbol, self.timeframe = instrument.symbol, timeframe
        self._sessions = sessions
        self.start, self.known = array("q"), array("q")
        self.columns: dict[str, array[float]] = {name: array("d") for name in COLUMNS}
        self._split, self._total = array("d"), array("d")
        self._next_split = self._next_total = 1.0  # what happened since the last bar
        self._reference = 0.0  # the last close, less what left the company since
        self.slots = array("q")  #: the moment of each bar; -1 for the past
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
        if len(self.start) and bar.start <= self.start[-1]:
            raise BadData(
                f"{self.symbol}: a bar that opens at {_text(bar.start)} comes after the one of "
                f"{_text(self.start[-1])}; bars must arrive in their order, once each"
            )
        if self._delisted:
            raise BadData(tell_dead(self.symbol, self._delisted, bar.start))
        self.start.append(bar.start)
        self.known.append(known)
        for name, value in zip(COLUMNS, bar[3:8], strict=True):
            self.columns[name].append(value)
        self.slots.append(slot)

    def advance(self) -> None:
        """Make the bar that was appended known."""
        self._close_unit()
        self.cursor.at += 1
        self._reference = self.columns["close"][-1]
        row = {name: column[-1] for name, column in self.columns.items()}
        for line in self._lines.values():
            line.follow(row)

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
        end = self.cursor.at + 1
        values = np.array(self.columns[column][first:end])
        return values * self.ratio(column, first) if self.acted else values

    def ratio(self, column: str, first: int) -> Floats | float:
        """Return what turns raw values of the known bars from `first` on into today's units."""
        rows = slice(first, self.cursor.at + 1)
        if column == "volume":
            now = self._split[-1] * self._next_split if len(self._split) else 1.0
            shares: Floats = now / np.array(self._split[rows])
            return shares
        now = self._total[-1] * self._next_total if len(self._total) else 1.0
        prices: Floats = np.array(self._total[rows]) / now
        return prices

    def view(self, recipe: Indicator) -> View:
        """Return an indicator's values so far, which grow with the bars."""
        line = self._lines.get(recipe)
        if line is None:
            line = self._lines[recipe] = self._line(recipe)
        return line.view

    def coarser(self, recipe: Indicator) -> Resampled:
        """Return the bars of an indicator's own timeframe so far, and when each is complete."""
        columns = {name: self.adjusted(name) for name in COLUMNS}
        start = np.array(self.start[: self.cursor.at + 1], np.int64)
        return resample(columns, start, timeframe=recipe.timeframe, sessions=self._sessions)

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

    def _close_unit(self) -> None:
        """Give the bar that becomes known its place among the units."""
        self._split.append((self._split[-1] if len(self._split) else 1.0) * self._next_split)
        self._total.append((self._total[-1] if len(self._total) else 1.0) * self._next_total)
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


class Line:
    """An indicator that follows a lane: its values up to now, and the stream that makes the next one."""

    def __init__(self, lane: Lane, recipe: Indicator, kind: type[Values] = Values) -> None:
        self._lane, self._recipe = lane, recipe
        values = {name: kind(lane.cursor, lane.symbol) for name in recipe.outputs}
        self.view: View = (
            next(iter(values.values())) if len(values) == 1 else Outputs(values, recipe.describe())
        )
        self._values = list(values.values())
        self._lists: list[list[float]] = []
        self._stream: Stream
        self.refill()

    def refill(self) -> None:
        """Compute everything anew, because the past's prices have other units now."""
        columns = {name: self._lane.adjusted(name) for name in self._recipe.inputs}
        self._stream = open_stream(self._recipe, columns)
        self._show(compute(self._recipe, columns).values())

    def follow(self, row: Mapping[str, float]) -> None:
        """Take in the bar that has become known."""
        self._stream.update(row)
        for values, value in zip(self._lists, self._stream.values, strict=True):
            values.append(value)

    def _show(self, arrays: Iterable[Floats]) -> None:
        self._lists = [values.tolist() for values in arrays]
        for shown, values in zip(self._values, self._lists, strict=True):
            shown.grow(values)


class SlowLine(Line):
    """An indicator on coarser bars: computed anew when one of them is finished."""

    def __init__(self, lane: Lane, recipe: Indicator) -> None:
        self._finished: list[int] = []
        self._until = 0  # when the coarse bar that is being made will be complete
        super().__init__(lane, recipe, SlowValues)

    def refill(self) -> None:
        """Compute everything anew."""
        columns, known, *_ = self._lane.coarser(self._recipe)
        self._show(compute(self._recipe, columns).values())
        base = np.array(self._lane.known[: self._lane.cursor.at + 1], np.int64)
        self._place(latest(known, base).tolist())
        self._until = int(known[-1]) if len(known) else 0

    def follow(self, _row: Mapping[str, float]) -> None:
        """Take in the bar that has become known."""
        lane = self._lane
        now = lane.known[lane.cursor.at]
        before = lane.known[lane.cursor.at - 1] if lane.cursor.at else 0
        if now >= self._until or before >= self._until:
            self.refill()
        else:
            self._finished.append(self._finished[-1])

    def _place(self, finished: list[int]) -> None:
        self._finished = finished
        for values in self._values:
            values.follow(finished)  # type: ignore[attr-defined]  # a slow line's views are SlowValues


def _text(nanos: int) -> str:
    return f"{np.datetime64(nanos, 'ns').astype('datetime64[s]')}Z"
