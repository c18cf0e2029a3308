"""The router: an order that only reduces is never shown to the broker for more than is held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openbell.core.types import OrderStatus, Reason
from openbell.execution.port import Capabilities
from openbell.trading.route import Outcome, Send, Stage
from tests.loopback.direct import BARE, EVERYTHING
from tests.unit.router_acts import PLAIN, REPLACING, both, bracket, buy, calls, cancel, entry, limit, only
from tests.unit.router_rig import Rig
from tests.unit.trading_by_hand import Acts, Scripted

S = OrderStatus


def sell(quantity: float = 10, **fields: Any) -> Acts:
    """Return an act that only reduces."""
    return lambda s, _: s.order("A", -quantity, reduce_only=True, **fields)


def pair(quantity: float) -> Acts:
    def act(s: Scripted, _: int) -> None:
        target = s.order("A", -quantity, limit=105, reduce_only=True)
        s.order("A", -quantity, stop=95, reduce_only=True, oco=target)

    return act


def held(path: Path, *acts: Acts, can: Capabilities = REPLACING, quantity: int = 10) -> Rig:
    """Return a rig that holds ten shares and then acts."""
    rig = Rig(path, {1: buy, **dict(enumerate(acts, 2))}, capabilities=can)
    rig.fill(only(rig.moment(0, 100)).client_id, quantity)
    return rig


def size(send: Send) -> int:
    assert send.order is not None
    return int(send.order.quantity)


def working(rig: Rig, sends: list[Send]) -> list[Send]:
    for send in sends:
        rig.accept(send, size(send))
    return sends


def test_an_order_for_more_than_is_held_is_sent_for_what_is_held(tmp_path: Path) -> None:
    rig = held(tmp_path, sell(15, limit=105))
    send = only(rig.moment(1, 100))
    assert (size(send), rig.order(2).quantity) == (10, 15)
    rig.accept(send)
    assert rig.fill(send.client_id, 10) == []
    assert (rig.ended(2), rig.held) == ((S.CANCELLED, Reason.POSITION_CLOSED), 0)
    rig.again()


def test_the_execution_may_come_before_the_report(tmp_path: Path) -> None:
    rig = held(tmp_path, sell(15, limit=105))
    send = only(working(rig, rig.moment(1, 100)))
    assert rig.execution(send.client_id, 10) == []
    assert rig.report(send.client_id, S.FILLED, 10) == []
    assert rig.ended(2) == (S.CANCELLED, Reason.POSITION_CLOSED)


def test_a_stop_shrinks_with_its_position(tmp_path: Path) -> None:
    rig = held(tmp_path, both(sell(stop=95), sell(6, limit=105)))
    stop, target = working(rig, rig.moment(1, 100))
    cut = only(rig.fill(target.client_id, 6, whole=6))
    assert (cut.call, cut.target, size(cut)) == ("replace", stop.client_id, 4)
    rig.answer(cut, Outcome.DONE)
    assert rig.order(2).quantity == 10
    rig.fill(cut.client_id, 4, whole=4)
    assert (rig.held, rig.ended(2)) == (0, (S.CANCELLED, Reason.POSITION_CLOSED))
    rig.again()


def test_where_nothing_can_be_replaced_a_smaller_stop_takes_its_place(tmp_path: Path) -> None:
    rig = held(tmp_path, both(sell(stop=95), sell(6, limit=105)), can=PLAIN)
    stop, target = working(rig, rig.moment(1, 100))
    assert calls(rig.fill(target.client_id, 6, whole=6)) == ["cancel"]
    placed = only(rig.report(stop.client_id, S.CANCELLED))
    assert (placed.call, size(placed), rig.order(2).status) == ("place", 4, S.ACCEPTED)
    rig.again()


def test_a_cut_that_the_broker_refuses_is_made_by_a_cancel(tmp_path: Path) -> None:
    rig = held(tmp_path, both(sell(stop=95), sell(6, limit=105)))
    stop, target = working(rig, rig.moment(1, 100))
    cut = only(rig.fill(target.client_id, 6, whole=6))
    assert calls(rig.answer(cut, Outcome.REFUSED)) == ["cancel"]
    assert size(only(rig.report(stop.client_id, S.CANCELLED))) == 4
    rig.again()


def test_a_price_that_is_refused_leaves_the_quantity(tmp_path: Path) -> None:
    def ask(s: Scripted, _: int) -> None:
        s.made["a"] = s.order("A", -15, limit=105, reduce_only=True)

    rig = held(tmp_path, ask, lambda s, _: s.replace(s.made["a"], limit=104))
    working(rig, rig.moment(1, 100))
    assert rig.answer(only(rig.moment(2, 100)), Outcome.REFUSED) == []
    assert (rig.order(2).quantity, rig.order(2).limit) == (15, 105)


def test_a_stop_ends_with_its_position(tmp_path: Path) -> None:
    rig = held(tmp_path, both(sell(stop=95), sell(limit=105)))
    stop, target = working(rig, rig.moment(1, 100))
    ends = only(rig.fill(target.client_id, 10))
    assert (ends.call, ends.target) == ("cancel", stop.client_id)
    rig.report(stop.client_id, S.CANCELLED)
    assert rig.ended(2) == (S.CANCELLED, Reason.POSITION_CLOSED)
    rig.again()


def test_what_has_nothing_to_reduce_is_not_sent(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: sell(limit=105)})
    assert rig.moment(0, 100) == []
    assert rig.ended(1) == (S.CANCELLED, Reason.NOTHING_TO_REDUCE)
    rig.again()


def test_an_exit_beside_its_entry_waits_and_grows_with_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: both(limit, sell(stop=95))}, capabilities=REPLACING)
    bought = only(rig.moment(0, 100))
    rig.accept(bought)
    assert rig.order(2).status is S.ACCEPTED
    placed = only(rig.fill(bought.client_id, 4))
    assert size(placed) == 4
    rig.accept(placed, 4)
    grown = only(rig.fill(bought.client_id, 6, before=4))
    assert (grown.call, size(grown)) == ("replace", 10)
    rig.again()


def test_an_exit_whose_entry_ends_without_a_fill_ends_too(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: both(limit, sell(stop=95)), 2: cancel}, capabilities=REPLACING)
    bought = only(rig.moment(0, 100))
    rig.accept(bought)
    rig.moment(1, 100)
    assert rig.report(bought.client_id, S.CANCELLED) == []
    assert rig.ended(2) == (S.CANCELLED, Reason.NOTHING_TO_REDUCE)
    rig.again()


def test_a_stop_that_is_watched_here_ends_with_its_position(tmp_path: Path) -> None:
    rig = held(tmp_path, both(sell(stop=95), sell(limit=105)), can=BARE)
    target = only(rig.moment(1, 100))
    assert rig.route(2).watched
    rig.fill(target.client_id, 10)
    assert rig.ended(2) == (S.CANCELLED, Reason.POSITION_CLOSED)


def test_a_pair_for_more_than_is_held_goes_for_what_is_held(tmp_path: Path) -> None:
    rig = held(tmp_path, pair(15), can=EVERYTHING)
    sent = only(rig.moment(1, 100))
    assert sent.order is not None
    assert (size(sent), str(sent.order.stop_loss), rig.order(2).quantity) == (10, "95.00", 15)
    rig.accept(sent)
    assert rig.fill(sent.client_id, 10) == []
    rig.report(f"{sent.client_id}-sl", S.CANCELLED)
    assert (rig.held, rig.ended(2)) == (0, (S.CANCELLED, Reason.POSITION_CLOSED))
    rig.again()


def bracketed(path: Path) -> tuple[Rig, list[str]]:
    """Return a rig that holds ten shares with a bracket's exits, and their client ids."""
    rig = Rig(path, {1: bracket, 2: sell()})
    bought = only(rig.moment(0, 100))
    rig.accept(bought)
    rig.fill(bought.client_id, 10)
    legs = [f"{bought.client_id}-tp", f"{bought.client_id}-sl"]
    for leg in legs:
        rig.report(leg, S.ACCEPTED)
    return rig, legs


