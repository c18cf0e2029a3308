"""Why a run came to no trade: what its orders waited for, or why there were none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from openbell.core import rules
from openbell.core.market import Track
from openbell.core.orders import Order
from openbell.core.types import OrderStatus, OrderType, Reason, TimeInForce
from openbell.reporting.result import Result
from openbell.reporting.words import REASONS, count, plain

#: These end an order that waited in vain; they do not say what for.
_IN_VAIN = frozenset({
    Reason.REPLACED, Reason.ASKED, Reason.SESSION_END, Reason.GOOD_TILL, Reason.NOT_IMMEDIATE, Reason.SPLIT,
    Reason.SPIN_OFF, Reason.DELISTED, Reason.END_OF_DATA,
})  # fmt: skip
_LASTING = frozenset({TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD})


def why_nothing(result: Result) -> str:
    """Return why a run has no fill: the ends of a sentence, joined by semicolons."""
    outcome = result.outcome
    why = [REASONS[reason] for reason in outcome.notes]
    late: list[str] = []
    for order in outcome.orders:
        if not _slept(order):
            text, met_bars = _why_unfilled(result, order)
            (why if met_bars else late).append(text)
    return "; ".join(dict.fromkeys(why or late or _why_unasked(result))) + "."


def _why_unasked(result: Result) -> Iterator[str]:
    panel, waiting = result.outcome.panel, result.outcome.waiting
    bars = count(sum(len(track.known) for track in panel.tracks.values()), "bar")
    if len(waiting) == len(panel.symbols):
        yield f"its indicators never had a value: they need more than {bars}"
        return
    yield f"in {bars} its conditions never held"
    if waiting:
        yield f"for {', '.join(sorted(waiting))} its indicators never had a value"


def _slept(order: Order) -> bool:
    """Tell whether an order only waited for its parent, whose own story says why."""
    steps = {step.status for step in order.life}
    return OrderStatus.HELD in steps and OrderStatus.ACCEPTED not in steps


def _why_unfilled(result: Result, order: Order) -> tuple[str, bool]:
    """Return what an order waited for or why it ended, and whether a bar could have filled it.

    One that was sent at the last bar, or taken back at once, says little beside others that waited.
    """
    accepted = [step.time for step in order.life if step.status is OrderStatus.ACCEPTED]
    ended = REASONS[order.reason]
    if not accepted or order.reason not in _IN_VAIN:
        return ended, True
    track = result.outcome.panel.tracks[order.symbol]
    share = result.plan.costs.volume_share
    volume = _volume(track, accepted[0], order.life[-1].time)
    lots = volume * share + rules.DUST >= track.instrument.lot if share > 0.0 else np.ones(len(volume), bool)
    if not len(volume):
        return ended, False
    if not lots.any():
        part = f"{plain(100 * share)}% of a bar's volume, the most that may fill, was less than one lot"
        return part if volume.any() else "there was no volume to fill against", True
    if order.type is OrderType.MARKET or order.tif not in _LASTING:
        return ended, True
    return f"no bar {'' if lots.all() else 'with enough volume '}met its price, and {ended}", True


def _volume(track: Track, since: int, until: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the volume of the bars that began after one time and ended up to another."""
    first = int(np.searchsorted(np.asarray(track.start), since))
    last = int(np.searchsorted(np.asarray(track.known), until, side="right"))
    return np.asarray(track.volume[first:last], dtype=np.float64)
