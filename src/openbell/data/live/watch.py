"""Whether a stream is mute: when its next message is due, by the exchange's sessions."""

from __future__ import annotations

from openbell.data.live.timetable import Timetable

_MOST = 5  #: doublings of the silence that is allowed
_PROOF = 10  #: silences that a connection must outlive to be trusted again
_RARE = 10  #: usual intervals that a stream may be silent
_SHARE = 64  #: intervals that the usual one is the mean of, about


class Watch:
    """Knows how long a stream may be silent.

    A stream of quotes or trades may be silent for `allowed` ns inside a session; a stream of bars for that
    long after a bar's end. Outside the sessions silence is right. A stream that was given up for its
    silence, and is as silent after it, gets twice as long each time: nobody trades such symbols, or the
    vendor has an outage.

    Args:
        timetable: The exchange's sessions.
        allowed: ns of silence.
        steady: Whether quotes or trades are subscribed.
    """

    def __init__(self, timetable: Timetable, allowed: int, *, steady: bool) -> None:
        self._timetable = timetable
        self._allowed = allowed
        self._steady = steady
        self._began = 0
        self._mutes = 0
        self._usual = 0.0  # ns between two messages
        self._intervals = 0
        self.heard = 0  #: the last sign of life

    def begin(self, at: int) -> None:
        """Begin with a fresh connection."""
        self._began = self.heard = at

    def hear(self, at: int) -> None:
        """Note a message. `at` may be a bar's end, where our clock is behind the vendor's."""
        if self._steady and self.heard > self._began and at - self.heard < self._timetable.step:
            self._intervals += self._intervals < _SHARE
            self._usual += (at - self.heard - self._usual) / self._intervals
        self.heard = max(self.heard, at)
        if self._mutes and at - self._began > _PROOF * self.patience:
            self._mutes -= 1
            self._began = at

    def note_mute(self) -> None:
        """Note that the stream was too silent."""
        self._mutes = min(self._mutes + 1, _MOST)

    @property
    def patience(self) -> int:
        """The silence that is allowed now, ns."""
        return max(self._allowed, round(_RARE * self._usual)) << self._mutes

    def deadline(self) -> int:
        """Return when the silence is too long, if nothing is heard until then."""
        session = self._timetable.session(self.heard)
        start = max(self.heard, session.start)
        if not self._steady:
            return self._timetable.next_end(start) + self.patience
        if start + self.patience > session.end:
            start = self._timetable.session(session.end).start
        return start + self.patience
