"""From convictions to shares."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import openbell as ob
from openbell.core.account import Account
from openbell.core.errors import ConfigError
from openbell.core.ports import PlainSizer
from openbell.core.power import CUT
from openbell.core.types import Instrument, Reason
from openbell.portfolio.sizing import FixedNotional, FixedQuantity, ShareOfEquity
from openbell.reporting.html.portfolio import has_sizes, sizes
from tests.unit.fill_desk import trade

ACME = Instrument("ACME")
CENTS = Instrument("ACME", lot=0.01)
ALL = (ShareOfEquity(0.95), FixedQuantity(100), FixedNotional(9_500))


class Eager(ob.Strategy):
    """Buys at each bar, or leaves where the price fell."""

    def on_bar(self, bar: Any) -> None:
        if bar.close < bar.open:
            self.close(bar.symbol)
        else:
            self.buy(bar.symbol, confidence=1.0)


def size(
    sizer: PlainSizer, conviction: float, instrument: Instrument = ACME, equity: float = 10_000.0
) -> float:
    return sizer.size(conviction, instrument=instrument, price=30.0, equity=equity)


@pytest.mark.parametrize(("sizer", "full", "half", "fractional"), [
    (ShareOfEquity(0.95), 316, 158, 316.66),
    (FixedQuantity(99), 99, 49, 99.0),
    (FixedNotional(9_500), 316, 158, 316.66),
])  # fmt: skip
def test_a_conviction_becomes_whole_lots_towards_zero(sizer, full, half, fractional):
    assert size(sizer, 1.0) == full
    assert size(sizer, -1.0) == -full
    assert size(sizer, 0.5) == half
    assert size(sizer, 0.0) == 0.0
    assert size(sizer, 1.0, CENTS) == fractional


def test_equity_of_nothing_buys_nothing():
    assert size(ShareOfEquity(), 1.0, equity=-5.0) == 0.0
    assert size(ShareOfEquity(), 1.0, equity=29.0) == 0.0


@given(st.floats(0, 1), st.floats(0.01, 1e5), st.floats(0, 1e7), st.sampled_from([1.0, 0.001, 100.0]))
def test_a_size_is_symmetric_and_never_more_than_was_meant(conviction, price, equity, lot):
    instrument = Instrument("ACME", lot=lot)
    for sizer in ALL:
        made = sizer.size(conviction, instrument=instrument, price=price, equity=equity)
        assert sizer.size(-conviction, instrument=instrument, price=price, equity=equity) == -made
        meant = {
            ShareOfEquity: conviction * 0.95 * equity / price, FixedQuantity: conviction * 100,
            FixedNotional: conviction * 9_500 / price,
        }[type(sizer)]  # fmt: skip
        assert 0.0 <= made <= meant * (1 + 1e-9) + lot * 1e-6


@given(
    st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1e5), st.floats(0, 1e7),
    st.sampled_from([1.0, 0.001, 100.0]),
)  # fmt: skip
def test_a_size_is_whole_lots_and_more_with_more_confidence(one, other, price, equity, lot):
    instrument, (low, high) = Instrument("ACME", lot=lot), sorted((one, other))
    for sizer in ALL:
        few, many = (
            sizer.size(conviction, instrument=instrument, price=price, equity=equity)
            for conviction in (low, high)
        )
        assert 0.0 <= few <= many
        assert few / lot == pytest.approx(round(few / lot), rel=1e-9, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(-0.2, 0.2), min_size=12, max_size=12),
    st.sampled_from([ShareOfEquity(0.95), ShareOfEquity(3.0), FixedQuantity(5_000), FixedNotional(90_000)]),
    st.sampled_from([1.0, 0.5]),
    st.booleans(),
)
def test_whatever_is_meant_no_more_is_bought_than_can_be_paid_for(moves, sizer, initial, cut):
    closes = 100.0 * np.cumprod(1.0 + np.array(moves))
    opened = np.roll(closes, 1)
    opened[0] = 100.0
    table = pd.DataFrame(
        {
            "open": opened, "high": np.maximum(opened, closes), "low": np.minimum(opened, closes),
            "close": closes, "volume": 1e7,
        },
        index=pd.date_range("2024-01-02", periods=12, freq="B"),
    )  # fmt: skip
    costs = ob.Costs(margin=ob.Margin(initial=initial, maintenance=0.1))
    risk = ob.Risk(position=ob.PositionLimits(max_share=0.5), cut=True) if cut else ob.Risk()
    result = ob.backtest(Eager, {"A": table}, sizer=sizer, costs=costs, cash=50_000.0, risk=risk)
    assert result.outcome.fills or not cut  # half of the equity can be paid for
    for entry in result.outcome.entries:
        if entry.kind.value == "fill" and entry.quantity > 0:
            gross, equity = entry.position * entry.price, entry.cash + entry.position * entry.price
            assert gross * initial <= equity + 1e-6


@pytest.mark.parametrize(("sizer", "said"), [
    (ShareOfEquity(0.5), "the confidence times 0.5 of the equity, over the price, down to whole lots"),
    (FixedQuantity(500), "the confidence times 500 shares, down to whole lots"),
    (FixedNotional(9_500), "the confidence times 9,500 of money, over the price, down to whole lots"),
])  # fmt: skip
def test_a_report_says_by_which_rule_signals_are_sized(sizer, said):
    result = ob.backtest("sma_cross", "AAPL", end="2001-12-31", sizer=sizer)
    assert has_sizes(result)
    assert sizes(result) == f"<p>A signal's shares are {said}.</p>"


def test_a_report_says_which_sizes_the_account_cut():
    result = ob.backtest("sma_cross", "AAPL", end="2001-12-31", sizer=FixedQuantity(5_000))
    cut = [order for order in result.outcome.orders if order.tag == CUT]
    assert cut
    assert all(order.quantity < 5_000 for order in cut)
    assert Reason.NO_BUYING_POWER not in result.refusals
    assert f">{CUT}<" in sizes(result)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "0.5", True, None])
@pytest.mark.parametrize(("kind", "name"), [
    (ShareOfEquity, "share"), (FixedQuantity, "quantity"), (FixedNotional, "notional"),
])  # fmt: skip
def test_a_setting_is_a_positive_number(kind, name, value):
    with pytest.raises(ConfigError) as raised:
        kind(value)
    assert str(raised.value) == f"sizing.{name}={value!r} must be a positive number"


@pytest.mark.parametrize(
    ("sizer", "told"), [(ob.FixedQuantity(5), 0), (ob.FixedNotional(500), 0), (ob.ShareOfEquity(0.5), 1)]
)
def test_the_equity_is_summed_up_only_for_a_sizer_that_looks_at_it(sizer, told, monkeypatch):
    asked: list[Account] = []
    equity = Account.equity

    def noted(self: Account, price: Any) -> float:
        asked.append(self)
        return equity(self, price)

    monkeypatch.setattr(Account, "equity", noted)
    found = trade(["100 101 99 100"] * 3, {0: lambda s: s.buy("X")}, sizer=sizer)
    assert len(asked) == told
    assert len(found.fills) == 1
