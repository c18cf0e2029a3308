"""Whether all is well, with reasons: of each session its pulse, feed, broker, journal and copy."""

from __future__ import annotations

from collections.abc import Iterator
from time import time_ns
from typing import Any

from openbell.app.desk import Desk
from openbell.app.follower import Follower
from openbell.core.types import NANOS_PER_SECOND
from openbell.trading.pulse import AT_WORK, Sign, is_quiet

_START = 60.0  #: seconds that a session may take to start
_LAG = 1.0  #: seconds that a session's loop may be late
_SKEW = 5.0  #: seconds that the broker's clock may be another
_UNCOPIED = 1_000  #: events that the database may be behind
_MEMORY = 4_000_000_000  #: bytes


def health_of(desk: Desk) -> dict[str, Any]:
    """Return whether the server answers for what is healthy, and each session's parts.

    A session that does not run is no reason against being ready: somebody stopped it, or its bars ended. One
    that was interrupted is.
    """
    sessions = desk.sessions()
    reasons = [f"{name}: its journal cannot be read" for name in sorted(desk.unreadable)]
    described = {}
    for one in sessions:
        mine = list(_reasons(one))
        reasons += [f"{one.name}: {reason}" for reason in mine]
        described[one.name] = {**_parts(one), "reasons": mine}
    return {"live": True, "ready": not reasons, "reasons": reasons, "sessions": described}


def _reasons(one: Follower) -> Iterator[str]:
    """Yield what is wrong with a session."""
    state, pulse = one.state, one.pulse
    if state == "interrupted":
        yield "it was interrupted, and does not run"
    for strategy, said in one.failed.items():
        yield f"strategy {strategy} raised: {said}"
    if state not in AT_WORK:
        return
    yield from _signs(one.sign)
    yield from _links(one)
    if pulse is not None and pulse.lag > _LAG:
        yield f"its loop is {pulse.lag:.1f} s late"
    if pulse is not None and pulse.memory > _MEMORY:
        yield f"it holds {pulse.memory / 1e9:.1f} GB of memory"


def _signs(sign: Sign | None) -> Iterator[str]:
    """Yield what is wrong with what a session shows of itself."""
    if sign is None:  # it has ended between two looks
        return
    doing = "is starting, and has" if sign.starting else "has"
    if is_quiet(sign.state, sign.age):
        yield f"it {doing} not answered for {sign.age:.0f} s"
    elif sign.starting and (since := (time_ns() - sign.starting) / NANOS_PER_SECOND) > _START:
        yield f"it has been starting for {since:.0f} s"


def _links(one: Follower) -> Iterator[str]:
    """Yield what is wrong with a session's ways to the world."""
    observed = one.observed
    if observed.feed in {"Lost", "Stale"}:
        yield f"its feed is {observed.feed.lower()}"
    if observed.link_up is False:
        yield "the broker's stream is down"
    if observed.skew is not None and abs(observed.skew) > _SKEW:
        yield f"the broker's clock differs by {observed.skew:.1f} s"
    if (one.uncopied or 0) > _UNCOPIED:
        yield f"the database is {one.uncopied} events behind"


def _parts(one: Follower) -> dict[str, Any]:
    observed, pulse, now = one.observed, one.pulse, time_ns()

    def age(wall: int) -> float | None:
        return round(max(now - wall, 0) / NANOS_PER_SECOND, 3) if wall else None

    return {
        "state": one.state,
        "pulse_age": None if pulse is None else round(one.silence, 3),
        "loop_lag": None if pulse is None else round(pulse.lag, 4),
        "memory": None if pulse is None else pulse.memory,
        "feed": observed.feed or None,
        "feed_age": {symbol: age(seen.wall) for symbol, seen in sorted(observed.fresh.items())},
        "broker_stream": observed.link_up,
        "reconcile_age": age(observed.checked),
        "clock_skew": observed.skew,
        "journal_events": one.last,
        "journal_age": age(one.observed.wall),
        "uncopied": one.uncopied,
    }
