"""The benchmarks' own rules: the same bars everywhere, the same trades before any time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import (
    data,
    gate,
    goals,
    growth,
    limits_compiled,
    limits_python,
    ours,
    page,
    rounds,
    start,
    strategies,
)
from benchmarks.__main__ import main, parse
from benchmarks.jobs import JOBS, Size
from benchmarks.measure import Answer, Ready

ROOT = Path(__file__).resolve().parents[2]
BARS = 3_000


@pytest.fixture(scope="module")
def w1():
    return data.bars_of("W1", BARS)


def interpreted(monkeypatch, *names):
    """Let kernels run as plain Python, which needs no compiler."""
    for name in names:
        monkeypatch.setattr(limits_compiled, name, getattr(limits_compiled, name).py_func)


def test_the_generator_gives_the_same_prices_for_ever(w1):
    assert w1.open[:2].tolist() == [99.99, 100.05]
    assert w1.close[-1] == data.bars_of("W1", BARS + 500).close[BARS - 1]
    assert np.all((w1.low <= w1.open) & (w1.open <= w1.high) & (w1.low <= w1.close) & (w1.close <= w1.high))


def test_loops_of_python_and_the_event_engine_make_the_trades_of_the_kernel(w1, monkeypatch):
    interpreted(monkeypatch, "cross_marked", "_cent")
    entries, equity, shares, *_ = limits_compiled.cross_marked(w1.open, w1.close, 10, 30, -data.TIE)
    loops = (limits_python.cross_inlined, limits_python.cross_running, limits_python.cross_by_hand)
    for loop in loops:
        assert loop(w1)[0] == entries
        assert loop(w1)[1] == pytest.approx(equity, abs=rounds.CENT)
    answer = ours.event("W1", strategies.Cross, BARS).run()
    assert answer.trades == [entries - (shares > 0)]
    assert answer.equity == [pytest.approx(equity, abs=rounds.CENT)]


def test_brackets_agree(monkeypatch):
    interpreted(monkeypatch, "protected", "_cent")
    bars = data.bars_of("W4", BARS)
    expected = limits_compiled.protected(*bars[1:5], 10, 30, data.STOP, data.TARGET, 0.0, True, False)
    found = limits_python.brackets_by_hand(bars)
    assert (found[0], found[2]) == (expected[0], expected[2])
    assert found[1] == pytest.approx(expected[1], abs=rounds.CENT)
    answer = ours.event("W4", strategies.Bracket, BARS).run()
    assert answer.equity == [pytest.approx(expected[1], abs=rounds.CENT)]


def test_the_rotation_agrees(monkeypatch):
    interpreted(monkeypatch, "rotate")
    market = data.market_of(20, 300)
    bars = market.bars
    fills, equity, _ = limits_compiled.rotate(
        bars.open, bars.close, market.month_end, 2, data.LOOKBACK, data.INVEST
    )
    assert fills > 0
    answer = ours.rotate(20, 300).run()
    assert answer.trades == [fills]
    assert answer.equity == [pytest.approx(equity, abs=rounds.CENT)]


def test_another_trade_or_another_cent_is_an_error():
    good = {"W1.event": {"trades": [3], "equity": [10.0]}, "W1.loop": {"trades": [3], "equity": [10.004]}}
    assert rounds.check_agreement(good) == {"W1": "3 trades, 10.00"}
    for wrong in ({"trades": [4], "equity": [10.0]}, {"trades": [3], "equity": [10.01]}):
        with pytest.raises(rounds.Disagreement):
            rounds.check_agreement({**good, "W1.loop": wrong})


def test_a_full_workload_must_come_to_what_it_always_did():
    changed = {"W4.event": {"trades": [1_420], "equity": [9_980_335.73]}}
    with pytest.raises(rounds.Disagreement, match=r"reference has \d+ trades, W4.event has 1420"):
        rounds.check_agreement(changed, full=True)


def test_a_short_run_that_loads_numba_is_an_error():
    start.check_answers({"event": "1000 5.0 False", "compiled": "1000 5.0 True"})
    for event in ("1000 5.0 True", "999 5.0 False", "1000 6.0 False"):
        with pytest.raises(rounds.Disagreement):
            start.check_answers({"event": event, "compiled": "1000 5.0 True"})


def test_ratios_are_of_rounds_that_took_turns():
    jobs = {
        "W1.event": {"work": 100, "seconds": [2.0, 4.0], "peak_mb": 1.0, "data_mb": 1.0},
        "W1.loop": {"work": 100, "seconds": [1.0, 3.0]},
    }
    (found,) = goals.reach({"jobs": jobs}, {})
    assert (found.value, found.low, found.high, found.met) == (0.625, 0.5, 0.75, True)
    reached = goals.reach({"jobs": jobs}, {"W1 backtesting.py": 10.0})
    assert [one.value for one in reached if one.goal.kind == "peer"] == [3.75]


def test_every_goal_names_jobs_that_there_are():
    for goal in goals.GOALS:
        assert goal.job in JOBS or goal.job in start.PROGRAMS
        assert goal.kind != "ratio" or goal.against in JOBS


def test_the_page_keeps_its_words_and_changes_its_tables(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("before\n<!-- a: begin -->\nold\n<!-- a: end -->\nafter\n")
    page.rewrite({"a": "new"}, path)
    assert path.read_text() == "before\n<!-- a: begin -->\n\nnew\n\n<!-- a: end -->\nafter\n"


def test_the_page_has_a_place_for_every_table():
    text = (ROOT / "BENCHMARKS.md").read_text(encoding="utf-8")
    for name in ("machine", "agreement", "ratios", "times", "start", "growth", "peers", "gate"):
        assert text.count(f"<!-- {name}: begin -->") == text.count(f"<!-- {name}: end -->") == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.5e9, "2.5 G"), (1.234e6, "1.23 M"), (45_600.0, "45.6 k"), (1_234.0, "1,234"), (0.0123, "0.0123")],
)
def test_numbers_have_three_digits(value, text):
    assert page.number(value) == text


@pytest.mark.parametrize(
    ("runs", "samples"),
    [(1, [1.0, 3.0, 5.0, 7.0, 9.0]), (2, [2.0, 6.0]), (5, [5.0]), (9, [5.0])],
)
def test_a_sample_of_growth_is_the_mean_of_runs_after_another(runs, samples):
    assert growth.means([1.0, 3.0, 5.0, 7.0, 9.0], runs) == samples


def test_calls_are_counted_the_same_each_time():
    ready = Ready(lambda: Answer([len([abs(k) for k in range(10)])], [0.0]), 10)
    assert gate.calls(ready) == gate.calls(ready) > 1.0


def test_a_worker_prints_one_line():
    command = [sys.executable, "-m", "benchmarks.worker", "W1.inlined", "--bars=500", "--repeat=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert (found["work"], len(found["seconds"])) == (500, 1)
    assert found["peak_mb"] < 100


def test_a_job_that_fails_says_why():
    with pytest.raises(RuntimeError, match=r"W3\.sweep failed"):
        rounds.run_job("W3.sweep", Size(combinations=7))


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(["--only", "W9"])
    assert stopped.value.code == 2
    assert "choose from W1, W2" in capsys.readouterr().err


def test_an_unknown_peer_is_refused(capsys):
    assert main(["--peers", "nobody"]) == 2
    assert "choose from backtesting.py" in capsys.readouterr().err
