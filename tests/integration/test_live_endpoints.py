"""Every endpoint of live trading is a setting, and so is the folder of its state: all of them in YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.integration.cli_runs import run
from tests.integration.test_live_standby import account_at, exchange_of
from tests.loopback import alpaca
from tests.loopback.alpaca import AlpacaServer
from tests.loopback.alpaca_broker import AlpacaBrokerServer
from tests.loopback.ccxt import KrakenServer
from tests.loopback.tws_broker import TwsBroker
from tests.loopback.tws_market import TwsMarket

from openbell.cli.fetching import open_supply
from openbell.cli.live import _open_venue
from openbell.config import Loaded, load
from openbell.config.live import LiveFile
from openbell.data.providers.protocol import Provider
from openbell.execution.port import LiveBroker


def write(folder: Path, *, broker: Mapping[str, Any] | None = None, **settings: Any) -> Loaded:
    """Write settings.yaml and brokers.yaml (JSON is YAML too), and load them."""
    config = folder / "config"
    config.mkdir(exist_ok=True)
    (config / "settings.yaml").write_text(json.dumps(settings))
    (config / "brokers.yaml").write_text(json.dumps({"brokers": {"mine": broker or {"kind": "simulated"}}}))
    return load(config)


def opened(loaded: Loaded, name: str) -> tuple[LiveBroker, Provider]:
    """Return the broker of brokers.yaml and a provider of settings.yaml, as `openbell live` opens them."""
    broker = _open_venue(LiveFile(broker="mine", feed=name), loaded).broker
    return broker, open_supply(name, loaded).provider


def paths(server: Any) -> set[str]:
    return {request.path for request in server.requests}


async def test_each_of_alpacas_endpoints_is_where_yaml_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in alpaca.ENVIRON.items():
        monkeypatch.setenv(name, value)
    exchange = exchange_of("AAPL")
    async with AsyncExitStack() as stack:
        orders = await stack.enter_async_context(AlpacaBrokerServer(exchange))
        updates = await stack.enter_async_context(AlpacaBrokerServer(exchange))
        data, facts, prices = [await stack.enter_async_context(AlpacaServer()) for _ in range(3)]
        facts.assets["AAPL"] = {"symbol": "AAPL", "exchange": "NASDAQ", "shortable": True}
        data.quotes["AAPL"] = {"t": "2024-07-01T13:30:00Z", "bp": 99.0, "ap": 101.0, "bs": 1, "as": 1}
        where = {"data_url": data.url, "trading_url": facts.url, "stream_url": prices.ws}
        own = {"trading_url": orders.url, "stream_url": f"{updates.ws}/stream"}
        loaded = write(
            tmp_path,
            broker={"kind": "alpaca", "options": own},
            providers={"alpaca": {"feed": "iex", **where}},
        )
        broker, provider = opened(loaded, "alpaca")
        await broker.connect()
        await provider.instrument("AAPL")
        await provider.quote("AAPL")
        connection = provider.connect()
        await connection.open()
        assert paths(orders) == {"/v2/account", "/v2/clock"}
        assert paths(updates) == {"/stream"}
        assert paths(facts) == {"/v2/assets/AAPL"}
        assert paths(data) == {"/v2/stocks/quotes/latest"}
        assert paths(prices) == {"/v2/iex"}
        await connection.close()
        await provider.close()
        await broker.close()


async def test_where_tws_is_stands_in_yaml(tmp_path: Path) -> None:
    async with TwsBroker(exchange_of("AAPL")) as orders, TwsMarket() as prices:
        loaded = write(
            tmp_path,
            broker={"kind": "ib", "options": {"host": "127.0.0.1", "port": orders.port, "client_id": 7}},
            providers={"ib": {"host": "127.0.0.1", "port": prices.port, "client_id": 8}},
        )
        broker, provider = opened(loaded, "ib")
        assert await broker.connect() == "ib:paper:DU1"
        assert (await provider.quote("AAPL")).bid == 10.0
        assert (set(orders.clients), set(prices.clients)) == ({7}, {8})
        await provider.close()
        await broker.close()


async def test_where_an_exchange_is_stands_in_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with account_at("ccxt") as account, KrakenServer() as prices:
        for name, value in account.environ.items():
            monkeypatch.setenv(name, value)
        loaded = write(
            tmp_path,
            broker={"kind": "ccxt", "options": dict(account.options)},
            providers={"ccxt": {"exchange": "kraken", "urls": prices.urls}},
        )
        broker, provider = opened(loaded, "ccxt")
        assert (await broker.connect()).startswith("ccxt:binance:paper:")
        assert (await broker.balance()).cash == Decimal(100_000)
        assert (await provider.quote("BTC/USD")).bid == 100.5
        await provider.close()
        await broker.close()


# --- the folder of the state ------------------------------------------------------------------------------

REPLAY = ("paper", "sma_cross", "--symbols", "AAPL", "--replay", "2012-01-03", "--until", "2012-12-31")


@pytest.mark.parametrize("how", ["yaml", "variable", "option"])
def test_where_sessions_keep_their_journals_is_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.chdir(tmp_path)
    more: tuple[str, ...] = ()
    if how == "yaml":
        write(tmp_path, state={"folder": "elsewhere"})
    elif how == "variable":
        monkeypatch.setenv("OPENBELL_STATE__FOLDER", "elsewhere")
    else:
        more = ("--state", "elsewhere/paper-sma_cross")
    assert run(*REPLAY, *more).code == 0
    assert (tmp_path / "elsewhere/paper-sma_cross/journal.db").exists()
    assert not (tmp_path / "state").exists()
    asked = () if how != "option" else ("--state", "elsewhere")
    (standing,) = run("status", *asked, "--json").document["sessions"]
    assert (standing["folder"], standing["state"]) == ("elsewhere/paper-sma_cross", "end_of_data")
    assert len(run("orders", *asked, "--json").document["orders"]) > 0
    name = "paper-sma_cross" if how != "option" else "elsewhere/paper-sma_cross"
    assert run("parity", name, "--json").document["differences"] == []
    assert "no session runs in 'elsewhere'" in run("stop", *asked, "--keep").line


def test_the_shipped_settings_cost_a_stop_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = Path(__file__).parents[2] / "config" / "settings.yaml"
    (tmp_path / "config").mkdir()
    file = tmp_path / "config" / "settings.yaml"
    file.write_bytes(shipped.read_bytes())

    def fail(*_: object) -> None:
        raise AssertionError("the settings were loaded")

    monkeypatch.setattr("openbell.cli.places.load_settings", fail)
    assert "no session runs in 'state'" in run("stop", "--keep").line
    file.write_text(file.read_text().replace("folder: state", "folder: elsewhere"))
    with pytest.raises(AssertionError, match="the settings were loaded"):
        run("stop", "--keep")
