"""Runs side by side, and strategies as one portfolio; figures against independent libraries."""

import importlib
import math
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.portfolio.benchmark_metrics import lead
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.portfolio.tried import Tried
from openbell.reporting import comparisonpage, togetherpage
from openbell.reporting.comparison import Comparison, compare
from openbell.reporting.together import join


@pytest.fixture(scope="module")
def runs():
    span: Any = {"start": "2005-01-01", "end": "2008-12-31"}
    return [
        ob.backtest("sma_cross", "AAPL", **span),
        ob.backtest("sma_cross", "AAPL", parameters={"fast": 20}, **span),
        ob.backtest("donchian_trend", "MSFT", start="2006-01-01", end="2008-12-31", cash=50_000),
    ]


def test_differences_are_from_the_first_run(runs):
    found = compare(runs)
    for key in DESCRIPTIONS:
        values, gaps = found.metric(key), found.differences(key)
        for value, gap in zip(values, gaps, strict=True):
            assert gap == pytest.approx(value - values[0], nan_ok=True)


def test_settings_that_differ_are_named_and_no_others(runs):
    assert compare(runs[:2]).settings() == {"parameters.fast": ["10", "20"]}
    assert compare(runs[:2]).names == ["sma_cross fast=10 slow=30", "sma_cross fast=20 slow=30"]
    assert compare(runs[:2]).same_span
    assert not compare(runs).same_span


def test_curves_begin_at_a_hundred_on_the_first_common_session(runs):
    found = compare(runs)
    assert [curve[0] for curve in found.curves] == [100.0] * 3
    assert found.times[0] == runs[2].daily_times[0] or found.times[0] > runs[2].daily_times[0]
    last = (
        runs[2].daily_equity[-1] / runs[2].daily_equity[np.searchsorted(runs[2].daily_times, found.times[0])]
    )
    assert found.curves[2][-1] == pytest.approx(100 * last)


def test_too_few_and_too_many_runs_are_refused(runs):
    for some in (runs[:1], runs * 3):
        with pytest.raises(ConfigError, match="name 2 to 6"):
            compare(some)
    early = ob.backtest("sma_cross", "AAPL", start="2001-01-01", end="2002-12-31")
    with pytest.raises(ConfigError, match="no two sessions in common"):
        compare([early, runs[0]])


@pytest.mark.parametrize("made", ["compare", "join"])
def test_pages_load_nothing_and_caption_every_table(runs, made):
    text = comparisonpage.render(compare(runs)) if made == "compare" else togetherpage.render(join(runs))
    assert "default-src 'none'" in text
    assert text.count("<table") == text.count("<caption>") > 3
    assert text.count("role='img'") == text.count("aria-label='Growth of 100") + text.count(
        "aria-label='All acc"
    )


def test_a_portfolio_is_the_sum_of_its_accounts(runs):
    found = join(runs)
    assert found.equity[0] == 250_000
    assert found.equity[-1] == pytest.approx(math.fsum(run.final_equity for run in runs))
    profit = round(found.equity[-1] - found.equity[0], 2)
    for way in ("strategy", "symbol", "sector", "side"):
        assert round(math.fsum(found.attribution(way).values()), 2) == profit
    _, crossed = found.crossed()
    assert round(math.fsum(v for brought in crossed.values() for v in brought.values()), 2) == profit
    assert found.names == ["sma_cross", "sma_cross 2", "donchian_trend"]


def test_a_portfolios_figures_are_those_of_empyrical_and_quantstats(runs):
    emp, qs = importlib.import_module("empyrical"), importlib.import_module("quantstats.stats")
    for curve, times, figures, year in (
        (join(runs).equity, join(runs).times, join(runs).metrics, max(r.periods_per_year for r in runs)),
        *((r.daily_equity, r.daily_times, r.metrics, r.periods_per_year) for r in runs),
    ):
        returns = pd.Series(curve[1:] / curve[:-1] - 1, pd.DatetimeIndex(times[1:].astype("datetime64[ns]")))
        near: Any = {"rel": 1e-9, "abs": 1e-12}
        assert figures["total_return"] == pytest.approx(emp.cum_returns_final(returns), **near)
        assert figures["max_drawdown"] == pytest.approx(emp.max_drawdown(returns), **near)
        assert figures["volatility"] == pytest.approx(
            emp.annual_volatility(returns, annualization=year), **near
        )
        assert figures["sharpe"] == pytest.approx(emp.sharpe_ratio(returns, annualization=year), **near)
        assert figures["sharpe"] == pytest.approx(qs.sharpe(returns, periods=year), **near)
        assert figures["omega"] == pytest.approx(emp.omega_ratio(returns, annualization=1), **near)
        assert figures["tail_ratio"] == pytest.approx(emp.tail_ratio(returns), **near)
        assert figures["var_historical"] == pytest.approx(emp.value_at_risk(returns, 0.05), **near)


