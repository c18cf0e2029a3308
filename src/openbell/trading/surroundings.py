"""Surroundings: what strategies of a session stand on and every process makes for itself, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openbell.storage.journal import Journal
from openbell.strategies.signal import SignalStrategy
from openbell.trading.course import Course
from openbell.trading.livecourse import LiveCourse


def outside_of(courses: Sequence[Course | LiveCourse], journal: Journal) -> Mapping[str, object]:
    """Return what is not part of the strategies' state: the journal, calendars, clocks, their own code."""
    found: dict[str, Any] = {"journal": journal}
    for course in courses:
        found |= {f"{course.name}: {what}": one for what, one in _around(course).items()}
    return found


def _around(course: Course | LiveCourse) -> Mapping[str, object]:
    strategy = course.engine.strategy
    found: dict[str, object] = {
        "calendar": course.tape.calendar, "clock": course.scribe.clock, "log": course.scribe.journal,
        "class": type(strategy),
    }  # fmt: skip
    if course.tuning is not None:
        found["making"] = course.tuning.make
    if isinstance(strategy, SignalStrategy):
        found["decision"] = strategy.signal.decide
    return found | {f"sessions of {symbol}": lane.sessions for symbol, lane in course.tape.lanes.items()}
