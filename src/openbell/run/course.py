"""From a plan to a strategy's course on a tape, and from what a journal says of it back to the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from openbell.backtesting.plan import Plan, plan_from_json
from openbell.core.engine import Engine
from openbell.core.types import Instrument
from openbell.data.bars import Series, Source
from openbell.data.calendar import Sessions, sessions
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.execution.risk.gate import open_gate
from openbell.portfolio.conduct import Conduct
from openbell.portfolio.currencies import currency_of
from openbell.run.prices import instrument
from openbell.storage.journal import Journal
from openbell.strategies.registry import Found
from openbell.trading.course import Course
from openbell.trading.livecourse import LiveCourse
from openbell.trading.scribe import Log, Scribe

#: What of a plan does not decide what happens: its last day may be put off.
_OPEN: Mapping[str, Any] = {"end": None, "benchmark": "", "finer": []}


class Ground(NamedTuple):
    """What a course stands on.

    Args:
        instruments: What is traded, in the plan's order.
        sources: Where each symbol's bars come from.
        sessions: Of the exchange, from before the first bar to after the last that may come.
        begin: The time before the first moment, ns UTC.
        past: Bars that are known already, by symbol.
    """

    instruments: Sequence[Instrument]
    sources: Mapping[str, Source]
    sessions: Sessions
    begin: int
    past: Mapping[str, Series]


def ground_of(plan: Plan, series: Sequence[Series]) -> Ground:
    """Return the ground of a course over stored bars."""
    given = {one.symbol: one for one in plan.instruments}
    first, last = min(int(s.start[0]) for s in series), max(int(s.known[-1]) for s in series)
    return Ground(
        [given.get(s.symbol) or instrument(s, plan.provider) for s in series],
        {s.symbol: s.source for s in series},
        sessions(series[0].source.calendar, first, last),
        min(int(s.known[0]) for s in series) - 1,
        {},
    )


def make_engine(plan: Plan, found: Found, ground: Ground, folder: Path | None = None) -> tuple[Engine, Tape]:
    """Return a strategy at its desk, and the tape that it reads; `folder` is where its older bars go.

    Raises:
        ConfigError: What it trades is priced in two currencies.
    """
    currency_of(ground.instruments)
    tape = Tape(
        ground.instruments,
        timeframe=plan.timeframe,
        sessions=ground.sessions,
        past=ground.past,
        begin=ground.begin,
        universe=plan.universe,
        folder=folder,
        around=[symbol for symbol, source in ground.sources.items() if source.is_around],
    )
    strategy = found.make(plan.parameters)
    engine = Engine(
        strategy,
        market=tape,
        cash=plan.cash,
        sizer=plan.sizer,
        short=plan.costs.margin.short,
        initial=plan.costs.margin.initial,
        gate=open_gate(plan.risk, tape.calendar),
    )
    strategy.bind(engine.desk, seed=plan.seed)
    return engine, tape


def make_live_course(name: str, plan: Plan, found: Found, ground: Ground, log: Log) -> LiveCourse:
    """Return a strategy's course in a live session; arguments as for `make_course`."""
    engine, tape = make_engine(plan, found, ground, _beside(log, name))
    margin = plan.costs.margin
    initial = margin.initial
    return LiveCourse(
        engine,
        Scribe(log, name),
        tape=tape,
        initial=initial,
        conduct=None if margin.is_plain else Conduct(margin, tape.calendar),
        origin=plan.strategy,
        parameters=plan.parameters,
        make=found.make,
    )


def make_course(name: str, plan: Plan, found: Found, ground: Ground, log: Log) -> Course:
    """Return a strategy's course at its own simulated broker.

    Args:
        name: The strategy's in its session.
        plan: What decides it.
        found: The strategy.
        ground: What it stands on.
        log: Where what happens is written.
    """
    engine, tape = make_engine(plan, found, ground, _beside(log, name))
    strategy = engine.strategy
    broker = SimulatedBroker(
        strategy=strategy.name, account=engine.account, market=tape, sessions=tape.calendar, costs=plan.costs
    )
    return Course(
        engine, broker, Scribe(log, name), tape=tape, origin=plan.strategy, parameters=plan.parameters,
        make=found.make,
    )  # fmt: skip


def _beside(log: Log, name: str) -> Path | None:
    """Return the folder beside a journal where a strategy's older bars go; None where there is no journal."""
    if not isinstance(log, Journal):
        return None
    return log.path.parent / "tape" / blake2b(name.encode(), digest_size=8).hexdigest()


def describe_course(name: str, plan: Plan, ground: Ground) -> dict[str, Any]:
    """Return all that decides what happens in a course but its bars, as a journal keeps it."""
    described = {key: value for key, value in plan.as_json().items() if key not in _OPEN}
    return {
        "name": name,
        **described,
        "instruments": [asdict(one) for one in ground.instruments],
        "sources": {symbol: asdict(source) for symbol, source in ground.sources.items()},
    }


def read_course(described: Mapping[str, Any]) -> tuple[str, Plan, Mapping[str, Source]]:
    """Return the name, the plan and the sources of a course that a journal describes.

    Raises:
        ConfigError: The plan cannot be made again.
    """
    plain = {key: value for key, value in described.items() if key not in {"name", "sources"}}
    sources = {symbol: Source(**one) for symbol, one in described["sources"].items()}
    return described["name"], plan_from_json({**plain, **_OPEN}), sources


def as_begun(mine: Plan, begun: Plan) -> Plan:
    """Return a plan with the parameters and limits that it began with: those of now come as changes."""
    return replace(mine, parameters=dict(begun.parameters), risk=begun.risk)
