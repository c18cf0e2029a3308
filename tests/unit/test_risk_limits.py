"""Each limit just below, at and just above its bound."""

import math

import pytest

from openbell.core.messages import Quote
from openbell.core.orders import Cancel, Order, Replace
from openbell.core.requests import Exits
from openbell.core.types import NANOS_PER_SECOND, OrderStatus, OrderType, Reason
from openbell.execution.risk.limits import (
    OperationLimits,
    OrderLimits,
    PortfolioLimits,
    PositionLimits,
    ProtectiveExits,
    RiskModel,
)
from tests.unit.market_by_hand import DAY
from tests.unit.risk_by_hand import GuardedSeat

#: A section with one limit, the shares of A (at 100, of 100,000) that reach its bound, and its code.
BOUNDS = [
    (OrderLimits(max_quantity=50), 50, Reason.ORDER_QUANTITY),
    (OrderLimits(max_notional=5_000), 50, Reason.ORDER_NOTIONAL),
    (OrderLimits(times_average_volume=0.0001), 100, Reason.FAT_FINGER),
    (PositionLimits(max_quantity=50), 50, Reason.POSITION_QUANTITY),
    (PositionLimits(max_notional=5_000), 50, Reason.POSITION_NOTIONAL),
    (PositionLimits(max_share=0.05), 50, Reason.POSITION_SHARE),
    (PositionLimits(max_volume_share=0.0001), 100, Reason.LIQUIDITY),
    (PositionLimits(max_exit_days=0.001), 100, Reason.DAYS_TO_EXIT),
    (PortfolioLimits(max_gross=5_000), 50, Reason.GROSS_EXPOSURE),
    (PortfolioLimits(max_net=0.05), 50, Reason.NET_EXPOSURE),
    (PortfolioLimits(max_leverage=0.05), 50, Reason.LEVERAGE),
    (PortfolioLimits(max_concentration=0.05), 50, Reason.CONCENTRATION),
    (PortfolioLimits(max_sector=0.05), 50, Reason.SECTOR),
    (PortfolioLimits(max_asset_class=0.05), 50, Reason.ASSET_CLASS),
    (PortfolioLimits(max_turnover=0.05), 50, Reason.TURNOVER),
]


@pytest.mark.parametrize(("section", "shares", "code"), BOUNDS, ids=[row[2].value for row in BOUNDS])
@pytest.mark.parametrize("side", [1, -1])
def test_a_size_at_its_bound_passes_and_one_share_more_does_not(section, shares, code, side):
    for more, passes in ((-1, True), (0, True), (1, False)):
        seat = GuardedSeat(section, A="tech")
        order = seat.order("A", side * (shares + more))
        assert (order.status is OrderStatus.ACCEPTED) is passes
        assert [one.limit for one in seat.refusals] == ([] if passes else [code])
    refusal = seat.refusals[0]
    assert refusal.value > refusal.bound
    assert (order.status, order.reason, refusal.order_id) == (OrderStatus.REJECTED, code, order.id)
    assert order in seat.desk.orders.values()
    assert not seat.desk.working["A"]
    assert seat.gate.counts == {code: 1}


@pytest.mark.parametrize(
    ("limits", "shares"),
    [(PositionLimits(max_short_notional=5_000), 50), (PositionLimits(max_short_share=0.05), 50)],
)
def test_a_short_at_its_bound_passes_and_a_long_is_none(limits, shares):
    for more, passes in ((0, True), (1, False)):
        seat = GuardedSeat(limits)
        assert (seat.order("A", -(shares + more)).status is OrderStatus.ACCEPTED) is passes
    assert seat.order("B", 500).status is OrderStatus.ACCEPTED
    assert [one.limit for one in seat.refusals] == [Reason.SHORT_LIMIT]


def test_what_works_counts_as_filled():
    seat = GuardedSeat(PositionLimits(max_quantity=50))
    seat.order("A", 30, limit=90.0)
    assert seat.order("A", 20).status is OrderStatus.ACCEPTED
    assert seat.order("A", 1).status is OrderStatus.REJECTED
    assert seat.order("B", 50).status is OrderStatus.ACCEPTED


