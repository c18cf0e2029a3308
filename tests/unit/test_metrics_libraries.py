"""Each metric against empyrical-reloaded and quantstats; where those differ, by the exact relation.

Where only one of them has the metric, SciPy or pandas is the second witness, and the test says so.
"""

import importlib
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from openbell.portfolio import benchmark_metrics, drawdown, metrics, rolling, trade_metrics

YEAR = 251.5
RATE = 0.03
START = 1_500_000_000 * 10**9


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-12)


@pytest.fixture(scope="module")
def libraries():
    # Both take seconds to import, so no other test file should wait for them.
    return SimpleNamespace(
        emp=importlib.import_module("empyrical"), qs=importlib.import_module("quantstats.stats")
    )


@pytest.fixture(scope="module")
def stats():
    return importlib.import_module("scipy.stats")


@pytest.fixture(scope="module")
def emp(libraries):
    return libraries.emp


@pytest.fixture(scope="module")
def qs(libraries):
    return libraries.qs


@pytest.fixture(params=range(4))
def curve(request):
    """Make a curve, a benchmark that it follows in part, and both as dated returns."""
    random = np.random.default_rng(request.param)
    size = (40, 253, 1000, 2001)[request.param]
    market = random.standard_t(5, size) * 0.01 + 0.0004
    returns = 0.7 * market + random.normal(0.0002, 0.006, size)
    dates = pd.bdate_range("2015-01-02", periods=size)
    return SimpleNamespace(
        equity=100_000 * np.cumprod(np.insert(1 + returns, 0, 1.0)),
        returns=returns,
        market=market,
        dated=pd.Series(returns, dates),
        dated_market=pd.Series(market, dates),
        rate=(1 + RATE) ** (1 / YEAR) - 1,
        span={"start_ns": START, "end_ns": START + round(size / YEAR * metrics.NANOS_PER_YEAR)},
    )


@pytest.fixture(params=range(3))
def trades(request):
    """Make the returns of trades, some of which broke even, and the same dated for quantstats."""
    random = np.random.default_rng(request.param)
    returns = np.round(random.normal(0.004, 0.03, 150), 2)
    assert 0 < np.count_nonzero(returns == 0) < 150
    return SimpleNamespace(
        returns=returns, dated=pd.Series(returns, pd.bdate_range("2020-01-01", periods=150))
    )


def test_simple_returns_undo_compounding(curve):
    assert metrics.simple_returns(curve.equity) == pytest.approx(curve.returns, abs=1e-13)


def test_total_return(curve, emp, qs):
    mine = metrics.total_return(curve.equity)
    assert mine == near(emp.cum_returns_final(curve.returns))
    assert mine == near(qs.comp(curve.dated))


def test_cagr_agrees_where_the_periods_fill_the_calendar_time(curve, emp, qs):
    mine = metrics.cagr(curve.equity, **curve.span)
    assert mine == near(emp.cagr(curve.returns, annualization=YEAR))
    assert mine == near(qs.cagr(curve.dated, periods=YEAR))


def test_volatility(curve, emp, qs):
    mine = metrics.volatility(curve.returns, periods_per_year=YEAR)
    assert mine == near(emp.annual_volatility(curve.returns, annualization=YEAR))
    assert mine == near(qs.volatility(curve.dated, periods=YEAR))


def test_sharpe_with_empyricals_rate_a_period(curve, emp, qs):
    mine = metrics.sharpe(curve.returns, periods_per_year=YEAR, risk_free=RATE)
    assert mine == near(emp.sharpe_ratio(curve.returns, curve.rate, annualization=YEAR))
    assert mine == near(qs.sharpe(curve.dated, rf=RATE, periods=YEAR))


def test_sortino_with_empyricals_rate_a_period(curve, emp, qs):
    mine = metrics.sortino(curve.returns, periods_per_year=YEAR, risk_free=RATE)
    assert mine == near(emp.sortino_ratio(curve.returns, curve.rate, annualization=YEAR))
    assert mine == near(qs.sortino(curve.dated, rf=RATE, periods=YEAR))


def test_omega_with_the_rate_as_required_return(curve, emp, qs):
    mine = metrics.omega(curve.returns, periods_per_year=YEAR, risk_free=RATE)
    assert mine == near(emp.omega_ratio(curve.returns, required_return=RATE, annualization=YEAR))
    assert mine == near(qs.omega(curve.dated, required_return=RATE, periods=YEAR))


def test_calmar(curve, emp, qs):
    mine = drawdown.calmar(curve.equity, **curve.span)
    assert mine == near(emp.calmar_ratio(curve.returns, annualization=YEAR))
    assert mine == near(qs.calmar(curve.dated, periods=YEAR))


