import json
import re
import time
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import openbell as ob
from openbell.data.bars import Series, Source
from openbell.reporting.html import charts, palette, points, prices
from tests.unit.acting import idle, run
from tests.unit.bars_by_hand import DAY, MINUTE, MONDAY, daily, minutes
from tests.unit.fill_desk import days, intraday, series
from tests.unit.test_reporting_html import figures, flip, html


def test_every_chart_of_a_long_run_is_there_and_uses_known_colours():
    text = html(ob.backtest("sma_cross", "AAPL"))
    drawn = figures(text)
    assert set(drawn["figures"]) == {"growth", "rolling", "exposure", "distribution", "price-0"}
    used = set(re.findall(r'"\$(\w+)"', json.dumps(drawn["figures"])))
    assert used <= set(palette.LIGHT) == set(palette.DARK)
    named = set(re.findall(r'"@(\w+)"', json.dumps(drawn["figures"])))
    assert named == set(drawn["shared"])
    places = set(re.findall(r"data-figure='([\w-]+)'", text))
    assert places == set(drawn["figures"])


def test_a_short_run_says_which_charts_it_is_too_short_for():
    made = html(run(daily("A", [10, 11, 12]), flip))
    assert set(figures(made)["figures"]) == {"growth", "exposure", "price-0"}
    assert "shorter than the 126 sessions needed" in made
    assert "Too few sessions for a distribution" in made


def test_a_curve_that_grows_manifold_is_drawn_on_a_log_axis():
    assert charts.scale(np.array([1.0, 11.0])) == "log"
    assert charts.scale(np.array([1.0, 5.0]), np.array([2.0, 9.0])) == "linear"
    assert charts.scale(np.array([-1.0, 11.0])) == "linear"


def test_an_account_that_was_lost_has_no_log_switch():
    costs = replace(ob.NO_COSTS, margin=ob.REG_T)
    result = run(
        daily("A", [100, 100, 350, 350]),
        lambda s, b: s.order("A", -1900) if b.index == 0 else None,
        costs=costs,
    )
    growth = html(result).split("id='growth'")[1].split("</section>")[0]
    assert "data-log" not in growth


def test_net_exposure_is_drawn_where_it_differs():
    costs = replace(ob.NO_COSTS, margin=ob.REG_T)
    curves = charts.Curves(run(daily("A", [100, 100, 100]), lambda s, _: s.order("A", -10), costs=costs))
    assert [trace["name"] for trace in charts.exposure(curves)["data"]] == ["Gross", "Net"]
    curves = charts.Curves(run(daily("A", [100, 100, 100]), lambda s, _: s.order("A", 10)))
    assert [trace["name"] for trace in charts.exposure(curves)["data"]] == ["Gross and net"]


def test_intraday_moments_are_labelled_by_the_minute_and_days_by_the_session():
    curves = charts.Curves(run(minutes("A", [10, 11, 12]), idle))
    assert curves.shared["moments"] == ["2024-01-01 00:01", "2024-01-01 00:02", "2024-01-01 00:03"]
    curves = charts.Curves(run(series(["10 11 9 10"] * 2, spans=days(2)), idle))
    assert curves.shared["moments"] == ["2024-01-02", "2024-01-03"]
    assert points.minutes(np.array([1_000_000_000])) == ["1970-01-01 00:00:01"]


def test_many_symbols_have_a_choice_and_only_the_most_traded_a_chart():
    many = [daily(f"S{i}", [10.0 + at % 2 for at in range(8)]) for i in range(15)]
    result = run(many, lambda s, b: flip(s, b) if int(b.symbol[1:]) >= 5 else None)
    made = html(result)
    assert prices.charted(result) == ["S0", "S1", *(f"S{i}" for i in range(5, 15))]
    assert "The 12 symbols with the most trades of 15." in made
    assert made.count("<option") == 12
    assert "data-choice='price'" in made


