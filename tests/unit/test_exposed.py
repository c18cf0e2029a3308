"""What is held, what moves it, and what falls would cost: the numbers, and where they are shown."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import openbell as ob
from openbell.app.follower import Follower
from openbell.app.riskview import stress_of
from openbell.cli import main
from openbell.core.errors import ConfigError
from openbell.portfolio.exposed import FEWEST, look
from openbell.portfolio.stress import HISTORICAL, Shock, read_shock
from openbell.reporting.export import write_run
from openbell.reporting.exposed import exposed
from openbell.reporting.pdf.tearsheet import tearsheet

RANDOM = np.random.default_rng(11)
MARKET = RANDOM.normal(0, 0.01, 250)
RETURNS = {"A": 1.5 * MARKET, "B": 0.5 * MARKET + RANDOM.normal(0, 0.005, 250), "C": np.zeros(250)}
VALUES = {"A": 600.0, "B": -200.0, "C": 100.0}
SECTORS = {"A": "Oil", "B": "", "C": ""}
THREE = ["AAPL", "IBM", "MSFT"]


def test_betas_are_slopes_and_the_risk_of_the_parts_is_that_of_the_whole():
    found = look(VALUES, 1_000.0, RETURNS, MARKET, SECTORS)
    assert found.betas == pytest.approx({"A": 1.5, "B": np.polyfit(MARKET, RETURNS["B"], 1)[0]})
    whole = (0.6 * RETURNS["A"] - 0.2 * RETURNS["B"]).std(ddof=1)
    assert math.fsum(found.risk.values()) == pytest.approx(whole)
    assert found.known == 250


def test_of_too_few_returns_and_of_no_equity_nothing_is_known():
    few = {symbol: own[: FEWEST - 1] for symbol, own in RETURNS.items()}
    for found in (
        look(VALUES, 1_000.0, few, MARKET[: FEWEST - 1], SECTORS),
        look(VALUES, 0.0, RETURNS, MARKET, SECTORS),
    ):
        assert (found.betas, found.risk) == ({}, {})
    (loss, *_) = look(VALUES, 1_000.0, {}, np.empty(0), SECTORS).losses()
    assert loss.pnl == pytest.approx(HISTORICAL[0].market * 500.0)  # one to one


def test_a_shock_that_is_typed_moves_market_sectors_and_symbols():
    found = look(VALUES, 1_000.0, RETURNS, MARKET, SECTORS)
    (shock,) = found.read(["market=-0.2, Oil=-0.5, B=0.1"])
    assert shock == Shock("market=-0.2, Oil=-0.5, B=0.1", -0.2, {"Oil": -0.5}, {"B": 0.1})
    (loss,) = found.losses([shock])
    assert loss.parts == pytest.approx({"A": -300.0, "B": -20.0, "C": -20.0})


@pytest.mark.parametrize(("text", "says"), [
    ("markt=-0.1", "'markt' is unknown; did you mean 'market'"),
    ("market", "write names and fractions, each once"),
    ("A=-0.1,A=-0.2", "write names and fractions, each once"),
    ("A=ten", "'ten' is no fraction, as in A=-0.1"),
    ("A=-2", "must be -1 or more"),
    ("A=nan", "must be -1 or more"),
])  # fmt: skip
def test_a_shock_that_is_wrong_is_named(text, says):
    with pytest.raises(ConfigError, match=says):
        read_shock(text, ["A", "B"], ["Oil"])


# --- where it is shown ------------------------------------------------------------------------------------


class Held(ob.Strategy):
    def on_bars(self, bars):
        self.rebalance(dict.fromkeys(self.symbols, 0.3), ob.Rebalancing(every="month"))


@pytest.fixture(scope="module")
def result() -> ob.Result:
    return ob.backtest(Held, THREE, start="2008-01-01", end="2008-12-31")


def test_a_run_is_measured_by_its_own_days_against_its_benchmark(result):
    found = exposed(result)
    closes = {symbol: result.outcome.panel.growth(symbol)[result.marks] for symbol in THREE}
    own = np.diff(closes["IBM"]) / closes["IBM"][:-1]
    market = np.diff(result.daily_benchmark) / result.daily_benchmark[:-1]
    assert found.betas["IBM"] == pytest.approx(np.polyfit(market[-252:], own[-252:], 1)[0])
    assert math.fsum(found.values.values()) + result.outcome.cash[-1] == pytest.approx(result.final_equity)


def test_its_report_and_its_tear_sheet_have_the_section(result, tmp_path):
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "What falls would cost" in page
    assert "The financial crisis" in page
    assert tearsheet(result).startswith(b"%PDF")
    flat = ob.backtest("sma_cross", "IBM", start="2008-01-01", end="2008-01-31")
    assert "What falls would cost" not in flat.report(tmp_path / "flat.html").read_text(encoding="utf-8")


def test_the_terminal_says_it_of_a_run(
    result: ob.Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["backtest", "buy_and_hold", "--symbols", "IBM", "--end", "2002-12-31", "--no-check"])
    capfd.readouterr()
    assert main(["risk", "stress", "buy_and_hold", "--shock", "IBM=-0.5", "--json"]) == 0
    (one,) = json.loads(capfd.readouterr().out)["strategies"]
    assert [loss["name"] for loss in one["losses"]] == [*(shock.name for shock in HISTORICAL), "IBM=-0.5"]
    assert one["losses"][-1]["pnl"] == pytest.approx(-0.5 * one["values"]["IBM"])
    assert main(["risk", "stress", "buy_and_hold"]) == 0
    assert "The rise of interest rates" in capfd.readouterr().out


def test_a_session_is_looked_at_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ob.paper(Held, THREE, start="2008-01-02", end="2008-04-30", state=tmp_path / "state" / "held")
    one = Follower(tmp_path / "state" / "held")
    one.refresh()
    found = stress_of(one, ["market=-0.1", "AAPL=-0.5"])
    one.close()
    assert set(found.values) == set(found.betas) == set(found.risk) == set(THREE)
    assert found.losses[-1].pnl == pytest.approx(-0.5 * found.values["AAPL"])
    share = math.fsum(found.betas[s] * value for s, value in found.values.items()) / found.equity
    assert found.losses[-2].share == pytest.approx(-0.1 * share)
    assert main(["risk", "stress"]) == 0
    assert "Black Monday" in capfd.readouterr().out


def test_where_nothing_is_held_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(
        ob.backtest("sma_cross", "IBM", start="2008-01-01", end="2008-01-31"), tmp_path / "reports" / "flat"
    )
    assert main(["risk", "stress", "flat", "--shock", "IBM=-0.5"]) == 0
    assert "sma_cross, 2008-01-31: nothing is held." in capfd.readouterr().out
