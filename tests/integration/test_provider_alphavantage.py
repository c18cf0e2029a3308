import logging
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from tests.loopback.alphavantage import (
    DAILY_LIMIT,
    NO_KEY,
    PER_MINUTE,
    PER_SECOND,
    PREMIUM,
    AlphaVantageServer,
    row,
)
from tests.loopback.cases import CANARY, Case, assert_hidden, assert_unlogged, cases
from tests.loopback.server import Fault

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.core.types import Dividend, Instrument, Split
from openbell.data.bars import Source
from openbell.data.providers import open_provider
from openbell.data.providers.alphavantage import AlphaVantageProvider
from openbell.data.providers.protocol import Span


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


YEAR = Span(ns("2024-01-01"), ns("2025-01-01"))


def serve() -> AlphaVantageServer:
    return AlphaVantageServer(CANARY)


def provider(server: AlphaVantageServer, **options: Any) -> AlphaVantageProvider:
    chosen: dict[str, Any] = {"timeout": 5.0, "data_url": server.url} | options
    return AlphaVantageProvider({"ALPHAVANTAGE_API_KEY": CANARY}, **chosen)


async def read(vendor: AlphaVantageProvider, timeframe="1d", span=YEAR, symbol="IBM"):
    try:
        return [batch async for batch in vendor.bars(symbol, timeframe, span)]
    finally:
        await vendor.close()


async def test_days_come_oldest_first():
    async with (server := serve()):
        server.days = {f"2024-01-0{n}": row(10.0 + n) for n in (2, 3, 4)}
        (batch,) = await read(provider(server), span=Span(ns("2024-01-03"), ns("2024-02-01")))
    assert batch.start.tolist() == [ns("2024-01-03"), ns("2024-01-04")]
    assert {name: column.tolist() for name, column in batch.columns.items()} == {
        "open": [13.0, 14.0],
        "high": [14.0, 15.0],
        "low": [12.0, 13.0],
        "close": [13.5, 14.5],
        "volume": [1000.0, 1000.0],
    }
    assert server.requests[0].query["outputsize"] == "full"


async def test_recent_days_need_no_paid_plan():
    now = int(datetime.now(UTC).timestamp()) * 10**9
    async with (server := serve()):
        server.days = {"2024-01-02": row(10.0)}
        assert await read(provider(server), span=Span(now - 30 * 86_400 * 10**9, now)) == []
    assert server.requests[0].query["outputsize"] == "compact"


async def test_minutes_are_new_yorks_clocks_month_by_month():
    async with (server := serve()):
        server.minutes = {
            "2024-02-29 09:30:00": row(10.0),  # winter: five hours behind UTC
            "2024-02-29 15:55:00": row(11.0),
            "2024-03-28 09:30:00": row(12.0),  # summer: four
        }
        batches = await read(provider(server), "5m", Span(ns("2024-02-01"), ns("2024-04-01T02:00")))
    assert [batch.start.tolist() for batch in batches] == [
        [ns("2024-02-29T14:30"), ns("2024-02-29T20:55")],
        [ns("2024-03-28T13:30")],
    ]
    asked = [request.query for request in server.requests if "month" in request.query]
    assert [query["month"] for query in asked] == ["2024-01", "2024-02", "2024-03"]  # by New York's clocks
    assert {(q["adjusted"], q["extended_hours"], q["interval"]) for q in asked} == {
        ("false", "false", "5min")
    }


async def test_a_month_without_bars_is_empty_where_the_symbol_is_known():
    async with (server := serve()):
        server.minutes = {"2024-03-01 09:30:00": row(10.0)}
        batches = await read(provider(server), "1h", Span(ns("2024-01-15"), ns("2024-04-15")))
    assert [len(batch.start) for batch in batches] == [1]
    functions = [request.query["function"] for request in server.requests]
    assert functions.count("GLOBAL_QUOTE") == 1


@pytest.mark.parametrize("timeframe", ["1d", "1m"])
async def test_an_unknown_symbol_is_said_to_be_unknown(timeframe, caplog):
    caplog.set_level(logging.DEBUG)
    async with (server := serve()):
        with pytest.raises(ConfigError, match="alphavantage: symbol 'NONE' is unknown") as caught:
            await read(provider(server), timeframe, symbol="NONE")
    assert_hidden(caught.value, caplog)
    assert len(server.requests) <= 2


async def test_an_empty_span_asks_nothing():
    async with (server := serve()):
        assert await read(provider(server), span=Span(5, 5)) == []
    assert server.requests == []


@pytest.mark.parametrize("case", cases())
async def test_a_failing_answer_becomes_the_error_that_says_what_to_do(case: Case, caplog):
    caplog.set_level(logging.DEBUG)
    async with (server := serve()):
        server.fail(case.fault)
        with pytest.raises(case.error) as caught:
            await read(provider(server, timeout=case.patience))
    assert str(caught.value).startswith("alphavantage: 1d bars of IBM")
    assert getattr(caught.value, "after", None) == case.after
    assert_hidden(caught.value, caplog)


