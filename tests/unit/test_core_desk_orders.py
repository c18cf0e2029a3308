"""Explicit orders: what is sent, changed, paired and refused."""

import math

import pytest

from openbell.core import blotter
from openbell.core.errors import StrategyError
from openbell.core.orders import Cancel, Replace
from openbell.core.requests import Exits, Ticket
from openbell.core.types import BUY, Fill, OrderType, Phase, Reason, TimeInForce
from tests.unit.market_by_hand import Seat

NONE = Exits()


@pytest.fixture
def seat() -> Seat:
    """A margin account of 100,000 and one symbol at 100."""
    return Seat("A", short=True)


def shapes(orders) -> list[tuple[int, float, bool]]:
    return [(order.side, order.quantity, order.reduce_only) for order in orders]


def for_ever(act) -> None:
    while True:
        act()


def order(seat: Seat, quantity: float, exits: Exits = NONE, symbol: str = "A", **ticket):
    return seat.desk.order(symbol, quantity, exits, Ticket(**ticket))  # type: ignore[typeddict-item]  # by name


def test_a_negative_quantity_is_a_sale_and_prices_are_whole_ticks(seat):
    made = order(seat, -5, limit=99.996, stop=98.004, tif=TimeInForce.DAY, tag="mine")
    assert (made.side, made.quantity, made.limit, made.stop) == (-1, 5, 100.0, 98.0)
    assert (made.type, made.tif, made.tag, made.aim) == (OrderType.STOP_LIMIT, TimeInForce.DAY, "mine", False)


@pytest.mark.parametrize(("quantity", "ticket", "said"), [
    (math.nan, {}, "order buy nan A market gtc: quantity nan must be a positive number"),
    (0.0, {}, "order buy 0 A market gtc: quantity 0.0 must be a positive number"),
    (-math.inf, {}, "order sell inf A market gtc: quantity inf must be a positive number"),
    (1.5, {}, "order buy 1.5 A market gtc: quantity 1.5 is not a whole number of lots of 1"),
    (1, {"limit": 0.001}, "order for A: limit=0.001 is less than half a tick of 0.01; give 0.01 or more"),
    (1, {"stop": 0.004, "tag": "mine"},
     "order for A: stop=0.004 is less than half a tick of 0.01; give 0.01 or more"),
    (1, {"trail": 1.0, "stop": 5.0}, "an order has either a trail or a limit and a stop, not both"),
])  # fmt: skip
def test_an_order_with_a_bad_number_is_the_strategys_fault(seat, quantity, ticket, said):
    with pytest.raises(StrategyError) as raised:
        order(seat, quantity, **ticket)
    assert str(raised.value) == said


def test_an_exit_below_half_a_tick_is_named_as_it_was_asked_for(seat):
    with pytest.raises(
        StrategyError, match=r"^order for A: take_profit=0\.004 is less than half a tick of 0"
    ):
        order(seat, -10, Exits(stop_loss=105.0, take_profit=0.004))


def test_an_order_brings_its_exits(seat):
    entry = order(seat, -10, Exits(stop_loss=105.0, take_profit=90.0))
    sent = seat.sent()
    assert shapes(sent) == [(-1, 10, False), (1, 10, True), (1, 10, True)]
    assert {child.parent for child in sent[1:]} == {entry.id}


def test_ids_are_counted_from_one(seat):
    assert [order(seat, 1).id for _ in range(3)] == [1, 2, 3]


def test_an_unknown_symbol_offers_the_nearest():
    seat = Seat("AAPL", "IBM")
    seat.desk.check("buy", "IBM")
    with pytest.raises(StrategyError) as raised:
        seat.desk.check("buy", "AAPPL")
    assert str(raised.value) == "buy: symbol 'AAPPL' is not in this run; did you mean 'AAPL'?"


@pytest.mark.parametrize("symbol", [None, 5, ["AAPL"], {"AAPL": 1}])
def test_what_is_no_symbol_names_how_one_is_written(symbol):
    with pytest.raises(StrategyError) as raised:
        Seat("AAPL", "IBM").desk.check("buy", symbol)
    assert str(raised.value) == (f"buy: symbol={symbol!r} must be text: bar.symbol, or one such as 'AAPL'")


def test_an_order_of_another_run_is_not_the_desks_own(seat):
    mine, other = order(seat, 5), order(Seat("A"), 5)
    assert seat.desk.own("cancel", "order", mine) is mine
    for what in (other, None, mine.id):
        with pytest.raises(StrategyError, match=r"^cancel: order=.* must be an order of this run, as buy"):
            seat.desk.own("cancel", "order", what)


