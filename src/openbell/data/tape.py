"""The market of a live or replayed feed: bars arrive moment by moment, and nothing is known of what follows.

It answers a strategy, an engine and a broker as a `Panel` does, to the last bit: the same bars give the same
indicators, adjusted as of now, whether all of them were there from the beginning or came one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
from openbell.data.universe import Roll, Universe
from openbell.data.views import Focused, View
from openbell.indicators.spec import Indicator

_ROWS = 64  #: moments for which there is room at first


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
    ) -> None:
        """Begin a tape.

        Args:
            instruments: What is traded, in the run's order.
            timeframe: Of the bars.
            sessions: Of the exchange, from before the first bar to after the last that may come.
            past: Bars that are known already, by symbol: indicators begin with them.
            begin: The time before the first moment, ns UTC.
            universe: Who may be bought when; None is everything, always.

        Raises:
            BadData: There is nothing to trade.
        """
        if not instruments:
            raise BadData("no symbols: a run needs at least one")
        self.calendar = clock.Sessions(sessions.calendar, sessions.opens.tolist(), sessions.closes.tolist())
        before = past or {}
        self.lanes = {
            one.symbol: Lane(one, timeframe, sessions, before.get(one.symbol)) for one in instruments
        }
        self.symbols = tuple(self.lanes)
        self.tracks: Mapping[str, Track] = {symbol: lane.track for symbol, lane in self.lanes.items()}
        known = [lane.known[-1] for lane in self.lanes.values() if len(lane)]
        self.time = max([begin, *known])
        self.bars: Sequence[Bar] = ()  #: those that became known last, in the run's order
        self._arriving: list[Lane] = []
        self._moment = Cursor()
        self._focus = self.symbols[0]
        self._matrices: dict[str, Floats] = {}
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
        time = max(self.time, *(bar.end for bar in found))
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
        for column, rows in self._matrices.items():
            self._matrices[column] = self._put(rows, column)
        return self.slice

    def act(self, action: Action) -> None:
        """Turn a symbol's past prices into the units that hold after a split, dividend or spin-off."""
        lane = self.lanes[action.symbol]
        lane.act(action)
        if repricing([action]):
            self._acted.append(lane)
        if isinstance(action, SpinOff) and action.child in self.tracks:
            self.tracks[action.child].before = action.price

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
        return Focused(views, lambda: self._focus, lambda: latest_values(self, views))

    def ready(self, recipes: Sequence[Indicator], symbol: str) -> bool:
        """Tell whether every one of the indicators has a value for a symbol now."""
        lane = self._lane(symbol)
        return all(lane.view(recipe).ready() for recipe in recipes)

    def history(self, symbol: str, column: str, count: int) -> Floats:
        """Return the last `count` values of a column, oldest first, adjusted as of now."""
        lane = self._lane(symbol)
        self._check_column(symbol, column, lane)
        return lane.adjusted(column, max(lane.cursor.at + 1 - count, 0))

    def matrix(self, column: str) -> Floats:
        """Return a column of all symbols, raw, shape (moments, symbols); NaN where a symbol has no bar."""
        rows = self._matrices.get(column)
        if rows is None:
            for symbol, lane in self.lanes.items():
                self._check_column(symbol, column, lane)
            rows = self._matrices[column] = self._gather(column)
        return rows

    def adjustment(self, _column: str, first: int, now: int) -> Floats | float:
        """Return what turns the raw values of moments `first` to `now` into today's units."""
        lanes = list(self.lanes.values())
        if not any(lane.acted for lane in lanes):
            return 1.0
        made = np.ones((now + 1 - first, len(lanes)))
        for i, lane in enumerate(lanes):
            if lane.acted:
                slots = np.array(lane.slots[: lane.cursor.at + 1], np.int64)
                low = int(np.searchsorted(slots, first))
                made[slots[low:] - first, i] = lane.ratio(_column, low)
        return made

    def _lane(self, symbol: str) -> Lane:
        lane = self.lanes.get(symbol)
        if lane is None:
            raise StrategyError(f"symbol {symbol!r} is not in this run{nearest(symbol, self.symbols)}")
        return lane

    def _check_column(self, symbol: str, column: str, lane: Lane) -> None:
        if column not in lane.columns:
            raise StrategyError(f"{symbol} has no column {column!r}{nearest(column, lane.columns)}")

    def _gather(self, column: str) -> Floats:
        """Make a column's matrix out of the bars so far."""
        moments = self._moment.at + 1
        rows = np.full((max(2 * moments, _ROWS), len(self.lanes)), np.nan)
        for i, lane in enumerate(self.lanes.values()):
            end = lane.cursor.at + 1
            slots = np.array(lane.slots[:end], np.int64)
            first = int(np.searchsorted(slots, 0))  # the past has no moments
            rows[slots[first:], i] = np.array(lane.columns[column][first:end])
        return rows

    def _put(self, rows: Floats, column: str) -> Floats:
        """Write the newest moment into a matrix, which grows when it is full."""
        at = self._moment.at
        if at == len(rows):
            rows = np.vstack([rows, np.full_like(rows, np.nan)])
        order = {symbol: i for i, symbol in enumerate(self.symbols)}
        for lane in self._arriving:
            rows[at, order[lane.symbol]] = lane.columns[column][-1]
        return rows