def test_drawdowns_have_the_starting_point_that_the_others_leave_out(curve, emp, qs):
    mine = drawdown.drawdowns(curve.equity)
    assert mine[0] == 0
    assert mine[1:] == pytest.approx(emp.stats.drawdown_series(curve.returns), abs=1e-12)
    assert mine[1:] == pytest.approx(qs.to_drawdown_series(curve.dated).to_numpy(), abs=1e-12)


def test_max_drawdown(curve, emp, qs):
    mine = drawdown.max_drawdown(curve.equity)
    assert mine == near(emp.max_drawdown(curve.returns))
    assert mine == near(qs.max_drawdown(curve.dated))


def test_dates_of_drawdowns_count_from_the_peak_not_from_the_first_loss(curve, qs):
    mine = drawdown.top_drawdowns(curve.equity, 5)
    # quantstats starts a fall on its first losing day and ends it on the last day before the recovery.
    dates = curve.dated.index.insert(0, pd.Timestamp("2015-01-01"))
    details = qs.drawdown_details(pd.Series(drawdown.drawdowns(curve.equity), dates))
    theirs = details.sort_values("max drawdown", kind="stable").head(5)

    def day(point: int) -> str:
        return str(dates[point].date())

    last = curve.equity.size - 1
    assert [d.depth for d in mine] == near(list(theirs["max drawdown"] / 100))
    assert [day(d.peak + 1) for d in mine] == list(theirs["start"])
    assert [day(d.trough) for d in mine] == list(theirs["valley"])
    assert [day(last if d.recovery is None else d.recovery - 1) for d in mine] == list(theirs["end"])


def test_a_curve_that_only_falls_has_a_drawdown_and_in_quantstats_none(qs):
    returns = pd.Series([-0.01, -0.02, 0.005], pd.bdate_range("2020-01-01", periods=3))
    (only,) = drawdown.top_drawdowns(np.array([100.0, 99.0, 97.02, 97.5051]))
    assert (only.peak, only.trough, only.recovery, only.length) == (0, 2, None, 3)
    assert qs.drawdown_details(qs.to_drawdown_series(returns)).empty


def test_ulcer_divides_by_all_points_and_quantstats_by_two_less(curve, qs):
    # Second witness: the series that agrees with empyrical above, and the definition.
    n = curve.equity.size
    mine = drawdown.ulcer(curve.equity)
    assert mine * math.sqrt(n / (n - 2)) == near(qs.ulcer_index(curve.dated))
    assert mine == near(math.sqrt((drawdown.drawdowns(curve.equity) ** 2).sum() / n))


def test_historical_value_at_risk(curve, emp):
    # quantstats has the normal one only; pandas is the second witness.
    for tail in (0.01, 0.05, 0.1):
        mine = metrics.var_historical(curve.returns, tail=tail)
        assert mine == near(emp.value_at_risk(curve.returns, tail))
        assert mine == near(curve.dated.quantile(tail))


def test_historical_shortfall(curve, emp, qs):
    mine = metrics.cvar_historical(curve.returns)
    assert mine == near(emp.conditional_value_at_risk(curve.returns, 0.05))
    assert mine == near(qs.cvar(curve.dated, confidence=0.95, method="historical"))


def test_historical_shortfall_counts_every_tie_and_empyrical_a_fixed_number(emp, qs):
    returns = np.array([-0.04, -0.02, -0.02, -0.02] + [0.01] * 20)
    dated = pd.Series(returns, pd.bdate_range("2020-01-01", periods=24))
    assert metrics.cvar_historical(returns) == near(-0.025)
    assert metrics.cvar_historical(returns) == near(qs.cvar(dated, method="historical"))
    assert emp.conditional_value_at_risk(returns) == near(-0.03)


def test_parametric_value_at_risk_and_shortfall(curve, qs, stats):
    # empyrical has neither; SciPy's normal distribution is the second witness.
    normal = stats.norm(curve.returns.mean(), curve.returns.std(ddof=1))
    value, shortfall = metrics.var_parametric(curve.returns), metrics.cvar_parametric(curve.returns)
    assert value == near(qs.value_at_risk(curve.dated))
    assert value == near(normal.ppf(0.05))
    assert shortfall == near(qs.cvar(curve.dated))
    assert shortfall == pytest.approx(normal.expect(lb=-1, ub=normal.ppf(0.05), conditional=True), rel=1e-6)


def test_tail_ratio(curve, emp, qs):
    mine = metrics.tail_ratio(curve.returns)
    assert mine == near(emp.tail_ratio(curve.returns))
    assert mine == near(qs.tail_ratio(curve.dated))


def test_tail_ratio_is_undefined_where_the_others_compare_two_losses(emp, qs):
    losing = -np.linspace(0.01, 0.02, 50)
    dated = pd.Series(losing, pd.bdate_range("2020-01-01", periods=50))
    assert math.isnan(metrics.tail_ratio(losing))
    assert 0 < emp.tail_ratio(losing) < 1
    assert 0 < qs.tail_ratio(dated) < 1


