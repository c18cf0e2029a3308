"""`openbell robustness` and `ob.robustness`: a recorded run again, and what is left of it."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.integration.cli_runs import run
from tests.unit.fill_desk import series

import openbell as ob
from openbell.backtesting.harder import harder_ways, scale_costs
from openbell.backtesting.histories import observe
from openbell.backtesting.laws import fit
from openbell.backtesting.measures import MEASURES
from openbell.backtesting.worlds import Worlds
from openbell.reporting.robustness import FILE, LABELS, PAGE

SPAN: dict[str, Any] = {"start": "2009-01-01", "end": "2011-12-31"}
FEW: dict[str, Any] = {"histories": 4, "permutations": 9, "drops": 3}


@pytest.fixture(scope="module")
def result():
    return ob.backtest("sma_cross", "AAPL", parameters={"fast": 5, "slow": 20}, **SPAN)


@pytest.fixture(scope="module")
def made(result):
    return ob.robustness(result, **FEW)


def middle(made, name):
    return next(one.middle for one in made.reruns if one.name == name)


def test_costs_take_what_they_take_and_each_way_is_a_row(made, result):
    names = [one.name for one in made.reruns]
    assert names == [
        "commission × 2", "slippage × 2", "costs × 2", "commission × 3", "slippage × 3", "costs × 3",
        "entries 1 bar late", "entries 2 bars late", "entries 3 bars late", "10% of entries missed",
    ]  # fmt: skip
    own = result.metrics["total_return"]
    both, three = (middle(made, name)["total_return"] for name in ("costs × 2", "costs × 3"))
    assert own > both > three
    assert len(made.reruns[-1].values) == 3
    again = ob.backtest(
        "sma_cross", "AAPL", parameters={"fast": 5, "slow": 20},
        costs=scale_costs(ob.Costs(), commission=3, slippage=3), **SPAN,
    )  # fmt: skip
    assert three == pytest.approx(again.metrics["total_return"])


def test_scaled_costs_scale_every_part_and_nothing_else():
    costs = ob.Costs(slippage=ob.Slippage(impact=0.1), volume_share=0.2)
    ways = {way.name: way for way in harder_ways(costs, drop=0.1, drops=0, seed=0)}
    scaled = ways["costs × 3"].costs
    assert (scaled.commission.minimum, scaled.commission.maximum_share) == pytest.approx((3.0, 0.03))
    assert (scaled.slippage.bps, scaled.slippage.impact, scaled.volume_share) == pytest.approx((15, 0.3, 0.2))
    assert ways["commission × 2"].costs.slippage == costs.slippage
    assert [one.delay for way in ways.values() for one in way.hindrances if one] == [1, 2, 3]


def test_histories_and_permutations_are_judged_by_the_figure_that_is_asked(made, result):
    assert set(made.histories) == set(LABELS)
    assert all(values.shape == (4, len(MEASURES)) for values, _ in made.histories.values())
    assert made.permuted.shape == (9, len(MEASURES))
    other = ob.robustness(result, figure="volatility", prices="gbm", **FEW)
    at = MEASURES.index("volatility")
    low = np.mean(other.histories["gbm"].values[:, at] <= other.own[at])
    assert other.place("gbm") == pytest.approx(low)  # of volatility less is better
    assert "volatility" in repr(other)


def test_the_same_seed_says_the_same(made, result):
    again = ob.robustness(result, **FEW)
    assert again.document() == made.document()
    assert repr(again) == repr(made)
    assert ob.robustness(result, seed=1, **FEW).document() != made.document()


def test_compiled_runs_say_what_events_say(result, made):
    events = ob.robustness(result, engine="event", workers=1, **FEW)
    np.testing.assert_allclose(events.permuted, made.permuted, rtol=1e-9)
    for law, history in made.histories.items():
        np.testing.assert_allclose(events.histories[law].values, history.values, rtol=1e-9)


def test_workers_say_the_same_as_none(result):
    few: dict[str, Any] = {"histories": 0, "permutations": 4, "drops": 0, "engine": "event"}
    one, two = (ob.robustness(result, workers=count, **few) for count in (1, 2))
    np.testing.assert_array_equal(one.permuted, two.permuted)


def test_a_class_runs_through_events_and_tells_how_far_it_is():
    class Thrice(ob.Strategy):
        def on_bar(self, bar):
            (self.buy if int(bar.close) % 3 else self.sell)(bar.symbol)

    result = ob.backtest(Thrice, ["AAPL", "IBM"], **SPAN)
    told: list[tuple[int, int]] = []
    made = ob.robustness(
        result, histories=1, permutations=2, drops=0, prices=["blocks"],
        progress=lambda *now: told.append(now),
    )  # fmt: skip
    assert made.probability in {1 / 3, 2 / 3, 1.0}
    assert told == sorted(told)
    assert told[-1] == (12, 12)
    with pytest.raises(ob.ConfigError, match="is a class"):
        ob.robustness(result, histories=1, permutations=2, drops=0, engine="compiled")


def test_nothing_drawn_leaves_the_stress_alone(result, tmp_path):
    made = ob.robustness(result, histories=0, permutations=0, drops=0)
    assert made.probability is None
    assert made.document()["permutation"] is None
    text = made.write(tmp_path).read_text()
    assert "Other histories" not in text
    assert "Positions: p" in text


def test_what_is_held_at_no_close_has_no_positions_to_permute():
    class Scalps(ob.Strategy):
        def on_bar(self, bar):
            self.buy(bar.symbol, take_profit=bar.close + 1.0)

    rows = ["100 103 99 100"] * 40
    result = ob.backtest(Scalps, [series(rows)])
    assert len(result.trades) > 10
    made = ob.robustness(result, histories=0, permutations=0, drops=0)
    assert made.pairing is None
    assert made.document()["positions"] is None


def test_a_run_without_costs_is_told_so():
    result = ob.backtest("sma_cross", "AAPL", costs=ob.NO_COSTS, **SPAN)
    said = repr(ob.robustness(result, histories=0, permutations=0, drops=0))
    assert "three times none is none" in said


def test_a_page_and_its_figures_are_written(made, tmp_path):
    page = made.write(tmp_path / "there")
    assert page.name == PAGE
    text = page.read_text()
    for words in ("Traded harder", "Other histories", "Is it the order of the prices?", "As recorded"):
        assert words in text
    assert "https://" not in text.split("<script>")[0]
    document = json.loads((tmp_path / "there" / FILE).read_text())
    assert document["permutation"]["p"] == made.probability
    assert document["stress"]["10% of entries missed"]["runs"] == 3


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"histories": -1}, "histories=-1 must be 0"),
        ({"permutations": 1_000_000}, "permutations=1000000 must be 0 to"),
        ({"drop": 1.0}, "drop=1.0 must be above 0 and below 1"),
        ({"block": 0.5}, "block=0.5 must be 1 session or more"),
        ({"seed": -1}, "seed=-1 must be a whole number"),
        ({"prices": "gmb"}, "did you mean 'gbm'"),
        ({"figure": "sharp"}, "did you mean 'sharpe'"),
    ],
)
def test_a_value_out_of_range_is_named(result, option, said):
    with pytest.raises(ob.ConfigError, match=said):
        ob.robustness(result, **option)


def test_what_cannot_be_doubted_is_refused(result):
    never = ob.backtest("sma_cross", "AAPL", start="2009-01-01", end="2009-01-20")
    with pytest.raises(ob.BadData, match="never traded on AAPL"):
        ob.robustness(never)
    other = ob.Result(
        replace(result.plan, parameters={"fast": 7, "slow": 30}), result.found, result.outcome,
        result.benchmark_curve,
    )  # fmt: skip
    with pytest.raises(ob.ConfigError, match="does not run again as it did"):
        ob.robustness(other)


class Knows(ob.Strategy):
    """Has never seen so dear a share."""

    def on_bar(self, bar):
        self.target_weight(bar.symbol, 0.5 / (0.0 if bar.close > 230.0 else 1.0))


@ob.signal(price=ob.SMA(2))
def knows(price: float) -> float:
    """Has never seen so dear a share."""
    return 0.5 / (0.0 if price > 230.0 else 1.0)


@pytest.mark.parametrize("form", [Knows, pytest.param(knows, marks=pytest.mark.slow)])
def test_a_strategy_that_raises_over_other_prices_names_the_history(form):
    result = ob.backtest(form, "IBM", **SPAN)
    with pytest.raises(ob.StrategyError, match=r"gbm history \d+: .*division by zero"):
        ob.robustness(result, histories=30, prices="gbm", permutations=0, drops=0, workers=1)


def test_a_history_is_the_same_wherever_it_is_drawn(result):
    series = result.outcome.panel.series
    here = Worlds(fit("regimes", observe(series)), 3)
    there = pickle.loads(pickle.dumps(here))  # noqa: S301  # our own bytes
    for number in (0, 7):
        (one,), (other,) = here.of(series, number), there.of(series, number)
        assert one.close.tolist() == other.close.tolist()


def test_the_command_writes_beside_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("backtest", "sma_cross", "--symbols", "AAPL", "--start", "2009-01-01", "--end", "2010-12-31",
               "--no-check").code == 0  # fmt: skip
    done = run(
        "robustness", "sma_cross-AAPL", "--histories", "2", "--permutations", "3", "--drops", "2", "--json"
    )
    assert done.code == 0
    assert set(done.document["histories"]) == set(LABELS)
    assert "sma_cross-AAPL" in done.document["run"]
    assert done.document["recorded"]["trades"] > 1
    told = run("robustness", "sma_cross-AAPL", "--histories", "0", "--permutations", "0", "--drops", "0")
    assert "Entries 1 bar late" in told.out
    assert "robustness.html" in told.out
    wrong = run("robustness", "sma_cross-AAPL", "--prices", "gmb")
    assert wrong.code == 2
    assert "did you mean 'gbm'" in wrong.err


def test_ctrl_c_keeps_the_runs_over_histories_and_the_same_call_goes_on(result, tmp_path):
    told: list[int] = []

    def stop(done: int, total: int) -> None:
        told.append(done)
        if done > 20:
            raise KeyboardInterrupt

    own: dict[str, Any] = {**FEW, "engine": "event", "workers": 1}
    asked = own | {"resume": tmp_path / "kept"}
    with pytest.raises(ob.SweepInterrupted) as stopped:
        ob.robustness(result, progress=stop, **asked)
    assert stopped.value.so_far == f"{told[-1]} of 33 runs"
    assert str(stopped.value) == f"stopped after {told[-1]} of 33 runs"
    assert stopped.value.folder == tmp_path / "kept"
    runs = list((tmp_path / "kept").glob("*/parts/*.npz"))
    again: list[int] = []
    on = ob.robustness(result, progress=lambda done, _: again.append(done), **asked)
    assert on.document() == ob.robustness(result, **own).document()
    assert len(list((tmp_path / "kept").glob("*/parts/*.npz"))) > len(runs) > 0
    assert len(again) < 33  # what is done is not run again


def test_ctrl_c_of_the_command_is_one_line_and_the_same_command_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("backtest", "sma_cross", "--symbols", "AAPL", "--start", "2012-01-01", "--no-check").code == 0
    (folder,) = tmp_path.glob("reports/sma_cross-*")
    told: list[int] = []

    def stop(_watch: object, done: int, _total: int) -> None:
        told.append(done)
        if done > 30:
            raise KeyboardInterrupt

    monkeypatch.setattr("openbell.cli.sweeps.Watch.tell", stop)
    asked = ("--histories", "4", "--permutations", "4", "--prices", "gbm", "--engine", "event")
    words = ("robustness", folder.name, *asked, "--workers", "1")
    done = run(*words)
    assert (done.code, done.err.count("\n")) == (130, 1)
    assert f"stopped by Ctrl-C after {told[-1]} of 37 runs; the same command goes on from there" in done.line
    (kept,) = folder.glob("unfinished-*")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run(*words).code == 0
    assert not kept.exists()
