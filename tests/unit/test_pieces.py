"""Figures of many columns of returns are those of the portfolio's metrics, one by one."""

import numpy as np
import pytest

from openbell.backtesting.pieces import FIGURES, measure_columns
from openbell.portfolio import drawdown, metrics

YEAR = 252.0


def test_each_figure_is_the_one_of_the_metrics():
    returns = np.random.default_rng(3).normal(0.0005, 0.01, (300, 4))
    found = measure_columns(returns, periods_per_year=YEAR)
    for column, row in zip(returns.T, found, strict=True):
        curve = np.concatenate([[1.0], np.cumprod(1.0 + column)])
        named = dict(zip(FIGURES, row.tolist(), strict=True))
        end = int(300 / YEAR * 365.25 * 86_400e9)
        assert named["total_return"] == pytest.approx(metrics.total_return(curve))
        assert named["cagr"] == pytest.approx(metrics.cagr(curve, start_ns=0, end_ns=end))
        assert named["volatility"] == pytest.approx(metrics.volatility(column, periods_per_year=YEAR))
        assert named["sharpe"] == pytest.approx(metrics.sharpe(column, periods_per_year=YEAR))
        assert named["sortino"] == pytest.approx(metrics.sortino(column, periods_per_year=YEAR))
        assert named["max_drawdown"] == pytest.approx(drawdown.max_drawdown(curve))
        assert named["calmar"] == pytest.approx(drawdown.calmar(curve, start_ns=0, end_ns=end))


def test_what_is_undefined_is_no_number():
    returns = np.array([[0.0, 0.01, -1.0, np.nan], [0.0, 0.02, 0.5, 0.1]])
    idle, rising, ruined, failed = measure_columns(returns, periods_per_year=YEAR)
    at = {name: place for place, name in enumerate(FIGURES)}
    assert np.isnan(idle[[at["sharpe"], at["sortino"], at["calmar"]]]).all()
    assert np.isnan(rising[[at["sortino"], at["calmar"]]]).all()
    assert (ruined[at["cagr"]], ruined[at["max_drawdown"]]) == (-1.0, -1.0)
    assert np.isnan(failed).all()
    assert np.isnan(measure_columns(returns[:1], periods_per_year=YEAR)[1, at["sharpe"]])
