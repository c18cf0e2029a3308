"""What counts as a number, a whole number and a flag, and how any value is shown."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from openbell.core.inputs import flag, real, shown, takes, whole


@pytest.mark.parametrize("value", [
    2, 2.0, Decimal(2), Fraction(2), np.float64(2), np.float32(2), np.float16(2), np.int64(2), np.uint8(2),
    np.array(2.0), np.array(2),
])  # fmt: skip
def test_a_number_is_what_counts_as_one(value):
    assert real(value) == 2.0
    assert type(real(value)) is float


@pytest.mark.parametrize("value", [
    None, "2", b"2", True, np.bool_(True), 2j, np.complex128(2), [2], np.array([2.0]), np.array("2"),
    np.array(None), np.timedelta64(2, "ns"), np.datetime64(2, "ns"), pd.NA, pd.NaT, pd.Series([2.0]),
    pd.DataFrame({"a": [2.0]}), object, float, math.nan, Decimal("nan"), Decimal("sNaN"), np.float64("nan"),
])  # fmt: skip
def test_all_else_is_no_number(value):
    assert math.isnan(real(value))


def test_what_is_too_large_is_infinite():
    assert real(10**400) == real(Decimal("1e999")) == math.inf


@pytest.mark.parametrize(("value", "number"), [
    (2, 2), (np.int64(2), 2), (np.array(2), 2), (True, None), (2.0, None), ("2", None), (None, None),
    (np.bool_(True), None), (np.array([2, 3]), None), (Decimal(2), None),
])  # fmt: skip
def test_a_whole_number_is_written_as_one(value, number):
    assert whole(value) == number
    assert type(whole(value)) in (int, type(None))


@pytest.mark.parametrize(("value", "answer"), [
    (True, True), (False, False), (np.bool_(True), True), (np.array(False), False), (1, None), (0, None),
    (None, None), ("true", None), (np.array([True]), None), (np.float64(1), None),
])  # fmt: skip
def test_a_flag_is_true_or_false(value, answer):
    assert flag(value) is answer


def test_a_value_is_shown_in_one_line_that_fits():
    assert shown(np.ones((2, 2))) == "array([[1., 1.], [1., 1.]])"
    assert shown("x" * 58) == repr("x" * 58)
    assert shown("x" * 59) == "'" + "x" * 56 + "..."


def test_how_a_function_is_called_is_asked_before_it_is():
    assert takes(lambda a, *, b: 0, 1, b=2)
    assert not takes(lambda a: 0, 1, 2)
    assert not takes(lambda a: 0, 1, b=2)
    assert takes(dict.update, {}, {})  # has no signature to ask
