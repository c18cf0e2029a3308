"""`data check` of every provider against its loopback server: one of everything that it offers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.integration import test_cli_fetch_vendors as vendors
from tests.integration.cli_runs import run
from tests.loopback import ccxt

from openbell.data.providers import offer_of

pytestmark = pytest.mark.slow  # test_cli_fetch checks one of them


def complete(name: str, server: Any) -> dict[str, Any]:
    """Give a server what a fetch does not ask it for; return the settings that lead there."""
    if name == "alpaca":
        server.quotes["AAPL"] = {"t": "2024-06-28T15:00:00Z", "bp": 9.5, "ap": 10, "bs": 2, "as": 3}
    if name == "yahoo":
        server.facts["AAPL"] |= {"bid": 9.5, "ask": 10, "regularMarketTime": 1_704_205_800}
    return {"stream_url": f"{server.ws}/stream"} if name == "yahoo" else {}


def serve_kraken_with_a_stream() -> Any:
    server = ccxt.KrakenServer(ccxt.say(wait=True))
    server.rows = vendors.serve_kraken().rows
    return server


@pytest.mark.parametrize("name", vendors.VENDORS)
def test_a_provider_that_answers_has_no_fault(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = np.datetime64(datetime.now(UTC).date())
    days = [str(day) for day in np.arange(today - 30, today)]
    monkeypatch.setattr(vendors, "DAYS", days)
    monkeypatch.setattr(vendors, "SESSIONS", [day for day in days if np.is_busday(day)])
    monkeypatch.chdir(tmp_path)
    vendor = vendors.VENDORS[name]
    if name == "ccxt":
        vendor = vendor._replace(serve=serve_kraken_with_a_stream)
    for variable, key in vendor.keys.items():
        monkeypatch.setenv(variable, key)
    with vendors.served(vendor) as server:
        section = (
            {} if server is None else vendor.settings(server) | complete(name, server) | {"rate": 60_000}
        )
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "settings.yaml").write_text(yaml.safe_dump({"providers": {name: section}}))
        ended = run("data", "check", name, "--symbol", vendor.symbol, "--seconds", "0.1", "--json")
    assert ended.code == 0, ended.out
    offer = offer_of(name)
    only = name == "tiingo"  # its first feed has days alone
    asked = {"facts": offer.instruments, "bars": True, "actions": offer.actions,
             "quote": offer.quotes and not only, "stream": bool(offer.channels) and not only}  # fmt: skip
    assert [step["step"] for step in ended.document["steps"]] == [what for what, has in asked.items() if has]
