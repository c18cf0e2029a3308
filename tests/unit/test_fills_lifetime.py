"""How long orders live, how they change, and why they end. `docs/explanation/fills.md` draws each."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.fill_desk import Script, costs, days, intraday, series, trade

FLAT = "100 101 99 100"
SHARE = costs(volume_share=1.0)
BELOW = {0: lambda s: s.order("X", 10, limit=90)}


def buy(**fields: Any) -> Script:
    return {0: lambda s: s.order("X", 10, **fields)}


# --- DAY -----------------------------------------------------------------------------------------------


def test_a_day_order_expires_at_its_sessions_close():
    run = trade([FLAT, FLAT, "89 90 88 89"], buy(limit=90, tif="day"))
    assert (run.fills, run.ends) == ([], [("expired", "session_end")])
    assert run.orders[0].life[-1].time == days(2)[1][1]


def test_a_day_order_of_an_intraday_bar_expires_at_the_close_of_that_session():
    spans = [*intraday(3, step=130), *intraday(1, "2024-01-03", step=130)]
    run = trade(
        [series([FLAT, FLAT, FLAT, "89 90 88 89"], spans=spans, timeframe="130m")], buy(limit=90, tif="day")
    )
    assert run.orders[0].life[-1].time == days(1)[0][1]
    assert run.fills == []


def test_a_day_order_expires_at_the_early_close_of_a_half_day():
    spans = [*days(1, "2024-11-27"), *intraday(7, "2024-11-29"), *intraday(1, "2024-12-02")]
    run = trade([series([FLAT] * 9, spans=spans)], buy(limit=90, tif="day"))
    assert run.orders[0].life[-1].time == days(1, "2024-11-29")[0][1]
    assert datetime.fromtimestamp(run.orders[0].life[-1].time / 1e9, UTC).hour == 18


def test_a_day_order_expires_when_its_symbol_has_no_bar_that_day():
    gap = series([FLAT, "89 90 88 89"], "X", spans=[days(3)[0], days(3)[2]])
    run = trade([gap, series([FLAT] * 3, "Y")], buy(limit=90, tif="day"))
    assert (run.fills, run.ends) == ([], [("expired", "session_end")])


def test_an_order_that_ran_out_before_its_symbols_next_bar_does_not_fill_in_it():
    gap = series([FLAT, "89 90 88 89"], "X", spans=[days(3)[0], days(3)[2]])
    run = trade([gap], buy(limit=90, tif="day"))
    assert (run.fills, run.ends) == ([], [("expired", "session_end")])
    assert run.orders[0].life[-1].time == days(2)[1][1]


def test_an_order_that_runs_out_inside_a_bar_fills_at_its_open_or_not_in_it():
    weeks = [(days(5)[0][0], days(5)[3][1]), (days(5, "2024-01-08")[0][0], days(5, "2024-01-08")[4][1])]
    script = {0: lambda s: (s.order("X", 10, limit=90, tif="day"), s.order("X", 10, tif="day"))}
    run = trade([series([FLAT, "100 101 89 90"], spans=weeks, timeframe="1w")], script)
    assert run.fills == [(1, 10, 100)]
    assert run.ends[0] == ("expired", "session_end")


def test_a_day_child_works_in_the_session_that_its_parent_filled_in():
    script = {0: lambda s: s.order("X", -10, stop=95, tif="day", after=s.order("X", 10, limit=98))}
    rows = [FLAT, "100 101 98 100", FLAT, "100 101 94 95"]
    run = trade([series(rows, spans=intraday(4), timeframe="30m")], script)
    assert run.fills == [(1, 10, 98), (3, -10, 95)]


def test_a_day_child_whose_session_is_over_when_it_could_begin_expires():
    script = {0: lambda s: s.order("X", -10, stop=95, tif="day", after=s.order("X", 10, limit=98))}
    run = trade([FLAT, "99 100 97 98", "94 95 93 94"], script)
    assert run.ends == [("filled", ""), ("expired", "session_end")]
    assert run.orders[1].life[-1].time == days(2)[1][1]


def test_a_day_child_of_an_entry_on_close_works_in_the_next_session():
    script = {0: lambda s: s.order("X", -10, stop=95, tif="day", after=s.order("X", 10, tif="cls"))}
    assert trade([FLAT, FLAT, "94 95 93 94"], script).fills == [(1, 10, 100), (2, -10, 94)]


# --- GTC, GTD ------------------------------------------------------------------------------------------


def test_a_gtc_order_works_until_it_fills():
    assert trade([FLAT, FLAT, FLAT, "89 90 88 89"], BELOW).fills == [(3, 10, 89)]


def test_a_gtd_order_expires_at_its_time():
    till = datetime(2024, 1, 4, tzinfo=UTC)
    run = trade([FLAT, FLAT, "89 90 88 89"], buy(limit=90, tif="gtd", good_till=till))
    assert (run.fills, run.ends) == ([], [("expired", "good_till")])
    assert run.orders[0].life[-1].time == int(till.timestamp()) * 10**9


def test_a_gtd_order_works_in_the_bars_before_its_time():
    till = datetime(2024, 1, 2, 16, 0, tzinfo=UTC)  # 11:00 in New York
    bars = series([FLAT, FLAT, "100 101 90 95", FLAT], spans=intraday(4), timeframe="30m")
    run = trade([bars], buy(limit=90, tif="gtd", good_till=till))
    assert run.fills == [(2, 10, 90)]


def test_a_child_with_nothing_left_ends_once_when_it_runs_out_with_its_parent():
    till = {"tif": "gtd", "good_till": datetime(2024, 1, 3, tzinfo=UTC)}
    script = {0: lambda s: s.order("X", -10, limit=105, **till, after=s.order("X", 10, limit=97, **till))}
    spans = [*intraday(3), *intraday(1, "2024-01-03")]
    rows = [FLAT, "97 98 96 97 4", "105 106 104 105", FLAT]
    run = trade([series(rows, spans=spans, timeframe="30m")], script, costs=SHARE)
    assert run.fills == [(1, 4, 97), (2, -4, 105)]
    assert run.ends == [("expired", "good_till"), ("cancelled", "parent_ended")]


def test_a_gtd_order_on_intraday_bars_does_not_fill_after_its_time():
    till = datetime(2024, 1, 2, 15, 45, tzinfo=UTC)  # 10:45: inside the third bar
    bars = series([FLAT, FLAT, "100 101 90 95", "89 90 88 89"], spans=intraday(4), timeframe="30m")
    run = trade([bars], buy(limit=90, tif="gtd", good_till=till))
    assert (run.fills, run.ends) == ([], [("expired", "good_till")])


# --- IOC, FOK ------------------------------------------------------------------------------------------


def test_an_ioc_order_takes_what_the_first_open_gives():
    run = trade([FLAT, "100 101 99 100 4", FLAT], buy(tif="ioc"), costs=SHARE)
    assert run.fills == [(1, 4, 100)]
    assert run.ends == [("cancelled", "not_immediate")]


@pytest.mark.parametrize("fields", [{"limit": 98}, {"stop": 101}, {"stop": 99, "limit": 98}])
def test_an_ioc_order_that_the_open_does_not_fill_is_cancelled_there(fields):
    run = trade([FLAT, "100 102 97 100", FLAT], buy(tif="ioc", **fields))
    assert (run.fills, run.ends) == ([], [("cancelled", "not_immediate")])


def test_a_fok_order_fills_whole_or_not_at_all():
    run = trade([FLAT, "100 101 99 100 9", FLAT], buy(tif="fok"), costs=SHARE)
    assert (run.fills, run.ends) == ([], [("cancelled", "not_immediate")])
    assert trade([FLAT, "100 101 99 100 10"], buy(tif="fok"), costs=SHARE).fills == [(1, 10, 100)]


def test_a_fok_order_that_may_only_reduce_fills_whole_or_not_at_all():
    script = {0: lambda s: s.order("X", 4), 1: lambda s: s.order("X", -10, tif="fok", reduce_only=True)}
    run = trade([FLAT, FLAT, FLAT], script)
    assert run.ends[1] == ("cancelled", "not_immediate")


# --- cancel, replace -----------------------------------------------------------------------------------


def test_a_cancelled_order_does_not_fill():
    run = trade([FLAT, FLAT, "89 90 88 89"], {**BELOW, 1: lambda s: s.cancel(s.made(0))})
    assert (run.fills, run.ends) == ([], [("cancelled", "asked")])


def test_a_cancel_that_comes_too_late_changes_nothing():
    def close_twice(s):
        s.cancel(s.made(0))
        s.desk.outbox.append(s.desk.outbox[-1])

    run = trade([FLAT, FLAT, FLAT], {**BELOW, 1: close_twice})
    assert run.ends == [("cancelled", "asked")]


def test_a_replaced_order_works_with_its_new_price_and_quantity():
    script = {**BELOW, 1: lambda s: s.replace(s.made(0), limit=95, quantity=4)}
    assert trade([FLAT, FLAT, "96 97 94 95"], script).fills == [(2, 4, 95)]


def test_a_replaced_stop_beyond_the_market_fills_at_the_next_open():
    script = {
        0: lambda s: s.order("X", 10, stop_loss=90),
        1: lambda s: s.replace(s.made(1), stop=102),
    }
    assert trade([FLAT, FLAT, "101 103 100 102"], script).fills == [(1, 10, 100), (2, -10, 101)]


def test_a_held_child_can_be_replaced():
    script = {
        0: lambda s: s.order("X", 10, limit=98, stop_loss=90),
        1: lambda s: s.replace(s.made(1), stop=97, quantity=6),
    }
    run = trade([FLAT, FLAT, "98 99 96 97", FLAT], script)
    assert run.fills == [(2, 10, 98), (2, -6, 97)]
    assert run.life(1) == ["new", "submitted", "held", "held", "accepted", "filled"]


def test_a_quantity_replaced_by_what_has_filled_ends_the_order():
    script = {**buy(limit=100), 1: lambda s: s.replace(s.made(0), quantity=4)}
    run = trade([FLAT, "100 101 99 100 4", FLAT], script, costs=SHARE)
    assert run.ends == [("cancelled", "replaced")]


def test_a_replacement_that_cannot_be_paid_leaves_the_order_as_it_was():
    script = {**BELOW, 1: lambda s: s.replace(s.made(0), quantity=12)}
    run = trade([FLAT, FLAT, "89 90 88 89"], script, cash=1000)
    assert run.fills == [(2, 10, 89)]
    assert [step.reason.value for step in run.orders[0].life] == [
        "",
        "",
        "",
        "no_buying_power",
        "no_buying_power",
    ]


def test_a_replacement_that_comes_too_late_changes_nothing():
    def replace_ended(s):
        s.replace(s.made(0), limit=95)
        s.desk.outbox.insert(0, s.desk.outbox[-1])
        s.cancel(s.made(0))
        s.desk.outbox.append(s.desk.outbox[0])

    run = trade([FLAT, FLAT, FLAT], {**BELOW, 1: replace_ended})
    assert run.ends == [("cancelled", "asked")]


# --- ends ----------------------------------------------------------------------------------------------


def test_what_still_works_when_the_data_end_expires():
    run = trade([FLAT, FLAT], {0: lambda s: s.order("X", 10, limit=90, stop_loss=80)})
    assert run.ends == [("expired", "end_of_data"), ("cancelled", "parent_ended")]


def test_an_order_before_the_first_bar_has_no_price_and_is_refused():
    assert trade([FLAT, FLAT], {-1: lambda s: s.order("X", 10)}).ends == [("rejected", "no_price")]


def test_an_order_for_a_symbol_that_has_not_begun_is_refused():
    late = series([FLAT], "LATE", spans=days(3)[2:])
    run = trade([series([FLAT] * 3), late], {0: lambda s: s.order("LATE", 10)})
    assert run.ends == [("rejected", "no_price")]


def test_an_order_made_in_answer_to_a_fill_works_from_the_next_bar():
    run = trade(
        [FLAT, FLAT, "102 103 101 102"], {0: lambda s: s.order("X", 10)},
        answer=lambda s: s.position("X") > 0 and s.order("X", -10),
    )  # fmt: skip
    assert run.fills == [(1, 10, 100), (2, -10, 102)]
