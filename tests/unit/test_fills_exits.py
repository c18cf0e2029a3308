"""Orders that belong together: brackets, OCO and OTO. `docs/explanation/fills.md` draws each of these."""

from datetime import UTC, datetime
from typing import Any

import pytest

from openbell.core.costs import Slippage
from openbell.data.bars import Series
from tests.unit.fill_desk import SHORT, Act, costs, intraday, series, trade

FLAT = "100 101 99 100"


def bracket(quantity: float = 10, *, stop: float = 95, target: float = 105, **entry: Any) -> Act:
    return lambda s: s.order("X", quantity, stop_loss=stop, take_profit=target, **entry)


# --- stop and target in one bar ------------------------------------------------------------------------


@pytest.mark.parametrize(("quantity", "stop", "target"), [(10, 95, 105), (-10, 105, 95)])
def test_a_bar_that_touches_stop_and_target_fills_the_stop(quantity, stop, target):
    run = trade([FLAT, FLAT, "100 106 94 100"], {0: bracket(quantity, stop=stop, target=target)}, costs=SHORT)
    assert run.fills == [(1, quantity, 100), (2, -quantity, stop)]
    assert run.ends[1:] == [("filled", ""), ("cancelled", "oco")]


def test_a_trailing_stop_and_a_target_in_one_bar_fill_the_stop():
    script = {0: lambda s: s.order("X", 10, trailing_stop=0.05, take_profit=105)}
    run = trade([FLAT, FLAT, "100 106 94 100"], script)
    assert run.fills[1] == (2, -10, 95.95)  # 95 % of the high of 101


def test_an_ambiguous_bar_is_counted_with_what_the_better_reading_would_have_given():
    run = trade([FLAT, FLAT, "100 106 94 100"], {0: bracket()})
    (one,) = run.ambiguities
    assert (one.symbol, one.quantity, one.taken, one.better, one.resolved) == ("X", 10, 95, 105, False)
    assert one.difference == 100


def test_a_stop_limit_and_its_target_in_one_bar_are_ambiguous_as_well():
    script = {
        0: lambda s: s.order("X", 10),
        1: lambda s: s.order("X", -10, limit=105, oco=s.order("X", -10, stop=95, limit=94)),
    }
    run = trade([FLAT, FLAT, "100 106 93 100"], script)
    assert run.fills[1] == (2, -10, 95)
    assert run.ambiguities[0].difference == 100


def test_a_bar_that_touches_only_one_of_them_is_not_ambiguous():
    run = trade([FLAT, FLAT, "100 106 96 100"], {0: bracket()})
    assert run.fills[1] == (2, -10, 105)
    assert run.ambiguities == []


def test_an_ambiguous_bar_without_volume_gave_nothing_to_count():
    run = trade([FLAT, FLAT, "100 106 94 100 0"], {0: bracket()}, costs=costs(volume_share=1.0))
    assert run.ambiguities == []
    assert run.life(1)[-2:] == ["triggered", "expired"]


def test_of_two_stops_the_bar_reaches_the_nearer_one_first():
    script = {0: lambda s: s.order("X", 10, stop_loss=90, trailing_stop=0.05)}
    run = trade([FLAT, FLAT, "100 101 85 90"], script)
    assert run.fills[1] == (2, -10, 95.95)


# --- finer bars decide ---------------------------------------------------------------------------------


def finer(*rows: str) -> Series:
    return series(rows, spans=intraday(len(rows), "2024-01-04"), timeframe="30m")


AMBIGUOUS = [FLAT, FLAT, "100 106 94 100"]


@pytest.mark.parametrize(
    ("rows", "price"),
    [
        (("100 101 99 100", "100 106 99 104", "104 104 94 95"), 105),
        (("100 101 94 95", "95 106 95 104"), 95),
        (("100 104 99 104", "105.5 106 94 95"), 105.5),  # the second one opens beyond the target
        (("100 104 96 96", "94.5 106 94 95"), 94.5),
    ],
)
def test_finer_bars_decide_whether_the_stop_or_the_target_came_first(rows, price):
    run = trade(AMBIGUOUS, {0: bracket()}, finer=finer(*rows))
    assert run.fills[1] == (2, -10, price)
    assert run.ambiguities[0].resolved
    assert run.ambiguities[0].difference == 0


@pytest.mark.parametrize("rows", [("100 106 94 100",), ("100 101 99 100",)])
def test_finer_bars_that_do_not_tell_leave_the_stop(rows):
    run = trade(AMBIGUOUS, {0: bracket()}, finer=finer(*rows))
    assert run.fills[1] == (2, -10, 95)
    assert not run.ambiguities[0].resolved


