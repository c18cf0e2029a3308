"""The exchange's sessions around now, cut into the periods of a feed's bars."""

from __future__ import annotations

from bisect import bisect_right

from openbell.core.types import NANOS_PER_DAY
from openbell.data.calendar import sessions
from openbell.data.providers.protocol import Span

_AHEAD = 40 * NANOS_PER_DAY  #: no exchange stays closed for so long


class Timetable:
    """When bars are due. Periods count from each session's open; the last one may be cut by the close.

    Args:
        calendar: The exchange's, such as `XNYS` or `24/7`.
        step: The length of a bar, ns.
        regular: Whether there are bars inside the sessions only.
    """

    def __init__(self, calendar: str, step: int, *, regular: bool = True) -> None:
        self.calendar = calendar
        self.step = step
        self.regular = regular
        self._opens: list[int] = []
        self._closes: list[int] = []
        self._reach = Span(0, 0)
        self._latest = Span(0, 0)

    def session(self, time: int) -> Span:
        """Return the session that `time` falls into, else the next one."""
        if self._latest.start <= time < self._latest.end:
            return self._latest
        self._load(time, time)
        index = bisect_right(self._closes, time)
        self._latest = Span(self._opens[index], self._closes[index])
        return self._latest

    def is_open(self, time: int) -> bool:
        """Return whether the exchange is open."""
        return self.session(time).start <= time

    def period(self, time: int) -> Span | None:
        """Return the bar that `time` falls into; None outside the sessions, if only what is inside counts."""
        session = self.session(time)
        if session.start <= time:
            start = time - (time - session.start) % self.step
            return Span(start, min(start + self.step, session.end))
        if self.regular:
            return None
        start = time - time % self.step
        return Span(start, min(start + self.step, session.start))

    def next_end(self, time: int) -> int:
        """Return when the next bar is complete, after `time`."""
        session = self.session(time)
        if not self.regular and time < session.start:
            return min(time - time % self.step + self.step, session.start)
        start = max(time, session.start)
        return min(start - (start - session.start) % self.step + self.step, session.end)

    def cut(self, span: Span) -> Span | None:
        """Return a span without the time before and after its sessions; None if no bar can be in it."""
        if not self.regular:
            return span if span.start < span.end else None
        first = self.session(span.start)
        start = max(span.start, first.start)
        if start >= span.end:
            return None
        self._load(span.start, span.end)
        last = bisect_right(self._opens, span.end - 1) - 1
        return Span(start, min(span.end, self._closes[last]))

    def _load(self, first: int, last: int) -> None:
        if self._reach.start <= first and last < self._reach.end:
            return
        if self._opens:
            first, last = min(first, self._reach.start), max(last, self._reach.end)
        known = sessions(self.calendar, first, last + _AHEAD)
        self._opens, self._closes = known.opens.tolist(), known.closes.tolist()
        self._reach = Span(first, last + NANOS_PER_DAY)