def test_a_limit_on_a_price_is_on_how_much_worse_it_is():
    for limit, passes in ((50.0, True), (105.0, True), (105.01, False)):
        seat = GuardedSeat(OrderLimits(collar=0.05))
        assert (seat.order("A", 10, limit=limit).status is OrderStatus.ACCEPTED) is passes
    for limit, passes in ((150.0, True), (95.0, True), (94.99, False)):
        seat = GuardedSeat(OrderLimits(collar=0.05))
        assert (seat.order("A", -10, limit=limit).status is OrderStatus.ACCEPTED) is passes


def test_a_price_that_is_a_slip_is_refused_where_an_order_only_closes_too():
    seat = GuardedSeat(OrderLimits(collar=0.05))
    seat.hold("A", 10)
    assert seat.order("A", -10, limit=10.0).reason is Reason.PRICE_COLLAR
    assert seat.order("A", -10, limit=99.0).status is OrderStatus.ACCEPTED


def test_the_same_order_again_within_the_time_is_a_mistake():
    seat = GuardedSeat(OrderLimits(duplicate_seconds=2 * 86_400.0))
    assert seat.order("A", 10).status is OrderStatus.ACCEPTED
    assert seat.order("A", 10).reason is Reason.DUPLICATE_ORDER
    assert seat.order("A", 11).status is OrderStatus.ACCEPTED
    assert seat.order("A", 10, limit=99.0).status is OrderStatus.ACCEPTED
    seat.move()
    seat.move()
    assert seat.order("A", 10).reason is Reason.DUPLICATE_ORDER
    seat.move()
    assert seat.order("A", 10).status is OrderStatus.ACCEPTED


def test_the_time_since_an_order_counts_from_its_last_repetition():
    seat = GuardedSeat(OrderLimits(duplicate_seconds=86_400.0), enforce=False)
    for _ in range(2):
        seat.order("A", 10)
        seat.move()
    seat.order("A", 10)  # the first is forgotten, the second is not
    assert [one.limit for one in seat.refusals] == [Reason.DUPLICATE_ORDER] * 2


def test_a_session_is_as_long_as_it_is_however_often_it_is_asked():
    pulse = GuardedSeat().gate.pulse
    assert pulse.session_length(86_400 * 10**9 * 3) == pulse.session_length(86_400 * 10**9 * 3) > 0


@pytest.mark.parametrize("limits", [OrderLimits(max_per_minute=2), OrderLimits(max_per_session=2)])
def test_the_rate_of_orders_is_limited_until_time_has_passed(limits):
    seat = GuardedSeat(limits)
    found = [seat.order("A", 1).reason for _ in range(4)]
    assert found == [Reason.NONE, Reason.NONE, Reason.ORDER_RATE, Reason.ORDER_RATE]
    seat.move()
    assert seat.order("A", 1).status is OrderStatus.ACCEPTED


def test_an_order_many_times_the_usual_is_a_fat_finger_once_there_is_a_usual():
    seat = GuardedSeat(OrderLimits(times_average_order=3.0))
    for _ in range(4):
        seat.order("A", 10)
    assert seat.order("A", 500).status is OrderStatus.ACCEPTED  # four orders are no usual
    for _ in range(20):
        seat.order("A", 10)
    assert seat.order("A", 30).status is OrderStatus.ACCEPTED
    assert seat.order("A", 34).reason is Reason.FAT_FINGER


def test_reduce_only_lets_pass_what_closes_and_nothing_else():
    seat = GuardedSeat(OrderLimits(reduce_only=True))
    seat.hold("A", 10)
    assert seat.order("A", 1).reason is Reason.REDUCE_ONLY_MODE
    assert seat.order("A", -11).reason is Reason.REDUCE_ONLY_MODE
    assert seat.order("A", -6).status is OrderStatus.ACCEPTED
    assert seat.order("A", -5).reason is Reason.REDUCE_ONLY_MODE  # four are left to close
    assert seat.order("A", -4).status is OrderStatus.ACCEPTED


