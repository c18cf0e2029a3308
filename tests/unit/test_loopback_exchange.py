"""The exchange that the brokers' loopback servers trade on: it fills, refuses and keeps its books."""

from decimal import Decimal
from typing import Any

import pytest

from openbell.core.types import Instrument, OrderStatus, OrderType, Side, TimeInForce
from tests.loopback.exchange import Exchange, Placed, Refusal

S, T, F = OrderStatus, OrderType, TimeInForce


def exchange(**settings: Any) -> Any:
    made = Exchange([Instrument("A"), Instrument("B")], **settings)
    made.trade("A", 100)
    return made


def order(client_id: str, side: Side = 1, kind: OrderType = T.MARKET, **fields: Any) -> Placed:
    prices: dict[str, Any] = {
        n: Decimal(str(fields.pop(n))) for n in ("limit", "stop", "trail") if n in fields
    }
    quantity = Decimal(fields.pop("quantity", 10))
    return Placed(client_id, "A", side, kind, fields.pop("tif", F.GTC), quantity, **prices, **fields)


def test_a_market_order_fills_and_the_books_are_right():
    x = exchange(fee=Decimal("0.01"))
    made = x.place(order("a"))
    assert (made.status, x.cash, x.positions["A"]) == (S.FILLED, Decimal("98999.90"), 10)
    assert [event.kind for event in x.events] == ["new", "fill"]
    assert x.audit() == []


def test_a_limit_waits_for_its_price_and_gets_the_better_one():
    x = exchange()
    made = x.place(order("a", kind=T.LIMIT, limit=99))
    assert made.status is S.ACCEPTED
    x.trade("A", 98, 4)
    assert (made.status, made.filled, made.average) == (S.PARTIALLY_FILLED, 4, 98)
    x.trade("A", 99)
    assert (made.status, made.average) == (S.FILLED, Decimal("98.6"))


def test_stops_and_trailing_stops_are_triggered():
    x = exchange()
    x.place(order("buy", quantity=30))
    stop = x.place(order("s", -1, T.STOP, stop=95))
    limit = x.place(order("l", -1, T.STOP_LIMIT, stop=95, limit=94))
    trail = x.place(order("t", -1, T.TRAILING_STOP, trail=10))
    x.trade("A", 110)
    x.trade("A", 100)
    assert (trail.status, stop.status) == (S.FILLED, S.ACCEPTED)
    x.trade("A", 93)
    assert (stop.status, stop.average, limit.status) == (S.FILLED, 93, S.TRIGGERED)
    x.trade("A", 94)
    assert limit.status is S.FILLED


def test_times_in_force_end():
    x = exchange()
    ioc = x.place(order("i", kind=T.LIMIT, limit=99, tif=F.IOC))
    x.trade("A", 100, 5)
    fok = x.place(order("f", tif=F.FOK))
    day = x.place(order("d", kind=T.LIMIT, limit=90, tif=F.DAY))
    cls = x.place(order("c", tif=F.CLS))
    till = x.place(order("g", kind=T.LIMIT, limit=90, tif=F.GTD, good_till=x.time + 5))
    x.advance(5)
    x.close({"A": 101})
    ended = [one.status for one in (ioc, fok, day, cls, till)]
    assert ended == [S.CANCELLED, S.CANCELLED, S.EXPIRED, S.FILLED, S.EXPIRED]
    opg = x.place(order("o", tif=F.OPG))
    late = x.place(order("p", kind=T.LIMIT, limit=90, tif=F.OPG))
    x.open({"A": 102})
    assert (opg.average, late.status) == (102, S.EXPIRED)


def test_a_bracket_sleeps_until_its_entry_fills_and_its_exits_cancel_each_other():
    x = exchange()
    entry = x.place(order("a", kind=T.LIMIT, limit=99), take_profit=Decimal(110), stop_loss=Decimal(90))
    target, stop = (x.orders[one] for one in entry.legs)
    assert [target.status, stop.status] == [S.HELD] * 2
    x.trade("A", 99)
    assert [target.status, stop.status] == [S.ACCEPTED] * 2
    x.trade("A", 111)
    assert (target.status, stop.status, x.positions["A"]) == (S.FILLED, S.CANCELLED, 0)


