"""A session's journal through the backtest: the same bars, and what came out differently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbell.backtesting.plan import Plan
from openbell.core.errors import BadData, ConfigError
from openbell.core.messages import BarMessage
from openbell.core.types import Reason
from openbell.data.bars import Series, Source
from openbell.data.calendar import sessions
from openbell.execution.risk.limits import risk_from_json
from openbell.execution.risk.whole import TOGETHER
from openbell.run import load_plan, simulate
from openbell.run.course import Ground, make_course, read_course
from openbell.storage.journal import JOURNAL, Entry, Journal
from openbell.strategies.registry import Found, find
from openbell.trading.circumstances import CONDITION
from openbell.trading.ledger import Ledger, fold
from openbell.trading.moments import messages_of, moments_of
from openbell.trading.parity import Difference, Faults, Traded, changed_ends, compare, late_ends
from openbell.trading.recall import moments_in, past_of, series_in
from openbell.trading.record import latest_session
from openbell.trading.rehearsal import actions_of
from openbell.trading.session import Ending

#: Inputs that a backtest has not: a session with one of them is compared with a course like its own.
_BEYOND = frozenset({"reload", "limits", "leave", "failed", "history", "brake", "ask", CONDITION})


@dataclass(frozen=True, slots=True)
class Parity:
    """What a session and its backtest have in common, and what not."""

    folder: Path
    simulated: bool  #: whether the session's broker was the simulated one
    moments: int
    orders: int
    fills: int
    differences: Sequence[Difference]
    notes: Sequence[str]  #: what was not compared

    @property
    def unexplained(self) -> list[Difference]:
        """The differences that nothing explains."""
        return [one for one in self.differences if not one.cause]


#: What else came from outside, and is given again in its turn.
_GIVEN = frozenset({"expect", "reload", "limits", "leave", "return", "brake", "ask", CONDITION})


class Nowhere:
    """A log that keeps nothing."""

    def append(self, kind: str, body: Mapping[str, Any], **_: Any) -> None:
        """Keep nothing."""


def find_parity(folder: str | Path, *, strategies: Mapping[str, Found] | None = None) -> Parity:
    """Replay the last session of a folder through the backtest, and compare order by order.

    Args:
        folder: The session's, or its journal.
        strategies: Strategies by their names in the session, where they cannot be found by their origin.

    Raises:
        ConfigError: There is no session, or its strategy is not found.
        BadData: The journal is damaged.
    """
    path = Path(folder)
    path = path if path.suffix == ".db" else path / JOURNAL
    if not path.exists():
        raise ConfigError(f"session {str(folder)!r} has no {JOURNAL}; `openbell status` lists the sessions")
    with Journal(path, read_only=True) as journal:
        begun, entries = latest_session(journal)
        account = journal.account
    if begun is None:
        raise ConfigError(f"journal {str(path)!r} has no session; `openbell status` lists the sessions")
    if any("sources" not in described for described in begun.body["strategies"]):
        raise ConfigError(f"journal {str(path)!r} was begun by an earlier version, which kept too little")
    recorded = fold(entries)
    moments, differences, notes = moments_in(entries), [], []
    simulated = account == "paper"
    for described in begun.body["strategies"]:
        name, plan, sources = read_course(described)
        ledger = recorded[name]
        found = (strategies or {}).get(name) or find(plan.strategy)
        again = _replay(name, plan, found, sources, entries)
        stored, note = _stored(plan, moments, sources)
        notes += [f"{name}: {note}"] * bool(note)
        faults = Faults(changed_ends(_own(moments, sources), stored), late_ends(moments, sources))
        session = Traded(list(ledger.orders.values()), ledger.fills)
        shared = _shared(name, ledger, entries) if len(recorded) > 1 else ()
        differences += compare(name, session, again, faults=faults, simulated=simulated, shared=shared)
    orders = sum(len(ledger.orders) for ledger in recorded.values())
    fills = sum(len(ledger.fills) for ledger in recorded.values())
    return Parity(path.parent, simulated, len(moments), orders, fills, differences, notes)


def _shared(name: str, ledger: Ledger, entries: Iterable[Entry]) -> set[int]:
    """Return the orders that limits on the whole account refused or cut, or that a fall of it led to, by id.

    A backtest has one strategy, and no account that is more than its own.
    """
    orders, refused = ledger.orders.values(), set()
    for one in entries:
        if one.kind == "refused" and one.strategy == name:
            of_account = one.body["said"].endswith(TOGETHER) or one.body["limit"] == Reason.DRAWDOWN
            refused |= {int(one.subject)} if of_account else set()
    return refused | {one.id for one in orders if one.tag == Reason.DRAWDOWN or TOGETHER in one.tag}


def _replay(
    name: str, plan: Plan, found: Found, sources: Mapping[str, Source], entries: Sequence[Entry]
) -> Traded:
    """Return what a strategy does on the session's bars when each is known at its end."""
    expected = [actions_of(entry) for entry in entries if entry.kind == "expect"]
    actions = [action for some in expected for action in some]
    series = series_in(moments_in(entries), plan.timeframe, sources, actions)
    if not series:
        return Traded([], [])
    if len(series) == len(sources) and _BEYOND.isdisjoint(entry.kind for entry in entries):
        outcome = simulate(plan, found, series)
        return Traded(outcome.orders, outcome.fills)
    return _replay_course(name, plan, found, series, sources=sources, entries=entries)


