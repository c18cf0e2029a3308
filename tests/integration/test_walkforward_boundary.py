"""A walk-forward's parts beyond choosing: what crosses a boundary, who runs it, the page, and the refit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tests.integration.cli_runs import run

import openbell as ob
from openbell.config.entries import read_strategies

SPAN: dict[str, Any] = {"start": "2004-01-01", "end": "2006-06-30"}
GRID: dict[str, Any] = {"fast": [5, 10], "slow": [30, 50]}
ASKED: dict[str, Any] = {"train": "1y", "test": "6m", **SPAN, **GRID}


class Cross(ob.Strategy):
    """Long while the fast average is above the slow one; counts the bars that it has seen."""

    fast: int = ob.param(10, ge=2)
    slow: int = ob.param(30, ge=2)

    def on_start(self):
        self.quick = self.indicator(ob.SMA(self.fast))
        self.calm = self.indicator(ob.SMA(self.slow))

    def on_bar(self, bar):
        (self.buy if self.quick[-1] > self.calm[-1] else self.close)(bar.symbol)


@pytest.fixture(scope="module")
def carried():
    return ob.walkforward("sma_cross", "AAPL", boundary="carry", **ASKED)


def fills(made):
    return [fill[2:8] for fill in made.result.outcome.fills]


def test_parameters_that_do_not_change_make_one_run_where_positions_are_carried():
    made, whole = (
        ob.walkforward(
            "sma_cross", "AAPL", train="1y", test=length, boundary="carry", fast=[10], slow=[30], **SPAN
        )
        for length in ("3m", "9y")
    )
    assert (len(made.steps), len(whole.steps)) == (6, 1)
    assert fills(made) == fills(whole)
    assert np.array_equal(made.result.outcome.equity, whole.result.outcome.equity)
    closed = ob.walkforward("sma_cross", "AAPL", train="1y", test="3m", fast=[10], slow=[30], **SPAN)
    assert len(fills(closed)) > len(fills(made))


def test_nothing_is_sold_because_a_window_ends(carried):
    assert not [order for order in carried.result.outcome.orders if order.tag == "window"]
    assert "positions carried over" in repr(carried)
    assert carried.document()["boundary"] == "carry"
    assert len({tuple(step.parameters.values()) for step in carried.steps}) > 1


def test_new_parameters_decide_from_the_boundary_on_with_indicators_that_know_the_past():
    made = ob.walkforward(Cross, "IBM", boundary="carry", choose="best", workers=1, **ASKED)
    changes = [
        b.window.test
        for a, b in zip(made.steps, made.steps[1:], strict=False)
        if a.parameters != b.parameters
    ]
    assert changes
    outcome = made.result.outcome
    closes = outcome.panel.closes("IBM")
    for step in made.steps:
        for at in range(step.window.test, step.window.last - 1):
            quick, calm = (closes[at + 1 - days : at + 1].mean() for days in step.parameters.values())
            held = outcome.holdings["IBM"][at + 1 - outcome.first] > 0.0
            assert held == (quick > calm) or abs(quick / calm - 1.0) < 0.003  # signals see dividends


class Orders(Cross):
    """Orders at its start, which it may not while it runs."""

    def on_start(self):
        super().on_start()
        self.order("AAPL", 1)


def test_a_strategy_that_orders_at_its_start_cannot_be_carried_over():
    with pytest.raises(ob.StrategyError, match="sends orders in on_start"):
        ob.walkforward(Orders, "AAPL", boundary="carry", workers=1, **ASKED)


def test_the_same_is_chosen_by_one_worker_and_by_two_and_after_a_stop(tmp_path):
    one, two = (ob.walkforward(Cross, "AAPL", workers=count, **ASKED) for count in (1, 2))
    assert one.table.equals(two.table)
    assert fills(one) == fills(two)

    def stop(done: int, total: int) -> None:
        if done > 5:
            raise KeyboardInterrupt

    with pytest.raises(ob.SweepInterrupted) as stopped:
        ob.walkforward(Cross, "AAPL", workers=1, resume=tmp_path / "kept", progress=stop, **ASKED)
    assert 5 < stopped.value.trials.done.sum() < len(one.steps) * 4
    told: list[int] = []
    on = ob.walkforward(
        Cross,
        "AAPL",
        workers=1,
        resume=tmp_path / "kept",
        progress=lambda done, _: told.append(done),
        **ASKED,
    )
    assert told[0] > 5
    assert on.table.equals(one.table)


@pytest.mark.parametrize(("method", "samples"), [("coordinate", None), ("optuna", 3), ("random", 3)])
def test_each_window_searches_by_itself(method, samples):
    made = ob.walkforward("sma_cross", "AAPL", method=method, samples=samples, **ASKED)
    assert len(made.steps) == 3
    assert all(2 <= step.trials <= 4 for step in made.steps)
    again = ob.walkforward("sma_cross", "AAPL", method=method, samples=samples, **ASKED)
    assert again.table.equals(made.table)


def test_what_is_required_is_met_in_each_window_or_the_window_is_named():
    made = ob.walkforward("sma_cross", "AAPL", require="trades >= 3", objective="-trades", **ASKED)
    assert all(step.measures["trades"] >= 3 for step in made.steps)
    with pytest.raises(
        ob.ConfigError, match=r"the window 2004-01-02 to 2004-12-31: none of the 4 combinations"
    ):
        ob.walkforward("sma_cross", "AAPL", require="sharpe > 50", **ASKED)


def test_an_embargo_and_a_gap_are_a_distance():
    made, same = (
        ob.walkforward("sma_cross", "AAPL", gap=gap, embargo=embargo, **ASKED)
        for gap, embargo in ((5, 5), (10, 0))
    )
    assert made.table.equals(same.table)
    assert all(step.window.test - step.window.end == 10 for step in made.steps)


def test_degradation_is_what_is_lost_between_choosing_and_testing(carried):
    inside, outside = carried.degradation["sharpe"]
    assert inside == pytest.approx(np.mean([step.measures["sharpe"] for step in carried.steps]))
    assert outside == pytest.approx(np.mean([one["sharpe"] for one in carried.tested]))


def test_the_page_draws_the_course_the_drift_and_what_was_kept(carried, tmp_path):
    carried.write(tmp_path / "walk")
    text = (tmp_path / "walk" / "walkforward.html").read_text()
    figures = json.loads(text.split("id='figures'>")[1].split("</script>")[0])["figures"]
    assert [one["name"] for one in figures["drift"]["data"]] == ["fast", "slow"]
    assert figures["drift"]["data"][0]["y"][:-1] == [step.parameters["fast"] for step in carried.steps]
    assert len(figures["course"]["layout"]["shapes"]) == len(carried.steps) - 1
    assert figures["kept"]["data"][1]["y"] == pytest.approx(
        [one["sharpe"] for one in carried.tested], abs=6e-4
    )
    assert {file.name for file in (tmp_path / "walk").iterdir()} == {
        "walkforward.html", "walkforward.json", "strategies.yaml", "report.html"
    }  # fmt: skip


REFIT = (
    "walkforward", "sma_cross", "--symbols", "AAPL", "--start", "2004-01-01", "--train", "2y", "--test", "1y",
    "fast=5,10,20", "slow=30,50", "--refit",
)  # fmt: skip


def test_a_refit_chooses_what_a_sweep_of_the_newest_window_chooses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = run(*REFIT, "config/strategies.yaml", "--json")
    assert (made.code, made.err) == (0, "")
    (entry,) = read_strategies(tmp_path / "config" / "strategies.yaml")
    assert dict(entry.strategy.parameters) == made.document["parameters"]
    assert made.document["before"] is None
    sweep = ob.sweep("sma_cross", "AAPL", start="2004-01-01", fast=[5, 10, 20], slow=[30, 50])
    assert sweep.trials == made.document["trials"]
    assert made.document["to"] == "2013-03-01"

    file = tmp_path / "config" / "strategies.yaml"
    chosen = made.document["parameters"]["fast"]
    file.write_text(file.read_text().replace(f"fast: {chosen}", "fast: 7  # mine") + "# kept\n")
    again = run(*REFIT, str(file), "--json")
    assert again.document["before"]["fast"] == 7
    assert f"fast: {chosen}  # mine" in file.read_text()
    assert file.read_text().endswith("# kept\n")
    before = file.stat().st_mtime_ns
    assert "has them already" in run(*REFIT, str(file)).out
    assert file.stat().st_mtime_ns == before  # a session that watches it has nothing to read


def test_a_refit_of_what_is_not_there_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strategies.yaml").write_text(
        "strategies:\n  - {name: x, strategy: sma_cross, symbols: [IBM]}\n"
    )
    done = run(*REFIT, "strategies.yaml")
    assert (done.code, done.line) == (
        2, "strategies.yaml: no item runs sma_cross on AAPL; it has x: sma_cross on IBM"
    )  # fmt: skip
    assert "--refit notes.txt is no strategies.yaml" in run(*REFIT, "notes.txt").line
    assert not list(tmp_path.glob("walkforward*"))


@pytest.mark.parametrize("command", [REFIT[:10], ("crossvalidate", *REFIT[1:6], "--folds", "3", "fast=5,10")])
def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told: list[int] = []

    def stop(_watch, done, total):
        told.append(done)
        if len(told) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("openbell.cli.sweeps.Watch.tell", stop)
    for more, kept in ((("--resume", "parts"), "parts"), ((), "reports/unfinished-")):
        words = (*command, "slow=30,50", "--engine", "event", "--workers", "1", *more)
        told.clear()
        done = run(*words)
        assert done.code == 130
        assert done.err.count("\n") == 1
        assert f"stopped by Ctrl-C after {told[-1]} of" in done.line
        assert f"; the same command goes on from there, as {kept}" in done.line
        before = told[-1]
        told.clear()
        monkeypatch.setattr("openbell.cli.sweeps.Watch.tell", lambda _, done, __: told.append(done))
        assert run(*words).code == 0
        assert told[0] == before > 0
        monkeypatch.setattr("openbell.cli.sweeps.Watch.tell", stop)
    assert (tmp_path / "parts").is_dir()
    assert not list(tmp_path.glob("reports/unfinished-*"))  # it has ended
