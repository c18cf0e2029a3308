"""Bar by bar equals whole arrays, bit for bit."""

from typing import Any

import numpy as np
import pytest
import talib.stream
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from openbell import indicators
from openbell.core.errors import BadData, ConfigError
from openbell.indicators import (
    ATR,
    BBANDS,
    MAVP,
    RSI,
    SMA,
    SUPERTREND,
    TABLE,
    Indicator,
    Stream,
    compute,
    field,
    indicator,
    lookback,
    open_stream,
)
from openbell.indicators.streaming import RECOMPUTED

NAN = float("nan")
TALIB: Any = talib  # its type stubs leave out InsufficientHistory

Columns = dict[str, NDArray[np.float64]]


def bars(size: int, kind: str = "walk", seed: int = 1) -> Columns:
    random = np.random.default_rng(seed)
    steps = random.normal(0, 0.01, size)
    close = {
        "walk": 100 * np.exp(np.cumsum(steps)),
        "flat": np.full(size, 100.0),
        "ticks": 100 + 0.25 * np.cumsum(np.sign(steps)),
        "steps": 100 + np.repeat(np.sign(steps), 7)[:size],
    }[kind]
    open_ = np.roll(close, 1)
    return {
        "open": open_,
        "high": np.maximum(open_, close) + 0.1 * (kind != "flat"),
        "low": np.minimum(open_, close) - 0.1 * (kind != "flat"),
        "close": close,
        "volume": random.integers(0, 4, size) * 1000.0,
        "periods": random.integers(0, 40, size).astype(float),
    }


def cut(columns: Columns, start: int, stop: int) -> Columns:
    return {name: column[start:stop] for name, column in columns.items()}


def feed(stream: Stream, columns: Columns, start: int) -> NDArray[np.float64]:
    """Return the stream's values after `start` bars and after each further one: (outputs, bars)."""
    rows = [stream.values]
    for at in range(start, len(columns["close"])):
        stream.update({name: column[at] for name, column in columns.items()})
        rows.append(stream.values)
    return np.array(rows).T


def assert_same_bits(streamed: NDArray[np.float64], batch: Columns, start: int) -> None:
    wanted = np.array([column[max(0, start - 1) :] for column in batch.values()])
    streamed = streamed[:, 1:] if start == 0 else streamed
    assert streamed.shape == wanted.shape
    same = (streamed.view(np.int64) == wanted.view(np.int64)) | (np.isnan(streamed) & np.isnan(wanted))
    assert same.all()


@pytest.mark.parametrize("kind", ["walk", "flat", "ticks", "steps"])
@pytest.mark.parametrize("name", TABLE)
def test_every_function_streams_the_bits_of_its_batch(name, kind):
    columns = bars(220, kind)
    recipe = indicators.make(name)
    start = lookback(recipe) + 1
    stream = open_stream(recipe, cut(columns, 0, start))
    assert_same_bits(feed(stream, columns, start), compute(recipe, columns), start)


def test_no_function_needs_an_exception():
    assert RECOMPUTED == {}


@st.composite
def recipes(draw):
    """Draw any function with legal parameters, on columns in any order."""
    name = draw(st.sampled_from(sorted(TABLE)))
    values = {}
    for rule in TABLE[name].parameters:
        if isinstance(rule.default, int):
            values[rule.name] = draw(st.integers(int(rule.minimum), min(int(rule.maximum), 25)))
        else:
            values[rule.name] = draw(st.floats(max(rule.minimum, 0.0), min(rule.maximum, 4.0)))
    if name == "MAVP":
        values["maxperiod"] = max(values["minperiod"], values["maxperiod"])
    recipe = indicators.make(name, **values).ago(draw(st.integers(0, 3)))
    return getattr(recipe, draw(st.sampled_from(recipe.all_outputs))) if draw(st.booleans()) else recipe


@settings(max_examples=300, deadline=None)
@given(
    recipe=recipes(),
    kind=st.sampled_from(["walk", "flat", "ticks", "steps"]),
    start=st.integers(0, 140),
    holes=st.dictionaries(st.integers(0, 139), st.sampled_from([NAN, np.inf, -np.inf]), max_size=6),
)
def test_any_parameters_history_and_gaps_stream_the_bits_of_the_batch(recipe, kind, start, holes):
    columns = bars(140, kind)
    for at, value in holes.items():
        columns[recipe.inputs[-1]][at] = value
    stream = open_stream(recipe, cut(columns, 0, start))
    assert_same_bits(feed(stream, columns, start), compute(recipe, columns), start)


