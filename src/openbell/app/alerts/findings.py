"""What in a session is worth an alert: out of its events, and out of how it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from openbell.app.follower import Follower
from openbell.app.views import standing_of
from openbell.config.alerts import Kind
from openbell.storage.journal import Entry
from openbell.trading.pulse import AT_WORK

_REARM = 0.8  #: a stage of drawdown is told again after equity has recovered to this part of it
_BAD_FEED = frozenset({"Lost", "Stale", "Unusable"})
_STAGES = ("warn", "reduce", "halt")


class Finding(NamedTuple):
    """Something to tell: its kind, of which session, in words; `urgent` is worse than the kind usually is."""

    kind: Kind
    session: str
    said: str
    urgent: bool = False


def findings_in(session: str, entry: Entry) -> Iterator[Finding]:
    """Yield what one event is worth telling."""
    body, who = entry.body, f"{entry.strategy}: " if entry.strategy else ""
    if entry.kind == "fill":
        verb = "bought" if body["side"] > 0 else "sold"
        said = f"{who}{verb} {body['quantity']:g} {body['symbol']} at {body['price']:,.4g}"
        yield Finding("fill", session, said)
    elif entry.kind == "refused":
        yield Finding("refusal", session, f"{who}{body['said']}")
    elif entry.kind == "update" and body["status"] == "rejected":
        yield Finding("refusal", session, f"{who}order {body['order_id']} was rejected: {body['reason']}")
    elif entry.kind == "alarm":
        yield Finding("disagreement", session, str(body["said"]))
    elif entry.kind in {"failed", "rolled_back"}:
        yield Finding("strategy_error", session, f"{who}{body['said']}")
    elif entry.kind == "margin_call":
        yield Finding(
            "margin_call", session, f"{who}equity {body['equity']:,.2f}, needed {body['needed']:,.2f}"
        )
    elif entry.kind == "feed" and body["kind"] in _BAD_FEED:
        yield Finding("stale_feed", session, f"the feed is {body['kind'].lower()}: {body['said']}")
    elif entry.kind == "link" and not body["up"]:
        yield Finding("stale_feed", session, f"the broker's stream is down: {body['why']}")
    elif entry.kind in {"ask", "asked"}:
        yield Finding("action", session, f"{body['by'] or 'the command line'} asked: {body['do']}")


class Stages:
    """Which stage of drawdown each strategy is in: entering one is told, once until it has recovered."""

    def __init__(self, stages: Sequence[float]) -> None:
        self._stages = sorted(stages)
        self._in: dict[tuple[str, str], float] = {}

    def look(self, one: Follower) -> Iterator[Finding]:
        """Yield the stages that a session's strategies have entered."""
        for name in one.ledgers:
            depth = standing_of(one, name).drawdown
            key, before = (one.name, name), self._in.get((one.name, name), 0.0)
            now = max((stage for stage in self._stages if depth >= stage), default=0.0)
            if now > before:
                last = now == self._stages[-1]
                yield Finding(
                    "drawdown", one.name, f"{name}: equity is {depth:.1%} below its highest", urgent=last
                )
                self._in[key] = now
            elif depth < before * _REARM:
                self._in[key] = now


class Watch:
    """Whether sessions are at work: one that stops by itself, or hangs, is told."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._unreadable: frozenset[str] = frozenset()

    def look(self, sessions: Sequence[Follower], unreadable: Mapping[str, str]) -> Iterator[Finding]:
        """Yield the sessions that are not at work any more, nobody having asked for it."""
        for one in sessions:
            before, now = self._states.get(one.name), one.state
            self._states[one.name] = now
            if before == now:
                continue
            if now == "silent":
                yield Finding("engine_down", one.name, f"it has not answered for {one.silence:.0f} s")
            elif now == "interrupted" and before in AT_WORK:
                yield Finding("engine_down", one.name, "its process has ended without a word")
            elif before == "silent" and now in AT_WORK:
                yield Finding("engine_down", one.name, "it answers again")
        for name in sorted(unreadable.keys() - self._unreadable):
            yield Finding("journal", name, unreadable[name])
        self._unreadable = frozenset(unreadable)


def sum_up(sessions: Sequence[Follower]) -> Iterator[Finding]:
    """Yield each session's day in a line."""
    for one in sessions:
        standings = [standing_of(one, name) for name in one.ledgers]
        equity, today = sum(s.equity for s in standings), sum(s.today for s in standings)
        refused = sum(one.observed.refused.values())
        yield Finding(
            "summary", one.name,
            f"{one.state}; equity {equity:,.2f}, today {today:+,.2f}, {sum(s.positions for s in standings)} "
            f"positions, {sum(s.fills for s in standings)} fills, {refused} refusals so far",
        )  # fmt: skip
