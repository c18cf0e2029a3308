"""Paper trading on stored bars is the backtest, byte for byte: orders, their lives, fills, ledger, cash."""

import json
from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.engine import Engine
from openbell.data.bars import Series
from openbell.data.calendar import sessions
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.run import prepare
from openbell.run.engines import simulate
from openbell.run.prices import instrument
from openbell.storage.journal import Journal
from openbell.strategies.examples import BY_NAME
from openbell.trading.course import Course, Seat
from openbell.trading.ledger import fold
from openbell.trading.moments import moments_of
from openbell.trading.scribe import Scribe

PINNED = json.loads(Path(__file__).with_name("example_hashes.json").read_text(encoding="utf-8"))


def trade(plan: Any, found: Any, series: list[Series], journal: Journal) -> Engine:
    """Run a plan by the course of paper trading."""
    first, last = min(int(s.start[0]) for s in series), max(int(s.known[-1]) for s in series)
    calendar = sessions(series[0].source.calendar, first, last)
    begin = min(int(s.known[0]) for s in series) - 1
    tape = Tape([instrument(s) for s in series], timeframe=plan.timeframe, sessions=calendar, begin=begin)
    strategy = found.make(plan.parameters)
    engine = Engine(strategy, market=tape, cash=plan.cash, sizer=plan.sizer, short=plan.costs.margin.short)
    strategy.bind(engine.desk, seed=plan.seed)
    broker = SimulatedBroker(
        strategy=strategy.name, account=engine.account, market=tape, sessions=tape.calendar, costs=plan.costs
    )
    scribe = Scribe(journal, strategy.name, lambda: 0)
    scribe.begin(cash=plan.cash, origin=plan.strategy, parameters=plan.parameters, time=begin)
    course = Course(tape, [Seat(engine, broker, scribe)], [a for s in series for a in s.actions])
    course.start()
    for bars in moments_of(series):
        course.moment(bars)
    course.stop()
    return engine


def told(orders: Any) -> list[Any]:
    return [(o.id, o.describe(), o.life, o.filled, o.average, o.fees) for o in orders]


@pytest.mark.parametrize("name", BY_NAME)
def test_an_example_trades_on_paper_as_in_its_backtest(name: str, tmp_path: Path) -> None:
    case = PINNED[name]
    costs = ob.Costs(margin=ob.REG_T) if case["margin"] else None
    plan, found, series = prepare(name, case["symbols"], costs=costs)
    outcome = simulate(plan, found, series)
    with Journal(tmp_path / "journal.db") as journal:
        engine = trade(plan, found, series, journal)
        journal.commit()
        (ledger,) = fold(journal.read()).values()
    assert told(engine.desk.orders.values()) == told(outcome.orders)
    assert engine.fills == outcome.fills
    assert engine.account.entries == outcome.account.entries
    assert engine.desk.notes == outcome.notes
    assert told(ledger.orders.values()) == told(outcome.orders)
    assert ledger.fills == outcome.fills
    assert ledger.account.entries == outcome.account.entries
    assert ledger.account.cash == outcome.account.cash
