"""Paper trading on stored bars is the backtest, byte for byte: orders, their lives, fills, ledger, cash."""

import json
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.engine import Engine
from openbell.core.errors import Halt
from openbell.core.messages import BarMessage
from openbell.data.bars import Series
from openbell.data.calendar import sessions
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.run import prepare
from openbell.run.engines import simulate
from openbell.run.prices import instrument
from openbell.storage.journal import Journal
from openbell.strategies.examples import BY_NAME
from openbell.strategies.registry import find
from openbell.trading.course import Course
from openbell.trading.ledger import Ledger, fold
from openbell.trading.moments import moments_of
from openbell.trading.record import latest_session
from openbell.trading.scribe import Scribe
from openbell.trading.session import Ending, Session

PINNED = json.loads(Path(__file__).with_name("example_hashes.json").read_text(encoding="utf-8"))


def prepared(name: str, **settings: Any) -> Any:
    case = PINNED[name]
    costs = ob.Costs(margin=ob.REG_T) if case["margin"] else None
    return prepare(name, case["symbols"], costs=costs, **settings)


def session_of(
    plan: Any, found: Any, series: list[Series], journal: Journal, *, folder: Path | None = None
) -> Session:
    """Return a paper session that is to run a plan; with a folder older bars leave memory."""
    first, last = min(int(s.start[0]) for s in series), max(int(s.known[-1]) for s in series)
    calendar = sessions(series[0].source.calendar, first, last)
    begin = min(int(s.known[0]) for s in series) - 1
    given = {one.symbol: one for one in plan.instruments}
    tape = Tape(
        [given.get(s.symbol) or instrument(s) for s in series],
        timeframe=plan.timeframe,
        sessions=calendar,
        begin=begin,
        universe=plan.universe,
        folder=folder,
    )
    strategy = found.make(plan.parameters)
    engine = Engine(strategy, market=tape, cash=plan.cash, sizer=plan.sizer, short=plan.costs.margin.short)
    strategy.bind(engine.desk, seed=plan.seed)
    broker = SimulatedBroker(
        strategy=strategy.name, account=engine.account, market=tape, sessions=tape.calendar, costs=plan.costs
    )
    scribe = Scribe(journal, strategy.name)
    course = Course(engine, broker, scribe, tape=tape, origin=plan.strategy, parameters=plan.parameters)
    return Session([course], journal, wall=lambda: 0)


async def stream(moments: Iterable[list[BarMessage]]) -> AsyncIterator[list[BarMessage]]:
    for bars in moments:
        yield bars


def actions_of(series: list[Series]) -> list[Any]:
    return [action for one in series for action in one.actions]


def engine_of(session: Session) -> Engine:
    (course,) = session.courses
    return course.engine


def told(orders: Iterable[Any]) -> list[Any]:
    return [(o.id, o.describe(), o.life, o.filled, o.average, o.fees) for o in orders]


def folded(journal: Journal) -> Ledger:
    (ledger,) = fold(latest_session(journal)[1]).values()
    return ledger


@pytest.mark.parametrize("name", BY_NAME)
async def test_an_example_trades_on_paper_as_in_its_backtest(name: str, tmp_path: Path) -> None:
    plan, found, series = prepared(name)
    outcome = simulate(plan, found, series)
    with Journal(tmp_path / "journal.db") as journal:
        session = session_of(plan, found, series, journal)
        session.begin({}, actions_of(series))
        assert await session.run(stream(moments_of(series))) is Ending.END_OF_DATA
        ledger = folded(journal)
    engine = engine_of(session)
    assert told(engine.desk.orders.values()) == told(outcome.orders)
    assert engine.fills == outcome.fills
    assert engine.account.entries == outcome.account.entries
    assert engine.desk.notes == outcome.notes
    assert told(ledger.orders.values()) == told(outcome.orders)
    assert ledger.fills == outcome.fills
    assert ledger.account.entries == outcome.account.entries
    assert ledger.account.cash == outcome.account.cash


