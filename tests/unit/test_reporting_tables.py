import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import openbell as ob
from openbell.core.types import Split
from openbell.reporting import tables
from openbell.reporting.result import Result
from tests.unit.fill_desk import days, intraday, series


def run(data, script, *, costs=ob.NO_COSTS, finer=(), **settings) -> Result:
    """Run a strategy that does `script[index](strategy)` on bar `index` of X."""

    class Acting(ob.Strategy):
        def on_bar(self, bar):
            if bar.index in script:
                script[bar.index](self)

    return ob.backtest(Acting, data, costs=costs, finer=finer, **settings)


def order(quantity: float, **fields: Any) -> Callable[[Any], object]:
    return lambda strategy: strategy.order("X", quantity, **fields)


def rows(table: tables.Table) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def excursion(lines, script, **settings) -> tuple[float, float]:
    (trade,) = rows(tables.trades(run(series(lines), script, **settings).outcome))
    return trade["mae"], trade["mfe"]


def test_a_fill_names_its_order_and_says_what_slippage_cost():
    costs = ob.Costs(slippage=ob.Slippage(bps=0.0, per_share=0.5))
    result = run(series(["10 11 9 10"] * 3), {0: order(100, tag="first")}, costs=costs)
    (fill,) = rows(tables.fills(result.outcome))
    assert (fill["order"], fill["side"], fill["tag"], fill["phase"]) == (1, "buy", "first", "open")
    assert (fill["price"], fill["value"], fill["slippage"]) == (10.5, 1050.0, 50.0)


def test_an_order_is_told_with_its_life():
    result = run(series(["10 11 9 10"] * 3), {0: order(-100, limit=20.0, tif="day")}, cash=1_000)
    (found,) = rows(tables.orders(result.outcome))
    assert (found["side"], found["type"], found["tif"], found["limit"]) == ("sell", "limit", "day", 20.0)
    assert (found["stop"], found["average_price"]) == (None, None)
    assert (found["status"], found["reason"]) == ("rejected", "short_not_allowed")
    assert found["life"] == (
        "2024-01-02T21:00:00Z new; 2024-01-02T21:00:00Z submitted; "
        "2024-01-02T21:00:00Z rejected (short_not_allowed)"
    )


def test_csv_has_iso_times_and_nothing_for_what_is_none():
    result = run(series(["10 11 9 10"] * 3), {0: order(100)})
    (found,) = read(tables.orders(result.outcome).csv())
    assert (found["decided"], found["limit"], found["trail_percent"]) == ("2024-01-02T21:00:00Z", "", "False")
    (trade,) = read(result.trade_table.csv())
    assert (trade["opened"], trade["closed"], trade["is_open"]) == ("2024-01-03T14:30:00Z", "", "True")


def test_the_equity_file_has_a_row_for_each_moment():
    result = run(series(["10 11 9 10", "10 12 9 11", "11 12 9 12"]), {0: order(100)}, cash=10_000)
    found = read(tables.equity_csv(result.outcome, result.benchmark_curve))
    assert [row["time"] for row in found] == [f"2024-01-0{day}T21:00:00Z" for day in (2, 3, 4)]
    assert [float(row["equity"]) for row in found] == [10_000, 10_100, 10_200]
    assert [float(row["cash"]) for row in found] == [10_000, 9_000, 9_000]
    assert float(found[2]["gross"]) == float(found[2]["net"]) == pytest.approx(1200 / 10_200)


def test_times_with_fractions_of_a_second_keep_them():
    assert tables.stamps(np.array([1_500_000_000, 2_000_000_000])) == [
        "1970-01-01T00:00:01.5Z",
        "1970-01-01T00:00:02Z",
    ]


def test_a_trade_ends_by_its_exit_orders_tag_or_reason_or_type():
    lines = ["10 11 9 10"] * 3 + ["10 11 5 6"] + ["6 7 5 6"] * 6
    script = {
        0: order(100, stop_loss=8.0),  # stopped on the fourth bar
        4: order(100),
        5: order(-100),
        6: order(100),
        7: order(-100, tag="bored"),
    }
    found = rows(tables.trades(run(series(lines), script).outcome))
    assert [trade["exit_reason"] for trade in found] == ["stop_loss", "market order", "bored"]


def test_a_note_on_the_exit_order_is_its_reason():
    # the sale fills a tenth of the volume at a time; the rest of it was changed in place
    lines = ["10 11 9 10 1000000"] * 2 + ["10 11 9 10"] * 4

    class Changing(ob.Strategy):
        def on_bar(self, bar):
            if bar.index == 0:
                self.order("X", 100)
            if bar.index == 1:
                self.sale = self.order("X", -100, limit=30.0)
            if bar.index == 2:
                self.replace(self.sale, limit=10.5)

    result = ob.backtest(Changing, series(lines), costs=ob.NO_COSTS)
    (trade,) = rows(result.trade_table)
    assert (trade["exit_price"], trade["exit_reason"]) == (10.5, "replaced")


