"""What the pages of providers promise: prices are fetched, and a backtest runs on them."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml
from tests.integration.cli_runs import run, run_folder
from tests.loopback import alpaca, alphavantage, ccxt, tiingo, tws_market, yahoo
from tests.loopback.cases import CANARY
from tests.loopback.thread import beside

from openbell.core.types import Dividend, Split
from openbell.data.bars import Source
from openbell.data.catalog import Catalog
from openbell.data.providers import BUILT_IN

PAGES = Path(__file__).parents[2] / "docs/reference/providers"
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


def serve_alpaca() -> Any:
    server = alpaca.AlpacaServer(page=30)
    zone = ZoneInfo("America/New_York")
    server.bars["AAPL"] = server.bars["MSFT"] = [
        alpaca.make_bar(
            f"{datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            price(number),
        )
        for number, day in enumerate(SESSIONS)
    ]
    server.assets |= {symbol: {"symbol": symbol, "shortable": True} for symbol in ("AAPL", "MSFT")}
    return server


def serve_yahoo() -> Any:
    server = yahoo.YahooServer()
    server.facts |= {symbol: {"sector": "Technology"} for symbol in ("AAPL", "MSFT")}
    server.days["AAPL"] = server.days["MSFT"] = [
        yahoo.day(day, price(number)) for number, day in enumerate(SESSIONS)
    ]
    return server


class Vendor(NamedTuple):
    """A provider's server, its settings once that runs, and what is fetched of it."""

    serve: Callable[[], Any] | None  #: None: it makes its prices itself
    settings: Callable[[Any], dict[str, Any]]
    symbol: str
    tape: str
    days: list[str]
    keys: dict[str, str] = {}  # noqa: RUF012  # nobody changes it


VENDORS = {
    "alpaca": Vendor(serve_alpaca, lambda s: dict(s.options), "AAPL", "alpaca:iex", SESSIONS, alpaca.ENVIRON),
    "yahoo": Vendor(
        serve_yahoo, lambda s: {"url": s.url, "cache": "yfinance"}, "AAPL", "yahoo:yahoo", SESSIONS
    ),
    "synthetic": Vendor(None, lambda _: {}, "AAPL", "synthetic:seed-0-vol-0.3-drift-0.06", SESSIONS),
    "tiingo": Vendor(
        serve_tiingo,
        lambda s: {"data_url": s.url},
        "AAPL",
        "tiingo:eod",
        SESSIONS,
        {"TIINGO_API_KEY": CANARY},
    ),
    "alphavantage": Vendor(
        serve_alphavantage,
        lambda s: {"data_url": s.url},
        "IBM",
        "alphavantage:consolidated",
        SESSIONS,
        {"ALPHAVANTAGE_API_KEY": CANARY},
    ),
    "ccxt": Vendor(serve_kraken, lambda s: {"urls": s.urls}, "BTC/USD", "ccxt:kraken", DAYS),
    "ib": Vendor(serve_tws, lambda s: {"port": s.port, "splits": {"AAPL": {}}}, "AAPL", "ib:smart", SESSIONS),
}


@contextmanager
def served(vendor: Vendor) -> Iterator[Any]:
    if vendor.serve is None:
        yield None
        return
    with beside(vendor.serve()) as server:
        yield server


@pytest.mark.parametrize("name", VENDORS)
def test_prices_are_fetched_and_a_backtest_runs_on_them(name, tmp_path, monkeypatch):
    vendor = VENDORS[name]
    monkeypatch.chdir(tmp_path)
    for variable, key in vendor.keys.items():
        monkeypatch.setenv(variable, key)
    with served(vendor) as server:
        (tmp_path / "config").mkdir()
        section = vendor.settings(server) | ({} if server is None else {"rate": 60_000})
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
    described = json.loads((run_folder(tmp_path / "reports") / "run.json").read_text(encoding="utf-8"))
    (bars,) = described["data"]
    assert (bars["provider"], bars["bars"]) == (name, len(vendor.days))
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert name.encode() in kept
    assert not any(key.encode() in kept for key in vendor.keys.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if vendor.serve is not None])
