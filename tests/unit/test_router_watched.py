"""The router: stops that the broker does not have are watched here."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from openbell.core.types import OrderStatus, OrderType, Reason, TimeInForce
from openbell.execution.port import Capabilities
from tests.loopback.direct import BARE
from tests.unit.router_acts import (
    bracket,
    calls,
    change,
    only,
)
from tests.unit.router_rig import Rig
from tests.unit.trading_by_hand import START, Scripted

S = OrderStatus


def test_a_stop_that_the_broker_does_not_have_is_watched(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: lambda s, _: s.order("A", 10, stop=105)}, capabilities=BARE)
    assert rig.moment(0, 100) == []
    assert rig.order(1).status is S.ACCEPTED
    assert rig.moment(1, 104) == []
    send = only(rig.moment(2, 103, high=105.5))
    assert send.order is not None
    assert (send.order.type, rig.order(1).status) == (OrderType.MARKET, S.TRIGGERED)
    rig.fill(send.client_id, 10)
    assert rig.order(1).status is S.FILLED
    rig.again()


def test_a_watched_trailing_stop_is_tested_against_the_mark_before(tmp_path: Path) -> None:
    def act(s: Scripted, _: int) -> None:
        s.order("A", 10, trailing_stop=0.05)

    rig = Rig(tmp_path, {1: act}, capabilities=BARE)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.fill(send.client_id, 10)
    assert rig.moment(1, 110, high=110, low=104) == []
    assert rig.floor.router.would_trigger("A", 104, START)
    assert not rig.floor.router.would_trigger("A", 106, START)
    assert calls(rig.take("touch", {"symbol": "A", "price": 104.0})) == ["place"]
    rig.again()


def test_a_watched_stop_limit_becomes_a_limit_order_and_can_be_changed_and_cancelled(
    tmp_path: Path,
) -> None:
    def act(s: Scripted, _: int) -> None:
        s.made["a"] = s.order("A", 10, stop=105, limit=106)
        s.made["b"] = s.order("A", 10, stop=120)

    def alter(s: Scripted, n: int) -> None:
        change(stop=104)(s, n)
        s.cancel(s.made["b"])

    rig = Rig(tmp_path, {1: act, 2: alter}, capabilities=BARE)
    rig.moment(0, 100)
    rig.moment(1, 100)
    assert (rig.order(1).stop, rig.ended(2)) == (104, (S.CANCELLED, Reason.ASKED))
    send = only(rig.moment(2, 104))
    assert send.order is not None
    assert (send.order.type, str(send.order.limit)) == (OrderType.LIMIT, "106.00")


def test_watched_orders_run_out(tmp_path: Path) -> None:
    rig = Rig(
        tmp_path,
        {1: lambda s, _: [s.order("A", 10, stop=105, tif="day"), s.order("A", 10, stop=106)]},
        capabilities=BARE,
    )
    rig.moment(0, 100)
    rig.moment(24 * 60 + 5, 100)
    assert (rig.ended(1), rig.order(2).status) == ((S.EXPIRED, Reason.SESSION_END), S.ACCEPTED)


def test_a_watched_stop_goes_when_the_target_works_no_more(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: bracket}, capabilities=BARE)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    target = only(rig.fill(send.client_id, 10))
    rig.accept(target)
    asked = only(rig.moment(1, 94))
    assert (asked.call, asked.target) == ("cancel", target.client_id)
    rig.fill(target.client_id, 3)  # it fills in part before it ends
    stop = only(rig.report(target.client_id, S.CANCELLED, 3))
    assert stop.order is not None
    assert (float(stop.order.quantity), stop.order.type) == (7, OrderType.MARKET)
    rig.fill(stop.client_id, 7, whole=7)
    assert (rig.held, rig.floor.router.open()) == (0, [])
    rig.again()


def test_a_watched_order_that_is_good_till_a_time_runs_out_then(tmp_path: Path) -> None:
    can = Capabilities(frozenset({OrderType.MARKET}), frozenset(TimeInForce))

    def act(s: Scripted, _: int) -> None:
        s.order("A", 10, stop=105, tif="gtd", good_till=datetime.fromtimestamp(START / 1e9 + 180, UTC))

    rig = Rig(tmp_path, {1: act}, capabilities=can)
    rig.moment(0, 100)
    rig.moment(4, 100)
    assert rig.ended(1) == (S.EXPIRED, Reason.GOOD_TILL)
