"""No corporate action makes or destroys value, whatever came before it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.fill_desk import days, series
from tests.unit.market_by_hand import Silent

from openbell.core.engine import Engine
from openbell.core.types import BUY, SELL, Action, Delisting, Dividend, Fill, Phase, SpinOff, Split
from openbell.data.bars import Series
from openbell.data.calendar import sessions
from openbell.data.panel import Panel
from openbell.portfolio.sizing import ShareOfEquity

DAYS = days(12)
RATIOS = st.integers(1, 30)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Action], bool, float]:
    """Return actions of X on some days, whether its child is traded, and how many shares are held."""
    found: list[Action] = []
    for day in draw(st.sets(st.integers(2, 9), max_size=6)):
        ex = DAYS[day][0]
        kinds = draw(st.lists(st.sampled_from(["split", "dividend"]), min_size=1, max_size=2))
        for kind in kinds:
            if kind == "split":
                found.append(Split("X", ex, draw(RATIOS), draw(RATIOS)))
            else:
                found.append(Dividend("X", ex, draw(st.floats(1e-6, 1e-4))))
    if draw(st.booleans()):
        price = draw(st.floats(1e-5, 1e-3))
        found.append(SpinOff("X", DAYS[draw(st.integers(2, 9))][0], "C", 1, draw(RATIOS), price))
    if draw(st.booleans()):
        found.append(Delisting("X", DAYS[10][0]))
    held = draw(st.integers(1, 100_000)) * draw(st.sampled_from([-1, 1]))
    return found, draw(st.booleans()), float(held)


def bars(symbol: str, first: int, last: int, actions: list[Action]) -> Series:
    return series(["100 101 99 100"] * (last - first), symbol, spans=DAYS[first:last], actions=actions)


@given(histories())
def test_equity_is_the_same_after_an_action_as_before_it(history: tuple[list[Action], bool, float]) -> None:
    actions, child, held = history
    dead = any(isinstance(one, Delisting) for one in actions)
    data = [bars("X", 0, 10 if dead else 12, actions), bars("Y", 0, 12, [])]
    if child:
        data.append(bars("C", 11, 12, []))
    panel: Any = Panel(data, sessions=sessions("XNYS", DAYS[0][0], DAYS[-1][1]))
    engine = Engine(Silent(), market=panel, cash=1e7, sizer=ShareOfEquity(), short=True)
    account = engine.account
    panel.advance(0)
    side = BUY if held > 0 else SELL
    account.book_fill(Fill(1, "", "X", side, abs(held), 100.0, 0.0, 0.0, DAYS[0][1], Phase.CLOSE))
    due = panel.schedule()
    for at in range(1, 12):
        for moment, action in due:
            if moment == at:
                before = account.equity(panel.price)
                engine.step(action)
                panel.act(action)
                assert account.equity(panel.price) == pytest.approx(before, rel=1e-9)
        panel.advance(at)
    assert len(due) == len(actions)
    assert np.isclose(sum(entry.amount for entry in account.entries), account.cash - 1e7, rtol=1e-12)
    if dead:
        assert account.quantity("X") == 0.0