def test_finer_bars_that_jump_beyond_a_stop_limit_do_not_tell():
    script = {
        0: lambda s: s.order("X", 10),
        1: lambda s: s.order("X", -10, limit=105, oco=s.order("X", -10, stop=95, limit=95)),
    }
    run = trade(AMBIGUOUS, script, finer=finer("94 106 94 100"))
    assert run.fills[1] == (2, -10, 95)
    assert not run.ambiguities[0].resolved


def test_a_finer_bar_outside_its_bar_does_not_take_the_fill_out_of_it():
    run = trade(AMBIGUOUS, {0: bracket()}, finer=finer("120 121 119 120"))
    assert run.fills[1] == (2, -10, 106)


def test_what_volume_left_of_a_target_goes_to_the_stop_that_came_later():
    rows = [FLAT, FLAT, "100 106 94 95 4", "93 94 92 93"]
    run = trade(rows, {0: bracket()}, finer=finer("100 106 99 104"), costs=costs(volume_share=1.0))
    assert run.fills == [(1, 10, 100), (2, -4, 105), (3, -6, 93)]


# --- when children live --------------------------------------------------------------------------------


def test_children_live_in_the_entry_bar_when_the_entry_filled_at_its_open():
    run = trade([FLAT, "100 101 94 96", FLAT], {0: bracket()})
    assert run.fills == [(1, 10, 100), (1, -10, 95)]


def test_children_are_gapped_through_at_the_open_that_the_entry_filled_at():
    run = trade([FLAT, "94 97 93 96", FLAT], {0: bracket()})
    assert run.fills == [(1, 10, 94), (1, -10, 94)]


def test_children_of_a_limit_or_stop_filled_at_the_open_live_in_that_bar_too():
    run = trade([FLAT, "97 98 94 96", FLAT], {0: bracket(limit=98)})
    assert run.fills == [(1, 10, 97), (1, -10, 95)]


def test_children_live_from_the_next_bar_when_the_entry_filled_inside_its_bar():
    run = trade([FLAT, "100 101 90 96", "96 97 95 96"], {0: bracket(limit=98)})
    assert run.fills == [(1, 10, 98), (2, -10, 95)]


def test_children_of_an_entry_on_close_live_from_the_next_bar():
    run = trade([FLAT, "100 106 94 100", "100 101 94 96"], {0: bracket(tif="cls")})
    assert run.fills == [(1, 10, 100), (2, -10, 95)]


def test_a_trailing_child_starts_from_the_price_that_its_entry_touched():
    run = trade(
        [FLAT, "100 100 96 97", FLAT],
        {0: lambda s: s.order("X", 10, trailing_stop=0.04)},
        costs=costs(slippage=Slippage(bps=100)),
    )
    assert run.fills[0] == (1, 10, 101)
    assert run.fills[1] == (1, -10, 95.04)  # 4 % below the open of 100, then slipped


# --- OTO -----------------------------------------------------------------------------------------------


def test_a_child_is_held_until_its_parent_fills():
    script = {0: lambda s: s.order("X", -10, limit=105, after=s.order("X", 10, limit=98))}
    run = trade([FLAT, "100 106 99 100", "100 101 98 100", "100 105 99 104"], script)
    assert run.fills == [(2, 10, 98), (3, -10, 105)]
    assert run.life(1) == ["new", "submitted", "held", "accepted", "filled"]


def test_children_end_with_a_parent_that_did_not_fill():
    run = trade([FLAT, FLAT, FLAT], {0: bracket(limit=90), 1: lambda s: s.cancel(s.made(0))})
    assert run.ends == [("cancelled", "asked"), ("cancelled", "parent_ended"), ("cancelled", "parent_ended")]


def test_a_child_of_a_refused_parent_is_refused():
    run = trade([FLAT, FLAT], {0: bracket(1_000_000)})
    assert run.ends == [("rejected", "no_buying_power"), *[("rejected", "parent_ended")] * 2]


def test_a_child_cancelled_while_it_was_held_stays_so():
    script = {0: bracket(limit=98), 1: lambda s: s.cancel(s.made(1))}
    run = trade([FLAT, FLAT, "100 101 94 96", "96 97 90 91"], script)
    assert run.fills == [(2, 10, 98)]
    assert run.ends[1] == ("cancelled", "asked")


def test_grandchildren_end_with_their_line():
    def order(s):
        first = s.order("X", 10, limit=90)
        s.order("X", 10, limit=80, after=s.order("X", 10, limit=85, after=first))

    run = trade([FLAT, FLAT], {0: order, 1: lambda s: s.cancel(s.made(0))})
    assert run.ends[1:] == [("cancelled", "parent_ended")] * 2