def test_skew_and_kurtosis_correct_the_bias_that_scipys_leave(curve, qs, stats):
    # empyrical has none of its own: its table of statistics lists SciPy's.
    n, r = curve.returns.size, curve.returns
    assert metrics.skew(r) == near(qs.skew(curve.dated))
    assert metrics.skew(r) == near(stats.skew(r) * math.sqrt(n * (n - 1)) / (n - 2))
    excess = stats.kurtosis(r)
    assert metrics.kurtosis(r) == near(qs.kurtosis(curve.dated))
    assert metrics.kurtosis(r) == near((n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6))


def test_beta(curve, emp, qs):
    mine = benchmark_metrics.beta(curve.returns, curve.market)
    assert mine == near(emp.beta(curve.returns, curve.market))
    assert mine == near(qs.greeks(curve.dated, curve.dated_market)["beta"])


def test_alpha_adds_periods_up_and_empyrical_compounds_them(curve, emp, qs):
    mine = benchmark_metrics.alpha(curve.returns, curve.market, periods_per_year=YEAR)
    assert mine == near(qs.greeks(curve.dated, curve.dated_market, periods=YEAR)["alpha"])
    charged = benchmark_metrics.alpha(curve.returns, curve.market, periods_per_year=YEAR, risk_free=RATE)
    theirs = emp.alpha(curve.returns, curve.market, risk_free=curve.rate, annualization=YEAR)
    assert (1 + charged / YEAR) ** YEAR - 1 == near(theirs)


def test_information_ratio_is_a_year_and_theirs_a_period(curve, emp, qs):
    mine = benchmark_metrics.information_ratio(curve.returns, curve.market, periods_per_year=YEAR)
    assert mine == near(emp.excess_sharpe(curve.returns, curve.market) * math.sqrt(YEAR))
    assert mine == near(qs.information_ratio(curve.dated, curve.dated_market) * math.sqrt(YEAR))


def test_tracking_error_is_their_volatility_of_the_difference(curve, emp, qs):
    mine = benchmark_metrics.tracking_error(curve.returns, curve.market, periods_per_year=YEAR)
    assert mine == near(emp.annual_volatility(curve.returns - curve.market, annualization=YEAR))
    assert mine == near(qs.volatility(curve.dated - curve.dated_market, periods=YEAR))


def test_captures_compare_means_a_period_and_empyrical_a_year_by_default(curve, emp, stats):
    # quantstats has no capture; SciPy's geometric mean is the second witness.
    for mine, theirs, chosen in (
        (benchmark_metrics.up_capture, emp.up_capture, curve.market > 0),
        (benchmark_metrics.down_capture, emp.down_capture, curve.market < 0),
    ):
        value = mine(curve.returns, curve.market)
        top, bottom = (stats.gmean(1 + r[chosen]) - 1 for r in (curve.returns, curve.market))
        assert value == near(theirs(curve.returns, curve.market, period="yearly"))
        assert value == near(top / bottom)
        daily = theirs(curve.returns, curve.market, period="daily")
        assert daily == near(((1 + top) ** 252 - 1) / ((1 + bottom) ** 252 - 1))


def test_rolling_sharpe(curve, emp, qs):
    mine = rolling.rolling_sharpe(curve.returns, 21, periods_per_year=YEAR, risk_free=RATE)
    theirs = emp.roll_sharpe_ratio(curve.returns, 21, risk_free=curve.rate, annualization=YEAR)
    assert mine[20:] == near(theirs)
    other = qs.rolling_sharpe(curve.dated, rf=RATE, rolling_period=21, periods_per_year=YEAR)
    assert mine == pytest.approx(other.to_numpy(), rel=1e-7, nan_ok=True)


def test_rolling_beta(curve, emp, qs):
    mine = rolling.rolling_beta(curve.returns, curve.market, 30)
    assert mine[29:] == near(emp.roll_beta(curve.returns, curve.market, 30))
    other = qs.rolling_greeks(curve.dated, curve.dated_market, periods=30)["beta"]
    assert mine == pytest.approx(other.to_numpy(), rel=1e-7, nan_ok=True)


def test_monthly_returns(curve, emp, qs):
    # The others take a date for its whole day; a point in time closes that day at the next midnight.
    midnights = curve.dated.index.insert(0, pd.Timestamp("2014-12-31")) + pd.Timedelta(days=1)
    mine = rolling.monthly_returns(curve.equity, midnights.as_unit("ns").asi8)
    theirs = emp.aggregate_returns(curve.dated, "monthly")
    assert [(year, month) for year, month, _ in mine] == list(theirs.index)
    assert [value for _, _, value in mine] == near(list(theirs))
    table = qs.monthly_returns(curve.dated, eoy=False)
    assert [value for _, _, value in mine] == near([table.loc[str(y)].iloc[m - 1] for y, m, _ in mine])


