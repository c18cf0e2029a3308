"""Whatever a sizer means, a signal never asks for more than the account can pay for."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.market_by_hand import Seat

from openbell.core import rules
from openbell.core.ports import Sizer
from openbell.core.power import CUT
from openbell.core.requests import NO_EXITS, Exits, Ticket
from openbell.core.situation import Situation, Size
from openbell.core.types import Reason
from openbell.portfolio.sizing import (
    SIZERS,
    AverageTrueRange,
    ConfidenceScaled,
    EqualWeight,
    FixedNotional,
    FixedQuantity,
    InverseVolatility,
    Kelly,
    RiskPerTrade,
    ShareOfEquity,
    VolatilityTarget,
)


class Greedy:
    """A sizer of a user's own that looks at nothing."""

    def size_in(self, conviction: float, situation: Situation) -> Size:
        lots = rules.whole_lots(abs(conviction) * 1e6, situation.instrument.lot)
        return Size(math.copysign(lots, conviction), "as much as there is")


#: Each sizer as it comes, and as it asks for far more than there is.
ALL: dict[str, tuple[Sizer, Sizer]] = {
    "share_of_equity": (ShareOfEquity(), ShareOfEquity(9.0)),
    "fixed_quantity": (FixedQuantity(300), FixedQuantity(50_000)),
    "fixed_notional": (FixedNotional(30_000), FixedNotional(5e6)),
    "equal_weight": (EqualWeight(), EqualWeight(9.0)),
    "confidence_scaled": (ConfidenceScaled(), ConfidenceScaled(9.0, power=2.0)),
    "risk_per_trade": (RiskPerTrade(), RiskPerTrade(0.5, most=9.0)),
    "average_true_range": (AverageTrueRange(period=3), AverageTrueRange(0.5, period=3, most=9.0)),
    "volatility_target": (VolatilityTarget(window=3), VolatilityTarget(9.0, window=3, most=9.0)),
    "inverse_volatility": (InverseVolatility(window=3), InverseVolatility(9.0, window=3)),
    "kelly": (Kelly(window=3), Kelly(9.0, cap=9.0, window=3, most=9.0)),
    "of the user's own": (Greedy(), Greedy()),
}
MOVES = st.lists(st.floats(-0.2, 0.2), min_size=4, max_size=4)
LOTS = st.sampled_from([1.0, 0.001, 100.0])
LIMITS = st.sampled_from([0.0, 0.9, 1.1])  #: times the last price; 0 is none
HELD = st.tuples(st.integers(-300, 300), st.integers(-300, 300), st.integers(-200, 200))


def seat_of(sizer: Sizer, moves: list[float], *, lot: float, short: bool, initial: float) -> Seat:
    """Return a desk after some bars, whose account holds nothing."""
    seat = Seat("A", "B", "C", lot=lot, short=short, initial=initial, sizer=sizer)
    for move in moves:
        seat.market.move(A=seat.market.price("A") * (1 + move), B=100.0 + 50.0 * move, C=100.0)
    return seat


def stop_of(conviction: float, price: float) -> Exits:
    return Exits(stop_loss=price * (0.95 if conviction > 0 else 1.05))


def worth(seat: Seat) -> float:
    """Return what all positions come to with what works: market orders, and limit orders that open."""
    total = 0.0
    for symbol in seat.market.symbols:
        orders = [one for one in seat.desk.working.get(symbol, {}).values() if not one.parent]
        sure = sum(one.side * one.remaining for one in orders if one.type.value == "market")
        price = seat.market.price(symbol)
        held = (seat.account.quantity(symbol) + sure) * price
        limits = [one for one in orders if one.type.value == "limit"]
        maybe = sum(one.side * one.remaining * max(one.limit, price) for one in limits)
        total += max(abs(held), abs(held + maybe))
    return total


def test_every_sizer_is_tried() -> None:
    assert set(ALL) - set(SIZERS) == {"of the user's own"}


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=60, deadline=None)
@given(
    moves=MOVES, lot=LOTS, short=st.booleans(), initial=st.sampled_from([1.0, 0.5]), greedy=st.booleans(),
    held=HELD,
    signals=st.lists(st.tuples(st.sampled_from("ABC"), st.floats(-1, 1), st.booleans(), LIMITS), max_size=5),
)  # fmt: skip
def test_no_signal_asks_for_more_than_the_account_can_pay_for(
    name: str, *, moves: list[float], lot: float, short: bool, initial: float, greedy: bool,
    held: tuple[int, ...], signals: list[tuple[str, float, bool, float]],
) -> None:  # fmt: skip
    seat = seat_of(ALL[name][greedy], moves, lot=lot, short=short, initial=initial)
    for symbol, quantity in zip("ABC", held, strict=True):
        if quantity > 0 or (quantity and short):
            seat.hold(symbol, float(quantity))
    for symbol, conviction, fills, away in signals:
        before, price = worth(seat), seat.market.price(symbol)
        waits = away and (conviction > 0 or (short and conviction)) and not seat.desk.working.get(symbol)
        ticket = Ticket(limit=away * price) if waits else Ticket()
        seat.desk.signal(symbol, conviction, stop_of(conviction, ticket.get("limit", price)), ticket)
        power = seat.desk.equity() / initial
        assert worth(seat) <= max(power, before) * (1 + 1e-9)  # no worse than prices have made it
        for order in seat.sent():
            if fills and not order.parent and order.type.value == "market":
                seat.fill(order, price=price)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=40, deadline=None)
