"""Courses drawn anew: measured as runs are, the same by any number of threads, spread as they should be."""

import math
from typing import Any

import numpy as np
import pytest

from openbell.backtesting import redrawn, splitmix
from openbell.core.errors import ConfigError
from openbell.portfolio import drawdown, metrics, trade_metrics
from openbell.portfolio.bootstrap import accelerated, acceleration, confidence_interval

DAYS = np.random.default_rng(1).normal(0.0006, 0.011, 504)
YEAR: dict[str, Any] = {"years": 2.0, "periods_per_year": 252.0}


def test_figures_are_those_of_the_portfolio():
    curve = np.concatenate([[1.0], np.cumprod(1.0 + DAYS)])
    cagr = curve[-1] ** 0.5 - 1.0
    fall = drawdown.max_drawdown(curve)
    expected = [
        curve[-1] - 1.0,
        cagr,
        metrics.volatility(DAYS, periods_per_year=252.0),
        metrics.sharpe(DAYS, periods_per_year=252.0),
        metrics.sortino(DAYS, periods_per_year=252.0),
        fall,
        cagr / -fall,
    ]
    assert redrawn.measure(DAYS, **YEAR) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("returns", "undefined"),
    [
        (np.full(32, 0.5), ["sharpe", "sortino", "calmar"]),  # no deviation, no loss
        (np.zeros(30), ["sharpe", "sortino", "calmar"]),
        (np.array([0.1]), ["volatility", "sharpe", "sortino", "calmar"]),
    ],
)
def test_what_is_undefined_is_no_number(returns, undefined):
    found = dict(zip(redrawn.FIGURES, redrawn.measure(returns, **YEAR), strict=True))
    assert {name for name, value in found.items() if math.isnan(value)} == set(undefined)


def test_an_account_that_loses_everything_has_lost_everything():
    found = redrawn.measure(np.array([0.1, -1.0, 0.2]), **YEAR)
    assert (found[0], found[1], found[5]) == (-1.0, -1.0, -1.0)


def test_a_draw_is_the_same_whoever_makes_it(monkeypatch):
    found = []
    for threads in (1, 2, 7):
        monkeypatch.setattr(splitmix, "processors", lambda count=threads: count)
        found.append(redrawn.redraw_returns(DAYS, draws=50, length=8.0, seed=3, **YEAR))
    for other in found[1:]:
        np.testing.assert_array_equal(other.figures, found[0].figures)
        np.testing.assert_array_equal(other.curves, found[0].curves)
    other = redrawn.redraw_returns(DAYS, draws=50, length=8.0, seed=4, **YEAR)
    assert (other.figures != found[0].figures).any()


def test_draws_by_single_days_have_the_mean_and_the_spread_of_the_days():
    made = redrawn.redraw_returns(DAYS, draws=20_000, length=1.0, **YEAR)
    growth = np.log1p(DAYS)
    ends = np.log1p(made.figures[:, 0])
    spread = growth.std() * math.sqrt(len(DAYS))
    assert ends.mean() == pytest.approx(growth.sum(), abs=4.0 * spread / math.sqrt(20_000))
    assert ends.std() == pytest.approx(spread, rel=0.03)


def test_blocks_are_as_long_as_asked():
    places = np.array([day * 1e-9 for day in range(120)])  # a return tells which day it is of
    lengths = []
    for length in (1.0, 5.0, 40.0):
        curves = redrawn.redraw_returns(places, draws=400, length=length, **YEAR).curves
        steps = np.rint(np.diff(np.log(curves), axis=1) * 1e9).astype(int)
        begins = (np.diff(steps, axis=1) % 120 != 1).mean()
        lengths.append(1.0 / begins)
    assert lengths == pytest.approx([1.0, 5.0, 40.0], rel=0.12)


def test_curves_begin_at_one_and_end_with_the_return():
    made = redrawn.redraw_returns(DAYS, draws=20, length=4.0, **YEAR)
    assert (made.curves[:, 0] == 1.0).all()
    assert made.curves[:, -1] - 1.0 == pytest.approx(made.figures[:, 0])
    assert (made.points[0], made.points[-1]) == (0, len(DAYS))
    assert (made.figures[:, redrawn.LOWEST] <= 1.0 + 1e-12).all()


def test_the_jackknife_leaves_out_one_day_at_a_time():
    found = redrawn.leave_each_out(DAYS, **YEAR)
    years = 2.0 * 503 / 504
    for at in (0, 100, 503):
        expected = redrawn.measure(np.delete(DAYS, at), years=years, periods_per_year=252.0)
        assert found[at] == pytest.approx(expected)


