"""What is due at which time, in the order of time, without a clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Act = Callable[[int], None]


class Alarms:
    """Things to do at times; each is called with the time at which it was due."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Act]] = []
        self._count = 0

    def set(self, time: int, act: Act) -> None:
        """Do something at a time."""
        self._count += 1
        heapq.heappush(self._heap, (time, self._count, act))

    def drop(self, *acts: Act) -> None:
        """Do not do these any more."""
        self._heap = [alarm for alarm in self._heap if alarm[2] not in acts]
        heapq.heapify(self._heap)

    def run(self, now: int) -> None:
        """Do what is due up to now, also what that sets for now."""
        while self._heap and self._heap[0][0] <= now:
            time, _, act = heapq.heappop(self._heap)
            act(time)

    def next(self) -> int | None:
        """Return when something is due; None if nothing is."""
        return self._heap[0][0] if self._heap else None