def test_a_pair_takes_off_the_other_what_one_has_filled():
    x = exchange()
    x.place(order("a"))
    target = x.place(order("p", -1, T.LIMIT, limit=110, reduce_only=True), stop_loss=Decimal(90))
    (stop,) = (one for one in x.working() if one is not target)
    x.trade("A", 110, 4)
    assert stop.quantity == 6
    x.trade("A", 90)
    assert (target.status, x.positions["A"]) == (S.CANCELLED, 0)


def test_a_replacement_counts_what_has_filled():
    x = exchange()
    old = x.place(order("a", kind=T.LIMIT, limit=99))
    x.fill(old.id, 4, 99)
    with pytest.raises(Refusal, match="not above the 4"):
        x.replace(old.id, "b", quantity=Decimal(4))
    new = x.replace(old.id, "b", quantity=Decimal(8), limit=Decimal(101))
    assert (new.filled, new.status, x.orders[old.id].status) == (8, S.FILLED, S.CANCELLED)
    assert x.audit() == []


def test_client_ids_are_unique_and_refusals_are_scripted():
    x = exchange(margin=Decimal(1), short=False)
    x.place(order("a"))
    x.refusals.append("no thanks")
    for asked, said in (
        (order("b"), "no thanks"),
        (order("a"), "must be unique"),
        (order("c", quantity=2000), "insufficient buying power"),
        (order("d", -1, quantity=20), "cannot be sold short"),
        (order("e", quantity="0.5"), "lots"),
        (order("f", kind=T.LIMIT, limit="1.001"), "ticks"),
        (order("g", kind=T.LIMIT), "must be positive"),
    ):
        with pytest.raises(Refusal, match=said):
            x.place(asked)
    x.trading_blocked = "restricted"
    with pytest.raises(Refusal, match="restricted"):
        x.place(order("z"))


def test_an_accepted_order_can_be_rejected_later_and_a_slow_cancel_loses_to_a_fill():
    x = exchange()
    x.doomed.append("halted")
    doomed = x.place(order("a"))
    assert doomed.status is S.ACCEPTED
    x.strike()
    assert (doomed.status, doomed.said) == (S.REJECTED, "halted")
    x.slow_cancels = True
    slow = x.place(order("b", kind=T.LIMIT, limit=99))
    other = x.place(order("c", kind=T.LIMIT, limit=98))
    x.cancel_all()
    x.trade("A", 99)
    x.settle_cancels()
    assert (slow.status, other.status) == (S.FILLED, S.CANCELLED)
    with pytest.raises(Refusal, match="is filled"):
        x.cancel(slow.id)
    with pytest.raises(Refusal, match="not found"):
        x.cancel("none")


def test_a_split_changes_the_position_and_the_proof_knows_it():
    x = exchange()
    x.place(order("a"))
    resting = x.place(order("b", kind=T.LIMIT, limit=90))
    x.split("A", 2, 1)
    assert (x.positions["A"], resting.status, x.audit()) == (20, S.CANCELLED, [])


def test_the_proof_finds_what_is_wrong():
    x = exchange()
    made = x.place(order("a"))
    x.place(order("b")).client_id = "a"
    x.cash += 1
    x.positions["A"] += 1
    made.filled += 1
    found = "\n".join(x.audit())
    for said in ("cash", "positions", "came twice", "its fills are 10", "filled 11 of 10", "is filled with"):
        assert said in found


def test_the_clock_runs_faster_than_life():
    x = exchange(speed=1e6)
    before = x.time
    while x.time == before:
        pass
    assert x.time > before
    x.quote("A", "99", "101")
    assert x.place(order("a")).average == 101
