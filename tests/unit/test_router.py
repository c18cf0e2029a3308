"""The router: what goes out because of what came in, whatever the order in which it came."""

from __future__ import annotations

from pathlib import Path

import pytest

from openbell.core.types import OrderStatus, Reason
from openbell.trading.route import Outcome, Stage
from tests.unit.router_acts import (
    PLAIN,
    both,
    bracket,
    buy,
    calls,
    cancel,
    change,
    limit,
    only,
)
from tests.unit.router_rig import Rig
from tests.unit.trading_by_hand import Scripted

S = OrderStatus
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
    assert rig.order(1).status is S.FILLED
    assert rig.order(1).average == pytest.approx(99.6)
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
    rig = Rig(tmp_path, {1: limit, 2: both(change(limit=98), cancel)})
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
    assert (asked.call, asked.client_id, float(asked.order.quantity)) == ("replace", "obt1-s-1-2", 12)
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
    assert (new.call, float(new.order.quantity), str(new.order.limit)) == ("place", 7, "98.00")
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


def test_a_stop_that_the_broker_ended_is_said_while_its_position_is_held(tmp_path: Path) -> None:
    def protect(s: Scripted, _: int) -> None:
        s.order("A", -10, stop=95, reduce_only=True)

    rig = Rig(tmp_path, {1: buy, 2: protect})
    rig.fill(only(rig.moment(0, 100)).client_id, 10)
    rig.report(only(rig.moment(1, 100)).client_id, S.CANCELLED)
    said = [entry.body["said"] for entry in rig.journal.read() if entry.kind == "said"]
    assert "still held" in said[0]


def test_a_report_from_before_its_end_does_not_bring_an_order_back(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit})
    send = only(rig.moment(0, 100))
    rig.report(send.client_id, S.CANCELLED)
    assert rig.accept(send) == []
    assert rig.ended(1) == (S.CANCELLED, Reason.BROKER_CANCELLED)


def test_an_order_waits_for_the_end_of_what_it_takes_the_place_of(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: both(cancel, buy), 3: buy})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    assert calls(rig.moment(1, 100)) == ["cancel"]
    rig.moment(2, 100)
    assert calls(rig.report(send.client_id, S.CANCELLED)) == ["place", "place"]
    rig.again()


def test_nothing_waits_for_an_order_that_cannot_be_cancelled(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: both(cancel, buy)})
    rig.accept(only(rig.moment(0, 100)))
    sends = rig.moment(1, 100)
    for _ in range(2):
        sends = rig.answer(only(sends), Outcome.REFUSED, "pending")
    assert calls(rig.answer(only(sends), Outcome.REFUSED, "pending")) == ["place"]


def test_no_cancel_is_asked_of_what_has_filled(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: limit, 2: cancel})
    send = only(rig.moment(0, 100))
    rig.accept(send)
    asked = only(rig.moment(1, 100))
    rig.report(send.client_id, S.FILLED, 10)
    assert rig.answer(asked, Outcome.REFUSED, "is filled") == []
    rig.execution(send.client_id, 10)
    assert rig.order(1).status is S.FILLED
