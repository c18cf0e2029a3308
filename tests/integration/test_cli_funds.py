"""A portfolio of funds: fetched, written to files, imported, and traded by the example for them."""

from __future__ import annotations

import math

import pytest
from tests.integration.cli_runs import run

from openbell.strategies.examples import BY_NAME

FUNDS = ["SPY", "TLT", "GLD"]


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """A user's folder whose catalog has three funds that came from files."""
    monkeypatch.chdir(tmp_path)
    span = ["--start", "2022-01-03", "--end", "2023-12-29"]
    assert run("data", "fetch", *FUNDS, "--provider", "synthetic", *span).code == 0
    for fund in FUNDS:
        to = ["--adjusted", "split", "--to", f"funds/{fund}.csv"]
        assert run("data", "export", fund, "--provider", "synthetic", *to).code == 0
    assert run("data", "import", "funds", "--provider", "mine").code == 0


def test_risk_parity_trades_funds_that_were_imported(imported):
    symbols = ["--symbols", ",".join(FUNDS)]
    refused = run("backtest", "risk_parity", *symbols)
    assert refused.code == 2
    assert "symbol 'SPY' is not bundled, and the catalog has it of mine, synthetic" in refused.line
    ended = run("backtest", "risk_parity", *symbols, "--provider", "mine", "--no-check", "--json")
    assert ended.code == 0
    held = run("risk", "stress", "risk_parity", "--json").document["strategies"][0]
    assert set(held["values"]) == set(FUNDS)
    parts = held["risk"].values()
    assert max(parts) < 2.0 * math.fsum(parts) / 3  # about a third of the risk each


def test_the_examples_of_a_portfolio_are_there():
    assert {"risk_parity", "volatility_trend", "sector_neutral_momentum", "drawdown_staged"} <= set(BY_NAME)
