"""Every step of an order's life, and everything that can be wrong with one."""

import math
from itertools import product

import pytest

from openbell.core.errors import OpenbellError, OrderRefused
from openbell.core.faults import change_fault, fault
from openbell.core.orders import (
    TERMINAL,
    TRANSITIONS,
    IllegalTransition,
    Order,
    Replace,
    Step,
)
from openbell.core.types import (
    BUY,
    SELL,
    Fill,
    Instrument,
    OrderStatus,
    OrderType,
    Phase,
    Reason,
    TimeInForce,
)

ACME = Instrument("ACME")
S = OrderStatus


def order(quantity: float = 100.0, side=BUY, **fields) -> Order:
    return Order(7, "test", "ACME", side, quantity, decided=10, **fields)


def fill(quantity: float, price: float = 10.0, fee: float = 0.0) -> Fill:
    return Fill(7, "test", "ACME", BUY, quantity, price, fee, 0.0, 20, Phase.OPEN)


def at(status: OrderStatus) -> Order:
    """Return an order that stands somewhere in its life."""
    made = order()
    made.status = status
    return made


@pytest.mark.parametrize(("now", "then"), list(product(S, S)))
def test_a_step_is_taken_if_and_only_if_the_table_has_it(now, then):
    made = at(now)
    if then in TRANSITIONS[now]:
        made.move(then, 11, Reason.ASKED)
        assert (made.status, made.reason, made.life[-1]) == (then, Reason.ASKED, Step(11, then, Reason.ASKED))
        assert made.open is (then not in TERMINAL)
    else:
        with pytest.raises(IllegalTransition) as raised:
            made.move(then, 11)
        assert str(raised.value) == f"order 7 (buy 100 ACME market gtc) is {now} and cannot become {then}"
        assert (made.status, len(made.life)) == (now, 1)


def test_every_status_is_in_the_table_and_terminal_ones_are_never_left():
    assert set(TRANSITIONS) == set(S)
    assert {status for status, after in TRANSITIONS.items() if not after} == TERMINAL


def test_every_status_can_be_reached_from_a_new_order():
    reached, frontier = {S.NEW}, [S.NEW]
    while frontier:
        for status in TRANSITIONS[frontier.pop()]:
            if status not in reached:
                reached.add(status)
                frontier.append(status)
    assert reached == set(S)


def test_fills_are_averaged_and_the_last_one_ends_the_order():
    made = at(S.ACCEPTED)
    made.book(fill(40, 10.0, 1.0))
    assert (made.status, made.filled, made.remaining, made.average) == (S.PARTIALLY_FILLED, 40, 60, 10.0)
    made.book(fill(60, 20.0, 0.5))
    assert (made.status, made.remaining, made.average, made.fees) == (S.FILLED, 0, 16.0, 1.5)


def test_float_dust_does_not_keep_an_order_open():
    made = at(S.ACCEPTED)
    made.quantity = 0.3
    made.book(fill(0.1))
    made.book(fill(0.2))
    assert made.filled != 0.3
    assert made.status is S.FILLED


def test_a_fill_of_an_ended_order_changes_nothing():
    made = at(S.CANCELLED)
    with pytest.raises(IllegalTransition):
        made.book(fill(100))
    assert (made.filled, made.average, made.fees) == (0.0, 0.0, 0.0)


def test_a_note_is_no_step():
    made = at(S.ACCEPTED)
    made.note(12, Reason.SPLIT)
    assert (made.status, made.reason, made.life[-1]) == (
        S.ACCEPTED,
        Reason.SPLIT,
        Step(12, S.ACCEPTED, Reason.SPLIT),
    )


@pytest.mark.parametrize(("made", "words"), [
    (order(), "buy 100 ACME market gtc"),
    (order(2.5, SELL, tif=TimeInForce.DAY), "sell 2.5 ACME market day"),
    (order(1_234_567, type=OrderType.LIMIT, limit=1234.56), "buy 1234567 ACME limit 1234.56 gtc"),
    (order(type=OrderType.STOP, stop=95), "buy 100 ACME stop 95 gtc"),
    (order(type=OrderType.STOP_LIMIT, stop=10, limit=11), "buy 100 ACME stop 10 limit 11 gtc"),
    (order(type=OrderType.TRAILING_STOP, trail=0.05, trail_percent=True),
     "buy 100 ACME trailing stop 5% gtc"),
    (order(type=OrderType.TRAILING_STOP, trail=2.0), "buy 100 ACME trailing stop 2 gtc"),
])  # fmt: skip
def test_an_order_describes_itself_in_the_words_of_a_trader(made, words):
    assert made.describe() == words


def test_repr_has_the_status_and_the_reason():
    made = order()
    assert repr(made) == "<Order 7: buy 100 ACME market gtc, new>"
    made.move(S.REJECTED, 11, Reason.NO_PRICE)
    assert repr(made) == "<Order 7: buy 100 ACME market gtc, rejected (no_price)>"


def test_a_refusal_names_order_reason_and_detail():
    refused = OrderRefused(order(), Reason.NO_PRICE, "no bar yet")
    assert str(refused) == "order 7 (buy 100 ACME market gtc) refused, no_price: no bar yet"
    assert refused.reason is Reason.NO_PRICE
    assert isinstance(refused, OpenbellError)