# --- excursions --------------------------------------------------------------------------------------------


def test_excursions_are_those_of_the_bars_held_and_of_the_exit():
    lines = ["10 10 10 10", "10 12 9 11", "11 13 8 11", "11 99 1 11"]
    assert excursion(lines, {0: order(100), 2: order(-100)}) == pytest.approx((-0.2, 0.3))


def test_the_bar_of_an_exit_at_its_open_counts_only_with_that_price():
    lines = ["10 10 10 10", "10 10.5 9.8 10", "7 99 1 11"]
    assert excursion(lines, {0: order(100), 1: order(-100)}) == pytest.approx((-0.3, 0.05))


def test_what_came_before_an_entry_inside_its_bar_does_not_count():
    lines = ["10 10 10 10", "10 10 4 8.5", "8.5 8.8 8.2 8.5", "8.5 8.5 8.5 8.5"]
    found = excursion(lines, {0: order(100, limit=8.0), 2: order(-100)})
    assert found == pytest.approx((0.0, 0.1))


def test_an_entry_and_an_exit_inside_one_bar_leave_only_the_exit():
    lines = ["10 10 10 10", "10 10 4 8.5", "8.5 8.5 8.5 8.5"]
    costs = ob.NO_COSTS
    found = excursion(lines, {0: order(100, stop_loss=9.0)}, costs=costs)
    assert found == pytest.approx((-0.1, 0.0))


def test_an_exit_at_the_close_counts_the_whole_bar():
    lines = ["10 10 10 10", "10 11 9 10", "10 14 6 10", "10 10 10 10"]
    found = excursion(lines, {0: order(100), 1: order(-100, tif="cls")})
    assert found == pytest.approx((-0.4, 0.4))


def test_an_open_trade_counts_up_to_the_last_bar():
    lines = ["10 10 10 10", "10 11 9 10", "10 14 6 10"]
    assert excursion(lines, {0: order(100)}) == pytest.approx((-0.4, 0.4))


def test_an_open_trade_entered_inside_the_last_bar_has_its_close():
    lines = ["10 10 10 10", "10 10 4 8.4"]
    assert excursion(lines, {0: order(100, limit=8.0)}) == pytest.approx((0.0, 0.05))


def test_a_short_trade_suffers_from_a_rise():
    lines = ["10 10 10 10", "10 12 9 11", "11 11 11 11", "11 11 11 11"]
    costs = ob.Costs(
        commission=ob.NO_COSTS.commission, slippage=ob.NO_COSTS.slippage, margin=ob.REG_T, volume_share=0.0
    )
    found = excursion(lines, {0: order(-100), 2: order(100)}, costs=costs)
    assert found == pytest.approx((-0.2, 0.1))


def test_a_split_is_no_excursion():
    spans = days(4)
    lines = ["10 10 10 10", "10 10 10 10", "5 5.5 4.5 5", "5 5 5 5"]
    data = series(lines, spans=spans, actions=[Split("X", spans[2][0], 2, 1)])
    (trade,) = rows(tables.trades(run(data, {0: order(100), 2: order(-200)}).outcome))
    assert (trade["entry_price"], trade["exit_price"]) == (5.0, 5.0)
    assert (trade["mae"], trade["mfe"]) == pytest.approx((-0.1, 0.1))


def test_a_split_that_pays_out_the_last_share_ends_the_trade():
    spans = days(4)
    lines = ["10 10 10 10", "10 11 9 10", "100 100 100 100", "100 100 100 100"]
    data = series(lines, spans=spans, actions=[Split("X", spans[2][0], 1, 10)])
    (trade,) = rows(tables.trades(run(data, {0: order(5)}).outcome))
    assert (trade["is_open"], trade["exit_reason"]) == (False, "split")
    assert (trade["mae"], trade["mfe"]) == pytest.approx((-0.1, 0.1))


def test_excursions_of_intraday_bars_that_touch_each_other():
    lines = ["10 10 10 10", "10 12 9 10", "10 13 8 10", "10 50 1 10"]
    data = series(lines, spans=intraday(4), timeframe="30m")
    (trade,) = rows(tables.trades(run(data, {0: order(100), 2: order(-100)}).outcome))
    assert (trade["mae"], trade["mfe"]) == pytest.approx((-0.2, 0.3))
