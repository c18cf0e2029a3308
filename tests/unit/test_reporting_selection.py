from typing import Any

import numpy as np
import pytest

import openbell as ob
from openbell.portfolio.evidence import Standing
from openbell.portfolio.overfitting import overfitting_probability
from openbell.portfolio.reality import superiority
from openbell.reporting import selection
from openbell.reporting.selection import Drawn, draw_sweep, judge_sweep, tried_here
from openbell.reporting.sweep import Sweep
from tests.unit.bars_by_hand import daily

STEPS = np.random.default_rng(29).normal(0.0, 0.01, 200)
WALK = daily("W", (100.0 * np.exp(np.cumsum(STEPS))).tolist(), spread=0.0)
NUMBERS = range(6)


def sweep(engine: str = "event", *, numbers: Any = NUMBERS, **settings: Any) -> Sweep:
    made: Sweep = ob.sweep("mined_noise", WALK, number=numbers, engine=engine, **settings)
    return made


def drawn_of(made: Sweep) -> Drawn:
    assert made.rerun is not None
    found = draw_sweep(made, made.rerun)
    assert isinstance(found, Drawn)
    return found


@pytest.fixture(scope="module")
def made() -> Sweep:
    return sweep(engine="compiled")


def test_the_verdict_is_of_the_best_after_all_that_were_tried(made):
    drawn, found = drawn_of(made), made.verdict
    assert drawn.returns.shape == (199, 6)
    best = ob.backtest("mined_noise", WALK, parameters=made.best().parameters)
    np.testing.assert_allclose(drawn.best, np.diff(best.daily_equity) / best.daily_equity[:-1], rtol=1e-9)
    np.testing.assert_allclose(
        drawn.benchmark, np.diff(best.daily_benchmark) / best.daily_benchmark[:-1], rtol=1e-9
    )
    e = found.evidence
    assert e.tried == tried_here(made, drawn)
    assert e.tried is not None
    assert e.tried.count == 6
    assert e.sharpe * np.sqrt(found.periods_per_year) == pytest.approx(made.best().measures["sharpe"])
    assert e.overfitting == overfitting_probability(drawn.returns, parts=8).probability
    assert found.standing == Standing.LUCK
    assert " after 6 trials, PBO 0." in found.text


def test_the_tests_compare_at_the_benchmarks_volatility(made):
    drawn = drawn_of(made)
    scaled = drawn.returns * drawn.benchmark.std() / drawn.returns.std(axis=0)
    expected = superiority(scaled - drawn.benchmark[:, None], draws=selection.DRAWS)
    assert made.verdict.evidence.superiority == expected


def test_the_event_engine_keeps_what_the_compiled_one_runs_again(made):
    ours, theirs = sweep().verdict.as_json(), made.verdict.as_json()
    assert {k: v for k, v in ours.items() if not isinstance(v, float)} == {
        k: v for k, v in theirs.items() if not isinstance(v, float)
    }
    assert ours["deflated_sharpe"] == pytest.approx(theirs["deflated_sharpe"])


def test_a_combination_that_never_traded_stays_in_the_choice():
    class Sometimes(ob.Strategy):
        every: int = ob.param(1)

        def on_bar(self, bar: ob.Bar) -> None:
            if self.every and bar.index % self.every == 0:
                self.order("W", 1 if bar.index % 2 else -1)

    found = ob.sweep(Sometimes, WALK, every=[0, 1, 3, 5, 7], costs=ob.Costs(margin=ob.REG_T), engine="event")
    assert drawn_of(found).returns.shape[1] == 5
    assert found.verdict.evidence.overfitting is not None


def test_of_many_a_sample_is_drawn_and_said(made, monkeypatch):
    monkeypatch.setattr(selection, "MOST_DRAWN", 4)
    again = judge_sweep(made)
    assert again.detail.endswith("are of 4 of the combinations, drawn at random.")
    assert again == judge_sweep(made)
    assert again.evidence.sharpe == made.verdict.evidence.sharpe


def test_three_are_no_choice_to_test():
    found = sweep("compiled", numbers=range(3)).verdict
    assert found.evidence.overfitting is None
    assert found.detail.endswith("PBO and the test against the benchmark need 4 combinations or more.")


def test_without_costs_nothing_is_believed():
    rising = daily("W", (100.0 * np.exp(np.cumsum(0.1 * STEPS + 0.003))).tolist(), spread=0.0)
    paid = ob.sweep("mined_noise", rising, number=range(3), engine="compiled")
    assert paid.verdict.standing == Standing.BENCHMARK
    free = ob.sweep("mined_noise", rising, number=range(3), engine="compiled", costs=ob.NO_COSTS).verdict
    assert free.text.startswith("Not to be believed before 1 serious finding is understood: deflated")


def test_what_is_missing_is_said(tmp_path):
    first = sweep(resume=str(tmp_path / "kept"))
    assert first.verdict.evidence.overfitting is not None
    again = sweep(resume=str(tmp_path / "kept")).verdict
    assert (again.standing, again.detail) == ("nothing", "")
    assert again.text == (
        "No verdict: the returns of 6 of 6 combinations were not kept: "
        "the sweep was resumed, is large, or ran on a cluster."
    )
    assert sweep("compiled", figures="trades").verdict.text == (
        "No verdict: too few returns of each combination, 1."
    )
    first.rerun = None
    assert judge_sweep(first).text.startswith("No verdict: the returns of its combinations are not kept")


def test_a_sweep_whose_best_is_undefined_or_lost_everything_has_no_verdict(made, monkeypatch):
    assert made.rerun is not None
    dead = made.rerun._replace(draw=lambda rows: (np.arange(200), np.zeros((len(rows), 200))))
    assert draw_sweep(made, dead) == "the best combination has a moment without a value"
    monkeypatch.setattr(made.results, "values", np.full_like(made.results.values, np.nan))
    assert "undefined" in judge_sweep(made).text


def test_the_verdict_is_in_the_words_the_page_and_the_document(made, tmp_path):
    assert made.words()[1] == f"verdict: {made.verdict.text.rstrip('.')}"
    folder = made.write(tmp_path / "sweep")
    page = (folder / "heatmap.html").read_text(encoding="utf-8")
    assert f"</h1><p class='judgement luck'>{made.verdict.text}</p>" in page
    assert '"deflated_sharpe": ' in (folder / "sweep.json").read_text(encoding="utf-8")
