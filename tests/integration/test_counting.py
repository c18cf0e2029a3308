"""Each backtest, sweep and walk-forward is counted as it is run: by the library and by the command line."""

from __future__ import annotations

import json
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.integration.cli_runs import run, run_folder

import openbell as ob
from openbell.portfolio.tried import Tried
from openbell.run.batches import sample_of
from openbell.run.counting import close_ledgers
from openbell.storage.trials import TrialLedger

GRID: Any = {"fast": [5, 10], "slow": [20, 40, 60]}
YEARS: Any = {"start": "2004-01-01", "end": "2008-12-31"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def known(path: Path) -> list[str]:
    """Return what made each trial, in order."""
    with TrialLedger(path, read_only=True) as ledger:
        return [one.kind for idea, place in ledger.ideas() for one in ledger.trials(idea, place)]


def test_a_backtest_is_a_trial_and_the_same_one_again_is_no_other(trials):
    first = ob.backtest("sma_cross", "AAPL", **YEARS)
    assert (first.trial, first.tried) == (1, Tried(1, 1.0, 0.0, None, 1))
    other = ob.backtest("sma_cross", "AAPL", parameters={"fast": 20}, **YEARS)
    assert other.tried is not None
    assert (other.trial, other.tried.count) == (2, 2)
    assert 1.0 <= other.tried.independent < 2.0  # they are in the market together
    again = ob.backtest("sma_cross", "AAPL", cash=5_000, seed=3, costs=ob.NO_COSTS, **YEARS)
    assert (again.trial, again.tried) == (1, other.tried)
    assert known(trials) == ["backtest", "backtest"]


def test_a_sweep_counts_each_combination_and_finds_those_that_were_tried(trials):
    ob.backtest("sma_cross", "AAPL", parameters={"fast": 10, "slow": 40}, **YEARS)
    swept = ob.sweep("sma_cross", "AAPL", **GRID, **YEARS)
    assert swept.tried is not None
    assert swept.tried.count == 6
    assert 1.0 <= swept.tried.independent < 6.0
    assert "6 trials of this idea on this data by now (as good as" in repr(swept)
    best = ob.backtest("sma_cross", "AAPL", parameters=dict(swept.best().parameters), **YEARS)
    assert best.tried is not None
    assert best.tried.count == 6
    assert best.verdict.evidence.deflated < best.verdict.evidence.probabilistic
    assert known(trials) == ["backtest"] + ["sweep"] * 5


def test_both_engines_try_the_same_and_know_as_much_of_it(trials):
    one = ob.sweep("sma_cross", "AAPL", engine="event", workers=1, **GRID, **YEARS)
    close_ledgers()
    trials.unlink()
    other = ob.sweep("sma_cross", "AAPL", engine="compiled", **GRID, **YEARS)
    assert one.tried is not None
    assert one.tried.independent < 6.0  # it keeps the curves that it has drawn
    assert other.tried == replace(one.tried, deviation=pytest.approx(one.tried.deviation))


def test_a_backtest_says_the_probability_of_overfitting_of_the_choice_it_is_one_of(trials):
    swept = ob.sweep("sma_cross", "AAPL", **GRID, **YEARS)
    made = ob.backtest("sma_cross", "AAPL", parameters=dict(swept.best().parameters), **YEARS)
    assert made.tried is not None
    assert made.tried.compared == 6
    assert made.verdict.evidence.overfitting == made.tried.overfitting
    assert made.tried.overfitting == pytest.approx(swept.verdict.evidence.overfitting, abs=0.25)
    assert f"after 6 trials, PBO {made.tried.overfitting:.2f}" in str(made.verdict)
    part = ob.backtest("sma_cross", "AAPL", start="2005-01-01", end="2006-12-31")
    assert part.tried is not None
    assert part.tried.count == 7
    assert part.tried.compared == 1  # over the whole span their stretches are too long to be cut to this one
    assert "PBO is not known: over these bars the ledger keeps the returns of 1 trial" in part.verdict.detail


def test_combinations_that_fail_are_no_trials(trials):
    swept = ob.sweep("sma_cross", "AAPL", fast=[5, 10], slow=[20, 3_000], **YEARS)
    assert swept.failed == 2
    assert swept.tried is not None
    assert swept.tried.count == 2


def test_figures_of_the_trades_alone_count_without_a_ratio(trials):
    swept = ob.sweep("sma_cross", "AAPL", figures="trades", **GRID, **YEARS)
    assert swept.tried == Tried(6, 6.0, 0.0)


def test_a_walk_forward_counts_each_combination_in_each_window_and_itself(trials):
    walked = ob.walkforward("sma_cross", "AAPL", train="2y", test="1y", **GRID, **YEARS)
    windows = len(walked.steps)
    assert known(trials) == ["training"] * (6 * windows) + ["walk-forward"]
    again = ob.walkforward("sma_cross", "AAPL", train="2y", test="1y", **GRID, **YEARS)
    assert again.result.tried == walked.result.tried
    assert "of this idea on this data" in repr(again)
    later = ob.backtest("sma_cross", "AAPL", start="2006-01-01", end="2008-12-31")
    assert later.tried is not None
    # The first window ends before this begins: who was chosen on it has seen none of these bars.
    assert later.trial == later.tried.count == 6 * (windows - 1) + 2


def test_the_tests_of_a_walk_forward_were_chosen_from_what_has_looked_at_them(trials):
    asked: Any = {"train": "2y", "test": "1y", **GRID, **YEARS}
    first = ob.walkforward("sma_cross", "AAPL", **asked)
    # What its own windows chose from had not seen the tests.
    assert (first.result.trial, first.result.tried) == (1, Tried(1, 1.0, 0.0))
    assert first.result.verdict.evidence.deflated == first.result.verdict.evidence.probabilistic
    second = ob.walkforward("sma_cross", "AAPL", **(asked | {"choose": "best"}))
    assert second.result.tried is not None
    assert (second.result.trial, second.result.tried.count) == (2, 2)
    ob.sweep("sma_cross", "AAPL", **GRID, start="2007-01-01", end="2008-12-31")
    third = ob.walkforward("sma_cross", "AAPL", **(asked | {"boundary": "carry"}))
    assert third.result.tried is not None
    assert third.result.tried.count == 9
    assert third.result.verdict.evidence.deflated < third.result.verdict.evidence.probabilistic


def test_what_was_trained_alone_is_a_trial_once_it_is_looked_at(trials):
    ob.crossvalidate("sma_cross", "AAPL", folds=4, test_folds=2, **GRID, **YEARS)
    assert known(trials) == ["training"] * 6 + ["cross-validation"]
    ob.sweep("sma_cross", "AAPL", **GRID, **YEARS)
    walked = ob.walkforward("sma_cross", "AAPL", train="2y", test="1y", **GRID, **YEARS)
    assert walked.result.tried is not None
    assert walked.result.tried.count == 6 + 2  # the sweep, the cross-validation and itself


def test_a_calendar_with_more_sessions_than_there_are_bars_makes_no_other_ratio(trials):
    days = pd.date_range("2020-01-01", periods=500, freq="B", tz="UTC")
    close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.001, 0.01, 500)))
    bars = pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 1e6}, days)
    table = ob.from_frame(bars, "X", calendar="24/7")
    swept = ob.sweep("sma_cross", table, **GRID)
    made = ob.backtest("sma_cross", table, parameters=dict(swept.best().parameters))
    assert swept.tried is not None
    assert made.tried is not None
    assert made.tried.deviation == pytest.approx(swept.tried.deviation)
    assert made.verdict.evidence.deflated == pytest.approx(swept.verdict.evidence.deflated)
    with TrialLedger(trials, read_only=True) as ledger:
        (idea,) = ledger.ideas()
        assert {row.periods for row in ledger.rows(*idea)} == {len(made.daily_equity) - 1}


