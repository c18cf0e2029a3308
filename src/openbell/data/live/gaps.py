"""What a stream did not bring: asked for, waited for, and put in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from openbell.core.messages import BarMessage
from openbell.data.live.alarms import Alarms
from openbell.data.live.items import Ask, Gap
from openbell.data.live.lane import Lane
from openbell.data.live.plan import Plan, nanos
from openbell.data.live.timetable import Timetable
from openbell.data.providers.protocol import Span

_RARELY = 16  #: periods between two questions about a symbol that is rightly silent, at most


class Gaps:
    """Delivers lanes' bars in order, and asks for what is missing between them.

    After a connection the gaps of all symbols are filled before anything is delivered, so that time goes
    forward over all of them. Later a hole holds back its own symbol alone.

    Args:
        plan: How patient to be.
        lanes: The symbols, in their order.
        times: The exchange's sessions.
        alarms: Where to be called from.
        send: Asks for bars.
        tell: Says what became of a gap.
        deliver: Hands over bars, sorted by time.
        suspect: Told of a symbol for which the stream was mute, and since when.
    """

    def __init__(
        self,
        plan: Plan,
        lanes: dict[str, Lane],
        *,
        times: Timetable,
        alarms: Alarms,
        send: Callable[[Ask], object],
        tell: Callable[[Gap], object],
        deliver: Callable[[int, list[BarMessage]], None],
        suspect: Callable[[int, str, int], None],
    ) -> None:
        self._plan = plan
        self._lanes = lanes
        self._times = times
        self._alarms = alarms
        self._send, self._tell, self._deliver, self._suspect = send, tell, deliver, suspect
        self._wave: set[str] = set()  # symbols whose gap is being filled after a connection
        self._gates: dict[str, int] = {}  # those of them that are, and up to where
        self._owed = 0  # a check that waits until the gaps are filled
        self._answered = 0

    @property
    def is_filling(self) -> bool:
        """Whether everything waits for the gaps of a connection."""
        return bool(self._wave)

    def find(self, at: int, first: int) -> None:
        """Ask for what opens before `first`: there begins what the new connection brings whole."""
        due = max(at, first + nanos(self._plan.settle))
        self._wave.clear()
        self._gates.clear()
        for lane in self._lanes.values():
            hole = self._times.cut(Span(lane.done, first)) if lane.done < first else None
            if hole is None:
                lane.pending = None
                lane.done = max(lane.done, first)
            else:
                self._wave.add(lane.symbol)
                self._ask(due, lane, hole)
        self.release(at, self._lanes.values())

    def release(self, at: int, lanes: Iterable[Lane]) -> None:
        """Deliver what can be."""
        if self._wave:
            return
        ready: list[BarMessage] = []
        holes: list[tuple[Lane, Span]] = []
        for lane in lanes:
            if lane.symbol in self._gates:
                ready += lane.close(self._gates.pop(lane.symbol))
            bars, hole = lane.take(self._times)
            ready += bars
            if hole is not None:
                holes.append((lane, hole))
        if len(ready) > 1:
            ready.sort(key=lambda bar: bar.end)  # the order of symbols within a moment stays
        self._deliver(at, ready)
        for lane, hole in holes:
            self._ask(at, lane, hole)

    def fill(self, at: int, lane: Lane, span: Span, *, bars: Iterable[BarMessage], reason: str) -> int:
        """Put fetched bars into the gap that a lane waits for; return how many were missing."""
        filled = sum([lane.fill(bar) for bar in bars])
        self._close(at, lane, span, filled=filled, reason=reason)
        return filled

    def note_answer(self, at: int) -> None:
        """Note that requests are answered: patience begins anew."""
        self._answered = at

    def check(self, time: int, end: int) -> None:
        """Ask about symbols whose bar up to `end` did not come: not traded, or is the stream mute?"""
        if self._wave:
            self._owed = end
            return
        last = not self._times.is_open(end)  # no later bar will show that one is missing
        for lane in self._lanes.values():
            if lane.done < end and lane.pending is None and (last or lane.next_check <= end):
                hole = self._times.cut(Span(lane.done, end))
                if hole is not None:
                    self._ask(time, lane, hole, checking=True)

    def _ask(self, due: int, lane: Lane, span: Span, *, checking: bool = False) -> None:
        lane.pending, lane.checking = span, checking

        def send(time: int) -> None:
            if lane.pending == span:
                self._send(Ask(lane.symbol, span))
                self._alarms.set(time + nanos(self._plan.patience), give_up)

        def give_up(time: int) -> None:
            until = self._answered + nanos(self._plan.patience)
            if lane.pending != span:
                return
            if until > time:  # others are being answered
                self._alarms.set(until, give_up)
                return
            self._close(time, lane, span, filled=0, reason=f"no answer within {self._plan.patience:g} s")

        self._alarms.set(due, send)

    def _close(self, at: int, lane: Lane, span: Span, *, filled: int, reason: str) -> None:
        lane.pending = None
        if filled or reason:
            self._tell(Gap(at, lane.symbol, span, filled, reason))
        if lane.checking and filled:
            self._suspect(at, lane.symbol, span.start)
        elif lane.checking:
            lane.quiet += 1
            lane.next_check = span.end + min(2**lane.quiet, _RARELY) * self._times.step
        self._gates[lane.symbol] = span.end
        waited = lane.symbol in self._wave  # and all others with it
        self._wave.discard(lane.symbol)
        self.release(at, self._lanes.values() if waited else (lane,))
        if self._owed and not self._wave:
            owed, self._owed = self._owed, 0
            self.check(at, owed)
