"""Hooks and decisions that could not be called, or would do nothing, are refused before the run."""

import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.strategies.hooks import HOOKS
from openbell.strategies.registry import find


async def later(self, bar): ...


async def later_yields(self, bar):
    yield bar


def yields(self, bar):
    yield bar


async def decides_later(close):
    return 1.0


def line_of(form) -> str:
    with pytest.raises(ConfigError) as raised:
        find(form).make({})
    return str(raised.value)


def with_hooks(**hooks) -> type[ob.Strategy]:
    return type("Mine", (ob.Strategy,), {"on_bar": lambda self, bar: None, **hooks})


@pytest.mark.parametrize(("hooks", "line"), [
    ({"on_bar": lambda self: None}, "Mine.on_bar takes () after self; write it as def on_bar(self, bar)"),
    ({"on_start": lambda _, x: None}, "Mine.on_start takes (x) after self; write it as def on_start(self)"),
    ({"on_fill": 5}, "Mine.on_fill=5 must be a method: def on_fill(self, fill)"),
    ({"on_bar": later}, "Mine.on_bar is async, and would never run; write a plain def"),
    ({"on_bar": later_yields}, "Mine.on_bar is async, and would never run; write a plain def"),
    ({"on_bar": yields}, "Mine.on_bar has a yield, and would never run; return instead"),
])  # fmt: skip
def test_a_hook_that_cannot_be_called_is_one_line(hooks, line):
    assert line_of(with_hooks(**hooks)) == line


def test_a_decision_that_would_never_run_is_one_line():
    line = line_of(ob.signal(close=ob.field("close"))(decides_later))  # type: ignore[arg-type]  # the slip
    assert line == "strategy decides_later is async, and would never run; write a plain def"


@pytest.mark.parametrize("hook", [
    staticmethod(lambda bar: None), lambda self, *bars: None, lambda self, bar, more=5: None,
])  # fmt: skip
def test_a_hook_may_be_written_in_any_way_that_can_be_called(hook):
    assert find(with_hooks(on_bar=hook)).make({})


def test_every_hook_of_a_strategy_is_known():
    assert set(HOOKS) == {name for name in vars(ob.Strategy) if name.startswith("on_")}
