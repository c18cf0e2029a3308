"""What the research benchmark compares: the same work by hand, and a table with each goal."""

import numpy as np
import pytest
from benchmarks import research
from benchmarks.research import DAYS, GOALS, PARTS, Size

from openbell.backtesting import redrawn
from openbell.portfolio.overfitting import overfitting_probability


def test_what_is_by_hand_says_what_the_library_says():
    returns = np.random.default_rng(1).normal(0.0003, 0.01, (160, 6))
    found = overfitting_probability(returns, parts=PARTS)
    assert research.ratios_by_hand(returns).max(axis=1) == pytest.approx(found.inside)
    shares = np.array(research.cscv_by_hand(returns, 25))
    assert (shares < 0.5).tolist() == (found.logits[:25] < 0.0).tolist()
    figures = research.bootstrap_by_hand(returns[:, 0], 400).mean(axis=1)
    ours = redrawn.redraw_returns(
        returns[:, 0], draws=4_000, length=5.0, years=160 / 252, periods_per_year=252.0
    )
    at = redrawn.FIGURES.index("max_drawdown")
    assert figures[at] == pytest.approx(ours.figures[:, at].mean(), rel=0.1)


def test_a_table_has_each_goal_and_what_it_is_compared_with():
    seconds = {"first": 2.0, "seconds": [0.5, 0.4], "cpu": [0.6, 0.3]}
    results = {
        "date": "2026-01-02", "machine": {"processor": "one", "cores": 2}, "size": Size()._asdict(),
        "rounds": 2, "load": 1.0,
        "figures": {**{goal.name: seconds for goal in GOALS}, "cscv.numpy": seconds},
    }  # fmt: skip
    text = research.section(results)
    assert (
        f"20 windows × 1,000 combinations × {DAYS:,} bars | **0.4** s | ≤ 2 s | yes | 0.3 s | 2 s |" in text
    )
    assert "| cscv: numpy | 0.4 s | 0.3 s | 1 × |" in text


def test_all_that_is_measured_runs():
    small = research.works(Size(draws=100, trials=4, windows=1, fast=1, slow=1))
    assert {name.split(".")[0] for name in small} == {goal.name for goal in GOALS}
    assert len(research.bars()) == DAYS
    assert small["walk"].run().trials == 1
    assert "sharpe" in small["bootstrap"].run()