def test_symbols_are_restricted_by_name_or_by_a_list_of_those_that_are_not():
    seat = GuardedSeat(OrderLimits(restricted=("A",)))
    assert seat.order("A", 1).reason is Reason.RESTRICTED_SYMBOL
    assert seat.order("B", 1).status is OrderStatus.ACCEPTED
    seat = GuardedSeat(OrderLimits(allowed=("A",)))
    assert seat.order("A", 1).status is OrderStatus.ACCEPTED
    assert seat.order("B", 1).reason is Reason.RESTRICTED_SYMBOL


@pytest.mark.parametrize(
    ("limits", "hour", "passes"),
    [
        (OrderLimits(opening_minutes=60), 0.99, False),
        (OrderLimits(opening_minutes=60), 1.0, True),
        (OrderLimits(closing_minutes=60), 23.0, True),
        (OrderLimits(closing_minutes=60), 23.01, False),
        (OrderLimits(opening_minutes=60), 24.0, True),  # the close is when days are decided
        (OrderLimits(in_session=True), 12.0, True),
    ],
)
def test_hours_within_a_session_may_be_left_out(limits, hour, passes):
    seat = GuardedSeat(limits)
    seat.market.time += int((hour - 24) * 3600) * NANOS_PER_SECOND
    assert (seat.order("A", 1).status is OrderStatus.ACCEPTED) is passes


def test_outside_of_all_sessions_nothing_passes_where_it_must_be_in_one():
    seat = GuardedSeat(OrderLimits(in_session=True))
    seat.market.time = 3000 * DAY
    assert seat.order("A", 1).reason is Reason.TRADING_HOURS
    seat = GuardedSeat(OrderLimits(opening_minutes=5))
    seat.market.time = 3000 * DAY
    assert seat.order("A", 1).status is OrderStatus.ACCEPTED


def test_the_number_of_positions_counts_new_symbols_alone():
    seat = GuardedSeat(PortfolioLimits(max_positions=2))
    seat.hold("A", 10)
    assert seat.order("A", 10).status is OrderStatus.ACCEPTED
    assert seat.order("B", 10).status is OrderStatus.ACCEPTED
    assert seat.order("C", 10).reason is Reason.POSITION_COUNT


def test_the_largest_positions_together_are_limited():
    seat = GuardedSeat(PortfolioLimits(max_concentration=0.06, largest=2))
    seat.hold("A", 40)
    assert seat.order("B", 20).status is OrderStatus.ACCEPTED
    assert seat.order("C", 20).status is OrderStatus.ACCEPTED  # the two largest are the same
    assert seat.order("C", 1).reason is Reason.CONCENTRATION


def test_sectors_and_asset_classes_are_summed_over_their_symbols():
    seat = GuardedSeat(PortfolioLimits(max_sector=0.06), A="tech", B="tech", C="oil")
    seat.hold("A", 40)
    assert seat.order("B", 21).reason is Reason.SECTOR
    assert seat.order("C", 60).status is OrderStatus.ACCEPTED
    seat = GuardedSeat(PortfolioLimits(max_sector=0.06))
    assert seat.order("A", 600).status is OrderStatus.ACCEPTED  # nobody has said which sector
    seat = GuardedSeat(PortfolioLimits(max_asset_class=0.06, asset_classes={"C": "crypto"}))
    seat.hold("A", 40)
    assert seat.order("B", 21).reason is Reason.ASSET_CLASS
    assert seat.order("C", 60).status is OrderStatus.ACCEPTED


def test_an_order_that_makes_nothing_worse_passes_a_limit_that_is_broken_already():
    seat = GuardedSeat(PortfolioLimits(max_net=0.05))
    seat.hold("A", 100)  # by a price move, say
    assert seat.order("B", 1).reason is Reason.NET_EXPOSURE
    assert seat.order("B", -20).status is OrderStatus.ACCEPTED
    assert seat.order("A", -50).status is OrderStatus.ACCEPTED


