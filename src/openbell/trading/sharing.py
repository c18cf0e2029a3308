"""Sharing: the limits of strategies that trade one account see all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openbell.core.market import Track
from openbell.data.bars import CalendarUnit, parse_timeframe
from openbell.execution.risk.gate import RiskGate, gate_of
from openbell.execution.risk.whole import Member, Whole
from openbell.trading.course import Course
from openbell.trading.livecourse import LiveCourse
from openbell.utils.logging import get_logger


def share_account(courses: Sequence[Course | LiveCourse]) -> None:
    """Let the limits of each strategy see what all strategies of a session hold and work, without limits too.

    One strategy alone is the account, and nothing changes. Strategies in two currencies have two accounts.
    """
    accounts: dict[str, list[Course | LiveCourse]] = {}
    for course in courses:
        instrument = next(iter(course.tape.tracks.values())).instrument
        accounts.setdefault(instrument.currency, []).append(course)
    for account in accounts.values():
        _share(account)


def _share(courses: Sequence[Course | LiveCourse]) -> None:
    gates = [gate_of(course.engine) for course in courses]
    if len(gates) < 2 or not any(gates):
        return
    members = [
        Member(course.engine.desk, None if gate is None else gate.book)
        for course, gate in zip(courses, gates, strict=True)
    ]
    whole = Whole(members, courses[0].tape.calendar, pace=_pace_of(courses, gates))
    for gate in gates:
        if gate is not None:
            gate.share(whole)


def _pace_of(courses: Sequence[Course | LiveCourse], gates: Iterable[RiskGate | None]) -> list[Track]:
    """Return the tracks of the longest bars; none where all are of one length."""
    lanes = [lane for course in courses for lane in course.tape.lanes.values()]
    lengths = sorted({lane.timeframe for lane in lanes}, key=_rank)
    if len(lengths) == 1:
        return []
    if any(gate is not None and gate.forecast is not None for gate in gates):
        get_logger().info(
            f"bars are of several lengths ({', '.join(lengths)}): for the account, limits on value at risk, "
            f"shortfall, beta and correlation are over bars of {lengths[-1]}"
        )
    return [lane.track for lane in lanes if lane.timeframe == lengths[-1]]


def _rank(timeframe: str) -> tuple[int, int]:
    """Return what timeframes are put in order by."""
    length = parse_timeframe(timeframe)
    return (list(CalendarUnit).index(length) + 1, 0) if isinstance(length, CalendarUnit) else (0, length)
