"""One symbol's bars: each once, in the order of time, and what is missing between them."""

from __future__ import annotations

import math
from enum import Enum, auto

from openbell.core.messages import BarMessage
from openbell.core.types import NANOS_PER_SECOND
from openbell.data.bars import format_timeframe
from openbell.data.live.timetable import Timetable
from openbell.data.providers.protocol import Span

_REMEMBERED = 64  #: delivered bars a symbol that duplicates and corrections are compared with


class Fate(Enum):
    """What becomes of a bar that arrives."""

    NEW = auto()
    DUPLICATE = auto()
    REPLACED = auto()  #: it was corrected before it was delivered
    CORRECTED = auto()  #: after
    LATE = auto()  #: it belongs before what was delivered, and never was


class Lane:
    """What was delivered of a symbol, and what waits.

    `done` says how far: whatever opens before was delivered, does not exist, or was given up. It never goes
    back, so that nothing is delivered twice or out of order.
    """

    __slots__ = ("checking", "done", "held", "next_check", "pending", "quiet", "recent", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.done = 0
        self.held: dict[int, BarMessage] = {}
        self.recent: dict[int, BarMessage] = {}
        self.pending: Span | None = None  #: what is being asked for
        self.checking = False  #: whether it is asked because the symbol is silent
        self.quiet = 0  #: how often in a row it was silent, and rightly
        self.next_check = 0

    def place(self, bar: BarMessage) -> tuple[Fate, BarMessage | None]:
        """Put a bar where it belongs; also return the one that was delivered in its place, if any."""
        if bar.corrected:
            bar = bar._replace(corrected=False)
        if bar.start < self.done:
            before = self.recent.get(bar.start)
            if before is None:
                return Fate.LATE, None
            if before == bar:
                return Fate.DUPLICATE, before
            self.recent[bar.start] = bar
            return Fate.CORRECTED, before
        waiting = self.held.get(bar.start)
        self.held[bar.start] = bar
        if waiting is None:
            return Fate.NEW, None
        return (Fate.DUPLICATE if waiting == bar else Fate.REPLACED), None

    def fill(self, bar: BarMessage) -> bool:
        """Put a fetched bar where the stream has brought none; return whether it was missing."""
        if bar.start < self.done or bar.start in self.held:
            return False
        self.held[bar.start] = bar._replace(corrected=False)
        return True

    def take(self, timetable: Timetable) -> tuple[list[BarMessage], Span | None]:
        """Return the bars that can be delivered now, oldest first, and the hole before the next one."""
        ready: list[BarMessage] = []
        while self.held and self.pending is None:
            bar = self.held[min(self.held)]
            if bar.start > self.done:
                hole = timetable.cut(Span(self.done, bar.start))
                if hole is not None:
                    return ready, hole
            self._deliver(bar, ready)
        return ready, None

    def close(self, end: int) -> list[BarMessage]:
        """Give up what is missing before `end`, and return the bars that waited for it."""
        self.pending = None
        ready: list[BarMessage] = []
        for start in sorted(start for start in self.held if start < end):
            self._deliver(self.held[start], ready)
        self.done = max(self.done, end)
        return ready

    def _deliver(self, bar: BarMessage, ready: list[BarMessage]) -> None:
        del self.held[bar.start]
        self.recent[bar.start] = bar
        if len(self.recent) > _REMEMBERED:
            del self.recent[next(iter(self.recent))]
        self.done = bar.end
        ready.append(bar)


def find_fault(bar: BarMessage, *, at: int, period: Span, step: int) -> str:
    """Return why a bar cannot be right, in words; nothing if it can.

    Args:
        bar: As it was received.
        at: When.
        period: The one that its start falls into.
        step: The length of bars, ns.
    """
    if not (
        0.0 < bar.low <= min(bar.open, bar.close)
        and max(bar.open, bar.close) <= bar.high < math.inf
        and 0.0 <= bar.volume < math.inf
    ):
        return f"prices that cannot be of one bar: {bar[3:8]}"
    if bar.start != period.start or bar.end not in {period.end, bar.start + step}:
        seconds = (bar.end - bar.start) / NANOS_PER_SECOND
        return f"a bar of {seconds:g} s is none of {format_timeframe(step)}"
    if bar.end > at + step:
        return f"a bar that is complete {(bar.end - at) / NANOS_PER_SECOND:.1f} s from now"
    return ""
