"""When each type of order fills, and at what price. `docs/explanation/fills.md` draws each of these."""

from typing import Any

import pytest

from openbell.core.types import Instrument
from tests.unit.fill_desk import SHORT, Act, Script, costs, days, intraday, series, trade

FLAT = "100 101 99 100"


def order(quantity: float, **fields: Any) -> Act:
    return lambda s: s.order("X", quantity, **fields)


# --- market --------------------------------------------------------------------------------------------


def test_a_market_order_fills_at_the_next_open():
    assert trade([FLAT, "103 105 102 104", FLAT], {0: order(10)}).fills == [(1, 10, 103)]


def test_an_order_decided_on_the_last_bar_has_no_bar_to_fill_in():
    run = trade([FLAT, FLAT], {1: order(10)})
    assert (run.fills, run.ends) == ([], [("expired", "end_of_data")])


# --- limit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "limit", "bar", "price"),
    [
        (10, 98, "97 99 96 98", 97),
        (10, 98, "98 99 97 98", 98),
        (-10, 102, "103 104 101 102", 103),
        (-10, 102, "102 104 101 102", 102),
    ],
)
def test_a_limit_fills_at_the_open_when_the_open_is_as_good_or_better(quantity, limit, bar, price):
    assert trade([FLAT, bar], {0: order(quantity, limit=limit)}, costs=SHORT).fills == [(1, quantity, price)]


@pytest.mark.parametrize(
    ("quantity", "limit", "bar"),
    [(10, 98, "100 101 98 99"), (-10, 102, "100 102 99 101"), (10, 98, "100 101 90 99")],
)
def test_a_limit_fills_at_its_price_when_the_bar_only_touches_it(quantity, limit, bar):
    assert trade([FLAT, bar], {0: order(quantity, limit=limit)}, costs=SHORT).fills == [(1, quantity, limit)]


def test_a_limit_that_is_not_touched_waits():
    run = trade([FLAT, "100 101 98.01 99", "100 101 98 99"], {0: order(10, limit=98)})
    assert run.fills == [(2, 10, 98)]


# --- stop ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "stop", "bar", "price"),
    [(10, 102, "104 105 103 104", 104), (-10, 98, "95 99 94 96", 95), (10, 102, "102 105 101 104", 102)],
)
def test_a_stop_fills_at_the_open_when_the_open_gapped_through_it(quantity, stop, bar, price):
    assert trade([FLAT, bar], {0: order(quantity, stop=stop)}, costs=SHORT).fills == [(1, quantity, price)]


@pytest.mark.parametrize(
    ("quantity", "stop", "bar"), [(10, 102, "100 102 99 101"), (-10, 98, "100 101 90 99")]
)
def test_a_stop_fills_at_its_price_when_the_bar_reaches_it(quantity, stop, bar):
    assert trade([FLAT, bar], {0: order(quantity, stop=stop)}, costs=SHORT).fills == [(1, quantity, stop)]


def test_a_stop_that_met_no_volume_is_a_market_order_from_then_on():
    rows = [FLAT, "100 103 99 100 0", "99 99 98 98 40", "97 98 96 97"]
    run = trade(rows, {0: order(50, stop=102)}, costs=costs(volume_share=1.0))
    assert run.fills == [(2, 40, 99), (3, 10, 97)]
    assert run.life(0)[2:] == ["accepted", "triggered", "partially_filled", "filled"]


# --- stop-limit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "stop", "limit", "bar", "price"),
    [
        (10, 102, 103, "100 105 99 104", 102),
        (10, 102, 103, "102.5 105 99 104", 102.5),
        (-10, 98, 97, "100 101 95 96", 98),
    ],
)
def test_a_stop_limit_fills_at_its_trigger_when_that_is_inside_its_limit(quantity, stop, limit, bar, price):
    run = trade([FLAT, bar], {0: order(quantity, stop=stop, limit=limit)}, costs=SHORT)
    assert run.fills == [(1, quantity, price)]


def test_a_stop_limit_that_gapped_beyond_its_limit_waits_as_a_limit_from_the_next_bar():
    run = trade([FLAT, "105 106 102 104", "104 105 102 103"], {0: order(10, stop=102, limit=103)})
    assert run.fills == [(2, 10, 103)]
    assert run.life(0)[2:] == ["accepted", "triggered", "filled"]


def test_a_stop_limit_whose_limit_is_beyond_its_trigger_waits_as_a_limit_from_the_next_bar():
    run = trade([FLAT, "100 103 95 96", "98 99 97 98"], {0: order(10, stop=102, limit=99)})
    assert run.fills == [(2, 10, 98)]
    assert run.life(0)[2:] == ["accepted", "triggered", "filled"]


# --- trailing stop -------------------------------------------------------------------------------------


def long(**trail: Any) -> Script:
    """Buy at the first open, and trail a stop behind it from the second bar on."""
    return {0: order(10), 1: order(-10, **trail)}


def test_a_trailing_stop_is_tested_against_the_mark_known_before_the_bar():
    rows = [FLAT, FLAT, "100 110 98.5 100", FLAT]
    run = trade(rows, long(trail=2))  # 98 at first; the high of 110 moves it to 108, for the next bar
    assert run.fills == [(1, 10, 100), (3, -10, 100)]


def test_a_trailing_stop_in_percent_follows_the_best_price():
    rows = [FLAT, FLAT, "100 110 99 109", "109 109.5 104 105"]
    run = trade(rows, long(trail=0.05, trail_percent=True))
    assert run.fills == [(1, 10, 100), (3, -10, 104.5)]  # 95 % of 110


def test_a_trailing_stop_never_moves_back():
    rows = [FLAT, FLAT, "100 110 99 109", "109 109.5 107.5 108", "108 108.5 106 107"]
    assert trade(rows, long(trail=3)).fills[1] == (4, -10, 107)


