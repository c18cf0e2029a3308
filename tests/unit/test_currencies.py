"""A run has one currency; accounts in several are worth together what the stated rates say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import openbell as ob
from openbell.portfolio.attribution import WAYS
from openbell.portfolio.currencies import convert, currency_of
from openbell.portfolio.state import cash_of, state_of, worth
from openbell.reporting.together import join
from tests.property.test_core_account import CASH, booked, bookings, tolerance

DOLLARS, EUROS = ob.Instrument("IBM"), ob.Instrument("MSFT", currency="EUR")
PRICES = {"A": 37.0, "B": 2.5}


def run(*instruments: ob.Instrument) -> ob.Result:
    names = [one.symbol for one in instruments]
    return ob.backtest("buy_and_hold", names, instruments=instruments, end="2002-12-31")


def test_a_run_in_two_currencies_is_refused():
    with pytest.raises(ob.ConfigError, match="IBM is priced in USD and MSFT in EUR: a run has one currency"):
        run(DOLLARS, EUROS)


def test_an_account_in_another_currency_is_refused():
    assert currency_of([EUROS], account="EUR") == "EUR"
    assert currency_of([], account="EUR") == "EUR"
    with pytest.raises(ob.ConfigError, match="MSFT is priced in EUR, and the account is in USD"):
        currency_of([EUROS], account="USD")


def test_cash_is_kept_by_currency_and_worth_what_stated_rates_say():
    states = [run(DOLLARS).state(), run(EUROS).state(), run(DOLLARS).state("average")]
    dollars, euros, _ = states
    assert cash_of(states) == {"USD": 2 * dollars.cash["USD"], "EUR": euros.cash["EUR"]}
    assert worth(states, "USD", {"EUR": 1.25}) == pytest.approx(2 * dollars.equity + 1.25 * euros.equity)
    with pytest.raises(ob.ConfigError, match="no rate of EUR in USD is given; state it"):
        worth(states, "USD")
    with pytest.raises(ob.ConfigError, match="rate EUR=0 must be a positive number"):
        convert({"EUR": 1.0}, "USD", {"EUR": 0})


def test_strategies_in_two_currencies_are_one_portfolio_at_a_rate():
    results = [run(DOLLARS), run(EUROS)]
    with pytest.raises(ob.ConfigError, match="no rate of EUR in USD"):
        join(results)
    found = join(results, rates={"EUR": 1.25})
    assert found.currency == "USD"
    assert np.allclose(
        found.equity[[0, -1]], [225_000.0, results[0].final_equity + 1.25 * results[1].final_equity]
    )
    brought = found.attribution("strategy")
    assert sum(brought.values()) == pytest.approx(found.equity[-1] - found.equity[0], abs=0.011)
    assert found.as_json()["cash"] == {name: found.cash[name] for name in ("USD", "EUR")}
    assert join(results, into="EUR", rates={"USD": 0.8}).equity[0] == pytest.approx(180_000.0)


@pytest.fixture(scope="module")
def several() -> list[ob.Result]:
    """Runs in three currencies, of which one sold short."""
    instruments = [
        ob.Instrument("IBM"),
        ob.Instrument("MSFT", currency="EUR"),
        ob.Instrument("AAPL", currency="CHF"),
    ]
    costs = ob.Costs(margin=ob.Margin(initial=0.5, short=True))
    return [
        ob.backtest("donchian_trend", one.symbol, instruments=[one], costs=costs, end="2003-12-31")
        for one in instruments
    ]


@given(rates=st.fixed_dictionaries({"EUR": st.floats(0.01, 200), "CHF": st.floats(0.01, 200)}))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_parts_of_a_profit_in_several_currencies_add_up_to_the_cent_at_any_rates(several, rates):
    found = join(several, rates=rates)
    whole = found.equity[-1] - found.equity[0]
    for way in WAYS:
        cents = found.attribution(way)
        assert math.fsum(cents.values()) == pytest.approx(whole, abs=0.006)
        assert all(round(100 * value) == pytest.approx(100 * value) for value in cents.values())


@given(bookings, st.sampled_from(["fifo", "lifo", "average"]))
def test_a_state_adds_up_to_the_accounts_equity(events, method):
    account = booked(events)
    margin = ob.Margin(initial=0.5, maintenance=0.25, maintenance_short=0.3)
    state = state_of(account.entries, cash=CASH, prices=PRICES, margin=margin, method=method)
    near = tolerance(account) + 1e-6
    brought = state.realised + state.unrealised + state.dividends
    paid = state.fees + state.borrow + state.interest
    assert state.equity == pytest.approx(account.equity(PRICES.__getitem__), abs=near)
    assert CASH + brought - paid == pytest.approx(state.equity, abs=near)
    assert state.cash == {"USD": account.cash}
    assert state.free + state.margin == pytest.approx(state.equity, abs=near)
    held = {symbol: one.quantity for symbol, one in account.positions.items() if one.quantity}
    assert state.positions == pytest.approx(held)
    for symbol, quantity in held.items():
        lots = sum(lot.side * lot.quantity for lot in state.lots if lot.symbol == symbol)
        assert lots == pytest.approx(quantity, abs=1e-6)
