"""Buying power, margin, short sales and what holding costs. `docs/explanation/fills.md` draws each."""

from dataclasses import replace
from typing import Any

import pytest

from openbell.core.costs import NO_COSTS, REG_T, Commission, Margin, Slippage
from openbell.core.types import Instrument, Reason
from tests.unit.fill_desk import SHORT, Script, costs, days, intraday, series, trade

FLAT = "100 101 99 100"
FREE_MARGIN = Margin(initial=0.5, maintenance=0.25, short=True, borrow_rate=0.0, interest_rate=0.0)
MARGIN = costs(margin=FREE_MARGIN)
CUT = costs(unaffordable="cut")


def buy(*quantities: float, **fields: Any) -> Script:
    return {0: lambda s: [s.order("X", quantity, **fields) for quantity in quantities]}


# --- at acceptance -------------------------------------------------------------------------------------


def test_an_order_beyond_the_buying_power_is_refused_when_it_is_sent():
    run = trade([FLAT, FLAT], buy(101), cash=10_000)
    assert run.ends == [("rejected", "no_buying_power")]
    assert trade([FLAT, FLAT], buy(100), cash=10_000).ends == [("filled", "")]


def test_the_fee_counts_in_the_buying_power():
    fee = costs(commission=Commission())
    assert trade([FLAT, FLAT], buy(100), cash=10_000, costs=fee).ends == [("rejected", "no_buying_power")]
    assert trade([FLAT, FLAT], buy(100), cash=10_001, costs=fee).ends == [("filled", "")]


def test_orders_that_rest_tie_up_buying_power():
    run = trade([FLAT, FLAT], buy(60, 60, limit=95), cash=10_000)
    assert run.ends == [("expired", "end_of_data"), ("rejected", "no_buying_power")]


@pytest.mark.parametrize(
    ("fields", "most"), [({"limit": 80}, 125), ({"stop": 125}, 80), ({"stop": 105, "limit": 125}, 80),
                         ({"trail": 5}, 100)]
)  # fmt: skip
def test_an_order_is_reserved_at_its_limit_else_its_stop_else_the_last_close(fields, most):
    assert trade([FLAT, FLAT], buy(most, **fields), cash=10_000).ends == [("expired", "end_of_data")]
    assert trade([FLAT, FLAT], buy(most + 1, **fields), cash=10_000).ends == [("rejected", "no_buying_power")]


def test_an_order_that_ends_gives_back_what_it_tied_up():
    script = {**buy(90, limit=95), 1: lambda s: (s.cancel(s.made(0)), s.order("X", 100))}
    assert trade([FLAT, FLAT, FLAT], script, cash=10_000).ends[1] == ("filled", "")


def test_a_partial_fill_gives_back_its_part():
    script = {**buy(90, limit=100), 1: lambda s: (s.order("X", 10), s.order("X", 1))}
    run = trade([FLAT, "100 101 99 100 40", FLAT], script, cash=10_000, costs=costs(volume_share=1.0))
    assert run.ends == [("filled", ""), ("filled", ""), ("rejected", "no_buying_power")]


def test_of_two_orders_that_cancel_each_other_only_the_dearer_is_reserved():
    def order(s):
        s.order("X", 90, limit=95, oco=s.order("X", 90, stop=110))
        s.order("X", 1, limit=90)
        s.order("X", 1, limit=95)

    run = trade([FLAT, "96 97 95.5 96"], {0: order}, cash=9_990)
    assert [status for status, _ in run.ends] == ["expired", "expired", "expired", "rejected"]


def test_resting_orders_that_reduce_tie_up_nothing_and_promise_nothing():
    script = {
        0: lambda s: s.order("X", 100),
        1: lambda s: (
            s.order("X", -100, limit=120),
            s.order("X", -100, stop=80, reduce_only=True),
            s.order("X", 1),
        ),
    }
    run = trade([FLAT, FLAT, FLAT], script, cash=10_000)
    assert [status for status, _ in run.ends] == ["filled", "expired", "expired", "rejected"]


# --- sales fund purchases ------------------------------------------------------------------------------


def rotate(s):
    s.order("X", -100)
    s.order("Y", 100)


def test_sales_of_the_same_moment_fund_purchases():
    run = trade([series([FLAT] * 3), series([FLAT] * 3, "Y")], {**buy(100), 1: rotate}, cash=10_000)
    assert run.ends == [("filled", "")] * 3
    assert (run.account.quantity("Y"), run.account.cash) == (100, 0)


def test_at_an_open_sales_go_before_older_purchases():
    script = {
        0: lambda s: s.order("X", 100),
        1: lambda s: s.order("Y", 100, limit=60),
        2: lambda s: s.order("X", -100),
    }
    rows = [[FLAT] * 4, [FLAT, FLAT, FLAT, "50 51 49 50"]]
    run = trade([series(rows[0]), series(rows[1], "Y")], script, cash=16_000)
    assert [(f.symbol, f.side) for f in run.engine.fills] == [("X", 1), ("X", -1), ("Y", 1)]