def test_a_trailing_stop_above_a_short_follows_the_lowest_price():
    run = trade(
        [FLAT, FLAT, "100 101 90 91", "91 93 90 92"], {0: order(-10), 1: order(10, trail=2)}, costs=SHORT
    )
    assert run.fills == [(1, -10, 100), (3, 10, 92)]


def test_a_trailing_stop_fills_at_the_open_when_the_open_gapped_through_it():
    run = trade([FLAT, FLAT, "97 99 96 98"], long(trail=2))
    assert run.fills[1] == (2, -10, 97)


# --- on open, on close ---------------------------------------------------------------------------------


def test_a_market_on_open_order_fills_at_the_next_sessions_first_bar():
    spans = [*intraday(3, "2024-01-02"), *intraday(2, "2024-01-03")]
    bars = series([FLAT, FLAT, FLAT, "104 105 103 104", FLAT], spans=spans, timeframe="30m")
    assert trade([bars], {0: order(10, tif="opg")}).fills == [(3, 10, 104)]


def test_a_session_whose_data_begin_late_opens_with_its_first_bar():
    spans = [*intraday(2, "2024-01-02"), *intraday(2, "2024-01-03", first=2)]
    bars = series([FLAT, FLAT, "104 105 103 104", FLAT], spans=spans, timeframe="30m")
    assert trade([bars], {0: order(10, tif="opg")}).fills == [(2, 10, 104)]


def test_a_limit_on_open_order_that_the_open_does_not_meet_expires_there():
    run = trade([FLAT, "100 101 95 96", FLAT], {0: order(10, limit=98, tif="opg")})
    assert (run.fills, run.ends) == ([], [("expired", "session_end")])


def test_a_market_on_open_order_expires_when_its_session_has_no_bar():
    spans = [*intraday(1, "2024-01-02"), *intraday(1, "2024-01-04")]
    run = trade([series([FLAT, FLAT], spans=spans, timeframe="30m")], {0: order(10, tif="opg")})
    assert run.ends == [("expired", "session_end")]


def test_a_market_on_close_order_fills_at_the_next_close():
    assert trade([FLAT, "100 106 99 105", FLAT], {0: order(10, tif="cls")}).fills == [(1, 10, 105)]


def test_a_market_on_close_order_of_the_same_session_fills_at_its_last_bar():
    bars = series([FLAT, FLAT, "100 103 99 102", "200 201 199 200"],
                  spans=[*intraday(2, step=130), *intraday(1, step=130, first=2), *intraday(1, "2024-01-03")],
                  timeframe="130m")  # fmt: skip
    assert trade([bars], {0: order(10, tif="cls")}).fills == [(2, 10, 102)]


def test_a_market_on_close_order_on_weekly_bars_fills_at_the_bars_close():
    weeks = [(days(4)[0][0], days(4)[3][1]), (days(5, "2024-01-08")[0][0], days(5, "2024-01-08")[4][1])]
    bars = series([FLAT, "100 106 99 105"], spans=weeks, timeframe="1w")
    assert trade([bars], {0: order(10, tif="cls")}).fills == [(1, 10, 105)]


def test_a_limit_on_close_order_fills_at_the_close_or_expires():
    rows = [FLAT, "100 101 90 97", FLAT]
    run = trade(rows, {0: lambda s: [s.order("X", 10, limit=limit, tif="cls") for limit in (98, 96)]})
    assert run.fills == [(1, 10, 97)]
    assert run.ends == [("filled", ""), ("expired", "session_end")]


# --- grids ---------------------------------------------------------------------------------------------


def test_a_target_is_sized_at_the_close_it_is_decided_on_and_floored_to_whole_lots():
    lots = Instrument("X", lot=10)
    run = trade(["100 101 99 97", "50 51 49 50"], {0: lambda s: s.buy("X")}, cash=10_000, instrument=lots)
    assert run.fills == [(1, 100, 50)]  # 103.09 shares at 97


def test_a_fractional_lot_is_floored_as_well():
    lots = Instrument("X", lot=0.001)
    run = trade(["3 3 3 3", "3 3 3 3"], {0: lambda s: s.buy("X")}, cash=100, instrument=lots)
    assert run.fills == [(1, 33.333, 3)]


def test_prices_of_orders_are_whole_ticks_but_fills_and_cash_are_not_rounded():
    rows = [FLAT, "100.123456 101 99 100", "99 100 98 99"]
    run = trade(rows, {0: lambda s: (s.order("X", 1), s.order("X", 1, limit=98.7654))})
    assert run.orders[1].limit == 98.77
    assert run.fills == [(1, 1, 100.123456), (2, 1, 98.77)]
    assert run.account.cash == 1e6 - 100.123456 - 98.77


# --- what an order may see -----------------------------------------------------------------------------


def test_an_order_never_fills_in_a_bar_that_began_before_it():
    day = series(["100 101 99 100", "200 201 199 200", "300 301 299 300"], "DAY")
    hours = series([FLAT] * 4, spans=intraday(4, "2024-01-03"), timeframe="30m")
    run = trade([day, hours], {1: lambda s: s.order("DAY", 1)})  # at 10:00 of the second day
    assert run.fills == [(2, 1, 300)]


def test_a_replaced_order_never_fills_as_it_is_now_in_a_bar_that_began_before():
    day = series([FLAT, "100 101 90 100", "95 96 94 95"], "DAY")
    hours = series([FLAT] * 4, spans=intraday(4, "2024-01-03"), timeframe="30m")
    script = {0: lambda s: s.order("DAY", 1, limit=80), 1: lambda s: s.replace(s.made(0), limit=98)}
    assert trade([day, hours], script).fills == [(2, 1, 95)]