def test_a_child_sent_after_its_parent_has_filled_works_at_once():
    script = {0: lambda s: s.order("X", 10), 1: lambda s: s.order("X", -10, stop=98, after=s.made(0))}
    run = trade([FLAT, FLAT, "100 101 97 98"], script)
    assert run.fills[1] == (2, -10, 98)


def test_a_child_sent_after_its_parent_ended_with_a_fill_works_at_once():
    script = {
        0: lambda s: s.order("X", 10, tif="ioc"),
        1: lambda s: s.order("X", -4, stop=98, after=s.made(0)),
    }
    run = trade([FLAT, "100 101 99 100 4", "100 101 97 98"], script, costs=costs(volume_share=1.0))
    assert run.ends == [("cancelled", "not_immediate"), ("filled", "")]


def test_a_child_that_cannot_be_paid_is_refused_when_its_parent_fills():
    script = {0: lambda s: s.order("X", 20, limit=98, after=s.order("X", 5))}
    run = trade([FLAT, FLAT, FLAT], script, cash=1000)
    assert run.ends[1] == ("rejected", "no_buying_power")


def test_a_child_whose_time_ran_out_while_it_was_held_expires():
    till = datetime(2024, 1, 3, tzinfo=UTC)
    script = {
        0: lambda s: s.order("X", -10, stop=98, tif="gtd", good_till=till, after=s.order("X", 10, limit=98))
    }
    run = trade([FLAT, FLAT, "100 101 97 98", "98 99 97 98"], script)
    assert run.ends == [("filled", ""), ("expired", "good_till")]


# --- partial fills -------------------------------------------------------------------------------------

SHARE = costs(volume_share=1.0)


def test_children_cover_what_their_parent_has_filled_so_far():
    rows = [FLAT, "100 101 99 100 4", "100 101 94 96", "96 97 94 95"]
    run = trade(rows, {0: bracket()}, costs=SHARE)
    # 4 shares are stopped in the second bar; the other 6 fill at its open and go with them
    assert run.fills == [(1, 4, 100), (2, 6, 100), (2, -10, 95)]


def test_children_of_a_parent_that_ends_partly_filled_are_cut_to_what_it_filled():
    rows = [FLAT, "97 99 96 98 4", FLAT, "100 105 99 104"]
    run = trade(rows, {0: bracket(limit=97), 1: lambda s: s.cancel(s.made(0))}, costs=SHARE)
    assert run.fills == [(1, 4, 97), (3, -4, 105)]
    assert [o.quantity for o in run.orders[1:]] == [4, 4]
    assert run.ends[1:] == [("cancelled", "oco"), ("filled", "parent_ended")]


def test_a_target_that_took_all_there_was_waits_for_the_rest_of_its_parent():
    rows = [FLAT, "97 99 96 98 4", "100 105 99 104", "97 97 96 97", "100 105 99 104"]
    run = trade(rows, {0: bracket(limit=97)}, costs=SHARE)
    assert run.fills == [(1, 4, 97), (2, -4, 105), (3, 6, 97), (4, -6, 105)]
    assert run.ends == [("filled", ""), ("cancelled", "oco"), ("filled", "")]


def test_children_with_nothing_left_end_when_their_parent_does():
    rows = [FLAT, "97 99 96 98 4", "100 105 99 104", FLAT, FLAT]
    run = trade(rows, {0: bracket(limit=97), 2: lambda s: s.cancel(s.made(0))}, costs=SHARE)
    assert run.fills == [(1, 4, 97), (2, -4, 105)]
    assert run.ends[1:] == [("cancelled", "parent_ended")] * 2


def test_a_child_given_to_a_partly_filled_parent_covers_what_has_filled():
    rows = [FLAT, "97 99 96 98 4", "100 101 94 96 100", FLAT]
    script = {
        0: lambda s: s.order("X", 10, limit=97),
        1: lambda s: (s.replace(s.made(0), limit=90), s.order("X", -10, stop=95, after=s.made(0))),
    }
    run = trade(rows, script, costs=SHARE)
    assert run.fills == [(1, 4, 97), (2, -4, 95)]


def test_a_target_does_not_sell_what_was_bought_inside_the_same_bar():
    rows = [FLAT, "97 99 96 98 4", "100 105 96 104", "100 106 99 105"]
    run = trade(rows, {0: bracket(limit=97, stop=50)}, costs=SHARE)
    assert run.fills == [(1, 4, 97), (2, 6, 97), (3, -10, 105)]


