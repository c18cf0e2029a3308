"""Signals that say their size themselves, in shares or in money, instead of leaving it to the sizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from openbell.core.costs import NO_COSTS
from openbell.core.errors import StrategyError
from openbell.core.types import Instrument, Reason
from tests.unit.fill_desk import SHORT, Outcome, trade

FLAT = "100 101 99 100"
Act = Callable[[Any], object]


def run(*acts: Act, lot: float = 1.0, short: bool = False, rows: int = 0) -> Outcome:
    count = rows or len(acts) + 2
    costs = SHORT if short else NO_COSTS
    return trade([FLAT] * count, dict(enumerate(acts)), instrument=Instrument("X", lot=lot), costs=costs)


def test_shares_are_the_position_whatever_the_sizer_says() -> None:
    assert run(lambda s: s.buy("X", shares=7)).fills == [(1, 7, 100)]


def test_fractions_go_where_the_lot_allows_them() -> None:
    assert run(lambda s: s.buy("X", shares=0.5), lot=0.1).fills == [(1, 0.5, 100)]


def test_a_fraction_of_a_lot_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"quantity 0.5 is not a whole number of lots of 1"):
        run(lambda s: s.buy("X", shares=0.5))


@pytest.mark.parametrize(("lot", "shares"), [(1.0, 10), (0.001, 10.505)])
def test_an_amount_buys_the_whole_lots_that_it_pays_for(lot: float, shares: float) -> None:
    assert run(lambda s: s.buy("X", notional=1050.59), lot=lot).fills == [(1, shares, 100)]


def test_an_amount_counts_at_the_limit_that_it_waits_for() -> None:
    assert run(lambda s: s.buy("X", notional=1000, limit=99)).fills == [(1, 10, 99)]


def test_an_amount_that_pays_for_no_lot_orders_nothing_and_is_noted() -> None:
    found = run(lambda s: s.buy("X", notional=99))
    assert (found.orders, found.engine.desk.notes) == ([], {Reason.SIZE_ZERO: 1})


def test_the_same_amount_again_is_a_hold_and_another_is_a_change() -> None:
    found = run(*[lambda s: s.buy("X", shares=7)] * 3, lambda s: s.buy("X", shares=9))
    assert found.fills == [(1, 7, 100), (4, 2, 100)]


def test_a_signal_that_is_left_to_the_sizer_is_another_one() -> None:
    script = {0: lambda s: s.buy("X", shares=7), 1: lambda s: s.buy("X"), 2: lambda s: s.buy("X")}
    found = trade([FLAT] * 4, script, cash=1000)
    assert found.fills == [(1, 7, 100), (2, 3, 100)]


def test_a_close_leaves_whatever_the_size_was_and_the_size_counts_anew() -> None:
    found = run(lambda s: s.buy("X", shares=7), *[lambda s: s.close("X")] * 2, lambda s: s.buy("X", shares=7))
    assert [quantity for _, quantity, _ in found.fills] == [7, -7, 7]


def test_an_amount_has_exits_like_any_signal() -> None:
    found = run(lambda s: s.buy("X", notional=500, stop_loss=99.5, take_profit=120), rows=3)
    assert [quantity for _, quantity, _ in found.fills] == [5, -5]


def test_a_sale_of_shares_turns_a_position_over() -> None:
    found = run(lambda s: s.buy("X", shares=7), lambda s: s.sell("X", shares=3), short=True)
    assert [quantity for _, quantity, _ in found.fills] == [7, -7, -3]


def test_a_sale_of_shares_closes_where_no_short_is_allowed() -> None:
    found = run(lambda s: s.buy("X", shares=7), lambda s: s.sell("X", shares=3))
    assert [quantity for _, quantity, _ in found.fills] == [7, -7]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"shares": 1, "notional": 5}, "notional=5 and shares=1: give one of them"),
        ({"shares": 0}, "shares=0 must be a positive number"),
        ({"notional": "much"}, "notional='much' must be a positive number"),
        ({"shares": np.array([1, 2])}, r"shares=array\(\[1, 2\]\) must be a positive number"),
        ({"shares": 1, "confidence": 0.5}, "confidence=0.5 is for the sizer, and shares=1 says the size"),
        ({"shares": 1, "extended": 3}, "extended=3 must be True or False"),
        ({"shares": 1, "extended": True}, "extended=True is for limit orders"),
    ],
)
def test_what_is_no_size_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(StrategyError, match=says):
        run(lambda s: s.buy("X", **fields))


def test_who_takes_over_begins_with_no_size() -> None:
    found = run(
        lambda s: s.buy("X", shares=7), lambda s: s.desk.forget_signals(), lambda s: s.buy("X", shares=7)
    )
    assert found.fills == [(1, 7, 100)]