TRAILING, LIMIT, STOP, STOP_LIMIT = (
    OrderType.TRAILING_STOP,
    OrderType.LIMIT,
    OrderType.STOP,
    OrderType.STOP_LIMIT,
)


@pytest.mark.parametrize("made", [
    order(), order(1e9), order(type=LIMIT, limit=1.0), order(type=STOP, stop=1.0),
    order(type=STOP_LIMIT, stop=1.0, limit=1.0), order(type=TRAILING, trail=5.0),
    order(type=TRAILING, trail=0.05, trail_percent=True), order(tif=TimeInForce.GTD, good_till=11),
    order(type=LIMIT, limit=1.0, tif=TimeInForce.OPG), order(tif=TimeInForce.CLS), order(tif=TimeInForce.IOC),
])  # fmt: skip
def test_a_sound_order_has_no_fault(made):
    assert fault(made, ACME) is None


@pytest.mark.parametrize(("made", "said"), [
    (order(math.nan), "quantity nan must be a positive number"),
    (order(math.inf), "quantity inf must be a positive number"),
    (order(0.0), "quantity 0.0 must be a positive number"),
    (order(-5.0), "quantity -5.0 must be a positive number"),
    (order(2.5), "quantity 2.5 is not a whole number of lots of 1"),
])  # fmt: skip
def test_a_bad_quantity_is_named(made, said):
    assert fault(made, ACME) == (Reason.BAD_QUANTITY, said)


@pytest.mark.parametrize(("made", "said"), [
    (order(type=LIMIT), "limit=nan of a limit order must be a positive number"),
    (order(type=LIMIT, limit=0.0), "limit=0.0 of a limit order must be a positive number"),
    (order(type=STOP, stop=-1.0), "stop=-1.0 of a stop order must be a positive number"),
    (order(type=STOP, stop=math.inf), "stop=inf of a stop order must be a positive number"),
    (order(type=STOP_LIMIT, stop=1.0), "limit=nan of a stop_limit order must be a positive number"),
    (order(type=STOP_LIMIT, limit=1.0), "stop=nan of a stop_limit order must be a positive number"),
    (order(type=TRAILING), "trail=nan of a trailing_stop order must be a positive number"),
    (order(type=TRAILING, trail=1.0, trail_percent=True),
     "trail=1.0 in percent must be below 1 (0.05 is 5 %)"),
    (order(trail_percent=True), "trail_percent says how `trail` is meant, and a market order has none"),
    (order(type=STOP, stop=1.0, tif=TimeInForce.OPG),
     "a stop order cannot be opg: only market and limit orders can"),
    (order(type=TRAILING, trail=1.0, tif=TimeInForce.CLS),
     "a trailing_stop order cannot be cls: only market and limit orders can"),
    (order(tif=TimeInForce.GTD), "tif='gtd' needs good_till=, a datetime with a time zone"),
    (order(tif=TimeInForce.GTD, good_till=10), "good_till=10 must be later than the decision at 10"),
    (order(good_till=99), "good_till=99 needs tif='gtd', not 'gtc'"),
])  # fmt: skip
def test_a_bad_price_or_time_is_named(made, said):
    assert fault(made, ACME) == (Reason.BAD_PRICE, said)


def test_fractions_of_a_share_are_whole_lots_where_the_instrument_has_them():
    coin = Instrument("ACME", lot=0.001)
    assert fault(order(0.1 + 0.2), coin) is None
    assert fault(order(0.0005), coin) == (
        Reason.BAD_QUANTITY, "quantity 0.0005 is not a whole number of lots of 0.001",
    )  # fmt: skip


def test_what_only_reduces_may_be_an_odd_lot_but_not_a_fraction():
    board = Instrument("ACME", lot=100)
    assert fault(order(150), board) is not None
    assert fault(order(150, reduce_only=True), board) is None
    assert fault(order(150.5, reduce_only=True), board) is not None


@pytest.mark.parametrize(("made", "change", "said"), [
    (order(type=LIMIT, limit=5.0), Replace(7, 50, 6.0), None),
    (order(type=STOP_LIMIT, limit=5.0, stop=4.0), Replace(7, stop=6.0), None),
    (at(S.FILLED), Replace(7, 50), "is filled: it cannot be replaced"),
    (order(), Replace(7, limit=5.0), "has no limit to set to 5.0"),
    (order(type=LIMIT, limit=5.0), Replace(7, stop=5.0), "has no stop to set to 5.0"),
    (order(type=LIMIT, limit=5.0), Replace(7, limit=0.0),
     "cannot take limit=0.0: it must be a positive number"),
    (order(type=STOP, stop=5.0), Replace(7, stop=math.inf),
     "cannot take stop=inf: it must be a positive number"),
    (order(type=LIMIT, limit=5.0), Replace(7, limit=0.004),
     "cannot take limit=0.004: it is less than half a tick of 0.01; give 0.01 or more"),
    (order(), Replace(7, -3.0), "cannot take it: quantity -3.0 must be a positive number"),
    (order(), Replace(7, 3.5), "cannot take it: quantity 3.5 is not a whole number of lots of 1"),
])  # fmt: skip
def test_a_change_must_leave_a_sound_order(made, change, said):
    assert change_fault(made, change, ACME) == said