def test_what_has_seen_other_bars_does_not_count(trials):
    ob.sweep("sma_cross", "AAPL", start="2004-01-01", end="2005-12-31", **GRID)
    later = ob.backtest("sma_cross", "AAPL", start="2006-01-01", end="2007-12-31")
    assert later.tried == Tried(1, 1.0, 0.0, None, 1)
    longer = ob.backtest("sma_cross", "AAPL", start="2005-01-01", end="2007-12-31")
    assert longer.tried is not None
    assert longer.tried.count == 8
    assert ob.backtest("sma_cross", "IBM", start="2005-01-01", end="2007-12-31").trial == 1
    assert ob.backtest("rsi_reversion", "AAPL", start="2005-01-01", end="2007-12-31").trial == 1


def test_a_changed_line_is_the_same_idea_and_another_file_is_not(here):
    text = "import openbell as ob\n\n@ob.signal(fast=ob.SMA(5), slow=ob.SMA(9))\ndef mine(fast, slow):\n    "
    Path("a.py").write_text(text + "return 1.0 if fast > slow else 0.0\n")
    assert ob.backtest("a.py", "AAPL", **YEARS).trial == 1
    Path("a.py").write_text(text + "return 0.5 if fast > slow else 0.0\n")
    changed = ob.backtest("a.py", "AAPL", parameters={"fast": 6}, **YEARS)
    assert changed.trial == 2
    Path("b.py").write_text(Path("a.py").read_text())
    assert ob.backtest("b.py", "AAPL", **YEARS).trial == 1
    names = {row["idea"] for row in run("trials", "list", "--json").document["ideas"]}
    assert names == {f"mine ({(here / name).resolve()})" for name in ("a.py", "b.py")}


