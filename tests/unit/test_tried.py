import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openbell.core.errors import BadData
from openbell.portfolio.significance import expected_maximum
from openbell.portfolio.tried import Tried, effective_number, mean_correlation, standardise, tried_of

RNG = np.random.default_rng(5)
NOISE = RNG.normal(0.0, 0.01, (40, 500))


def test_the_papers_effective_number_at_its_ends():
    assert effective_number(100, 0.0) == 100.0
    assert effective_number(100, 1.0) == 1.0
    assert effective_number(100, 0.5) == 50.5


def test_trials_that_are_worth_no_more_than_their_number_and_no_less_than_one():
    assert effective_number(100, -0.3) == 100.0
    assert effective_number(100, 1.0 + 1e-12) == 1.0


def test_independent_noise_is_worth_its_number():
    tried = tried_of(NOISE.mean(axis=1) / NOISE.std(axis=1, ddof=1), NOISE)
    assert tried.count == 40
    assert tried.independent == pytest.approx(40, abs=0.5)


def test_the_same_trial_many_times_is_worth_one():
    returns = NOISE[:1] * np.arange(1, 31)[:, None]  # the same bets, each of another size
    tried = tried_of(np.full(30, 0.0625), returns)
    assert tried.independent == pytest.approx(1.0)
    assert tried == Tried(30, tried.independent, 0.0)


def test_without_returns_each_trial_counts_as_independent():
    tried = tried_of(np.array([0.1, 0.3]))
    assert tried == Tried(2, 2.0, tried.deviation)
    assert tried.deviation == pytest.approx(0.2 / np.sqrt(2))
    assert tried_of(np.array([0.1, 0.3]), np.empty((0, 5))).independent == 2.0


def test_a_trial_that_never_traded_is_counted_and_has_no_ratio():
    tried = tried_of(np.array([0.1, np.nan, 0.3]))
    assert tried.count == 3
    assert tried.deviation == pytest.approx(0.2 / np.sqrt(2))


def test_one_trial_has_nothing_to_be_deflated_by():
    tried = tried_of(np.array([0.1]), NOISE[:1])
    assert tried == Tried(1, 1.0, 0.0)
    assert expected_maximum(tried.independent, tried.deviation) == 0.0


def test_nothing_tried_is_no_number():
    with pytest.raises(BadData, match="nothing was tried"):
        tried_of(np.array([]))


@pytest.mark.parametrize("returns", [np.array([[0.1, np.nan]]), np.array([0.1, 0.2])])
def test_returns_that_are_no_numbers(returns):
    with pytest.raises(BadData, match="a row for each trial"):
        tried_of(np.array([0.1]), returns)


def test_rows_that_do_not_vary_have_no_correlation():
    returns = np.vstack([NOISE[:2], np.zeros(500), np.full(500, 0.01)])
    assert len(standardise(returns)) == 2


def test_returns_too_small_to_be_squared_are_compared_all_the_same():
    rows = standardise(NOISE[:2] * 1e-160)
    assert float(rows[0] @ rows[0]) == pytest.approx(1.0)
    assert len(standardise(np.full((1, 3), 5e-324))) == 0


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(2, 6), st.integers(3, 12)), elements=st.floats(-0.1, 0.1)))
def test_the_mean_over_all_pairs_without_looking_at_any(returns):
    rows = standardise(returns)
    pairs = [float(a @ b) for a, b in itertools.combinations(rows, 2)]
    found = mean_correlation(rows.sum(axis=0), len(rows))
    assert found == pytest.approx(np.mean(pairs) if pairs else 0.0, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_trials_does_not_matter(order):
    sharpes = NOISE[:12].mean(axis=1)
    one, other = tried_of(sharpes, NOISE[:12]), tried_of(sharpes[order], NOISE[:12][order])
    assert one.count == other.count
    assert (one.independent, one.deviation) == pytest.approx((other.independent, other.deviation))