def _replay_course(
    name: str,
    plan: Plan,
    found: Found,
    series: Sequence[Series],
    *,
    sources: Mapping[str, Source],
    entries: Sequence[Entry],
) -> Traded:
    """Return the same where a session had more than bars: a past, changed parameters, a stop."""
    first, last = min(int(s.start[0]) for s in series), max(int(s.known[-1]) for s in series)
    begin = next(entry.time for entry in entries if entry.kind == "strategy" and entry.strategy == name)
    calendar = next(iter(sources.values())).calendar
    ground = Ground(
        plan.instruments, sources, sessions(calendar, first, last), begin, past_of(entries, sources)
    )
    course = make_course(name, plan, found, ground, Nowhere())
    inputs = [entry for entry in entries if entry.kind in _GIVEN]
    course.expect(actions_of(inputs.pop(0)))
    course.start()
    for bars in [*moments_of(series), []]:
        while inputs and (not bars or inputs[0].time < bars[-1].end):
            give(inputs.pop(0), name, course)
        if bars:
            course.moment(bars)
    if any(e.kind == "session" and e.body["state"] == Ending.END_OF_DATA.value for e in entries):
        course.stop()
    return Traded(list(course.engine.desk.orders.values()), course.engine.fills)


def give(entry: Entry, name: str, course: Any) -> None:
    """Have a strategy's course take what a session took from outside, where it is this strategy's."""
    if entry.kind == "expect":
        course.expect(actions_of(entry))
    elif entry.kind == "leave":
        course.leave(entry.body["how"])
    elif entry.kind == "return":
        course.leaving = False
    elif (entry.strategy or entry.body.get("strategy", name)) != name:  # a live session has it in the body
        return
    elif entry.kind == "brake":
        course.brake(stop=entry.body["stop"])
    elif entry.kind == CONDITION:
        course.note_condition(entry.body, entry.time)
    elif entry.kind == "limits":
        course.limit(risk_from_json(entry.body["risk"]))
    elif entry.kind == "ask":
        course.do(entry.body)
    else:
        course.tuning.change(entry.body["parameters"], entry.time)


def _stored(
    plan: Plan, moments: Iterable[Sequence[BarMessage]], sources: Mapping[str, Source]
) -> tuple[dict[tuple[str, int], BarMessage], str]:
    """Return the bars that the session's provider has now, or why there are none to compare with."""
    try:
        series = load_plan(plan)
    except (ConfigError, BadData) as error:
        return {}, f"its bars are not compared with stored ones ({error})"
    seen = {bar.symbol: bar.start for bar in _own(moments, sources)}
    rows = (bar for one in series if one.symbol in seen for bar in messages_of(one))
    return {(bar.symbol, bar.start): bar for bar in rows}, ""


def _own(moments: Iterable[Sequence[BarMessage]], sources: Mapping[str, Source]) -> Iterable[BarMessage]:
    return (bar for bars in moments for bar in bars if bar.symbol in sources)
