"""Alpaca by its real SDK, against a server of its protocol."""

from __future__ import annotations

import asyncio
import io
import json
import re
import traceback
from typing import Any

import numpy as np
import pytest
from tests.loopback.alpaca import ENVIRON, KEY, SECRET, AlpacaServer, make_bar
from tests.loopback.server import Fault

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.core.messages import Quote
from openbell.core.types import NANOS_PER_DAY, Dividend, Instrument, Split
from openbell.data.providers import open_provider
from openbell.data.providers.protocol import Span
from openbell.utils import logging

MINUTE = 60 * 1_000_000_000


def at(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def span(start: str, end: str) -> Span:
    return Span(at(start), at(end))


JANUARY = span("2024-01-01", "2024-02-01")


@pytest.fixture
async def server():
    async with AlpacaServer(page=3) as running:
        running.bars["AAPL"] = [make_bar(f"2024-01-{day:02}T05:00:00Z", day) for day in (2, 3, 4, 5, 8)]
        yield running


@pytest.fixture
async def provider(server):
    made = open_provider("alpaca", {**server.options, "timeout": 2.0}, ENVIRON)
    yield made
    await made.close()


async def gather(provider: Any, symbol="AAPL", timeframe="1d", asked=JANUARY) -> list[Any]:
    return [batch async for batch in provider.bars(symbol, timeframe, asked)]


# --- bars ------------------------------------------------------------------------------------------------


async def test_daily_bars_come_in_pages_one_for_each_request(server, provider):
    pages = await gather(provider)
    assert [len(page.start) for page in pages] == [3, 2]
    assert len(server.requests) == 2
    assert pages[0].start.tolist() == [at(f"2024-01-0{day}") for day in (2, 3, 4)]
    assert pages[1].columns["close"].tolist() == [5.0, 8.0]
    assert set(pages[0].columns) == {"open", "high", "low", "close", "volume", "vwap", "trades"}


async def test_prices_are_asked_raw_and_of_the_feed(server):
    provider = open_provider("alpaca", {**server.options, "feed": "sip"}, ENVIRON)
    await gather(provider)
    assert server.requests[0].query["adjustment"] == "raw"
    assert server.requests[0].query["feed"] == "sip"
    assert provider.source("AAPL").feed == "sip"
    await provider.close()


async def test_a_span_ends_before_its_end(server, provider):
    pages = await gather(provider, asked=span("2024-01-03", "2024-01-05"))
    assert np.concatenate([page.start for page in pages]).tolist() == [at("2024-01-03"), at("2024-01-04")]


async def test_minutes_keep_their_moment_and_winter_and_summer_days_their_date(server, provider):
    server.bars["IBM"] = [make_bar("2024-07-01T13:30:00Z"), make_bar("2024-07-01T13:31:00Z")]
    (page,) = await gather(provider, "IBM", "1m", span("2024-07-01", "2024-07-02"))
    assert page.start.tolist() == [at("2024-07-01T13:30"), at("2024-07-01T13:31")]
    server.bars["GE"] = [make_bar("2024-07-01T04:00:00Z")]
    (page,) = await gather(provider, "GE", "1d", span("2024-07-01", "2024-07-02"))
    assert page.start.tolist() == [at("2024-07-01")]


async def test_crypto_has_its_own_path_and_calendar(server, provider):
    server.bars["BTC/USD"] = [make_bar("2024-01-01T00:00:00Z", 42_000.0)]
    (page,) = await gather(provider, "BTC/USD", "1h")
    assert page.columns["close"].tolist() == [42_000.0]
    assert server.requests[0].path == "/v1beta3/crypto/us/bars"
    assert (provider.source("BTC/USD").calendar, provider.source("BTC/USD").feed) == ("24/7", "us")


@pytest.mark.parametrize(
    ("symbol", "timeframe", "said"),
    [("BTC/USD", "1d", "midnight in Chicago"), ("AAPL", "1h", "mix the session"), ("AAPL", "30s", "seconds")],
)
async def test_bars_that_are_not_what_they_seem_are_refused(provider, symbol, timeframe, said):
    with pytest.raises(ConfigError, match=said):
        await gather(provider, symbol, timeframe)


async def test_an_empty_answer_and_an_unknown_symbol_have_no_bars(server, provider):
    assert await gather(provider, "NIX") == []
    server.fail(Fault(body=b'{"bars": null, "next_page_token": null}'))
    assert await gather(provider) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"rows": []}, "no 'bars'"),
        ({"bars": {"AAPL": "none"}}, "no list of bars"),
        ({"bars": "none"}, "no list of bars"),
        ({"bars": {"AAPL": [{"t": "2024-01-02T05:00:00Z", "o": 1}]}}, "'h' of the bar"),
        ({"bars": {"AAPL": [make_bar("2024-01-02T05:00:00Z", o="1.0")]}}, r"'1.0', no number"),
        ({"bars": {"AAPL": [make_bar("2024-01-02T00:00:00Z")]}}, "no midnight in America/New_York"),
        ({"bars": {"AAPL": [make_bar("2024-01-02T05:00:00-05:00")]}}, "not in UTC"),
        ({"bars": {"AAPL": [make_bar("yesterdayZ")]}}, "a time is none"),
        ({"bars": {"AAPL": [make_bar("2024-01-03T05:00:00Z")] * 2}}, "not after"),
    ],
)  # fmt: skip
async def test_an_answer_that_cannot_be_right_is_bad_data(server, provider, body, said):
    server.fail(Fault(body=json.dumps({"next_page_token": None, **body}).encode()))
    with pytest.raises(BadData, match=said):
        await gather(provider)