def test_a_stop_gapped_through_takes_along_what_its_parent_bought_at_that_open():
    rows = [FLAT, "100 101 99 100 4", "94 95 93 94 100", FLAT]
    run = trade(rows, {0: bracket()}, costs=SHARE)
    assert run.fills == [(1, 4, 100), (2, -4, 94), (2, 6, 94), (2, -6, 94)]


# --- OCO -----------------------------------------------------------------------------------------------


def entries(first: float = 10, second: float = 10) -> Act:
    """Buy a breakout above or a dip below, whichever comes first."""
    return lambda s: s.order("X", second, limit=95, oco=s.order("X", first, stop=105))


def test_of_two_orders_that_cancel_each_other_the_first_to_fill_stays():
    run = trade([FLAT, FLAT, "100 105 99 104", "104 105 90 95"], {0: entries()})
    assert run.fills == [(2, 10, 105)]
    assert run.ends == [("filled", ""), ("cancelled", "oco")]


def test_a_partial_fill_is_taken_off_the_other_order_of_its_pair():
    rows = [FLAT, "95 97 94 96 4", "100 105 99 104 100", FLAT]
    run = trade(rows, {0: entries()}, costs=SHARE)
    assert run.fills == [(1, 4, 95), (2, 6, 105)]
    assert run.ends == [("filled", "oco"), ("cancelled", "oco")]


def test_a_partial_fill_that_leaves_the_other_nothing_cancels_it():
    run = trade([FLAT, "95 97 94 96 4", FLAT], {0: entries(first=4)}, costs=SHARE)
    assert run.ends[0] == ("cancelled", "oco")


def test_an_order_that_still_sleeps_is_cancelled_by_its_pair():
    def order(s):
        sleeping = s.order("X", 10, limit=90, after=s.order("X", 10, limit=91))
        s.order("X", 10, limit=97, oco=sleeping)

    run = trade([FLAT, "97 98 96 97", FLAT], {0: order})
    assert run.ends == [("expired", "end_of_data"), ("cancelled", "oco"), ("filled", "")]


def test_a_parent_and_its_child_in_one_group_end_together():
    def order(s):
        parent = s.order("X", 10, limit=91)
        child = s.order("X", 10, limit=90, after=parent)
        s.order("X", 10, limit=97, oco=parent)
        s.desk.pair(parent, child)

    run = trade([FLAT, "97 98 96 97", FLAT], {0: order})
    assert run.ends == [("cancelled", "oco"), ("cancelled", "parent_ended"), ("filled", "")]


# --- closed positions ----------------------------------------------------------------------------------


def test_exits_are_cancelled_when_their_position_is_closed():
    run = trade([FLAT, FLAT, FLAT, FLAT], {0: bracket(), 1: lambda s: s.order("X", -10)})
    assert run.fills == [(1, 10, 100), (2, -10, 100)]
    assert run.ends[1:3] == [("cancelled", "position_closed")] * 2


def test_exits_are_cancelled_when_their_position_turns_into_its_opposite():
    run = trade([FLAT, FLAT, FLAT], {0: bracket(), 1: lambda s: s.order("X", -25)}, costs=SHORT)
    assert run.account.quantity("X") == -15
    assert run.ends[1:3] == [("cancelled", "position_closed")] * 2


def test_exits_of_what_may_still_come_stay_when_the_position_is_closed():
    rows = [FLAT, "97 99 96 98 4", "100 101 99 100", "97 97 96 97", "97 97 95 96"]
    run = trade(rows, {0: bracket(limit=97), 1: lambda s: s.order("X", -4)}, costs=SHARE)
    assert run.fills == [(1, 4, 97), (2, -4, 100), (3, 6, 97), (4, -6, 95)]


def test_a_reduce_only_order_never_turns_a_position_around():
    script = {0: lambda s: s.order("X", 4), 1: lambda s: s.order("X", -10, reduce_only=True)}
    run = trade([FLAT, FLAT, FLAT], script, costs=SHORT)
    assert run.fills == [(1, 4, 100), (2, -4, 100)]
    assert run.ends[1] == ("cancelled", "position_closed")


def test_a_reduce_only_order_without_a_position_is_cancelled():
    run = trade([FLAT, FLAT], {0: lambda s: s.order("X", -10, reduce_only=True)})
    assert run.ends == [("cancelled", "nothing_to_reduce")]


def test_a_target_beyond_zero_closes_and_opens_at_the_same_open():
    script = {0: lambda s: s.target_quantity("X", 10), 1: lambda s: s.target_quantity("X", -5)}
    run = trade([FLAT, FLAT, "98 99 97 98"], script, costs=SHORT)
    assert run.fills == [(1, 10, 100), (2, -10, 98), (2, -5, 98)]
