"""When the exchange is open: sessions as sorted integers, and the questions that orders ask of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from openbell.core.errors import BadData

#: Trading after a session's close, in ns: NYSE and Nasdaq go on for four hours, after half days too.
AFTER_HOURS = 4 * 3600 * 1_000_000_000


class Sessions(NamedTuple):
    """Opening and closing times in ns, sorted, one pair for each session. Closes follow their opens."""

    calendar: str
    opens: Sequence[int]
    closes: Sequence[int]

    def index_after(self, time: int) -> int:
        """Return the session in which an order sent at `time` works first: the first that closes later."""
        return self._within(bisect_right(self.closes, time), time)

    def close_after(self, time: int) -> int:
        """Return the close at which a DAY order sent at `time` runs out."""
        return self.closes[self.index_after(time)]

    def open_from(self, time: int) -> int:
        """Return the first open at or after `time`: when an OPG order sent then may fill."""
        return self.opens[self._within(bisect_left(self.opens, time), time)]

    def is_open(self, time: int) -> bool:
        """Tell whether a time lies in a session."""
        index = bisect_right(self.opens, time) - 1
        return index >= 0 and time < self.closes[index]

    def extended_close_after(self, time: int) -> int:
        """Return when a DAY order sent at `time` runs out that works outside of its session too."""
        return self.close_after(time - AFTER_HOURS) + AFTER_HOURS

    def _within(self, index: int, time: int) -> int:
        if index >= len(self.closes):
            raise BadData(
                f"calendar {self.calendar}: no session is known after {time} ns; extend the calendar"
            )
        return index
