import numpy as np
import pytest
from scipy import stats

from openbell.core.errors import BadData, ConfigError
from openbell.portfolio.bootstrap import block_length, confidence_interval, stationary_rows
from openbell.portfolio.reality import superiority


def autoregressive(memory: float, count: int = 1_000, seed: int = 5):
    random = np.random.default_rng(seed)
    values = np.zeros(count)
    for i, shock in enumerate(random.standard_normal(count - 1), 1):
        values[i] = memory * values[i - 1] + shock
    return values


def test_independent_returns_need_no_blocks_and_memory_needs_longer_ones():
    lengths = [block_length(autoregressive(memory)) for memory in (0.0, 0.3, 0.6, 0.9)]
    assert lengths[0] < 3.0
    assert lengths == sorted(lengths)
    assert 25 < lengths[3] <= np.ceil(3 * np.sqrt(1_000))


def test_the_block_of_a_known_process_is_near_the_formulas():
    """Of an AR(1) with memory a it is (2 a / (1 - a^2))^(2/3) n^(1/3), worked out from its covariances."""
    memory, count = 0.5, 20_000
    expected = (2 * memory / (1 - memory**2)) ** (2 / 3) * count ** (1 / 3)
    found = np.median([block_length(autoregressive(memory, count, seed)) for seed in range(5)])
    assert found == pytest.approx(expected, rel=0.2)


def test_returns_that_do_not_vary_have_blocks_of_one():
    assert block_length(np.full(50, 0.01)) == 1.0


@pytest.mark.parametrize("returns", [np.ones(8), np.ones((20, 2)), np.array([np.nan] * 20)])
def test_too_little_is_refused(returns):
    with pytest.raises(BadData, match="nine or more"):
        block_length(returns)


def test_rows_come_in_blocks_of_the_mean_length_and_each_row_as_often():
    rows = np.array(list(stationary_rows(200, 10.0, 2_000, seed=1)))
    goes_on = ((rows[:, 1:] - rows[:, :-1]) % 200 == 1).mean()
    assert goes_on == pytest.approx(0.9 + 0.1 / 200, abs=0.005)
    assert np.bincount(rows.ravel(), minlength=200) == pytest.approx(2_000, rel=0.3)


def test_rows_depend_on_their_seed_alone():
    one, again, other = (list(stationary_rows(50, 5.0, 3, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("count", "length", "draws"), [(0, 1.0, 1), (5, 0.5, 1), (5, 1.0, 0)])
def test_numbers_out_of_range_are_refused(count, length, draws):
    with pytest.raises(ConfigError, match="must be 1 or more"):
        list(stationary_rows(count, length, draws, seed=0))


def test_an_interval_of_independent_rows_is_scipys():
    returns = np.random.default_rng(3).standard_t(4, 300) * 0.01 + 0.001
    found = confidence_interval(returns, lambda row: float(row.mean()), length=1.0, draws=9_999)
    theirs = stats.bootstrap(
        (returns,), np.mean, n_resamples=9_999, method="BCa", rng=np.random.default_rng(4)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert found.low == pytest.approx(theirs.low, abs=0.05 * width)
    assert found.high == pytest.approx(theirs.high, abs=0.05 * width)
    assert found.low < found.value < found.high


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(11)
    held = 0
    for number in range(100):
        returns = random.standard_normal(80)
        found = confidence_interval(
            returns, lambda row: float(row.mean()), confidence=0.8, draws=300, length=1.0, seed=number
        )
        held += found.low <= 0.0 <= found.high
    assert 65 <= held <= 92


def test_memory_widens_an_interval():
    returns = autoregressive(0.8, 600)
    alone, together = (
        confidence_interval(returns, lambda row: float(row.mean()), draws=500, length=length)
        for length in (1.0, None)
    )
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_a_figure_that_never_moves_is_its_own_interval():
    assert confidence_interval(np.ones(20), lambda row: float(row.max()), draws=10) == (1.0, 1.0, 1.0)


def test_what_has_no_interval_is_refused():
    with pytest.raises(BadData, match="no interval"):
        confidence_interval(np.ones(20), lambda _row: float("nan"))
    with pytest.raises(ConfigError, match="confidence=1"):
        confidence_interval(np.ones(20), lambda row: float(row.mean()), confidence=1.0)


def noise(trials: int = 40, count: int = 500, seed: int = 0):
    return np.random.default_rng(seed).standard_normal((count, trials)) * 0.01


def test_noise_is_not_superior_and_skill_is():
    luck = superiority(noise(), length=1.0)
    assert luck.consistent > 0.05
    assert luck.lower <= luck.consistent <= luck.upper
    skilled = noise()
    skilled[:, 7] += 0.003
    found = superiority(skilled, length=1.0)
    assert found.best == 7
    assert max(found.reality_check, found.upper) < 0.01


def test_clearly_worse_trials_weaken_whites_test_and_not_hansens():
    """Hansen's example in kind: poor and noisy rivals hide a good one from the Reality Check."""
    returns = noise(20)
    returns[:, 0] += 0.0014
    returns[:, 1:] *= 3.0
    returns[:, 1:] -= 0.01
    found = superiority(returns, length=1.0)
    assert found.best == 0
    assert found.consistent < 0.05 < found.reality_check


def test_p_values_are_about_even_when_nothing_is_there():
    values = [superiority(noise(5, 200, seed), draws=200, length=1.0).upper for seed in range(60)]
    assert 0.3 < np.mean(values) < 0.7


@pytest.mark.parametrize("shape", [(8, 3), (100,), (100, 0)])
def test_too_few_periods_or_trials_are_refused(shape):
    with pytest.raises(BadData, match="nine periods or more"):
        superiority(np.zeros(shape))


def test_blocks_are_chosen_where_none_are_given():
    assert (
        0.0 <= superiority(np.column_stack([autoregressive(0.5), autoregressive(0.2, seed=6)])).upper <= 1.0
    )
