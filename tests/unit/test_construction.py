"""Weights of portfolios, by published examples and against skfolio."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.optimize import linprog
from scipy.spatial.distance import squareform

import openbell as ob
from openbell.core.errors import BadData, ConfigError, StrategyError
from openbell.portfolio import construction as own
from openbell.portfolio.volatility import (
    ewma_volatility,
    garman_klass_volatility,
    rolling_volatility,
)
from openbell.portfolio.weights import METHODS, weights

RANDOM = np.random.default_rng(7)
MIXED = RANDOM.normal(size=(400, 8)) @ RANDOM.normal(size=(8, 8)) + RANDOM.normal(size=(400, 1))
RETURNS = 0.01 * MIXED + 5e-4
COVARIANCE = np.cov(RETURNS, rowvar=False)
NAMES = tuple("ABCDEFGH")
OWN = (own.equal_weight, own.inverse_volatility, own.minimum_variance, own.maximum_diversification)


class Moment:
    """Bars at one moment, out of returns."""

    def __init__(self, returns=RETURNS, symbols=NAMES):
        self.symbols = symbols
        self.close = np.vstack([np.ones(returns.shape[1]), np.cumprod(1 + returns, axis=0)])

    def history(self, column, count):
        return self.close[-count:]


def maillard():
    """The covariance of Maillard, Roncalli and Teiletche (2010), section 4.1."""
    volatility = np.array([0.1, 0.2, 0.3, 0.4])
    correlation = np.array([[1, 0.8, 0, 0], [0.8, 1, 0, 0], [0, 0, 1, -0.5], [0, 0, -0.5, 1]])
    return correlation * np.outer(volatility, volatility)


def test_a_published_example_has_its_published_weights():
    assert (100 * own.risk_parity(maillard())).round(1).tolist() == [38.4, 19.2, 24.3, 18.2]
    assert (100 * own.minimum_variance(maillard())).round(1).tolist() == [74.5, 0.0, 15.2, 10.3]


def fitted(name, **more):
    optimization = pytest.importorskip("skfolio.optimization")
    model = getattr(optimization, name)(**more)
    return model.fit(RETURNS).weights_


EXACT = {"solver_params": {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}}


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")  # it goes on to where floats end
@pytest.mark.parametrize(("made", "theirs", "more"), [
    (own.equal_weight, "EqualWeighted", {}),
    (own.inverse_volatility, "InverseVolatility", {}),
    (own.minimum_variance, "MeanRisk", EXACT),
    (own.maximum_diversification, "MaximumDiversification", EXACT),
    (own.risk_parity, "RiskBudgeting", EXACT),
])  # fmt: skip
def test_our_weights_are_those_of_skfolio(made, theirs, more):
    assert made(COVARIANCE) == pytest.approx(fitted(theirs, **more), abs=1e-6)


@given(st.integers(1, 8), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_weights_add_up_and_do_what_they_say(count, seed):
    random = np.random.default_rng(seed)
    past = random.normal(size=(60, count)) @ random.normal(size=(count, count)) + random.normal(size=(60, 1))
    matrix = np.atleast_2d(np.cov(past, rowvar=False))
    for method in (
        own.equal_weight,
        own.inverse_volatility,
        own.minimum_variance,
        own.maximum_diversification,
    ):
        made = method(matrix)
        assert (made >= 0).all()
        assert made.sum() == pytest.approx(1.0)
    least = own.minimum_variance(matrix)
    slope = matrix @ least
    variance = least @ slope
    assert (slope >= variance * (1 - 1e-9)).all()  # taking in any symbol would not lessen it
    shares = np.arange(1.0, count + 1)
    parity = own.risk_parity(matrix, shares)
    parts = own.contributions(parity, matrix)
    assert parts.sum() == pytest.approx(np.sqrt(parity @ matrix @ parity))
    assert parts / parts.sum() == pytest.approx(shares / shares.sum(), abs=1e-8)


def test_what_holds_nothing_has_no_risk():
    assert own.contributions(np.zeros(2), np.eye(2)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("matrix", "message"), [
    (np.ones(3), r"a covariance of shape \(3,\) must be \(n, n\)"),
    (np.ones((0, 0)), r"a covariance of shape \(0, 0\) must be"),
    (np.array([[np.nan]]), "must be finite"),
    (np.zeros((2, 2)), "its variances positive"),
])  # fmt: skip
def test_a_covariance_must_be_one(matrix, message):
    with pytest.raises(BadData, match=message):
        own.risk_parity(matrix)


@pytest.mark.parametrize("budgets", [np.ones(3), np.array([1.0, 0.0])])
def test_budgets_are_a_positive_number_for_each(budgets):
    with pytest.raises(BadData, match="must be 2 positive numbers"):
        own.risk_parity(np.eye(2), budgets)


def test_what_does_not_settle_is_said(monkeypatch):
    monkeypatch.setattr(own, "_SWEEPS", 1)
    monkeypatch.setattr(own, "_STEPS", 0)
    with pytest.raises(BadData, match="risk_parity: no end after 1 sweeps"):
        own.risk_parity(COVARIANCE)
    with pytest.raises(BadData, match="minimum_variance: no end after 0 steps"):
        own.minimum_variance(COVARIANCE)


def test_forecasts_of_nothing_are_undefined():
    nothing = np.empty(0)
    assert np.isnan(rolling_volatility(nothing))
    assert np.isnan(ewma_volatility(nothing))
    assert np.isnan(garman_klass_volatility(nothing, nothing, nothing, nothing))


def test_garman_and_klass_by_their_formula():
    opened, high, low, close = (np.array([value]) for value in (100.0, 105.0, 98.0, 103.0))
    within = 0.5 * np.log(105 / 98) ** 2 - (2 * np.log(2) - 1) * np.log(1.03) ** 2
    assert garman_klass_volatility(opened, high, low, close) == pytest.approx(np.sqrt(within))
    assert ewma_volatility(np.array([0.02, 0.01]), decay=0.5) == pytest.approx(
        np.sqrt((0.5 * 4e-4 + 1e-4) / 1.5)
    )


# --- in one line -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_weights_that_add_up_to_what_is_invested(method):
    pytest.importorskip("skfolio")
    made = weights(Moment(), method, 250, invest=0.9)
    assert set(made) <= set(NAMES)
    assert sum(made.values()) == pytest.approx(0.9, abs=1e-6)
    assert min(made.values()) > 0


def test_hierarchical_risk_parity_is_that_of_its_published_steps():
    """Lopez de Prado (2016): cluster by distances of correlations, order the leaves, divide by halves."""
    pytest.importorskip("skfolio")
    made = weights(Moment(), "hierarchical_risk_parity", 400, invest=1.0)
    distance = np.sqrt(np.maximum(1.0 - np.corrcoef(RETURNS, rowvar=False), 0.0) / 2.0)
    tree = linkage(squareform(distance, checks=False), method="ward", optimal_ordering=True)

    def calm(symbols: list[int]) -> float:
        part = COVARIANCE[np.ix_(symbols, symbols)]
        inverse = 1.0 / np.diag(part)
        return float(inverse @ part @ inverse / inverse.sum() ** 2)

    expected, waiting = np.ones(8), [leaves_list(tree).tolist()]
    while waiting:
        whole = waiting.pop()
        if len(whole) > 1:
            left, right = whole[: len(whole) // 2], whole[len(whole) // 2 :]
            share = 1.0 - calm(left) / (calm(left) + calm(right))
            expected[left] *= share
            expected[right] *= 1.0 - share
            waiting += [left, right]
    assert list(made.values()) == pytest.approx(expected.tolist(), abs=1e-6)


def test_mean_cvar_is_the_best_of_its_linear_program():
    """Rockafellar and Uryasev (2000): `aversion × CVaR - mean` is linear in weights, quantile and excess."""
    pytest.importorskip("skfolio")
    level, aversion, count = 0.9, 5.0, len(RETURNS)
    made = weights(Moment(), "mean_cvar", 400, invest=1.0, level=level, aversion=aversion)
    cost = np.concatenate([-RETURNS.mean(axis=0), [aversion], np.full(count, aversion / (1 - level) / count)])
    above = np.hstack([-RETURNS, -np.ones((count, 1)), -np.eye(count)])  # excess over the quantile
    found = linprog(
        cost, A_ub=above, b_ub=np.zeros(count), A_eq=[[1.0] * 8 + [0.0] * (count + 1)], b_eq=[1.0],
        bounds=[(0, None)] * 8 + [(None, None)] + [(0, None)] * count,
    )  # fmt: skip
    assert [made.get(name, 0.0) for name in NAMES] == pytest.approx(found.x[:8].tolist(), abs=1e-6)


def test_cvar_is_less_than_that_of_equal_weights():
    pytest.importorskip("skfolio")
    made = weights(Moment(), "mean_cvar", 400, invest=1.0, level=0.9, aversion=50.0)
    losses = -RETURNS @ np.array([made.get(name, 0.0) for name in NAMES])
    equal = -RETURNS.mean(axis=1)
    assert np.sort(losses)[-40:].mean() < np.sort(equal)[-40:].mean()


def test_limits_are_kept():
    pytest.importorskip("skfolio")
    sectors = dict(zip(NAMES, ["Old Tech"] * 4 + ["Oil"] * 4, strict=True))
    held = dict.fromkeys(NAMES, 0.125)
    for method in ("minimum_variance", "maximum_diversification", "mean_cvar", "risk_parity"):
        made = weights(
            Moment(), method, 250, invest=1.0, most=0.3, sectors=sectors,
            sector_most={"Old Tech": 0.4, "Absent": 0.1},
        )  # fmt: skip
        assert max(made.values()) <= 0.3 + 1e-6
        assert sum(weight for name, weight in made.items() if sectors[name] == "Old Tech") <= 0.4 + 1e-6
    near = weights(Moment(), "minimum_variance", 250, invest=1.0, turnover=0.05, held=held)
    assert all(abs(near.get(name, 0.0) - 0.125) <= 0.05 + 1e-6 for name in NAMES)


def test_what_cannot_be_kept_is_refused():
    pytest.importorskip("skfolio")
    with pytest.raises(StrategyError, match="minimum_variance: no weights keep Limits"):
        weights(Moment(), "minimum_variance", 250, most=0.05)
    with pytest.raises(ConfigError, match="_risk_parity cannot keep the limit turnover; these can: m"):
        weights(Moment(), "hierarchical_risk_parity", 250, turnover=0.1)
    with pytest.raises(ConfigError, match="equal_weight cannot keep the limit most"):
        weights(Moment(), "equal_weight", 250, most=0.5)
    with pytest.raises(StrategyError, match="method='risk_party' is unknown; did you mean 'risk_parity'"):
        weights(Moment(), "risk_party")


def test_a_missing_skfolio_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfolio", None)
    with pytest.raises(ConfigError, match=r'mean_cvar .* pip install "openbell\[portfolio\]"'):
        weights(Moment(), "mean_cvar", 250)


def test_symbols_without_a_past_are_left_out_and_a_short_past_gives_nothing():
    holes = RETURNS.copy()
    holes[-1, 0] = np.nan
    holes[:, 1] = 0.0
    assert set(weights(Moment(holes), "equal_weight", 250)) == set("CDEFGH")
    assert weights(Moment(), window=401) == {}
    assert weights(Moment(np.zeros((300, 2)), ("A", "B"))) == {}
    assert weights(Moment(RETURNS[:, :1], ("A",)), "hierarchical_risk_parity") == {"A": 0.95}
    assert weights(Moment(RETURNS[:, :1], ("A",))) == {"A": pytest.approx(0.95)}


class Weighed(ob.Strategy):
    method: str = ob.param("risk_parity", choices=METHODS)

    def on_bars(self, bars):
        self.rebalance(ob.weights(bars, self.method, 60), ob.Rebalancing(every="quarter"))


@pytest.mark.parametrize("method", METHODS)
def test_a_strategy_uses_any_of_them_in_one_line(method):
    pytest.importorskip("skfolio")
    result = ob.backtest(
        Weighed, ["AAPL", "IBM", "MSFT"], parameters={"method": method}, start="2008-01-01", end="2008-12-31"
    )
    assert len({order.decided for order in result.outcome.orders}) >= 2
    assert result.outcome.gross[-1] == pytest.approx(0.95, abs=0.1)
