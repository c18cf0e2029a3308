"""The router: exits that the broker tends are taken back when they do not fit, and go out anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from openbell.core.types import OrderStatus, OrderType, Reason
from openbell.execution.port import Capabilities
from openbell.trading.route import Outcome, Send, Stage
from tests.loopback.direct import EVERYTHING
from tests.unit.router_acts import PLAIN, bracket, buy, calls, cancel, change, only
from tests.unit.router_rig import Rig
from tests.unit.test_router_reducing import held, pair, sell, size
from tests.unit.trading_by_hand import Acts, Scripted

S = OrderStatus
RESERVING = replace(EVERYTHING, reserves=True)


def bracketed(path: Path, *acts: Acts, can: Capabilities = EVERYTHING) -> tuple[Rig, str]:
    """Return a rig that holds ten shares with a bracket's exits at the broker, and the entry's client id."""
    rig = Rig(path, {1: bracket, **dict(enumerate(acts, 2))}, capabilities=can)
    bought = only(rig.moment(0, 100))
    rig.accept(bought)
    rig.fill(bought.client_id, 10)
    work(rig, bought.client_id)
    return rig, bought.client_id


def work(rig: Rig, lead: str) -> None:
    """Let a bracket's exits work."""
    for leg in (f"{lead}-tp", f"{lead}-sl"):
        rig.report(leg, S.ACCEPTED)


def sold(rig: Rig, moment: int, quantity: int) -> list[Send]:
    """Let the strategy sell a part, and all of that fill; return what is sent because of it."""
    sale = only(rig.moment(moment, 100))
    rig.accept(sale, quantity)
    return rig.fill(sale.client_id, quantity, whole=quantity)


def ended(rig: Rig, *client_ids: str) -> list[Send]:
    return [send for one in client_ids for send in rig.report(one, S.CANCELLED)]


def test_a_bracket_is_taken_back_and_goes_out_as_a_pair_for_what_is_left(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(4))
    cancels = sold(rig, 1, 4)
    assert [(one.call, one.target) for one in cancels] == [("cancel", f"{lead}-sl"), ("cancel", f"{lead}-tp")]
    assert ended(rig, f"{lead}-tp") == []  # the other may fill yet
    placed = only(ended(rig, f"{lead}-sl"))
    assert placed.order is not None
    assert (size(placed), str(placed.order.limit), str(placed.order.stop_loss)) == (6, "105.00", "95.00")
    assert {rig.order(n).status for n in (2, 3)} == {S.ACCEPTED}
    rig.accept(placed, 6)
    rig.report(f"{placed.client_id}-sl", S.ACCEPTED, quantity=6)
    late = only(rig.fill(f"{placed.client_id}-sl", 6, whole=6))
    assert (late.call, late.target) == ("cancel", placed.client_id)  # it is ended by the broker as well
    ended(rig, placed.client_id)
    assert {rig.ended(n) for n in (2, 3)} == {(S.CANCELLED, Reason.POSITION_CLOSED)}
    rig.again()


def test_the_order_of_the_ends_does_not_matter(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(4))
    sold(rig, 1, 4)
    placed = only(ended(rig, f"{lead}-sl", f"{lead}-tp"))
    assert (placed.call, size(placed)) == ("place", 6)
    rig.again()


def test_the_brokers_own_cut_of_the_other_exit_is_no_misfit(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path)
    assert rig.fill(f"{lead}-tp", 4) == []
    rig.report(f"{lead}-sl", S.ACCEPTED, quantity=6)
    assert rig.order(2).quantity == 6
    assert {rig.route(n).stage for n in (2, 3)} == {Stage.WORKING}
    rig.again()


def test_what_one_exit_filled_before_is_off_both(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(4))
    rig.fill(f"{lead}-tp", 3)
    rig.report(f"{lead}-sl", S.ACCEPTED, quantity=7)
    assert calls(sold(rig, 1, 4)) == ["cancel", "cancel"]
    rig.report(f"{lead}-tp", S.CANCELLED, 3)
    placed = only(ended(rig, f"{lead}-sl"))
    assert size(placed) == 3
    rig.again()


def test_an_exit_that_fills_while_it_is_taken_back_leaves_the_rest_to_the_other(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(4))
    sold(rig, 1, 4)
    rig.report(f"{lead}-tp", S.CANCELLED, 2)
    rig.execution(f"{lead}-tp", 2, 105)
    placed = only(ended(rig, f"{lead}-sl"))
    assert (size(placed), rig.held) == (4, 4)
    rig.again()


