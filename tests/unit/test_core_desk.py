"""What a strategy's signals, targets and orders turn into."""

import math
from decimal import Decimal

import pytest

from openbell.core.errors import StrategyError
from openbell.core.orders import Cancel
from openbell.core.requests import Exits, Ticket
from openbell.core.types import Charge, Dividend, OrderStatus, OrderType, Reason
from tests.unit.market_by_hand import DAY, Seat

NONE, PLAIN = Exits(), Ticket()


@pytest.fixture
def seat() -> Seat:
    """A margin account of 100,000 and one symbol at 100."""
    return Seat("A", short=True)


def shapes(orders) -> list[tuple[int, float, bool]]:
    return [(order.side, order.quantity, order.reduce_only) for order in orders]


def signal(seat: Seat, conviction: float, exits: Exits = NONE, symbol: str = "A"):
    return seat.desk.signal(symbol, conviction, exits, PLAIN)


# --- signals -----------------------------------------------------------------------------------------------


def test_a_signal_becomes_the_sizers_target(seat):
    order = signal(seat, 0.5)
    assert seat.sent() == [order]
    assert shapes([order]) == [(1, 500, False)]
    assert order.aim
    assert order.decided == seat.market.time


def test_a_repeated_signal_is_a_hold_while_its_order_or_its_position_stands(seat):
    order = signal(seat, 1.0)
    assert signal(seat, 1.0) is None
    seat.take()
    assert signal(seat, 1.0) is None
    seat.fill(order)
    assert signal(seat, 1.0) is None
    assert seat.take() == []


def test_a_changed_confidence_moves_the_target(seat):
    entry = signal(seat, 1.0)
    seat.take()
    seat.fill(entry)
    assert shapes([signal(seat, 0.4)]) == [(-1, 600, True)]
    assert shapes([signal(seat, -0.4)]) == [(-1, 400, False)]


def test_after_a_stop_the_same_signal_enters_again(seat):
    entry = signal(seat, 1.0, Exits(stop_loss=95.0))
    entry, stop = seat.sent()
    seat.fill(entry)
    assert signal(seat, 1.0, Exits(stop_loss=95.0)) is None
    seat.fill(stop, price=95.0)
    again = signal(seat, 1.0, Exits(stop_loss=90.0))
    assert (again.side, again.quantity) == (1, 950)


def test_a_rejected_signal_is_tried_again(seat):
    order = signal(seat, 1.0)
    seat.take()
    order.move(OrderStatus.REJECTED, 0, Reason.NO_BUYING_POWER)
    seat.desk.blotter.forget(order)
    assert signal(seat, 1.0) is not None


def test_a_sale_in_a_cash_account_closes_and_says_why_it_does_no_more():
    seat = Seat("A", short=False)
    seat.hold("A", 100)
    order = signal(seat, -1.0)
    assert shapes(seat.sent()) == [(-1, 100, True)]
    assert seat.desk.notes == {Reason.SHORT_NOT_ALLOWED: 1}
    seat.fill(order)
    assert signal(seat, -1.0) is None
    assert seat.desk.notes == {Reason.SHORT_NOT_ALLOWED: 2}


def test_a_target_of_less_than_a_lot_is_noted():
    seat = Seat("A", cash=50.0)
    assert signal(seat, 1.0) is None
    assert signal(seat, 1.0) is None
    assert seat.desk.notes == {Reason.SIZE_ZERO: 2}


def test_a_signal_without_a_price_is_noted_and_tried_again():
    seat = Seat("A", "B")
    seat.market.tracks["B"].cursor.at = -1
    assert signal(seat, 1.0, symbol="B") is None
    assert seat.desk.notes == {Reason.NO_PRICE: 1}
    seat.market.tracks["B"].cursor.at = 0
    assert signal(seat, 1.0, symbol="B") is not None


class Own:
    """A sizer of the user's that answers what the test says."""

    def __init__(self, answer):
        self.answer = answer

    def size(self, conviction, *, instrument, price, equity):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "shown"), [(None, "None"), ("5", "'5'"), (math.nan, "nan"), (math.inf, "inf")]
)
def test_a_sizer_that_answers_no_number_is_named(seat, answer, shown):
    seat.desk.sizer = Own(answer)
    with pytest.raises(StrategyError) as raised:
        signal(seat, 0.5)
    assert str(raised.value) == (
        f"the sizer Own made {shown} of conviction 0.5 for A; "
        "size() must return shares, a number, negative for short"
    )


