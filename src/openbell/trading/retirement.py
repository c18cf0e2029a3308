"""Retirement: what ended long ago leaves a session's memory; the journal has it, and reports read that.

It follows from the moments alone, so that a session that is gone through again lets go of the same.
"""

from __future__ import annotations

from bisect import bisect_right

from openbell.core.clock import Sessions
from openbell.core.engine import Engine

KEPT = 1_000  #: orders that are kept in any case
_ORDERS = 2  #: sessions whose orders are kept: fills come late, and strategies look back
_BOOKINGS = 10  #: sessions whose bookings are kept: settlement and day trades count over six


class Retirement:
    """Lets go of one strategy's past when a session of the exchange begins, and there is enough of it."""

    def __init__(self, engine: Engine, sessions: Sessions) -> None:
        """Take the strategy's engine, and the exchange's sessions."""
        self._engine, self._sessions = engine, sessions
        self._session = -1  # the one that the last moment was in

    def pass_moment(self, time: int) -> int:
        """Take note of a moment, ns; return before when orders ended that were let go of, 0 for none."""
        closes, engine = self._sessions.closes, self._engine
        session = bisect_right(closes, time)
        if session == self._session:
            return 0
        self._session = session
        if session <= _ORDERS or len(engine.desk.orders) <= KEPT:
            return 0
        before = closes[session - 1 - _ORDERS]
        engine.retire(orders=before, bookings=closes[session - 1 - _BOOKINGS] if session > _BOOKINGS else 0)
        return before