@pytest.mark.parametrize(
    ("limits", "change", "code"),
    [
        (OperationLimits(stop=True), lambda c: None, Reason.EMERGENCY_STOP),
        (OperationLimits(stop_file="x"), lambda c: setattr(c, "stop", True), Reason.EMERGENCY_STOP),
        (OperationLimits(stop_file="x"), lambda c: c.halted.add("A"), Reason.HALTED_SYMBOL),
        (
            OperationLimits(stop_file="x"),
            lambda c: setattr(c, "disagreement", "A"),
            Reason.BROKER_DISAGREES,
        ),
        (OperationLimits(max_clock_skew=1.0), lambda c: setattr(c, "clock_skew", -1.1), Reason.CLOCK_SKEW),
        (
            OperationLimits(max_spread_bps=100),
            lambda c: c.quotes.update(A=Quote("A", 0, 99.0, 100.1)),
            Reason.SPREAD,
        ),
        (
            OperationLimits(max_errors_per_minute=1),
            lambda c: [c.note_error(2 * DAY) for _ in range(2)],
            Reason.ERROR_RATE,
        ),
    ],
)
def test_the_machinery_stops_new_risk_and_lets_it_be_closed(limits, change, code):
    seat = GuardedSeat(limits)
    seat.hold("A", 10)
    change(seat.conditions)
    assert seat.order("A", 1).reason is code
    assert seat.order("A", -10).status is OrderStatus.ACCEPTED


def test_what_is_within_the_machinerys_bounds_passes():
    seat = GuardedSeat(OperationLimits(max_spread_bps=100, max_clock_skew=1.0, max_errors_per_minute=1))
    seat.conditions.quotes.update(A=Quote("A", 0, 99.5, 100.49), B=Quote("B", 0, 0.0, 100.0))
    seat.conditions.clock_skew = 1.0
    seat.conditions.note_error(seat.market.time)
    assert seat.order("A", 1).status is OrderStatus.ACCEPTED
    assert seat.order("B", 1).status is OrderStatus.ACCEPTED
    seat.conditions.note_error(seat.market.time - 60 * NANOS_PER_SECOND)
    assert seat.conditions.errors(seat.market.time + 61 * NANOS_PER_SECOND) == 0


def test_a_price_that_is_too_old_is_stale():
    for late, passes in ((10, True), (11, False)):
        seat = GuardedSeat(OperationLimits(stale_seconds=10.0))
        seat.market.time += late * NANOS_PER_SECOND
        assert (seat.order("A", 1).status is OrderStatus.ACCEPTED) is passes


def test_nothing_can_be_measured_without_a_price():
    seat = GuardedSeat(OrderLimits(max_quantity=10))
    seat.market.tracks["A"].cursor.at = -1
    assert seat.order("A", 1).reason is Reason.NO_PRICE
    assert math.isnan(seat.refusals[0].value)


def test_a_refused_orders_children_end_with_it():
    seat = GuardedSeat(OrderLimits(max_quantity=10))
    order = seat.order("A", 11, Exits(stop_loss=90.0, take_profit=120.0))
    children = [one for one in seat.desk.orders.values() if one.parent == order.id]
    assert [one.reason for one in children] == [Reason.PARENT_ENDED] * 2
    assert all(one.status is OrderStatus.REJECTED for one in children)
    late = seat.order("A", 1, parent=order.id)
    assert late.reason is Reason.PARENT_ENDED
    seat.desk.blotter.outbox.append(Cancel(order.id))
    assert seat.pass_on() == []
    assert seat.sent == []


def test_entries_without_exits_are_given_them():
    seat = GuardedSeat(ProtectiveExits(stop_loss=0.1, take_profit=0.2, trailing_stop=0.05))
    order = seat.order("A", 10)
    stop, trail, target = [one for one in seat.sent if one.parent == order.id]
    assert (stop.stop, stop.type, stop.side) == (90.0, OrderType.STOP, -1)
    assert (trail.trail, trail.trail_percent) == (0.05, True)
    assert (target.limit, target.type) == (120.0, OrderType.LIMIT)
    assert stop.oco == target.oco == trail.oco
    short = seat.order("B", -10, limit=110.0)
    assert next(one.stop for one in seat.sent if one.parent == short.id) == pytest.approx(121.0)


def test_exits_of_the_strategys_own_are_left_as_they_are():
    seat = GuardedSeat(ProtectiveExits(stop_loss=0.1))
    order = seat.order("A", 10, Exits(take_profit=150.0))
    assert [one.tag for one in seat.sent if one.parent == order.id] == ["take_profit"]
    seat.hold("A", 10)
    close = seat.order("A", -10)
    assert not [one for one in seat.sent if isinstance(one, Order) and one.parent == close.id]


