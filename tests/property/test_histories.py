"""Histories that are drawn: bars that could be, what moves together goes on to, moments of the real ones."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.fill_desk import intraday, series

import openbell as ob
from openbell.backtesting import regimes
from openbell.backtesting.histories import observe
from openbell.backtesting.laws import Permutation, fit
from openbell.backtesting.regimes import fit_regimes
from openbell.backtesting.worlds import Worlds
from openbell.core.errors import BadData, ConfigError
from openbell.core.types import Dividend, Split

DRAWS = ("gbm", "regimes", "blocks", "permuted")


@cache
def observed():
    made = ob.backtest("sma_cross", ["AAPL", "IBM"], start="2005-01-01", end="2012-12-31")
    return observe(made.outcome.panel.series)


def law(name):
    return Permutation() if name == "permuted" else fit(name, observed())


def worlds(law, count, *, seed, seen=None):
    drawn = Worlds(law, seed)
    series = (seen or observed()).series
    return [drawn.of(series, number) for number in range(count)]


def moves(made):
    return np.array([np.diff(np.log(one.close)) for one in made]).T


@pytest.mark.parametrize("name", DRAWS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_a_bars_high_is_its_highest_and_its_low_its_lowest(name, seed):
    (made,) = worlds(law(name), 1, seed=seed)
    for one, real in zip(made, observed().series, strict=True):
        assert (one.low <= np.minimum(one.open, one.close)).all()
        assert (one.high >= np.maximum(one.open, one.close)).all()
        assert (one.low > 0.0).all()
        assert np.isfinite(one.high).all()
        assert one.start.tolist() == real.start.tolist()
        assert one.open[0] == pytest.approx(real.open[0])
        assert one.actions == ()


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_seed_and_number_give_the_same_history(name):
    three = list(worlds(law(name), 3, seed=5))
    again = [made[0].close.tolist() for made in worlds(law(name), 3, seed=5)]
    assert [made[0].close.tolist() for made in three] == again
    assert again[0] != again[1]


def test_brownian_motion_has_the_means_and_covariances_of_the_returns():
    real = observed().parts.moves[1:]
    drawn = np.concatenate([moves(made) for made in worlds(law("gbm"), 100, seed=1)])
    error = real.std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs(drawn.mean(axis=0) - real.mean(axis=0)) < 4.0 * error).all()
    assert np.cov(drawn.T) == pytest.approx(np.cov(real.T), rel=0.02)
    gaps = np.concatenate([
        np.log(made[0].open[1:] / made[0].close[:-1]) for made in worlds(law("gbm"), 30, seed=1)
    ])  # fmt: skip
    parts = observed().parts
    night, day = parts.gap[1:, 0].var(), parts.body[1:, 0].var()
    assert gaps.var() == pytest.approx(real[:, 0].var() * night / (night + day), rel=0.03)


def test_blocks_keep_what_moves_together_and_shuffling_keeps_every_bar():
    real = observed().parts.moves[1:]
    together = np.corrcoef(real.T)[0, 1]
    drawn = np.concatenate([moves(made) for made in worlds(law("blocks"), 40, seed=2)])
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(together, abs=0.02)
    pairs = {tuple(row) for row in real.round(9).tolist()}
    assert {tuple(row) for row in drawn.round(9).tolist()} <= pairs
    for made in worlds(law("permuted"), 5, seed=3):
        for one, mine in zip(made, observed().series, strict=True):
            bodies = np.sort(np.log(one.close / one.open))
            assert bodies == pytest.approx(np.sort(np.log(mine.close / mine.open)), abs=1e-9)
        assert moves(made).sum(axis=0) == pytest.approx(real.sum(axis=0))
        assert np.corrcoef(moves(made).T)[0, 1] == pytest.approx(together, abs=0.08)


def test_blocks_keep_calm_and_wild_times_as_single_sessions_do_not():
    def lasting(block):
        found = fit("blocks", observed(), block=block)
        sizes = [np.abs(moves(made)[:, 0]) for made in worlds(found, 20, seed=7)]
        return float(np.mean([np.corrcoef(one[1:], one[:-1])[0, 1] for one in sizes]))

    assert fit("blocks", observed()).told["block"] > 20.0
    assert lasting(None) > 0.15
    assert abs(lasting(1.0)) < 0.02


def test_two_regimes_are_found_where_there_are_two():
    random = np.random.default_rng(4)
    states = np.repeat([0, 1, 0, 1, 0, 1, 0], 400)
    returns = np.where(states, -0.001, 0.001) + np.where(states, 0.03, 0.008) * random.standard_normal(2800)
    found = fit_regimes(returns)
    assert found.deviations == pytest.approx([0.008, 0.03], rel=0.06)
    assert found.stays == pytest.approx([1.0 - 3 / 1600, 1.0 - 3 / 1200], abs=0.004)
    assert ((found.shares[:, 1] > 0.5) == states).mean() > 0.98
    with pytest.raises(BadData, match="do not vary"):
        fit_regimes(np.zeros(50))


def test_what_is_compiled_of_regimes_does_what_is_written(monkeypatch):
    returns = observed().market[:200]
    compiled = fit_regimes(returns)
    for name in ("_climb", "_persist", "_filter", "_smooth"):
        monkeypatch.setattr(regimes, name, getattr(regimes, name).py_func)
    for one, other in zip(fit_regimes(returns), compiled, strict=True):
        assert one == pytest.approx(other, rel=1e-6)


def test_regimes_have_the_fat_tails_that_one_law_has_not():
    def kurtosis(name):
        drawn = np.concatenate([moves(made)[:, 0] for made in worlds(law(name), 20, seed=6)])
        return float((((drawn - drawn.mean()) / drawn.std()) ** 4).mean())

    assert kurtosis("gbm") == pytest.approx(3.0, abs=0.15)
    assert kurtosis("regimes") > 4.0


def test_splits_and_dividends_are_no_moves():
    rows = [f"{p} {p + 1} {p - 1} {p}" for p in [100] * 20 + [50] * 20]
    when = series(rows).start
    actions = (Split("X", int(when[20]), 2, 1), Dividend("X", int(when[30]), 1.0))
    seen = observe([series(rows, actions=actions)])
    moved = np.flatnonzero(np.abs(seen.parts.moves[:, 0]) > 1e-12).tolist()
    assert moved == [30]  # the price stood still though a dividend of 1 was paid: that is a gain
    assert seen.parts.moves[30, 0] == pytest.approx(np.log(50 / 49))
    assert seen.volume[20, 0] == pytest.approx(0.5e6)


def test_sessions_of_minutes_are_drawn_whole():
    spans, rows = [], []
    random = np.random.default_rng(1)
    days = [f"2024-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 29)]
    opens = [day for day in days if np.is_busday(day, holidays=["2024-01-01", "2024-01-15", "2024-02-19"])]
    for number, day in enumerate(opens):
        count = 5 if number == 7 else 13
        spans += intraday(count, day)
        rows += [f"{p} {p + 0.5} {p - 0.5} {p}" for p in 100.0 + random.integers(-9, 9, count)]
    seen = observe([series(rows, spans=spans, timeframe="30m")])
    assert seen.width == 13
    assert seen.sessions == len(opens) - 1
    (made,) = worlds(fit("blocks", seen, block=2.0), 1, seed=1, seen=seen)
    real = np.log(seen.series[0].close / seen.series[0].open).reshape(-1, 13).round(9)
    drawn = np.log(made[0].close / made[0].open).reshape(-1, 13).round(9)
    assert {tuple(row) for row in drawn.tolist()} <= {tuple(row) for row in real.tolist()}


def test_what_cannot_be_drawn_from_is_refused():
    with pytest.raises(BadData, match="5 whole sessions that X has"):
        observe([series(["1 2 1 2"] * 5)])
    with pytest.raises(ConfigError, match="did you mean 'blocks'"):
        fit("block", observed())
    rows = [f"{p} {p} {p} {p}" for p in range(100, 140)]
    base = series(rows)
    known = replace(base, extra={"pe": base.close})
    with pytest.raises(ConfigError, match="column 'pe'"):
        fit("gbm", observe([known]))
    assert worlds(fit("blocks", observe([known])), 1, seed=0, seen=observe([known]))[0][0].extra[
        "pe"
    ].shape == (40,)
    with pytest.raises(BadData, match="no positive number"):
        observe([series(["1 1 0 1"] * 40)])
