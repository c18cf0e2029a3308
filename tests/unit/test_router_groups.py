"""The router: brackets, pairs, watched stops, and what is not of the session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openbell.core.errors import BadData
from openbell.core.types import OrderStatus, OrderType, Reason, TimeInForce
from openbell.execution.port import Capabilities
from openbell.trading.route import Outcome, Stage
from tests.loopback.direct import BARE
from tests.unit.router_acts import (
    PLAIN,
    REPLACING,
    both,
    bracket,
    buy,
    calls,
    cancel,
    change,
    entry,
    limit,
    only,
)
from tests.unit.router_rig import Rig
from tests.unit.trading_by_hand import Scripted, scripted

S = OrderStatus

# --- orders that belong together -------------------------------------------------------------------------


def test_a_bracket_goes_out_as_one_and_its_exits_follow_the_broker(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: bracket})
    send = only(rig.moment(0, 100))
    assert send.order is not None
    assert (str(send.order.stop_loss), str(send.order.take_profit)) == ("95.00", "105.00")
    rig.accept(send)
    assert {rig.order(n).status for n in (2, 3)} == {S.HELD}
    rig.report(send.client_id, S.CANCELLED, 6)
    rig.execution(send.client_id, 6)
    target, stop = f"{send.client_id}-tp", f"{send.client_id}-sl"
    for leg in (stop, target):
        rig.report(leg, S.ACCEPTED, quantity=6)
    assert rig.order(2).quantity == 6
    rig.report(target, S.PARTIALLY_FILLED, 2, 6)
    rig.execution(target, 2)
    rig.report(stop, S.ACCEPTED, quantity=4)
    rig.report(target, S.CANCELLED, 2, 6)
    rig.report(stop, S.FILLED, 4, 4)
    rig.execution(stop, 4)
    assert (rig.held, rig.ended(2)[0], rig.ended(3)) == (0, S.FILLED, (S.CANCELLED, Reason.OCO))
    rig.again()


def test_a_bracket_whose_entry_is_cancelled_ends_with_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: bracket, 2: cancel})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.moment(1, 100)
    for suffix in ("-tp", "-sl"):
        rig.report(send.client_id + suffix, S.CANCELLED)
    rig.report(send.client_id, S.CANCELLED)
    assert {rig.ended(n)[1] for n in (2, 3)} == {Reason.PARENT_ENDED}


def test_exits_are_placed_as_their_entry_fills_part_by_part(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: entry}, capabilities=REPLACING)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    assert rig.order(2).status is S.HELD
    stop = only(rig.fill(send.client_id, 4))
    assert stop.order is not None
    assert (float(stop.order.quantity), stop.order.side) == (4, -1)
    assert rig.fill(send.client_id, 3, before=4) == []  # its answer is not there yet
    grown = only(rig.report(stop.client_id, S.ACCEPTED, quantity=4))
    assert grown.order is not None
    assert (grown.call, float(grown.order.quantity)) == ("replace", 7)
    rig.report(send.client_id, S.CANCELLED, 7)
    rig.report(grown.client_id, S.ACCEPTED, quantity=7, replaces=stop.client_id)
    rig.fill(grown.client_id, 7, whole=7)
    assert (rig.held, rig.order(2).status, rig.floor.router.open()) == (0, S.FILLED, [])
    rig.again()


def test_a_growing_exit_that_cannot_be_replaced_is_cancelled_and_placed_anew(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: entry}, capabilities=REPLACING)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    stop = only(rig.fill(send.client_id, 4))
    rig.report(stop.client_id, S.ACCEPTED, quantity=4)
    grown = only(rig.fill(send.client_id, 6, before=4))
    asked = only(rig.answer(grown, Outcome.REFUSED, "not now"))
    assert (asked.call, asked.target) == ("cancel", stop.client_id)
    new = only(rig.report(stop.client_id, S.CANCELLED, quantity=4))
    assert new.order is not None
    assert (new.call, float(new.order.quantity)) == ("place", 10)
    rig.again()


def test_a_part_of_an_exit_that_filled_sleeps_until_the_entry_fills_more(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: entry}, capabilities=PLAIN)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    stop = only(rig.fill(send.client_id, 4))
    rig.report(stop.client_id, S.ACCEPTED, quantity=4)
    rig.fill(stop.client_id, 4, whole=4)
    assert (rig.held, rig.route(2).stage) == (0, Stage.KEPT)
    more = only(rig.fill(send.client_id, 2, before=4))
    assert more.order is not None
    assert float(more.order.quantity) == 2
    rig.fill(more.client_id, 2, whole=2)
    rig.report(send.client_id, S.CANCELLED, 6)
    assert (rig.held, rig.order(2).status, rig.order(2).quantity) == (0, S.FILLED, 6)
    rig.again()


def test_an_exit_of_an_entry_that_never_filled_ends(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: entry, 2: cancel}, capabilities=PLAIN)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.moment(1, 100)
    rig.report(send.client_id, S.CANCELLED)
    assert rig.ended(2) == (S.CANCELLED, Reason.PARENT_ENDED)


def test_exits_cancel_each_other_where_the_broker_does_not(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: bracket}, capabilities=REPLACING)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    stop, target = rig.fill(send.client_id, 10)
    for one in (stop, target):
        rig.accept(one)
    less = only(rig.fill(target.client_id, 4))
    assert less.order is not None
    assert (less.call, float(less.order.quantity)) == ("replace", 6)
    rig.report(less.client_id, S.ACCEPTED, quantity=6)
    gone = only(rig.fill(target.client_id, 6, before=4))
    assert (gone.call, gone.target) == ("cancel", less.client_id)
    rig.report(less.client_id, S.CANCELLED, quantity=6)
    assert (rig.held, rig.ended(2)) == (0, (S.CANCELLED, Reason.OCO))
    rig.again()


def test_a_pair_for_what_is_held_goes_out_as_one(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: buy, 2: lambda s, _: s.buy("A", stop_loss=90, take_profit=110)})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.fill(send.client_id, 10)
    pair = only(rig.moment(1, 100))
    assert pair.order is not None
    assert (str(pair.order.limit), str(pair.order.stop_loss)) == ("110.00", "90.00")
    rig.accept(pair)
    rig.report(f"{pair.client_id}-sl", S.ACCEPTED)
    rig.fill(pair.client_id, 10)
    rig.report(f"{pair.client_id}-sl", S.CANCELLED)
    assert {rig.ended(n)[0] for n in (2, 3)} == {S.FILLED, S.CANCELLED}
    rig.again()


def test_an_order_after_one_that_has_ended_without_a_fill_is_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: lambda s, _: s.order("A", -10, after=s.made["a"])})
    rig.report(only(rig.moment(0, 100)).client_id, S.EXPIRED)
    rig.moment(1, 100)
    assert rig.ended(2) == (S.REJECTED, Reason.PARENT_ENDED)


# --- what is not of this session -------------------------------------------------------------------------


def test_orders_placed_by_hand_are_known_and_never_touched(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    rig.moment(0, 100)
    assert rig.report("", S.ACCEPTED, broker_id="hand") == []
    assert rig.execution("", 10, broker="hand") == []
    assert (list(rig.floor.router.foreign), rig.held) == (["hand"], 0)
    assert str(rig.floor.held()["A"]) == "10"
    assert not rig.floor.router.is_news(rig.floor.router.foreign["hand"])
    (fill,) = rig.floor.router.foreign_fills.values()
    assert not rig.floor.router.is_news(fill)


def test_what_was_never_answered_is_asked_for_in_the_next_life(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: both(buy, limit), 2: cancel})
    first, second = rig.moment(0, 100)
    rig.accept(second)
    rig.moment(1, 100)
    doubtful = rig.again().floor.router.unanswered()
    assert [(one.call, one.doubtful) for one in doubtful] == [("place", True), ("cancel", True)]
    assert doubtful[0].client_id == first.client_id


def test_a_change_of_a_native_exit_is_refused_where_the_broker_cannot(tmp_path: Path) -> None:
    can = Capabilities(frozenset(OrderType), frozenset(TimeInForce), bracket=True)

    def alter(s: Scripted, _: int) -> None:
        s.replace(s.working[1], stop=96)

    rig = Rig(tmp_path, {1: entry, 2: alter}, capabilities=can)
    rig.accept(only(rig.moment(0, 100)))
    assert rig.moment(1, 100) == []
    assert (rig.order(2).stop, rig.order(2).reason) == (95, Reason.UNSUPPORTED)


def test_a_fill_of_an_exit_comes_before_anything_else_of_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: bracket})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.execution(f"{send.client_id}-sl", 10)
    rig.execution(send.client_id, 10)
    assert (rig.held, rig.order(2).status) == (0, S.FILLED)
    rig.again()


def test_a_native_exit_for_less_is_filled_when_that_has_filled(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: bracket})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.fill(send.client_id, 10)
    rig.execution(f"{send.client_id}-sl", 6)
    rig.route(2).heard.clear()
    rig.report(f"{send.client_id}-sl", S.FILLED, 6)
    assert (rig.order(2).status, rig.order(2).quantity) == (S.FILLED, 6)


def test_a_bracket_that_the_gate_refuses_takes_its_exits_with_it(tmp_path: Path) -> None:
    def act(s: Scripted, _: int) -> None:
        s.order("A", 10_000, limit=99, stop_loss=95, take_profit=105)

    rig = Rig(tmp_path, {1: act})
    assert rig.moment(0, 100) == []
    assert [rig.ended(n)[1] for n in (1, 2, 3)] == [
        Reason.NO_BUYING_POWER,
        Reason.PARENT_ENDED,
        Reason.PARENT_ENDED,
    ]
    rig.again()


def test_two_stops_are_no_pair(tmp_path: Path) -> None:
    def act(s: Scripted, _: int) -> None:
        s.buy("A", stop_loss=90, trailing_stop=0.1)

    rig = Rig(tmp_path, {1: buy, 2: act})
    rig.fill(only(rig.moment(0, 100)).client_id, 10)
    assert calls(rig.moment(1, 100)) == ["place", "place"]


def test_a_cancel_overtakes_a_change_by_cancel_and_new(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: change(limit=98), 3: cancel}, capabilities=PLAIN)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.moment(1, 100)
    rig.moment(2, 100)
    assert rig.report(send.client_id, S.CANCELLED) == []
    assert rig.ended(1) == (S.CANCELLED, Reason.ASKED)
    rig.again()


def test_a_report_of_triggering_before_acceptance_is_told_in_order(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: lambda s, _: s.order("A", 10, stop=105)})
    send = only(rig.moment(0, 100))
    rig.report(send.client_id, S.TRIGGERED)
    rig.accept(send)
    steps = [step.status for step in rig.order(1).life]
    assert steps == [S.NEW, S.SUBMITTED, S.ACCEPTED, S.TRIGGERED]


def test_an_order_from_a_fill_goes_out_at_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: buy})
    strategy: Any = rig.course.engine.strategy
    rig.course.engine._on_fill = lambda fill: strategy.order("A", -5) if fill.side > 0 else None
    send = only(rig.moment(0, 100))
    assert calls(rig.fill(send.client_id, 10)) == ["place"]


def test_buying_power_of_the_account_is_spent_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: both(buy, buy)})
    rig.take("power", {"power": "1500", "since": 1})
    assert calls(rig.moment(0, 100)) == ["place"]
    assert rig.ended(2)[1] is Reason.NO_BUYING_POWER


def test_a_short_position_ties_up_equity(tmp_path: Path) -> None:
    def act(s: Scripted, _: int) -> None:
        s.order("A", -300)

    rig = Rig(tmp_path, {1: act, 2: lambda s, _: s.order("A", -300)}, initial=1.0)
    rig.fill(only(rig.moment(0, 100)).client_id, 300, whole=300)
    assert rig.moment(1, 100) == []
    assert rig.ended(2)[1] is Reason.NO_BUYING_POWER


def test_an_order_whose_refusal_is_told_twice_ends_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit})
    send = only(rig.moment(0, 100))
    rig.answer(send, Outcome.DONE)
    assert rig.route(1).stage is Stage.WORKING
    rig.report(send.client_id, S.REJECTED)
    rig.floor.router._steering.end(rig.route(1), S.REJECTED, Reason.BROKER_REFUSED)
    assert rig.ended(1) == (S.REJECTED, Reason.BROKER_REFUSED)


def test_strategies_and_groups_are_told_apart(tmp_path: Path) -> None:
    def protect(s: Scripted, _: int) -> None:
        s.order("A", 10, limit=99, stop_loss=95, take_profit=105)
        s.order("A", 10, limit=98, stop_loss=94, take_profit=106)

    kinds = {"s": scripted({1: protect}), "other": scripted({1: protect})}
    rig = Rig(tmp_path, {}, capabilities=BARE, kinds=kinds)
    sends = rig.moment(0, 100)
    assert len(sends) == 4
    targets = [only(rig.fill(send.client_id, 10)) for send in sends]
    for target in targets:
        rig.accept(target)
    rig.fill(targets[0].client_id, 10)
    assert [route.key for route in rig.floor.router.open("s")] == [("s", 7), ("s", 8)]
    assert len(rig.floor.router.open("other")) == 4
    cancelled = rig.moment(1, 94.5)
    assert {send.target for send in cancelled} == {targets[2].client_id}


def test_what_has_ended_is_not_changed_any_more(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: buy})
    rig.fill(only(rig.moment(0, 100)).client_id, 10)
    before = rig.order(1).life
    rig.floor.router.board.change(rig.route(1), Reason.BROKER_REFUSED)
    assert rig.order(1).life == before


def test_an_input_of_a_later_version_is_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    with pytest.raises(BadData, match="update Openbell"):
        rig.floor.apply("omen", {}, 1)
