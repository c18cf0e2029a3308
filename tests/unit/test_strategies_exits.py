"""A signal's exits and entries: what is taken, what is refused, and which orders they make."""

from typing import Any

import pytest

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.core.types import OrderStatus, OrderType
from openbell.strategies.exits import EXITS, Protection
from tests.unit.bars_by_hand import daily

MARGIN = ob.Costs(margin=ob.REG_T, volume_share=0.0)


def follow(want):
    return want


def said(**exits):
    with pytest.raises(ConfigError) as raised:
        ob.signal(want=ob.field("close"), **exits)(follow)
    return str(raised.value)


def run(closes, wants, **exits):
    """Return the orders of a run in which a flat market decides by a table of closes."""
    table = dict(zip(closes, wants, strict=True))

    def decide(close):
        return table[close]

    form = ob.signal(close=ob.field("close"), **exits)(decide)
    bars = daily("A", closes, spread=0.01)
    return ob.backtest(form, bars, engine="event", costs=MARGIN, sizer=ob.FixedQuantity(10)).outcome.orders


# --- what is taken ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("exits", "message"), [
    ({"stop_loss": "x"}, "@signal(stop_loss)='x' must be a number"),
    ({"stop_loss": -0.1}, "@signal(stop_loss)=-0.1 must be >= 0.0"),
    ({"stop_loss": 1.0}, "@signal(stop_loss)=1.0 must be < 1.0"),
    ({"trailing_stop": 1}, "@signal(trailing_stop)=1.0 must be < 1.0"),
    ({"limit": True}, "@signal(limit)=True must be a number"),
    ({"reenter": 1}, "@signal(reenter)=1 must be true or false"),
    ({"entries_only": "yes"}, "@signal(entries_only)='yes' must be true or false"),
    ({"stop_loss": ob.param(2.0)}, "@signal(stop_loss)=2.0 must be < 1.0"),
    ({"limit": ob.SMA(3)}, "@signal(limit)=SMA(3) must be a number"),
])  # fmt: skip
def test_a_wrong_exit_is_one_line(exits, message):
    assert said(**exits) == message


def test_exits_are_parameters_and_none_is_none():
    form = ob.signal(want=ob.field("close"), stop_loss=0.05, take_profit=2, reenter=True, limit=None)(follow)
    assert form.protection == Protection(stop_loss=0.05, take_profit=2.0, reenter=True)
    assert form.protection.exits
    assert not Protection(limit=0.1).exits
    assert form.with_parameters(stop_loss=0.1, reenter=False).protection.stop_loss == 0.1
    assert form.asked.keys() == {"want"}
    with pytest.raises(ConfigError, match=r"follow\.stop_loss=1\.5 must be < 1\.0"):
        form.with_parameters(stop_loss=1.5)


def test_a_parameter_is_held_to_its_bounds_and_to_the_exits():
    form = ob.signal(
        want=ob.field("close"), stop_loss=ob.param(0.1, le=0.3), limit=ob.param(0.1, ge=-1, lt=2)
    )
    made = form(follow)
    for name, value in (("stop_loss", 0.4), ("stop_loss", -0.1), ("limit", -0.1), ("limit", 1.0)):
        with pytest.raises(ConfigError, match=f"{name}="):
            made.with_parameters(**{name: value})
    assert made.with_parameters(stop_loss=0.3, limit=0.0).protection == Protection(stop_loss=0.3)
    assert ob.signal(want=ob.field("close"), reenter=ob.param(True))(follow).protection.reenter


@pytest.mark.parametrize("name", EXITS)
def test_an_exit_is_no_argument_of_the_function(name):
    names: dict[str, Any] = {}
    exec(f"def taken({name}): return 1.0", names)  # noqa: S102  # one function for each name
    with pytest.raises(ConfigError) as raised:
        ob.signal(**{name: EXITS[name].default})(names["taken"])
    assert (
        str(raised.value) == f"taken({name}): {name!r} is set in @signal and sets orders; rename the argument"
    )


# --- which orders they make ------------------------------------------------------------------------------


def test_a_long_is_protected_from_the_price_that_was_decided_on():
    entry, *exits = run(
        [100.0, 101.0, 102.0], [1.0, 1.0, 1.0], stop_loss=0.05, take_profit=0.1, trailing_stop=0.08
    )
    assert entry.type is OrderType.MARKET
    assert [(o.describe(), o.parent) for o in exits] == [
        ("sell 10 A stop 95 gtc", 1), ("sell 10 A trailing stop 8% gtc", 1), ("sell 10 A limit 110 gtc", 1)
    ]  # fmt: skip
    assert len({order.oco for order in exits}) == 1


def test_a_short_is_protected_the_other_way():
    orders = run([100.0, 99.0, 98.0], [-1.0, -1.0, -1.0], stop_loss=0.05, take_profit=0.1)
    assert [o.describe() for o in orders] == [
        "sell 10 A market gtc",
        "buy 10 A stop 105 gtc",
        "buy 10 A limit 90 gtc",
    ]


@pytest.mark.parametrize(
    ("want", "words"), [(1.0, "buy 10 A limit 98 gtc"), (-1.0, "sell 10 A limit 102 gtc")]
)
def test_an_entry_waits_for_its_limit(want, words):
    (order,) = run([100.0, 100.5], [want, want], limit=0.02)
    assert order.describe() == words


def test_only_what_opens_a_position_waits_for_a_limit():
    orders = run([100.0, 97.0, 96.0, 99.0, 98.0, 98.5], [0.5, 0.5, 1.0, 0.4, -1.0, -1.0], limit=0.02)
    assert [o.describe() for o in orders] == [
        "buy 5 A limit 98 gtc", "buy 5 A market gtc", "sell 6 A market gtc", "sell 4 A market gtc",
        "sell 10 A limit 99.96 gtc",
    ]  # fmt: skip


def test_a_conviction_that_stands_enters_again_only_if_it_is_said():
    closes, wants = [100.0, 101.0, 90.0, 91.0, 92.0], [1.0] * 5
    assert [o.describe() for o in run(closes, wants, stop_loss=0.05)] == [
        "buy 10 A market gtc",
        "sell 10 A stop 95 gtc",
    ]
    again = run(closes, wants, stop_loss=0.05, reenter=True)
    assert [o.describe() for o in again[2:]] == ["buy 10 A market gtc", "sell 10 A stop 85.5 gtc"]


def test_a_position_is_left_to_its_exits():
    closes, wants = [100.0, 101.0, 102.0, 90.0, 91.0, 92.0], [1.0, 0.5, -1.0, 0.3, 0.5, 0.5]
    orders = run(closes, wants, stop_loss=0.05, entries_only=True)
    assert [(o.describe(), o.status) for o in orders[:2]] == [
        ("buy 10 A market gtc", OrderStatus.FILLED), ("sell 10 A stop 95 gtc", OrderStatus.FILLED)
    ]  # fmt: skip
    assert orders[2].describe() == "buy 3 A market gtc"


def test_a_short_that_the_account_cannot_have_is_no_position():
    form = ob.signal(close=ob.field("close"), stop_loss=0.05, reenter=True)(lambda close: -1.0)
    assert not ob.backtest(form, daily("A", [100.0, 101.0, 102.0]), engine="event").outcome.orders
