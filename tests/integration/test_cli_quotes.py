"""The command `data quotes`, and quotes that processes share through a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.cli_runs import run, run_apart
from tests.integration.test_live_redis import Server, find_server
from tests.loopback.alpaca import ENVIRON, AlpacaServer
from tests.loopback.thread import beside

from openbell.core.errors import ConfigError
from openbell.core.messages import Quote
from openbell.data.bars import Source
from openbell.data.live.quotes_redis import URL
from openbell.data.live.shelves import address_of, read_shelves, shared_quotes, tape_of

BEGIN = "providers.synthetic.begin=2024-07-01"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(URL, raising=False)
    return tmp_path


@pytest.fixture
def redis(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    program = find_server()
    if program is None:
        pytest.skip("there is no Redis server; install the dev extra, or redis-server")
    server = Server(program, home)
    server.start()
    monkeypatch.setenv(URL, server.url)
    yield server
    server.stop()


@pytest.fixture
def alpaca(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AlpacaServer]:
    made = AlpacaServer()
    made.quotes["AAPL"] = {"t": "2024-06-28T15:00:00Z", "bp": 9.5, "ap": 10, "bs": 2, "as": 3}
    with beside(made):
        for name, value in made.options.items():
            monkeypatch.setenv(f"OPENBELL_PROVIDERS__ALPACA__{name.upper()}", value)
        for name, value in {**ENVIRON, "OPENBELL_PROVIDERS__ALPACA__RATE": "60000"}.items():
            monkeypatch.setenv(name, value)
        yield made


def test_a_providers_latest_quote_is_shown(alpaca: AlpacaServer) -> None:
    ended = run("data", "quotes", "AAPL", "--provider", "alpaca")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[1].split() == [
        "AAPL", "alpaca:iex", "9.5", "2", "10", "3", "2024-06-28", "15:00:00",
    ]  # fmt: skip


def test_a_quote_that_is_not_there_is_told_and_the_others_are_shown(alpaca: AlpacaServer) -> None:
    ended = run("data", "quotes", "AAPL,NONE", "--provider", "alpaca", "--json")
    assert ended.code == 1
    assert [one["symbol"] for one in ended.document["quotes"]] == ["AAPL"]
    assert "NONE: alpaca has no quote for the symbol 'NONE'" in ended.err
    assert run("data", "quotes", "NONE", "--provider", "alpaca").out == "There are no quotes.\n"


@pytest.mark.slow
def test_what_one_process_asked_another_shows(redis: Server, alpaca: AlpacaServer, home: Path) -> None:
    asked = run_apart("data", "quotes", "AAPL", "--provider", "alpaca", folder=home)
    assert asked.code == 0, asked.err
    assert [one["bid"] for one in run("data", "quotes", "--json").document["quotes"]] == [9.5]


def test_what_one_command_asked_another_shows(redis: Server, alpaca: AlpacaServer) -> None:
    assert run("data", "quotes").code == 1, "nobody has shared any yet"
    assert run("data", "quotes", "AAPL", "--provider", "alpaca").code == 0
    shown = run("data", "quotes", "--json").document["quotes"]
    assert [(one["tape"], one["symbol"], one["bid"]) for one in shown] == [("alpaca:iex", "AAPL", 9.5)]
    assert run("data", "quotes", "MSFT", "--json").document["quotes"] == []


def test_a_tapes_quotes_are_not_anothers(redis: Server, alpaca: AlpacaServer) -> None:
    for feed in ("iex", "sip"):
        assert run("data", "quotes", "AAPL", "--provider", f"alpaca:{feed}").code == 0
    tapes = [one["tape"] for one in run("data", "quotes", "--json").document["quotes"]]
    assert tapes == ["alpaca:iex", "alpaca:sip"]


def test_a_stream_is_listened_to_and_shared(redis: Server) -> None:
    words = (
        "--provider",
        "synthetic",
        "--watch",
        "0.3",
        "--set",
        BEGIN,
        "--set",
        "providers.synthetic.speed=6000",
    )
    heard = run("data", "quotes", "AAPL", *words, "--json")
    assert heard.code == 0, heard.err
    assert run("data", "quotes", "--json").document == heard.document
    assert [one["symbol"] for one in heard.document["quotes"]] == ["AAPL"]


def test_a_stream_that_cannot_be_had_is_told(alpaca: AlpacaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbell.cli.quotes._PATIENCE", 0.3)
    alpaca.login_error = (406, "connection limit exceeded")
    ended = run("data", "quotes", "AAPL", "--provider", "alpaca", "--watch", "0.1")
    assert ended.code == 1
    assert "alpaca: no stream within 0.3 s: alpaca: connection limit exceeded" in ended.err.splitlines()[-1]


def test_a_session_shares_the_quotes_that_its_limits_look_at(redis: Server, home: Path) -> None:
    (home / "limits.yaml").write_text("operation: {max_spread_bps: 500}\n", encoding="utf-8")
    words = ("paper", "sma_cross", "--symbols", "AAPL", "--feed", "synthetic", "--until", "2024-07-01",
             "--history", "0", "--risk", "limits.yaml")  # fmt: skip
    ended = run(*words)
    assert ended.code == 0, ended.err
    (quote,) = run("data", "quotes", "--json").document["quotes"]
    assert quote["symbol"] == "AAPL"
    assert quote["time"] > "2024-07-01T19:"


def test_quotes_stay_in_the_process_where_the_settings_want_it(redis: Server, alpaca: AlpacaServer) -> None:
    local = ("--set", "data.cache=process")
    assert run("data", "quotes", "AAPL", "--provider", "alpaca", *local).code == 0
    assert run("data", "quotes", "--json").document["quotes"] == []


def test_without_redis_a_process_goes_on_with_its_own(redis: Server, alpaca: AlpacaServer) -> None:
    redis.stop()
    ended = run("data", "quotes", "AAPL", "--provider", "alpaca", "--json")
    assert [one["bid"] for one in ended.document["quotes"]] == [9.5]
    line = run("data", "quotes").err.splitlines()[-1]
    assert line == f"openbell: {URL}: Redis does not answer there; start it, or check the address"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            (),
            "no process shares its quotes: set OPENBELL_REDIS_URL to the address of a Redis, or name whom to",
        ),
        (("--set", "data.cache=redis"), "need the environment variable OPENBELL_REDIS_URL; set it"),
        (("--set", "data.cache=rediss"), "must be 'auto', 'process' or 'redis'"),
        (("--watch", "1"), "--watch listens to a stream; name whose"),
        (("--provider", "synthetic"), "SYMBOL is missing"),
        (
            ("AAPL", "--provider", "alphavantage"),
            "provider 'alphavantage' has no latest quote; `openbell data providers`",
        ),
        (("AAPL", "--provider", "sintetic"), "did you mean 'synthetic'?"),
    ],
)
def test_wrong_words_are_one_line(
    home: Path, words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", "key-of-nobody-0123")
    ended = run("data", "quotes", *words)
    assert ended.code == 2
    assert said in ended.line


def test_a_wrong_address_is_one_line_without_its_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, "http://:canary@127.0.0.1:1")
    ended = run("data", "quotes")
    assert ended.code == 2
    assert "the address of Redis is none" in ended.line
    assert "canary" not in ended.err


async def test_shelves_are_apart_and_read_together(redis: Server) -> None:
    for tape, bid in (("a:x", 1.0), ("b:", 2.0)):
        async with shared_quotes(redis.url, tape) as shelf:
            shelf.put(Quote("S", 5, bid, 3.0))
    assert await read_shelves(redis.url) == {
        "a:x": {"S": Quote("S", 5, 1.0, 3.0)}, "b:": {"S": Quote("S", 5, 2.0, 3.0)},
    }  # fmt: skip


def test_where_quotes_are_kept() -> None:
    environ = {URL: " redis://127.0.0.1:1/0 "}
    assert address_of("auto", environ) == address_of("redis", environ) == "redis://127.0.0.1:1/0"
    assert address_of("process", environ) == address_of("auto", {}) == ""
    with pytest.raises(ConfigError, match=r"data\.cache"):
        address_of("redis", {})
    assert tape_of(Source("alpaca", "iex")) == "alpaca:iex"