@pytest.mark.parametrize(
    ("name", "text", "error", "after"),
    [
        ("Information", DAILY_LIMIT, Retryable, None),
        ("Information", PER_SECOND, Retryable, 1.0),
        ("Note", PER_MINUTE, Retryable, 60.0),
        ("Information", PREMIUM, ConfigError, None),
        ("Error Message", NO_KEY, ConfigError, None),
        ("Error Message", "Something else, {key}.", Rejected, None),
    ],
)
async def test_a_sentence_becomes_the_error_that_says_what_to_do(name, text, error, after, caplog):
    caplog.set_level(logging.DEBUG)
    async with (server := serve()):
        server.sentence = (name, text)
        with pytest.raises(error) as caught:
            await read(provider(server))
    assert type(caught.value) is error
    assert getattr(caught.value, "after", None) == after
    assert_hidden(caught.value, caplog)
    assert ("ALPHAVANTAGE_API_KEY" in str(caught.value)) == (text is NO_KEY)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ([], "an object is expected, not list"),
        ({"Time Series (Daily)": []}, "expected as an object"),
        ({"Time Series (Daily)": {"01/02/2024": row(1.0)}}, "'01/02/2024' is no date"),
        (
            {"Time Series (Daily)": {"2024-01-02": row(1.0) | {"4. close": "-"}}},
            "-02: '-' is no number",
        ),
        ({"Time Series (Daily)": {"2024-01-02": {"open": "1.0"}}}, "there is no '1. open'"),
    ],
)
async def test_days_that_cannot_be_right_are_bad_data(reply, message):
    async with (server := serve()):
        server.reply = reply
        with pytest.raises(BadData, match=message):
            await read(provider(server))


@pytest.mark.parametrize(
    ("zone", "time", "start"),
    [
        ("UTC", "2024-01-02 14:30:00", "2024-01-02T14:30"),
        ("US/Eastern", "2024-01-02 09:30:00", "2024-01-02T14:30"),
    ],
)
async def test_the_zone_that_an_answer_names_counts(zone, time, start):
    async with (server := serve()):
        server.minutes, server.zone = {time: row(1.0)}, zone
        (batch,) = await read(provider(server), "1m", Span(ns("2024-01-02"), ns("2024-01-03")))
    assert batch.start.tolist() == [ns("2024-01-02T14:30")]


@pytest.mark.parametrize(
    ("zone", "time", "message"),
    [
        ("US/Middle", "2024-01-02 09:30:00", "the zone 'US/Middle', which is none"),
        ("US/Eastern", "2024-01-02T09:30", "is no time of a bar"),
        ("US/Eastern", "2024-11-03 01:30:00", "names no single moment"),
    ],
)
async def test_a_time_that_is_none_is_bad_data(zone, time, message):
    async with (server := serve()):
        server.minutes, server.zone = {time: row(1.0)}, zone
        with pytest.raises(BadData, match=message):
            await read(provider(server), "1m")


async def test_actions_are_of_their_ex_dates():
    async with (server := serve()):
        server.rows["DIVIDENDS"] = [
            {"ex_dividend_date": "2025-02-10", "amount": "1.67"},
            {"ex_dividend_date": "2024-08-09", "amount": "1.67"},
            {"ex_dividend_date": "2024-06-01", "amount": "None"},
        ]
        server.rows["SPLITS"] = [
            {"effective_date": "2024-08-09", "split_factor": "2.0000"},
            {"effective_date": "1999-05-27", "split_factor": "2.0000"},
        ]
        vendor = provider(server)
        actions = await vendor.actions("IBM", YEAR)
        server.reply = {"data": "none"}
        with pytest.raises(BadData, match="a list is expected"):
            await vendor.actions("IBM", YEAR)
        await vendor.close()
    assert actions == [Dividend("IBM", ns("2024-08-09"), 1.67), Split("IBM", ns("2024-08-09"), 2, 1)]


async def test_facts_are_of_the_overview_or_the_search():
    async with (server := serve()):
        server.matches = [
            {"1. symbol": "SPY", "8. currency": "USD"},
            {"1. symbol": "SPY.LON", "8. currency": "GBX"},
        ]
        vendor = provider(server)
        assert await vendor.instrument("IBM") == Instrument("IBM", sector="Technology", exchange="NYSE")
        assert await vendor.instrument("SPY.LON") == Instrument("SPY.LON", currency="GBX")
        with pytest.raises(ConfigError, match="symbol 'SPX' is unknown; did you mean 'SPY'"):
            await vendor.instrument("SPX")
        server.overview["Sector"] = "None"
        assert (await vendor.instrument("IBM")).sector == ""
        await vendor.close()


async def test_it_says_what_it_has_not():
    async with (server := serve()):
        vendor = provider(server)
        with pytest.raises(ConfigError, match="no quotes"):
            await vendor.quote("IBM")
        with pytest.raises(ConfigError, match="no stream"):
            vendor.connect()
        with pytest.raises(ConfigError, match="'2m' is not offered; it has 1d, 1m"):
            await read(vendor, "2m")
    assert vendor.source("IBM") == Source("alphavantage", "consolidated")
    assert server.requests == []


async def test_a_key_in_a_url_does_not_reach_a_log(caplog):
    caplog.set_level(logging.DEBUG)
    async with (server := serve()):
        server.days = {"2024-01-02": row(10.0)}
        await read(provider(server))
    assert "HTTP Request: GET" in caplog.text
    assert "apikey=********" in caplog.text
    assert_unlogged(caplog)


async def test_a_gateway_that_repeats_the_address_shows_no_key(caplog):
    caplog.set_level(logging.DEBUG)
    async with (server := serve()):
        server.fail(
            Fault(502, f"no route to /query?apikey={CANARY.replace('+', '%2B').replace('/', '%2F')}".encode())
        )
        with pytest.raises(Retryable, match=r"apikey=\*{8}") as caught:
            await read(provider(server))
    assert_hidden(caught.value, caplog)


def test_without_its_key_it_names_the_variable():
    with pytest.raises(ConfigError, match="ALPHAVANTAGE_API_KEY; set it") as caught:
        open_provider("alphavantage", {}, {})
    assert "\n" not in str(caught.value)
