"""An entry that is too large is cut to what the limits let pass, and says so."""

import pytest

import openbell as ob
from openbell.core.orders import Order
from openbell.core.requests import NO_EXITS, Exits, Ticket
from openbell.core.types import OrderStatus, Reason
from openbell.execution.risk.limits import OrderLimits, PortfolioLimits, PositionLimits
from tests.unit.risk_by_hand import GuardedSeat, risk_of


def seat_of(*parts):
    seat = GuardedSeat(*parts)
    object.__setattr__(seat.gate.risk, "cut", True)
    return seat


@pytest.mark.parametrize(
    ("limit", "quantity", "code"),
    [
        (PositionLimits(max_quantity=85.0), 85.0, "position_quantity"),
        (PositionLimits(max_notional=4_250.0), 42.0, "position_notional"),
        (PortfolioLimits(max_leverage=0.05), 50.0, "leverage"),
        (OrderLimits(max_notional=100.0), 1.0, "order_notional"),
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_an_entry_is_cut_to_the_most_that_passes(limit, quantity, code, side):
    seat = seat_of(limit)
    order = seat.order("A", 120 * side)
    assert (order.quantity, order.reason, seat.gate.counts) == (quantity, Reason.NONE, {})
    assert order.tag.startswith(f"cut from 120 to {quantity:g} by {code}: A: ")
    seat.fill(order)
    assert seat.order("A", side).status is OrderStatus.REJECTED or code == "order_notional"


def test_its_exits_are_cut_with_it_and_a_tag_of_its_own_stays():
    seat = seat_of(PositionLimits(max_quantity=85.0))
    exits = Exits(stop_loss=90.0, take_profit=120.0)
    entry = seat.desk.order("A", 120.0, exits, Ticket(tag="mine"))
    passed = [one for one in seat.engine.flush() if isinstance(one, Order)]
    assert [one.quantity for one in passed] == [85.0, 85.0, 85.0]
    assert entry.tag.startswith("mine; cut from 120 to 85")


def test_where_no_lot_passes_it_is_refused_as_it_was_asked():
    seat = seat_of(OrderLimits(max_notional=99.0, restricted=("B",)))
    for symbol, reason in (("A", Reason.ORDER_NOTIONAL), ("B", Reason.RESTRICTED_SYMBOL)):
        order = seat.order(symbol, 120)
        assert (order.quantity, order.reason, order.tag) == (120.0, reason, "")
    assert seat.gate.counts == {Reason.ORDER_NOTIONAL: 1, Reason.RESTRICTED_SYMBOL: 1}


def test_what_only_reduces_is_not_cut():
    seat = seat_of(OrderLimits(collar=0.05))
    seat.hold("A", 100)
    order = seat.desk.order("A", -100.0, NO_EXITS, Ticket(limit=50.0, reduce_only=True))
    seat.engine.flush()
    assert (order.quantity, order.reason) == (100.0, Reason.PRICE_COLLAR)


def test_the_report_says_from_what_to_what(tmp_path):
    risk = ob.Risk(position=ob.PositionLimits(max_share=0.3), cut=True)
    result = ob.backtest("sma_cross", "IBM", risk=risk, end="2001-12-31")
    assert not result.outcome.refused
    assert "cut from " in result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert result.orders.tag.str.contains("by position_share").any()
    assert ob.Risk(cut=True).as_json()["cut"] is True
    with pytest.raises(ob.ConfigError, match=r"risk\.cut='x' must be true or false"):
        ob.Risk(cut="x")  # type: ignore[arg-type]
    assert not risk_of().cut
