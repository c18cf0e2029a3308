"""Fetching into a catalog, from providers' own protocols on loopback."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiohttp import web
from tests.loopback.alpaca import ENVIRON, AlpacaServer, make_bar
from tests.loopback.server import Fault
from tests.loopback.yahoo import YahooServer, day

from openbell.core.errors import BadData, ConfigError, Retryable
from openbell.core.types import Dividend, Split
from openbell.data.budgets import account_of
from openbell.data.catalog import Catalog, Key
from openbell.data.fetch import Plan, fetch, supply
from openbell.data.providers import offer_of, open_provider
from openbell.data.providers.protocol import Span
from openbell.data.ranges import ask_for
from openbell.utils.retry import Patience

QUICK = Patience(attempts=3, first=0.001, longest=0.002)


def at(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


LATER = at("2024-03-01T12:00")


def plan(*symbols, start="2024-01-01", end="2024-02-01", timeframe="1d", now=LATER, **more):
    return Plan(symbols or ("AAPL",), timeframe, Span(at(start), at(end)), now, **more)


@pytest.fixture
async def server():
    async with AlpacaServer(page=2) as running:
        for symbol in ("AAPL", "MSFT"):
            running.bars[symbol] = [
                make_bar(f"2024-01-{n:02}T05:00:00Z", 100.0 + n) for n in (2, 3, 4, 5, 8, 9, 10)
            ]
            running.assets[symbol] = {"symbol": symbol, "shortable": True}
        yield running


@pytest.fixture
async def alpaca(server):
    provider = open_provider("alpaca", {**server.options, "timeout": 2.0}, ENVIRON)
    yield supply(provider, ENVIRON, rate=60_000)
    await provider.close()


@pytest.fixture
def catalog(tmp_path):
    return Catalog(tmp_path / "catalog")


def asked(server, path="/v2/stocks/bars"):
    return [request.query for request in server.requests if request.path == path]


def key_of(supplied, symbol="AAPL", timeframe="1d"):
    return Key(supplied.provider.source(symbol), symbol, timeframe)


# --- what is fetched -------------------------------------------------------------------------------------


async def test_bars_facts_and_actions_arrive_in_the_catalog(server, alpaca, catalog):
    server.actions = [
        ("cash_dividend", {"symbol": "AAPL", "ex_date": "2024-01-05", "rate": 0.24}),
        ("forward_split", {"symbol": "AAPL", "ex_date": "2024-01-09", "new_rate": 4, "old_rate": 1}),
    ]
    told = []
    outcomes = await fetch(
        plan("AAPL", "MSFT"), [alpaca], catalog, progress=lambda *one: told.append(one), patience=QUICK
    )
    assert [(one.symbol, one.bars, one.tapes, one.error) for one in outcomes] == [
        ("AAPL", 7, ("alpaca:iex",), None), ("MSFT", 7, ("alpaca:iex",), None),
    ]  # fmt: skip
    series = catalog.read(key_of(alpaca))
    assert series.start[0] == at("2024-01-02T14:30")
    assert series.known[-1] == at("2024-01-10T21:00")
    assert series.close.tolist() == [102.0, 103.0, 104.0, 105.0, 108.0, 109.0, 110.0]
    assert [type(action) for action in series.actions] == [Dividend, Split]
    assert series.actions[0].ex == at("2024-01-05T14:30")
    assert catalog.instrument("alpaca", "AAPL").tick == 0.01
    assert [share for symbol, share in told if symbol == "AAPL"] == sorted(
        share for symbol, share in told if symbol == "AAPL"
    )
    assert ("MSFT", 1.0) in told
    origin = catalog.provenance(key_of(alpaca))[0].origin
    assert (origin.provider, origin.fetched) == ("alpaca", LATER)
    assert origin.request.startswith("AAPL 1d 2024-01-01T00:00Z to ")


async def test_only_what_is_missing_is_asked_for(server, alpaca, catalog):
    await fetch(plan(end="2024-01-05"), [alpaca], catalog)
    server.requests.clear()
    await fetch(plan(), [alpaca], catalog)
    assert asked(server)[0]["start"][:10] == "2024-01-05"
    server.requests.clear()
    (outcome,) = await fetch(plan(), [alpaca], catalog)
    assert (outcome.bars, outcome.error) == (0, None)
    assert asked(server) == []
    assert len(server.requests) == 1  # the actions of the last days are asked for anew


async def test_a_fetch_that_was_cut_off_goes_on_where_it_was(server, alpaca, catalog):
    stuck, let_go = asyncio.Event(), asyncio.Event()

    async def halt(request):
        if request.query.get("page_token") == "4":
            stuck.set()
            await let_go.wait()

    server.before = halt
    running = asyncio.create_task(fetch(plan(), [alpaca], catalog))
    await stuck.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    let_go.set()
    assert len(catalog.read(key_of(alpaca))) == 4
    server.requests.clear()
    (outcome,) = await fetch(plan(), [alpaca], catalog)
    assert outcome.bars == 3
    assert len(catalog.read(key_of(alpaca))) == 7
    assert asked(server)[0]["start"][:10] == "2024-01-08"


async def test_what_is_not_finished_is_left_out_until_it_is(server, alpaca, catalog):
    for now, count in (("2024-01-10T20:59", 6), ("2024-01-10T21:29", 6), ("2024-01-10T21:31", 7)):
        await fetch(plan(now=at(now)), [alpaca], catalog)
        assert len(catalog.read(key_of(alpaca))) == count, now


async def test_the_current_minute_is_not_finished_and_other_sessions_are_left_out(server, alpaca, catalog):
    moments = ("T14:29", "T14:30", "T14:31", "T20:59", "T21:00")
    server.bars["AAPL"] = [make_bar(f"2024-01-02{moment}:00Z") for moment in moments]
    (first,) = await fetch(
        plan(timeframe="1m", start="2024-01-02", end="2024-01-03", now=at("2024-01-02T14:32:30")),
        [alpaca], catalog,
    )  # fmt: skip
    assert first.bars == 1
    (second,) = await fetch(plan(timeframe="1m", start="2024-01-02", end="2024-01-03"), [alpaca], catalog)
    stored = catalog.read(key_of(alpaca, timeframe="1m")).start.tolist()
    assert stored == [at(f"2024-01-02{moment}") for moment in moments[1:4]]
    assert "bars outside the regular session are left out" in second.notes[0]


async def test_a_recent_day_without_a_bar_is_asked_for_again_and_an_old_one_is_not(server, alpaca, catalog):
    server.bars["AAPL"] = server.bars["AAPL"][:5]  # the vendor is late with the 9th and 10th
    await fetch(plan(end="2024-01-11", now=at("2024-01-11T12:00")), [alpaca], catalog)
    server.requests.clear()
    await fetch(plan(end="2024-01-11", now=at("2024-01-11T13:00")), [alpaca], catalog)
    assert len(asked(server)) == 1
    await fetch(plan(end="2024-01-11"), [alpaca], catalog)
    server.requests.clear()
    await fetch(plan(end="2024-01-11"), [alpaca], catalog)
    assert asked(server) == []


@pytest.mark.parametrize(
    ("timeframe", "days", "opens"), [("1w", (1, 8, 15, 22), (8, 16)), ("1mo", (1,), (2,))]
)
async def test_weeks_and_months_are_whole(server, alpaca, catalog, timeframe, days, opens):
    server.bars["AAPL"] = [
        make_bar(f"2024-01-{n:02}T05:00:00Z") for n in (*days, *([22] if days[0] == 8 else []))
    ]
    now = at("2024-01-24T12:00") if timeframe == "1w" else LATER
    start = "2024-01-03" if timeframe == "1w" else "2024-01-01"
    await fetch(plan(start=start, timeframe=timeframe, now=now), [alpaca], catalog)
    stored = catalog.read(key_of(alpaca, timeframe=timeframe)).start.tolist()
    assert stored == [at(f"2024-01-{n:02}T14:30") for n in opens]


async def test_crypto_trades_all_day_every_day(server, alpaca, catalog):
    server.bars["BTC/USD"] = [make_bar(f"2024-01-06T{hour:02}:00:00Z", 40_000.0 + hour) for hour in range(24)]
    server.assets["BTC/USD"] = {"symbol": "BTC/USD", "shortable": False, "price_increment": "1"}
    one = plan("BTC/USD", timeframe="1h", start="2024-01-06", end="2024-01-07")
    (outcome,) = await fetch(one, [alpaca], catalog)
    assert (outcome.bars, outcome.tapes, outcome.error) == (24, ("alpaca:us",), None)
    assert len(catalog.read(key_of(alpaca, "BTC/USD", "1d"))) == 1  # made of its hours


# --- what goes wrong -------------------------------------------------------------------------------------


async def test_a_busy_server_is_asked_again_from_where_it_was(server, alpaca, catalog):
    server.fail(Fault(500, b"oops"))
    server.fail(Fault(429, b"{}", {"Retry-After": "0"}))
    (outcome,) = await fetch(plan(), [alpaca], catalog, patience=QUICK)
    assert (outcome.bars, outcome.error) == (7, None)


async def test_patience_ends_with_the_error_of_that_symbol(server, alpaca, catalog):
    server.assets.clear()
    await fetch(plan("MSFT"), [alpaca], catalog)
    server.fail(Fault(503, b"oops", times=50))
    (outcome,) = await fetch(plan("AAPL"), [alpaca], catalog, patience=QUICK)
    assert isinstance(outcome.error, Retryable)


async def test_each_attempt_begins_where_the_last_one_ended(server, alpaca, catalog):
    async def refuse(request):
        if request.query.get("page_token") == "2":
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "0"})

    server.before = refuse
    (outcome,) = await fetch(plan(), [alpaca], catalog, patience=QUICK)
    assert (outcome.bars, outcome.error) == (7, None)  # more pages fail than one attempt may


async def test_a_server_that_gives_nothing_new_is_not_asked_for_ever(server, alpaca, catalog):
    async def refuse(request):
        if request.query.get("page_token") == "2":
            raise web.HTTPServiceUnavailable

    server.before = refuse
    server.bars["AAPL"] = [make_bar(f"2024-01-02T14:{minute}:00Z") for minute in (10, 11, 12, 13)]
    early = plan(timeframe="1m", start="2024-01-02", end="2024-01-03")
    (outcome,) = await fetch(early, [alpaca], catalog, patience=QUICK)
    assert isinstance(outcome.error, Retryable)
    assert len(asked(server)) == 2 * QUICK.attempts


async def test_bad_rows_stop_their_symbol_and_no_other(server, alpaca, catalog):
    server.bars["MSFT"][3]["h"] = 1.0  # below the low
    one, other = await fetch(plan("MSFT", "AAPL"), [alpaca], catalog)
    assert isinstance(one.error, BadData)
    assert "2024-01-05" in str(one.error)
    assert one.bars == 2  # the page before
    assert (other.bars, other.error) == (7, None)


async def test_an_unknown_symbol_is_told_and_facts_that_fail_are_noted(server, alpaca, catalog):
    del server.assets["MSFT"]
    unknown, known = await fetch(plan("NIX", "MSFT"), [alpaca], catalog)
    assert isinstance(unknown.error, ConfigError)
    assert "does not know the symbol 'NIX'" in str(unknown.error)
    assert (known.error, known.bars) == (None, 7)
    assert "its facts are not known" in known.notes[0]


async def test_a_refused_key_ends_all_after_a_few_symbols(server, catalog):
    wrong = {**ENVIRON, "ALPACA_API_KEY": "PKWRONG"}
    refused = supply(open_provider("alpaca", server.options, wrong), wrong, rate=60_000)
    symbols = [f"S{n}" for n in range(40)]
    outcomes = await fetch(plan(*symbols, together=1), [refused], catalog)
    assert all(isinstance(one.error, ConfigError) for one in outcomes)
    assert len(server.requests) <= 6
    await refused.provider.close()


async def test_what_a_provider_corrected_is_taken_when_that_is_asked_for(server, alpaca, catalog):
    await fetch(plan(), [alpaca], catalog)
    server.bars["AAPL"][2]["c"] = 104.5
    await fetch(plan(), [alpaca], catalog)
    assert catalog.read(key_of(alpaca)).close[2] == 104.0
    (outcome,) = await fetch(plan(revise=True), [alpaca], catalog)
    assert (outcome.error, catalog.read(key_of(alpaca)).close[2]) == (None, 104.5)


# --- several providers -----------------------------------------------------------------------------------


async def test_another_provider_gives_what_the_first_could_not_and_stays_apart(
    server, alpaca, catalog, tmp_path
):
    server.bars["AAPL"][4]["o"] = None  # the third page cannot be right
    async with YahooServer() as other:
        other.days["AAPL"] = [day(f"2024-01-{n:02}", 200.0 + n) for n in (2, 3, 4, 5, 8, 9, 10)]
        provider = open_provider("yahoo", {"url": other.url, "cache": str(tmp_path)}, {})
        yahoo = supply(provider, {}, rate=60_000)
        (outcome,) = await fetch(plan(), [alpaca, yahoo], catalog)
        await provider.close()
    assert (outcome.bars, outcome.tapes, outcome.error) == (7, ("alpaca:iex", "yahoo:yahoo"), None)
    assert "yahoo is asked for the rest" in outcome.notes[0]
    assert catalog.read(key_of(alpaca)).close.tolist() == [102.0, 103.0, 104.0, 105.0]
    assert catalog.read(key_of(yahoo)).close.tolist() == [208.0, 209.0, 210.0]
    assert catalog.provenance(key_of(yahoo))[0].origin.provider == "yahoo"


async def test_a_symbol_that_the_first_cannot_place_goes_to_the_second(server, alpaca, catalog, tmp_path):
    server.bars["BRK.B"] = server.bars["AAPL"]
    yahoo = supply(open_provider("yahoo", {"cache": str(tmp_path)}, {}), {})
    (outcome,) = await fetch(plan("BRK.B"), [yahoo, alpaca], catalog)
    assert (outcome.bars, outcome.tapes) == (7, ("alpaca:iex",))


async def test_minutes_that_a_provider_keeps_no_more_are_noted(catalog, tmp_path):
    async with YahooServer() as server:
        server.days["AAPL"] = [day("2024-02-28", 100.0)]
        server.intraday["AAPL"] = [("2024-02-28T09:30", 10.0, 11.0, 9.0, 10.0, 5.0)]
        provider = open_provider("yahoo", {"url": server.url, "cache": str(tmp_path)}, {})
        yahoo = supply(provider, {}, rate=60_000)
        (outcome,) = await fetch(plan(timeframe="5m", end="2024-03-01"), [yahoo], catalog)
        await provider.close()
    assert (outcome.bars, outcome.error) == (1, None)
    assert "keeps 59 days" in outcome.notes[0]


# --- budgets ---------------------------------------------------------------------------------------------


async def test_each_request_waits_for_its_turn_pages_and_further_attempts_too(server, alpaca, catalog):
    spent = 0

    async def wait():
        nonlocal spent
        spent += 1

    alpaca.provider.pace(wait)
    server.fail(Fault(503))
    await fetch(plan(), [alpaca], catalog, patience=Patience(first=0.001))
    assert spent == len(server.requests) == 7  # facts twice, four pages, actions


async def test_who_would_wait_long_is_told_when_to_come_back(server):
    provider = open_provider("alpaca", server.options, ENVIRON)
    budget = supply(provider, ENVIRON, rate=1, options=server.options).budget
    await provider.instrument("AAPL")
    assert budget is not None
    budget.pause(600)
    with pytest.raises(Retryable, match="1 requests in 60 s are allowed, and they are used up") as caught:
        await provider.instrument("AAPL")
    assert caught.value.after == pytest.approx(600, abs=5)
    assert len(server.requests) == 1
    await provider.close()


def test_accounts_share_their_budget_and_no_secret_is_in_their_name():
    offer = offer_of("alpaca")
    one, other = (
        supply(open_provider("alpaca", {}, ENVIRON), ENVIRON),
        supply(open_provider("alpaca", {"feed": "sip"}, ENVIRON), ENVIRON),
    )
    assert one.budget is other.budget
    name = account_of("alpaca", offer, ENVIRON, {})
    assert not any(secret in name for secret in ENVIRON.values())
    assert name != account_of("alpaca", offer, {**ENVIRON, "ALPACA_API_KEY": "another"}, {})
    assert name != account_of("alpaca", offer, ENVIRON, {"data_url": "http://127.0.0.1:1"})
    assert supply(open_provider("synthetic", {}, {}), {}).budget is None


def test_a_range_without_a_session_is_not_asked_for(alpaca_key):
    assert ask_for(alpaca_key, Span(at("2024-01-06"), at("2024-01-08"))) is None


@pytest.fixture
def alpaca_key():
    return Key(open_provider("alpaca", {}, ENVIRON).source("AAPL"), "AAPL", "1d")