def test_sizes_are_part_of_a_trial(trials):
    ob.backtest("sma_cross", "AAPL", **YEARS)
    assert ob.backtest("sma_cross", "AAPL", sizer=ob.ShareOfEquity(0.5), **YEARS).trial == 2


def test_a_table_is_its_own_data(trials):
    dates = pd.date_range("2020-01-01", periods=300, freq="B", tz="UTC")
    rng = np.random.default_rng(1)
    for number in range(2):
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 300)))
        table = pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 1e6})
        made = ob.backtest("sma_cross", table.set_index(dates), parameters={"slow": 20 + number})
        assert made.trial == 1


def test_neither_look_ahead_checks_nor_verify_nor_a_report_written_again_count(trials):
    assert run("backtest", "sma_cross", "--symbols", "AAPL", "--start", "2010-01-01").code == 0
    folder = str(run_folder(Path("reports")))
    page = Path(folder, "report.html").read_bytes()
    assert run("verify", folder).code == 0
    assert run("report", folder).code == 0
    assert run("montecarlo", folder, "--draws", "100").code == 0
    assert known(trials) == ["backtest"]
    assert Path(folder, "report.html").read_bytes() == page
    assert run("backtest", "sma_cross", "--symbols", "AAPL", "--start", "2010-01-01").code == 0
    assert Path(folder, "report.html").read_bytes() == page