@given(
    moves=MOVES, lot=LOTS, initial=st.sampled_from([1.0, 0.5]), greedy=st.booleans(), one=st.floats(0.01, 1),
    other=st.floats(0.01, 1), beside=st.integers(0, 900), side=st.sampled_from([1, -1]),
)  # fmt: skip
def test_more_confidence_asks_for_no_less_in_whole_lots(
    name: str, *, moves: list[float], lot: float, initial: float, greedy: bool, one: float, other: float,
    beside: int, side: int,
) -> None:  # fmt: skip
    sizes = []
    for confidence in sorted((one, other)):
        seat = seat_of(ALL[name][greedy], moves, lot=lot, short=True, initial=initial)
        seat.hold("B", float(beside)) if beside else None
        conviction = side * confidence
        order = seat.desk.signal("A", conviction, stop_of(conviction, seat.market.price("A")), Ticket())
        sizes.append(0.0 if order is None else order.side * order.quantity * side)
    few, many = sizes
    assert 0.0 <= few <= many
    assert many / lot == pytest.approx(round(many / lot), abs=1e-6)


def order_of(sizer: Any, **settings: Any) -> Any:
    seat = Seat(sizer=sizer, **settings)
    return seat.desk.signal("A", 1.0, NO_EXITS, Ticket())


def test_a_cut_size_says_so_and_a_given_tag_stays_with_it() -> None:
    cut = order_of(FixedQuantity(5_000))
    assert (cut.quantity, cut.tag) == (950.0, CUT)
    assert (order_of(FixedQuantity(950)).quantity, order_of(FixedQuantity(950)).tag) == (950.0, "")
    assert order_of(Greedy()).tag == f"as much as there is; {CUT}"
    assert order_of(FixedNotional(5e6), initial=0.5).quantity == 1_900.0
    assert order_of(ShareOfEquity(3.0), initial=0.5).quantity == 2_000.0


def test_where_nothing_is_left_it_is_noted_as_buying_power() -> None:
    seat = Seat("A", "B", sizer=FixedQuantity(100))
    seat.hold("B", 999)
    assert seat.desk.signal("A", 1.0, NO_EXITS, Ticket()) is None
    assert seat.desk.notes == {Reason.NO_BUYING_POWER: 1}


def test_what_is_held_already_is_not_sold_for_having_risen() -> None:
    seat = Seat(sizer=FixedQuantity(50_000))
    seat.hold("A", 990)
    assert seat.desk.signal("A", 1.0, NO_EXITS, Ticket()) is None
    assert seat.desk.signal("A", 0.5, NO_EXITS, Ticket()) is None


def test_what_is_sold_pays_for_what_is_bought_beside_it() -> None:
    seat = Seat("A", "B", sizer=ShareOfEquity(1.0))
    seat.hold("B", 1_000)
    seat.desk.target("B", 0.0, NO_EXITS, Ticket())
    order = seat.desk.signal("A", 1.0, NO_EXITS, Ticket())
    assert order is not None
    assert (order.quantity, order.tag) == (1_000.0, "")


def test_the_sizes_of_a_moment_are_counted_down_and_anew_where_something_else_is_sent() -> None:
    seat = Seat("A", "B", "C", "D", sizer=FixedQuantity(300))
    for symbol in "AB":
        seat.desk.signal(symbol, 1.0, NO_EXITS, Ticket())
    seat.desk.order("D", 300, NO_EXITS, Ticket(limit=100.0))
    order = seat.desk.signal("C", 1.0, NO_EXITS, Ticket())
    assert order is not None
    assert (order.quantity, order.tag) == (50.0, CUT)


@pytest.mark.parametrize("conviction", [1.0, -1.0])
@pytest.mark.parametrize(("sizer", "size"), [(ShareOfEquity(1.0), 909.0), (FixedQuantity(5_000), 863.0)])
def test_an_entry_that_waits_beyond_the_last_price_is_paid_for_at_its_limit(
    sizer: Any, size: float, conviction: float
) -> None:
    seat = Seat("A", "B", sizer=sizer, short=True)
    order = seat.desk.signal("A", conviction, NO_EXITS, Ticket(limit=110.0))
    assert order is not None
    assert (order.quantity, order.tag) == (size, CUT)
    assert seat.desk.signal("B", 1.0, NO_EXITS, Ticket(limit=110.0)) is None


def test_what_is_added_at_a_limit_is_paid_for_beside_what_is_held() -> None:
    seat = Seat(sizer=FixedQuantity(945))
    seat.hold("A", 900)
    order = seat.desk.signal("A", 1.0, NO_EXITS, Ticket(limit=110.0))
    assert order is not None
    assert (order.quantity, order.tag) == (45.0, "")


def test_a_limit_that_takes_the_place_of_a_market_order_is_paid_for_itself() -> None:
    seat = Seat(sizer=ShareOfEquity(1.0))
    seat.desk.signal("A", 0.999, NO_EXITS, Ticket())
    order = seat.desk.signal("A", 1.0, NO_EXITS, Ticket(limit=110.0))
    assert order is not None
    assert (order.quantity, order.limit) == (909.0, 110.0)
