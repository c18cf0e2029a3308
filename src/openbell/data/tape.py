"""The market of a live or replayed feed: bars arrive moment by moment, and nothing is known of what follows.

It answers a strategy, an engine and a broker as a `Panel` does, to the last bit: the same bars give the same
indicators, adjusted as of now, whether all of them were there from the beginning or came one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from openbell.core import clock
from openbell.core.errors import BadData, StrategyError, nearest
from openbell.core.market import Bar, Cursor, Track
from openbell.core.messages import BarMessage
from openbell.core.types import Action, Instrument, SpinOff
from openbell.data.actions import repricing
from openbell.data.bars import Floats, Series
from openbell.data.calendar import Sessions
from openbell.data.crosssection import CrossSection, latest_values
from openbell.data.lane import Lane
from openbell.data.tail import Matrix
from openbell.data.universe import Roll, Universe
from openbell.data.views import Focused, View
from openbell.indicators.spec import Indicator


class Tape:
    """The bars of several symbols as they become known."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        *,
        timeframe: str,
        sessions: Sessions,
        past: Mapping[str, Series] | None = None,
        begin: int = 0,
        universe: Universe | None = None,
        folder: Path | None = None,
        around: Iterable[str] = (),
    ) -> None:
        """Begin a tape.

        Args:
            instruments: What is traded, in the run's order.
            timeframe: Of the bars.
            sessions: Of the exchange, from before the first bar to after the last that may come.
            past: Bars that are known already, by symbol: indicators begin with them.
            begin: The time before the first moment, ns UTC.
            universe: Who may be bought when; None is everything, always.
            folder: Where older bars go, so that memory stays as it is over months; None keeps all in memory.
            around: The symbols that may have bars outside of the exchange's sessions.

        Raises:
            BadData: There is nothing to trade.
            Halt: The folder cannot be written.
        """
        if not instruments:
            raise BadData("no symbols: a run needs at least one")
        self.calendar = clock.Sessions(sessions.calendar, sessions.opens.tolist(), sessions.closes.tolist())
        before = past or {}
        self.lanes = {
            one.symbol: Lane(one, timeframe, sessions, before.get(one.symbol), spill=_file(folder, number))
            for number, one in enumerate(instruments)
        }
        for symbol in around:
            self.lanes[symbol].track.around = True
        self.symbols = tuple(self.lanes)
        self.tracks: Mapping[str, Track] = {symbol: lane.track for symbol, lane in self.lanes.items()}
        known = [lane.known[-1] for lane in self.lanes.values() if len(lane)]
        self.time = max([begin, *known])
        self.bars: Sequence[Bar] = ()  #: those that became known last, in the run's order
        self._arriving: list[Lane] = []
        self._moment = Cursor()
        self._focus = self.symbols[0]
        self._turn = {symbol: i for i, symbol in enumerate(self.symbols)}
        self._matrices: dict[str, Matrix] = {}
        self._is_bounded = folder is not None
        self._acted: list[Lane] = []
        self.members = None if universe is None else Roll(universe, self.symbols, sessions)
        self.slice = CrossSection(self, self._moment)

    def receive(self, bars: Iterable[BarMessage]) -> int:
        """Take in the bars of the next moment, which nobody knows yet; return when it is, in ns.

        A bar that comes later than others of its time is known when it is received, and not before.

        Raises:
            BadData: A bar is not of this tape, or does not come after its symbol's last.
        """
        found = list(bars)
        if not found:
            raise BadData("a moment without bars; there is nothing to receive")
        time: int = max(self.time, *(bar.end for bar in found))
        arriving = {bar.symbol: bar for bar in found}
        for symbol in arriving:
            if symbol not in self.lanes:
                raise BadData(f"a bar of {symbol!r}, which is not in this run{nearest(symbol, self.symbols)}")
        self._arriving = [lane for symbol, lane in self.lanes.items() if symbol in arriving]
        for lane in self._arriving:
            lane.append(arriving[lane.symbol], known=time, slot=self._moment.at + 1)
        return time

    def advance(self) -> CrossSection:
        """Make what was received known."""
        self._moment.at += 1
        for lane in self._arriving:
            lane.advance()
        self.time = self._arriving[0].known[-1]
        self.bars = [lane.bar for lane in self._arriving]
        for lane in self._acted:
            if lane in self._arriving:
                lane.track.unit = 1.0
        self._acted = [lane for lane in self._acted if lane not in self._arriving]
        for column, matrix in self._matrices.items():
            matrix.append(self._newest(column))
        return self.slice

    def act(self, action: Action) -> None:
        """Turn a symbol's past prices into the units that hold after a split, dividend or spin-off."""
        lane = self.lanes[action.symbol]
        lane.act(action)
        if repricing([action]):
            self._acted.append(lane)
        if isinstance(action, SpinOff) and action.child in self.tracks:
            self.tracks[action.child].before = action.price

    def wake(self) -> None:
        """Go on in another process.

        Raises:
            Halt: Older bars are missing on the disk.
        """
        for lane in self.lanes.values():
            lane.wake()

    # --- core.ports.Market -----------------------------------------------------------------------------

    def focus(self, symbol: str) -> None:
        """Make `symbol` the one that indicators without a symbol speak of."""
        self._focus = symbol

    def price(self, symbol: str) -> float:
        """Return the last known close in today's shares; NaN when there is none."""
        return self.tracks[symbol].price()

    def indicator(self, recipe: Indicator, symbol: str = "") -> View | Focused:
        """Return an indicator's values of one symbol, or of all for the one in focus."""
        if symbol or len(self.symbols) == 1:
            return self._lane(symbol or self.symbols[0]).view(recipe)
        views = {name: lane.view(recipe) for name, lane in self.lanes.items()}
        return Focused(views, partial(getattr, self, "_focus"), partial(latest_values, self, views))

    def ready(self, recipes: Sequence[Indicator], symbol: str) -> bool:
        """Tell whether every one of the indicators has a value for a symbol now."""
        lane = self._lane(symbol)
        return all(lane.view(recipe).ready() for recipe in recipes)

    def history(self, symbol: str, column: str, count: int) -> Floats:
        """Return the last `count` values of a column, oldest first, adjusted as of now."""
        lane = self._lane(symbol)
        self._check_column(symbol, column, lane)
        lane.want(count)
        return lane.adjusted(column, max(lane.cursor.at + 1 - count, 0))

    def matrix(self, column: str) -> Matrix:
        """Return a column of all symbols, raw, shape (moments, symbols); NaN where a symbol has no bar."""
        matrix = self._matrices.get(column)
        if matrix is None:
            for symbol, lane in self.lanes.items():
                self._check_column(symbol, column, lane)
            matrix = self._matrices[column] = Matrix(
                len(self.lanes),
                partial(self._gather, column),
                moments=self._moment.at + 1,
                bounded=self._is_bounded,
            )
        return matrix

    def adjustment(self, column: str, first: int, now: int) -> Floats | float:
        """Return what turns the raw values of moments `first` to `now` into today's units."""
        lanes = list(self.lanes.values())
        if not any(lane.acted for lane in lanes):
            return 1.0
        made = np.ones((now + 1 - first, len(lanes)))
        for i, lane in enumerate(lanes):
            if lane.acted:
                low = lane.place(first)
                slots = np.array(lane.slots[low : lane.cursor.at + 1], np.int64)
                made[slots - first, i] = lane.ratio(column, low)
        return made

    def _lane(self, symbol: str) -> Lane:
        lane = self.lanes.get(symbol)
        if lane is None:
            raise StrategyError(f"symbol {symbol!r} is not in this run{nearest(symbol, self.symbols)}")
        return lane

    def _check_column(self, symbol: str, column: str, lane: Lane) -> None:
        if column not in lane.columns:
            raise StrategyError(f"{symbol} has no column {column!r}{nearest(column, lane.columns)}")

    def _gather(self, column: str, first: int, last: int) -> Floats:
        """Make a column's matrix of the moments from one to another out of the bars."""
        rows = np.full((last - first, len(self.lanes)), np.nan)
        for i, lane in enumerate(self.lanes.values()):
            low, high = (min(lane.place(at), lane.cursor.at + 1) for at in (first, last))
            slots = np.array(lane.slots[low:high], np.int64)
            rows[slots - first, i] = np.array(lane.columns[column][low:high])
        return rows

    def _newest(self, column: str) -> Floats:
        """(symbols,) a column at the moment that has become known."""
        row = np.full(len(self.lanes), np.nan)
        for lane in self._arriving:
            row[self._turn[lane.symbol]] = lane.columns[column][-1]
        return row


def _file(folder: Path | None, number: int) -> Path | None:
    return None if folder is None else folder / f"{number}.bars"
