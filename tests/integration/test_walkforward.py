"""Walk-forward: chosen on the past alone, traded as one run, and written as a config that paper takes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.integration.cli_runs import run

import openbell as ob
from openbell.data.bars import parse_date
from openbell.reporting.words import date
from openbell.run import load

SPAN: dict[str, Any] = {"start": "2004-01-01", "end": "2009-12-31"}
GRID: dict[str, Any] = {"fast": [5, 10, 20], "slow": [30, 50, 80]}


@pytest.fixture(scope="module")
def made():
    return ob.walkforward("sma_cross", "AAPL", train="2y", test="1y", **SPAN, **GRID)


def test_a_window_chooses_what_a_sweep_of_its_past_chooses(made):
    row = made.table.iloc[1]
    sweep = ob.sweep("sma_cross", "AAPL", start="2004-01-01", end=row["train_to"], **GRID)
    assert row["train_from"] > "2004-12-01"
    peaks = ob.walkforward(
        "sma_cross", "AAPL", train="2y", test="1y", anchored=True, choose="best", **SPAN, **GRID
    )
    assert peaks.table.iloc[1][["fast", "slow"]].to_dict() == sweep.best().parameters
    assert peaks.table.iloc[1]["chosen_sharpe"] == sweep.best().measures["sharpe"]


def test_what_comes_later_changes_no_choice(made):
    (series,) = load("AAPL", **SPAN)
    cut = parse_date("2008-06-30") or 0
    late = series.known > cut
    columns = {
        name: np.where(late, getattr(series, name) * 3.0, getattr(series, name))
        for name in ("open", "high", "low", "close")
    }
    other = ob.walkforward("sma_cross", [replace(series, **columns)], train="2y", test="1y", **GRID)
    known = made.table["train_to"] < "2008-06-30"
    assert known.sum() >= 3
    chosen = ["fast", "slow", "chosen_sharpe", "chosen_cagr"]
    assert other.table.loc[known, chosen].equals(made.table.loc[known, chosen])
    assert not other.table[chosen].equals(made.table[chosen])


def test_one_window_of_one_combination_is_a_backtest_that_begins_late():
    made = ob.walkforward("sma_cross", "AAPL", train="2y", test="9y", fast=[10], slow=[50], **SPAN)
    (row,) = made.table.to_dict("records")
    begin = made.result.plan.begin or 0
    assert row["test_from"] == "2006-01-03"
    assert all(fill.time > begin for fill in made.result.outcome.fills)
    (tested,) = made.tested
    assert tested["total_return"] == pytest.approx(made.result.metrics["total_return"])
    assert tested["sharpe"] == pytest.approx(made.result.metrics["sharpe"])


def test_positions_are_closed_where_a_window_ends(made):
    outcome = made.result.outcome
    first = made.steps[0].window.test
    closing = [order for order in outcome.orders if order.tag == "window"]
    assert closing
    starts = {date(int(outcome.panel.times[step.window.test])) for step in made.steps[1:]}
    for order in closing:
        (fill,) = (fill for fill in outcome.fills if fill.order_id == order.id)
        assert date(fill.time) in starts
    assert outcome.first == first
    tests = np.prod([1.0 + one["total_return"] for one in made.tested])
    assert tests - 1.0 == pytest.approx(made.result.metrics["total_return"])


def test_a_class_walks_as_a_decision_does():
    class Cross(ob.Strategy):
        """Long while the fast average is above the slow one."""

        fast: int = ob.param(10, ge=2)
        slow: int = ob.param(30, ge=2)

        def on_start(self):
            self.quick = self.indicator(ob.SMA(self.fast))
            self.calm = self.indicator(ob.SMA(self.slow))

        def on_bar(self, bar):
            (self.buy if self.quick[-1] > self.calm[-1] else self.close)(bar.symbol)

    one, other = (
        ob.walkforward(form, "AAPL", train="2y", test="18m", fast=[5, 20], slow=[50, 80], workers=1, **SPAN)
        for form in (Cross, "sma_cross")
    )
    assert one.table[["fast", "slow"]].equals(other.table[["fast", "slow"]])
    assert [fill[2:8] for fill in one.result.outcome.fills] == [
        fill[2:8] for fill in other.result.outcome.fills
    ]


def test_words_say_how_many_were_tried(made):
    text = repr(made)
    assert "4 windows, 36 combinations tried, the plateau of each traded in the next" in text
    assert "out of sample" in text
    assert 0.0 <= made.stability["fast"] <= 1.0


def test_a_strategy_that_loses_where_it_was_chosen_has_no_efficiency():
    made = ob.walkforward(
        "sma_cross",
        "AAPL",
        train="1y",
        test="6m",
        start="2000-03-01",
        end="2001-12-31",
        fast=[5],
        slow=[20, 30],
    )
    assert np.isnan(made.efficiency) == (np.mean([s.measures["cagr"] for s in made.steps]) <= 0.0)
    assert json.dumps(made.document(), allow_nan=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"choose": "peak"}, "choose='peak' is unknown"),
        ({"train": "two years"}, "train='two years' is no length"),
        ({"fast": [], "slow": [30]}, "fast"),
    ],
)
def test_a_wrong_setting_is_named(options, said):
    asked = {"train": "2y", "test": "1y", **SPAN, **GRID, **options}
    with pytest.raises(ob.ConfigError, match=said):
        ob.walkforward("sma_cross", "AAPL", **asked)


def test_the_command_writes_what_paper_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(
        "walkforward", "sma_cross", "--symbols", "AAPL", "--start", "2004-01-01", "--end", "2009-12-31",
        "--train", "2y", "--test", "1y", "--grid", "fast=5,10", "--grid", "slow=30,50", "--json",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    folder = tmp_path / done.document["folder"]
    assert {file.name for file in folder.iterdir()} >= {"walkforward.json", "strategies.yaml", "report.html"}
    assert len(done.document["windows"]) == 4
    config = folder / "strategies.yaml"
    config.write_text(config.read_text() + "  start: 2011-01-01\n  end: 2011-03-31\n")
    told = run("paper", str(config))
    assert told.code == 0, told.err
    shown = run(
        "walkforward", "sma_cross", "--symbols", "AAPL", "--train", "2y", "--test", "x", "--grid", "fast=5,10"
    )
    assert (shown.code, "--test" in shown.line or "test='x'" in shown.line) == (2, True)
