"""An indicator that follows a symbol of a growing market: its values so far, and how the next one is made."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from openbell.data.bars import Floats
from openbell.data.tail import KEPT, Tail
from openbell.data.views import Outputs, SlowValues, Values, View
from openbell.indicators.batch import compute
from openbell.indicators.spec import Indicator
from openbell.indicators.streaming import Stream, open_stream

if TYPE_CHECKING:
    from openbell.data.lane import Lane


class Line:
    """An indicator's values up to now, and the stream that makes the next one.

    Of a lane that lets its older bars go, the older values go as well: they are computed again when somebody
    asks for them, to the same bits.
    """

    def __init__(self, lane: Lane, recipe: Indicator, kind: type[Values] = Values) -> None:
        self._lane, self._recipe = lane, recipe
        values = {name: kind(lane.cursor, lane.symbol) for name in recipe.outputs}
        self.view: View = (
            next(iter(values.values())) if len(values) == 1 else Outputs(values, recipe.describe())
        )
        self._values = list(values.values())
        self._tails = [Tail("d", partial(self._bring, name)) for name in recipe.outputs]
        self._kept = KEPT
        self._stream: Stream
        for shown, tail in zip(self._values, self._tails, strict=True):
            shown.grow(tail)
        self.refill()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the stream, which lives in its process; `refill` makes another."""
        return {name: one for name, one in vars(self).items() if name != "_stream"}

    def refill(self) -> None:
        """Compute everything anew, because the past's prices have other units now."""
        columns = self._columns()
        self._stream = open_stream(self._recipe, columns)
        self._begin(compute(self._recipe, columns))

    def follow(self, row: Mapping[str, float]) -> None:
        """Take in the bar that has become known."""
        self._stream.update(row)
        self._add(self._stream.values)

    def _columns(self) -> Mapping[str, Floats]:
        """Return all bars so far that the values are made of."""
        return {name: self._lane.adjusted(name) for name in self._recipe.inputs}

    def _begin(self, values: Mapping[str, Floats]) -> None:
        kept = self._kept if self._lane.is_bounded else len(next(iter(values.values())))
        for tail, some in zip(self._tails, values.values(), strict=True):
            tail.begin(some, kept)

    def _add(self, values: tuple[float, ...]) -> None:
        for tail, value in zip(self._tails, values, strict=True):
            tail.append(value)
            if tail.held > 2 * self._kept and self._lane.is_bounded:
                tail.drop(tail.held - self._kept)

    def _bring(self, output: str, first: int, last: int) -> array[Any]:
        """Compute values again that are not kept, and keep as many from now on."""
        self._kept = max(self._kept, len(self._tails[0]) - first)
        return array("d", compute(self._recipe, self._columns())[output][first:last].tolist())


class SlowLine(Line):
    """An indicator on coarser bars: it goes on when one of them is finished."""

    def __init__(self, lane: Lane, recipe: Indicator) -> None:
        self._finished = Tail("q", _gone)
        self._until = 0  # when the coarse bar that is being made will be complete
        self._open = 0  # the first base bar that is in no coarse bar which has been taken in
        self._taken = -1  # when the last coarse bar that has been taken in began
        super().__init__(lane, recipe, SlowValues)
        for values in self._values:
            values.follow(self._finished)  # type: ignore[attr-defined]  # a slow line's views are SlowValues

    def refill(self) -> None:
        """Compute everything anew."""
        self._open, self._taken = 0, -1
        (columns, known, begins), first = self._lane.coarser(self._recipe)
        at = self._lane.cursor.at
        done = int(np.searchsorted(known, self._lane.known[at], side="right")) if at >= 0 else 0
        self._mark(known, begins, first, done)
        finished = {name: columns[name][:done] for name in self._recipe.inputs}
        self._stream = open_stream(self._recipe, finished)
        self._begin(compute(self._recipe, finished))
        self._finished.begin(np.full(at + 1, done - 1), 1)

    def follow(self, _row: Mapping[str, float]) -> None:
        """Take in the bar that has become known."""
        lane = self._lane
        now = lane.known[lane.cursor.at]
        before = lane.known[lane.cursor.at - 1] if lane.cursor.at else 0
        if now >= self._until or before >= self._until:
            (columns, known, begins), first = lane.coarser(self._recipe, self._open)
            if begins[0] <= self._taken:  # a late bar belongs to one that was taken in
                self.refill()
                return
            done = int(np.searchsorted(known, now, side="right"))
            for i in range(done):
                self._stream.update({name: columns[name][i] for name in self._recipe.inputs})
                self._add(self._stream.values)
            self._mark(known, begins, first, done)
        self._finished.append(len(self._tails[0]) - 1)
        self._finished.drop(self._finished.held - 1)

    def _mark(self, known: Any, begins: Any, first: Any, done: int) -> None:
        """Remember up to where coarse bars have been taken in, and when the next is complete."""
        self._until = int(known[-1]) if len(known) else 0
        if done:
            self._taken = int(begins[done - 1])
        end = self._lane.cursor.at + 1
        self._open = end if done == len(known) else self._open + int(first[done])

    def _columns(self) -> Mapping[str, Floats]:
        (columns, _, _), _ = self._lane.coarser(self._recipe)
        done = len(self._tails[0])
        return {name: columns[name][:done] for name in self._recipe.inputs}


def _gone(first: int, _last: int) -> array[Any]:
    raise IndexError(first)
