"""Cross-validation: what each split chose saw nothing of its tests, and the paths are made of those tests."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.integration.cli_runs import run

import openbell as ob
from openbell import run as run_
from openbell.backtesting.folds import Division
from openbell.backtesting.pieces import measure_columns
from openbell.backtesting.trials import Drawn, EventEvaluator
from openbell.reporting.crossvalidationpage import render

SPAN: dict[str, Any] = {"start": "2004-01-01", "end": "2008-12-31"}
GRID: dict[str, Any] = {"fast": [5, 10, 20], "slow": [30, 50, 80]}
FOLDS: dict[str, Any] = {"folds": 5, "test_folds": 2, "purge": 3, "embargo": 2}


class Cross(ob.Strategy):
    """Long while the fast average is above the slow one."""

    fast: int = ob.param(10, ge=2)
    slow: int = ob.param(30, ge=2)

    def on_start(self):
        self.quick = self.indicator(ob.SMA(self.fast))
        self.calm = self.indicator(ob.SMA(self.slow))

    def on_bar(self, bar):
        (self.buy if self.quick[-1] > self.calm[-1] else self.close)(bar.symbol)


@pytest.fixture(scope="module")
def made():
    return ob.crossvalidate("sma_cross", "AAPL", choose="best", **FOLDS, **SPAN, **GRID)


@pytest.fixture(scope="module")
def curves():
    """Return each combination's returns over all of the data, by what it is."""
    found = {}
    for fast in GRID["fast"]:
        for slow in GRID["slow"]:
            one = ob.backtest("sma_cross", "AAPL", parameters={"fast": fast, "slow": slow}, **SPAN)
            curve = one.daily_equity
            found[fast, slow] = curve[1:] / curve[:-1] - 1.0
    return found


def test_a_split_chooses_what_is_best_on_its_training_alone(made, curves):
    folds = Division(5, 2, 3, 2).divide(len(made.times))
    table = np.column_stack(list(curves.values()))
    assert len(made.chosen) == len(folds.splits) == 10
    for split, chosen in zip(folds.splits, made.chosen, strict=True):
        seen = measure_columns(table[split.train], periods_per_year=made.terms.periods_per_year)[:, 3]
        assert tuple(chosen.parameters.values()) == list(curves)[int(np.argmax(seen))]
        assert chosen.inside["sharpe"] == pytest.approx(seen.max())


def test_paths_are_made_of_the_tests_of_what_was_chosen(made, curves):
    assert made.paths.shape == (4, len(made.times))
    for path, splits in zip(made.paths, made.folds.paths.tolist(), strict=True):
        for periods, split in zip(made.folds.folds, splits, strict=True):
            chosen = made.chosen[split]
            np.testing.assert_allclose(
                path[periods], curves[tuple(chosen.parameters.values())][periods], atol=1e-12
            )
    assert made.sharpe.shape == (4,)


def test_the_path_in_the_middle_is_judged_after_all_that_looked_at_the_tests(made):
    order = np.argsort(made.sharpe)
    assert made.middle == order[1]  # of four the worse one
    found = made.verdict
    assert found.evidence.sharpe * np.sqrt(made.terms.periods_per_year) == pytest.approx(
        made.sharpe[made.middle]
    )
    assert found.evidence.overfitting == made.below_median
    assert str(found).rstrip(".") in made.words()[1]
    assert made.document()["verdict"]["text"] == str(found)
    assert made.curve[-1] == pytest.approx(np.prod(1.0 + made.paths[made.middle]))
    few = ob.crossvalidate("sma_cross", "AAPL", folds=3, test_folds=1, **SPAN, **GRID)
    assert few.verdict.evidence.overfitting is None  # three splits say nothing of it
    page = render(made)
    assert page.index("class='judgement") < page.index("class='facts-line'")


def test_what_is_in_a_test_changes_nothing_that_was_chosen_without_it():
    (series,) = run_.load("AAPL", **SPAN)
    made = ob.crossvalidate("sma_cross", [series], folds=4, test_folds=1, choose="best", **GRID)
    begin = int(made.times[made.folds.folds[3][0]])
    late = series.known >= begin
    columns = {
        name: np.where(
            late, getattr(series, name) * np.linspace(1.0, 3.0, len(series)), getattr(series, name)
        )
        for name in ("open", "high", "low", "close")
    }
    other = ob.crossvalidate(
        "sma_cross", [replace(series, **columns)], folds=4, test_folds=1, choose="best", **GRID
    )
    assert other.chosen[3].parameters == made.chosen[3].parameters
    assert other.chosen[3].inside == made.chosen[3].inside
    assert other.chosen[0].inside != made.chosen[0].inside


