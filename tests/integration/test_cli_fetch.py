"""The commands `data fetch`, `data providers` and `data check`, against providers on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from tests.integration.cli_runs import run
from tests.loopback.alpaca import ENVIRON, KEY, SECRET, AlpacaServer, make_bar
from tests.loopback.server import Fault
from tests.loopback.thread import beside
from tests.loopback.yahoo import YahooServer, day

from openbell.cli import asking
from openbell.data.stamps import find_zone
from openbell.utils.retry import Patience

RANGE = ("--start", "2024-01-01", "--end", "2024-06-28")
FETCH = ("data", "fetch", "AAPL", "MSFT", "--provider", "alpaca", *RANGE)


def weekdays(first, last):
    days = (date.fromisoformat(first) + timedelta(n) for n in range(400))
    closed = {date(2024, 1, 1), date(2024, 1, 15), date(2024, 2, 19), date(2024, 3, 29), date(2024, 5, 27),
              date(2024, 6, 19)}  # fmt: skip
    return [d for d in days if d.weekday() < 5 and d not in closed and d.isoformat() <= last]


def bars():
    rows = []
    for number, one in enumerate(weekdays("2024-01-01", "2024-06-28")):
        hour = "05" if one < date(2024, 3, 10) else "04"
        rows.append(make_bar(f"{one}T{hour}:00:00Z", 100.0 + 10 * ((number // 12) % 2) + number * 0.1))
    return rows


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ENVIRON:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def server(home, monkeypatch):
    made = AlpacaServer(page=30)
    for symbol in ("AAPL", "MSFT"):
        made.bars[symbol] = bars()
        made.assets[symbol] = {"symbol": symbol, "shortable": True}
        made.quotes[symbol] = {"t": "2024-06-28T15:00:00Z", "bp": 9.5, "ap": 10, "bs": 2, "as": 3}
    with beside(made):
        for name, value in settings(made).items():
            monkeypatch.setenv(name, value)
        yield made


def settings(server):
    urls = {f"OPENBELL_PROVIDERS__ALPACA__{name.upper()}": url for name, url in server.options.items()}
    return {**urls, "OPENBELL_PROVIDERS__ALPACA__RATE": "60000", **ENVIRON}


def asked(server):
    return [request.query for request in server.requests if request.path == "/v2/stocks/bars"]


# --- fetch -----------------------------------------------------------------------------------------------


def test_prices_are_fetched_and_a_backtest_runs_on_them(server):
    ended = run(*FETCH)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[1].split() == ["AAPL", "alpaca:iex", "124", "complete"]
    result = run("backtest", "sma_cross", "--symbols", "AAPL,MSFT", "--provider", "alpaca", "--set", "fast=3",
                 "--set", "slow=8", "--no-check", "--json")  # fmt: skip
    assert result.code == 0, result.err
    kept = b"".join(file.read_bytes() for file in Path().rglob("*") if file.is_file())
    assert b"alpaca" in kept
    assert KEY.encode() not in kept
    assert SECRET.encode() not in kept
    again = run(*FETCH, "--json")
    assert [one["bars"] for one in again.document["symbols"]] == [0, 0]
    assert len(asked(server)) == 10  # five pages each, once


def test_a_fetch_that_was_killed_fetches_only_the_rest(server, home):
    stuck, let_go = threading.Event(), asyncio.Event()

    async def halt(request):
        if request.query.get("page_token") == "90":
            stuck.set()
            await let_go.wait()

    server.before = halt
    words = [sys.executable, "-m", "openbell.cli", *FETCH]
    with subprocess.Popen(words, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert stuck.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    before = {one["symbol"]: one["bars"] for one in run("data", "list", "--json").document["series"]}
    assert 90 in before.values()
    server.before = lambda _request: asyncio.sleep(0)
    server._let_go.set()
    server.requests.clear()
    rest = run(*FETCH, "--json")
    assert rest.code == 0, rest.err
    fetched = {one["symbol"]: one["bars"] for one in rest.document["symbols"]}
    assert {symbol: count + before.get(symbol, 0) for symbol, count in fetched.items()} == {
        "AAPL": 124, "MSFT": 124,
    }  # fmt: skip
    later = [query["start"][:10] for query in asked(server) if before.get(query["symbols"]) == 90]
    assert later
    assert all(start > "2024-05-01" for start in later)
    assert run("data", "verify").code == 0
    result = run("backtest", "sma_cross", "--symbols", "AAPL", "--provider", "alpaca", "--no-check")
    assert result.code == 0, result.err


def test_ctrl_c_leaves_what_came(server, home):
    stuck, let_go = threading.Event(), asyncio.Event()

    async def halt(request):
        if request.query.get("page_token") == "60":
            stuck.set()
            await let_go.wait()

    server.before = halt
    environ = {**os.environ, "OPENBELL_PROVIDERS__ALPACA__TIMEOUT": "2"}
    words = [sys.executable, "-m", "openbell.cli", *FETCH]
    with subprocess.Popen(words, cwd=home, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert stuck.wait(60)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=90)
    assert process.returncode == 130
    assert error.endswith(
        "openbell: stopped by Ctrl-C; what came is kept, and the same command goes on from there\n"
    )
    assert run("data", "list", "--json").document["series"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(body=b"{", truncated=True), "; check the connection and run it again: what came is kept"),
        (Fault(429, headers={"Retry-After": "900"}), "; later run it again: what came is kept"),
    ],
)
def test_what_goes_away_by_itself_says_to_run_it_again(server, monkeypatch, fault, said):
    monkeypatch.setattr("openbell.data.fetch.Patience", lambda: Patience(attempts=1))
    server.fail(fault)
    ended = run("data", "fetch", "AAPL", *FETCH[4:])
    assert ended.code == 1
    assert ended.line.endswith(said)


def test_one_symbol_that_fails_is_told_and_the_others_are_there(server):
    server.bars["MSFT"][3]["l"] = 500.0
    ended = run(*FETCH)
    assert ended.code == 1
    assert "MSFT" in ended.err
    assert "2024-01-05" in ended.err
    assert [line.split()[-1] for line in ended.out.splitlines()[1:3]] == ["complete", "incomplete"]


def test_a_provider_that_follows_is_named_by_the_setting(server, home, monkeypatch):
    server.bars["AAPL"][0]["o"] = None
    with beside(YahooServer()) as other:
        other.days["AAPL"] = [day(one.isoformat(), 50.0) for one in weekdays("2024-01-01", "2024-06-28")]
        monkeypatch.setenv("OPENBELL_PROVIDERS__YAHOO__URL", other.url)
        monkeypatch.setenv("OPENBELL_PROVIDERS__YAHOO__CACHE", str(home / "cache"))
        monkeypatch.setenv("OPENBELL_PROVIDERS__YAHOO__RATE", "60000")
        monkeypatch.setenv("OPENBELL_PROVIDERS__FALLBACK", "yahoo")
        ended = run("data", "fetch", "AAPL", *FETCH[4:], "--json")
    assert ended.code == 0, ended.err
    assert ended.document["symbols"][0]["from"] == ["yahoo:yahoo"]


def test_yahoos_prices_are_fetched_and_a_backtest_runs_on_them(home, monkeypatch):
    with beside(YahooServer()) as server:
        server.facts["AAPL"] = {"sector": "Technology"}
        days = weekdays("2024-01-01", "2024-06-28")
        server.days["AAPL"] = [day(one.isoformat(), 50.0 + n % 30) for n, one in enumerate(days)]
        server.splits["AAPL"] = [("2024-03-04", 4, 1)]
        server.dividends["AAPL"] = [("2024-02-05", 0.24)]
        monkeypatch.setenv("OPENBELL_PROVIDERS__YAHOO__URL", server.url)
        monkeypatch.setenv("OPENBELL_PROVIDERS__YAHOO__CACHE", str(home / "cache"))
        ended = run("data", "fetch", "AAPL", "--provider", "yahoo", *RANGE)
    assert (ended.code, ended.err) == (0, "")
    words = ("backtest", "sma_cross", "--symbols", "AAPL", "--provider", "yahoo", "--no-check", "--json")
    result = run(*words, "--set", "fast=3", "--set", "slow=8")
    assert result.code == 0, result.err


def test_a_feed_is_chosen(server):
    assert (
        run("data", "fetch", "AAPL", *FETCH[4:], "--feed", "sip").out.splitlines()[1].split()[1]
        == "alpaca:sip"
    )
    assert asked(server)[0]["feed"] == "sip"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--provider", "alpca"), "provider 'alpca' is unknown; did you mean 'alpaca'?"),
        (("--provider", " , "), "--provider: ' , ' names none"),
        (("--provider", "iex"), "use tiingo"),
        (("--provider", "synthetic:foo"), "--provider: synthetic has no feed 'foo'; valid names: synthetic"),
        (("--provider", "synthetic", "--start", "0001-01-01"), "--start: 0001-01-01 is before 1678-01-01"),
        (("--provider", "alpaca", "--feed", "siip"), "--feed: alpaca has no feed 'siip'; did you mean 'sip'"),
        (("--provider", "yahoo", "--timeframe", "30s"), "--timeframe: yahoo has no 30s bars, and none that"),
        (("--provider", "alpaca", "--start", "2024-13-01"), "--start='2024-13-01' is no date"),
        (("--provider", "alpaca", "--start", "2999-01-01"), "--start: 2999-01-01 is not before the end"),
        (("--provider", "alpaca", "--catalog", " "), "--catalog: ' ' must name a folder"),
        (("--provider", "alpaca", "--set", "providers.alpaca.feed=x"), "must be 'iex' or 'sip'"),
    ],
)
def test_wrong_words_are_one_line(server, words, said):
    start = () if "--start" in words else ("--start", "2024-01-01")
    ended = run("data", "fetch", "AAPL", *words, *start)
    assert ended.code == 2
    assert said in ended.line


def test_without_symbols_or_a_key_one_line_says_what_to_do(server, monkeypatch):
    assert "SYMBOL is missing" in run("data", "fetch", ",", *FETCH[4:]).line
    monkeypatch.delenv("ALPACA_SECRET_KEY")
    line = run(*FETCH).line
    assert line == (
        "provider 'alpaca' needs the environment variable ALPACA_SECRET_KEY; set it, in .env for example"
    )
    monkeypatch.delenv("ALPACA_API_KEY")
    assert "variables ALPACA_API_KEY and ALPACA_SECRET_KEY; set them, in .env" in run(*FETCH).line


def test_keys_may_stand_in_a_file(server, home, monkeypatch):
    for name in ENVIRON:
        monkeypatch.delenv(name)
    (home / ".env").write_text("".join(f"{name}={text}\n" for name, text in ENVIRON.items()))
    assert run(*FETCH).code == 0


def test_a_refused_key_is_one_line_without_the_key(server, monkeypatch):
    monkeypatch.setenv("ALPACA_API_KEY", "PKWRONG-0000")
    ended = run(*FETCH, "--debug")
    assert ended.code == 2
    assert "check ALPACA_API_KEY" in ended.err
    assert not any(secret in ended.err + ended.out for secret in ("PKWRONG-0000", SECRET, KEY))


# --- providers and check ---------------------------------------------------------------------------------


def test_providers_are_listed_with_their_keys_and_limits(home):
    rows = {line.split()[0]: line for line in run("data", "providers").out.splitlines()}
    assert "set ALPACA_API_KEY and ALPACA_SECRET_KEY" in rows["alpaca"]
    assert "needs none" in rows["yahoo"]
    assert "no limit" in rows["synthetic"]
    one = run("data", "providers", "yahoo").out
    assert "1m 29 days" in one
    assert "unofficial" in one
    assert run("data", "providers", "nix").code == 2


def test_a_missing_sdk_says_what_to_install(home, monkeypatch):
    monkeypatch.setattr(asking, "find_spec", lambda name: None if name == "alpaca" else object())
    one = run("data", "providers", "alpaca").out
    assert 'no: pip install "openbell[alpaca]"' in one
    assert 'pip install "openbell[alpaca]"' in run("data", "providers").out


def recent_bar():
    """Return a daily bar of three days ago, as Alpaca stamps it: with midnight in New York."""
    midnight = datetime.combine(
        datetime.now(UTC).date() - timedelta(3), time(), find_zone("America/New_York")
    )
    return make_bar(f"{midnight.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")


def test_providers_are_asked(server):
    server.bars["AAPL"] = [recent_bar()]
    found = run("data", "providers", "alpaca", "tiingo", "--ask", "--json").document["providers"]
    assert [one["answers"] for one in found] == [True, "not asked"]
    assert run("data", "providers", "alpaca", "--ask").out.splitlines()[-1] == "  answers     yes"
    server.fail(Fault(500, b"oops", times=3))
    assert "500" in run("data", "providers", "alpaca", "--ask").out


def test_a_provider_is_checked_end_to_end(server):
    server.bars["AAPL"] = [recent_bar()]
    ended = run("data", "check", "alpaca", "--seconds", "0.2", "--json")
    assert ended.code == 0, ended.out
    assert [step["step"] for step in ended.document["steps"]] == [
        "facts",
        "bars",
        "actions",
        "quote",
        "stream",
    ]
    assert "0 messages in 0.2 s, as when the market is closed" in ended.document["steps"][-1]["said"]


def test_what_does_not_answer_is_a_fault(server):
    server.assets.clear()
    server.bars.clear()
    server.login_error = (406, "connection limit exceeded")
    ended = run("data", "check", "alpaca", "--seconds", "0")
    assert ended.code == 1
    assert [line.split()[1] for line in ended.out.splitlines()[1:-1]] == [
        "FAULT",
        "FAULT",
        "ok",
        "ok",
        "FAULT",
    ]
    assert ended.out.splitlines()[-1] == "3 faults"


def test_a_question_that_takes_too_long_is_a_fault(monkeypatch):
    monkeypatch.setattr(asking, "_PATIENCE", 0.01)
    step = asyncio.run(asking._attempt("bars", lambda: asyncio.sleep(5, "late")))
    assert (step.fine, step.said) == (False, "no answer within 0.01 s")


def test_bars_of_a_provider_without_days_are_its_longest_below():
    assert asking._daily(["1m", "1h", "1w"]) == "1h"
    assert asking._daily(["1w"]) == "1w"
