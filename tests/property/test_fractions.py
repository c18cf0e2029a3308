"""Parts of shares add up: no sum of floats leaves a target, or the rest of an order, beside whole lots."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.fill_desk import costs, days
from tests.unit.market_by_hand import Seat

import openbell as ob
from openbell.core import rules
from openbell.core.requests import NO_EXITS, NO_TICKET, Exits
from openbell.core.types import Instrument
from openbell.data.bars import Series, Source

LOTS = st.sampled_from([1.0, 0.1, 0.001, 1e-6, 1e-8])
SIZES = st.sampled_from([10.0, 1e3, 1e5, 1e7])


@settings(max_examples=80, deadline=None)
@given(LOTS, SIZES, st.lists(st.floats(0.0, 1.0), min_size=3, max_size=9), st.booleans())
def test_a_target_in_whole_lots_is_reached_from_any_other_and_closed(lot, size, shares, guarded):
    seat = Seat(lot=lot)
    exits = Exits(stop_loss=50.0) if guarded else NO_EXITS
    for share in [*shares, 0.0]:
        wanted = rules.whole_lots(share * size, lot)
        seat.desk.target("A", wanted, exits if wanted else NO_EXITS, NO_TICKET)
        for order in seat.sent():
            if order.type.value == "market":
                seat.fill(order)
        held = seat.account.quantity("A")
        assert abs(held - wanted) <= 1e-3 * lot + 1e-13 * size
    assert seat.account.quantity("A") == 0.0


def test_an_exit_of_a_position_with_a_hair_too_much_is_for_its_whole_lots():
    seat = Seat(lot=1e-6)
    seat.hold("A", 12_345_678.123457 + 5e-9)
    seat.desk.target("A", 12_345_680.0, Exits(stop_loss=50.0), NO_TICKET)
    (guard,) = [order for order in seat.sent() if order.type.value == "stop" and not order.parent]
    assert guard.quantity == 12_345_678.123457


def test_a_target_that_is_no_whole_lots_is_still_refused():
    seat = Seat(lot=0.001)
    seat.hold("A", 100_000.5)
    with pytest.raises(ob.StrategyError, match="not a whole number of lots"):
        seat.desk.target("A", 100_001.0004, NO_EXITS, NO_TICKET)
    with pytest.raises(ob.StrategyError, match="not a whole number of lots"):
        seat.desk.target("A", 99_999.9996, NO_EXITS, NO_TICKET)


@pytest.mark.parametrize(
    ("lot", "size"),
    [
        *((lot, size) for lot in (0.001, 1e-6, 1e-8) for size in (10.0, 1e3, 1e5)),
        (0.001, 1e7), (0.001, 1e9), (0.1, 1e8), (0.1, 1e9),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seed", [1, 3])
def test_an_order_that_fills_in_parts_ends_with_its_last_lot(lot, size, seed):
    dice, (start, known) = random.Random(seed), np.array(days(30)).T.copy()
    flat, volume = np.full(30, 100.0), np.array([dice.uniform(0, size) for _ in range(30)])
    bars = Series("X", "1d", start, known, flat, flat, flat, flat, volume, Source("test", "flat"))

    class InParts(ob.Strategy):
        def on_start(self) -> None:
            self.seen = 0

        def on_bar(self, bar: Any) -> None:
            self.seen += 1
            if self.seen == 1:
                self.order("X", rules.whole_lots(1.5123456789 * size, lot), stop_loss=1.0)
            elif self.seen == 15:
                self.close("X")

    traded = [Instrument("X", lot=lot)]
    run = ob.backtest(InParts, bars, cash=1e12, costs=costs(volume_share=0.3), instruments=traded).outcome
    entry, guard, sale = run.orders
    assert [one.status.value for one in (entry, guard, sale)] == ["filled", "cancelled", "filled"]
    assert run.account.quantity("X") == 0.0
    assert len(run.fills) > 6
