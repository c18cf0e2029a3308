import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from openbell.core.errors import BadData, ConfigError
from openbell.portfolio.overfitting import overfitting_probability, sharpe_of_columns
from openbell.portfolio.significance import (
    Moments,
    deflated_sharpe,
    expected_maximum,
    haircut_sharpe,
    minimum_backtest_years,
    minimum_track_record,
    moments_of,
    p_value_of,
    probabilistic_sharpe,
)

#: The worked example of The Deflated Sharpe Ratio: a yearly ratio of 2.5 over 1,250 days, the best of 100
#: trials whose yearly ratios have a variance of one half.
EXAMPLE = Moments(2.5 / math.sqrt(250), -3.0, 10.0, 1250)
DEVIATION = math.sqrt(0.5 / 250)


def test_the_papers_deflated_ratio():
    assert expected_maximum(100, DEVIATION) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(EXAMPLE, trials=100, deviation=DEVIATION) == pytest.approx(0.9004, abs=1e-4)
    assert deflated_sharpe(EXAMPLE, trials=46, deviation=DEVIATION) == pytest.approx(0.9505, abs=1e-4)


@given(st.floats(1.0, 3.0))
def test_more_trials_never_speak_for_a_strategy(trials):
    assert expected_maximum(trials, DEVIATION) >= 0.0
    alone = probabilistic_sharpe(EXAMPLE)
    assert deflated_sharpe(EXAMPLE, trials=trials, deviation=DEVIATION) <= alone


def test_the_papers_least_length_of_a_backtest():
    assert minimum_backtest_years(45) == pytest.approx(5.0, abs=0.01)
    assert minimum_backtest_years(1) == 0.0
    assert minimum_backtest_years(45, sharpe=2.0) == pytest.approx(1.25, abs=0.01)


def test_a_normal_record_is_the_z_test_that_it_must_be():
    moments = Moments(0.1, 0.0, 3.0, 401)
    z = 0.1 * 20 / math.sqrt(1 + 0.5 * 0.01)
    assert probabilistic_sharpe(moments) == pytest.approx(stats.norm.cdf(z), rel=1e-12)


@given(
    st.floats(1e-6, 0.3) | st.floats(-0.3, 0.0),
    st.floats(-2, 2),
    st.floats(5.5, 20),
    st.integers(30, 5000),
    st.floats(0.55, 0.99),
)
def test_the_least_record_is_where_the_confidence_is_reached(sharpe, skewness, kurtosis, count, confidence):
    moments = Moments(sharpe, skewness, kurtosis, count)
    needed = minimum_track_record(moments, confidence=confidence)
    if sharpe <= 0:
        assert needed == math.inf
    else:
        assert stats.norm.cdf(
            sharpe * math.sqrt(needed - 1) / math.sqrt(1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2)
        ) == pytest.approx(confidence, abs=1e-9)


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_more_trials_never_help(one, more):
    few, many = (deflated_sharpe(EXAMPLE, trials=n, deviation=DEVIATION) for n in (one, one + more))
    assert many <= few


def test_moments_are_scipys():
    returns = np.random.default_rng(3).standard_t(5, 1000) * 0.01 + 0.0005
    moments = moments_of(returns)
    assert moments.skewness == pytest.approx(stats.skew(returns), rel=1e-12)
    assert moments.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-12)
    assert moments.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-12)


@pytest.mark.parametrize(
    ("returns", "said"),
    [
        (np.array([0.1]), "needs two or more"),
        (np.zeros((3, 2)), "in one row"),
        (np.array([0.1, math.nan]), "is no number"),
        (np.full(9, 0.01), "do not vary"),
    ],
)
def test_returns_without_a_ratio_are_refused(returns, said):
    with pytest.raises(BadData, match=said):
        moments_of(returns)