def test_a_run_written_again_says_what_it_said_although_more_was_tried_since(trials):
    assert run("backtest", "sma_cross", "--symbols", "AAPL", "--start", "2010-01-01").code == 0
    folder = run_folder(Path("reports"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ob.sweep("sma_cross", "AAPL", start="2010-01-01", **GRID)
    assert run("report", str(folder)).code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert json.loads((folder / "tried.json").read_text())["count"] == 1
    (folder / "tried.json").write_text("{")
    ended = run("report", str(folder))
    assert ended.code == 2
    assert "tried.json cannot be read" in ended.line


def test_the_manifest_and_the_ledger_of_trades_do_not_know_the_count(trials, monkeypatch):
    words = ("backtest", "sma_cross", "--symbols", "AAPL", "--start", "2010-01-01", "--no-check", "--reports")
    ob.sweep("sma_cross", "AAPL", start="2010-01-01", **GRID)
    assert run(*words, "counted").code == 0
    monkeypatch.setenv("OPENBELL_TRIALS", "off")
    assert run(*words, "alone").code == 0
    counted, alone = run_folder(Path("counted")), run_folder(Path("alone"))
    assert counted.name == alone.name
    for name in ("run.json", "ledger.csv", "trades.csv", "equity.csv"):
        assert (counted / name).read_bytes() == (alone / name).read_bytes()
    assert (counted / "tried.json").is_file()
    assert not (alone / "tried.json").exists()


def test_the_terminal_and_the_page_say_which_trial_it_is(trials):
    ob.sweep("sma_cross", "AAPL", start="2010-01-01", **GRID)
    words = ("backtest", "sma_cross", "--symbols", "AAPL", "--start", "2010-01-01", "--no-check")
    ended = run(*words)
    assert "Trial 7 of this idea on this data (as good as" in ended.out
    page = (run_folder(Path("reports")) / "report.html").read_text()
    assert "trial 7 of this idea on this data" in page
    assert run(*words, "--json").document["runs"][0]["tried"]["count"] == 7


@pytest.mark.parametrize("name", ["/proc/trials.db", "diary.txt"])
def test_a_run_is_not_lost_because_it_cannot_be_counted(name, monkeypatch):
    Path("diary.txt").write_text("dear diary\n" * 100)
    monkeypatch.setenv("OPENBELL_TRIALS", name)
    ended = run("backtest", "sma_cross", "--symbols", "AAPL", "--start", "2010-01-01", "--no-check")
    assert ended.code == 0
    assert ended.err.count("\n") == 1
    assert f"not counted among the trials: trials ledger {name!r} cannot be used" in ended.err
    assert (run_folder(Path("reports")) / "report.html").is_file()
    assert ob.sweep("sma_cross", "AAPL", **GRID, **YEARS).tried is None
    assert Path("diary.txt").read_text().startswith("dear diary")


def test_the_ledger_is_in_the_state_folder_unless_it_is_elsewhere_or_off(monkeypatch):
    monkeypatch.delenv("OPENBELL_TRIALS")
    ob.backtest("sma_cross", "AAPL", **YEARS)
    close_ledgers()
    assert [path.name for path in Path("state").iterdir()] == ["trials.db"]
    assert run("status").code == 0  # a file among the sessions' folders is no session
    monkeypatch.setenv("OPENBELL_TRIALS", "OFF")
    made = ob.backtest("sma_cross", "AAPL", **YEARS)
    assert (made.trial, made.tried) == (0, None)


def test_the_commands_that_show_what_was_tried(trials):
    nothing = run("trials", "list")
    assert nothing.code == 0
    assert nothing.out.startswith("Nothing was tried yet")
    assert run("trials", "show", "sma_cross").out.startswith("Nothing was tried yet")
    ob.sweep("sma_cross", "AAPL", **GRID, **YEARS)
    ob.backtest("sma_cross", "IBM", **YEARS)
    rows = run("trials", "list").out.splitlines()
    assert rows[0].split() == ["Idea", "Data", "Trials", "Independent", "Best", "Sharpe", "Last"]
    assert [row.split()[:4] for row in rows[1:3]] == [
        ["sma_cross", "AAPL", "1d", "bundled:quandl-wiki"],
        ["sma_cross", "IBM", "1d", "bundled:quandl-wiki"],
    ]
    aapl, ibm = run("trials", "show", "sma", "--top", "2", "--json").document["ideas"]
    assert (aapl["count"], aapl["kinds"], ibm["count"]) == (6, {"sweep": 6}, 1)
    assert len(aapl["top"]) == 2
    assert aapl["top"][0]["sharpe"] == pytest.approx(aapl["best_sharpe"])
    best = ob.sweep("sma_cross", "AAPL", **GRID, **YEARS).best()
    assert aapl["top"][0]["parameters"] == best.parameters
    assert aapl["best_sharpe"] == pytest.approx(best.measures["sharpe"], rel=0.01)
    shown = run("trials", "show", "sma_cross").out
    assert "6 trials (as good as" in shown
    assert "fast=" in shown


def test_what_may_be_asked_wrongly(trials, monkeypatch):
    ob.backtest("sma_cross", "AAPL", **YEARS)
    assert (
        "idea 'sma_croos' was never tried; did you mean 'sma_cross'?"
        in run("trials", "show", "sma_croos").line
    )
    assert run("trials", "show", "sma_cross", "--top", "0").line == "--top 0 must be 1 or more"
    with closing(sqlite3.connect(trials)) as connection:
        connection.execute("PRAGMA user_version = 7")
    assert "update Openbell" in run("trials", "list").line
    monkeypatch.setenv("OPENBELL_TRIALS", "off")
    assert run("trials", "list").line.startswith("OPENBELL_TRIALS=off keeps no ledger of trials")


def test_a_sample_is_large_where_it_is_quick_and_else_one_in_fifty():
    assert len(sample_of(10_000, bars=3_000, quick=True)) == 256
    assert len(sample_of(10_000, bars=100_000, quick=True)) == 20
    assert len(sample_of(10_000, bars=10_000_000, quick=True)) == 8
    assert sample_of(3, bars=3_000, quick=True) == [0, 1, 2]
    assert sample_of(399, bars=0, quick=False) == []
    assert len(sample_of(400, bars=0, quick=False)) == 8
    assert len(sample_of(10_000, bars=0, quick=False)) == 32
    assert sample_of(500, bars=0, quick=False) == sample_of(500, bars=0, quick=False)


def test_this_test_has_a_ledger_of_its_own(trials, here):
    assert os.environ["OPENBELL_TRIALS"] == str(trials)
    assert here in trials.parents


def test_a_sweep_that_was_stopped_has_tried_what_it_did(trials):
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(ob.SweepInterrupted) as stopped:
        ob.sweep("sma_cross", "AAPL", engine="event", workers=1, progress=stop, **GRID, **YEARS)
    assert stopped.value.sweep.tried.count == 3
    assert ob.sweep("sma_cross", "AAPL", **GRID, **YEARS).tried.count == 6


def test_files_in_another_folder_are_other_data_and_many_symbols_are_shown_by_their_number(here):
    days = pd.date_range("2020-01-01", periods=80)
    for folder, count in (("a", 1), ("b", 10)):
        (here / folder).mkdir()
        for number in range(count):
            close = 50 + np.sin(np.arange(80) / 5 + number)
            table = {"date": days, "open": close, "high": close, "low": close, "close": close, "volume": 9e5}
            pd.DataFrame(table).to_csv(here / folder / f"S{number}.csv", index=False)
    short: Any = {"parameters": {"fast": 3, "slow": 7}, "timeframe": "1d"}
    assert ob.backtest("sma_cross", "S0", provider="csv:a?calendar=24/7", **short).trial == 1
    assert ob.backtest("sma_cross", "S0", provider="csv:b?calendar=24/7", **short).trial == 1
    assert ob.backtest("sma_cross", "S0", provider=f"csv:{here}/a?calendar=24/7", **short).trial == 1
    many = [f"S{number}" for number in range(10)]
    assert ob.backtest("sma_cross", many, provider="csv:b?calendar=24/7", **short).trial == 1
    assert (
        ob.backtest("sma_cross", many[::-1], provider="csv:b?calendar=24/7", **short).trial == 1
    )  # their order is none
    places = [row["data"] for row in run("trials", "list", "--json").document["ideas"]]
    assert places[0] == f"S0 1d csv:{here.resolve()}/a"
    assert places[2].startswith("S0 and 9 more [")
    assert len(places) == 3


def test_a_strategy_that_was_typed_at_a_prompt_is_known_by_its_name(trials):
    space: dict[str, Any] = {"ob": ob, "__name__": "__main__"}
    exec("@ob.signal(fast=ob.SMA(5))\ndef typed(fast):\n    return 1.0 if fast > 0 else 0.0\n", space)  # noqa: S102  # as at a prompt
    assert ob.backtest(space["typed"], "AAPL", **YEARS).trial == 1
    assert run("trials", "list", "--json").document["ideas"][0]["idea"] == "typed"


def test_where_every_combination_fails_nothing_was_tried(trials):
    with pytest.raises(ob.StrategyError):
        ob.sweep("sma_cross", "AAPL", fast=[5], slow=[3_000, 4_000], **YEARS)
    assert not trials.exists()


def test_a_ledger_that_is_moved_away_is_begun_anew(trials):
    assert ob.backtest("sma_cross", "AAPL", **YEARS).trial == 1
    assert ob.backtest("sma_cross", "AAPL", parameters={"fast": 7}, **YEARS).trial == 2
    for path in list(trials.parent.iterdir()):
        path.rename(path.with_name(f"old-{path.name}"))
    assert ob.backtest("sma_cross", "AAPL", parameters={"fast": 8}, **YEARS).trial == 1


def test_threads_share_a_ledger(trials):
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(
                lambda fast: ob.backtest("sma_cross", "AAPL", parameters={"fast": fast}, **YEARS), range(2, 8)
            )
        )
    assert sorted(one.trial for one in made) == [1, 2, 3, 4, 5, 6]
