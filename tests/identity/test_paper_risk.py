"""Limits of risk refuse the same on paper as in a backtest, and a journal says so."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

import openbell as ob
from openbell.core.orders import Order
from openbell.core.types import OrderStatus
from openbell.papering import Paper
from openbell.run import prepare
from openbell.run.course import ground_of, make_course
from openbell.storage.journal import Journal
from openbell.trading.freezing import freeze, thaw
from openbell.trading.ledger import fold
from openbell.trading.moments import moments_of
from openbell.trading.record import latest_session
from openbell.trading.session import Session

RISKS = {
    "standard": ob.STANDARD_RISK,
    "tight": ob.Risk(
        order=ob.OrderLimits(max_per_session=1, collar=0.02),
        position=ob.PositionLimits(max_share=0.5),
        exits=ob.ProtectiveExits(stop_loss=0.05, take_profit=0.2, max_days=30),
        portfolio=ob.PortfolioLimits(
            max_var=0.03, max_correlation=0.8, max_turnover=1.0, drawdown_reduce=0.3
        ),
        model=ob.RiskModel(methods=("historical", "ewma", "ledoit_wolf", "monte_carlo"), unknown="pass"),
    ),
    "recorded": replace(ob.STANDARD_RISK, enforce=False),
}
CASES = [("sma_cross", ["AAPL"]), ("momentum_rotation", ["AAPL", "IBM", "MSFT"])]


def lived(order: Order) -> tuple[object, ...]:
    return order.describe(), order.life, order.filled, order.reason


@pytest.mark.parametrize("kind", RISKS)
@pytest.mark.parametrize(("name", "symbols"), CASES)
def test_paper_refuses_what_the_backtest_refuses(name, symbols, kind, tmp_path):
    settings: dict[str, Any] = {"risk": RISKS[kind], "end": "2006-12-31"}
    result = ob.backtest(name, symbols, **settings)
    plan, found, series = prepare(name, symbols, **settings)
    with Journal(tmp_path / "journal.db", account="paper") as journal:
        course = make_course(name, plan, found, ground_of(plan, series), journal)
        session = Session([course], journal, wall=lambda: 0)
        session.begin({}, [action for one in series for action in one.actions])

        async def moments():
            for bars in moments_of(series):
                yield bars

        asyncio.run(session.run(moments()))
        _, entries = latest_session(journal)
    engine = course.engine
    assert engine.refusals == result.outcome.refused
    assert engine.account.entries == result.outcome.entries
    assert [lived(one) for one in engine.desk.orders.values()] == [
        lived(one) for one in result.outcome.orders
    ]
    told = fold(entries)[name]
    assert {one.id: lived(one) for one in told.orders.values()} == {
        one.id: lived(one) for one in result.outcome.orders
    }
    assert told.account.cash == engine.account.cash
    refused = [entry for entry in entries if entry.kind == "refused"]
    said = [one.text for one in engine.refusals if one.order_id and plan.risk.enforce]
    assert [entry.body["said"] for entry in refused if "parent" not in entry.body["said"]] == said


def test_a_paper_session_runs_with_limits(tmp_path):
    limits = ob.Risk(order=ob.OrderLimits(max_quantity=10))
    done: Paper = ob.paper("sma_cross", "AAPL", end="2001-12-31", state=tmp_path, risk=limits)
    orders = done.strategies[0].orders
    assert orders
    assert {order.status for order in orders} == {OrderStatus.REJECTED}


def test_limits_are_no_matter_for_compiled_code():
    with pytest.raises(ob.ConfigError, match="limits of risk look at each order, so it cannot be compiled"):
        ob.backtest("sma_cross", "AAPL", engine="compiled", risk=ob.STANDARD_RISK)


def test_without_limits_there_is_no_gate_and_nothing_changes():
    free = ob.backtest("sma_cross", "AAPL", end="2003-12-31")
    same = ob.backtest("sma_cross", "AAPL", end="2003-12-31", risk=ob.Risk())
    wide = ob.backtest(
        "sma_cross", "AAPL", end="2003-12-31", risk=ob.Risk(order=ob.OrderLimits(max_quantity=1e9))
    )
    assert free.hash == same.hash == wide.hash
    assert free.outcome.refused == ()
    assert list(wide.refused.columns) == ["time", "order", "symbol", "limit", "value", "bound", "text"]


def test_a_file_is_the_emergency_stop_of_a_paper_session_and_a_resumed_one_remembers(tmp_path):
    stop = tmp_path / "STOP"
    risk = ob.Risk(operation=ob.OperationLimits(stop_file=str(stop)))
    plan, found, series = prepare("sma_cross", "AAPL", risk=risk, end="2001-12-31")
    moments = list(moments_of(series))

    def open_session(journal: Journal) -> Session:
        return Session([make_course("sma_cross", plan, found, ground_of(plan, series), journal)], journal)

    with Journal(tmp_path / "journal.db", account="paper") as journal:
        session = open_session(journal)
        session.begin({})
        for at, bars in enumerate(moments):
            if at == 20:
                stop.touch()
            if at == 200:
                stop.unlink()
            session.take(bars)
        _, entries = latest_session(journal)
        refusals = session.courses[0].engine.refusals
        resumed = open_session(journal)
        resumed.resume(entries)
    assert {one.limit.value for one in refusals} == {"emergency_stop"}
    assert all(moments[20][-1].end <= one.time < moments[200][-1].end for one in refusals)
    assert [entry.body["stop"] for entry in entries if entry.kind == "brake"] == [True, False]
    assert resumed.courses[0].engine.refusals == refusals
    assert not resumed.courses[0].braked


TOGETHER = ob.Risk(
    position=ob.PositionLimits(max_notional=110_000),
    portfolio=ob.PortfolioLimits(max_gross=120_000, max_var=0.5, max_correlation=0.95, credit_closing=True),
    model=ob.RiskModel(unknown="pass"),
)
PAIR = {"rotation": ("momentum_rotation", ["AAPL", "IBM", "MSFT"]), "cross": ("sma_cross", ["AAPL"])}


def test_two_paper_strategies_are_one_account_and_gone_on_with_as_such(tmp_path):
    made = {
        name: prepare(kind, symbols, risk=TOGETHER, end="2002-12-31")
        for name, (kind, symbols) in PAIR.items()
    }
    series = {one.symbol: one for _, _, some in made.values() for one in some}
    moments = list(moments_of(list(series.values())))

    def open_session(journal: Journal) -> Session:
        parts = [
            make_course(name, plan, found, ground_of(plan, some), journal)
            for name, (plan, found, some) in made.items()
        ]
        return Session(parts, journal, wall=lambda: 0)

    with Journal(tmp_path / "journal.db", account="paper") as journal:
        session = open_session(journal)
        session.begin({})
        gross = []
        for at, bars in enumerate(moments):
            if at == len(moments) // 2:
                kept = freeze(session.courses, session.outside)
            session.take(bars)
            accounts = [(one.engine.account, one.tape.price) for one in session.courses]
            gross.append(sum(account.gross(price) for account, price in accounts))
        _, entries = latest_session(journal)
        resumed, saved = open_session(journal), open_session(journal)
        resumed.resume(entries)
        saved.restore((thaw(kept, saved.outside), saved.circumstances, True, set(), False, len(moments) // 2))
        for bars in moments[len(moments) // 2 :]:
            saved.take(bars)
    found = [one.engine.refusals for one in session.courses]
    assert [one.engine.refusals for one in resumed.courses] == found
    assert [one.engine.refusals for one in saved.courses] == found
    assert [one.engine.account.entries for one in resumed.courses] == [
        one.engine.account.entries for one in session.courses
    ]
    shared = [one for some in found for one in some if one.text.endswith("(all strategies of the account)")]
    assert {"gross_exposure", "position_notional"} == {one.limit.value for one in shared}
    assert max(gross) > 90_000
