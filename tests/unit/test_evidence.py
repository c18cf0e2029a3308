import math

import numpy as np
import pytest
from scipy import stats

from openbell.portfolio.benchmark_metrics import lead
from openbell.portfolio.evidence import CONFIDENCE, Standing, weigh
from openbell.portfolio.reality import Superiority
from openbell.portfolio.significance import (
    deflated_sharpe,
    minimum_track_record,
    moments_of,
    probabilistic_sharpe,
)
from openbell.portfolio.tried import Tried

RNG = np.random.default_rng(11)
DAYS = RNG.normal(0.0, 0.01, 2000)
DAYS = (DAYS - DAYS.mean()) / DAYS.std(ddof=1)


def record(sharpe: float) -> np.ndarray:
    """Return 2,000 returns of exactly this Sharpe ratio a period."""
    return 0.01 * (DAYS + sharpe)


def test_a_loss_needs_no_test():
    found = weigh(record(-0.01))
    assert found.standing is Standing.LOSS
    assert found.needed == math.inf


@pytest.mark.parametrize("returns", [np.zeros(50), np.array([0.1]), np.array([0.1, math.nan, 0.2])])
def test_what_does_not_vary_is_evidence_of_nothing(returns):
    found = weigh(returns, tried=Tried(3, 2.0, 0.1))
    assert found.standing is Standing.NOTHING
    assert math.isnan(found.deflated)
    assert found.tried == Tried(3, 2.0, 0.1)


def test_a_small_gain_is_luck_and_says_how_long_a_record_would_tell():
    found = weigh(record(0.02))
    assert found.standing is Standing.LUCK
    assert found.deflated == found.probabilistic < CONFIDENCE
    assert found.needed == minimum_track_record(moments_of(record(0.02))) > found.length


def test_a_large_gain_is_more_than_luck_until_it_is_the_best_of_many():
    assert weigh(record(0.08)).standing is Standing.SUPPORTED
    tried = Tried(400, 200.0, 0.03)
    found = weigh(record(0.08), tried=tried)
    assert found.standing is Standing.LUCK
    assert found.deflated == deflated_sharpe(moments_of(record(0.08)), trials=200.0, deviation=0.03)
    assert found.sharpe < found.hurdle
    assert found.needed == math.inf


def test_a_choice_of_noise_is_luck_however_good_it_looks():
    assert weigh(record(0.08), overfitting=0.5).standing is Standing.LUCK
    assert weigh(record(0.08), overfitting=0.49).standing is Standing.SUPPORTED


def test_what_the_ledger_knows_of_the_choice_counts_unless_more_is_known():
    tried = Tried(9, 1.0, 0.0, 0.7, 9)
    assert weigh(record(0.08), tried=tried).standing is Standing.LUCK
    assert weigh(record(0.08), tried=tried, overfitting=0.2).overfitting == 0.2


def test_a_hurdle_can_be_given():
    found = weigh(record(0.08), tried=Tried(9, 9.0, 0.01), hurdle=0.07)
    assert found.hurdle == 0.07
    assert found.deflated == probabilistic_sharpe(moments_of(record(0.08)), against=0.07)


def test_more_than_luck_is_not_yet_better_than_the_benchmark():
    benchmark = record(0.09) + RNG.normal(0.0, 0.001, 2000)
    found = weigh(record(0.08), benchmark)
    assert found.standing is Standing.BENCHMARK
    assert found.ahead is not None
    assert found.ahead < 0.5
    beaten = Superiority(0.4, 0.3, 0.35, 0.4, 0)
    assert weigh(record(0.08), superiority=beaten).standing is Standing.BENCHMARK
    clear = Superiority(0.01, 0.01, 0.01, 0.01, 0)
    assert weigh(record(0.08), superiority=clear).standing is Standing.SUPPORTED


def test_a_curve_that_is_its_benchmark_is_neither_ahead_nor_behind():
    assert weigh(record(0.08), 0.5 * record(0.08)).ahead is None


def test_the_lead_by_hand():
    own, its = np.array([0.02, 0.01, -0.01, 0.03]), np.array([0.01, -0.02, 0.02, 0.01])
    s1, s2 = (float(x.mean() / x.std(ddof=1)) for x in (own, its))
    rho = float(np.corrcoef(own, its)[0, 1])
    variance = (2 - 2 * rho + 0.5 * (s1**2 + s2**2 - 2 * s1 * s2 * rho**2)) / 4
    assert lead(own, its) == pytest.approx(stats.norm.cdf((s1 - s2) / math.sqrt(variance)), rel=1e-12)
    assert lead(own, its) + lead(its, own) == pytest.approx(1.0)


def test_of_two_with_the_same_true_ratio_one_leads_by_luck_as_often_as_it_must():
    shared, own, its = (RNG.normal(0.0, 1.0, (2000, 500)) for _ in range(3))
    leads = np.array(
        [lead(0.1 + 2 * s + a, 0.1 + 2 * s + b) for s, a, b in zip(shared, own, its, strict=True)]
    )
    assert np.mean(leads > 0.95) == pytest.approx(0.05, abs=0.015)
    assert stats.kstest(leads, "uniform").pvalue > 0.01


@pytest.mark.parametrize("benchmark", [np.zeros(3), np.full(3, 0.01)])
def test_against_what_does_not_vary_there_is_no_lead(benchmark):
    assert math.isnan(lead(np.array([0.1, 0.2, 0.0]), benchmark))
    assert math.isnan(lead(np.array([0.1]), np.array([0.2])))
