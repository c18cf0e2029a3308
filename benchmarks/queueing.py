"""How long messages would wait for a session that has a processor of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Work(NamedTuple):
    """Seconds of the processor that a moment took: to the call of the engine, and in all."""

    called: float
    whole: float


def wait_alone(moments: Sequence[Work], *, each: float, rate: float, symbols: int) -> list[float]:
    """Return seconds from the sending of each moment's last bar to the engine's call, without other programs.

    A queue with one server: messages come evenly, bars of all symbols and then as many quotes; each takes
    the processor for as long as messages did on average, and a moment's last bar for the moment's own work
    too. What is not processor time, such as a wait for the disk, is not in it.

    Args:
        moments: What each moment took, in their order.
        each: Seconds of the processor a message, moments' work aside.
        rate: Messages a second.
        symbols: Bars of a moment.
    """
    free, waits = 0.0, []
    for minute, work in enumerate(moments):
        for place in range(2 * symbols):
            sent = (2 * symbols * minute + place) / rate
            free = max(free, sent) + each
            if place == symbols - 1:
                waits.append(free + work.called - sent)
                free += work.whole
    return waits
