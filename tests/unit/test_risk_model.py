"""Covariance, value at risk and expected shortfall against scikit-learn, scipy and numpy."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.covariance import ledoit_wolf

from openbell.core.types import Dividend, Reason, Split
from openbell.execution.risk.estimates import EwmaCovariance, LedoitWolf, Window
from openbell.execution.risk.forecast import Forecast
from openbell.execution.risk.limits import PortfolioLimits, RiskModel
from openbell.execution.risk.tails import NO_TAIL, tail_of_gains, tail_of_normal
from tests.unit.risk_by_hand import GuardedSeat

RNG = np.random.default_rng(7)
MIX = RNG.normal(size=(5, 5))
RETURNS = RNG.standard_t(4, size=(300, 5)) @ MIX * 0.01
BOOK = np.array([1e5, -4e4, 2e4, 0.0, 7e4])


def forecast(*methods: str, **model: float) -> Forecast:
    made = Forecast(RiskModel(methods=methods, **model), 5)  # type: ignore[arg-type]
    for row in RETURNS:
        made.push(row)
    made.hold(BOOK.copy())
    return made


def test_ledoit_wolf_over_a_sliding_window_is_scikit_learns():
    made, window = LedoitWolf(5), Window(100, 5)
    for row in RETURNS:
        full = window.filled == 100
        gone = window.push(row)
        made.push(row, gone if full else None)
    expected, shrinkage = ledoit_wolf(RETURNS[-100:], assume_centered=True)
    assert made.shrinkage == pytest.approx(shrinkage, rel=1e-6)
    np.testing.assert_allclose(made.matrix, expected, rtol=1e-8, atol=1e-14)
    np.testing.assert_allclose(made.times(BOOK), expected @ BOOK, rtol=1e-8)
    np.testing.assert_allclose(made.column(2), expected[2], rtol=1e-8)
    assert made.entry(3) == pytest.approx(expected[3, 3])


def test_ledoit_wolf_gives_the_published_example():
    drawn = np.random.RandomState(0).multivariate_normal([0.0, 0.0], [[0.4, 0.2], [0.2, 0.8]], 50)
    made = LedoitWolf(2)
    for row in drawn - drawn.mean(axis=0):
        made.push(row, None)
    published = [[0.4406, 0.1616], [0.1616, 0.8022]]  # scikit-learn's manual, LedoitWolf: cut, not rounded
    np.testing.assert_allclose(np.floor(1e4 * made.matrix) / 1e4, published)


def test_without_returns_nothing_is_shrunk_or_known():
    assert LedoitWolf(2).shrinkage == 0.0
    empty = EwmaCovariance(0.9, 2)
    assert not empty.matrix.any()
    assert not empty.times(np.ones(2)).any()
    assert not empty.column(0).any()
    assert empty.entry(0) == 0.0


def test_exponential_weights_are_those_of_the_definition():
    made = EwmaCovariance(0.94, 5)
    for row in RETURNS:
        made.push(row)
    weights = 0.94 ** np.arange(len(RETURNS))[::-1]
    expected = (RETURNS * (weights / weights.sum())[:, None]).T @ RETURNS
    np.testing.assert_allclose(made.matrix, expected, rtol=1e-10)
    np.testing.assert_allclose(made.times(BOOK), expected @ BOOK, rtol=1e-10)
    np.testing.assert_allclose(made.column(1), expected[1], rtol=1e-10)
    assert made.entry(1) == pytest.approx(expected[1, 1])


@pytest.mark.parametrize("count", [10, 99, 250])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_value_at_risk_of_gains_is_the_inverted_distribution_of_losses(count, level):
    gains = RNG.normal(size=count)
    losses = -gains
    found = tail_of_gains(gains, level)
    assert found.var == pytest.approx(np.quantile(losses, level, method="inverted_cdf"))
    # Rockafellar and Uryasev: the minimum over v of v + E[(loss − v)⁺] / (1 − level)
    least = min(v + np.maximum(losses - v, 0.0).mean() / (1.0 - level) for v in losses)
    assert found.cvar == pytest.approx(least)


def test_the_tail_of_two_gains_and_of_none():
    assert tail_of_gains(np.array([]), 0.99) == NO_TAIL
    assert tail_of_gains(np.array([-5.0]), 0.5) == (5.0, 5.0)
    assert tail_of_gains(np.array([-5.0, 3.0]), 0.5) == (-3.0, 5.0)


def test_the_tail_of_a_normal_distribution_is_scipys():
    found = tail_of_normal(4.0, 0.975)
    assert found.var == pytest.approx(2.0 * stats.norm.ppf(0.975))
    assert found.cvar == pytest.approx(2.0 * stats.norm.expect(lambda z: z, lb=stats.norm.ppf(0.975)) / 0.025)


def test_the_forecast_of_each_method_is_the_formula_over_the_whole_book():
    recent = RETURNS[-250:] @ BOOK
    assert forecast("historical").tail() == pytest.approx(tail_of_gains(recent, 0.99))
    weights = 0.97 ** np.arange(300)[::-1]
    variance = ((RETURNS @ BOOK) ** 2 * weights).sum() / weights.sum()
    assert forecast("ewma").tail() == pytest.approx(tail_of_normal(variance, 0.99))
    shrunk, _ = ledoit_wolf(RETURNS[-250:], assume_centered=True)
    assert forecast("ledoit_wolf").tail() == pytest.approx(tail_of_normal(BOOK @ shrunk @ BOOK, 0.99))
    worst = forecast("historical", "ewma", "ledoit_wolf", "monte_carlo").tail()
    each = [forecast(m).tail() for m in ("historical", "ewma", "ledoit_wolf", "monte_carlo")]
    assert worst == (max(one.var for one in each), max(one.cvar for one in each))


def test_a_monte_carlo_draw_is_seeded_and_comes_near_the_normal_tail_of_normal_returns():
    drawn = Forecast(
        RiskModel(methods=("monte_carlo",), decay=0.999, window=5000, draws=20_000, horizon=5), 1
    )
    for row in np.random.default_rng(3).normal(scale=0.01, size=(5000, 1)):
        drawn.push(row)
    drawn.hold(np.array([1e6]))
    expected = tail_of_normal(5.0 * (0.01 * 1e6) ** 2, 0.99)
    assert drawn.tail() == pytest.approx(expected, rel=0.06)
    assert forecast("monte_carlo", draw_seed=1).tail() == forecast("monte_carlo", draw_seed=1).tail()
    assert forecast("monte_carlo", draw_seed=1).tail() != forecast("monte_carlo", draw_seed=2).tail()


def test_a_horizon_counts_by_its_root():
    near, far = forecast("historical", "ewma").tail(), forecast("historical", "ewma", horizon=4).tail()
    assert far == pytest.approx((2.0 * near.var, 2.0 * near.cvar))


def test_a_change_of_the_book_is_one_step_and_leads_where_a_new_book_would():
    methods = ("historical", "ewma", "ledoit_wolf", "monte_carlo")
    stepped, anew = forecast(*methods), forecast(*methods)
    before = stepped.tail(1, 9e4), stepped.beta(1, 9e4)
    stepped.shift(1, 9e4)
    stepped.shift(2, 0.0)
    anew.hold(BOOK + np.array([0.0, 9e4, 0.0, 0.0, 0.0]))
    assert before[0] == pytest.approx(anew.tail())
    assert before[1] == pytest.approx(anew.beta())
    assert stepped.tail() == pytest.approx(anew.tail())
    assert stepped.beta() == pytest.approx(anew.beta())
    assert stepped.correlation(3, 1) == pytest.approx(anew.correlation(3, 1))
    anew.hold(np.zeros(5))
    assert anew.tail() == NO_TAIL
    anew.shift(0, 10.0)
    only = forecast(*methods)
    only.hold(np.array([10.0, 0.0, 0.0, 0.0, 0.0]))
    assert anew.tail() == pytest.approx(only.tail())


def test_correlation_is_of_the_symbol_with_the_rest_of_the_book():
    made = forecast("ewma")
    weights = 0.97 ** np.arange(300)[::-1]
    rest = RETURNS @ np.where(np.arange(5) == 1, 0.0, BOOK)
    own = RETURNS[:, 1]
    expected = (weights * own * rest).sum() / math.sqrt((weights * own**2).sum() * (weights * rest**2).sum())
    assert made.correlation(1, 1) == pytest.approx(expected)
    assert made.correlation(1, -1) == pytest.approx(-expected)
    made.hold(np.array([0.0, 5.0, 0.0, 0.0, 0.0]))
    assert made.correlation(1, 1) == 0.0


def test_beta_is_against_a_symbol_or_all_in_equal_parts():
    weights = 0.97 ** np.arange(300)[::-1]
    for benchmark, market in ((-1, RETURNS.mean(axis=1)), (2, RETURNS[:, 2])):
        made = Forecast(RiskModel(), 5, benchmark=benchmark)
        for row in RETURNS:
            made.push(row)
        made.hold(BOOK.copy())
        expected = (weights * (RETURNS @ BOOK) * market).sum() / (weights * market**2).sum()
        assert made.beta() == pytest.approx(expected)
    assert Forecast(RiskModel(), 5).beta() == 0.0


def rise(seat: GuardedSeat, bars: int = 40) -> None:
    """Let A and B move alike, and C against them; all end where they were."""
    for at in range(bars):
        up = 1.0 if at % 2 else -1.0
        seat.move(A=100 + up, B=100 + up, C=100 - up)
    seat.move(A=100, B=100, C=100)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (PortfolioLimits(max_var=0.02), Reason.VALUE_AT_RISK),
        (PortfolioLimits(max_cvar=0.02), Reason.EXPECTED_SHORTFALL),
        (PortfolioLimits(max_beta=0.5), Reason.BETA),
    ],
)
def test_the_book_after_the_order_is_held_against_the_bound(limits, code):
    seat = GuardedSeat(limits, RiskModel(benchmark="A"))
    rise(seat)
    assert seat.order("A", 400).reason is Reason.NONE
    assert seat.order("B", 800).reason is code
    assert seat.refusals[-1].value > seat.refusals[-1].bound
    assert seat.order("C", 400).reason is Reason.NONE  # it moves against them
    assert seat.order("B", 300).reason is Reason.NONE


def test_a_new_position_that_moves_with_the_book_is_refused():
    seat = GuardedSeat(PortfolioLimits(max_correlation=0.9))
    rise(seat)
    seat.hold("A", 10)
    assert seat.order("B", 10).reason is Reason.CORRELATION
    assert seat.order("C", 10).reason is Reason.NONE
    assert seat.order("B", -10).reason is Reason.NONE


@pytest.mark.parametrize("unknown", ["refuse", "pass"])
def test_a_symbol_of_which_nothing_is_known_is_refused_unless_it_may_pass(unknown):
    seat = GuardedSeat(PortfolioLimits(max_var=0.02), RiskModel(unknown=unknown))
    order = seat.order("A", 900)
    if unknown == "pass":
        assert order.reason is Reason.NONE
        return
    assert order.reason is Reason.VALUE_AT_RISK
    assert "not known yet" in seat.refusals[0].text


def test_a_book_that_is_above_its_bound_already_lets_pass_what_lowers_it():
    seat = GuardedSeat(PortfolioLimits(max_var=0.001, max_cvar=0.001))
    rise(seat)
    seat.hold("A", 900)
    seat.move()
    assert seat.order("C", 300).reason is Reason.NONE
    assert seat.order("B", 300).reason is Reason.VALUE_AT_RISK


def test_a_corporate_action_is_no_return():
    seat = GuardedSeat(PortfolioLimits(max_var=0.5))
    forecast = seat.gate.forecast
    assert forecast is not None
    seat.engine.step(Split("A", seat.market.time, 2, 1))
    seat.engine.step(Dividend("B", seat.market.time, 1.0))
    seat.move(A=50.0, B=99.0, C=101.0)
    np.testing.assert_allclose(forecast.window.last, [0.0, 0.0, 0.01], atol=1e-12)
