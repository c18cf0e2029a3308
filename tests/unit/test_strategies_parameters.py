"""Parameters: types, bounds, choices, text, inheritance."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.strategies.parameters import Parameter, kind_of, param

Whole = int


class Breakout(ob.Strategy):
    lookback: int = ob.param(20, ge=2, le=250, help="bars in the channel")
    width: float = ob.param(2, gt=0, lt=5)
    mode: str = ob.param("fast", choices=("fast", "slow"))
    flag: bool = False
    alias: Whole = 7
    unannotated = ob.param(3)
    constant = 5
    _private: int = 4
    shared: ClassVar[int] = 6
    table: list[int] = []  # noqa: RUF012  # no parameter
    maybe: int | None = 3

    def on_bar(self, bar) -> None: ...


def said(act) -> str:
    with pytest.raises(ConfigError) as raised:
        act()
    return str(raised.value)


def test_parameters_are_what_is_annotated_as_one_or_made_by_param():
    assert list(Breakout.parameters) == ["lookback", "width", "mode", "flag", "alias", "unannotated"]
    assert Breakout.parameters["lookback"] == Parameter(
        20, ge=2, le=250, help="bars in the channel", kind=int
    )
    assert Breakout.parameters["width"].kind is float


def test_the_class_has_the_record_and_the_instance_the_value():
    assert isinstance(Breakout.lookback, Parameter)
    made = Breakout(lookback=30)
    assert (made.lookback, made.width, made.mode, made.flag, made.alias, made.unannotated) == (
        30,
        2.0,
        "fast",
        False,
        7,
        3,
    )
    assert isinstance(made.width, float)
    assert made.values() == {
        "lookback": 30, "width": 2.0, "mode": "fast", "flag": False, "alias": 7, "unannotated": 3,
    }  # fmt: skip


@pytest.mark.parametrize(("name", "given", "value"), [
    ("lookback", "30", 30), ("lookback", "3e1", 30), ("lookback", 30.0, 30), ("lookback", np.int64(30), 30),
    ("width", "1.5", 1.5), ("width", 1, 1.0), ("width", np.float64(1.5), 1.5),
    ("mode", "slow", "slow"), ("flag", "true", True), ("flag", "False", False), ("flag", True, True),
    ("alias", 2**60 + 1, 2**60 + 1), ("alias", str(2**60 + 1), 2**60 + 1),
])  # fmt: skip
def test_a_value_is_read_in_the_parameters_type(name, given, value):
    read = getattr(Breakout(**{name: given}), name)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(("name", "given", "message"), [
    ("lookback", 1, "Breakout.lookback=1 must be >= 2"),
    ("lookback", "251", "Breakout.lookback=251 must be <= 250"),
    ("lookback", 2.5, "Breakout.lookback=2.5 must be a whole number"),
    ("lookback", "ten", "Breakout.lookback='ten' must be a whole number"),
    ("lookback", True, "Breakout.lookback=True must be a whole number"),
    ("lookback", None, "Breakout.lookback=None must be a whole number"),
    ("width", 0, "Breakout.width=0.0 must be > 0"),
    ("width", 5, "Breakout.width=5.0 must be < 5"),
    ("width", math.nan, "Breakout.width=nan must be a number"),
    ("width", "inf", "Breakout.width='inf' must be a number"),
    ("width", [1], "Breakout.width=[1] must be a number"),
    ("mode", "fst", "Breakout.mode='fst' is no choice; did you mean 'fast'?"),
    ("mode", 3, "Breakout.mode=3 must be text"),
    ("flag", "yes", "Breakout.flag='yes' must be true or false"),
    ("flag", 1, "Breakout.flag=1 must be true or false"),
])  # fmt: skip
def test_a_bad_value_is_one_line_that_names_it(name, given, message):
    assert said(lambda: Breakout(**{name: given})) == message


def test_an_unknown_name_offers_the_nearest():
    assert said(lambda: Breakout(lokback=3)) == (
        "strategy Breakout has no parameter 'lokback'; did you mean 'lookback'?"
    )


def test_a_strategy_without_parameters_takes_none():
    class Plain(ob.Strategy):
        def on_bar(self, bar) -> None: ...

    assert said(lambda: Plain(fast=3)) == "strategy Plain has no parameter 'fast'"


# --- inheritance -------------------------------------------------------------------------------------------


def test_a_subclass_has_the_parameters_of_its_base_first_and_may_set_other_defaults_in_their_bounds():
    class Wide(Breakout):
        extra: int = 1
        lookback = 50
        width: float = 3

    assert list(Wide.parameters)[:2] == ["lookback", "width"]
    assert list(Wide.parameters)[-1] == "extra"
    assert Wide.parameters["lookback"] == Parameter(50, ge=2, le=250, help="bars in the channel", kind=int)
    assert (Wide().lookback, Wide().width, Wide(lookback=60).lookback) == (50, 3.0, 60)
    assert said(lambda: Wide(lookback=1)) == "Wide.lookback=1 must be >= 2"
    assert Breakout().lookback == 20


def test_a_subclass_may_declare_a_parameter_anew():
    class Other(Breakout):
        lookback: float = ob.param(0.5)  # type: ignore[assignment]  # that is the point

    assert Other.parameters["lookback"] == Parameter(0.5, kind=float)


def test_a_name_that_becomes_a_property_is_no_parameter_any_more():
    class Fixed(Breakout):
        @property
        def lookback(self) -> int:  # type: ignore[override]  # that is the point
            return 99

    assert "lookback" not in Fixed.parameters
    assert Fixed().lookback == 99


def test_a_default_out_of_its_bases_bounds_is_refused_when_the_class_is_made():
    def make() -> None:
        type("Deep", (Breakout,), {"lookback": 1000})

    assert said(make) == "Deep.lookback=1000 must be <= 250"


def test_a_default_of_another_type_than_the_annotation_is_refused_when_the_class_is_made():
    def make() -> None:
        type("Half", (ob.Strategy,), {"__annotations__": {"fast": int}, "fast": 2.5})

    assert said(make) == "Half.fast=2.5 must be a whole number"


@pytest.mark.parametrize("name", ["cash", "buy", "symbols", "name", "random", "values"])
def test_a_parameter_hides_no_name_that_every_strategy_has(name):
    def make() -> None:
        type("Mine", (ob.Strategy,), {name: ob.param(1)})

    assert said(make) == f"Mine.{name}: every strategy has a {name!r}; choose another name"


@pytest.mark.parametrize("name", ["position", "close", "history"])
def test_a_plain_value_hides_no_method(name):
    assert said(lambda: type("Mine", (ob.Strategy,), {name: None})) == (
        f"Mine.{name}: every strategy has a {name!r}; choose another name"
    )


@pytest.mark.parametrize("name", ["ready", "bind"])
def test_what_the_engine_calls_is_not_written_anew(name):
    assert said(lambda: type("Mine", (ob.Strategy,), {name: lambda _: True})).startswith(f"Mine.{name}: ")


def test_a_method_may_be_written_anew():
    assert type("Mine", (ob.Strategy,), {"close": lambda self, symbol: None})


@pytest.mark.parametrize(("bounds", "line"), [
    ({"ge": "x"}, "ob.param(5): ge='x' must be a number"),
    ({"lt": float("nan")}, "ob.param(5): lt=nan must be a number"),
    ({"choices": 5}, "ob.param(5): choices=5 must be a list, such as [5]"),
    ({"choices": "56"}, "ob.param(5): choices='56' must be a list, such as [5]"),
])  # fmt: skip
def test_bounds_are_numbers_and_choices_a_list(bounds, line):
    assert said(lambda: ob.param(5, **bounds)) == line


# --- param -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "message"), [
    (lambda: param(20, ge=30), "ob.param(20)=20 must be >= 30"),
    (lambda: param("c", choices=("a", "b")), "ob.param('c')='c' is no choice; valid names: a, b"),
    (lambda: param(None),  # type: ignore[type-var]  # that is the point
     "ob.param(None): a default is a number, text, or true or false"),
    (lambda: param("x", ge=1), "ob.param('x'): only numbers have bounds; text and flags have choices"),
    (lambda: param(True, le=1), "ob.param(True): only numbers have bounds; text and flags have choices"),
])  # fmt: skip
def test_a_declaration_is_checked(make, message):
    assert said(make) == message


def test_choices_may_be_any_collection_of_any_type():
    made = param(2, choices=[1, 2, 3])
    assert isinstance(made, Parameter)
    assert made.checked("3", where="x") == 3


@pytest.mark.parametrize(("value", "kind"), [
    (True, bool), ("x", str), (np.int8(1), int), (np.float32(1), float), (1, int), (1.0, float),
    (None, None), ([], None),
])  # fmt: skip
def test_a_default_implies_a_type(value, kind):
    assert kind_of(value) is kind