def test_win_rate_counts_trades_that_broke_even_and_quantstats_does_not(trades, qs):
    # empyrical has no metric of trades; the definition, spelled out, is the second witness here and below.
    count, zeros = trades.returns.size, np.count_nonzero(trades.returns == 0)
    mine = trade_metrics.win_rate(trades.returns)
    assert mine * count / (count - zeros) == near(qs.win_rate(trades.dated))
    assert mine == sum(r > 0 for r in trades.returns) / count


def test_profit_factor(trades, qs):
    mine = trade_metrics.profit_factor(trades.returns)
    assert mine == near(qs.profit_factor(trades.dated))
    assert mine == near(sum(r for r in trades.returns if r > 0) / -sum(r for r in trades.returns if r < 0))


def test_average_win_and_loss_and_payoff(trades, qs):
    assert trade_metrics.average_win(trades.returns) == near(qs.avg_win(trades.dated))
    assert trade_metrics.average_loss(trades.returns) == near(qs.avg_loss(trades.dated))
    assert trade_metrics.payoff(trades.returns) == near(qs.payoff_ratio(trades.dated))


def test_kelly_is_the_fraction_with_the_highest_expected_logarithm(trades, qs):
    mine = trade_metrics.kelly(trades.returns)
    assert mine == near(qs.kelly_criterion(trades.dated))
    odds = trade_metrics.payoff(trades.returns)
    wins, losses = np.count_nonzero(trades.returns > 0), np.count_nonzero(trades.returns < 0)

    def growth(f: float) -> float:
        return wins * math.log1p(odds * f) + losses * math.log1p(-f)

    assert growth(mine) > max(growth(mine - 1e-4), growth(mine + 1e-4))


def test_sqn_is_the_t_statistic_of_the_mean_trade(trades, stats):
    # Neither library has it; SciPy's t test and the standard error of the mean are the witnesses.
    mine = trade_metrics.sqn(trades.returns)
    assert mine == near(stats.ttest_1samp(trades.returns, 0).statistic)
    assert mine == near(trades.returns.mean() / stats.sem(trades.returns))


def test_expectancy_is_the_odds_times_the_averages(trades):
    wins = (trades.returns > 0).mean() * trade_metrics.average_win(trades.returns)
    losses = (trades.returns < 0).mean() * trade_metrics.average_loss(trades.returns)
    assert trade_metrics.expectancy(trades.returns) == near(wins + losses)
    assert trade_metrics.expectancy(trades.returns) == near(trades.dated.mean())


def test_exposure_counts_positions_and_quantstats_rounds_up_days_that_moved(qs):
    gross = np.array([0.0] * 7 + [50.0] * 8)
    moved = pd.Series(np.where(gross > 0, 0.01, 0.0), pd.bdate_range("2020-01-01", periods=15))
    mine = trade_metrics.exposure(gross)
    assert mine == near(8 / 15)
    assert qs.exposure(moved) == math.ceil(mine * 100) / 100


def test_what_is_undefined_here_is_infinite_or_zero_there(emp, qs):
    dates = pd.bdate_range("2020-01-01", periods=6)
    flat, up, fair = np.full(6, 0.01), np.linspace(0.01, 0.02, 6), np.array([0.01, -0.01] * 3)
    dated_flat, dated_up, dated_fair = (pd.Series(values, dates) for values in (flat, up, fair))
    year = {"periods_per_year": YEAR}
    undefined = [
        metrics.sharpe(flat, **year),
        metrics.sortino(up, **year),
        trade_metrics.profit_factor(up),
        benchmark_metrics.information_ratio(fair, fair, **year),
        benchmark_metrics.beta(fair, np.zeros(6)),
        benchmark_metrics.alpha(fair, np.zeros(6), **year),
    ]
    assert all(math.isnan(value) for value in undefined)
    assert emp.sharpe_ratio(flat) == emp.sortino_ratio(up) == qs.profit_factor(dated_up) == math.inf
    assert qs.information_ratio(dated_fair, dated_fair) == 0
    assert list(qs.greeks(dated_fair, dated_flat * 0)) == [0, 0]


def test_a_fault_is_seen_here_and_left_out_there(emp, qs):
    returns = np.array([0.01, math.nan, -0.02, 0.03])
    dated = pd.Series(returns, pd.bdate_range("2020-01-01", periods=4))
    assert math.isnan(metrics.volatility(returns, periods_per_year=252))
    assert emp.annual_volatility(returns) == near(qs.volatility(dated))
    assert emp.annual_volatility(returns) == near(np.array([0.01, -0.02, 0.03]).std(ddof=1) * math.sqrt(252))
