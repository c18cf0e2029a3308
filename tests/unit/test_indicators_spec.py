"""Recipes: made, changed, compared and described."""

import copy
import functools
import pickle
from typing import Any

import numpy as np
import pytest

from openbell.core.errors import ConfigError
from openbell.indicators import ATR, BBANDS, CDLDOJI, MAVP, SMA, T3, Indicator, field, indicator, make


def wrong(value: object) -> Any:
    """Return the value under a type that lets it pass the type checker."""
    return value


def double(close, factor=2.0):
    return close * factor


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        (SMA(10), "SMA(10)"),
        (SMA(), "SMA(30)"),
        (SMA(timeperiod=5).on("volume"), "SMA(5) on volume"),
        (BBANDS(20).upperband.on("high").ago(1), "BBANDS(20, 2, 2).upperband on high, 1 ago"),
        (BBANDS(20, 2.5, matype=1), "BBANDS(20, 2.5, 2, 1)"),
        (ATR(14).on("my_high", "my_low", "mid").at("1h"), "ATR(14) on my_high, my_low, mid, 1h bars"),
        (CDLDOJI(), "CDLDOJI()"),
        (field("close").ago(2), "close, 2 ago"),
        (indicator(double, "open", factor=3), "double(factor=3) on open"),
        (indicator(functools.partial(double, factor=3)), "partial() on close"),
    ],
)
def test_description_is_short_and_complete(recipe, text):
    assert recipe.describe() == text
    assert repr(recipe) == text


def test_equal_recipes_are_one_key():
    same = [
        SMA(10),
        SMA(timeperiod=10),
        SMA(10.0),
        SMA(np.int64(10)),
        SMA(np.float32(10)),
        SMA(30).replace(timeperiod=10),
    ]
    assert len(set(same)) == 1
    assert all(type(recipe.parameters[0][1]) is int for recipe in same)
    assert len({SMA(10), SMA(11), SMA(10).ago(1), SMA(10).at("1d"), SMA(10).on("open"), make("EMA", 10)}) == 6


def test_real_parameters_are_floats_and_take_whole_numbers():
    assert BBANDS(20, 2, np.float64(3)).parameters[1:3] == (("nbdevup", 2.0), ("nbdevdn", 3.0))
    assert type(BBANDS(20, 2).parameters[1][1]) is float


def test_the_only_output_needs_no_name():
    assert SMA(10).real is not None
    assert SMA(10).real == SMA(10)
    assert field("close").value == field("close")
    assert SMA(10).outputs == ("real",)
    assert BBANDS(20).outputs == ("upperband", "middleband", "lowerband")
    assert BBANDS(20).lowerband.outputs == ("lowerband",)


def test_shifts_add_up():
    assert SMA(10).ago(1).ago(wrong(np.int64(2))).shift == 3
    assert SMA(10).ago(0) == SMA(10)


def test_first_parameter_is_set_alone():
    assert SMA(10).with_first(20) == SMA(20)
    assert BBANDS(20, 2.5).with_first(30) == BBANDS(30, 2.5)
    assert indicator(double, factor=3).with_first(4.5).parameters == (("factor", 4.5),)


def test_own_timeframe_can_be_restored():
    assert SMA(10).at("1h").at("") == SMA(10)


@pytest.mark.parametrize(
    "recipe", [SMA(10), BBANDS(20).upperband.ago(1), indicator(double, factor=3), field("x")]
)
def test_recipes_survive_copy_and_pickle(recipe):
    assert copy.deepcopy(recipe) == recipe
    assert pickle.loads(pickle.dumps(recipe)) == recipe  # noqa: S301 - made one line above


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: SMA(10.5), "SMA: timeperiod=10.5 must be a whole number"),
        (lambda: SMA(0), "SMA: timeperiod=0 must be from 1 to 100000"),
        (lambda: SMA(100_001), "timeperiod=100001 must be from 1 to 100000"),
        (lambda: SMA(True), "timeperiod=True must be a number, not bool"),
        (lambda: SMA("10"), "timeperiod='10' must be a number, not str"),
        (lambda: SMA(float("nan")), "timeperiod=nan must be a finite number"),
        (lambda: BBANDS(20, float("inf")), "nbdevup=inf must be a finite number"),
        (lambda: T3(5, 1.5), "T3: vfactor=1.5 must be from 0 to 1"),
        (lambda: BBANDS(20, matype=14), "matype=14 must be from 0 to 13"),
        (lambda: MAVP(0, 30), "minperiod=0 must be from 1 to 100000"),
        (lambda: SMA(10, 20), "SMA takes 1 parameter(s) (timeperiod); got 2"),
        (lambda: CDLDOJI(1), "CDLDOJI takes 0 parameter(s) (none); got 1"),
        (lambda: SMA(10, timeperiod=20), "timeperiod is given twice, as 10 and as 20"),
        (lambda: SMA(timeperoid=20), "SMA has no parameter 'timeperoid'; did you mean 'timeperiod'?"),
        (lambda: SMA(10).replace(period=20), "SMA has no parameter 'period'"),
        (lambda: make("SMAA"), "TA-Lib has no function 'SMAA'; did you mean 'SMA'?"),
        (lambda: SMA(10).ago(-1), "SMA(10): ago(-1) is look-ahead"),
        (lambda: SMA(10).ago(1).ago(-1), "look-ahead"),
        (lambda: SMA(10).ago(wrong(1.5)), "ago(1.5) must be a whole number of bars"),
        (lambda: SMA(10).ago(True), "ago(True) must be a whole number of bars"),
        (lambda: SMA(10).at("1 h"), "timeframe '1 h' must be a name"),
        (lambda: SMA(10).at(wrong(60)), "timeframe 60 must be a name"),
        (lambda: SMA(10).on("high", "low"), "SMA takes 1 column(s), by default close; got 2"),
        (lambda: ATR(14).on("close"), "ATR takes 3 column(s), by default high, low, close; got 1"),
        (lambda: indicator(double, "a", "b").on("a"), "double takes 2 column(s), by default a, b; got 1"),
        (lambda: SMA(10).on("Close"), "SMA: column 'Close' must be a lower-case name"),
        (lambda: SMA(10).on(wrong(3)), "column 3 must be a lower-case name"),
        (lambda: field("9x"), "column '9x' must be a lower-case name"),
        (lambda: CDLDOJI().with_first(3), "CDLDOJI() has no parameter to set to 3"),
        (
            lambda: indicator(wrong("SMA")),
            "indicator('SMA'): the first argument must be a function",
        ),
        (lambda: indicator(double, factor=wrong("3")), "double: factor='3' must be a number, not str"),
        (lambda: indicator(double, factor=3).replace(fctor=4), "double has no parameter 'fctor'"),
        (lambda: Indicator("SMAA"), "TA-Lib has no function 'SMAA'"),
        (lambda: Indicator("SMA", output="rael"), "SMA has no output 'rael'; did you mean 'real'?"),
        (lambda: Indicator("SMA", shift=-1), "SMA: shift=-1 is look-ahead"),
    ],
)
def test_bad_input_is_one_line_that_names_it(build, said):
    with pytest.raises(ConfigError) as caught:
        build()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_output_is_an_attribute_error_with_the_valid_names():
    with pytest.raises(
        AttributeError, match="no output or method 'uperband'; did you mean 'upperband'"
    ) as caught:
        _ = BBANDS(20).uperband
    assert "BBANDS(20, 2, 2)" in str(caught.value)
    with pytest.raises(AttributeError, match="valid names: lowerband, middleband, upperband"):
        _ = BBANDS(20).xyz
