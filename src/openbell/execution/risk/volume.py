"""Usual volume, which sizes are held against."""

from __future__ import annotations

import math

from openbell.execution.risk.trial import Trial


def average_volume(trial: Trial, width: int) -> float:
    """Return the average volume of the last bars of a symbol; 0 before the first."""
    slot, end = trial.slot, trial.track.cursor.at + 1
    if slot.volume_at != end:  # of the bars up to here: asked several times an order
        begin = max(end - width, 0)
        slot.volume_at = end
        slot.volume = sum(trial.track.volume[begin:end]) / (end - begin) if end > 0 else 0.0
    return slot.volume


def ratio(part: float, whole: float) -> float:
    """Return a part of a whole; infinite where there is none."""
    return part / whole if whole > 0.0 else math.inf