# --- errors ----------------------------------------------------------------------------------------------

SAID = b'{"code": 40310000, "message": "subscription does not permit it"}'


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Fault(403, SAID), ConfigError, "does not permit it.*what its plan includes"),
        (Fault(422, b'{"message": "invalid symbol"}'), Rejected, "422 .invalid symbol"),
        (Fault(500, b"<html>oops</html>"), Retryable, "500 .<html>oops"),
        (Fault(body=b'{"bars": {"AAPL"', truncated=True), Retryable, "the connection broke"),
        (Fault(body=b'{"bars": {"AAPL"'), Retryable, "ended early"),
        (Fault(body=b"<html>maintenance</html>"), BadData, "is no JSON"),
        (Fault(301, headers={"Location": "http://127.0.0.1:1/"}), BadData, "an object is expected"),
    ],
)
async def test_errors_say_what_must_happen_next(server, provider, fault, kind, said):
    server.fail(fault)
    with pytest.raises(kind, match=said):
        await gather(provider)
    assert len(server.requests) == 1  # the SDK asks once


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [({"Retry-After": "7"}, 7, 7), ({}, None, None), ({"Retry-After": "soon"}, None, None)],
)
async def test_too_many_requests_tell_how_long_to_wait(server, provider, headers, low, high):
    server.fail(Fault(429, b'{"message": "too many requests."}', headers))
    with pytest.raises(Retryable, match="429") as raised:
        await gather(provider)
    assert raised.value.after == low == high
    assert len(server.requests) == 1


async def test_a_slow_body_is_given_up(server):
    provider = open_provider("alpaca", {**server.options, "timeout": 0.2}, ENVIRON)
    server.fail(Fault(body=b"{", stalled=True))
    with pytest.raises(Retryable, match=r"no answer within 0\.2 s"):
        await gather(provider)
    await provider.close()


async def test_a_server_that_is_not_there_is_asked_again_later():
    provider = open_provider("alpaca", {"data_url": "http://127.0.0.1:9"}, ENVIRON)
    with pytest.raises(Retryable, match="the connection broke"):
        await gather(provider)
    await provider.close()


async def test_a_refused_key_is_named_by_its_variable_and_shown_nowhere(server):
    wrong = {"ALPACA_API_KEY": "PKWRONG-0000", "ALPACA_SECRET_KEY": "wrong-secret-0000"}
    provider = open_provider("alpaca", server.options, wrong)
    sink = io.StringIO()
    logging.configure("TRACE", sink=sink)
    with pytest.raises(ConfigError, match="ALPACA_API_KEY and ALPACA_SECRET_KEY") as raised:
        await gather(provider)
    logging.get_logger().opt(exception=raised.value).error("refused: {}", raised.value)
    shown = "".join(traceback.format_exception(raised.value)) + sink.getvalue() + repr(provider)
    assert "401" in shown
    assert not any(secret in shown for secret in wrong.values())
    await provider.close()


@pytest.mark.parametrize("absent", list(ENVIRON))
def test_without_a_key_one_line_says_which_variable_to_set(absent):
    with pytest.raises(ConfigError, match=f"needs the environment variable {absent}; set it"):
        open_provider("alpaca", {}, {name: text for name, text in ENVIRON.items() if name != absent})