def test_a_sizer_may_answer_any_number(seat):
    seat.desk.sizer = Own(Decimal(7))
    assert shapes([signal(seat, 0.5)]) == [(1, 7.0, False)]


def test_leaving_is_asked_for_once_however_long_it_takes(seat):
    seat.hold("A", 300)
    order = signal(seat, 0.0)
    assert shapes(seat.sent()) == [(-1, 300, True)]
    seat.fill(order, 100)
    assert signal(seat, 0.0) is None
    assert seat.take() == []
    seat.fill(order)
    assert signal(seat, 0.0) is None
    assert seat.take() == []


def test_leaving_cancels_orders_that_rest_without_a_position(seat):
    resting = seat.desk.order("A", -10, NONE, Ticket(stop=90.0, reduce_only=True))
    seat.take()
    assert signal(seat, 0.0) is None
    assert seat.take() == [Cancel(resting.id, Reason.REPLACED)]


def test_a_signal_after_leaving_takes_the_place_of_what_leaves(seat):
    seat.hold("A", 300)
    leaving = signal(seat, 0.0)
    seat.take()
    entry = signal(seat, 1.0)
    assert seat.take() == [Cancel(leaving.id, Reason.REPLACED), entry]
    assert entry.quantity == 1000 - 300


# --- targets -----------------------------------------------------------------------------------------------


def target(seat: Seat, quantity: float, exits: Exits = NONE, ticket: Ticket = PLAIN):
    return seat.desk.target("A", quantity, exits, ticket)


def test_a_newer_target_takes_the_place_of_orders_towards_an_older_one(seat):
    first = target(seat, 100)
    seat.take()
    seat.fill(first, 30)
    second = target(seat, 50)
    assert seat.take() == [Cancel(first.id, Reason.REPLACED), second]
    assert shapes([second]) == [(1, 20, False)]


def test_a_target_that_is_on_its_way_is_left_to_arrive(seat):
    first = target(seat, 100)
    assert target(seat, 100) is first
    assert seat.take() == [first]
    seat.fill(first, 30)
    assert target(seat, 100) is first
    seat.fill(first)
    assert target(seat, 100) is None
    assert seat.take() == []


def test_a_target_cancels_what_else_would_change_the_position(seat):
    other = seat.desk.order("A", 40, NONE, Ticket(limit=90.0))
    aim = target(seat, 100)
    seat.take()
    assert target(seat, 100) is aim
    assert not other.open
    assert aim.open


def test_a_limited_target_is_sent_anew(seat):
    first = target(seat, 100, ticket=Ticket(limit=99.0))
    seat.take()
    second = target(seat, 100, ticket=Ticket(limit=98.0))
    assert seat.take() == [Cancel(first.id, Reason.REPLACED), second]
    third = target(seat, 100)
    assert seat.take() == [Cancel(second.id, Reason.REPLACED), third]
    assert third.type is OrderType.MARKET


def test_a_pending_reduction_does_not_count_twice(seat):
    seat.hold("A", 200)
    reduction = target(seat, 100)
    assert shapes(seat.sent()) == [(-1, 100, True)]
    smaller = target(seat, 150)
    assert seat.take() == [Cancel(reduction.id, Reason.REPLACED), smaller]
    assert shapes([smaller]) == [(-1, 50, True)]


def test_exits_stay_while_the_direction_does_and_no_new_ones_are_given(seat):
    entry = target(seat, 100, Exits(stop_loss=95.0))
    entry, stop = seat.sent()
    assert (stop.parent, stop.reduce_only, stop.tag) == (entry.id, True, "stop_loss")
    assert target(seat, 100) is entry
    assert stop.open
    seat.fill(entry)
    target(seat, 150)
    assert stop.open
    seat.fill_all(seat.sent())
    target(seat, 150, Exits(stop_loss=96.0))
    seat.take()
    assert (stop.status, stop.reason) == (OrderStatus.CANCELLED, Reason.REPLACED)


def test_leaving_cancels_the_exits(seat):
    entry = target(seat, 100, Exits(stop_loss=95.0, take_profit=110.0))
    entry, *exits = seat.sent()
    seat.fill(entry)
    target(seat, 0.0)
    assert shapes(seat.sent()) == [(-1, 100, True)]
    assert not any(order.open for order in exits)


