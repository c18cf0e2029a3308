"""Reports, statements and comparisons of a live session: they say what the exchange's own books say."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.cli_runs import run
from tests.integration.test_live_run import exchange, job, trade
from tests.loopback.exchange import Exchange

from openbell.operation.outcomes import read_results
from openbell.reporting.period import read_period
from openbell.reporting.statement import state

__all__ = ["exchange"]  # a fixture


async def test_a_live_session_is_reported_as_a_backtest_is(
    tmp_path: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state" / "live-two"
    await trade(folder, exchange, job("a", "AAPL"), job("b", "AAPL", "MSFT"), bars=120)
    results = read_results(folder)
    assert [result.engine for result in results] == ["live", "live"]
    assert sum(len(result.outcome.fills) for result in results) == len(exchange.fills) > 0
    statements = [state(result, read_period({"month": "2024-07"})) for result in results]
    made = sum(one.closing.cash - one.opening.cash for one in statements)
    assert round(made, 2) == round(float(exchange.cash - exchange.initial), 2)

    monkeypatch.chdir(tmp_path)
    assert run("report", "live-two", "--pdf").code == 0
    written = {path.name for path in folder.glob("report*")}
    assert written == {"report.html", "report-a.html", "report-a.pdf", "report-b.html", "report-b.pdf"}
    assert "Openbell live session" in (folder / "report-a.html").read_text(encoding="utf-8")
    assert run("report", "statement", "live-two", "--day", "2024-07-01", "--to", "day.pdf").code == 0
    assert run("report", "compare", "live-two", "--to", "both.html").code == 0
    assert run("report", "portfolio", "live-two", "--to", "all.html").code == 0
    assert run("report", "export", "live-two", "--to", "out", "--format", "csv,json").code == 0
    assert (tmp_path / "out/ledger.csv").is_file()


def test_a_session_whose_name_is_mistyped_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    span = ("--replay", "2012-05-01", "--until", "2012-05-31")
    assert run("paper", "sma_cross", "--symbols", "AAPL", *span, "--state", "state/mine").code == 0
    ended = run("report", "statement", "mien", "--month", "2012-05")
    assert (ended.code, "'mien' is unknown" in ended.line, "'mine'" in ended.line) == (2, True, True), (
        ended.line
    )