def test_candles_have_their_trades_in_the_shares_of_the_last_bar():
    spans = days(6)
    lines = ["10 10 10 10", "10 11 9 10", "5 5 5 5", "6 6 6 6", "6 6 6 6", "6 6 6 6"]
    data = series(lines, spans=spans, actions=[ob.Split("X", spans[2][0], 2, 1)])
    script = {0: 100, 2: -200, 3: 10, 4: -10}
    result = run(data, lambda s, b: s.order("X", script[b.index]) if b.index in script else None)
    (chart,) = prices.price_charts(result)
    candles, *traces = chart.figure["data"]
    assert candles["type"] == "candlestick"
    assert candles["close"] == [5.0, 5.0, 5.0, 6.0, 6.0, 6.0]
    named = {trace["name"]: trace for trace in traces if trace.get("name")}
    assert named["Bought"]["y"] == [5.0, 6.0]
    assert named["Bought"]["x"] == ["2024-01-03", "2024-01-08"]
    assert named["Gain"]["y"] == [6.0]
    assert named["Gain"]["text"] == ["+200 (20.0%) in 2 days<br>market order"]
    assert named["Loss"]["y"] == [6.0]
    assert "splits are taken out" in chart.caption
    assert "hollow candle" in chart.caption


def test_short_entries_have_a_mark_of_their_own():
    costs = replace(ob.NO_COSTS, margin=ob.REG_T)
    result = run(daily("A", [10, 9]), lambda s, b: s.order("A", -5) if b.index == 0 else None, costs=costs)
    (chart,) = prices.price_charts(result)
    assert [trace["name"] for trace in chart.figure["data"] if trace.get("name")] == ["Price", "Shorted"]


def test_intraday_candles_leave_no_room_for_nights():
    data = series(["10 11 9 10"] * 4, spans=intraday(4), timeframe="30m")
    (chart,) = prices.price_charts(run(data, flip))
    assert chart.figure["layout"]["xaxis"]["type"] == "category"
    assert chart.figure["data"][0]["x"][0] == "2024-01-02 15:00"


def test_many_bars_are_a_line_and_many_trades_are_marked_in_part():
    result = run(daily("A", [10.0 + at % 3 for at in range(2100)]), flip)
    (chart,) = prices.price_charts(result)
    assert chart.figure["data"][0]["mode"] == "lines"
    assert "The first 1,000 of 1,050 trades are marked." in chart.caption


def test_a_trade_that_a_split_ended_has_no_exit_on_the_chart():
    spans = days(4)
    lines = ["10 10 10 10", "10 11 9 10", "100 100 100 100", "100 100 100 100"]
    data = series(lines, spans=spans, actions=[ob.Split("X", spans[2][0], 1, 10)])
    (chart,) = prices.price_charts(run(data, lambda s, b: s.order("X", 5) if b.index == 0 else None))
    assert [trace["name"] for trace in chart.figure["data"]] == ["Price", "Bought"]


# --- large input -------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=300), st.integers(8, 60))
def test_thinning_keeps_the_ends_and_every_extreme(values, most):
    curve = np.array(values)
    kept = points.thin([curve], most)
    assert len(kept) == len(curve) if len(curve) <= most else len(kept) <= most
    assert kept[0] == 0
    assert kept[-1] == len(curve) - 1
    if np.isfinite(curve).any():
        assert np.nanmin(curve[kept]) == np.nanmin(curve)
        assert np.nanmax(curve[kept]) == np.nanmax(curve)


def test_numbers_are_rounded_and_what_is_none_is_null():
    assert points.numbers(np.array([1.23456, 2.0]), 2) == [1.23, 2.0]
    assert points.numbers(np.array([1.23456, np.nan]), 2) == [1.23, None]
    decimals = [points.decimals_of(np.array(v)) for v in ([123456.0], [0.5, np.nan], [0.0], [np.nan])]
    assert decimals == [0, 6, 0, 0]


def test_a_million_bars_make_a_small_page_quickly():
    count, rng = 1_000_000, np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-4, count)))
    start = MONDAY + np.arange(count, dtype=np.int64) * MINUTE
    open_ = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    source = Source("test", "walk", calendar="24/7")
    data = Series("M", "1m", start, start + MINUTE, open_, high, low, close, np.full(count, 1e6), source)
    result = ob.backtest("buy_and_hold", data)
    begin = time.process_time()
    made = html(result)
    assert time.process_time() - begin < 5.0
    assert len(made) < 15_000_000
    drawn = figures(made)
    assert len(drawn["shared"]["moments"]) == 1 + -(-count * MINUTE // DAY)
    assert "1,000,000 bars, drawn through 695 closes of sessions." in drawn["captions"]["price-0"]
