"""Whole arrays: values, warm-up, gaps, the user's functions, and the test for look-ahead."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from openbell import indicators
from openbell.core.errors import BadData, ConfigError
from openbell.indicators import (
    ADX,
    BBANDS,
    CDLENGULFING,
    HT_TRENDMODE,
    MAVP,
    MAXINDEX,
    OBV,
    RSI,
    SMA,
    TABLE,
    Indicator,
    compute,
    field,
    indicator,
    leak,
    lookback,
)

NAN = float("nan")
TALIB: Any = talib  # its type stubs want an enumeration for matype

Columns = dict[str, NDArray[np.float64]]


def walk(bars: int) -> Columns:
    random = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, bars)))
    open_ = close * np.exp(random.normal(0, 0.004, bars))
    return {
        "open": open_,
        "high": np.maximum(open_, close) * 1.002,
        "low": np.minimum(open_, close) * 0.998,
        "close": close,
        "volume": random.integers(0, 9, bars) * 100.0,
        "periods": random.integers(2, 31, bars).astype(float),
    }


BARS = walk(300)


def only(recipe: Indicator, columns: Mapping[str, NDArray[Any]] = BARS) -> NDArray[np.float64]:
    (array,) = compute(recipe, columns).values()
    return array


def test_values_are_those_of_talib():
    assert np.array_equal(only(SMA(10)), talib.SMA(BARS["close"], 10), equal_nan=True)
    wanted = TALIB.BBANDS(BARS["high"], 15, 2.5, 1.5, 1)
    given_ = compute(BBANDS(15, 2.5, 1.5, 1).on("high"), BARS)
    assert list(given_) == ["upperband", "middleband", "lowerband"]
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(given_.values(), wanted, strict=True))


def test_a_chosen_output_comes_alone():
    bands = compute(BBANDS(20), BARS)
    (lower,) = compute(BBANDS(20).lowerband, BARS).items()
    assert lower[0] == "lowerband"
    assert np.array_equal(lower[1], bands["lowerband"], equal_nan=True)


@pytest.mark.parametrize("recipe", [CDLENGULFING(), HT_TRENDMODE(), MAXINDEX(5)])
def test_whole_numbers_become_floats_with_a_nan_warm_up(recipe):
    array = only(recipe)
    start = lookback(recipe)
    assert array.dtype == np.float64
    assert np.isnan(array[:start]).all()
    assert np.isfinite(array[start:]).all()


def test_shift_moves_values_later():
    now, before = only(SMA(3)), only(SMA(3).ago(2))
    assert np.isnan(before[:4]).all()
    assert np.array_equal(before[4:], now[2:-2])
    assert lookback(SMA(3).ago(2)) == 4
    assert np.isnan(only(SMA(3).ago(1000))).all()


def test_lookback_is_the_first_index_with_a_value():
    assert [lookback(recipe) for recipe in (SMA(10), ADX(14), OBV(), RSI(14))] == [9, 27, 0, 14]
    assert lookback(field("close")) == 0
    assert lookback(indicator(np.cumsum).ago(3)) == 3


@pytest.mark.parametrize("name", TABLE)
def test_any_length_is_answered_with_that_length(name):
    recipe = indicators.make(name)
    start = lookback(recipe)
    for bars in sorted({0, 1, 2, start, start + 1}):
        for array in compute(recipe, {key: column[:bars] for key, column in BARS.items()}).values():
            assert array.shape == (bars,)
            assert np.isnan(array[:start]).all()


@pytest.mark.parametrize("name", TABLE)
def test_a_bar_with_a_gap_is_left_out(name):
    recipe = indicators.make(name)
    holed = {key: column.copy() for key, column in BARS.items()}
    first = recipe.inputs[0]
    holed[first][[0, 1, 150]] = NAN, NAN, np.inf
    rows = np.isfinite(holed[first])
    dense = compute(recipe, {key: column[rows] for key, column in BARS.items()})
    for output, array in compute(recipe, holed).items():
        assert np.isnan(array[~rows]).all()
        assert np.array_equal(array[rows], dense[output], equal_nan=True)


@pytest.mark.parametrize("recipe", [OBV(), SMA(3), CDLENGULFING()])
def test_a_column_without_a_number_gives_no_number(recipe):
    empty = BARS | {"close": np.full(300, NAN)}
    assert np.isnan(only(recipe, empty)).all()


def test_input_columns_are_left_as_they_are():
    columns = {key: column.copy() for key, column in BARS.items()}

    def spoil(close):
        close[:] = 0
        return close

    only(indicator(spoil), columns)[:] = 1
    only(field("close"), columns)[:] = 1
    only(SMA(1), columns)[:] = 1
    assert np.array_equal(columns["close"], BARS["close"])


def test_other_number_types_and_strides_are_taken():
    whole = np.arange(40)
    assert np.array_equal(only(SMA(3), {"close": whole})[2:], whole[2:] - 1.0)
    assert np.array_equal(only(SMA(3), {"close": whole[::-2].astype(np.float32)})[2:], whole[::-2][2:] + 2.0)


def test_users_function_gets_columns_and_parameters():
    def spread(high, low, scale):
        return scale * (high - low)

    recipe = indicator(spread, "high", "low", scale=2)
    assert np.array_equal(only(recipe), 2 * (BARS["high"] - BARS["low"]))
    assert np.array_equal(only(recipe.on("close", "open").replace(scale=1)), BARS["close"] - BARS["open"])
    assert only(indicator(lambda close: close > 100)).dtype == np.float64
    assert only(recipe, {"high": np.empty(0), "low": np.empty(0)}).shape == (0,)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda _: None, "must return one array of 300 numbers, one a bar; it returned a NoneType"),
        (list, "it returned a list"),
        (lambda close: close[1:], "it returned shape (299,) of float64"),
        (lambda close: close[:, None], "it returned shape (300, 1) of float64"),
        (lambda close: close.mean(), "it returned shape () of float64"),
        (lambda close: close.astype(complex), "it returned shape (300,) of complex128"),
        (lambda close: close.astype(str), "it returned shape (300,) of <U"),
        (lambda close: close[1000], "raised IndexError on 300 bar(s)"),
    ],
)
def test_users_function_must_answer_one_number_a_bar(function, said):
    with pytest.raises(ConfigError) as caught:
        compute(indicator(function), BARS)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{function.__name__}() on close: ")


def test_missing_column_is_named_with_the_available_ones():
    with pytest.raises(
        ConfigError, match=r"SMA\(10\) on bid: there is no column 'bid'; available: close, open"
    ):
        compute(SMA(10).on("bid"), {"close": BARS["close"], "open": BARS["open"]})
    with pytest.raises(ConfigError, match="available: none"):
        compute(SMA(10), {})


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"close": np.array(["a", "b"])}, "column 'close' is not an array of numbers"),
        ({"close": np.array([None, {}])}, "column 'close' is not an array of numbers"),
        ({"close": np.ones((3, 2))}, r"one dimension and one length; got close \(3, 2\), volume \(3,\)"),
        ({"close": np.ones(4)}, r"one dimension and one length; got close \(4,\), volume \(3,\)"),
    ],
)
def test_columns_must_be_arrays_of_numbers_of_one_length(columns, said):
    with pytest.raises(BadData, match=said):
        compute(OBV(), {"volume": np.ones(3)} | columns)


def test_parameters_that_talib_refuses_together_are_an_error_with_its_cause():
    refused = MAVP(minperiod=30, maxperiod=2)
    for ask in (lambda: compute(refused, BARS), lambda: lookback(refused)):
        with pytest.raises(ConfigError, match=r"MAVP\(30, 2\): TA-Lib refuses these parameters") as caught:
            ask()
        assert "BAD_PARAM" in str(caught.value.__cause__)


def test_other_errors_from_talib_pass_through(monkeypatch):
    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr(talib, "SMA", exhausted)
    with pytest.raises(MemoryError):
        compute(SMA(10), BARS)


def scaled(close):
    return (close - close.min()) / (close.max() - close.min())


def standardised(close):
    return (close - close.mean()) / close.std()


def smoothed(close):
    return np.convolve(close, np.ones(5) / 5, mode="same")


def future_top(close):
    return np.maximum.accumulate(close[::-1])[::-1]


def tomorrow(close):
    return np.append(close[1:], NAN)


def last_times_infinity(close):
    with np.errstate(invalid="ignore"):
        return close + np.inf * close[-1]


def trailing(close):
    spectrum = np.fft.rfft(close, 2 * close.size) * np.fft.rfft(np.ones(5), 2 * close.size)
    return np.fft.irfft(spectrum, 2 * close.size)[: close.size]


@pytest.mark.parametrize("function", [scaled, standardised, smoothed, future_top, tomorrow])
def test_look_ahead_is_found(function):
    assert leak(indicator(function), BARS, cuts=[120, 200]) is not None


def test_the_first_leaking_bar_is_named():
    assert leak(indicator(tomorrow), BARS, cuts=[200, 120]) == 119
    assert leak(indicator(smoothed), BARS, cuts=[120, 200]) == 118
    assert leak(indicator(tomorrow).ago(1), BARS, cuts=[120]) is None


@pytest.mark.parametrize("function", [np.cumsum, np.log, np.maximum.accumulate, trailing])
def test_a_causal_function_passes_even_if_its_last_bits_differ(function):
    assert leak(indicator(function), BARS, cuts=[7, 120, 200, 300]) is None


def test_equal_infinities_and_gaps_are_no_leak():
    holes = {"close": np.array([NAN, np.inf, -np.inf, 1.0, 1e308, -1e308])}
    assert leak(field("close"), holes, cuts=[1, 2, 4]) is None
    assert leak(indicator(last_times_infinity), holes, cuts=[5]) == 1


@pytest.mark.parametrize("name", TABLE)
def test_no_function_of_talib_looks_ahead(name):
    assert leak(indicators.make(name), BARS, cuts=[3, 50, 151, 299]) is None


@pytest.mark.parametrize("cut", [0, -1, 301])
def test_cuts_lie_inside_the_data(cut):
    with pytest.raises(ConfigError, match=f"cut {cut} must be from 1 to 300"):
        leak(SMA(3), BARS, cuts=[cut])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(1, 8), st.integers(0, 5))
def test_average_equals_its_definition(prices, period, shift):
    array = only(SMA(period).ago(shift), {"close": np.array(prices)})
    for bar, value in enumerate(array):
        end = bar + 1 - shift
        if end < period:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(np.mean(prices[end - period : end]), rel=1e-9, abs=1e-6)