def test_a_comparison_says_whether_the_best_is_shown_to_be_better(runs):
    found = compare(runs)
    assert found.verdict.standing == "luck"
    assert " is not shown to be better than " in str(found.verdict)
    returns = [np.diff(curve) / curve[:-1] for curve in found.curves]
    best = int(np.argmax([one.mean() / one.std(ddof=1) for one in returns]))
    p = {at: min(6 * (1 - lead(returns[best], one)), 1.0) for at, one in enumerate(returns) if at != best}
    for at, value in p.items():
        assert (f"{found.names[at]} (p-value {value:.2f})" in str(found.verdict)) == (value > 0.05)
    text = comparisonpage.render(found)
    assert text.index("class='judgement luck'") < text.index("class='facts-line'")
    for result in runs:
        assert escape(str(result.verdict)) in text  # what each one's evidence supports
    document = found.as_json()
    assert document["verdict"]["text"] == str(found.verdict)
    assert [one["standing"] for one in document["verdicts"]] == [one.verdict.standing for one in runs]


def test_runs_that_differ_are_told_apart_and_those_that_are_the_same_are_not(runs):
    rng = np.random.default_rng(1)
    gains = (0.003, 0.0, -0.001)
    curves = [100 * np.cumprod(np.append(1.0, 1.0 + rng.normal(gain, 0.01, 1000))) for gain in gains]
    times = np.arange(1001)
    better = Comparison(["a", "b", "c"], runs, times, curves).verdict
    assert str(better) == "a is better than each of the others: p-value below 0.01 at most."
    assert (better.standing, "on the 1,001 sessions" in better.detail) == ("supported", True)
    same = Comparison(["a", "b"], runs[:2], times, [curves[0], 2 * curves[0]]).verdict
    assert (same.standing, str(same)) == (
        "nothing",
        "Nothing to tell apart: a and b move as one or not at all.",
    )


def test_a_portfolio_is_judged_with_each_strategy_as_the_luckiest_of_its_own_trials(runs):
    assert join(runs[:1]).verdict.evidence.tried == runs[0].tried
    one = ob.backtest("sma_cross", "AAPL", start="2005-01-01", end="2008-12-31")
    one.tried = Tried(214, 31.0, 0.03)
    alone = join([one]).verdict
    assert alone.evidence.hurdle == pytest.approx(one.evidence.hurdle)
    assert alone.evidence.deflated == pytest.approx(one.evidence.deflated)
    assert "Each strategy is taken for the luckiest of its own trials." in alone.detail
    twice = join([one, one]).verdict  # the same twice is as lucky as once
    assert twice.evidence.hurdle == pytest.approx(one.evidence.hurdle)
    other = ob.backtest("donchian_trend", "MSFT", start="2006-01-01", end="2008-12-31", cash=50_000)
    other.tried = Tried(1, 1.0, 0.0)
    both = join([one, other]).verdict
    assert 0.0 < both.evidence.hurdle < one.evidence.hurdle  # half of it was chosen from nothing
    assert both.evidence.tried is not None
    assert both.evidence.tried.count == 215
    other.tried = None
    assert join([one, other]).verdict.evidence.tried is None  # of one nobody knows
    text = togetherpage.render(join([one, other]))
    assert text.index("class='judgement") < text.index("class='facts-line'")
    assert join([one, other]).as_json()["verdict"]["standing"] == join([one, other]).verdict.standing


def test_a_portfolio_says_that_one_of_it_was_without_costs(runs):
    free = ob.backtest("sma_cross", "AAPL", costs=ob.NO_COSTS, start="2005-01-01", end="2008-12-31")
    free.tried = Tried(1, 1.0, 0.0)
    assert free.verdict.standing in ("unsound", "luck")
    assert join([free]).verdict.standing == free.verdict.standing
