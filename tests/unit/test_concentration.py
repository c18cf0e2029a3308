import math

import numpy as np
import pytest

from openbell.core.types import NANOS_PER_DAY
from openbell.portfolio.concentration import capacity, cost_share, growth_of_years, largest_of

NEW_YEAR = int(np.datetime64("2020-01-01", "ns").astype(np.int64))


def test_the_largest_part_of_a_profit():
    found = largest_of([("A", 30.0), ("B", 90.0), ("C", -20.0)])
    assert found == ("B", 90.0, 0.9)
    loss = largest_of([("A", 30.0), ("B", -20.0)])
    assert loss is not None
    assert loss.share == 3.0  # the other loses: without it there is no profit


@pytest.mark.parametrize("parts", [[], [("A", 1.0)], [("A", 1.0), ("B", -1.0)], [("A", -2.0), ("B", -1.0)]])
def test_no_profit_and_no_parts_have_no_largest(parts):
    assert largest_of(parts) is None


@pytest.mark.parametrize("count", [400, 800])
def test_the_years_growths_add_up_to_that_of_the_whole(count):
    returns = np.random.default_rng(count).normal(0.0, 0.02, count)
    equity = np.cumprod([100.0, *(1.0 + returns)])
    times = NEW_YEAR + np.arange(1, len(equity) + 1, dtype=np.int64) * NANOS_PER_DAY
    years = growth_of_years(equity, times)
    assert math.fsum(years.values()) == pytest.approx(math.log(equity[-1] / 100.0), abs=1e-9)
    assert list(years) == [2020, 2021, 2022][: count // 400 + 1]


def test_a_year_that_took_everything_has_no_growth():
    times = NEW_YEAR + np.arange(1, 3, dtype=np.int64) * NANOS_PER_DAY
    assert growth_of_years(np.array([100.0, 0.0]), times) == {2020: -math.inf}


def test_costs_as_a_share_of_what_there_was_before_them():
    assert cost_share(50.0, 50.0) == 0.5
    assert cost_share(-10.0, 40.0) == pytest.approx(4 / 3)
    assert math.isnan(cost_share(-50.0, 40.0))


def test_the_capacity_is_where_a_twentieth_of_the_bars_gets_too_much():
    shares = np.full(100, 0.001)
    assert capacity(shares, most=0.01) == pytest.approx(10.0)
    shares[:3] = 0.5  # fewer than a twentieth
    shares[3] = np.nan  # without volume
    assert capacity(shares, most=0.01) == pytest.approx(10.0)
    assert capacity(shares, most=0.01, covered=1.0) == pytest.approx(0.02)


@pytest.mark.parametrize("shares", [[], [np.nan], [0.0]])
def test_what_takes_no_volume_has_no_capacity(shares):
    assert capacity(np.array(shares, np.float64), most=0.01) == math.inf