def test_exits_share_a_group_and_a_single_one_has_none(seat):
    target(seat, 100, Exits(stop_loss=95.0, take_profit=110.0, trailing_stop=0.05))
    _, stop, trail, profit = seat.sent()
    assert stop.oco == trail.oco == profit.oco != 0
    assert [o.type for o in (stop, trail, profit)] == [
        OrderType.STOP,
        OrderType.TRAILING_STOP,
        OrderType.LIMIT,
    ]
    target(seat, 100, Exits(stop_loss=95.0))
    assert seat.sent()[-1].oco == 0


def test_exits_protect_what_is_held_at_once_and_what_is_added_from_its_fill_on(seat):
    seat.hold("A", 100)
    entry = target(seat, 150, Exits(stop_loss=95.0))
    held, added, rest = seat.sent()
    assert added is entry
    assert (held.parent, held.quantity) == (0, 100)
    assert (rest.parent, rest.quantity) == (entry.id, 50)


def test_a_smaller_target_with_exits_protects_what_stays(seat):
    seat.hold("A", -100)
    reduction = target(seat, -40, Exits(stop_loss=105.0))
    stop, sent = seat.sent()
    assert sent is reduction
    assert shapes([stop, sent]) == [(1, 40, True), (1, 60, True)]
    assert stop.parent == 0


def test_the_same_target_with_new_exits_only_changes_these(seat):
    seat.hold("A", 100)
    assert target(seat, 100, Exits(stop_loss=95.0)) is None
    assert shapes(seat.sent()) == [(-1, 100, True)]


def test_a_flip_closes_with_one_order_and_opens_with_another(seat):
    seat.hold("A", 100)
    opening = target(seat, -60, Exits(stop_loss=105.0), Ticket(tag="turn"))
    closing, opened, stop = seat.sent()
    assert opened is opening
    assert shapes([closing, opened, stop]) == [(-1, 100, True), (-1, 60, False), (1, 60, True)]
    assert closing.tag == opened.tag == "turn"
    assert stop.parent == opening.id


def test_a_flip_that_is_on_its_way_is_left_to_arrive(seat):
    seat.hold("A", 100)
    opening = target(seat, -60)
    seat.take()
    assert target(seat, -60) is opening
    assert seat.take() == []


def test_a_short_target_in_a_cash_account_closes():
    seat = Seat("A", short=False)
    seat.hold("A", 100)
    target(seat, -60)
    assert shapes(seat.sent()) == [(-1, 100, True)]
    assert seat.desk.notes == {Reason.SHORT_NOT_ALLOWED: 1}


@pytest.mark.parametrize("quantity", [math.nan, math.inf, 2.5])
def test_a_target_that_is_no_number_of_lots_is_the_strategys_fault(seat, quantity):
    with pytest.raises(StrategyError, match=f"quantity {quantity}"):
        target(seat, quantity)


def test_an_odd_lot_that_a_split_left_is_added_to_in_whole_lots_and_sold_whole():
    seat = Seat("A", lot=100.0)
    seat.hold("A", 150)
    assert shapes([target(seat, 300)]) == [(1, 100, False)]
    assert target(seat, 200) is None
    assert shapes([target(seat, 0)]) == [(-1, 150, True)]


def test_quantities_are_put_on_the_grid_of_lots():
    seat = Seat("A", lot=0.1)
    seat.hold("A", 0.3)
    assert target(seat, 0.7).quantity == 0.4


# --- equity ------------------------------------------------------------------------------------------------


def test_equity_follows_each_bar_and_each_booking_of_one_moment(seat):
    account, price = seat.account, seat.market.price
    seat.hold("A", 100)
    seen = [seat.desk.equity()]
    for happens in (
        lambda: seat.market.move(A=103.0),
        lambda: account.book_dividend(Dividend("A", DAY, 0.5), time=DAY),
        lambda: account.book_charge(Charge("silent", "", "interest", 7.0, DAY)),
        lambda: seat.market.move(A=103.5),
        lambda: seat.hold("A", -40),
        lambda: seat.market.move(A=101.0),
    ):
        happens()
        assert seat.desk.equity() == account.equity(price) != seen[-1]
        assert seat.desk.equity() == account.equity(price)
        seen.append(seat.desk.equity())
