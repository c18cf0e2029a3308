"""What holds for any curve, and agreement with empyrical on curves that Hypothesis chooses."""

import importlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openbell.core.types import NANOS_PER_DAY
from openbell.portfolio import benchmark_metrics, drawdown, metrics, rolling, trade_metrics
from openbell.portfolio.summary import summarise, summarise_activity, summarise_trades

anything = arrays(np.float64, st.integers(0, 12), elements=st.floats())
small = st.integers(-2000, 2000).map(lambda r: r / 10_000)
steps = arrays(np.float64, st.integers(8, 60), elements=small)
calm = settings(deadline=None)  # a busy machine is no failure


@pytest.fixture(scope="module")
def emp() -> Any:
    return importlib.import_module("empyrical")


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-7, abs=1e-10)


def curve_of(returns: metrics.FloatArray) -> metrics.FloatArray:
    return 1000 * np.cumprod(np.insert(1 + returns, 0, 1.0), dtype=np.float64)


def times_of(equity: metrics.FloatArray) -> metrics.IntArray:
    return np.arange(equity.size, dtype=np.int64) * np.int64(7 * NANOS_PER_DAY)


@given(anything, st.floats(), st.floats(), st.data())
@settings(calm, max_examples=150)
def test_no_input_raises_warns_or_gives_infinity(equity, year, rate, data):
    other = data.draw(arrays(np.float64, equity.size, elements=st.floats()))
    times = times_of(equity)
    found = summarise(equity, times, periods_per_year=year, benchmark=other, risk_free=rate)
    found |= summarise_trades(equity, returns=other, holding=other)
    found |= summarise_activity(equity, times, gross=other, traded=equity, costs=other)
    series = [
        drawdown.drawdowns(equity),
        metrics.simple_returns(equity),
        rolling.rolling_sharpe(equity, 3, periods_per_year=year, risk_free=rate),
        rolling.rolling_beta(equity, other, 3),
        np.array([value for _, _, value in rolling.monthly_returns(equity, times)]),
        np.array([d.depth for d in drawdown.top_drawdowns(equity)]),
    ]
    assert not any(math.isinf(value) for value in found.values())
    assert not any(np.isinf(values).any() for values in series)


@given(steps, st.data())
@calm
def test_a_fault_anywhere_leaves_no_metric_of_the_curve(returns, data):
    equity = curve_of(returns)
    equity[data.draw(st.integers(0, equity.size - 1))] = math.nan
    found = summarise(equity, times_of(equity), periods_per_year=252, benchmark=curve_of(returns))
    assert all(math.isnan(value) for value in found.values())


@given(steps, st.sampled_from([0.25, 2.0, 1024.0]))
@calm
def test_the_size_of_the_account_changes_nothing(returns, factor):
    equity = curve_of(returns)
    one = summarise(equity, times_of(equity), periods_per_year=252)
    other = summarise(factor * equity, times_of(equity), periods_per_year=252)
    assert other == pytest.approx(one, nan_ok=True)


@given(steps)
@calm
def test_months_compound_to_the_total(returns):
    equity = curve_of(returns)
    months = rolling.monthly_returns(equity, times_of(equity))
    assert math.prod(1 + value for *_, value in months) == pytest.approx(1 + metrics.total_return(equity))
    assert [m[:2] for m in months] == sorted({m[:2] for m in months})


@given(steps)
@calm
def test_drawdowns_partition_the_points_below_a_peak(returns):
    equity = curve_of(returns)
    fall, found = drawdown.drawdowns(equity), drawdown.top_drawdowns(equity, equity.size)
    below = np.zeros(equity.size, dtype=bool)
    for d in found:
        end = equity.size if d.recovery is None else d.recovery
        assert not below[d.peak + 1 : end].any()
        below[d.peak + 1 : end] = True
        assert d.peak < d.trough < end
        assert d.length == min(end, equity.size - 1) - d.peak
        assert d.depth == fall[d.trough] == fall[d.peak : end].min()
        assert fall[d.peak] == 0
    assert (below == (fall < 0)).all()
    assert [d.depth for d in found] == sorted(d.depth for d in found)
    assert min([0.0, *(d.depth for d in found)]) == drawdown.max_drawdown(equity)