def test_an_interval_is_that_of_the_general_way():
    at = redrawn.FIGURES.index("sharpe")

    def sharpe(days):
        return float(redrawn.measure(days, **YEAR)[at])

    general = confidence_interval(DAYS, sharpe, draws=4_000, length=5.0)
    left = redrawn.leave_each_out(DAYS, **YEAR)[:, at]
    drawn = redrawn.redraw_returns(DAYS, draws=20_000, length=5.0, **YEAR).figures[:, at]
    quick = accelerated(sharpe(DAYS), drawn, acceleration(left))
    assert (quick.low, quick.high) == pytest.approx((general.low, general.high), abs=0.12)


def test_trades_in_other_orders_end_where_the_run_did():
    gains = np.array([0.1, -0.2, 0.05, 0.3, -0.1])
    made = redrawn.reorder_trades(gains, draws=500)
    assert made.figures[:, 0] == pytest.approx(np.prod(1.0 + gains) - 1.0)
    falls = np.unique(made.figures[:, 5].round(10))
    assert falls.min() == pytest.approx(0.8 * 0.9 - 1.0)  # both losses in a row
    assert falls.max() == pytest.approx(-0.2)
    assert np.isnan(made.figures[:, 1:5]).all()


def test_every_order_is_as_likely():
    gains = np.array([0.5, 0.0, -0.5])
    seconds = redrawn.reorder_trades(gains, draws=30_000).curves[:, 1:3]
    _, counts = np.unique(seconds.round(6), axis=0, return_counts=True)
    assert counts / 30_000 == pytest.approx(np.full(6, 1 / 6), abs=0.01)


def test_missed_trades_are_missed_as_often_as_asked():
    made = redrawn.reorder_trades(np.full(200, 0.01), draws=400, drop=0.25)
    taken = np.log1p(made.figures[:, 0]) / math.log(1.01)
    assert taken.mean() == pytest.approx(150.0, rel=0.01)


def test_trades_drawn_anew_have_the_intervals_of_the_general_way():
    profits = np.random.default_rng(3).normal(20.0, 100.0, 60)
    drawn = redrawn.redraw_trades(profits, draws=20_000)
    left = redrawn.leave_each_trade_out(profits)
    for at, name in enumerate(redrawn.OF_TRADES):
        figure = getattr(trade_metrics, name)
        general = confidence_interval(profits, figure, draws=4_000, length=1.0)
        quick = accelerated(figure(profits), drawn[:, at], acceleration(left[:, at]))
        assert left[7, at] == pytest.approx(figure(np.delete(profits, 7)))
        near = 0.1 * (general.high - general.low)
        assert (quick.low, quick.high) == pytest.approx((general.low, general.high), abs=near)


def test_trades_without_a_loss_have_no_profit_factor():
    assert np.isnan(redrawn.redraw_trades(np.ones(5), draws=3)[:, 1]).all()
    left = redrawn.leave_each_trade_out(np.array([1.0, 2.0, -1.0]))
    assert np.isnan(left[2, 1])
    assert acceleration(left[:, 1]) == acceleration(left[:2, 1])
    assert acceleration(np.full(3, np.nan)) == 0.0


def test_no_draws_are_refused():
    with pytest.raises(ConfigError, match="draws=0 must be 1 or more"):
        redrawn.reorder_trades(np.ones(3), draws=0)


def test_what_is_compiled_does_what_is_written(monkeypatch):
    def all_of():
        return [
            *redrawn.redraw_returns(DAYS[:40], draws=6, length=3.0, seed=5, **YEAR),
            *redrawn.reorder_trades(DAYS[:9], draws=6, drop=0.3, seed=5),
            redrawn.redraw_trades(DAYS[:9], draws=6, seed=5),
            redrawn.leave_each_out(DAYS[:12], **YEAR),
            redrawn.measure(DAYS[:12], **YEAR),
        ]

    compiled = all_of()
    for module, names in (
        (splitmix, ("_mixed",)),
        (
            redrawn,
            ("begin", "share_of", "_judge", "_measure", "_leave_out", "_redraw", "_reorder", "_resample"),
        ),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name).py_func)
    monkeypatch.setattr(splitmix, "processors", lambda: 1)
    with np.errstate(over="ignore"):  # the generator counts modulo 2⁶⁴
        written = all_of()
    for one, other in zip(compiled, written, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