def test_at_a_close_sales_go_before_older_purchases():
    script = {
        **buy(100),
        1: lambda s: (s.order("Y", 100, tif="cls", limit=200), s.order("X", -100, tif="cls")),
    }
    run = trade([series([FLAT] * 3), series([FLAT] * 3, "Y")], script, cash=30_000)
    assert [(f.symbol, f.side) for f in run.engine.fills] == [("X", 1), ("X", -1), ("Y", 1)]


def test_the_opening_half_of_a_flip_waits_for_everything_that_reduces():
    def flip(s):
        s.target_quantity("X", -100)
        s.target_quantity("Y", 0)

    script = {0: lambda s: (s.order("X", 100), s.order("Y", 100)), 1: flip}
    run = trade([series([FLAT] * 3), series([FLAT] * 3, "Y")], script, cash=10_000, costs=MARGIN)
    assert [(f.symbol, f.side * f.quantity) for f in run.engine.fills[2:]] == [
        ("X", -100),
        ("Y", -100),
        ("X", -100),
    ]


def test_a_target_sale_that_rests_does_not_hide_a_market_sale():
    def sell(s):
        s.order("X", -100, limit=120)
        s.order("Y", 100, limit=200)
        s.order("X", -100)

    run = trade([series([FLAT] * 3), series([FLAT] * 3, "Y")], {**buy(100), 1: sell}, cash=30_000)
    assert [(f.symbol, f.side) for f in run.engine.fills[1:]] == [("X", -1), ("Y", 1)]


# --- at the fill ---------------------------------------------------------------------------------------

GAP = [FLAT, "125 126 124 125"]


def test_an_order_that_a_gap_made_unaffordable_is_rejected():
    run = trade(GAP, buy(100), cash=10_000)
    assert (run.fills, run.ends) == ([], [("rejected", "gap_unaffordable")])


def test_an_order_that_a_gap_made_unaffordable_is_cut_if_the_costs_say_so():
    run = trade(GAP, buy(100), cash=10_000, costs=CUT)
    assert run.fills == [(1, 80, 125)]
    assert run.ends == [("filled", "cut_to_affordable")]


def test_a_cut_leaves_room_for_the_fee():
    fee = costs(unaffordable="cut", commission=Commission(per_share=1.0, minimum=0.0, maximum_share=0.0))
    run = trade(GAP, buy(90), cash=10_000, costs=fee)
    assert run.fills == [(1, 79, 125)]
    assert run.account.cash == 10_000 - 79 * 126


def test_a_cut_order_pays_the_slippage_of_what_it_filled():
    model = costs(unaffordable="cut", slippage=Slippage(bps=0, impact=0.1))
    run = trade([FLAT, "125 126 124 125 1600"], buy(100), cash=11_000, costs=model)
    ((_, quantity, price),) = run.fills
    assert price == 125 + 125 * 0.1 * (quantity / 1600) ** 0.5


def test_a_cut_to_nothing_is_rejected():
    run = trade([FLAT, "125 126 124 125"], buy(1), cash=100, costs=CUT)
    assert run.ends == [("rejected", "gap_unaffordable")]


def test_a_fok_order_is_never_cut():
    run = trade(GAP, buy(100, tif="fok"), cash=10_000, costs=CUT)
    assert run.ends == [("rejected", "gap_unaffordable")]


def test_a_cut_entry_cuts_its_children():
    script = {0: lambda s: s.order("X", 100, stop_loss=90, take_profit=140)}
    run = trade([*GAP, "125 141 124 140"], script, cash=10_000, costs=CUT)
    assert run.fills == [(1, 80, 125), (2, -80, 140)]
    assert [order.quantity for order in run.orders] == [80, 80, 80]


def test_a_lack_of_float_dust_cuts_nothing():
    script = {0: lambda s: s.order("X", 100, stop_loss=90)}
    run = trade(["99 99 99 99", FLAT], script, cash=10_000 - 2e-9, costs=CUT)
    assert [order.quantity for order in run.orders] == [100, 100]
    assert run.account.cash == pytest.approx(0, abs=1e-8)


def test_a_cut_with_margin_ties_up_the_margin_at_the_price_that_was_touched():
    run = trade(GAP, buy(200), cash=10_000, costs=replace(MARGIN, unaffordable="cut"))
    assert run.fills == [(1, 160, 125)]  # 62.50 a share


def test_a_gap_revalues_what_is_held_of_the_symbol():
    script = {**buy(100), 1: lambda s: s.order("X", 100)}
    run = trade([FLAT, FLAT, "50 51 49 50"], script, cash=10_000, costs=replace(MARGIN, unaffordable="cut"))
    # equity is 5,000 now, 2,500 of which the 100 shares tie up; 25 a share is left for 100 more
    assert run.fills[1] == (2, 100, 50)
    script = {**buy(200), 1: lambda s: s.order("X", 100, limit=40)}
    run = trade([FLAT, FLAT, "70 71 39 40"], script, cash=20_000, costs=MARGIN)
    assert run.fills[1] == (2, 100, 40)


