"""Exposures, risk by symbol, stress tests, and what an order would do."""

import math

import numpy as np
import pytest

import openbell as ob
from openbell.core.errors import BadData, ConfigError
from openbell.core.types import Instrument
from openbell.portfolio.exposure import exposure_of, risk_by_symbol
from openbell.portfolio.stress import HISTORICAL, Shock, stress
from openbell.portfolio.whatif import Terms, what_if

RANDOM = np.random.default_rng(3)
MARKET = RANDOM.normal(0, 0.01, 250)
OWN = 1.5 * MARKET + RANDOM.normal(0, 0.005, 250)
SECTORS = {"A": "Oil", "B": "Oil"}


def test_an_exposure_is_in_shares_of_equity():
    found = exposure_of({"A": 600.0, "B": -200.0, "C": 300.0}, 1_000.0, sectors=SECTORS)
    assert found[:5] == pytest.approx((0.9, -0.2, 1.1, 0.7, 0.6))
    assert found.sectors == pytest.approx({"Oil": 0.4, "none": 0.3})
    assert exposure_of({}, 1.0) == (0.0, 0.0, 0.0, 0.0, 0.0, {})
    with pytest.raises(BadData, match=r"equity=0\.0 must be positive"):
        exposure_of({}, 0.0)


def test_the_risk_of_the_parts_adds_up_to_the_portfolios():
    parts = risk_by_symbol({"A": 0.6, "B": -0.4}, {"A": OWN, "B": MARKET})
    assert sum(parts.values()) == pytest.approx((0.6 * OWN - 0.4 * MARKET).std(ddof=1))
    assert parts["B"] < 0  # it hedges
    assert risk_by_symbol({}, {}) == {}
    with pytest.raises(BadData, match="no returns of 'B'"):
        risk_by_symbol({"A": 1.0, "B": 1.0}, {"A": OWN})
    with pytest.raises(BadData, match=r"lengths \[250, 3\] do not pair up"):
        risk_by_symbol({"A": 1.0, "B": 1.0}, {"A": OWN, "B": MARKET[:3]})


#: Closes of the S&P 500 at the ends of each span.
CLOSES = {
    "Black Monday": (282.70, 224.84),
    "The dot-com bust": (1527.46, 776.76),
    "The financial crisis": (1565.15, 676.53),
    "The downgrade of US debt": (1345.02, 1119.46),
    "The pandemic": (3386.15, 2237.40),
    "The rise of interest rates": (4796.56, 3577.03),
}


@pytest.mark.parametrize("shock", HISTORICAL, ids=lambda shock: shock.name)
def test_a_historical_fall_is_that_of_the_index(shock):
    before, after = CLOSES[shock.name]
    assert shock.market == pytest.approx(after / before - 1, abs=5e-5)


def test_a_shock_moves_a_symbol_by_its_own_its_sectors_or_the_markets_part():
    shock = Shock("mine", -0.5, {"Oil": 0.2}, {"D": -1.0})
    values = {"A": 100.0, "C": 100.0, "D": 100.0, "E": -100.0}
    (loss,) = stress(values, 1_000.0, shocks=(shock,), betas={"C": 3.0, "E": 0.5}, sectors=SECTORS)
    assert loss.parts == {"A": 20.0, "C": -100.0, "D": -100.0, "E": 25.0}
    assert (loss.pnl, loss.share) == (-155.0, -0.155)
    assert len(stress(values, 1_000.0)) == len(HISTORICAL)
    assert math.isnan(stress(values, 0.0)[0].share)


@pytest.mark.parametrize("value", [-1.2, math.nan, math.inf])
def test_no_price_falls_by_more_than_all(value):
    with pytest.raises(ConfigError, match=r"shock 'mine': .* must be -1 or more"):
        Shock("mine", symbols={"A": value})


# --- what if ---------------------------------------------------------------------------------------------

TRADED = {"A": Instrument("A", sector="Oil"), "B": Instrument("B", lot=10.0)}
PRICES = {"A": 100.0, "B": 50.0}


def ask(symbol: str, quantity: float, costs: ob.Costs = ob.NO_COSTS, **positions: float):
    return what_if(
        symbol, quantity, cash=10_000.0, positions=positions, prices=PRICES, instruments=TRADED, costs=costs
    )


def test_an_order_is_seen_before_it_is_sent():
    found = ask("B", 47.0, A=50.0)
    assert (found.quantity, found.price, found.fee, found.cash, found.equity) == (40, 50, 0, 8_000, 15_000)
    assert found.weight == pytest.approx(2_000 / 15_000)
    assert found.before.gross == pytest.approx(5_000 / 15_000)
    assert found.after.sectors == pytest.approx({"Oil": 5_000 / 15_000, "none": 2_000 / 15_000})
    assert found.affordable
    assert ask("B", 4.0).quantity == 0


def test_it_costs_what_a_backtest_books():
    costs = ob.Costs(commission=ob.Commission(per_share=0.01, minimum=1.0), slippage=ob.Slippage(bps=10))
    found = ask("A", 10.0, costs)
    assert found.price == pytest.approx(100.1)
    assert found.fee == 1.0
    assert found.equity == pytest.approx(10_000 - 10 * 0.1 - 1.0)


def test_what_cannot_be_paid_for_or_shorted_is_said():
    margin = ob.Costs(margin=ob.REG_T, commission=ob.Commission(), slippage=ob.Slippage())
    assert not ask("A", 101.0).affordable
    assert ask("A", 150.0, margin).affordable
    assert not ask("A", -1.0).affordable
    assert ask("A", -1.0, margin).affordable
    assert ask("A", -10.0, A=10.0).affordable
    with pytest.raises(ConfigError, match="no price of 'C' is known"):
        ask("C", 1.0)


def test_an_order_with_a_price_fills_at_it_and_never_beyond_its_limit():
    slipping = ob.Costs(slippage=ob.Slippage(bps=100.0))

    def price(quantity: float, **prices: float) -> float:
        return what_if(
            "A", quantity, cash=10_000.0, positions={"A": 20.0}, prices=PRICES, instruments=TRADED,
            costs=slipping, terms=Terms(**prices),
        ).price  # fmt: skip

    assert price(10) == pytest.approx(101.0)
    assert price(10, limit=95.0) == 95.0  # it waits
    assert price(10, limit=100.5) == 100.5  # and no slippage takes it further
    assert price(10, limit=110.0) == pytest.approx(101.0)
    assert price(10, stop=110.0) == pytest.approx(111.1)
    assert price(10, stop=90.0) == pytest.approx(101.0)  # the market is there already
    assert price(10, stop=110.0, limit=110.5) == 110.5
    assert price(-10, limit=105.0) == 105.0
    assert price(-10, stop=90.0) == pytest.approx(89.1)