def test_an_exit_that_fills_whole_on_its_way_back_leaves_nothing(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(4))
    sold(rig, 1, 4)
    rig.report(f"{lead}-sl", S.CANCELLED)
    assert rig.fill(f"{lead}-tp", 6, whole=6) == []
    assert rig.held == 0
    assert {rig.ended(n)[0] for n in (2, 3)} == {S.CANCELLED}
    rig.again()


def test_a_leg_that_the_broker_does_not_have_any_more_goes_out_anew(tmp_path: Path) -> None:
    rig, _ = bracketed(tmp_path, sell(4))
    stop, target = sold(rig, 1, 4)
    assert rig.answer(target, Outcome.ABSENT) == []
    assert size(only(rig.answer(stop, Outcome.ABSENT))) == 6
    rig.again()


def test_a_refused_cancel_of_what_has_ended_changes_nothing(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(4))
    stop, target = sold(rig, 1, 4)
    ended(rig, f"{lead}-tp")
    assert rig.answer(target, Outcome.REFUSED, "it is cancelled") == []
    assert size(only(ended(rig, f"{lead}-sl"))) == 6
    assert rig.answer(stop, Outcome.REFUSED, "it is cancelled") == []
    rig.again()


def test_exits_of_an_entry_that_fills_yet_sleep_on(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: bracket, 2: sell(2)}, capabilities=EVERYTHING)
    bought = only(rig.moment(0, 100))
    rig.accept(bought)
    rig.fill(bought.client_id, 4)
    assert sold(rig, 1, 2) == []
    cancels = rig.fill(bought.client_id, 6, before=4)
    assert calls(cancels) == ["cancel", "cancel"]
    assert size(only(ended(rig, f"{bought.client_id}-tp", f"{bought.client_id}-sl"))) == 8
    rig.again()


def test_a_pair_grows_with_its_position_as_far_as_it_was_asked_for(tmp_path: Path) -> None:
    rig = held(tmp_path, pair(12), lambda s, _: s.order("A", 5), can=EVERYTHING)
    sent = only(rig.moment(1, 100))
    rig.accept(sent)
    rig.report(f"{sent.client_id}-sl", S.ACCEPTED)
    more = only(rig.moment(2, 100))
    rig.accept(more, 5)
    assert calls(rig.fill(more.client_id, 5, whole=5)) == ["cancel", "cancel"]
    placed = only(ended(rig, sent.client_id, f"{sent.client_id}-sl"))
    assert size(placed) == 12
    rig.again()


def test_a_pair_is_replaced_in_price_for_what_it_was_sent_for(tmp_path: Path) -> None:
    def ask(s: Scripted, _: int) -> None:
        s.made["a"] = s.order("A", -15, limit=105, reduce_only=True)
        s.order("A", -15, stop=95, reduce_only=True, oco=s.made["a"])

    rig = held(tmp_path, ask, change(limit=104), can=EVERYTHING)
    sent = only(rig.moment(1, 100))
    rig.accept(sent)
    rig.report(f"{sent.client_id}-sl", S.ACCEPTED)
    changed = only(rig.moment(2, 100))
    assert (changed.call, size(changed)) == ("replace", 10)
    rig.again()


def test_one_exit_of_a_pair_is_cancelled_and_the_other_goes_on_alone(tmp_path: Path) -> None:
    def ask(s: Scripted, _: int) -> None:
        s.made["a"] = s.order("A", -10, limit=105, reduce_only=True)
        s.order("A", -10, stop=95, reduce_only=True, oco=s.made["a"])

    rig = held(tmp_path, ask, sell(4), cancel, can=EVERYTHING)
    sent = only(rig.moment(1, 100))
    rig.accept(sent)
    rig.report(f"{sent.client_id}-sl", S.ACCEPTED)
    assert calls(sold(rig, 2, 4)) == ["cancel", "cancel"]
    rig.moment(3, 100)  # the strategy cancels the target while it is on its way back
    placed = only(ended(rig, sent.client_id, f"{sent.client_id}-sl"))
    assert placed.order is not None
    assert (size(placed), str(placed.order.stop), placed.order.stop_loss) == (6, "95.00", None)
    rig.again()


