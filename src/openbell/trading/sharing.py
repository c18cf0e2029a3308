"""Sharing: the limits of strategies that trade one account see all of it."""

from __future__ import annotations

from collections.abc import Sequence

from openbell.execution.risk.gate import gate_of
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
    lengths = {lane.timeframe for course in courses for lane in course.tape.lanes.values()}
    alike = len(lengths) == 1
    if not alike and any(gate is not None and gate.forecast is not None for gate in gates):
        get_logger().warning(
            f"bars are of several lengths ({', '.join(sorted(lengths))}): limits on value at risk, "
            "shortfall, beta and correlation look at each strategy alone, not at the account"
        )
    whole = Whole(members, courses[0].tape.calendar, alike=alike)
    for gate in gates:
        if gate is not None:
            gate.share(whole)
