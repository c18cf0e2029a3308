"""What a sweep tries of one parameter."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import openbell as ob
from openbell.backtesting.axes import check_distinct, read_axis, span
from openbell.core.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (range(5, 20, 5), [5, 10, 15]),
        ([3, 1], [3, 1]),
        ((1.5, "x", True), [1.5, "x", True]),
        (np.array([1, 2]), [1, 2]),
        (np.float64(2.5), [2.5]),
        (7, [7]),
        ("ema", ["ema"]),
        (span(5, 60, 20), [5, 25, 45]),
        (span(1, 3), [1, 2, 3]),
        (span(0.1, 0.5, 0.1), [0.1, 0.2, 0.3, 0.4, 0.5]),
        (span(1, 2, 0.5), [1.0, 1.5, 2.0]),
    ],
)
def test_values_are_listed_as_they_are_written(given, values):
    listed = list(read_axis("fast", given).listed())
    assert listed == values
    assert [type(one) for one in listed] == [type(one) for one in values]


def test_an_indicator_is_one_value():
    assert list(read_axis("fast", ob.EMA(10)).listed()) == [ob.EMA(10)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "fast=[]: there is no value in it to try"),
        (range(5, 5), "fast=range(5, 5): there is no value"),
        ({1: 2}, "fast={1: 2} is a dict; give a list, a range, ob.span(...) or one value"),
        (np.ones((2, 2)), "is a ndarray"),
        (None, "fast=None is a NoneType"),
        (range(10**30), "fast has more values than can be counted"),
        (span(0.1, 0.5, 1e-300), "fast has more values than can be counted"),
        ({"a": "x" * 99}, "... is a dict"),
    ],
)
def test_what_is_no_list_of_values_is_refused(given, said):
    with pytest.raises(ConfigError) as error:
        read_axis("fast", given)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((5, 5), "5 is not below 5; swap them"),
        ((5, 9, 0), "the step 0 must be more than zero"),
        ((5, float("inf")), "inf is no finite number"),
        (("a", 5), "'a' is no finite number"),
        ((True, 5), "True is no finite number"),
    ],
)
def test_a_span_that_is_none_is_refused(arguments, said):
    with pytest.raises(ConfigError, match=said):
        span(*arguments)


@pytest.mark.parametrize(("low", "step"), [(0, None), (1, 2)])
def test_a_logarithmic_span_is_positive_and_has_no_step(low, step):
    with pytest.raises(ConfigError, match="log=True draws between positive numbers"):
        span(low, 9, step, log=True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (span(0.1, 0.5), r"span\(0.1, 0.5\) has no step.*span\(0.1, 0.5, STEP\)"),
        (span(1, 100, log=True), r"span\(1, 100, log=True\) has no step"),
        (stats.norm(5, 1), "fast is a distribution, which has no grid"),
    ],
)
def test_what_is_drawn_has_no_grid(given, said):
    with pytest.raises(ConfigError, match=said):
        len(read_axis("fast", given))


def test_numbers_of_other_libraries_are_taken_as_python_has_them():
    low: Any = np.int64(1)
    high: Any = Fraction(3, 2)
    assert list(span(low, high, 0.25).values()) == [1.0, 1.25, 1.5]
    assert span(low, high) == span(1, 1.5)


def test_a_sequence_of_steps_ends():
    steps = span(0.1, 0.3, 0.1).values()
    assert len(steps) == 3
    with pytest.raises(IndexError):
        steps[3]


@given(st.floats(0, 1, exclude_max=True))
def test_a_draw_lies_inside_its_span(share):
    assert read_axis("x", span(5, 9)).quantile(share) in range(5, 10)
    assert read_axis("x", [3, 1, 2]).quantile(share) in {1, 2, 3}
    assert 0.1 <= read_axis("x", span(0.1, 0.5)).quantile(share) <= 0.5
    assert 1 <= read_axis("x", span(1, 1000, log=True)).quantile(share) <= 1000
    assert 0.001 <= span(0.001, 1.0, log=True).quantile(share) <= 1.0000001


def test_a_distribution_is_drawn_by_its_quantiles():
    drawn = read_axis("x", stats.norm(5, 1)).quantile(0.5)
    assert drawn == 5.0
    assert type(drawn) is float


def test_half_of_the_draws_of_a_logarithmic_span_lie_below_its_geometric_mean():
    assert span(0.01, 1.0, log=True).quantile(0.5) == pytest.approx(0.1)
    assert span(1, 100, log=True).quantile(0.5) == 10


def test_a_value_that_comes_again_is_named():
    check_distinct("fast", [1, 1.0, True])
    with pytest.raises(ConfigError, match="fast: 10 is there twice; leave one out"):
        check_distinct("fast", [5, 10, 10])
