"""Whatever is asked for, and however it fills, a desk leads to the last target and to nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.market_by_hand import Seat

from openbell.core.orders import TERMINAL, Order
from openbell.core.requests import Exits, Ticket
from openbell.core.types import Reason

quantities = st.integers(-300, 300).map(float)
exits = st.sampled_from((Exits(), Exits(), Exits(stop_loss=95.0), Exits(stop_loss=95.0, take_profit=110.0)))
#: What share of the next order fills at once, in percent.
shares = st.integers(0, 100)
asks = st.lists(st.tuples(quantities, exits, shares), min_size=1, max_size=12)


def aims(seat: Seat) -> list[Order]:
    return [order for order in seat.desk.working.get("A", {}).values() if order.aim]


def fill_some(seat: Seat, share: int) -> None:
    """Fill a part of each order towards the target, in the order in which an exchange would."""
    for order in sorted(aims(seat), key=lambda order: not order.reduce_only):
        size = order.remaining if share == 100 else order.remaining * share // 100
        if size:
            seat.fill(order, size)
        if order.open:
            return


@given(asks)
@settings(deadline=None)
def test_orders_towards_a_target_always_add_up_to_it(steps):
    seat = Seat("A", short=True)
    for quantity, protection, share in steps:
        seat.desk.target("A", quantity, protection, Ticket())
        seat.take()
        coming = sum(order.side * order.remaining for order in aims(seat))
        assert seat.account.quantity("A") + coming == quantity
        fill_some(seat, share)
    fill_some(seat, 100)
    assert seat.account.quantity("A") == steps[-1][0]


@given(asks)
@settings(deadline=None)
def test_exits_only_ever_reduce_what_is_held_or_coming(steps):
    seat = Seat("A", short=True)
    for quantity, protection, share in steps:
        seat.desk.target("A", quantity, protection, Ticket())
        seat.take()
        others = [o for o in seat.desk.working.get("A", {}).values() if not o.aim]
        assert all(order.reduce_only and order.side * quantity < 0.0 for order in others)
        if protection and quantity:
            stops = [order for order in others if order.tag == "stop_loss"]
            assert sum(order.quantity for order in stops) == abs(quantity)
        fill_some(seat, share)


@given(asks)
@settings(deadline=None)
def test_asking_twice_is_asking_once(steps):
    seat = Seat("A", short=True)
    for quantity, protection, share in steps:
        seat.desk.target("A", quantity, protection, Ticket())
        seat.take()
        seat.desk.target("A", quantity, Exits(), Ticket())
        assert seat.take() == []
        fill_some(seat, share)


@given(asks)
@settings(deadline=None)
def test_every_order_is_at_work_or_has_ended_with_a_reason_or_a_fill(steps):
    seat = Seat("A", short=True)
    for quantity, protection, share in steps:
        seat.desk.target("A", quantity, protection, Ticket())
        seat.take()
        fill_some(seat, share)
    working = seat.desk.working.get("A", {})
    for order in seat.desk.orders.values():
        assert (order.id in working) == (order.status not in TERMINAL)
        assert order.id in working or order.reason is Reason.REPLACED or order.filled == order.quantity
    assert [order.id for order in seat.desk.orders.values()] == sorted(seat.desk.orders)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=10), shares)
@settings(deadline=None)
def test_a_repeated_signal_never_orders(convictions, share):
    seat = Seat("A", short=True)
    for conviction in convictions:
        seat.desk.signal("A", conviction, Exits(), Ticket())
        seat.take()
        if seat.desk.notes:  # too little for a share: it is tried again
            return
        assert seat.desk.signal("A", conviction, Exits(), Ticket()) is None
        assert seat.take() == []
        fill_some(seat, share)
        assert seat.desk.signal("A", conviction, Exits(), Ticket()) is None
        assert seat.take() == []
