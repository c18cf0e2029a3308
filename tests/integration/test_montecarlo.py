"""`openbell montecarlo` and `ob.montecarlo`: a recorded run, its intervals, and its page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.integration.cli_runs import run

import openbell as ob
from openbell.reporting.montecarlo import FILE, PAGE

SPAN: dict[str, Any] = {"start": "2009-01-01", "end": "2012-12-31"}


@pytest.fixture(scope="module")
def result():
    return ob.backtest("sma_cross", "AAPL", parameters={"fast": 5, "slow": 20}, **SPAN)


@pytest.fixture(scope="module")
def made(result):
    return ob.montecarlo(result, draws=2_000)


def test_a_run_lies_inside_its_own_intervals(made, result):
    assert set(made.intervals) == {
        "total_return", "cagr", "volatility", "sharpe", "sortino", "max_drawdown", "calmar", "win_rate",
        "profit_factor", "expectancy",
    }  # fmt: skip
    for name, one in made.intervals.items():
        assert one.low <= one.value <= one.high
        assert one.value == pytest.approx(result.metrics[name], rel=1e-3), name


def test_chances_are_shares_and_deeper_falls_come_first(made):
    for draws in (made.of_days, made.of_trades):
        chances = made.chances(draws)
        assert all(0.0 <= one <= 1.0 for one in chances[:3])
        assert list(chances.falls) == sorted(chances.falls)
        assert list(chances.ends) == sorted(chances.ends)


def test_the_same_seed_says_the_same(made, result):
    again = ob.montecarlo(result, draws=2_000)
    assert again.document() == made.document()
    assert repr(again) == repr(made)
    assert ob.montecarlo(result, draws=2_000, seed=1).document() != made.document()


def test_a_page_and_its_figures_are_written(made, tmp_path):
    page = made.write(tmp_path / "there")
    assert page.name == PAGE
    text = page.read_text()
    assert "Its trades in other orders" in text
    assert "https://" not in text.split("<script>")[0]
    assert json.loads((tmp_path / "there" / FILE).read_text())["asked"]["draws"] == 2_000


def test_few_trades_are_not_reordered(tmp_path):
    result = ob.backtest("buy_and_hold", "AAPL", **SPAN)
    made = ob.montecarlo(result, draws=200, block=5)
    assert made.of_trades is None
    assert "win_rate" not in made.intervals
    assert "Its trades" not in made.write(tmp_path).read_text()
    assert made.document()["trades"] is None


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"draws": 5}, "draws=5 must be 100"),
        ({"block": 0.5}, "block=0.5 must be 1 session or more"),
        ({"ruin": 1.0}, "ruin=1.0 must be above 0 and below 1"),
        ({"drop": -0.1}, "drop=-0.1 must be 0 or more and below 1"),
        ({"confidence": 0.4}, "confidence=0.4 must be above 0.5 and below 1"),
    ],
)
def test_a_value_out_of_range_is_named(result, option, said):
    with pytest.raises(ob.ConfigError, match=said):
        ob.montecarlo(result, **option)


def test_a_run_of_few_sessions_is_refused():
    short = ob.backtest("buy_and_hold", "AAPL", start="2009-01-02", end="2009-01-20")
    with pytest.raises(ob.BadData, match="are too few to draw from"):
        ob.montecarlo(short)


def test_the_command_writes_beside_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("backtest", "sma_cross", "--symbols", "AAPL", "--start", "2009-01-01", "--end", "2012-12-31",
               "--no-check").code == 0  # fmt: skip
    done = run("montecarlo", "sma_cross-AAPL", "--draws", "500", "--json")
    assert (done.code, done.err) == (0, "")
    (folder,) = (tmp_path / "reports").glob("sma_cross-*")
    assert (folder / PAGE).exists()
    assert done.document["page"].endswith(PAGE)
    assert done.document["intervals"]["sharpe"]["low"] < done.document["intervals"]["sharpe"]["high"]
    told = run("montecarlo", "sma_cross-AAPL", "--draws", "500")
    assert "Sharpe ratio" in told.out
    wrong = run("montecarlo", "sma_cross-AAPL", "--draws", "1")
    assert wrong.code != 0
    assert "draws=1 must be 100" in wrong.line
