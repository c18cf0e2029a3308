"""The decorator: what it takes, what it refuses, and what a decision may return."""

import functools
import math

import numpy as np
import pytest

import openbell as ob
from openbell.core.errors import ConfigError, StrategyError
from openbell.indicators.spec import Indicator, field, make
from openbell.strategies.parameters import Parameter
from openbell.strategies.signal import Signal, SignalStrategy
from tests.unit.bars_by_hand import daily

SMA = functools.partial(make, "SMA")
CLOSES = [10.0, 11.0, 12.0, 11.0, 10.0, 9.0, 12.0, 13.0]


@ob.signal(fast=SMA(2), slow=SMA(3), least=ob.param(0.0, ge=0), size=1)
def cross(fast, slow, least, size):
    """Long while fast is above slow.

    And more words.
    """
    return size if fast > slow + least else 0.0


def said(act) -> str:
    with pytest.raises((ConfigError, StrategyError)) as raised:
        act()
    return str(raised.value)


def run(decide, series=None, **inputs):
    form = ob.signal(**inputs)(decide)
    return ob.backtest(form, series or daily("A", CLOSES), costs=ob.NO_COSTS).outcome


# --- declaration -------------------------------------------------------------------------------------------


def test_a_signal_keeps_the_functions_name_and_words():
    assert isinstance(cross, Signal)
    assert (cross.name, cross.__module__) == ("cross", __name__)
    assert cross.__doc__ is not None
    assert cross.__doc__.startswith("Long while")
    assert repr(cross) == "<Signal cross(fast=SMA(2), slow=SMA(3), least=0.0, size=1)>"


@pytest.mark.parametrize(("make_it", "message"), [
    (lambda: ob.signal(lambda: 1.0),
     "@ob.signal takes what the function is asked with, by name: @ob.signal(fast=ob.SMA(10))"),
    (lambda: ob.signal(fast="SMA"),
     "@signal(fast='SMA') must be an indicator such as ob.SMA(10), ob.param(...) or a number"),
    (lambda: ob.signal(fast=None),
     "@signal(fast=None) must be an indicator such as ob.SMA(10), ob.param(...) or a number"),
    (lambda: ob.signal(bands=make("BBANDS", 20)),
     "@signal(bands=BBANDS(20, 2, 2)) has several outputs; choose one: .upperband, .middleband, .lowerband"),
    (lambda: ob.signal(fast=SMA(2))(lambda fst: fst),
     "<lambda>(fst) is given nothing: add fst=... to @signal; did you mean 'fast'?"),
    (lambda: ob.signal(fst=SMA(2))(lambda fst, slow: fst),
     "<lambda>(slow) is given nothing: add slow=... to @signal; valid names: fst"),
    (lambda: ob.signal(fast=SMA(2), slo=SMA(3))(lambda fast, slow=1.0: fast),
     "@signal(slo=...): <lambda> takes no 'slo'; did you mean 'slow'?"),
    (lambda: ob.signal(fast=SMA(2))(5),  # type: ignore[arg-type]  # that is the point
     "@signal decorates a function, not 5"),
    (lambda: ob.signal()(dict), "@signal decorates a function, not <class 'dict'>"),  # type: ignore[arg-type]  # the point
    (lambda: ob.signal()(lambda a, **rest: a), "<lambda>(a) is given nothing: add a=... to @signal"),
])  # fmt: skip
def test_a_bad_declaration_is_one_line(make_it, message):
    assert said(make_it) == message


def test_a_builtin_that_does_not_tell_its_arguments_is_refused():
    assert said(lambda: ob.signal(fast=SMA(2))(max)) == (
        "@signal decorates a function that tells its arguments, and <built-in function max> does not; "
        "call it in a function of your own"
    )


def test_any_callable_decides():
    class Decide:
        def __call__(self, fast):
            return 1.0

    assert ob.signal(fast=SMA(2))(Decide()).name == "Decide"


# --- parameters --------------------------------------------------------------------------------------------


def test_an_indicator_is_set_by_its_first_parameter_and_a_parameter_by_its_value():
    assert cross.parameter_values() == {"fast": 2, "slow": 3, "least": 0.0, "size": 1}
    other = cross.with_parameters(fast="5", least="0.5", size=2)
    assert other.parameter_values() == {"fast": 5, "slow": 3, "least": 0.5, "size": 2}
    assert other.inputs["fast"] == SMA(5)
    assert cross.parameter_values()["fast"] == 2
    assert other(fast=6).inputs["fast"] == SMA(6)
    assert isinstance(other.inputs["size"], Parameter)


def test_bounds_last_through_changes():
    assert said(lambda: cross(least=1.0)(least=-1.0)) == "cross.least=-1.0 must be >= 0"


def test_an_indicator_may_be_put_in_the_place_of_another():
    assert cross(fast=make("EMA", 4)).inputs["fast"] == make("EMA", 4)


def test_a_raw_column_has_no_parameter():
    price = ob.signal(price=field("close"))(lambda price: 0.0)
    assert price.parameter_values() == {"price": None}
    assert said(lambda: price(price=3)) == "<lambda>.price=3: close has no parameter to set to 3"