def test_the_exits_of_a_bracket_end_when_something_else_closes(tmp_path: Path) -> None:
    rig, legs = bracketed(tmp_path)
    close = only(rig.moment(1, 100))
    assert sorted(send.target for send in rig.fill(close.client_id, 10)) == sorted(legs)
    for leg in legs:
        rig.report(leg, S.CANCELLED)
    assert {rig.ended(n) for n in (2, 3)} == {(S.CANCELLED, Reason.POSITION_CLOSED)}
    rig.again()


def test_the_exits_of_a_bracket_end_each_other(tmp_path: Path) -> None:
    rig, (target, stop) = bracketed(tmp_path)
    assert rig.fill(target, 10) == []
    rig.report(stop, S.CANCELLED)
    assert (rig.ended(2), rig.ended(3)[0]) == ((S.CANCELLED, Reason.OCO), S.FILLED)


def test_a_child_whose_part_was_sold_beside_it_waits_for_its_parent(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: entry, 2: sell(limit=105)}, capabilities=PLAIN)
    send = only(rig.moment(0, 100))
    rig.accept(send)
    stop = only(working(rig, rig.fill(send.client_id, 4)))
    target = only(working(rig, rig.moment(1, 100)))
    assert (size(stop), size(target)) == (4, 4)
    assert [one.target for one in rig.fill(target.client_id, 4, whole=4)] == [stop.client_id]
    assert rig.report(stop.client_id, S.CANCELLED, quantity=4) == []
    assert rig.route(2).stage is Stage.KEPT
    again = only(rig.fill(send.client_id, 6, before=4))
    assert (again.call, size(again)) == ("place", 6)
    rig.again()


