"""What the pages of providers promise: prices are fetched, and a backtest runs on them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from tests.integration.cli_runs import run
from tests.loopback import alphavantage, ccxt, tiingo, tws_market
from tests.loopback.cases import CANARY
from tests.loopback.thread import beside

DAYS = [str(day) for day in np.arange("2024-01-01", "2024-06-29", dtype="datetime64[D]")]
CLOSED = {"2024-01-01", "2024-01-15", "2024-02-19", "2024-03-29", "2024-05-27", "2024-06-19"}
SESSIONS = [day for day in DAYS if np.is_busday(day) and day not in CLOSED]


def price(number: int) -> float:
    return 100.0 + 10 * ((number // 12) % 2) + number * 0.1


def second(day: str) -> int:
    return int(np.datetime64(day, "s").astype(np.int64))


def serve_tiingo() -> Any:
    server = tiingo.TiingoServer()
    server.days = [tiingo.day(day, price(number)) for number, day in enumerate(SESSIONS)]
    return server


def serve_alphavantage() -> Any:
    server = alphavantage.AlphaVantageServer(CANARY)
    server.days = {day: alphavantage.row(price(number)) for number, day in enumerate(SESSIONS)}
    return server


def serve_kraken() -> Any:
    server = ccxt.KrakenServer()
    moves = [(second(day), price(number)) for number, day in enumerate(DAYS)]
    server.rows = [(time, at, at + 1, at - 1, at + 0.5, 5.0) for time, at in moves]
    return server


def serve_tws() -> Any:
    server = tws_market.TwsMarket()
    moves = [(second(day), price(number)) for number, day in enumerate(SESSIONS)]
    server.bars = [tws_market.Bar(time, at, at + 1, at - 1, at + 0.5, 1000.0) for time, at in moves]
    return server


class Vendor(NamedTuple):
    """A provider's server, its settings once that runs, and what is fetched of it."""

    serve: Callable[[], Any]
    settings: Callable[[Any], dict[str, Any]]
    symbol: str
    tape: str
    days: list[str]
    key: str = ""


VENDORS = {
    "tiingo": Vendor(
        serve_tiingo, lambda s: {"data_url": s.url}, "AAPL", "tiingo:eod", SESSIONS, "TIINGO_API_KEY"
    ),
    "alphavantage": Vendor(
        serve_alphavantage,
        lambda s: {"data_url": s.url},
        "IBM",
        "alphavantage:consolidated",
        SESSIONS,
        "ALPHAVANTAGE_API_KEY",
    ),
    "ccxt": Vendor(serve_kraken, lambda s: {"urls": s.urls}, "BTC/USD", "ccxt:kraken", DAYS),
    "ib": Vendor(serve_tws, lambda s: {"port": s.port, "splits": {"AAPL": {}}}, "AAPL", "ib:smart", SESSIONS),
}


@pytest.mark.parametrize("name", VENDORS)
def test_prices_are_fetched_and_a_backtest_runs_on_them(name, tmp_path, monkeypatch):
    vendor = VENDORS[name]
    monkeypatch.chdir(tmp_path)
    if vendor.key:
        monkeypatch.setenv(vendor.key, CANARY)
    with beside(vendor.serve()) as server:
        (tmp_path / "config").mkdir()
        section = vendor.settings(server) | {"rate": 60_000}
        text = yaml.safe_dump({"providers": {name: section}})
        (tmp_path / "config" / "settings.yaml").write_text(text, encoding="utf-8")
        fetched = run("data", "fetch", vendor.symbol, "--provider", name, "--start", "2024-01-01",
                      "--end", "2024-06-28")  # fmt: skip
    assert (fetched.code, fetched.err) == (0, "")
    line = fetched.out.splitlines()[1].split()
    assert line == [vendor.symbol, vendor.tape, str(len(vendor.days)), "complete"]
    tested = run("backtest", "sma_cross", "--symbols", vendor.symbol, "--provider", name, "--set", "fast=3",
                 "--set", "slow=8", "--no-check", "--json")  # fmt: skip
    assert tested.code == 0, tested.err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(("name", "key"), [(n, v.key) for n, v in VENDORS.items() if v.key])
def test_without_its_key_it_names_the_variable_in_one_line(name, key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(key, raising=False)
    ended = run("data", "fetch", "AAPL", "--provider", name, "--start", "2024-01-01")
    assert ended.code == 2
    assert key in ended.line
