"""The market of a replay: all symbols' bars on one timeline, ordered by the time at which each is known."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import compress, pairwise, repeat

import numpy as np

from openbell.core import clock
from openbell.core.errors import BadData, StrategyError, nearest
from openbell.core.market import Bar, Cursor, Track
from openbell.core.types import Action, Dividend, Instrument, SpinOff, Split
from openbell.data.bars import Floats, Series, Times
from openbell.data.calendar import Sessions
from openbell.data.crosssection import CrossSection, latest_values
from openbell.data.curves import grown, held_closes, spun_off
from openbell.data.showing import fill, new_view
from openbell.data.traded import (
    Members,
    Timeline,
    Traded,
    adjustment_of,
    column_of,
    finest,
    matrix_of,
    place,
    ratio_of,
)
from openbell.data.universe import Roll, Universe
from openbell.data.views import Focused, Outputs, Shown, View
from openbell.indicators.spec import Indicator
from openbell.utils.remembered import Remembered

#: The last moment of each session, by the timeline.
_ends: Remembered[Times] = Remembered()
#: How many bars are looked at for one that reaches a price.
LOOKS = 512


class Panel:
    """Series joined on one timeline. A symbol's finest bars are traded; coarser ones are there to be read."""

    def __init__(
        self,
        series: Sequence[Series],
        *,
        sessions: Sessions,
        instruments: Mapping[str, Instrument] | None = None,
        universe: Universe | None = None,
    ) -> None:
        if not series:
            raise BadData("no series of bars: a run needs at least one symbol")
        self.sessions = sessions
        fine, slower = finest(series)
        self.symbols = tuple(fine)
        timeline = Timeline(list(fine.values()))
        self.dense, self.times = timeline.dense, timeline.times
        self._clock: Sequence[int] = self.times.data
        self._moment = Cursor()
        given = instruments or {}
        self._parts: dict[str, Traded] = {}
        for (symbol, one), slots in zip(fine.items(), timeline.slots, strict=True):
            cursor = self._moment if self.dense else Cursor()
            part = place(one, given.get(symbol) or Instrument(symbol), cursor, slots)
            part.slower = slower.get(symbol, {})
            self._parts[symbol] = part
        self.tracks: Mapping[str, Track] = {s: p.track for s, p in self._parts.items()}
        self._focus = self.symbols[0]
        self._bars = tuple(p.bar for p in self._parts.values())
        self._cursors = [p.track.cursor for p in self._parts.values()]
        self._members = None if self.dense else Members(timeline.slots, len(self.times))
        self._acted: list[Track] = []
        self._matrices: dict[str, Floats] = {}
        self._adjusted = any(len(p.bounds) > 2 for p in self._parts.values())  # some symbol has actions
        self.members = None if universe is None else Roll(universe, self.symbols, sessions)
        self.slice = CrossSection(self, self._moment)

    def __len__(self) -> int:
        return len(self._clock)

    @cached_property
    def calendar(self) -> clock.Sessions:
        """The sessions as an engine takes them."""
        known = self.sessions
        return clock.Sessions(known.calendar, known.opens.tolist(), known.closes.tolist())

    @cached_property
    def ends(self) -> Times:
        """(sessions,) the last moment of each session; of one without bars, of what was before it."""
        return _ends.answer(self.times, self._find_ends, about=self.sessions)

    def _find_ends(self, times: Times) -> Times:
        ends: Times = np.searchsorted(times, self.sessions.closes, side="right") - 1
        ends.setflags(write=False)
        return ends

    @property
    def series(self) -> list[Series]:
        """Return everything that the panel was made of."""
        return [one for part in self._parts.values() for one in (part.series, *part.slower.values())]

    @property
    def parts(self) -> Mapping[str, Traded]:
        """Return each symbol's bars and what is computed from them, in the run's order."""
        return self._parts

    def revealed(self, recipe: Indicator, symbol: str) -> Floats:
        """(bars,) an indicator of one output, each value as it stood when its bar became known.

        For a panel that is not replayed: it goes through the units of a symbol's prices, and keeps nothing.
        """
        part = self._part(symbol)
        view = new_view(part, recipe, alone=len(self._parts) == 1)
        if isinstance(view, Outputs):
            raise StrategyError(f"{recipe.describe()} has several outputs; choose one")
        found = []
        try:
            for epoch, (begin, end) in enumerate(pairwise(part.bounds)):
                part.epoch = epoch
                fill(view, part, recipe, self.sessions)
                found.append(view.upto(end)[begin:])
        finally:
            part.epoch = 0
        return found[0] if len(found) == 1 else np.concatenate(found)

    def declared(self) -> Iterator[tuple[str, Indicator, View]]:
        """Yield each indicator that was asked for: its symbol, its recipe and its values."""
        for symbol, part in self._parts.items():
            for recipe, view in part.views.items():
                yield symbol, recipe, view

    # --- the driver's side -----------------------------------------------------------------------------

    def schedule(self) -> list[tuple[int, Action]]:
        """Return each action with the moment before whose bars it happens."""
        found = [
            (at, action.ex, rank, action)
            for rank, part in enumerate(self._parts.values())
            if part.series.actions
            for at, action in part.due(self.times)
        ]
        found.sort(key=lambda item: item[:3])
        return [(at, action) for at, _, _, action in found]

    def act(self, action: Action) -> None:
        """Turn a symbol's past prices into the units that hold after a split, dividend or spin-off."""
        part = self._parts[action.symbol]
        track = part.track
        if isinstance(action, Split):
            track.unit /= action.ratio
        elif isinstance(action, Dividend | SpinOff):
            close = track.price()
            track.unit *= (close - action.amount) / close
            if isinstance(action, SpinOff) and action.child in self.tracks:
                self.tracks[action.child].before = action.price
        else:
            return
        self._acted.append(track)
        at = track.cursor.at + 1
        if part.bounds[part.epoch + 1] == at:
            part.epoch += 1
            for recipe, view in part.views.items():
                fill(view, part, recipe, self.sessions)

    def advance(self, at: int) -> CrossSection:
        """Make the bars of moment `at` known."""
        self._moment.at = at
        if self._members is not None:
            for cursor in compress(self._cursors, self._members.at(at)):
                cursor.at += 1
        if self._acted:
            self._settle()
        return self.slice

    def close(self) -> None:
        """Show no moment any more: what a moment's bars are seen by knows the panel, and would keep it."""
        del self.slice

    def after(self, time: int | None) -> int:
        """Return the first moment after a time, ns UTC; None is before all.

        Raises:
            BadData: There is none.
        """
        first = 0 if time is None else int(np.searchsorted(self.times, time, side="right"))
        if first >= len(self):
            raise BadData("no bar is left after the time from which on is to be traded; widen the range")
        return first

    def leap(self, at: int) -> None:
        """Make all bars up to those of moment `at` known at once; actions on the way are the driver's."""
        acted = [(track, track.cursor.at) for track in self._acted]
        self._moment.at = at
        if self._members is not None:
            for part in self._parts.values():
                part.track.cursor.at = int(np.searchsorted(part.slots, at, side="right")) - 1
        for track, before in acted:
            if track.cursor.at > before:  # its last bar is in the new unit, and may be older than `at`
                track.unit = 1.0
        self._acted = [track for track, before in acted if track.cursor.at == before]

    @property
    def moment(self) -> Cursor:
        """The cursor over the timeline."""
        return self._moment

    @property
    def common(self) -> Cursor | None:
        """The cursor that all symbols share, if their bars coincide: to move it is to advance.

        At a moment with a corporate action, `advance` has more to do.
        """
        return self._moment if self.dense else None

    @property
    def bars(self) -> Sequence[Bar]:
        """Return the bars that became known last, in the run's order."""
        if self._members is None:
            return self._bars
        at = self._moment.at
        return list(compress(self._bars, self._members.at(at))) if at >= 0 else ()

    @property
    def time(self) -> int:
        """Return the time of the last known moment in ns; before the first, a nanosecond less than it."""
        at = self._moment.at
        return self._clock[at] if at >= 0 else self._clock[0] - 1

    def reveal(self, first: int, stop: int) -> Iterator[object]:
        """Return what makes, at each step, the indicators of a lone symbol show one moment's values more.

        Each step yields something that is true.
        To be used where nobody looks at them between a step and the cursor's. All of it happens without a
        call of Python, so that a strategy's `[-1]` costs what a look into a dictionary costs.
        """
        steps = [values.reveal(first, stop) for values in self._shown()]
        return zip(repeat(None, stop - first), *steps, strict=True)

    def conceal(self) -> None:
        """Let indicators follow the cursor again, after `reveal` has shown the values of its last moment."""
        for values in self._shown():
            values.clear()

    def _shown(self) -> list[Shown]:
        return [
            values
            for view in self._parts[self.symbols[0]].views.values()
            for values in (view.each() if isinstance(view, Outputs) else (view,))
            if isinstance(values, Shown)
        ]

    def next_reach(self, symbol: str, falls: float, rises: float, time: float) -> int:
        """Return the first moment whose bar falls to one price, rises to another, or is at a time or later.

        It may be an earlier one, when none of the next few bars does. Every bar falls to infinity.
        """
        end = bisect_left(self._clock, time) if time < math.inf else len(self._clock)
        if falls == -math.inf and rises == math.inf:
            return end
        part = self._parts[symbol]
        first = part.track.cursor.at + 1
        if falls == math.inf:
            return min(self._moment_of(part, first), end)
        rows = slice(first, first + LOOKS)
        reached = (part.series.low[rows] <= falls) | (part.series.high[rows] >= rises)
        passed = len(reached)
        if passed:
            near = int(reached.argmax())  # the first one; 0 as well when there is none
            passed = near if reached[near] else passed
        return min(self._moment_of(part, first + passed), end)

    def _moment_of(self, part: Traded, bar: int) -> int:
        if self.dense:
            return bar
        return int(part.slots[bar]) if bar < len(part.slots) else len(self._clock)

    def _settle(self) -> None:
        """Drop the bridging unit of symbols that have a bar in the new unit now."""
        waiting = []
        for track in self._acted:
            if track.known[track.cursor.at] == self.time:
                track.unit = 1.0
            else:
                waiting.append(track)
        self._acted = waiting

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
            return self._view(recipe, symbol or self.symbols[0])
        views = {name: self._view(recipe, name) for name in self.symbols}
        return Focused(views, lambda: self._focus, lambda: latest_values(self, views))

    def ready(self, recipes: Sequence[Indicator], symbol: str) -> bool:
        """Tell whether every one of the indicators has a value for a symbol now."""
        return all(self._view(recipe, symbol).ready() for recipe in recipes)

    def history(self, symbol: str, column: str, count: int) -> Floats:
        """Return the last `count` values of a column, oldest first, adjusted as of now."""
        part = self._part(symbol)
        end = part.track.cursor.at + 1
        first = max(end - count, 0)
        values = column_of(part.series, column)[first:end]
        if len(part.bounds) == 2:  # no action: one unit from the first bar to the end
            return values
        return values * ratio_of(part, column, slice(first, end), part.bounds[part.epoch])

    # --- matrices for cross-sections -------------------------------------------------------------------

    def matrix(self, column: str) -> Floats:
        """Return a column of all symbols, raw, shape (moments, symbols); NaN where a symbol has no bar."""
        made = self._matrices.get(column)
        if made is None:
            made = matrix_of(list(self._parts.values()), column, len(self.times))
            made.setflags(write=False)
            self._matrices[column] = made
        return made

    def closes(self, symbol: str) -> Floats:
        """(moments,) the last known raw close, in the shares held then; NaN before the first."""
        return held_closes(self._part(symbol), self.times, self._spun_off.get(symbol, ()))

    @cached_property
    def _spun_off(self) -> dict[str, list[tuple[int, float]]]:
        return spun_off(list(self._parts.values()), self.times)

    def growth(self, symbol: str) -> Floats:
        """(moments,) what one unit of cash has become, dividends reinvested; 1 before the first bar."""
        return grown(self._part(symbol), self.times)

    def adjustment(self, column: str, first: int, now: int) -> Floats | float:
        """Return what turns the raw values of moments `first` to `now` into today's units."""
        if not self._adjusted:
            return 1.0
        return adjustment_of(list(self._parts.values()), column, first, now)

    # --- indicators ------------------------------------------------------------------------------------

    def _part(self, symbol: str) -> Traded:
        part = self._parts.get(symbol)
        if part is None:
            raise StrategyError(f"symbol {symbol!r} is not in this run{nearest(symbol, self.symbols)}")
        return part

    def _view(self, recipe: Indicator, symbol: str) -> View:
        part = self._part(symbol)
        view = part.views.get(recipe)
        if view is None:
            view = part.views[recipe] = new_view(part, recipe, alone=len(self._parts) == 1)
            fill(view, part, recipe, self.sessions)
        return view
