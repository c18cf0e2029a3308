"""From convictions to shares."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbell.core.errors import ConfigError
from openbell.core.ports import PlainSizer
from openbell.core.types import Instrument
from openbell.portfolio.sizing import FixedNotional, FixedQuantity, ShareOfEquity

ACME = Instrument("ACME")
CENTS = Instrument("ACME", lot=0.01)
ALL = (ShareOfEquity(0.95), FixedQuantity(100), FixedNotional(9_500))


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


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "0.5", True, None])
@pytest.mark.parametrize(("kind", "name"), [
    (ShareOfEquity, "share"), (FixedQuantity, "quantity"), (FixedNotional, "notional"),
])  # fmt: skip
def test_a_setting_is_a_positive_number(kind, name, value):
    with pytest.raises(ConfigError) as raised:
        kind(value)
    assert str(raised.value) == f"sizing.{name}={value!r} must be a positive number"