@pytest.mark.parametrize(("method", "name"), [("bhy", "by"), ("bonferroni", None), ("holm", None)])
def test_haircuts_adjust_as_written(method, name):
    p_values = [0.0005, 0.01, 0.03, 0.04, 0.2, 0.9]
    found = [one.p_value for one in haircut_sharpe(p_values, 240, method=method)]
    if name:
        assert found == pytest.approx(stats.false_discovery_control(p_values, method=name), rel=1e-12)
    elif method == "bonferroni":
        assert found == pytest.approx([min(6 * p, 1.0) for p in p_values])
    else:  # Holm's steps by hand: 6 x 0.0005, 5 x 0.01, 4 x 0.03, 3 x 0.04, 2 x 0.2, 1 x 0.9
        assert found == pytest.approx([0.003, 0.05, 0.12, 0.12, 0.4, 0.9])


def test_a_haircut_of_one_test_takes_nothing():
    sharpe = 0.15
    (left,) = haircut_sharpe([p_value_of(sharpe, 240)], 240)
    assert left.sharpe == pytest.approx(sharpe, rel=1e-9)


def test_haircuts_have_ends():
    assert haircut_sharpe([0.0, 1.0], 10, method="bonferroni")[0].sharpe == math.inf
    assert haircut_sharpe([0.0, 1.0], 10, method="bonferroni")[1].sharpe == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: haircut_sharpe([], 10),
        lambda: haircut_sharpe([1.5], 10),
        lambda: haircut_sharpe([0.5], 10, method="by hand"),
        lambda: expected_maximum(0, 1.0),
        lambda: minimum_backtest_years(10, sharpe=0.0),
        lambda: minimum_track_record(EXAMPLE, confidence=1.0),
        lambda: overfitting_probability(np.zeros((100, 3)), parts=3),
    ],
)
def test_wrong_arguments_are_refused(call):
    with pytest.raises(ConfigError):
        call()


def test_noise_is_overfitted_in_half_of_the_splits_and_skill_in_none():
    random = np.random.default_rng(7)
    noise = random.standard_normal((960, 40)) * 0.01
    found = overfitting_probability(noise, parts=8)
    assert len(found.logits) == 70
    assert 0.2 < found.probability < 0.8
    skill = noise.copy()
    skill[:, 5] += 0.005
    assert overfitting_probability(skill, parts=8).probability == 0.0
    assert overfitting_probability(skill, parts=8).loss == 0.0


def test_what_works_only_once_is_found_out():
    """Each trial is good in one part alone: the best in sample is never the best out of it."""
    parts = 8
    returns = np.random.default_rng(1).standard_normal((800, parts)) * 1e-3
    for k in range(parts):
        returns[k * 100 : (k + 1) * 100, k] += 0.01
    found = overfitting_probability(returns, parts=parts)
    assert found.probability == 1.0
    assert found.degradation < 0.5


def test_many_splits_at_a_time_say_what_one_by_one_says():
    returns = np.random.default_rng(3).standard_normal((131, 7)) * 0.01
    returns[:70, 2], returns[:, 3], returns[:, 4] = 0.0, 0.001, 0.0
    together = overfitting_probability(returns, parts=8)
    alone = overfitting_probability(returns, parts=8, measure=partial(sharpe_of_columns))
    for name in ("logits", "inside", "outside"):
        np.testing.assert_allclose(getattr(together, name), getattr(alone, name), atol=1e-12)


@pytest.mark.parametrize("shape", [(100,), (100, 1), (20, 5)])
def test_too_few_trials_or_periods_are_refused(shape):
    with pytest.raises(BadData, match="two trials or more"):
        overfitting_probability(np.zeros(shape))


def test_a_return_that_is_no_number_is_refused():
    with pytest.raises(BadData, match="cannot be ranked"):
        overfitting_probability(np.full((100, 3), math.nan))


def test_trials_that_are_all_alike_are_ranked_in_the_middle():
    same = np.repeat(np.random.default_rng(2).standard_normal((64, 1)), 4, axis=1)
    found = overfitting_probability(same, parts=4)
    assert found.logits.tolist() == [0.0] * 6
    assert overfitting_probability(np.zeros((64, 4)), parts=4).degradation == 0.0