@given(steps, st.integers(1, 7))
@calm
def test_what_comes_later_does_not_change_what_was(returns, cut):
    equity = curve_of(returns)
    assert (drawdown.drawdowns(equity)[:cut] == drawdown.drawdowns(equity[:cut])).all()


@given(steps, st.integers(2, 9), st.data())
@calm
def test_rolling_values_are_those_of_each_window(returns, window, data):
    market = data.draw(
        arrays(np.float64, returns.size, elements=st.floats(-0.2, 0.2).map(lambda r: round(r, 4)))
    )
    sharpes = rolling.rolling_sharpe(returns, window, periods_per_year=252, risk_free=0.02)
    betas = rolling.rolling_beta(returns, market, window)
    for end in range(1, returns.size + 1):
        part, other = returns[max(0, end - window) : end], market[max(0, end - window) : end]
        whole = part.size == window
        sharpe = metrics.sharpe(part, periods_per_year=252, risk_free=0.02) if whole else math.nan
        beta = benchmark_metrics.beta(part, other) if whole else math.nan
        assert sharpes[end - 1] == pytest.approx(sharpe, rel=1e-6, abs=1e-9, nan_ok=True)
        assert betas[end - 1] == pytest.approx(beta, rel=1e-6, abs=1e-9, nan_ok=True)


@given(steps)
@calm
def test_shortfall_is_never_better_than_value_at_risk(returns):
    slack = 1e-15
    assert metrics.cvar_historical(returns) <= metrics.var_historical(returns) + slack
    assert metrics.cvar_parametric(returns) <= metrics.var_parametric(returns) + slack


@given(steps)
@calm
def test_trade_metrics_tell_one_story(pnl):
    factor, payoff, mean = (
        f(pnl) for f in (trade_metrics.profit_factor, trade_metrics.payoff, trade_metrics.expectancy)
    )
    if not math.isnan(factor) and abs(mean) > 1e-12:
        assert (factor > 1) == (mean > 0)
    if not math.isnan(payoff):
        wins, losses = np.count_nonzero(pnl > 0), np.count_nonzero(pnl < 0)
        assert factor == pytest.approx(payoff * wins / losses)
        assert trade_metrics.kelly(pnl) == pytest.approx(
            (wins - losses / payoff) / (wins + losses), abs=1e-12
        )


@given(steps, st.data())
@calm
def test_empyrical_agrees(emp, returns, data):
    market = data.draw(
        arrays(np.float64, returns.size, elements=st.floats(-0.2, 0.2).map(lambda r: round(r, 4)))
    )
    equity, year = curve_of(returns), 250.0
    # Where all returns are equal the other divides by a residue of rounding, or by zero.
    if np.ptp(returns) == 0 or np.ptp(market) == 0 or np.ptp(returns - market) < 1e-12:
        return
    assert metrics.sharpe(returns, periods_per_year=year) == near(
        emp.sharpe_ratio(returns, annualization=year)
    )
    assert drawdown.max_drawdown(equity) == near(emp.max_drawdown(returns))
    assert metrics.var_historical(returns) == near(emp.value_at_risk(returns))
    assert benchmark_metrics.beta(returns, market) == near(emp.beta(returns, market))
    active = benchmark_metrics.information_ratio(returns, market, periods_per_year=year)
    assert active == near(emp.excess_sharpe(returns, market) * math.sqrt(year))
    if (returns < 0).any():
        theirs = emp.sortino_ratio(returns, annualization=year)
        assert metrics.sortino(returns, periods_per_year=year) == near(theirs)
        assert metrics.omega(returns, periods_per_year=year) == near(emp.omega_ratio(returns))
