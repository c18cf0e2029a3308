"""Usual volume, which sizes are held against."""

from __future__ import annotations

import math

from openbell.execution.risk.trial import Trial


def average_volume(trial: Trial, width: int) -> float:
    """Return the average volume of the last bars of a symbol; 0 before the first."""
    end = trial.track.cursor.at + 1
    if end <= 0:
        return 0.0
    begin = max(end - width, 0)
    return sum(trial.track.volume[begin:end]) / (end - begin)


def ratio(part: float, whole: float) -> float:
    """Return a part of a whole; infinite where there is none."""
    return part / whole if whole > 0.0 else math.inf