@pytest.mark.parametrize("name", BY_NAME)
async def test_a_tape_that_keeps_few_bars_in_memory_changes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("lane", "lines", "tail"):
        monkeypatch.setattr(f"openbell.data.{module}.KEPT", 3)
    plan, found, series = prepared(name, start="2005-01-01", end="2006-12-31")
    outcome = simulate(plan, found, series)
    with Journal(tmp_path / "journal.db") as journal:
        session = session_of(plan, found, series, journal, folder=tmp_path / "tape")
        session.begin({}, actions_of(series))
        await session.run(stream(moments_of(series)))
    engine = engine_of(session)
    assert told(engine.desk.orders.values()) == told(outcome.orders)
    assert engine.account.entries == outcome.account.entries
    assert len(list((tmp_path / "tape").iterdir())) == len(series)
    assert all(lane.start.held < len(lane) for lane in session.courses[0].tape.lanes.values())


@pytest.mark.parametrize("name", BY_NAME)
async def test_a_session_that_was_interrupted_goes_on_as_if_it_had_not_been(
    name: str, tmp_path: Path
) -> None:
    plan, found, series = prepared(name, start="2005-01-01", end="2006-12-31")
    outcome = simulate(plan, found, series)
    moments = list(moments_of(series))
    cuts = [0, 1, len(moments) // 3, len(moments) - 1, len(moments)]
    with Journal(tmp_path / "journal.db") as journal:
        session = session_of(plan, found, series, journal)
        session.begin({}, actions_of(series))
        for first, last in pairwise(cuts):
            for bars in moments[first:last]:
                session.take(bars)
            session = session_of(plan, found, series, journal)  # as after a kill: nothing is handed over
            assert session.resume(latest_session(journal)[1]) == last
        session.courses[0].stop()
        assert engine_of(session).account.entries == outcome.account.entries
        assert told(engine_of(session).desk.orders.values()) == told(outcome.orders)
        assert told(folded(journal).orders.values()) == told(outcome.orders)


@pytest.mark.parametrize("settings", [{"parameters": {"fast": 11}}, {"cash": 50_000.0}])
async def test_a_session_that_is_not_the_same_is_not_gone_on_with(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    year = {"start": "2005-01-01", "end": "2005-12-31"}
    plan, found, series = prepared("sma_cross", **year)
    with Journal(tmp_path / "journal.db") as journal:
        session = session_of(plan, found, series, journal)
        session.begin({}, actions_of(series))
        for bars in moments_of(series):
            session.take(bars)
        other, found, series = prepared("sma_cross", **year, **settings)
        with pytest.raises(Halt, match=r"it does not do what it did: event 2 \(strategy \)"):
            session_of(other, found, series, journal).resume(latest_session(journal)[1])


def rehearse(plan: Any, form: Any, series: list[Series], journal: Journal) -> None:
    found = find(form)
    session_of(plan, found, series, journal).resume(latest_session(journal)[1])


async def test_a_strategy_whose_code_has_changed_is_not_gone_on_with(tmp_path: Path) -> None:
    plan, _, series = prepared("buy_and_hold", start="2005-01-01", end="2005-12-31")

    def buys_on(days: tuple[int, ...]) -> type[ob.Strategy]:
        class Buys(ob.Strategy):
            def on_bar(self, bar: ob.Bar) -> None:
                if bar.index in days:
                    self.order(bar.symbol, 1.0)

        return Buys

    with Journal(tmp_path / "journal.db") as journal:
        session = session_of(plan, find(buys_on((3, 5))), series, journal)
        session.begin({}, actions_of(series))
        for bars in moments_of(series):
            session.take(bars)
        rehearse(plan, buys_on((3, 5)), series, journal)
        for days, said in (
            ((3, 4), "does not do what it did"),
            ((3,), "does not happen again"),
            ((3, 5, 200), "it does more than the journal has|does not do what it did"),
        ):
            with pytest.raises(Halt, match=said):
                rehearse(plan, buys_on(days), series, journal)
