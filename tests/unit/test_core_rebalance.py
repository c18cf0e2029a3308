"""Weights of many symbols become orders: sales first, and nothing twice."""

import pytest

from openbell.core.orders import Cancel
from openbell.core.requests import Exits, Ticket
from openbell.core.types import Reason
from tests.unit.market_by_hand import Seat


@pytest.fixture
def three() -> Seat:
    return Seat("A", "B", "C", short=True, cash=30_000.0)


def test_a_rebalance_sells_first_then_turns_over_then_buys_and_closes_what_is_not_named(three):
    three.hold("A", 100)
    three.hold("B", 50)
    three.hold("C", -10)
    orders = three.desk.weigh({"B": -0.1, "A": 0.1}, only=True)
    assert [(o.symbol, o.side, o.quantity) for o in three.sent()] == [
        ("A", -1, 70), ("C", 1, 10), ("B", -1, 50), ("B", -1, 30),
    ]  # fmt: skip
    assert [o.symbol for o in orders] == ["A", "C", "B"]


def test_purchases_come_last(three):
    three.hold("C", 100)
    three.desk.weigh({"B": 0.2, "A": 0.2}, only=True)
    assert [o.symbol for o in three.sent()] == ["C", "B", "A"]


def test_a_rebalance_is_idempotent(three):
    first = three.desk.weigh({"A": 0.5, "B": -0.2}, only=True)
    assert three.desk.weigh({"A": 0.5, "B": -0.2}, only=True) == first
    assert three.take() == first
    assert three.desk.weigh({"A": 0.5, "B": -0.2}, only=True) == first
    three.fill_all(first)
    assert three.desk.weigh({"A": 0.5, "B": -0.2}, only=True) == []
    assert three.take() == []


def test_a_rebalance_cancels_orders_of_what_is_not_named(three):
    resting = three.desk.order("C", 10, Exits(), Ticket(limit=90.0))
    three.take()
    three.desk.weigh({}, only=True)
    assert three.take() == [Cancel(resting.id, Reason.REPLACED)]


def test_one_weight_leaves_the_others_alone(three):
    three.hold("A", 10)
    three.desk.weigh({"B": 0.1}, only=False)
    assert [o.symbol for o in three.sent()] == ["B"]


def test_a_weight_without_a_price_is_noted(three):
    three.market.tracks["B"].cursor.at = -1
    assert three.desk.weigh({"B": 0.1}, only=False) == []
    assert three.desk.notes == {Reason.NO_PRICE: 1}