@pytest.mark.parametrize("start", [0, 1, 7, 60])
@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize(
    "source", [field("close"), indicator(np.cumsum), indicator(lambda x, y: x - y, "high", "low")]
)
def test_columns_and_users_functions_stream_the_bits_of_the_batch(source, shift, start):
    columns = bars(60)
    columns["close"][[3, 20]] = NAN
    recipe = source.ago(shift)
    stream = open_stream(recipe, cut(columns, 0, start))
    assert_same_bits(feed(stream, columns, start), compute(recipe, columns), start)


def test_a_window_bounds_what_a_function_sees():
    seen = []

    def size(close):
        seen.append(close.size)
        return np.full(close.size, float(close.size))

    columns = bars(400)
    stream = open_stream(indicator(size), cut(columns, 0, 10), window=5)
    values = feed(stream, columns, 10)
    assert set(seen) == {5}
    assert (values == 5).all()


def test_a_window_as_long_as_the_memory_changes_nothing():
    def top(close):
        return np.array([close[max(0, at - 4) : at + 1].max() for at in range(close.size)])

    columns = bars(200)
    stream = open_stream(indicator(top), cut(columns, 0, 3), window=5)
    assert_same_bits(feed(stream, columns, 3), compute(indicator(top), columns), 3)


def test_functions_in_the_table_of_exceptions_are_recomputed(monkeypatch):
    monkeypatch.setitem(RECOMPUTED, "RSI", "for this test")
    monkeypatch.delattr(talib.stream, "RSI")
    columns = bars(80)
    stream = open_stream(RSI(5), cut(columns, 0, 3))
    assert_same_bits(feed(stream, columns, 3), compute(RSI(5), columns), 3)


def test_a_handle_that_wants_more_history_is_asked_again(monkeypatch):
    open_rsi = talib.stream.RSI

    def reluctant(close, *parameters):
        if close.size < 20:
            raise TALIB.InsufficientHistory("not yet")
        return open_rsi(close, *parameters)

    monkeypatch.setattr(talib.stream, "RSI", reluctant)
    columns = bars(80)
    stream = open_stream(RSI(5), cut(columns, 0, 3))
    assert_same_bits(feed(stream, columns, 3), compute(RSI(5), columns), 3)


def test_value_is_the_one_output_and_nan_before_it_is_ready():
    columns = bars(30)
    stream = open_stream(SMA(10), cut(columns, 0, 9))
    assert np.isnan(stream.value)
    stream.update({"close": columns["close"][9], "unused": 1.0})
    assert stream.value == compute(SMA(10), columns)["real"][9]
    assert stream.indicator == SMA(10)


def test_several_outputs_have_no_single_value():
    columns = bars(30)
    stream = open_stream(BBANDS(10), columns)
    assert len(stream.values) == 3
    with pytest.raises(
        ConfigError, match=r"BBANDS\(10, 2, 2\) has several outputs; choose one of \.upperband, \.middle"
    ):
        _ = stream.value
    assert open_stream(BBANDS(10).middleband, columns).value == stream.values[1]
    assert type(open_stream(SUPERTREND().trend, columns).value) is float


def test_columns_of_a_bar_that_are_missing_are_named():
    stream = open_stream(ATR(5), bars(30))
    with pytest.raises(ConfigError, match=r"ATR\(5\): the bar has no column 'low'; available: high, close"):
        stream.update({"high": 1.0, "close": 1.0})
    with pytest.raises(ConfigError, match="available: none"):
        stream.update({})


def test_a_refused_bar_leaves_the_stream_as_it_was():
    stream = open_stream(SMA(3), bars(30))
    before = stream.values
    with pytest.raises(ConfigError):
        stream.update({})
    assert stream.values == before


@pytest.mark.parametrize(
    ("recipe", "columns", "window", "error"),
    [
        (SMA(3), {}, 0, ConfigError),
        (SMA(3), {"close": np.ones((2, 2))}, 0, BadData),
        (SMA(3), {"close": np.ones(5)}, -1, ConfigError),
        (MAVP(30, 2), {"close": np.empty(0), "periods": np.empty(0)}, 0, ConfigError),
        (Indicator("SMA", (("timeperiod", 0),)), {"close": np.empty(0)}, 0, ConfigError),
    ],
)
def test_what_cannot_work_is_refused_at_the_opening(recipe, columns, window, error):
    with pytest.raises(error):
        open_stream(recipe, columns, window=window)
