"""Holding through a split and reinvesting dividends is the adjusted series, in the backtest and on paper."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.identity.test_paper import actions_of, engine_of, session_of, stream

import openbell as ob
from openbell.core.types import Dividend, Split
from openbell.data import bundled
from openbell.data.actions import factors
from openbell.data.bars import Series, parse_date
from openbell.run import prepare
from openbell.run.engines import simulate
from openbell.storage.journal import Journal
from openbell.trading.moments import moments_of

#: An account that may owe until the dividend comes in at the open, and pays nothing for it.
FREE = replace(ob.NO_COSTS, margin=ob.Margin(initial=0.5, maintenance=0.25, interest_rate=0.0))


def years(symbol: str, start: str, end: str) -> Series:
    return bundled.load(symbol).between(parse_date(start), parse_date(end, end_of_day=True))


class Holds(ob.Strategy):
    """Buys on the first day with all it has."""

    def on_bar(self, bar: ob.Bar) -> None:
        if bar.index == 0:
            self.order(bar.symbol, self.cash / OPENS[bar.symbol])


OPENS: dict[str, float] = {}


def reinvesting(series: Series) -> type[ob.Strategy]:
    """Return a strategy that on the eve of each ex-date buys what its dividend will pay, at the open."""
    at = {int(np.searchsorted(series.start, one.ex)) - 1: one for one in series.actions}

    class Reinvests(Holds):
        def on_bar(self, bar: ob.Bar) -> None:
            super().on_bar(bar)
            action = at.get(bar.index)
            if isinstance(action, Dividend) and bar.index > 0:
                paid = self.position(bar.symbol) * action.amount
                self.order(bar.symbol, paid / (bar.close - action.amount))

    return Reinvests


async def curves(form: Any, series: Series, folder: Path) -> tuple[list[float], list[float]]:
    """Return the equity after each bar, in the backtest and on paper."""
    OPENS[series.symbol] = float(series.open[1])
    parts = ob.Instrument(series.symbol, lot=1e-9)
    plan, found, loaded = prepare(form, [series], costs=FREE, cash=1e6, instruments=[parts])
    outcome = simulate(plan, found, loaded)
    paper = []
    with Journal(folder / "journal.db") as journal:
        session = session_of(plan, found, loaded, journal)
        session.begin({}, actions_of(loaded))
        for bars in moments_of(loaded):
            session.take(bars)
            paper.append(engine_of(session).account.equity(session.courses[0].tape.price))
        await session.run(stream([]))
    return outcome.equity.tolist(), paper


async def test_holding_apple_through_its_split_is_the_adjusted_series(tmp_path: Path) -> None:
    series = years("AAPL", "2005-01-03", "2005-12-30")
    assert [(one.new, one.old) for one in series.actions if isinstance(one, Split)].count((2, 1)) > 0
    split, total = factors(series.start, series.close, series.actions)
    assert split[-1] == total[-1] == 2.0
    adjusted = (series.close * total)[1:]
    for equity in await curves(Holds, series, tmp_path):
        assert equity[1:] == pytest.approx(equity[1] * adjusted / adjusted[0], rel=1e-9)


async def test_reinvesting_the_dividends_of_ibm_is_the_adjusted_series(tmp_path: Path) -> None:
    given = years("IBM", "2000-01-03", "2012-12-31")
    open_, low, high = given.open.copy(), given.low.copy(), given.high.copy()
    dividends = [one for one in given.actions if isinstance(one, Dividend)]
    for one in dividends:  # at the open of the ex-date a share is worth the close before it less the dividend
        at = int(np.searchsorted(given.start, one.ex))
        if 0 < at < len(given):
            open_[at] = given.close[at - 1] - one.amount
    series = replace(given, open=open_, low=np.minimum(low, open_), high=np.maximum(high, open_))
    _, total = factors(series.start, series.close, series.actions)
    adjusted = (series.close * total)[1:]
    assert total[-1] > 1.15
    for equity in await curves(reinvesting(series), series, tmp_path):
        assert equity[1:] == pytest.approx(equity[1] * adjusted / adjusted[0], rel=1e-9)