def test_an_exit_that_waits_for_another_to_end_is_not_sent_when_the_position_closes(tmp_path: Path) -> None:
    def ask(s: Scripted, _: int) -> None:
        s.made["a"] = s.order("A", -10, limit=105, reduce_only=True)

    rig = held(tmp_path, ask, both(cancel, sell(stop=95)))
    target = only(working(rig, rig.moment(1, 100)))
    assert calls(rig.moment(2, 100)) == ["cancel"]
    assert rig.fill(target.client_id, 10) == []
    assert (rig.held, rig.ended(3)) == (0, (S.CANCELLED, Reason.NOTHING_TO_REDUCE))
    rig.again()


def test_a_closing_order_that_waits_at_the_broker_is_cut_too(tmp_path: Path) -> None:
    rig = held(tmp_path, both(sell(4, limit=105), sell()))
    target, close = working(rig, rig.moment(1, 100))
    assert size(close) == 10
    cut = only(rig.fill(target.client_id, 4, whole=4))
    assert (cut.call, cut.target, size(cut)) == ("replace", close.client_id, 6)
    rig.answer(cut, Outcome.DONE)
    rig.fill(cut.client_id, 6, whole=6)
    assert (rig.held, rig.route(3).stage) == (0, Stage.ENDED)
    rig.again()


def test_a_close_that_waits_for_an_exit_is_for_what_that_leaves(tmp_path: Path) -> None:
    def ask(s: Scripted, _: int) -> None:
        s.made["a"] = s.order("A", -10, limit=105, reduce_only=True)

    rig = held(tmp_path, ask, both(cancel, sell()))
    target = only(working(rig, rig.moment(1, 100)))
    assert calls(rig.moment(2, 100)) == ["cancel"]
    rig.fill(target.client_id, 4)
    close = only(rig.report(target.client_id, S.CANCELLED, 4))
    assert (size(close), rig.order(3).quantity) == (6, 6)
    rig.again()


def test_of_two_watched_stops_one_goes_and_the_other_needs_no_cancel(tmp_path: Path) -> None:
    def ask(s: Scripted, _: int) -> None:
        first = s.order("A", -10, stop=95, reduce_only=True)
        s.order("A", -10, stop=94, reduce_only=True, oco=first)

    rig = held(tmp_path, ask, can=BARE)
    assert rig.moment(1, 100) == []
    sent = only(rig.moment(2, 94.5))
    assert (sent.call, size(sent)) == ("place", 10)
    rig.fill(sent.client_id, 10)
    assert rig.route(3).stage is Stage.ENDED