def test_an_exit_that_cannot_be_taken_back_is_cut_in_place_after_three_tries(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(4))
    stop, _ = sold(rig, 1, 4)
    for _ in range(2):
        assert calls(rig.answer(stop, Outcome.REFUSED, "not now")) == ["cancel"]
    cut = only(rig.answer(stop, Outcome.REFUSED, "not now"))
    assert (cut.call, size(cut)) == ("replace", 6)
    placed = only(ended(rig, f"{lead}-tp"))
    assert (placed.call, size(placed)) == ("place", 6)
    rig.again()


# --- where shares are kept for one order ---------------------------------------------------------------


def test_exits_make_room_for_a_sale_and_follow_it(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(4), can=RESERVING)
    assert [one.target for one in rig.moment(1, 100)] == [f"{lead}-sl", f"{lead}-tp"]
    sale, exits = ended(rig, f"{lead}-tp", f"{lead}-sl")
    assert (size(sale), size(exits)) == (4, 6)
    rig.accept(sale, 4)
    rig.accept(exits, 6)
    rig.report(f"{exits.client_id}-sl", S.ACCEPTED, quantity=6)
    assert rig.fill(sale.client_id, 4, whole=4) == []
    rig.again()


def test_exits_go_out_whole_again_where_the_sale_is_refused(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(4), can=RESERVING)
    rig.moment(1, 100)
    sale, exits = ended(rig, f"{lead}-tp", f"{lead}-sl")
    rig.accept(exits, 6)
    rig.report(f"{exits.client_id}-sl", S.ACCEPTED, quantity=6)
    assert calls(rig.answer(sale, Outcome.REFUSED, "no")) == ["cancel", "cancel"]
    assert size(only(ended(rig, exits.client_id, f"{exits.client_id}-sl"))) == 10
    rig.again()


def test_exits_wait_for_a_sale_of_everything_and_end_with_it(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(), can=RESERVING)
    rig.moment(1, 100)
    sale = only(ended(rig, f"{lead}-tp", f"{lead}-sl"))
    assert (size(sale), rig.route(2).stage, rig.route(3).stage) == (10, Stage.KEPT, Stage.KEPT)
    rig.accept(sale)
    assert rig.fill(sale.client_id, 10) == []
    assert {rig.ended(n) for n in (2, 3)} == {(S.CANCELLED, Reason.POSITION_CLOSED)}
    rig.again()


def test_exits_go_out_again_where_a_sale_of_everything_is_refused(tmp_path: Path) -> None:
    rig, lead = bracketed(tmp_path, sell(), can=RESERVING)
    rig.moment(1, 100)
    sale = only(ended(rig, f"{lead}-tp", f"{lead}-sl"))
    assert size(only(rig.answer(sale, Outcome.REFUSED, "no"))) == 10
    rig.again()


def test_a_lone_stop_makes_room_too_and_two_sales_wait_together(tmp_path: Path) -> None:
    def twice(s: Scripted, n: int) -> None:
        sell(3)(s, n)
        sell(2)(s, n)

    rig = held(tmp_path, sell(stop=95), twice, can=RESERVING)
    stop = only(rig.moment(1, 100))
    rig.accept(stop)
    assert [one.target for one in rig.moment(2, 100)] == [stop.client_id]
    sends = ended(rig, stop.client_id)
    assert [(one.call, size(one)) for one in sends] == [("place", 3), ("place", 2), ("place", 5)]
    rig.again()


def test_a_purchase_needs_no_room(tmp_path: Path) -> None:
    rig, _ = bracketed(tmp_path, buy, can=RESERVING)
    assert calls(rig.moment(1, 100)) == ["place"]


def test_of_exits_that_the_broker_does_not_tie_the_stop_is_watched_here(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {1: bracket}, capabilities=replace(PLAIN, reserves=True))
    bought = only(rig.moment(0, 100))
    rig.accept(bought)
    target = only(rig.fill(bought.client_id, 10))
    assert target.order is not None
    assert (str(target.order.limit), size(target), rig.route(2).watched) == ("105.00", 10, True)
    rig.accept(target)
    assert [one.target for one in rig.moment(1, 96, low=94)] == [target.client_id]
    sold_off = only(ended(rig, target.client_id))
    assert sold_off.order is not None
    assert (sold_off.order.type, size(sold_off)) == (OrderType.MARKET, 10)
    rig.again()


def test_a_stop_without_another_exit_is_the_brokers(tmp_path: Path) -> None:
    rig = held(tmp_path, sell(stop=95), can=replace(PLAIN, reserves=True))
    stop = only(rig.moment(1, 100))
    assert stop.order is not None
    assert (stop.order.type, rig.route(2).watched) == (OrderType.STOP, False)