@pytest.mark.parametrize(("values", "message"), [
    ({"fats": 3}, "strategy cross has no parameter 'fats'; did you mean 'fast'?"),
    ({"stop_loss": 0.1}, "strategy cross has no parameter 'stop_loss'; add stop_loss=... to @ob.signal"),
    ({"fast": "x"}, "cross.fast='x' must be a number"),
    ({"fast": 0}, "cross.fast=0: SMA: timeperiod=0 must be from 1 to 100000"),
    ({"fast": 2.5}, "cross.fast=2.5: SMA: timeperiod=2.5 must be a whole number"),
    ({"size": 1.5}, "cross.size=1.5 must be a whole number"),
])  # fmt: skip
def test_a_bad_parameter_is_one_line(values, message):
    assert said(lambda: cross(**values)) == message


# --- decisions ---------------------------------------------------------------------------------------------


def test_a_changed_conviction_orders_and_a_repeated_one_holds():
    outcome = run(lambda fast, slow: 1.0 if fast > slow else 0.0, fast=SMA(2), slow=SMA(3))
    assert [(fill.side, fill.symbol) for fill in outcome.fills] == [(1, "A"), (-1, "A"), (1, "A")]


def test_constants_and_parameters_reach_the_function():
    seen = []

    def decide(price, bound, other):
        seen.append((price, bound, other))
        return 0.0

    run(decide, price=field("close"), bound=ob.param(3), other=0.5)
    assert seen[:2] == [(10.0, 3, 0.5), (11.0, 3, 0.5)]


@pytest.mark.parametrize("decide", [
    lambda price, *, bound: 1.0 if price > bound else 0.0,
    lambda bound, price, unused=None: 1.0 if price > bound else 0.0,
    lambda unused=None, price=0.0, bound=0.0: 1.0 if price > bound else 0.0,
    lambda **given: 1.0 if given["price"] > given["bound"] else 0.0,
    lambda price, *rest, bound=0.0: 1.0 if price > bound else 0.0,
])  # fmt: skip
def test_inputs_go_by_name_whatever_the_signature(decide):
    assert len(run(decide, price=field("close"), bound=10.5).fills) == 3


def test_each_symbol_is_asked_for_itself():
    series = [daily("A", CLOSES), daily("B", CLOSES[::-1])]
    outcome = run(lambda price: 0.5 if price > 11.5 else 0.0, series, price=field("close"))
    assert {fill.symbol for fill in outcome.fills} == {"A", "B"}


@pytest.mark.parametrize("value", [1, True, 1.0, np.float64(1), np.float32(1), np.int64(1), np.bool_(True)])
def test_any_number_is_a_conviction(value):
    assert len(run(lambda price: value, price=field("close")).fills) == 1


def test_no_input_at_all_is_a_constant():
    assert len(run(lambda: 1.0).fills) == 1


@pytest.mark.parametrize(("value", "shown"), [
    (math.nan, "nan"), ("long", "'long'"), (None, "None"), (np.array([1.0, 2.0]), "array([1., 2.])"),
    (np.ones((3, 3)), "array([[1., 1., 1.], [1., 1., 1.], [1., 1., 1.]])"), (2.0, "2.0"), (-1.5, "-1.5"),
    (7, "7.0"), (math.inf, "inf"), (1 + 2j, "(1+2j)"), ("x" * 99, "'" + "x" * 56 + "..."),
])  # fmt: skip
def test_what_is_no_conviction_is_one_line_that_names_symbol_and_bar(value, shown):
    def decide(price):
        return value if price > 11.5 else 0.0

    assert said(lambda: run(decide, price=field("close"))) == (
        f"strategy decide decided {shown} for A on 2024-01-04 00:00 UTC; "
        "a conviction is a number from -1 to 1"
    )


def test_a_decision_that_raises_is_blamed_on_its_line():
    def decide(price):
        return 1 / (price - 12.0)

    line = decide.__code__.co_firstlineno + 1
    assert said(lambda: run(decide, price=field("close"))).startswith(
        f"strategy decide, test_strategies_signal.py:{line} in decide, at 2024-01-"
    )


def test_a_running_signal_knows_its_values():
    assert SignalStrategy(cross(fast=4)).values() == {"fast": 4, "slow": 3, "least": 0.0, "size": 1}
    assert isinstance(cross.inputs["fast"], Indicator)


def test_a_default_of_the_function_declares_an_input():
    def decide(rsi, low=ob.param(30.0, ge=0, le=100)):  # noqa: B008  # as a user writes it
        return 1.0 if rsi < low else 0.0

    form = ob.signal(rsi=ob.RSI(14))(decide)
    assert form.parameter_values() == {"rsi": 14, "low": 30.0}
    assert ob.backtest(form, "AAPL").hash != ob.backtest(form, "AAPL", parameters={"low": 45}).hash
    with pytest.raises(ob.ConfigError, match="low=101"):
        form.with_parameters(low=101)
