"""What passed the limits and waited is held against them again; growth on its way counts."""

from __future__ import annotations

from pathlib import Path

import pytest

import openbell as ob
from openbell.core.orders import Order, Replace
from openbell.core.requests import NO_EXITS, Ticket
from openbell.core.types import OrderStatus, Reason
from openbell.execution.risk.limits import OrderLimits, PositionLimits
from openbell.trading.route import Outcome
from tests.unit.risk_by_hand import GuardedSeat
from tests.unit.router_acts import PLAIN, REPLACING, both, calls, only
from tests.unit.router_rig import Rig
from tests.unit.trading_by_hand import Acts, Scripted, scripted

MOST = PositionLimits(max_quantity=100)


def seat_with(quantity: float, *parts: object, enforce: bool = True) -> tuple[GuardedSeat, Order]:
    """Return a seat, and an order of it that passed and waits."""
    seat = GuardedSeat(MOST, *parts, enforce=enforce)
    return seat, seat.order("A", quantity, limit=90.0)


def again(seat: GuardedSeat, command: Order | Replace) -> Reason | None:
    assert seat.engine.screen is not None
    refusal = seat.engine.screen.review_again(command)
    return None if refusal is None else refusal.limit


def test_an_order_that_waited_is_refused_where_what_was_cancelled_has_filled():
    seat, order = seat_with(60)
    assert again(seat, order) is None
    seat.hold("A", 50)
    assert again(seat, order) is Reason.POSITION_QUANTITY
    assert [one.limit for one in seat.refusals] == [Reason.POSITION_QUANTITY]
    assert seat.gate.counts == {Reason.POSITION_QUANTITY: 1}


def test_what_is_only_recorded_is_not_held_back():
    seat, order = seat_with(60, enforce=False)
    seat.hold("A", 50)
    assert again(seat, order) is None
    assert [one.limit for one in seat.refusals] == [Reason.POSITION_QUANTITY]


def test_what_an_order_is_held_against_once_is_not_asked_again():
    seat, order = seat_with(60, OrderLimits(duplicate_seconds=60, max_per_session=1))
    assert again(seat, order) is None
    seat.hold("A", 200)
    closing = seat.desk.order("A", -50, NO_EXITS, Ticket())
    seat.pass_on()
    assert again(seat, closing) is None  # what closes passes


def test_a_change_that_grows_counts_until_the_broker_has_made_it():
    seat, order = seat_with(50)
    seat.desk.blotter.replace(order, Replace(order.id, quantity=100.0))
    assert len(seat.pass_on()) == 1
    assert seat.order("A", 10, limit=90.0).reason is Reason.POSITION_QUANTITY
    seat.move()
    assert seat.order("A", 10, limit=90.0).reason is Reason.POSITION_QUANTITY
    assert again(seat, Replace(order.id, quantity=100.0)) is None
    seat.hold("A", 20)
    assert again(seat, Replace(order.id, quantity=100.0)) is Reason.POSITION_QUANTITY
    assert seat.order("A", 30, limit=90.0).status is OrderStatus.ACCEPTED  # it stays 50


def test_an_order_that_has_ended_grows_no_more():
    seat, order = seat_with(50)
    other = seat.order("B", 50, limit=90.0)
    seat.desk.blotter.replace(order, Replace(order.id, quantity=100.0))
    seat.pass_on()
    order.move(OrderStatus.CANCELLED, seat.market.time, Reason.ASKED)
    seat.desk.blotter.replace(other, Replace(other.id, quantity=60.0))
    seat.pass_on()
    assert list(seat.gate.book.growth) == [other.id]


def test_what_was_booked_is_counted_in_the_order_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = [f"S{at}" for at in range(30)]  # in a set their order would be another in each process
    seat = GuardedSeat(MOST, symbols=symbols)
    counted: list[str] = []
    for symbol in symbols:
        seat.hold(symbol, 1)
    recount = seat.gate._recount

    def noted(symbol: str) -> None:
        counted.append(symbol)
        recount(symbol)

    monkeypatch.setattr(seat.gate, "_recount", noted)
    seat.order("S0", 1)
    assert counted == symbols


# --- on the way to a broker ------------------------------------------------------------------------------

LIMITS = ob.Risk(position=MOST)


def buy(symbol: str, quantity: float):
    return lambda s, _: s.made.update({symbol: s.order(symbol, quantity, limit=100)})


def target(quantity: float):
    return lambda s, _: s.target_quantity("A", quantity)


def test_a_fill_of_what_was_cancelled_refuses_what_waited_for_its_end(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: buy("A", 80), 2: target(50)}, capabilities=PLAIN, risk=LIMITS)
    first = only(rig.moment(0, 100))
    rig.accept(first, 80)
    assert calls(rig.moment(1, 100)) == ["cancel"]  # the 50 wait
    assert rig.fill(first.client_id, 80, whole=80) == []
    assert rig.held == 80
    assert rig.ended(2) == (OrderStatus.REJECTED, Reason.POSITION_QUANTITY)
    rig.again()