@pytest.mark.parametrize(
    ("options", "said"),
    [({"feed": "siip"}, "did you mean 'sip'"), ({"market": "fx"}, "'fx'"), ({"timeout": 0}, "timeout=0")],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        open_provider("alpaca", options, ENVIRON)


async def test_what_the_server_says_of_its_limit_is_passed_on(server, provider):
    told: list[tuple[float, float]] = []
    provider.watch(lambda remaining, seconds: told.append((remaining, seconds)))
    server.limits = {"X-Ratelimit-Remaining": "17", "X-Ratelimit-Reset": "4102444800"}
    await gather(provider)
    assert [remaining for remaining, _ in told] == [17.0, 17.0]
    assert all(seconds > 0 for _, seconds in told)


async def test_keys_are_sent_in_headers_and_not_in_addresses(server, provider):
    await gather(provider)
    for request in server.requests:
        assert KEY not in str(request.query) + request.path
        assert request.headers["APCA-API-SECRET-KEY"] == SECRET


# --- actions, facts, quotes ------------------------------------------------------------------------------


async def test_splits_and_dividends_are_exact_and_in_order(server, provider):
    server.actions = [
        ("cash_dividend", {"symbol": "AAPL", "ex_date": "2024-01-09", "rate": 0.24}),
        ("forward_split", {"symbol": "AAPL", "ex_date": "2024-01-09", "new_rate": 4, "old_rate": 1}),
        ("reverse_split", {"symbol": "AAPL", "ex_date": "2024-01-04", "new_rate": 1, "old_rate": 15}),
        ("stock_dividend", {"symbol": "AAPL", "ex_date": "2024-01-03", "rate": 0.05}),
        ("cash_dividend", {"symbol": "AAPL", "ex_date": "2024-02-01", "rate": 0.25}),  # not in January
        ("cash_dividend", {"symbol": "MSFT", "ex_date": "2024-01-05", "rate": 0.75}),
    ]
    day = at("2024-01-01")
    assert list(await provider.actions("AAPL", JANUARY)) == [
        Split("AAPL", day + 2 * NANOS_PER_DAY, 21, 20),
        Split("AAPL", day + 3 * NANOS_PER_DAY, 1, 15),
        Dividend("AAPL", day + 8 * NANOS_PER_DAY, 0.24),
        Split("AAPL", day + 8 * NANOS_PER_DAY, 4, 1),
    ]
    assert len(server.requests) == 2  # two pages
    assert await provider.actions("BTC/USD", JANUARY) == ()


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ({"forward_splits": [{"ex_date": "2024-01-09", "new_rate": 4}]}, "no 'old_rate'"),
        (
            {"forward_splits": [{"ex_date": "2024-01-09", "new_rate": 4, "old_rate": 0}]},
            "no share of a share",
        ),
        ({"cash_dividends": [{"ex_date": "soon", "rate": 1}]}, "'soon' is no date"),
        ({"mergers": [{}]}, "no 'ex_date'"),
        ([], "no lists of actions"),
    ],
)
async def test_actions_that_are_not_complete_are_bad_data(server, provider, actions, said):
    server.fail(Fault(body=json.dumps({"corporate_actions": actions}).encode()))
    with pytest.raises(BadData, match=said):
        await provider.actions("AAPL", JANUARY)


async def test_facts_of_stocks_and_crypto(server, provider):
    server.assets["AAPL"] = {
        "symbol": "AAPL", "class": "us_equity", "shortable": False, "exchange": "NASDAQ",
        "fractionable": True,
    }  # fmt: skip
    server.assets["BTC/USD"] = {
        "symbol": "BTC/USD", "shortable": False, "price_increment": "0.1", "min_trade_increment": "0.0001",
    }  # fmt: skip
    assert await provider.instrument("AAPL") == Instrument(
        "AAPL", shortable=False, exchange="NASDAQ", fractionable=True
    )
    crypto = await provider.instrument("BTC/USD")
    assert (crypto.tick, crypto.lot, crypto.currency) == (0.1, 0.0001, "USD")
    with pytest.raises(ConfigError, match="does not know the symbol 'NIX'"):
        await provider.instrument("NIX")
    server.fail(Fault(body=b'{"symbol": "AAPL"}'))
    with pytest.raises(BadData, match="no 'shortable'"):
        await provider.instrument("AAPL")


@pytest.mark.parametrize("easy", [True, False])
async def test_what_is_hard_to_borrow_is_not_shortable(server, provider, easy):
    server.assets["AAPL"] = {"symbol": "AAPL", "shortable": True, "easy_to_borrow": easy}
    assert (await provider.instrument("AAPL")).shortable is easy


async def test_the_latest_quote_has_its_nanoseconds(server, provider):
    server.quotes["AAPL"] = {"t": "2024-01-02T15:00:00.123456789Z", "bp": 9.5, "ap": 10, "bs": 2, "as": 3}
    assert await provider.quote("AAPL") == Quote(
        "AAPL", at("2024-01-02T15:00:00.123456789"), 9.5, 10.0, 2.0, 3.0
    )
    with pytest.raises(ConfigError, match="no quote for the symbol 'NIX'"):
        await provider.quote("NIX")
    server.quotes["BTC/USD"] = {"t": "2024-01-02T15:00:00Z", "bp": "x", "ap": 10, "bs": 2, "as": 3}
    with pytest.raises(BadData, match="'x' is no number"):
        await provider.quote("BTC/USD")


async def test_an_error_of_our_own_stays_what_it_is(provider):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await provider._ask("alpaca", fail)


async def test_many_requests_at_once_share_the_sdk(server, provider):
    answers = await asyncio.gather(*(gather(provider) for _ in range(8)))
    assert all(len(pages) == 2 for pages in answers)


def test_the_offer_names_its_variables():
    from openbell.data.providers import offer_of

    assert re.fullmatch(r"ALPACA_\w+ ALPACA_\w+", " ".join(offer_of("alpaca").variables))
