"""What is held out is seen by nothing, and opened once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.cli_runs import run, run_folder

import openbell as ob
from openbell.core.errors import ConfigError
from openbell.data import bundled
from openbell.run.counting import count_batches
from openbell.run.holdout import open_holdout
from openbell.storage.trials import TrialLedger

SINCE = "2010-01-01"
EDGE = np.datetime64(SINCE, "ns").astype(np.int64)
LAST = np.datetime64("2009-12-31", "ns").astype(np.int64)
GRID: Any = {"fast": [5, 10], "slow": [20, 40]}
WORDS = ("sma_cross", "--symbols", "AAPL", "--start", "2006-01-01")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_sees_a_bar_of_it():
    plain = ob.backtest("sma_cross", "AAPL", start="2006-01-01", end="2009-12-31")
    held = ob.backtest("sma_cross", "AAPL", start="2006-01-01", holdout=SINCE)
    assert held.hash == plain.hash
    assert held.outcome.times[-1] < EDGE
    swept = ob.sweep("sma_cross", "AAPL", start="2006-01-01", holdout=SINCE, **GRID)
    assert swept.manner.span[1] < EDGE
    assert "held out: no bar from 2010-01-01 on was seen" in repr(swept)
    walked = ob.walkforward(
        "sma_cross", "AAPL", start="2006-01-01", train="1y", test="1y", holdout=SINCE, **GRID
    )
    assert walked.result.outcome.times[-1] < EDGE
    assert "held out" in repr(walked)


def test_a_bar_that_ends_in_it_belongs_to_it():
    days = bundled.load("AAPL")
    known = days.known.copy()
    known[:-1] = days.known[1:]  # each bar is known a session late: what begins before may end in it
    late = replace(days, known=known, actions=())
    held = ob.backtest("sma_cross", late, holdout="2009-12-31")
    assert held.outcome.times[-1] == days.known[np.searchsorted(days.known, LAST) - 1]
    assert len(held.outcome.panel.series[0]) == np.searchsorted(days.known, LAST) - 1


def test_the_benchmark_and_symbols_that_came_later_are_cut_too():
    held = ob.backtest("buy_and_hold", ["AAPL", "GOOG"], benchmark="IBM", holdout="2004-01-05")
    assert held.plan.symbols == ("AAPL",)  # the other was listed in 2004-08
    assert int(held.compared[0].known[-1]) <= np.datetime64("2004-01-05", "ns").astype(np.int64)


def test_it_is_opened_once_and_on_record(trials):
    found = run("backtest", *WORDS, "--holdout", SINCE)
    assert found.code == 0
    assert "Held out: no bar from 2010-01-01 on was seen." in found.out
    opened = run("backtest", *WORDS, "--holdout", SINCE, "--unlock-holdout")
    assert opened.code == 0
    assert "Holdout from 2010-01-01 on opened, which works once: return " in opened.out
    assert "Trial 2 of this idea on this data" in opened.out
    again = run("backtest", *WORDS, "--holdout", SINCE, "--unlock-holdout", "--set", "fast=7")
    assert again.code == 2
    assert "the bars of AAPL from 2010-01-01 on were opened for sma_cross on " in again.line
    assert "and gave: return " in again.line
    sooner = run("backtest", *WORDS, "--holdout", "2009-06-01", "--unlock-holdout")
    assert "they are no holdout any more" in sooner.line
    assert "holdout opened on" in run("trials", "show", "sma_cross").out
    with TrialLedger(trials) as ledger:
        assert [one.kind for one in ledger.trials(*ledger.ideas()[0])] == ["backtest", "holdout"]


def test_what_came_out_is_of_the_bars_that_were_held_out(trials):
    opened = ob.backtest("buy_and_hold", "AAPL", holdout=SINCE, unlock_holdout=True)
    curve = opened.equity
    gained = curve.iloc[-1] / curve[curve.index < SINCE].iloc[-1] - 1
    with pytest.raises(ConfigError, match=rf"gave: return {gained:.1%}".replace(".", r"\.")):
        ob.backtest("buy_and_hold", "AAPL", holdout=SINCE, unlock_holdout=True)


def test_bars_that_some_run_has_seen_are_no_holdout():
    ob.sweep("sma_cross", "AAPL", start="2006-01-01", **GRID)
    with pytest.raises(ConfigError, match="were seen by 4 trials of sma_cross already, the first on "):
        ob.backtest("sma_cross", "AAPL", start="2006-01-01", holdout=SINCE, unlock_holdout=True)
    ob.backtest("sma_cross", "IBM", holdout=SINCE, unlock_holdout=True)  # other data are another matter


def test_of_two_that_open_it_at_once_one_sees_it():
    """Both looked before either had run: who comes second is refused, and shown nothing."""
    from openbell import run as wiring

    made = []
    for fast in (5, 10):
        plan, found, series = wiring.prepare(
            "sma_cross", "AAPL", parameters={"fast": fast}, holdout=SINCE, unlock_holdout=True
        )
        made.append(wiring.execute(plan, found=found, series=series))
    open_holdout(made[0])
    assert made[0].trial == 1
    with pytest.raises(ConfigError, match="were opened for sma_cross"):
        open_holdout(made[1])
    assert made[1].trial == 0


def test_a_run_that_fails_opens_nothing(here):
    (here / "mine.py").write_text(
        "import openbell as ob\n\nclass Mine(ob.Strategy):\n    fails: bool = ob.param(True)\n"
        "    def on_bar(self, bar):\n        if self.fails:\n            raise ValueError('not yet')\n"
    )
    given: Any = {"holdout": SINCE, "unlock_holdout": True}
    with pytest.raises(ob.StrategyError):
        ob.backtest("mine.py", "AAPL", **given)
    assert ob.backtest("mine.py", "AAPL", parameters={"fails": False}, **given).trial == 1


def test_what_was_opened_is_verified_and_written_again(trials):
    assert run("backtest", *WORDS, "--holdout", SINCE, "--unlock-holdout").code == 0
    folder = run_folder(Path("reports"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run("verify", str(folder)).code == 0
    assert run("report", str(folder)).code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    page = before["report.html"].decode()
    assert "holdout from 2010-01-01 on opened" in page


def test_the_setting_holds_for_research_and_not_for_trading(here):
    (here / "config").mkdir()
    (here / "config" / "settings.yaml").write_text("research:\n  holdout: 2010-01-01\n")
    assert "Held out" in run("backtest", *WORDS, "--no-check").out
    swept = run("sweep", *WORDS, "fast=5,10", "slow=20")
    assert "Held out" in swept.out
    assert run("walkforward", *WORDS, "--train", "1y", "--test", "1y", "fast=5,10", "slow=20").code == 0
    other = run("backtest", *WORDS, "--no-check", "--holdout", "2008-01-01")
    assert "no bar from 2008-01-01 on" in other.out
    assert run("config", "explain", "research.holdout").out.count("2010-01-01") >= 1
    paper = run("paper", "sma_cross", "--symbols", "AAPL", "--replay", "2010-02-01", "--until", "2010-02-05")
    assert paper.code == 0


def test_an_item_of_strategies_yaml_has_its_own(here):
    (here / "config").mkdir()
    (here / "config" / "strategies.yaml").write_text(
        "strategies:\n  - name: mine\n    strategy: sma_cross\n    symbols: [AAPL]\n"
        "    start: 2006-01-01\n    research:\n      holdout: 2009-01-01\n"
    )
    assert "no bar from 2009-01-01 on" in run("backtest", "config/strategies.yaml", "--no-check").out


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("--unlock-holdout",), "opens a holdout, and there is none; say where it begins"),
        (("--holdout", "soon"), "--holdout: 'soon' must be a valid date"),
        (("--holdout", "1999-01-01"), "holdout=1999-01-01: all bars lie in it"),
        (("--holdout", "2030-01-01", "--unlock-holdout"), "there are no bars after it, so nothing to open"),
    ],
)
def test_what_may_be_asked_wrongly(more, line):
    ended = run("backtest", *WORDS, *more)
    assert ended.code == 2
    assert line in ended.line


@pytest.mark.parametrize(("place", "why"), [("off", "keeps none"), ("/proc/trials.db", "cannot be used")])
def test_without_a_record_it_stays_locked(place, why, monkeypatch):
    monkeypatch.setenv("OPENBELL_TRIALS", place)
    with pytest.raises(ConfigError, match=why):
        ob.backtest("sma_cross", "AAPL", holdout=SINCE, unlock_holdout=True)
    assert count_batches([]) is None


def test_a_sweep_cannot_open_it():
    assert "--unlock-holdout" in run("sweep", *WORDS, "fast=5,10", "--unlock-holdout").line


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"holdout": 5}, "holdout='5' is no date"),
        ({"holdout": SINCE, "unlock_holdout": "yes"}, "unlock_holdout='yes' must be True or False"),
    ],
)
def test_arguments_that_are_none(given: Any, line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        ob.backtest("sma_cross", "AAPL", **given)
