import subprocess
import sys

import numpy as np
import pytest

import openbell as ob
from openbell.reporting.result import Result
from tests.unit.acting import idle, run
from tests.unit.bars_by_hand import daily, minutes
from tests.unit.fill_desk import days, intraday, series


def buy_then_sell(first: int, last: int, quantity: float = 100):
    def act(strategy, bar):
        if bar.index == first:
            strategy.order(bar.symbol, quantity, tag="in")
        if bar.index == last:
            strategy.order(bar.symbol, -quantity)

    return act


@pytest.fixture(scope="module")
def example() -> Result:
    return ob.backtest("sma_cross", "AAPL", start="2010-01-01")


def test_equity_is_a_series_over_every_moment_in_utc(example):
    equity = example.equity
    assert equity.name == "equity"
    assert str(equity.index.tz) == "UTC"
    assert equity.iloc[0] == 100_000.0
    assert equity.iloc[-1] == example.final_equity
    assert len(equity) == len(example.outcome.times)
    assert str(equity.index[0]) == "2010-01-04 21:00:00+00:00"


def test_the_frames_have_a_row_for_each_fill_order_and_trade(example):
    assert len(example.fills) == len(example.outcome.fills)
    assert len(example.orders) == len(example.outcome.orders)
    assert len(example.trades) == len(example.outcome.trades)
    assert str(example.trades["opened"].dt.tz) == "UTC"
    assert example.trades["pnl"].sum() == pytest.approx(example.final_equity - 100_000)
    assert example.orders["limit"].isna().all()
    assert example.fills["order"].dtype == np.int64


def test_a_trade_that_is_still_open_has_no_close_and_is_flagged():
    trades = run(daily("A", [10, 11, 12]), buy_then_sell(0, 99)).trades
    assert trades["is_open"].tolist() == [True]
    assert trades["closed"].isna().all()
    assert trades["exit_price"].tolist() == [12.0]
    assert trades["holding_days"].tolist() == [2.0]  # from the second bar's open to the end of the third
    assert trades["exit_reason"].tolist() == [""]


def test_frames_of_a_run_without_orders_are_empty_but_have_their_columns():
    result = run(daily("A", [10, 11, 12]), idle)
    assert list(result.fills.columns)[:3] == ["time", "order", "symbol"]
    assert len(result.orders) == len(result.trades) == 0
    assert str(result.trades["opened"].dt.tz) == "UTC"


def test_the_first_session_of_intraday_bars_counts():
    closes = [100.0, 100, 110, 110, 120]
    result = run(minutes("A", closes), buy_then_sell(0, 99), cash=10_000)
    assert result.final_equity == 12_000
    assert result.metrics["total_return"] == pytest.approx(0.2)


def test_daily_runs_have_one_value_a_session(example):
    assert len(example.daily_equity) == len(example.outcome.times)
    assert len(example.daily_benchmark) == len(example.daily_times)


def test_repr_tells_what_ran_and_what_came_of_it_and_warns(example):
    lines = repr(example).splitlines()
    assert lines[0] == "sma_cross on AAPL, 2010-01-04 to 2013-03-01"
    assert any(line.startswith("  total return ") for line in lines)
    assert any("Only " in line and "trades" in line for line in lines)
    assert not any("hindsight" in line for line in lines)


def test_refusals_count_orders_and_decisions_by_reason():
    def act(strategy, bar):
        strategy.order("A", 1_000_000 if bar.index else -5)
        strategy.sell("A")
        strategy.order("A", 1)

    result = run(daily("A", [10, 11, 12]), act)
    assert result.refusals == {"short_not_allowed": 4, "no_buying_power": 2}


def test_repr_says_that_a_run_had_no_costs():
    assert "without costs" in repr(run(daily("A", [10, 11, 12]), buy_then_sell(0, 99)))


def test_plot_is_a_figure_of_equity_benchmark_and_drawdown(example):
    figure = example.plot()
    assert [trace.name for trace in figure.data][:2] == ["Holding AAPL", "sma_cross"]
    assert figure.data[1].line.color == "#0b5cab"
    assert len(figure.data[1].x) == len(example.outcome.times)
    assert figure.data[3].yaxis == "y2"
    assert min(figure.data[3].y) == pytest.approx(example.metrics["max_drawdown"], abs=1e-5)
    assert figure.layout.title.text == "sma_cross on AAPL"


def test_neither_a_run_nor_its_files_need_pandas_or_plotlys_classes(tmp_path):
    ob.backtest("buy_and_hold", "AAPL", start="2013-01-01")  # the calendar is cached from here on
    program = (
        "import sys; from openbell.run import backtest; from openbell.reporting.export import write_run\n"
        "result = backtest('buy_and_hold', 'AAPL', start='2013-01-01')\n"
        f"repr(result), result.metrics, write_run(result, {str(tmp_path / 'run')!r})\n"
        "sys.exit(', '.join({'pandas', 'plotly', 'pyarrow'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_statistics_begin_before_anything_traded_and_end_each_session():
    assert run(series(["10 11 9 10"] * 3, spans=days(3)), idle).marks.tolist() == [0, 1, 2]
    half_hours = series(["10 11 9 10"] * 3, spans=intraday(3), timeframe="30m")
    assert run(half_hours, idle).marks.tolist() == [0, 2]