def test_a_loop_of_orders_is_stopped(seat, monkeypatch):
    monkeypatch.setattr(blotter, "MOST_ORDERS_AT_ONCE", 20)
    with pytest.raises(StrategyError, match=r"^21 orders at one moment \(the most is 20\): a loop\?$"):
        for_ever(lambda: order(seat, 1))


def test_a_loop_of_replacements_is_stopped(seat, monkeypatch):
    made = order(seat, 1, limit=90.0)
    monkeypatch.setattr(blotter, "MOST_ORDERS_AT_ONCE", 20)
    with pytest.raises(StrategyError, match="a loop"):
        for_ever(lambda: seat.desk.replace(made, Replace(made.id, limit=91.0)))


def test_a_cancellation_is_asked_for_once(seat):
    made = order(seat, 1, limit=90.0)
    seat.take()
    seat.desk.cancel(made)
    seat.desk.cancel(made)
    assert seat.take() == [Cancel(made.id, Reason.ASKED)]
    seat.desk.cancel(made)
    assert seat.take() == []


def test_a_replacement_is_put_on_the_grid(seat):
    made = order(seat, 10, stop=90.0, limit=91.0)
    seat.take()
    seat.desk.replace(made, Replace(made.id, 5, 92.004, 91.996))
    seat.take()
    assert (made.quantity, made.limit, made.stop, made.reason) == (5, 92.0, 92.0, Reason.REPLACED)
    seat.desk.replace(made, Replace(made.id, limit=93.0))
    seat.take()
    assert (made.quantity, made.limit, made.stop) == (5, 93.0, 92.0)


def test_a_replacement_of_nothing_asks_for_nothing(seat):
    made = order(seat, 10, limit=91.0)
    seat.take()
    seat.desk.replace(made, Replace(made.id))
    assert seat.take() == []


def test_a_bad_replacement_is_the_strategys_fault(seat):
    made = order(seat, 10)
    with pytest.raises(StrategyError) as raised:
        seat.desk.replace(made, Replace(made.id, limit=5.0))
    assert str(raised.value) == "order 1 (buy 10 A market gtc) has no limit to set to 5.0"


def test_a_pair_shares_a_group_and_takes_in_the_groups_it_joins(seat):
    a, b, c, d, e = (order(seat, 1, limit=90.0) for _ in range(5))
    seat.desk.pair(a, b)
    seat.desk.pair(d, c)
    seat.desk.pair(b, c)
    assert a.oco == b.oco == c.oco == d.oco != 0
    assert e.oco == 0
    seat.desk.pair(e, d)
    assert e.oco == a.oco


def test_a_pair_is_of_one_symbol_and_still_works():
    seat = Seat("A", "B")
    a, b = order(seat, 1), order(seat, 1, symbol="B")
    with pytest.raises(StrategyError) as raised:
        seat.desk.pair(a, b)
    assert str(raised.value) == "oco=order 2 (buy 1 B market gtc): it must be of the same symbol, A"
    seat.take()
    seat.fill(a)
    with pytest.raises(
        StrategyError, match=r"^order 1 \(buy 1 A market gtc\) is filled: it cannot be paired$"
    ):
        seat.desk.pair(order(seat, 1), a)


def test_an_order_after_another_waits_for_it(seat):
    entry = order(seat, 10)
    exit_ = order(seat, -10, limit=110.0, parent=entry.id)
    seat.take()
    assert exit_.status == "held"
    seat.fill(entry)
    assert exit_.status == "accepted"


def test_an_order_after_one_that_has_filled_does_not_wait(seat):
    entry = order(seat, 10)
    seat.take()
    seat.fill(entry)
    assert order(seat, -10, limit=110.0, parent=entry.id).parent == 0


def test_an_order_after_one_of_another_symbol_is_the_strategys_fault():
    seat = Seat("A", "B")
    entry = order(seat, 10)
    with pytest.raises(StrategyError, match=r"^after=order 1 .* must be of the same symbol, B$"):
        order(seat, 10, symbol="B", parent=entry.id)


def test_what_is_taken_back_works_again_unless_it_has_ended(seat):
    filled, resting = order(seat, 1, limit=90.0), order(seat, 2, limit=80.0)
    seat.take()
    for one in (filled, resting):
        seat.desk.cancel(one)
    seat.engine.book(Fill(filled.id, "silent", "A", BUY, 1.0, 90.0, 0.0, 0.0, 5, Phase.OPEN))
    unsent = order(seat, 3)
    seat.desk.blotter.take_back()
    assert seat.desk.outbox == []
    assert list(seat.desk.working["A"].values()) == [resting]
    assert unsent.id not in seat.desk.orders
