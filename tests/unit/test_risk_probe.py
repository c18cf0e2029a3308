"""Limits are asked of an order that is not sent: they say what they would do, and nothing changes."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest

from openbell.core.orders import Order
from openbell.execution.risk.limits import (
    OperationLimits,
    OrderLimits,
    PortfolioLimits,
    PositionLimits,
    RiskModel,
)
from openbell.execution.risk.probe import Answered, probe
from tests.unit.risk_by_hand import GuardedSeat

PARTS = (
    OrderLimits(max_quantity=85.0, duplicate_seconds=5.0, max_per_minute=3),
    PositionLimits(max_quantity=150.0),
    PortfolioLimits(max_leverage=0.2, max_var=0.5),
    RiskModel(unknown="pass"),
)


def order_of(symbol: str, quantity: float) -> Order:
    return Order(0, "", symbol, 1 if quantity > 0 else -1, abs(quantity), 0)


def ask(seat: GuardedSeat, symbol: str, quantity: float) -> Answered:
    return probe(seat.gate, order_of(symbol, quantity), 1.0)


def seat_of(*parts: Any, cut: bool = False, enforce: bool = True) -> GuardedSeat:
    seat = GuardedSeat(*parts, enforce=enforce)
    object.__setattr__(seat.gate.risk, "cut", cut)
    return seat


def test_every_limit_says_its_value_and_the_first_that_refuses_is_the_gates() -> None:
    seat = seat_of(*PARTS)
    answered = ask(seat, "A", 250)
    said = {one.limit.value: (one.value, one.bound, one.passes) for one in answered.readings}
    assert said["order_quantity"] == (250.0, 85.0, False)
    assert said["position_quantity"] == (250.0, 150.0, False)
    assert said["leverage"] == (0.25, 0.2, False)
    assert said["order_rate"] == (1.0, 3.0, True)
    assert answered.refusal is not None
    assert (answered.refusal.limit.value, answered.quantity) == ("order_quantity", 0.0)
    texts = [one.text for one in answered.readings]
    assert "A: 250 shares, and the most is 85" in texts
    assert "A: sent a moment before: no" in texts


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("quantity", [50, 85, 86, 160, -50, -500])
def test_the_answer_is_what_happens_when_the_same_order_is_sent(quantity: int, *, cut: bool) -> None:
    seat = seat_of(*PARTS, cut=cut)
    seat.hold("A", 100)
    seat.move()
    answered = ask(seat, "A", quantity)
    sent = seat.order("A", quantity)
    assert sent.reason.value == ("" if answered.quantity else answered.refusal.limit.value)  # type: ignore[union-attr]
    assert answered.quantity in (0.0, sent.quantity)


def test_nothing_changes_by_asking() -> None:
    seat, other = seat_of(*PARTS), seat_of(*PARTS)
    for one in (seat, other):
        one.hold("B", 40)
        one.move()
        one.order("A", 10)
    before = pickle.dumps(seat.gate.pulse)
    for quantity in (10, 20, 500, -500):
        ask(seat, "A", quantity)
        ask(seat, "C", quantity)
    assert pickle.dumps(seat.gate.pulse) == before
    assert (seat.gate.counts, seat.sent[0].id, len(seat.sent)) == ({}, 1, 1)
    assert list(seat.desk.orders) == [1]
    assert not seat.desk.outbox
    assert (seat.gate.book.gross, seat.gate.book.positions) == (
        other.gate.book.gross,
        other.gate.book.positions,
    )
    assert [seat.order("A", 20).reason, seat.order("C", 90).reason] == [
        other.order("A", 20).reason,
        other.order("C", 90).reason,
    ]


def test_limits_that_only_record_let_all_pass() -> None:
    answered = ask(seat_of(*PARTS, enforce=False), "A", 250)
    assert answered.refusal is not None
    assert answered.quantity == 250.0


def test_what_only_closes_is_held_against_the_collar_alone() -> None:
    seat = seat_of(OrderLimits(collar=0.05, max_quantity=10.0), OperationLimits(stop=True))
    seat.hold("A", 100)
    seat.move()
    assert [one.limit.value for one in ask(seat, "A", -100).readings] == ["price_collar"]
    assert {one.limit.value for one in ask(seat, "A", 100).readings} > {"emergency_stop", "order_quantity"}


def test_without_a_price_nothing_can_be_measured() -> None:
    seat = GuardedSeat(*PARTS)
    seat.gate.book.slot("A").price = math.nan
    answered = ask(seat, "A", 1)
    assert (answered.readings, answered.quantity) == ([], 0.0)
    assert answered.refusal is not None
    assert answered.refusal.limit.value == "no_price"
