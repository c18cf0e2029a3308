"""What is asked of an indicator or a bar in square brackets, and is no place of a value, is one line."""

import math

import numpy as np
import pytest

import openbell as ob
from openbell.core.errors import LookAhead, StrategyError
from tests.unit.bars_by_hand import daily, minutes

DAYS = [daily("A", [10, 11, 12, 13])]
KINDS = {
    "shown": (DAYS, ""),
    "values": ([*DAYS, daily("B", [20, 21, 22, 23])], ""),
    "slow": ([minutes("A", [float(i) for i in range(1, 9)])], "2m"),
}
NO_NUMBER = "of an indicator must be a whole number: [-1] is now, [-2] one bar ago"
every_kind = pytest.mark.parametrize("kind", list(KINDS))


def ask(question, kind):
    """Ask a question of an indicator and a bar of A, at the last bar but none."""
    answers = []
    series, timeframe = KINDS[kind]

    class Asking(ob.Strategy):
        def on_start(self):
            self.fast = self.indicator(ob.SMA(2), timeframe=timeframe)

        def on_bar(self, bar):
            if bar.index == len(series[0]) - 1 and bar.symbol == "A":
                answers.append(question(self.fast, bar))

    ob.backtest(Asking, series, costs=ob.NO_COSTS)
    return answers[0]


def line_of(question, kind="shown"):
    with pytest.raises(StrategyError) as raised:
        ask(question, kind)
    return str(raised.value).partition(" UTC: ")[2]


@every_kind
@pytest.mark.parametrize("at", ["x", None, 1.5, -1.5, -99.5, math.nan, (-1, -2), False])
def test_what_is_no_place_of_a_value_is_refused(kind, at):
    assert line_of(lambda fast, bar: fast[at], kind) == f"[{at!r}] {NO_NUMBER}"


@every_kind
def test_a_slice_is_told_what_takes_its_place(kind):
    assert ".last(3)" in line_of(lambda fast, bar: fast[-3:], kind)


def test_a_slice_of_an_indicator_over_several_symbols_is_shown_as_it_was_written():
    said = "[-3:] of an indicator: take the last values with .last(3), oldest first"
    assert line_of(lambda fast, bar: fast[-3:], "values") == said


@every_kind
def test_the_future_is_refused_and_what_was_before_the_first_value_is_nan(kind):
    with pytest.raises(LookAhead, match=r"\[0\] of an indicator is not known yet: \[-1\] is now"):
        ask(lambda fast, bar: fast[0], kind)
    assert math.isnan(ask(lambda fast, bar: fast[-50], kind))
    assert ask(lambda fast, bar: fast[np.int64(-2)] < fast[-1], kind)


@every_kind
@pytest.mark.parametrize("count", [0, -3, 1.5, "3", None])
def test_the_last_values_are_a_whole_number_of_them(kind, count):
    said = f".last({count!r}) of an indicator must be a whole number, 1 or more"
    assert line_of(lambda fast, bar: fast.last(count), kind) == said
    assert ask(lambda fast, bar: list(fast.last(2)) == [fast[-2], fast[-1]], kind)


@pytest.mark.parametrize("question", [
    lambda fast, bar: fast > 1.0,
    lambda fast, bar: fast - fast,
    lambda fast, bar: float(fast),
])  # fmt: skip
@every_kind
def test_an_indicator_that_is_taken_for_its_value_is_told_of_it(kind, question):
    assert line_of(question, kind).endswith("; [-1] of an indicator is its value now")


def test_an_indicator_of_one_symbol_is_of_no_other():
    assert line_of(lambda fast, bar: fast.of("B")) == ".of('B'): the indicator is of A alone"
    assert ask(lambda fast, bar: fast.of("A") is fast, "shown")
    said = "symbol ['A'] is not in this run; valid names: A, B"
    assert line_of(lambda fast, bar: fast.of(["A"]), "values") == said


def test_an_indicator_with_several_outputs_of_one_symbol_is_of_no_other():
    class Asking(ob.Strategy):
        def on_bar(self, bar):
            bands = self.indicator(ob.BBANDS(2), symbol="A")
            assert bands.of("A") is bands
            bands.of("B")

    with pytest.raises(StrategyError, match=r"\.of\('B'\): the indicator is of A alone$"):
        ob.backtest(Asking, KINDS["values"][0], costs=ob.NO_COSTS)


@pytest.mark.parametrize(("question", "said"), [
    (lambda bands: bands[-1], "has several outputs; choose one: .upperband, .middleband, .lowerband"),
    (lambda bands: bands.uper, "BBANDS(2, 2, 2) has no output 'uper'; did you mean 'upperband'?"),
])  # fmt: skip
def test_an_output_is_asked_by_its_name(question, said):
    class Asking(ob.Strategy):
        def on_bar(self, bar):
            question(self.indicator(ob.BBANDS(2)))

    with pytest.raises(StrategyError) as raised:
        ob.backtest(Asking, DAYS, costs=ob.NO_COSTS)
    assert said in str(raised.value)


@pytest.mark.parametrize("symbol", ["B", 0, None])
def test_a_cross_section_is_asked_by_symbol(symbol):
    class Asking(ob.Strategy):
        def on_bars(self, bars):
            bars[symbol]

    with pytest.raises(StrategyError) as raised:
        ob.backtest(Asking, DAYS, costs=ob.NO_COSTS)
    assert f"symbol {symbol!r} has no bar now" in str(raised.value)


@pytest.mark.parametrize("at", ["close", None, 1.5, slice(-3, None)])
def test_a_bar_is_asked_by_name(at):
    line = line_of(lambda fast, bar: bar[at])
    assert line.startswith(f"bar[{at!r}]: a bar's values are bar.open, ")
    assert line.endswith("; take earlier ones from self.history()")
    assert ask(lambda fast, bar: bar[0] is bar, "shown")
