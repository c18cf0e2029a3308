"""What a strategy types in a call: every kind of number is one, and every slip is one line."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

import openbell as ob
from openbell.core.errors import StrategyError
from openbell.strategies.faults import said
from tests.unit.test_strategies_base import Desk

NAN, INF = float("nan"), float("inf")

#: Each call with one argument as a number.
NUMBERS = {
    "buy confidence": lambda s, x: s.buy("A", confidence=x),
    "sell confidence": lambda s, x: s.sell("A", confidence=x),
    "buy limit": lambda s, x: s.buy("A", limit=x),
    "buy stop_loss": lambda s, x: s.buy("A", stop_loss=x),
    "sell take_profit": lambda s, x: s.sell("A", take_profit=x),
    "buy trailing_stop": lambda s, x: s.buy("A", trailing_stop=x),
    "order quantity": lambda s, x: s.order("A", x),
    "order limit": lambda s, x: s.order("A", 1, limit=x),
    "order stop": lambda s, x: s.order("A", 1, stop=x),
    "order trail": lambda s, x: s.order("A", 1, trail=x),
    "order stop_loss": lambda s, x: s.order("A", 1, stop_loss=x),
    "order take_profit": lambda s, x: s.order("A", 1, take_profit=x),
    "order trailing_stop": lambda s, x: s.order("A", 1, trailing_stop=x),
    "target_weight weight": lambda s, x: s.target_weight("A", x),
    "target_quantity quantity": lambda s, x: s.target_quantity("A", x),
    "rebalance weight": lambda s, x: s.rebalance({"A": x}),
    "replace quantity": lambda s, x: s.replace(s.order("A", 1, limit=9), quantity=x),
    "replace limit": lambda s, x: s.replace(s.order("A", 1, limit=9), limit=x),
    "replace stop": lambda s, x: s.replace(s.order("A", 1, stop=9), stop=x),
}
#: None is no number where one is required.
REQUIRED = ("confidence", "quantity", "weight")


def running() -> Any:
    """Return a strategy in its seat, of no type: what is typed here is wrong on purpose."""
    return Desk("A").strategy


def line_of(act) -> str:
    with pytest.raises(StrategyError) as raised:
        act(running())
    line = str(raised.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [
    "1", b"1", True, np.bool_(True), [1.0], (1,), {}, np.array([1.0]), np.ones((9, 9)), 1j, NAN, INF, -INF,
    Decimal("nan"), np.float64("nan"), pd.NaT, object, 10**400,
])  # fmt: skip
def test_what_is_no_number_names_call_symbol_argument_value_and_remedy(name, value):
    call, argument = name.split()
    line = line_of(lambda s: NUMBERS[name](s, value))
    shown = re.escape(" ".join(repr(value).split())[:57])
    assert re.match(rf"{call}\('A'\): {argument}={shown}.* must be a ", line)
    assert len(line) < 200


@pytest.mark.parametrize(
    "name", [name for name in NUMBERS if name.endswith(REQUIRED) and "replace" not in name]
)
def test_a_number_that_is_required_is_not_none(name):
    call, argument = name.split()
    assert line_of(lambda s: NUMBERS[name](s, None)).startswith(f"{call}('A'): {argument}=None must be a ")


@pytest.mark.parametrize("value", [
    0.5, Decimal("0.5"), Fraction(1, 2), np.float64(0.5), np.float32(0.5), np.array(0.5),
])  # fmt: skip
def test_any_number_is_a_confidence_a_weight_and_a_price(value):
    mine = running()
    made = mine.buy("A", confidence=value, limit=value, trailing_stop=value)
    assert (made.quantity, made.limit) == (50.0, 0.5)
    assert [type(number) for number in (made.quantity, made.limit)] == [float, float]
    assert mine.target_weight("A", value).quantity == 50.0
    assert mine.rebalance({"A": value})[0].quantity == 50.0


@pytest.mark.parametrize("value", [5, 5.0, Decimal(5), Fraction(5), np.int32(5), np.float64(5), np.array(5)])
def test_any_number_is_a_quantity(value):
    mine = running()
    assert mine.order("A", value).quantity == 5.0
    assert mine.target_quantity("A", value).quantity == 5.0
    working = mine.order("A", 9, limit=90.0)
    mine.replace(working, quantity=value)
    assert mine.desk.outbox[-1].quantity == 5.0


@pytest.mark.parametrize(("value", "shown"), [
    (None, "None"), (5, "5"), (["A"], "['A']"), (b"A", "b'A'"),
    (np.array(["A"]), "array(['A'], dtype='<U1')"),
])  # fmt: skip
@pytest.mark.parametrize(("call", "act"), [
    ("buy", lambda s, x: s.buy(x)), ("sell", lambda s, x: s.sell(x)), ("hold", lambda s, x: s.hold(x)),
    ("close", lambda s, x: s.close(x)), ("order", lambda s, x: s.order(x, 1)),
    ("target_quantity", lambda s, x: s.target_quantity(x, 1)), ("position", lambda s, x: s.position(x)),
    ("price", lambda s, x: s.price(x)), ("ready", lambda s, x: s.ready(x)),
    ("history", lambda s, x: s.history(x, "close", 1)),
    ("indicator", lambda s, x: s.indicator(ob.SMA(3), symbol=x)),
])  # fmt: skip
def test_what_is_no_symbol_says_how_one_is_written(call, act, value, shown):
    assert line_of(lambda s: act(s, value)) == (
        f"{call}: symbol={shown} must be text: bar.symbol, or one such as 'A'"
    )


TAKES = (
    "it takes symbol, confidence, stop_loss, take_profit, trailing_stop, limit, shares, notional, extended, "
    "tag"
)
OF_THIS_RUN = (
    "must be an order of this run, as buy, order and the like return it (None where they order nothing)"
)


@pytest.mark.parametrize(("act", "line"), [
    (lambda s: s.order("A", 1, oco=99), f"order: oco=99 {OF_THIS_RUN}"),
    (lambda s: s.order("A", 1, after=99), f"order: after=99 {OF_THIS_RUN}"),
    (lambda s: s.order("A", 1, after=0), f"order: after=0 {OF_THIS_RUN}"),
    (lambda s: s.cancel(77), f"cancel: order=77 {OF_THIS_RUN}"),
    (lambda s: s.cancel(None), f"cancel: order=None {OF_THIS_RUN}"),
    (lambda s: s.replace(None, limit=1), f"replace: order=None {OF_THIS_RUN}"),
    (lambda s: s.order("A", 1, trail_percent=5), "order('A'): trail_percent=5 must be True or False"),
    (lambda s: s.order("A", 1, reduce_only="no"), "order('A'): reduce_only='no' must be True or False"),
    (lambda s: s.order("A", 1, tag=5), "order('A'): tag=5 must be text"),
    (lambda s: s.buy("A", tag=b"x"), "buy('A'): tag=b'x' must be text"),
    (lambda s: s.order("A", 1, good_till=0), "order('A'): good_till=0 must be a datetime with a time zone"),
    (lambda s: s.history("A", "close", 2.5), "history('A'): count=2.5 must be a whole number, 1 or more"),
    (lambda s: s.history("A", "close", True), "history('A'): count=True must be a whole number, 1 or more"),
    (lambda s: s.history("A", 5, 1), "history('A'): column=5 must be text"),
    (lambda s: s.rebalance(["A"]),
     "rebalance: weights=['A'] must be a mapping of symbols to shares of equity, such as {'AAPL': 0.5}"),
    (lambda s: s.rebalance({5: 0.1}), "rebalance: symbol=5 must be text: bar.symbol, or one such as 'A'"),
    (lambda s: s.buy("A", trailing_stop=5), "buy('A'): trailing_stop=5 must be below 1 (0.05 is 5 %)"),
])  # fmt: skip
def test_what_is_no_order_flag_text_or_count_is_one_line(act, line):
    assert line_of(act) == line


def test_numpys_flags_and_counts_are_pythons():
    mine = running()
    order = mine.order("A", 1, trail=0.1, trail_percent=np.bool_(True), reduce_only=np.bool_(False))
    assert (order.trail_percent, order.reduce_only) == (True, False)
    assert mine.history(np.str_("A"), np.str_("close"), np.int64(1)) == [100.0]


def test_no_tag_is_an_empty_one():
    plain, none = running(), running()
    assert repr(none.buy("A", tag=None)) == repr(plain.buy("A"))
    assert [order.tag for order in none.working] == [""]


@pytest.mark.parametrize(("act", "line"), [
    (lambda s: s.history("A", 2.5),
     "Strategy.history() missing 1 required positional argument: 'count'; it takes symbol, column, count"),
    (lambda s: s.buy("A", 0.5), f"Strategy.buy() takes 2 positional arguments but 3 were given; {TAKES}"),
    (lambda s: s.nothing(), "'Idle' object has no attribute 'nothing'"),
])  # fmt: skip
def test_a_call_with_the_wrong_arguments_names_the_right_ones(act, line):
    with pytest.raises((TypeError, AttributeError)) as raised:
        act(running())
    assert said(raised.value).partition(": ")[2] == line


def test_a_keyword_that_is_misspelt_offers_the_nearest():
    with pytest.raises(TypeError) as raised:
        running().buy("A", limt=5.0)
    assert re.search(
        r"unexpected keyword argument 'limt'(; d|\. D)id you mean 'limit'\?$", said(raised.value)
    )
    assert said(TypeError("Strategy.gone() takes nothing")) == "TypeError: Strategy.gone() takes nothing"
