"""The router: what goes out because of what came in, whatever the order in which it came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openbell.core.types import OrderStatus, OrderType, Reason, TimeInForce
from openbell.execution.port import Capabilities
from openbell.trading.route import Outcome, Send, Stage
from tests.loopback.direct import BARE
from tests.unit.router_rig import Rig
from tests.unit.trading_by_hand import Scripted

S = OrderStatus
#: Every type, and nothing that spares the router work.
PLAIN = Capabilities(frozenset(OrderType), frozenset(TimeInForce), short=True)
REPLACING = Capabilities(frozenset(OrderType), frozenset(TimeInForce), replace=True, short=True)


def calls(sends: list[Send]) -> list[str]:
    return [send.call for send in sends]


def only(sends: list[Send]) -> Send:
    (send,) = sends
    return send


def buy(s: Scripted, _: int) -> None:
    s.made["a"] = s.order("A", 10)


def limit(s: Scripted, _: int) -> None:
    s.made["a"] = s.order("A", 10, limit=99)


def bracket(s: Scripted, _: int) -> None:
    s.made["a"] = s.order("A", 10, limit=99, stop_loss=95, take_profit=105)


def entry(s: Scripted, _: int) -> None:
    s.made["a"] = s.order("A", 10, limit=99, stop_loss=95)


def cancel(s: Scripted, _: int) -> None:
    s.cancel(s.made["a"])


def change(**terms: float) -> Any:
    return lambda s, _: s.replace(s.made["a"], **terms)


# --- one order -------------------------------------------------------------------------------------------


def test_an_order_is_sent_accepted_and_filled(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: buy})
    send = only(rig.moment(0, 100))
    assert (send.call, send.client_id, rig.order(1).status) == ("place", "obt1-s-1-1", S.SUBMITTED)
    rig.accept(send)
    rig.fill(send.client_id, 4)
    rig.fill(send.client_id, 6, before=4)
    assert (rig.order(1).status, rig.held, rig.route(1).stage) == (S.FILLED, 10, Stage.ENDED)
    assert rig.again().floor.router.open() == []


def test_a_fill_before_every_report_and_twice_is_booked_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: buy})
    send = only(rig.moment(0, 100))
    rig.execution(send.client_id, 10, name="e1")
    rig.execution(send.client_id, 10, name="e1")
    rig.accept(send)
    rig.report(send.client_id, S.FILLED, 10)
    rig.report(send.client_id, S.PARTIALLY_FILLED, 4)
    assert rig.answer(send, Outcome.DONE) == []
    assert (rig.order(1).status, rig.held) == (S.FILLED, 10)


def test_a_fill_without_a_client_id_is_known_by_the_brokers(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: buy})
    rig.accept(only(rig.moment(0, 100)))
    rig.execution("", 10, broker="x-obt1-s-1-1")
    assert rig.held == 10


def test_an_end_waits_for_the_fills_before_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit})
    send = only(rig.moment(0, 100))
    rig.report(send.client_id, S.CANCELLED, 4)
    assert (rig.order(1).open, [r.client_id for r in rig.floor.router.short_of_fills()]) == (
        True,
        [send.client_id],
    )
    rig.execution(send.client_id, 4)
    assert (rig.ended(1), rig.held) == ((S.CANCELLED, Reason.BROKER_CANCELLED), 4)
    assert rig.again().floor.router.short_of_fills() == []


def test_fills_that_nobody_tells_are_booked_from_the_report_and_not_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit})
    send = only(rig.moment(0, 100))
    rig.execution(send.client_id, 2, 98)
    rig.report(send.client_id, S.FILLED, 10, average="99.6")
    rig.take("settle", {"client_id": send.client_id})
    rig.take("settle", {"client_id": send.client_id})
    assert (rig.order(1).status, rig.order(1).average) == (S.FILLED, pytest.approx(99.6))
    rig.execution(send.client_id, 8, 100)
    assert (rig.held, rig.course.engine.fills[-1].price) == (10, 100)
    rig.again()


def test_a_report_that_cannot_be_averaged_gives_the_best_price_there_is(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit})
    send = only(rig.moment(0, 100))
    rig.execution(send.client_id, 9, 500)
    rig.report(send.client_id, S.FILLED, 10, average=99)
    rig.take("settle", {"client_id": send.client_id})
    assert rig.course.engine.fills[-1].price == 99


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [(Outcome.REFUSED, Reason.BROKER_REFUSED), (Outcome.ABSENT, Reason.NOT_SENT)],
)
def test_an_order_that_the_broker_does_not_take_ends(
    tmp_path: Path, outcome: Outcome, reason: Reason
) -> None:
    rig = Rig(tmp_path, {1: bracket})
    rig.answer(only(rig.moment(0, 100)), outcome, "no")
    assert rig.ended(1) == (S.REJECTED, reason)
    assert {rig.ended(n) for n in (2, 3)} == {(S.CANCELLED, Reason.PARENT_ENDED)}
    assert rig.again().floor.router.open() == []


def test_a_refusal_after_acceptance_ends_the_order(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.answer(send, Outcome.REFUSED, "too late to count")
    rig.report(send.client_id, S.REJECTED, said="halted")
    assert rig.ended(1) == (S.REJECTED, Reason.BROKER_REFUSED)
    assert any(entry.kind == "said" and entry.body["said"] == "halted" for entry in rig.journal.read())


def test_an_order_that_arrives_after_it_was_given_up_is_cancelled_and_its_fills_are_booked(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path, {1: buy})
    send = only(rig.moment(0, 100))
    rig.answer(send, Outcome.ABSENT)
    assert calls(rig.accept(send)) == ["cancel"]
    assert rig.report(send.client_id, S.PARTIALLY_FILLED, 3) == []
    rig.execution(send.client_id, 3)
    assert (rig.held, rig.order(2).tag, rig.order(1).status) == (3, "late_fill", S.REJECTED)
    rig.report(send.client_id, S.CANCELLED, 3)
    rig.again()


def test_times_in_force_end_orders_with_their_reasons(tmp_path: Path) -> None:
    rig = Rig(
        tmp_path,
        {1: lambda s, _: [s.order("A", 10, limit=99, tif=tif) for tif in ("ioc", "day", "gtc")]},
    )
    ioc, day, gtc = rig.moment(0, 100)
    rig.report(ioc.client_id, S.CANCELLED)
    rig.report(day.client_id, S.EXPIRED)
    rig.report(gtc.client_id, S.EXPIRED, reason=Reason.GOOD_TILL)
    assert [rig.ended(n)[1] for n in (1, 2, 3)] == [
        Reason.NOT_IMMEDIATE,
        Reason.SESSION_END,
        Reason.GOOD_TILL,
    ]


# --- cancels ---------------------------------------------------------------------------------------------


def test_a_cancel_waits_for_the_answer_and_ends_with_its_reason(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: cancel})
    send = only(rig.moment(0, 100))
    assert rig.moment(1, 100) == []
    asked = only(rig.accept(send))
    assert (asked.call, asked.target) == ("cancel", send.client_id)
    rig.answer(asked, Outcome.DONE)
    rig.report(send.client_id, S.CANCELLED)
    assert rig.ended(1) == (S.CANCELLED, Reason.ASKED)
    rig.again()


def test_a_fill_wins_the_race_with_a_cancel(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: cancel})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    asked = only(rig.moment(1, 100))
    rig.fill(send.client_id, 10)
    assert rig.answer(asked, Outcome.REFUSED, "is filled") == []
    assert (rig.order(1).status, rig.held) == (S.FILLED, 10)


def test_a_cancel_that_is_refused_is_asked_three_times(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: cancel})
    rig.accept(only(rig.moment(0, 100)))
    sends = rig.moment(1, 100)
    for _ in range(2):
        sends = rig.answer(only(sends), Outcome.REFUSED, "pending")
    assert rig.answer(only(sends), Outcome.REFUSED, "pending") == []
    assert rig.order(1).open


def test_a_cancel_of_what_the_broker_has_no_more_ends_the_order(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: cancel})
    rig.accept(only(rig.moment(0, 100)))
    rig.answer(only(rig.moment(1, 100)), Outcome.ABSENT, "unknown")
    assert rig.ended(1) == (S.CANCELLED, Reason.ASKED)


def test_a_late_fill_after_a_cancel_is_an_order_of_its_own(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: cancel})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.moment(1, 100)
    rig.report(send.client_id, S.CANCELLED)
    rig.fill(send.client_id, 4)
    assert (rig.ended(1), rig.held, rig.order(2).status) == ((S.CANCELLED, Reason.ASKED), 4, S.FILLED)
    rig.again()


def test_what_has_ended_is_neither_cancelled_nor_changed(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: lambda s, n: (change(limit=98)(s, n), cancel(s, n))})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.route(1).stage = Stage.ENDED
    assert rig.moment(1, 100) == []


# --- changes ---------------------------------------------------------------------------------------------


def test_a_change_is_a_replacement_where_the_broker_has_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: change(limit=98, quantity=12), 3: change(limit=97)})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.fill(send.client_id, 4)
    asked = only(rig.moment(1, 100))
    assert asked.order is not None
    assert (asked.call, asked.client_id, asked.order.quantity) == ("replace", "obt1-s-1-2", 12)
    assert rig.moment(2, 100) == []  # one at a time
    again = rig.report(asked.client_id, S.ACCEPTED, 4, 12, replaces=send.client_id)
    assert (calls(again), rig.order(1).quantity) == (["replace"], 12)
    rig.report(send.client_id, S.CANCELLED, 4, reason=Reason.REPLACED)
    assert rig.order(1).open
    rig.answer(only(again), Outcome.DONE)
    rig.fill(only(again).client_id, 8, whole=12, before=4)
    assert (rig.order(1).status, rig.held, rig.order(1).limit) == (S.FILLED, 12, 97)
    rig.again()


def test_a_change_that_is_refused_leaves_the_order_as_it_was(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: change(limit=98)})
    rig.accept(only(rig.moment(0, 100)))
    asked = only(rig.moment(1, 100))
    rig.report(asked.client_id, S.REJECTED)
    rig.answer(asked, Outcome.REFUSED, "no")
    rig.answer(asked, Outcome.REFUSED, "no")
    assert (rig.order(1).limit, rig.ended(1)) == (99, (S.ACCEPTED, Reason.BROKER_REFUSED))
    rig.again()


def test_the_old_order_ends_before_the_answer_to_its_change(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: change(limit=98)})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    asked = only(rig.moment(1, 100))
    rig.report(send.client_id, S.CANCELLED)
    assert rig.order(1).open  # it may have been replaced
    rig.answer(asked, Outcome.ABSENT)
    assert rig.ended(1) == (S.CANCELLED, Reason.BROKER_CANCELLED)
    rig.again()


def test_a_fill_wins_the_race_with_a_change(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: change(quantity=20)})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    asked = only(rig.moment(1, 100))
    rig.fill(send.client_id, 10)
    rig.answer(asked, Outcome.REFUSED, "is filled")
    assert (rig.order(1).status, rig.held) == (S.FILLED, 10)


def test_without_replacing_a_change_is_a_cancel_and_a_new_order_for_the_rest(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: change(limit=98)}, capabilities=PLAIN)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    assert calls(rig.moment(1, 100)) == ["cancel"]
    rig.report(send.client_id, S.CANCELLED, 3)
    new = only(rig.execution(send.client_id, 3))
    assert new.order is not None
    assert (new.call, new.order.quantity, str(new.order.limit)) == ("place", 7, "98.00")
    rig.fill(new.client_id, 7, whole=7)
    assert (rig.order(1).status, rig.held) == (S.FILLED, 10)
    rig.again()


def test_a_change_to_what_has_filled_ends_the_order(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: change(quantity=4)})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    rig.fill(send.client_id, 5)
    assert calls(rig.moment(1, 100)) == ["cancel"]
    rig.report(send.client_id, S.CANCELLED, 5)
    assert rig.ended(1) == (S.CANCELLED, Reason.REPLACED)


def test_a_change_that_the_gate_refuses_is_not_sent(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: change(quantity=10_000)})
    rig.accept(only(rig.moment(0, 100)))
    assert rig.moment(1, 100) == []
    assert (rig.order(1).quantity, rig.order(1).reason) == (10, Reason.NO_BUYING_POWER)


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
    assert (stop.order.quantity, stop.order.side) == (4, -1)
    assert rig.fill(send.client_id, 3, before=4) == []  # its answer is not there yet
    grown = only(rig.report(stop.client_id, S.ACCEPTED, quantity=4))
    assert grown.order is not None
    assert (grown.call, grown.order.quantity) == ("replace", 7)
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
    assert (new.call, new.order.quantity) == ("place", 10)
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
    assert more.order.quantity == 2
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
    assert (less.call, less.order.quantity) == ("replace", 6)
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


# --- what is watched here --------------------------------------------------------------------------------


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
    assert rig.floor.router.would_trigger("A", 104)
    assert not rig.floor.router.would_trigger("A", 106)
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
    assert (stop.order.quantity, stop.order.type) == (7, OrderType.MARKET)
    rig.fill(stop.client_id, 7, whole=7)
    assert (rig.held, rig.floor.router.open()) == (0, [])
    rig.again()


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
    rig = Rig(tmp_path, {1: lambda s, n: (buy(s, n), limit(s, n)), 2: cancel})
    first, second = rig.moment(0, 100)
    rig.accept(second)
    rig.moment(1, 100)
    doubtful = rig.again().floor.router.unanswered()
    assert [(one.call, one.doubtful) for one in doubtful] == [("place", True), ("cancel", True)]
    assert doubtful[0].client_id == first.client_id
