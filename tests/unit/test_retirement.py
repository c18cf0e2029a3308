"""What ended long ago leaves memory: nothing else changes, and the journal has it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import openbell as ob
from openbell.core.costs import Costs
from openbell.core.engine import Engine
from openbell.core.errors import StrategyError
from openbell.core.messages import BarMessage
from openbell.core.types import NANOS_PER_DAY
from openbell.data.calendar import sessions
from openbell.data.tape import Tape
from openbell.execution.brokers.simulated import SimulatedBroker
from openbell.execution.port import Execution
from openbell.execution.risk.gate import open_gate
from openbell.papering import outcomes_of
from openbell.portfolio.sizing import FixedQuantity
from openbell.storage.journal import Journal
from openbell.trading import retirement
from openbell.trading.course import Course
from openbell.trading.ledger import fold
from openbell.trading.record import latest_session
from openbell.trading.scribe import Scribe
from openbell.trading.session import Session
from tests.loopback.direct import Direct
from tests.loopback.exchange import Exchange
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, Life, Scripted, course_of

STEP = 60 * MINUTE
DAY = NANOS_PER_DAY // STEP
RISK = ob.Risk(order=ob.OrderLimits(max_quantity=15, duplicate_seconds=60.0))


class Turning(ob.Strategy):
    """In and out at each bar, with exits; now and then an order that a limit refuses."""

    def on_start(self) -> None:
        self.first: Any = None
        self.count = 0

    def on_bar(self, bar: Any) -> None:
        self.count += 1
        if self.count % 5 == 0:
            self.order("A", 100)
        if self.position("A"):
            self.close("A")
        else:
            order = self.buy("A", stop_loss=0.5 * bar.close, take_profit=2.0 * bar.close)
            self.first = self.first or order


def paper_session(journal: Journal) -> Session:
    calendar = sessions("24/7", START, START + 40 * NANOS_PER_DAY)
    tape = Tape(INSTRUMENTS[:1], timeframe="1h", sessions=calendar, begin=START)
    strategy = Turning()
    engine = Engine(
        strategy, market=tape, cash=1e6, sizer=FixedQuantity(10), short=False,
        gate=open_gate(RISK, tape.calendar),
    )  # fmt: skip
    strategy.bind(engine.desk, seed=0)
    broker = SimulatedBroker(
        strategy="s", account=engine.account, market=tape, sessions=tape.calendar, costs=Costs()
    )
    scribe = Scribe(journal, "s", clock=lambda: 0)
    session = Session([Course(engine, broker, scribe, tape=tape)], journal, wall=lambda: 0)
    session.begin({})
    return session


def play(session: Session, days: int) -> list[int]:
    """Play days of hours; return how much memory holds at the end of each day: orders, fills, bookings."""
    held = []
    engine = session.courses[0].engine
    for number in range(days * DAY):
        begin = START + number * STEP
        price = 100.0 + number % 7
        session.take([BarMessage("A", begin, begin + STEP, price, price, price, price, 1e5)])
        if number % DAY == DAY - 1:
            held.append(len(engine.desk.orders) + len(engine.fills) + len(engine.account.entries))
    return held


def test_memory_is_flat_and_nothing_else_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retirement, "KEPT", 1_000_000)
    with Journal(tmp_path / "all.db") as whole:
        session = paper_session(whole)
        grown = play(session, 24)
        expected = [(row.kind, row.subject, row.text) for row in whole.rows(0, 100_000)]
        (all_of_it,) = outcomes_of(session.courses, whole)
    monkeypatch.setattr(retirement, "KEPT", 50)
    with Journal(tmp_path / "some.db") as journal:
        session = paper_session(journal)
        held = play(session, 24)
        assert [(row.kind, row.subject, row.text) for row in journal.rows(0, 100_000)] == expected
        engine = session.courses[0].engine
        assert engine.retired > 300
        assert len(engine.refusals) < 40 < len(all_of_it.orders)
        assert held[-1] == pytest.approx(held[13], rel=0.2)  # flat, while the other grew
        assert grown[-1] > 1.6 * grown[13] > 2 * held[-1]
        (told,) = outcomes_of(session.courses, journal)
        assert [repr(one) for one in told.orders] == [repr(one) for one in all_of_it.orders]
        assert told.fills == all_of_it.fills
        assert told.account.entries == all_of_it.account.entries
        assert told.equity == all_of_it.equity


def test_an_order_that_was_let_go_is_still_its_strategys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retirement, "KEPT", 10)
    with Journal(tmp_path / "journal.db") as journal:
        session = paper_session(journal)
        play(session, 6)
        strategy: Any = session.courses[0].engine.strategy
        desk = session.courses[0].engine.desk
        assert strategy.first.id not in desk.orders
        strategy.cancel(strategy.first)  # it has ended: nothing happens
        with pytest.raises(StrategyError, match=r"order 1 "):
            strategy.replace(strategy.first, quantity=5)
        assert desk.blotter.has_filled(strategy.first.id)
        assert not desk.blotter.has_filled(1_000_000)
        other: Any = course_of(journal, "other", Scripted).engine.strategy
        with pytest.raises(StrategyError, match="must be an order of this run"):
            other.cancel(strategy.first)


class Daily(Scripted):
    """In and out at each bar; on the last day an order after the very first one."""

    def on_bar(self, bar: Any) -> None:
        self.bars += 1
        if self.bars == 1:
            self.made["first"] = self.order("A", 3)
        elif self.bars == 81:
            self.made["after"] = self.order("A", 2, after=self.made["first"])
        elif bar.symbol == "A":
            self.target_quantity("A", 0.0 if self.position("A") else 10.0)


async def test_routes_leave_and_their_late_echoes_are_no_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retirement, "KEPT", 10)
    x = Exchange(INSTRUMENTS, time=START, margin=None)
    x.trade("A", 100)
    life = Life(tmp_path, x, Direct(x), {"s": Daily})
    life.start()
    await life.rest()
    router = life.floor.router
    for number in range(80):
        await life.moment(number * 120, 100.0 + number % 3)  # 12 bars a day
    assert len(router.board.routes) < 50 < len(x.orders)
    assert len(router.board.by_client) < 50
    assert len(router._bookings._known) < 50
    first = x.fills[0]
    echo = Execution(
        first.id, first.client_id, first.order_id, "A", first.side, first.quantity, first.price, first.fee,
        first.time,
    )  # fmt: skip
    assert not router.is_news(echo)
    assert router.is_news(echo._replace(id="new", time=x.time))
    assert life.floor.held() == {one: n for one, n in x.positions.items() if n}
    await life.moment(80 * 120, 101.0)
    assert life.strategy().made["after"].status in {"filled", "accepted", "submitted"}
    ledger = fold(latest_session(life.journal)[1])["s"]
    assert len(ledger.orders) == len(x.orders)
    await life.end()
    again = Life(tmp_path, x, Direct(x), {"s": Daily})
    assert set(again.floor.router.board.routes) == set(router.board.routes)
    assert again.floor.courses["s"].engine.account.entries == life.floor.courses["s"].engine.account.entries
    again.journal.close()