def test_what_was_cancelled_in_time_lets_it_go(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: buy("A", 80), 2: target(50)}, capabilities=PLAIN, risk=LIMITS)
    first = only(rig.moment(0, 100))
    rig.accept(first, 80)
    rig.moment(1, 100)
    sent = only(rig.report(first.client_id, OrderStatus.CANCELLED, quantity=80))
    assert sent.order is not None
    assert sent.order.quantity == 50
    rig.again()


def test_an_order_of_another_symbol_waits_too(tmp_path: Path) -> None:
    def turn(s: Scripted, _: int) -> None:
        s.cancel(s.made["A"])
        s.order("B", 10, limit=100)

    acts = {1: buy("A", 80), 2: turn}
    for risk, expected in ((LIMITS, ["cancel"]), (None, ["cancel", "place"])):
        folder = tmp_path / str(len(expected))
        folder.mkdir()
        rig = Rig(folder, acts, capabilities=PLAIN, risk=risk)
        rig.take("moment", {"bars": [["B", 0, 1, 100.0, 100.0, 100.0, 100.0, 1.0]]})
        first = only(rig.moment(0, 100))
        rig.accept(first, 80)
        assert calls(rig.moment(1, 100)) == expected
        rig.report(first.client_id, OrderStatus.CANCELLED, quantity=80)
        assert [send.call for send in rig.sent] == ["place", "cancel", "place"]


def test_an_order_grows_when_what_is_cancelled_has_ended_and_not_filled(
    tmp_path: Path,
) -> None:
    def swap(s: Scripted, _: int) -> None:
        s.cancel(s.made["A"])
        s.replace(s.made["other"], quantity=90.0)

    def other(s: Scripted, _: int) -> None:
        s.made["other"] = s.order("A", 10, limit=99)

    for fills in (False, True):
        folder = tmp_path / str(fills)
        folder.mkdir()
        rig = Rig(folder, {1: both(buy("A", 80), other), 2: swap}, capabilities=REPLACING, risk=LIMITS)
        first, second = rig.moment(0, 100)
        rig.accept(first, 80)
        rig.accept(second, 10)
        assert calls(rig.moment(1, 100)) == ["cancel"]
        if fills:
            assert rig.fill(first.client_id, 80, whole=80) == []
            assert rig.order(2).quantity == 10
        else:
            sent = only(rig.report(first.client_id, OrderStatus.CANCELLED, quantity=80))
            assert sent.order is not None
            assert (sent.call, float(sent.order.quantity)) == ("replace", 90.0)
            rig.answer(sent, Outcome.DONE)
            assert rig.order(2).quantity == 90
        rig.again()


# --- two strategies of one account -----------------------------------------------------------------------


def pair_of(path: Path, first: dict[int, Acts], second: dict[int, Acts]) -> Rig:
    """Return a rig of two strategies."""
    return Rig(path, {}, capabilities=PLAIN, risk=LIMITS, kinds={"s": scripted(first), "t": scripted(second)})


def orders_of(rig: Rig, name: str) -> list[Order]:
    return list(rig.floor.courses[name].engine.desk.orders.values())


def test_two_strategies_of_a_session_may_not_hold_what_one_may_not(tmp_path: Path) -> None:
    rig = pair_of(tmp_path, {1: buy("A", 80)}, {2: both(buy("A", 30), buy("A", 20))})
    rig.accept(only(rig.moment(0, 100)), 80)
    sent = only(rig.moment(1, 100))
    assert sent.order is not None
    assert sent.order.quantity == 20
    refused, passed = orders_of(rig, "t")
    assert (refused.reason, passed.status) == (Reason.POSITION_QUANTITY, OrderStatus.SUBMITTED)
    journalled = [one for one in rig.journal.read() if one.kind == "refused"]
    assert [(one.strategy, one.body["value"], one.body["bound"]) for one in journalled] == [("t", 110, 100)]
    rig.again()


def test_an_order_waits_for_the_end_of_what_another_strategy_cancels(tmp_path: Path) -> None:
    for fills in (False, True):
        folder = tmp_path / str(fills)
        folder.mkdir()
        rig = pair_of(folder, {1: buy("A", 80), 2: target(0)}, {2: buy("A", 50)})
        first = only(rig.moment(0, 100))
        rig.accept(first, 80)
        assert calls(rig.moment(1, 100)) == ["cancel"]
        if fills:
            rig.fill(first.client_id, 80, whole=80)
            assert orders_of(rig, "t")[0].reason is Reason.POSITION_QUANTITY
        else:
            sent = only(rig.report(first.client_id, OrderStatus.CANCELLED, quantity=80))
            assert sent.order is not None
            assert sent.order.quantity == 50
        rig.again()
