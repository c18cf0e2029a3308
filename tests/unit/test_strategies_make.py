"""Making a strategy with its parameters, whatever its __init__ does."""

import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.strategies.registry import find, snake_case


class Careless(ob.Strategy):
    size: int = 3

    def __init__(self) -> None:
        self.count = 0

    def on_bar(self, bar) -> None: ...


class Broken(ob.Strategy):
    def __init__(self, **values) -> None:
        super().__init__(**values)
        self.count = 1 / 0

    def on_bar(self, bar) -> None: ...


class Careful(ob.Strategy):
    size: int = 3

    def __init__(self, **values) -> None:
        super().__init__(**values)
        self.double = 2 * self.size

    def on_bar(self, bar) -> None: ...


def test_an_init_that_calls_super_is_fine():
    made = find(Careful).make({"size": 4})
    assert isinstance(made, Careful)
    assert made.double == 8


@pytest.mark.parametrize(("form", "values", "message"), [
    (Careless, {"size": 1}, "TypeError: Careless.__init__() got an unexpected keyword argument 'size'"),
    (Careless, {}, "prepare in on_start instead, and leave __init__ out"),
    (Careful, {"siz": 1}, "strategy Careful has no parameter 'siz'; did you mean 'size'?"),
])  # fmt: skip
def test_a_strategy_that_cannot_be_made_is_one_line(form, values, message):
    found = find(form)
    with pytest.raises(ConfigError) as raised:
        found.make(values)
    assert str(raised.value).startswith(("strategy careless: ", "strategy Careful "))
    assert str(raised.value).endswith(message)


def test_an_init_that_raises_names_its_line():
    found = find(Broken)
    with pytest.raises(
        ConfigError, match=r"^strategy broken: ZeroDivisionError: division by zero \(test_.*py:\d+\)$"
    ):
        found.make({})


@pytest.mark.parametrize(("name", "snake"), [
    ("SmaCross", "sma_cross"), ("RSITrend", "rsi_trend"), ("Breakout2", "breakout2"), ("A", "a"),
    ("already_snake", "already_snake"), ("MyS3Idea", "my_s3_idea"),
])  # fmt: skip
def test_a_class_is_called_as_its_module_would_be(name, snake):
    assert snake_case(name) == snake
