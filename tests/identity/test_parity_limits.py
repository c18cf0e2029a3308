"""Limits that changed in a session, and what it wrote down of its surroundings, count in its parity too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import openbell as ob
from openbell.backtesting.plan import Plan
from openbell.core.messages import TradingStatus
from openbell.operation.parity import find_parity, give
from openbell.run import prepare
from openbell.run.course import describe_course, ground_of, make_course
from openbell.storage.entries import Entry
from openbell.storage.journal import Journal
from openbell.strategies.registry import find
from openbell.trading.moments import moments_of
from openbell.trading.session import Session

WIDE = ob.Risk(order=ob.OrderLimits(max_quantity=100.0))
TIGHT = ob.Risk(order=ob.OrderLimits(max_quantity=5.0))


class Daily(ob.Strategy):
    """Buys ten shares on one day and sells them on the next."""

    bought: int = 0

    def on_bar(self, bar: ob.Bar) -> None:
        if bar.index % 2 == 0:
            self.order(bar.symbol, 10)
        elif self.position(bar.symbol):
            self.close(bar.symbol)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db", account="paper") as made:
        yield made


def play(journal: Journal, risk: ob.Risk, changes: dict[int, Any]) -> Session:
    """Play two months, and do something to the session after some moments."""
    plan, found, series = prepare(Daily, "AAPL", risk=risk, start="2005-01-03", end="2005-02-28")
    ground = ground_of(plan, series)
    course = make_course("mine", plan, found, ground, journal)
    session = Session([course], journal, wall=lambda: 0)
    session.begin({"strategies": [describe_course("mine", plan, ground)]})
    for number, bars in enumerate(moments_of(series)):
        session.take(bars)
        changes.get(number, lambda _: None)(session)
    return session


@pytest.mark.parametrize(
    "change",
    [
        lambda session: session.limit("mine", TIGHT),
        lambda session: session.hear(TradingStatus("AAPL", session.time, halted=True, why="news")),
    ],
)
def test_what_was_refused_since_is_refused_in_the_backtest_too(journal: Journal, change: Any) -> None:
    session = play(journal, WIDE, {19: change})
    refused = [one for one in session.courses[0].engine.refusals if one.order_id]
    fills = len(session.courses[0].engine.fills)
    assert (fills, len(refused)) == (20, 10)  # the twenty moments before have twenty fills
    assert find_parity(journal.path, strategies={"mine": find(Daily)}).differences == []


def test_limits_of_another_strategy_change_nothing_and_a_live_sessions_name_is_in_the_body() -> None:
    given: list[Any] = []
    course = SimpleNamespace(limit=given.append)
    body = {"risk": TIGHT.as_json(), "strategy": "mine"}
    live = Entry(1, 0, 0, "limits", "", "", "", body)
    give(live, "other", course)
    assert given == []
    give(live, "mine", course)
    assert given == [TIGHT]


def test_a_backtest_with_limits_is_a_session_with_them(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"start": "2005-01-03", "end": "2006-12-29", "risk": ob.STANDARD_RISK}
    backtest = ob.backtest("sma_cross", "AAPL", **settings)
    paper = ob.paper("sma_cross", "AAPL", state=tmp_path, **settings)
    assert isinstance(backtest.plan, Plan)
    assert [o.quantity for o in paper.strategies[0].orders] == [o.quantity for o in backtest.outcome.orders]
    assert find_parity(tmp_path).differences == []