def test_workers_change_nothing_and_one_that_was_stopped_goes_on(tmp_path):
    asked = {**FOLDS, **SPAN, **GRID}
    one, two = (ob.crossvalidate(Cross, "AAPL", workers=count, **asked) for count in (1, 2))
    assert np.array_equal(one.paths, two.paths)

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(ob.SweepInterrupted) as stopped:
        ob.crossvalidate(Cross, "AAPL", workers=1, resume=tmp_path / "kept", progress=stop, **asked)
    assert stopped.value.folder == tmp_path / "kept"
    on = ob.crossvalidate(Cross, "AAPL", workers=1, resume=tmp_path / "kept", **asked)
    assert np.array_equal(on.paths, one.paths)


def test_words_and_figures_are_those_of_the_paths(made):
    text = repr(made)
    assert (
        "5 folds, 2 of them tested at a time, 10 splits, 4 paths; 9 combinations tried, the best of each"
        in text
    )
    assert f"{made.below_median:.0%} of the choices" in text
    document = made.document()
    assert json.dumps(document, allow_nan=False)
    assert document["paths"]["sharpe"]["values"] == made.sharpe.tolist()
    assert made.table["rank"].between(0.0, 1.0).all()
    assert made.below_median == (made.table["rank"] < 0.5).mean()


def test_the_k_fold_has_one_path():
    made = ob.crossvalidate("sma_cross", "AAPL", folds=4, test_folds=1, **SPAN, **GRID)
    assert (len(made.paths), len(made.chosen)) == (1, 4)
    assert "1 path" in repr(made)


class Fails(ob.Strategy):
    """Raises for one value."""

    days: int = 3

    def on_bar(self, bar):
        if self.days == 4:
            raise ValueError("four")
        self.buy(bar.symbol)


def test_a_combination_that_fails_is_never_chosen():
    made = ob.crossvalidate(Fails, "AAPL", folds=3, test_folds=1, workers=1, days=[3, 4], **SPAN)
    assert {one.parameters["days"] for one in made.chosen} == {3}


def test_an_indicator_that_needs_more_bars_is_never_chosen():
    made = ob.crossvalidate("sma_cross", "AAPL", folds=3, test_folds=1, **SPAN, fast=[5], slow=[30, 5_000])
    assert {one.parameters["slow"] for one in made.chosen} == {30}


def test_who_cannot_draw_a_combination_has_it_said_by_who_runs_it():
    plan, found, series = run_.prepare(Fails, "AAPL", start="2004-01-01", end="2004-03-31")
    runs = EventEvaluator(run_.simulate, plan, found, series, drawn=62)
    times, curves = runs.curves([{"days": 3}])

    class Blank:
        measures = runs.measures

        def curves(self, combinations):
            return times, np.full((len(combinations), len(times)), np.nan)

        def examine(self, combinations):
            raise AssertionError

        def bytes_for(self, count):
            return 8

    drawn = Drawn(Blank(), runs)
    values, errors = drawn.examine([{"days": 4}, {"days": 3}])
    assert list(errors) == [0]
    assert "four" in errors[0]
    assert values[1].tolist() == curves[0].tolist()
    assert np.isnan(drawn.curves([{"days": 4}])[1]).all()
    assert drawn.bytes_for(2) == 8 + 2 * 62 * 8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folds": 1}, "folds=1 must be a whole number"),
        ({"choose": "peak"}, "choose='peak' is unknown"),
        ({"objective": "trades"}, "objective='trades' is not measured here"),
        ({"method": "optuna", "samples": 5}, "looks at all of the data before"),
        ({"require": "sharpe > 90"}, "with folds 1, 2 tested, none of the 9 combinations"),
    ],
)
def test_a_wrong_setting_is_named(options, said):
    with pytest.raises(ob.ConfigError, match=said):
        ob.crossvalidate("sma_cross", "AAPL", **{**SPAN, **GRID, **options})


def test_more_curves_than_fit_are_refused(monkeypatch):
    monkeypatch.setattr("openbell.crossvalidating._MOST_BYTES", 1_000)
    with pytest.raises(ob.ConfigError, match="the curves of 9 combinations take"):
        ob.crossvalidate("sma_cross", "AAPL", **SPAN, **GRID)


def test_the_command_writes_a_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = [
        "crossvalidate",
        "sma_cross",
        "--symbols",
        "AAPL",
        "--start",
        "2004-01-01",
        "--end",
        "2008-12-31",
    ]
    grid = ["fast=5,10,20", "slow=30,50"]
    done = run(*asked, "--folds", "4", "--test-folds", "2", "--purge", "5", "--embargo", "5", *grid, "--json")
    assert (done.code, done.err) == (0, "")
    page = tmp_path / done.document["page"]
    text = page.read_text()
    assert "cross-validation" in text
    assert "http://" not in text.split("<script>")[0]
    assert len(done.document["splits"]) == 6
    assert json.loads((page.parent / "crossvalidation.json").read_text())["purge"] == 5
    wrong = run(*asked, "--folds", "4", "--test-folds", "4", *grid)
    assert (wrong.code, wrong.line) == (
        2,
        "--test-folds 4 leaves none of --folds 4 to train on; test fewer",
    )
    assert "name it" in run("crossvalidate", "x.yaml", *grid).line
