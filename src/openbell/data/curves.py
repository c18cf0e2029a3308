"""What a symbol's shares and one unit of cash in them were worth over a run's timeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from openbell.core.types import Delisting, SpinOff, Split
from openbell.data.bars import Floats, Times
from openbell.data.traded import Traded


def held_closes(part: Traded, times: Times, spun_off: Iterable[tuple[int, float]]) -> Floats:
    """(moments,) the last known raw close, in the shares held then; NaN before the first.

    Args:
        part: The symbol.
        times: The moments of the run, ns UTC.
        spun_off: The moments at which it came out of another symbol, and its price then.
    """
    held = part.carried(part.series.close, len(times))
    for at, action in part.due(times):
        if isinstance(action, Split):
            resumes = part.slots[np.searchsorted(part.series.start, action.ex)]
            if at < resumes:
                held[at:resumes] /= action.ratio
    for at, price in spun_off:
        held[at : part.slots[0]] = price
    return held


def spun_off(parts: Sequence[Traded], times: Times) -> dict[str, list[tuple[int, float]]]:
    """Return, by symbol, the moments at which it came out of another, and its price then."""
    found: dict[str, list[tuple[int, float]]] = {}
    for part in parts:
        for at, action in part.due(times) if part.series.actions else ():
            if isinstance(action, SpinOff):
                found.setdefault(action.child, []).append((at, action.price))
    return found


def grown(part: Traded, times: Times) -> Floats:
    """(moments,) what one unit of cash has become, dividends reinvested; 1 before the first bar."""
    value = part.series.close * part.total
    curve = part.carried(value / value[0], len(times))
    curve[: part.slots[0]] = 1.0
    for at, action in part.due(times):
        if isinstance(action, Delisting) and action.price is not None:  # else it ends at the last close
            curve[min(at, len(curve) - 1) :] *= action.price / float(part.series.close[-1])
    return curve