def test_a_cut_flip_still_closes():
    script = {**buy(200), 1: lambda s: s.order("X", -400)}
    run = trade([FLAT, FLAT, "80 81 79 80"], script, cash=10_000, costs=replace(MARGIN, unaffordable="cut"))
    assert run.fills == [(1, 200, 100), (2, -350, 80)]  # 6,000 are left, and 40 a share is tied up


def test_a_reduction_is_always_affordable():
    script = {0: lambda s: s.order("X", -100), 1: lambda s: s.order("X", 100, stop=150)}
    run = trade([FLAT, FLAT, "240 241 239 240"], script, cash=10_000, costs=MARGIN)
    assert run.fills == [(1, -100, 100), (2, 100, 240)]
    assert run.account.cash == -4_000


# --- short sales ---------------------------------------------------------------------------------------


def test_a_cash_account_cannot_be_short():
    assert trade([FLAT, FLAT], buy(-10)).ends == [("rejected", "short_not_allowed")]


def test_a_cash_account_cannot_become_short_at_the_fill():
    script = {**buy(10), 1: lambda s: (s.order("X", -10, limit=101), s.order("X", -10, limit=101))}
    run = trade([FLAT, FLAT, FLAT], script)
    assert run.ends[1:] == [("filled", ""), ("rejected", "short_not_allowed")]


def test_a_symbol_that_cannot_be_borrowed_cannot_be_short():
    run = trade([FLAT, FLAT], buy(-10), costs=SHORT, instrument=Instrument("X", shortable=False))
    assert run.ends == [("rejected", "short_not_allowed")]


def test_a_margin_account_may_be_short_as_far_as_its_margin_reaches():
    assert trade([FLAT, FLAT], buy(-200), cash=10_000, costs=MARGIN).ends == [("filled", "")]
    assert trade([FLAT, FLAT], buy(-201), cash=10_000, costs=MARGIN).ends == [("rejected", "no_buying_power")]


# --- nights --------------------------------------------------------------------------------------------

RATES = replace(NO_COSTS, margin=replace(REG_T, borrow_rate=0.0365, interest_rate=0.073))


def test_a_short_pays_borrow_for_every_calendar_night():
    run = trade([FLAT] * 6, {0: lambda s: s.order("X", -100)}, costs=RATES)  # Tuesday to the next Tuesday
    assert run.booked("borrow") == [(2, -1.0), (3, -1.0), (6, pytest.approx(-3.0)), (7, -1.0)]


def test_a_debt_pays_interest_for_every_calendar_night():
    run = trade([FLAT] * 4, buy(150), cash=10_000, costs=RATES)
    # the second night's is on the first night's as well
    assert run.booked("interest") == [(2, pytest.approx(-1.0)), (3, pytest.approx(-1.0002))]


def test_a_position_closed_on_the_same_day_pays_nothing():
    bars = series([FLAT] * 4, spans=[*intraday(3), *intraday(1, "2024-01-03")], timeframe="30m")
    run = trade([bars], {0: lambda s: s.order("X", -10), 1: lambda s: s.order("X", 10)}, costs=RATES)
    assert len(run.fills) == 2
    assert run.booked("borrow") == []


def test_a_short_held_over_an_intraday_night_pays_at_the_next_open():
    bars = series([FLAT] * 4, spans=[*intraday(2), *intraday(2, "2024-01-03")], timeframe="30m")
    run = trade([bars], {0: lambda s: s.order("X", -100)}, costs=RATES)
    assert run.booked("borrow") == [(1, -1.0)]
    assert run.account.entries[-1].time == days(2)[1][0]


def test_rates_of_zero_book_nothing():
    assert trade([FLAT] * 4, buy(-100), costs=SHORT).booked("borrow") == []


# --- margin calls --------------------------------------------------------------------------------------


def test_a_margin_call_closes_all_positions_at_the_next_open():
    rows = [FLAT, FLAT, "65 66 64 65", "64 65 63 64"]
    run = trade(rows, buy(200), cash=10_000, costs=MARGIN)  # equity 3,000 < a quarter of 13,000
    assert run.fills == [(1, 200, 100), (3, -200, 64)]
    assert run.orders[1].tag == "margin_call"
    assert run.engine.desk.notes[Reason.MARGIN_CALL] == 1


def test_no_margin_call_at_the_maintenance_margin():
    rows = [FLAT, FLAT, "66.67 67 66 66.67", FLAT]
    assert len(trade(rows, buy(200), cash=10_000, costs=MARGIN).fills) == 1


def test_a_margin_call_covers_a_short():
    rows = [FLAT, FLAT, "161 162 160 161", "170 171 169 170"]
    run = trade(rows, buy(-100), cash=10_000, costs=MARGIN)
    assert run.fills == [(1, -100, 100), (3, 100, 170)]


def test_a_margin_call_does_not_put_off_an_order_that_closes_already():
    day = series([FLAT, FLAT, "65 66 64 65", "64 65 63 64"], "X")
    hours = series([FLAT] * 3, "Y", spans=intraday(3, "2024-01-05"), timeframe="30m")
    run = trade([day, hours], buy(200), cash=10_000, costs=MARGIN)
    assert run.fills == [(1, 200, 100), (3, -200, 64)]
