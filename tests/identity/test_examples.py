"""Every example has a pinned result: a change of any number here is a change that the changelog must flag."""

import json
from pathlib import Path

import pytest

import openbell as ob
from openbell.strategies.examples import BY_NAME
from openbell.strategies.registry import find
from openbell.strategies.signal import Signal

PINNED = json.loads(Path(__file__).with_name("example_hashes.json").read_text(encoding="utf-8"))
SOURCES = Path(ob.__file__).parent / "strategies" / "examples"


#: Examples that are a decision: they run compiled as well.
SIGNALS = [name for name in BY_NAME if isinstance(find(name).form, Signal)]


def run_example(name: str, *, engine: str = "event") -> ob.Result:
    case = PINNED[name]
    costs = ob.Costs(margin=ob.REG_T) if case["margin"] else None
    return ob.backtest(name, case["symbols"], costs=costs, engine=engine)


def test_every_example_is_pinned():
    assert set(PINNED) == set(BY_NAME)


@pytest.mark.parametrize("name", BY_NAME)
def test_an_example_gives_its_pinned_ledger(name):
    result = run_example(name)
    assert (result.hash, round(result.final_equity, 2)) == (PINNED[name]["hash"], PINNED[name]["equity"])


@pytest.mark.parametrize("name", SIGNALS)
def test_a_compiled_example_gives_its_pinned_ledger(name):
    result = run_example(name, engine="compiled")
    assert result.engine == "compiled"
    assert (result.hash, round(result.final_equity, 2)) == (PINNED[name]["hash"], PINNED[name]["equity"])


def test_some_examples_are_compiled():
    assert SIGNALS


@pytest.mark.parametrize("name", BY_NAME)
def test_an_example_is_short_and_says_what_it_does(name):
    source = find(name).source
    assert len(source.splitlines()) < 30
    assert find(name).summary
    assert (SOURCES / f"{name}.py").read_text(encoding="utf-8") == source


@pytest.mark.parametrize("name", BY_NAME)
def test_an_examples_orders_all_end_with_a_reason_or_a_fill(name):
    for order in run_example(name).outcome.orders:
        assert not order.open
        assert order.status.value == "filled" or order.reason.value