def test_a_position_is_closed_when_it_was_held_for_long_enough():
    seat = GuardedSeat(ProtectiveExits(max_days=2))
    seat.hold("A", 10)
    for _ in range(3):
        seat.move()
        assert not seat.sent or seat.market.time == 5 * DAY
    assert [one.tag for one in seat.sent] == ["time_stop"]
    seat.fill(seat.sent[0])
    seat.move()
    assert len(seat.sent) == 1


def test_a_change_of_an_order_is_reviewed_where_it_adds_risk():
    seat = GuardedSeat(PositionLimits(max_quantity=50), OrderLimits(collar=0.05))
    order = seat.order("A", 40, limit=95.0)
    for change, passes in (
        (Replace(order.id, quantity=30), True),
        (Replace(order.id, quantity=50), True),
        (Replace(order.id, quantity=51), False),
        (Replace(order.id, limit=105.0), True),
        (Replace(order.id, limit=106.0), False),
    ):
        seat.desk.blotter.replace(order, change)
        assert bool(seat.pass_on()) is passes
    assert [one.limit for one in seat.refusals] == [Reason.POSITION_QUANTITY, Reason.PRICE_COLLAR]
    assert (order.status, order.reason) == (OrderStatus.ACCEPTED, Reason.PRICE_COLLAR)
    assert seat.order("A", 10).status is OrderStatus.ACCEPTED  # the order as it was counts
    assert seat.order("A", 1).status is OrderStatus.REJECTED


def test_what_is_only_recorded_passes():
    seat = GuardedSeat(OrderLimits(max_quantity=10), PortfolioLimits(drawdown_halt=0.1), enforce=False)
    order = seat.order("A", 1000)
    assert order.status is OrderStatus.ACCEPTED
    assert [one.limit for one in seat.refusals] == [Reason.ORDER_QUANTITY]
    seat.desk.blotter.replace(order, Replace(order.id, quantity=1001))
    assert len(seat.pass_on()) == 1
    seat.fill(order)
    seat.move(A=50.0)
    assert seat.desk.working["A"] == {}


def test_a_closing_order_beside_exits_can_only_reduce():
    seat = GuardedSeat(OrderLimits(reduce_only=True))
    seat.hold("A", 10)
    seat.order("A", -10, stop=90.0, reduce_only=True)
    close = seat.order("A", -10)
    assert close.reduce_only
    assert close.status is OrderStatus.ACCEPTED


def test_market_orders_that_close_may_count_as_filled():
    for credit, passes in ((False, False), (True, True)):
        seat = GuardedSeat(PortfolioLimits(max_leverage=0.1, credit_closing=credit))
        seat.hold("A", 100)
        seat.order("A", -100, reduce_only=True)
        assert (seat.order("B", 100).status is OrderStatus.ACCEPTED) is passes
    for side in (1, -1):
        seat = GuardedSeat(PortfolioLimits(max_leverage=0.1, credit_closing=True))
        seat.hold("A", side * 100)
        seat.order("A", -side * 100)
        assert seat.order("B", 100).status is OrderStatus.ACCEPTED


def test_without_equity_nothing_opens():
    seat = GuardedSeat(PortfolioLimits(max_leverage=2.0))
    seat.hold("A", 1000)
    seat.hold("B", 1000)
    seat.move(A=40.0, B=40.0)
    assert seat.order("C", 1).reason is Reason.LEVERAGE
    assert seat.order("A", -1000).status is OrderStatus.ACCEPTED


def test_the_worst_that_was_reached_is_kept():
    seat = GuardedSeat(
        PortfolioLimits(max_leverage=2.0, max_beta=9.0, max_var=0.9), RiskModel(unknown="pass")
    )
    seat.hold("A", 500)
    seat.move(A=110.0)
    seat.move(A=90.0)
    reached = seat.gate.worst.reached
    assert reached["gross_exposure"].value == 55_000
    assert reached["drawdown"].value == pytest.approx(10_000 / 105_000)
    assert reached["value_at_risk"].value > 0
