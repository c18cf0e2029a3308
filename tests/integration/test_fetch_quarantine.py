"""Bars that a vendor sends and nobody should trade on: kept apart on their way into the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.cli_runs import run_apart
from tests.integration.test_fetch import QUICK, alpaca, catalog, key_of, plan, server
from tests.loopback.alpaca import ENVIRON, make_bar

from openbell.core.errors import BadData
from openbell.data.catalog.apart import read_apart
from openbell.data.fetch import fetch
from openbell.data.quarantine import make_policy
from openbell.run.prices import load

__all__ = ["alpaca", "catalog", "server"]  # fixtures


def send_a_bad_bar(server) -> None:
    bad = make_bar("2024-01-05T05:00:00Z", 105.0)
    bad["l"] = 0.0
    server.bars["AAPL"][3] = bad


async def test_a_bad_bar_is_put_apart_with_its_reason_and_the_others_are_kept(server, alpaca, catalog):
    send_a_bad_bar(server)
    asked = plan(policy=make_policy({"not_positive": "quarantine"}))
    (outcome,) = await fetch(asked, [alpaca], catalog, patience=QUICK)
    assert outcome.error is None
    assert outcome.bars == 6
    assert "AAPL: 1 bar is in quarantine as not_positive" in outcome.notes[0]
    (apart,) = read_apart(catalog.root, key_of(alpaca))
    assert apart.reason == "low 0 is not positive"
    assert len(catalog.read(key_of(alpaca))) == 6


async def test_without_a_policy_a_bad_bar_stops_its_symbol(server, alpaca, catalog):
    send_a_bad_bar(server)
    (outcome,) = await fetch(plan(), [alpaca], catalog, patience=QUICK)
    assert isinstance(outcome.error, BadData)
    assert read_apart(catalog.root, key_of(alpaca)) == ()


async def test_a_run_on_such_bars_is_told_of_them(server, alpaca, catalog):
    send_a_bad_bar(server)
    await fetch(plan(policy=make_policy({"not_positive": "quarantine"})), [alpaca], catalog, patience=QUICK)
    (series,) = load("AAPL", provider=f"alpaca:iex?catalog={catalog.root}")
    kinds = [finding.kind.value for finding in series.findings]
    assert kinds[-1] == "quarantined"
    assert "missing_sessions" in kinds


@pytest.mark.parametrize(
    ("value", "said"),
    [("spikes: flag", "data.findings.spikes is unknown"), ("spike: drop", "data.findings.spike='drop'")],
)
def test_a_wrong_policy_is_one_line(value: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.yaml").write_text(f"data:\n  findings:\n    {value}\n")
    ended = run_apart(
        "data", "fetch", "AAPL", "--provider", "alpaca", "--start", "2024-01-01", folder=tmp_path, **ENVIRON
    )
    assert ended.code == 2
    assert said in ended.line
    assert "config/settings.yaml" in ended.line
