"""`ob.sweep`: what may be asked, what comes of it, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import openbell as ob
from openbell import run as run_layer
from openbell.backtesting.sweep import SweepInterrupted
from openbell.core.errors import BadData, ConfigError, StrategyError

YEAR: dict[str, Any] = {"start": "2011-01-01", "end": "2011-12-31"}
CROSS = ("sweep", "sma_cross", "--symbols", "AAPL", "--start", "2011-01-01", "--end", "2011-12-31")
GRID = ("--grid", "fast=5:15:5", "slow=20,30", "--engine", "event")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sweep(strategy: Any = "sma_cross", data: Any = "AAPL", **settings: Any) -> Any:
    return ob.sweep(strategy, data, **{**YEAR, "engine": "event", **settings})


def test_several_symbols_are_one_portfolio_unless_each_is_asked_for():
    whole = sweep(data=["AAPL", "IBM"], fast=[5, 10])
    each = sweep(data=["AAPL", "IBM"], fast=[5, 10], each=True)
    assert list(each) == ["AAPL", "IBM"]
    assert each["IBM"].table.equals(sweep(data="IBM", fast=[5, 10]).table)
    assert not whole.table.equals(each["AAPL"].table)


def test_progress_of_each_is_that_of_all():
    told: list[float] = []
    sweep(
        data=["AAPL", "IBM"], fast=[5, 10], each=True, progress=lambda done, total: told.append(done / total)
    )
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_what_is_not_varied_keeps_its_value_and_may_be_set():
    one = sweep(fast=[5, 10], slow=50)
    assert one.table.slow.tolist() == [50, 50]
    assert one.table.equity.tolist() != sweep(fast=[5, 10]).table.equity.tolist()


@pytest.mark.parametrize("varied", [{"fast": [5, 10]}, {"fast": [5, 10], "slow": [20, 30]}])
def test_a_sweep_of_which_nothing_meets_what_is_required_is_written_without_a_best(folder, varied):
    made = sweep(**varied, require="trades > 1_000_000")
    assert "meets what is required" in str(made)
    assert (made.write(folder / "none") / "heatmap.html").exists()
    assert len(made.table) == len(varied["fast"]) * len(varied.get("slow", [0]))


def test_names_that_are_options_go_by_parameters():
    class Named(ob.Strategy):
        memory: int = 3

        def on_bar(self, bar):
            self.order(bar.symbol, self.memory)

    assert sweep(Named, parameters={"memory": [1, 2]}).table.equity.nunique() == 2


def test_an_indicator_may_take_anothers_place():
    made = sweep(fast=[5, ob.EMA(5)])
    assert made.table.fast.tolist() == ["5", "EMA(5)"]
    assert made.table.equity.nunique() == 2


def test_samples_are_drawn_by_the_seed():
    first, again, other = (
        sweep(method="random", samples=5, fast=ob.span(2, 20), slow=ob.span(21, 60), seed=seed).table
        for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_a_table_of_the_callers_own_is_swept():
    times = pd.date_range("2020-01-01", periods=300, freq="1h", tz="UTC")
    close = 100 + np.sin(np.arange(300) / 7)
    table = pd.DataFrame(
        {"open": close, "high": close, "low": close, "close": close, "volume": 1e6}, index=times
    )
    assert ob.sweep("sma_cross", table, fast=[5, 10], engine="event").failed == 0


def test_the_same_call_goes_on_after_ctrl_c(monkeypatch):
    calls = 0
    simulate = run_layer.simulate

    def tired(*arguments: Any, **settings: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return simulate(*arguments, **settings)

    monkeypatch.setattr("openbell.run.simulate", tired)
    with pytest.raises(SweepInterrupted) as stopped:
        sweep(fast=range(5, 15), workers=1, resume="kept")
    assert stopped.value.sweep.trials == stopped.value.trials.done.sum() >= 2
    made = sweep(fast=range(5, 15), workers=1, resume="kept")
    assert calls < 16
    assert made.table.equals(sweep(fast=range(5, 15)).table)
    assert sorted(path.name for path in Path("kept").iterdir()) == [
        "heatmap.html",
        "sweep.json",
        "table.parquet",
    ]
    before = calls
    assert sweep(fast=range(5, 15), workers=1, resume="kept").table.equals(made.table)
    assert calls == before


def test_ctrl_c_before_anything_is_done_leaves_nothing(monkeypatch, folder):
    def tired(*_arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("openbell.run.simulate", tired)
    with pytest.raises(SweepInterrupted) as stopped:
        sweep(fast=[5, 10], resume="kept")
    assert stopped.value.sweep is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "nothing to try: give values for a parameter, as in fast=[5, 10]; sma_cross has fast, slow"),
        (
            {"fst": [1]},
            "'fst' is no parameter of strategy sma_cross and no option of a sweep; did you mean 'fast'?",
        ),
        ({"fast": [5], "sampels": 3}, "did you mean 'samples'?"),
        ({"fast": ["x"]}, "sma_cross.fast='x' must be a number"),
        ({"fast": [0]}, "timeperiod=0 must be from 1 to 100000"),
        ({"fast": [5, 5.0]}, "fast: 5 is there twice"),
        ({"fast": [5], "parameters": {"fast": 5}}, "'fast' is in parameters and beside them"),
        ({"fast": [5], "objective": "sharp"}, "did you mean 'sharpe'?"),
        ({"fast": [5], "method": "random"}, "method='random' needs samples"),
        ({"fast": [5], "engine": "quick"}, "engine='quick' is unknown"),
        ({"fast": [5], "workers": 0}, "workers=0 must be"),
        ({"fast": [5], "memory": "1KB"}, "memory=1000 bytes is too little: one combination needs about 5MB"),
        ({"fast": [5], "where": "fast > 9"}, "where='fast > 9' excludes the only combination"),
        ({"fast": range(10**6), "slow": range(10**6)}, "the grid has 1,000,000,000,000 combinations"),
        ({"fast": ob.span(1.5, 2.5)}, "span(1.5, 2.5) has no step"),
    ],
)
def test_what_cannot_be_swept_is_one_line(settings, said, folder):
    with pytest.raises(ConfigError) as error:
        sweep(**settings)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert list(folder.iterdir()) == []


def test_one_bar_is_not_enough():
    with pytest.raises(BadData, match="AAPL: there is 1 bar, and a sweep measures from one to the next"):
        sweep(fast=[5], start="2011-01-03", end="2011-01-03")


def test_fewer_bars_than_the_longest_window_are_said_before_anything_runs(monkeypatch):
    bars = {"start": "2011-01-01", "end": "2011-02-28"}
    made = sweep(fast=[5], slow=[20, 200], **bars)
    assert made.table.error[1].startswith("slow: SMA(200) needs 200 bars, and there are 39")
    monthly = ob.signal(mean=ob.SMA(40).at("1mo"), fast=ob.SMA(5))(lambda mean, fast: float(fast > mean))
    assert "never had a value" in sweep(monthly, fast=[5, 200], mean=[1, 40], **bars).table.error[1]
    monkeypatch.setattr("openbell.run.simulate", lambda *_: pytest.fail("it ran"))
    with pytest.raises(StrategyError, match=r"all 2 combinations failed.*slow: SMA\(100\) needs 100 bars"):
        sweep(slow=[100, 200], **bars)
    with pytest.raises(BadData, match=r"slow: SMA\(30\) needs 30 bars, and there are 20"):
        sweep(fast=[5, 6], start="2011-01-01", end="2011-01-31")


def test_a_class_has_its_own_values_checked():
    with pytest.raises(ConfigError, match=r"DonchianTrend\.lookback=999 must be <= 250"):
        sweep("donchian_trend", lookback=[5, 999])
    assert sweep("donchian_trend", lookback=[5, 10]).failed == 0


def test_a_strategy_without_parameters_says_so():
    class Plain(ob.Strategy):
        def on_bar(self, bar):
            self.buy(bar.symbol)

    with pytest.raises(ConfigError, match="plain has no parameters"):
        sweep(Plain)


def test_a_class_does_not_compile_and_the_event_engine_says_why_it_runs():
    with pytest.raises(ConfigError, match="strategy donchian_trend is a class, which decides in Python"):
        sweep("donchian_trend", lookback=[5, 10], engine="compiled")
    made = sweep("donchian_trend", lookback=[5, 10], engine="auto")
    assert (made.manner.engine, "is a class" in made.manner.reason) == ("event", True)


def test_a_decision_is_compiled_and_leads_to_the_same_account():
    grid: dict[str, Any] = {"fast": [5, 10, 15], "slow": [20, 30, 999]}
    compiled, events = (sweep(**grid, engine=engine) for engine in ("auto", "event"))
    assert (compiled.manner.engine, events.manner.engine) == ("compiled", "event")
    for name in ("trades", "equity", "win_rate", "max_drawdown", "error"):
        assert compiled.table[name].equals(events.table[name]), name
    np.testing.assert_allclose(compiled.table.sharpe, events.table.sharpe, rtol=1e-12)
    assert sweep(**grid, engine="compiled").manner.reason == "it was asked for"


def test_what_does_not_compile_goes_through_the_event_engine_and_says_why():
    class Two:
        def size(self, conviction: float, *, instrument: Any, price: float, equity: float) -> float:
            return 2.0 * conviction

    made = sweep(fast=[5, 10], engine="auto", sizer=Two())
    assert (made.manner.engine, "Two" in made.manner.reason) == ("event", True)
    with pytest.raises(ConfigError, match="Two"):
        sweep(fast=[5, 10], engine="compiled", sizer=Two())
