"""What a loss in a session and a drawdown refuse, and what is done with what works and what is held."""

import pytest

from openbell.core.orders import Cancel, Order
from openbell.core.types import OrderStatus, Reason
from openbell.execution.risk.limits import PortfolioLimits
from tests.unit.risk_by_hand import GuardedSeat


def test_a_loss_in_the_session_ends_new_risk_until_the_next():
    for price, passes in ((96.0, True), (95.0, True), (94.9, False)):
        seat = GuardedSeat(PortfolioLimits(max_daily_loss=0.05))
        seat.hold("A", 1000)
        seat.move()
        seat.move(A=price)
        assert (seat.order("B", 1).status is OrderStatus.ACCEPTED) is passes
    assert seat.refusals[-1].limit is Reason.DAILY_LOSS
    assert seat.order("A", -1000).status is OrderStatus.ACCEPTED
    seat.move()
    assert seat.order("B", 1).status is OrderStatus.ACCEPTED


def test_a_drawdown_warns_then_lets_only_reductions_pass_then_ends_everything():
    seat = GuardedSeat(PortfolioLimits(drawdown_warn=0.1, drawdown_reduce=0.2, drawdown_halt=0.3))
    seat.hold("A", 1000)
    seat.move(A=89.0)
    assert [one.order_id for one in seat.refusals] == [0]
    assert seat.order("B", 1).status is OrderStatus.ACCEPTED
    seat.move(A=79.0)
    assert seat.order("B", 1).reason is Reason.DRAWDOWN
    assert seat.order("A", -10).status is OrderStatus.ACCEPTED
    waiting = seat.order("A", -10, limit=150.0)
    seat.move(A=69.0)
    assert any(isinstance(one, Cancel) and one.order_id == waiting.id for one in seat.sent)
    (out,) = [order for order in seat.desk.working["A"].values() if order.tag == "drawdown"]
    assert (out.quantity, out.reduce_only) == (1000, True)
    seat.fill(out, price=69.0)
    seat.move(A=200.0)
    assert seat.order("B", 1).reason is Reason.DRAWDOWN  # it stays ended
    assert seat.refusals[-1].text == "B: trading was halted after a drawdown"


def test_a_warning_is_said_once_until_equity_has_recovered():
    seat = GuardedSeat(PortfolioLimits(drawdown_warn=0.1))
    seat.hold("A", 1000)
    for price in (89.0, 88.0, 95.0, 89.0):
        seat.move(A=price)
    assert len(seat.refusals) == 2


@pytest.fixture
def seat() -> GuardedSeat:
    """Holds 1,000 shares at 100, and is halted 10 % below its highest."""
    made = GuardedSeat(PortfolioLimits(drawdown_halt=0.1))
    made.hold("A", 1000)
    return made


def test_an_exit_makes_way_for_the_order_that_closes_its_position(seat):
    stop = seat.order("A", -1000, stop=50.0, reduce_only=True)
    before = len(seat.sent)
    seat.move(A=80.0)
    made_way, out = seat.sent[before:]
    assert made_way == Cancel(stop.id, Reason.REPLACED)
    assert isinstance(out, Order)
    assert (out.quantity, out.side, out.reduce_only, out.tag) == (1000, -1, True, "drawdown")


def test_an_entry_that_waits_is_cancelled_for_the_drawdown(seat):
    entry = seat.order("B", 1, limit=50.0)
    seat.move(A=80.0)
    assert Cancel(entry.id, Reason.DRAWDOWN) in seat.sent
    assert not seat.desk.working["B"]
