"""Hundreds of symbols that begin, pause and end on their own dates are one portfolio."""

import numpy as np
import pytest

import openbell as ob
from openbell.core.orders import TERMINAL
from openbell.data.bars import Series, Source
from openbell.data.calendar import Sessions, sessions

SYMBOLS, DAYS = 300, 750
FIRST = int(np.datetime64("2010-01-04", "ns").astype(np.int64))
LAST = int(np.datetime64("2013-06-01", "ns").astype(np.int64))


def series_with_gaps(name: str, calendar: Sessions, random: np.random.Generator) -> Series:
    """Return a random walk over some of the sessions: a late start, an early end, suspensions."""
    begin, length = int(random.integers(0, 300)), int(random.integers(100, DAYS - 300))
    rows = np.arange(begin, begin + length)
    rows = rows[random.random(length) > 0.03]
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.02, len(rows))))
    open_ = np.concatenate((close[:1], close[:-1])) * np.exp(random.normal(0, 0.003, len(rows)))
    high, low = np.maximum(open_, close) * 1.01, np.minimum(open_, close) * 0.99
    source = Source("test", "walk")
    volume = np.full(len(rows), 1e6)
    return Series(
        name, "1d", calendar.opens[rows], calendar.closes[rows], open_, high, low, close, volume, source
    )


@pytest.fixture(scope="module")
def universe() -> list[Series]:
    calendar = sessions("XNYS", FIRST, LAST)
    random = np.random.default_rng(5)
    return [series_with_gaps(f"S{i:03d}", calendar, random) for i in range(SYMBOLS)]


@pytest.fixture(scope="module")
def rotation(universe) -> ob.Result:
    return ob.backtest("momentum_rotation", universe, parameters={"top": 30, "lookback": 60})


def test_a_rotation_over_all_of_them_trades_and_stays_solvent(rotation):
    outcome = rotation.outcome
    assert len(rotation.plan.symbols) == SYMBOLS
    assert len(outcome.holdings) > 100
    assert (outcome.cash > -1e-6).all()
    assert not np.isnan(outcome.equity).any()


def test_equity_is_what_the_ledger_says(rotation):
    outcome = rotation.outcome
    booked = rotation.plan.cash + sum(entry.amount for entry in outcome.entries)
    assert outcome.cash[-1] == pytest.approx(booked, rel=1e-12)
    assert sum(trade.pnl for trade in outcome.trades) == pytest.approx(
        rotation.final_equity - rotation.plan.cash
    )


def test_no_order_fills_on_a_day_on_which_its_symbol_did_not_trade(rotation, universe):
    opens = {series.symbol: set(series.start.tolist()) for series in universe}
    assert rotation.outcome.fills
    for fill in rotation.outcome.fills:
        assert fill.time in opens[fill.symbol]


def test_every_order_ends(rotation):
    assert all(order.status in TERMINAL for order in rotation.outcome.orders)


def test_one_symbol_is_a_portfolio_of_one(universe):
    alone = ob.backtest("buy_and_hold", universe[:1])
    assert alone.outcome.panel.dense
    assert list(alone.outcome.holdings) == [universe[0].symbol]
