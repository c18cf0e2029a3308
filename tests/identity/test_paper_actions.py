"""Every kind of corporate action happens on paper as in the backtest, byte for byte, and after a resume."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.identity.test_paper import actions_of, engine_of, folded, session_of, stream, told
from tests.unit.fill_desk import days

import openbell as ob
from openbell.core.account import EntryKind
from openbell.core.errors import BadData
from openbell.core.types import Action, Delisting, Dividend, SpinOff, Split, SymbolChange
from openbell.data.bars import Series, Source
from openbell.run import prepare
from openbell.run.engines import simulate
from openbell.storage.journal import Journal
from openbell.trading.moments import moments_of
from openbell.trading.record import latest_session

DAYS = days(60)
Prepared = tuple[Any, Any, list[Series]]


def ex(day: int) -> int:
    return DAYS[day][0]


def walk(symbol: str, first: int, last: int, seed: int, *actions: Action) -> Series:
    """Return a random walk over some of the days."""
    random, count = np.random.default_rng(seed), last - first
    close = np.asarray(50.0 * np.cumprod(1.0 + random.normal(0.0, 0.02, count)), np.float64)
    open_ = np.asarray(close * (1.0 + random.normal(0.0, 0.005, count)), np.float64)
    high, low = np.maximum(open_, close) * 1.01, np.minimum(open_, close) * 0.99
    start, known = np.array(DAYS[first:last], np.int64).T
    full, source = np.full(count, 1e6), Source("test", "walk")
    return Series(symbol, "1d", start, known, open_, high, low, close, full, source, actions)


def market(seed: int) -> list[Series]:
    """Return four symbols of which one leaves another, one ends early, and one with the data."""
    return [
        walk(
            "A", 0, 60, seed, Dividend("A", ex(10), 0.5), SpinOff("A", ex(20), "C", 1, 3, 9.0),
            Split("A", ex(20), 2, 1), Split("A", ex(40), 1, 7), SymbolChange("OLD", ex(30), "A"),
        ),
        walk("B", 0, 30, seed + 1, Dividend("B", ex(20), 1.0), Delisting("B", ex(30), 12.5)),
        walk("C", 22, 60, seed + 2, Split("C", ex(35), 105, 100), SpinOff("C", ex(45), "Z", 1, 1, 3.0)),
        walk("D", 0, 60, seed + 3, Delisting("D", DAYS[-1][1] + 1)),
    ]  # fmt: skip


class Dice(ob.Strategy):
    """Orders by chance: of each type, long and short, with and without exits."""

    def on_start(self) -> None:
        self.mean = self.indicator(ob.SMA(5))

    def on_bar(self, bar: ob.Bar) -> None:
        roll, size = self.random.random(), float(self.random.randrange(1, 40))
        if roll < 0.15:
            self.order(bar.symbol, size, stop_loss=0.93 * bar.close, take_profit=1.08 * bar.close)
        elif roll < 0.25:
            self.order(bar.symbol, -size)
        elif roll < 0.35:
            self.order(bar.symbol, size, limit=0.98 * self.mean[-1])
        elif roll < 0.4:
            self.close(bar.symbol)

    def on_bars(self, bars: Any) -> None:
        if self.random.random() < 0.2:  # whatever is traded of it
            self.order("B", 5.0)


def prepared(seed: int) -> Prepared:
    costs = ob.Costs(margin=ob.REG_T)
    return prepare(Dice, market(seed), costs=costs, cash=20_000.0, seed=seed)


@pytest.mark.parametrize("seed", range(8))
async def test_every_kind_of_action_happens_on_paper_as_in_the_backtest(seed: int, tmp_path: Path) -> None:
    plan, found, series = prepared(seed)
    outcome = simulate(plan, found, series)
    with Journal(tmp_path / "journal.db") as journal:
        session = session_of(plan, found, series, journal)
        session.begin({}, actions_of(series))
        await session.run(stream(moments_of(series)))
        ledger = folded(journal)
    engine = engine_of(session)
    assert engine.account.entries == outcome.account.entries
    assert told(engine.desk.orders.values()) == told(outcome.orders)
    assert ledger.account.entries == outcome.account.entries
    assert told(ledger.orders.values()) == told(outcome.orders)
    assert ledger.account.cash == outcome.account.cash == outcome.cash[-1]


def test_the_market_of_these_tests_has_every_kind_of_booking() -> None:
    kinds: set[str] = set()
    reasons: set[str] = set()
    for seed in range(8):
        outcome = simulate(*prepared(seed))
        kinds |= {entry.kind.value for entry in outcome.entries}
        reasons |= {order.reason.value for order in outcome.orders}
        assert np.isfinite(outcome.equity).all()
        worth = sum(trade.pnl for trade in outcome.trades) - outcome.account.interest
        assert worth == pytest.approx(outcome.equity[-1] - 20_000.0, abs=1e-6)
    assert kinds >= {kind.value for kind in EntryKind} - {"interest"}
    assert reasons >= {"split", "spin_off", "delisted"}


async def test_a_session_interrupted_among_actions_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    plan, found, series = prepared(1)
    outcome = simulate(plan, found, series)
    moments = list(moments_of(series))
    cuts = [0, 11, 21, 31, 46, len(moments)]
    with Journal(tmp_path / "journal.db") as journal:
        session = session_of(plan, found, series, journal)
        session.begin({}, actions_of(series))
        for first, last in pairwise(cuts):
            for bars in moments[first:last]:
                session.take(bars)
            session = session_of(plan, found, series, journal)
            assert session.resume(latest_session(journal)[1]) == last
        session.courses[0].stop()
        assert engine_of(session).account.entries == outcome.account.entries
        assert folded(journal).account.entries == outcome.account.entries


def test_a_bar_after_its_symbols_delisting_is_refused_on_paper(tmp_path: Path) -> None:
    plan, found, series = prepared(1)
    with Journal(tmp_path / "journal.db") as journal:
        session = session_of(plan, found, series, journal)
        session.begin({}, [Delisting("B", ex(5))])
        moments = list(moments_of(series))
        for bars in moments[:5]:
            session.take(bars)
        (dead,) = (bar for bar in moments[6] if bar.symbol == "B")
        others = [bar for bar in moments[5] if bar.symbol != "B"]
        session.take(others)
        with pytest.raises(BadData, match="B: a bar on 2024-01-10 is after the delisting on 2024-01-09"):
            session.take([dead])
