"""Searches that learn, objectives of one's own, and what figures have to meet, through `sweep`."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from tests.integration.cli_runs import run

import openbell as ob

SPAN: dict[str, Any] = {"start": "2004-01-01", "end": "2006-12-31"}
GRID: dict[str, Any] = {"fast": [3, 5, 8, 10, 15, 20], "slow": [20, 30, 40, 50, 60]}


class Cross(ob.Strategy):
    """Long while the fast average is above the slow one."""

    fast: int = ob.param(10, ge=2)
    slow: int = ob.param(30, ge=2)

    def on_start(self):
        self.quick = self.indicator(ob.SMA(self.fast))
        self.calm = self.indicator(ob.SMA(self.slow))

    def on_bar(self, bar):
        (self.buy if self.quick[-1] > self.calm[-1] else self.close)(bar.symbol)


def calm(measures):
    return measures["cagr"] / (0.05 + abs(measures["max_drawdown"]))


@pytest.fixture(scope="module")
def whole():
    return ob.sweep("sma_cross", "AAPL", **SPAN, **GRID)


@pytest.mark.parametrize(("method", "samples"), [("coordinate", None), ("optuna", 12)])
def test_a_search_tries_some_of_the_grid_and_counts_each(whole, method, samples):
    made = ob.sweep("sma_cross", "AAPL", method=method, samples=samples, **SPAN, **GRID)
    assert made.trials == len(made.table) < 30
    assert made.trials == (samples or made.trials)
    known = whole.table.set_index(["fast", "slow"])["sharpe"]
    assert made.table.set_index(["fast", "slow"])["sharpe"].equals(
        known.loc[list(made.table.set_index(["fast", "slow"]).index)]
    )
    assert method not in repr(made)
    with pytest.raises(ob.ConfigError, match="no neighbours"):
        made.plateau()


def test_a_coordinate_search_ends_where_no_step_helps(whole):
    made = ob.sweep("sma_cross", "AAPL", method="coordinate", **SPAN, **GRID)
    best = made.best().parameters
    known = whole.table.set_index(["fast", "slow"])["sharpe"]
    for name, values in GRID.items():
        at = values.index(best[name])
        for near in values[max(at - 1, 0) : at + 2]:
            other = {**best, name: near}
            assert known[other["fast"], other["slow"]] <= made.best().measures["sharpe"]


def test_workers_change_nothing_and_a_stopped_search_goes_on(tmp_path):
    asked = {"method": "optuna", "samples": 20, **SPAN, **GRID}
    one, two = (ob.sweep(Cross, "AAPL", workers=count, **asked) for count in (1, 2))
    pd.testing.assert_frame_equal(one.table, two.table, check_exact=True)

    def stop(done: int, total: int) -> None:
        if done >= 11:
            raise KeyboardInterrupt

    with pytest.raises(ob.SweepInterrupted) as stopped:
        ob.sweep(Cross, "AAPL", workers=1, resume=tmp_path / "kept", progress=stop, **asked)
    assert 8 < int(stopped.value.trials.done.sum()) < 20
    told: list[int] = []
    on = ob.sweep(
        Cross,
        "AAPL",
        workers=2,
        resume=tmp_path / "kept",
        progress=lambda done, _: told.append(done),
        **asked,
    )
    pd.testing.assert_frame_equal(on.table, one.table, check_exact=True)
    assert told[0] >= 8  # what was done is not run again
    with pytest.raises(ob.ConfigError, match="whose samples is 20, and here 21"):
        ob.sweep(Cross, "AAPL", resume=tmp_path / "kept", **{**asked, "samples": 21})


def test_a_function_decides_and_requirements_are_met(whole):
    made = ob.sweep("sma_cross", "AAPL", objective=calm, require="trades >= 12", **SPAN, **GRID)
    values = whole.table["cagr"] / (0.05 + whole.table["max_drawdown"].abs())
    assert made.table["calm"].equals(values.rename("calm"))
    met = whole.table["trades"] >= 12
    assert 0 < met.sum() < 30
    assert made.best().measures["calm"] == values[met].max()
    assert made.plateau().row in set(whole.table.index[met])
    assert made.top(40)["trades"].iloc[: met.sum()].min() >= 12
    assert made.heatmap().data
    assert made.best("calm").row == made.best().row
    with pytest.raises(ob.ConfigError, match=r"calm\(\) has no column here; give it to the sweep"):
        whole.best(calm)


@pytest.mark.parametrize("method", ["coordinate", "optuna"])
def test_a_search_is_led_by_what_is_required(method):
    samples = 15 if method == "optuna" else None
    made = ob.sweep(
        "sma_cross", "AAPL", method=method, samples=samples, objective=[calm, "-trades"],
        require=lambda trades: trades >= 12, where=lambda fast, slow: fast < slow, **SPAN, **GRID,
    )  # fmt: skip
    assert made.best().measures["trades"] >= 12
    assert (made.table["fast"] < made.table["slow"]).all()


def test_nothing_that_meets_what_is_required_is_said(whole):
    made = ob.sweep("sma_cross", "AAPL", require="max_drawdown > -0.001", **SPAN, **GRID)
    with pytest.raises(ob.ConfigError, match="none of the 29 combinations that have a sharpe meets"):
        made.best()
    assert "none of the 29 combinations" in repr(made)


def nothing(measures):
    return None


def divides(measures):
    return 1 / 0


def sharpe(measures):
    return 1.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "optun", "samples": 3}, "method='optun' is unknown; did you mean 'optuna'"),
        ({"method": "coordinate", "samples": 3}, "a coordinate search ends by itself"),
        ({"method": "optuna"}, "method='optuna' needs samples"),
        (
            {"require": "max_dd > 0"},
            "require='max_dd > 0': 'max_dd' is no measure; did you mean 'max_drawdown'",
        ),
        ({"require": "sharpe"}, "'sharpe' is no condition; compare, as in 'max_drawdown > -0.3'"),
        ({"require": lambda drawdown: True}, "require: the function <lambda> asks for 'drawdown'"),
        ({"objective": nothing}, r"nothing\(\) returned None; it must return a number"),
        ({"objective": divides}, r"divides\(\) raised ZeroDivisionError"),
        ({"objective": sharpe}, "'sharpe' is called like a measure"),
        ({"objective": [calm, calm]}, "'calm' is called like a measure or another objective"),
    ],
)
def test_a_wrong_setting_is_named(options, said):
    with pytest.raises(ob.ConfigError, match=said):
        ob.sweep("sma_cross", "AAPL", **SPAN, **{**GRID, **options})


def test_the_command_takes_functions_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def calm(m):\n    return m['cagr'] / (0.05 - m['max_drawdown'])\n")
    asked = ["sweep", "sma_cross", "--symbols", "AAPL", "--start", "2004-01-01", "--end", "2006-12-31"]
    grid = ["--grid", "fast=3:20", "--grid", "slow=20:60:5"]
    done = run(
        *asked,
        *grid,
        "--objective",
        "mine.py:calm",
        "--require",
        "trades > 8",
        "--method",
        "coordinate",
        "--json",
    )
    assert (done.code, done.err) == (0, "")
    (made,) = done.document["sweeps"]
    assert made["objectives"] == ["+calm"]
    assert (made["require"], made["method"]) == ("trades > 8", "coordinate")
    assert made["trials"] < 18 * 9
    assert run(*asked, *grid, "--objective", "mine.py:cal").line.endswith(
        "--objective mine.py:cal: mine.py has no function 'cal'; did you mean 'calm'?"
    )
    assert "--objective nowhere.at:all" in run(*asked, *grid, "--objective", "nowhere.at:all").line
    assert "--require 'trade > 8': 'trade' is no measure" in run(*asked, *grid, "--require", "trade > 8").line