def test_the_first_command_of_a_providers_page_works(name, tmp_path, monkeypatch):
    vendor = VENDORS[name]
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    (command, *_) = re.findall(r"^openbell (data fetch .*)$", text, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    for variable, key in vendor.keys.items():
        monkeypatch.setenv(variable, key)
    with served(vendor) as server:
        (tmp_path / "config").mkdir()
        section = vendor.settings(server) | {"rate": 60_000}
        (tmp_path / "config" / "settings.yaml").write_text(yaml.safe_dump({"providers": {name: section}}))
        ended = run(*command.split(), "--json")
    assert ended.code == 0, ended.err
    assert all(one["complete"] for one in ended.document["symbols"])


@pytest.mark.parametrize(("timeframe", "bars"), [("1w", 26), ("1mo", 6)])
def test_what_a_provider_has_not_is_made_of_what_it_has(timeframe, bars, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIINGO_API_KEY", CANARY)
    with beside(serve_tiingo()) as server:
        monkeypatch.setenv("OPENBELL_PROVIDERS__TIINGO__DATA_URL", server.url)
        fetched = run("data", "fetch", "AAPL", "--provider", "tiingo", "--timeframe", timeframe,
                      "--start", "2024-01-01", "--end", "2024-06-30")  # fmt: skip
    assert fetched.code == 0
    assert f"{timeframe} bars are made of 1d ones, which are what is fetched of tiingo" in fetched.line
    assert run("data", "export", "AAPL", "--timeframe", timeframe, "--to", "a.csv").code == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + bars


def moments(first: int, last: int, *minutes: int) -> list[str]:
    hours = [f"{hour:02}:{minute:02}" for hour in range(first, last) for minute in minutes]
    return [f"2024-07-{day}T{hour}:00Z" for day in ("02", "03") for hour in hours]


@pytest.mark.parametrize(
    ("symbol", "times", "asked", "fetched", "made"),
    [  # a whole day and half a one of stocks, with what is before the session; then two days of crypto
        ("AAPL", moments(12, 20, 0, 30), "1h", "30m", [f"02 {hour}:30" for hour in range(13, 20)]
         + [f"03 {hour}:30" for hour in range(13, 17)]),
        ("BTC/USD", moments(0, 24, 0), "1d", "1h", ["02", "03"]),
    ],
)  # fmt: skip
def test_bars_of_alpaca_that_are_not_what_they_seem_are_made_of_shorter_ones(
    symbol, times, asked, fetched, made, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for variable, key in alpaca.ENVIRON.items():
        monkeypatch.setenv(variable, key)
    server = serve_alpaca()
    server.bars[symbol] = [alpaca.make_bar(time, 100 + number) for number, time in enumerate(times)]
    server.assets[symbol] = {"symbol": symbol, "shortable": True}
    with beside(server):
        for option, value in {**server.options, "rate": 60_000}.items():
            monkeypatch.setenv(f"OPENBELL_PROVIDERS__ALPACA__{option.upper()}", str(value))
        came = run("data", "fetch", symbol, "--provider", "alpaca", "--timeframe", asked, "--start",
                   "2024-07-02", "--end", "2024-07-03")  # fmt: skip
    assert came.code == 0, came.err
    assert f"{asked} bars are made of {fetched} ones, which are what is fetched of alpaca" in came.err
    frames = {request.query["timeframe"] for request in server.requests if "timeframe" in request.query}
    assert frames == {{"30m": "30Min", "1h": "1Hour"}[fetched]}
    exported = run("data", "export", symbol, "--timeframe", asked, "--to", "a.csv")
    assert exported.code == 0, exported.err
    rows = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0][8:16] for row in rows] == made


def test_actions_that_were_written_before_the_first_fetch_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ex = second("2024-03-04") * 10**9
    paid = Dividend("AAPL", second("2024-05-10") * 10**9, 0.25)
    mine: list[Split | Dividend] = [Split("AAPL", ex, 2, 1), paid]
    Catalog("data/catalog").write_actions(Source("yahoo", "yahoo"), "AAPL", mine)
    server = serve_yahoo()
    server.splits["AAPL"] = [("2024-03-04", 4, 1)]
    words = ("data", "fetch", "AAPL", "--provider", "yahoo", "--start", "2024-01-01", "--end", "2024-06-28",
             "--set", "providers.yahoo.cache=yfinance", "--set", "providers.yahoo.rate=60000")  # fmt: skip
    with beside(server):
        monkeypatch.setenv("OPENBELL_PROVIDERS__YAHOO__URL", server.url)
        fetched = run(*words)
        assert fetched.code == 0, fetched.err
        assert "the split (new 2, old 1) of 2024-03-04 14:30:00Z was written by hand and stays" in fetched.err
        kept = [type(one).__name__ for one in Catalog("data/catalog").actions("yahoo", "AAPL")]
        assert kept == ["Split", "Dividend"]
        assert run(*words, "--revise").err == ""
    split, dividend = Catalog("data/catalog").actions("yahoo", "AAPL")
    assert isinstance(split, Split)
    assert (split.new, split.old) == (4, 1)
    assert dividend == replace(paid, ex=dividend.ex)


def test_every_provider_is_among_them():
    assert set(VENDORS) == set(BUILT_IN)


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if vendor.keys])
def test_without_its_key_it_names_the_variable_in_one_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in VENDORS[name].keys:
        monkeypatch.delenv(variable, raising=False)
    ended = run("data", "fetch", "AAPL", "--provider", name, "--start", "2024-01-01")
    assert ended.code == 2
    assert all(variable in ended.line for variable in VENDORS[name].keys)
