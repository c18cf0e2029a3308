"""An order that closes a position and opens one on the other side."""

import pytest

from openbell.core.types import OrderStatus
from openbell.execution.risk.limits import PortfolioLimits, PositionLimits
from tests.unit.risk_by_hand import GuardedSeat

SHORT = PositionLimits(max_short_notional=4_000)


@pytest.mark.parametrize(("size", "passes"), [(42, True), (43, False)])
def test_it_is_measured_by_where_it_ends(size, passes):
    seat = GuardedSeat(SHORT)
    seat.hold("A", 2)
    assert (seat.order("A", -size).status is OrderStatus.ACCEPTED) is passes


@pytest.mark.parametrize(("size", "passes"), [(42, True), (43, False)])
def test_it_is_measured_by_where_it_ends_with_closing_market_orders_counted_as_filled(size, passes):
    seat = GuardedSeat(SHORT, PortfolioLimits(credit_closing=True))
    seat.hold("A", 2)
    assert (seat.order("A", -size).status is OrderStatus.ACCEPTED) is passes


@pytest.mark.parametrize(("size", "passes"), [(40, True), (41, False)])
def test_what_an_exit_may_close_first_it_does_not_close_again(size, passes):
    seat = GuardedSeat(SHORT)
    seat.hold("A", 10)
    seat.order("A", -10, reduce_only=True)
    assert (seat.order("A", -size).status is OrderStatus.ACCEPTED) is passes
