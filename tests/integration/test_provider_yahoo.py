"""Yahoo by yfinance, against a server that answers as Yahoo does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.loopback.server import Fault
from tests.loopback.yahoo import YahooServer, day
from yfinance.data import YfData
from yfinance.exceptions import YFException

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.core.messages import Quote
from openbell.core.types import Dividend, Instrument, Split
from openbell.data.providers import open_provider
from openbell.data.providers.protocol import Span
from openbell.data.providers.yahoo_wire import Wire, read_frame
from openbell.utils.logging import get_logger


def at(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


JANUARY = Span(at("2024-01-01"), at("2024-02-01"))


@pytest.fixture
async def server():
    async with YahooServer() as running:
        running.days["AAPL"] = [day(f"2024-01-{n:02}", 100.0 + n) for n in (2, 3, 4, 5, 8)]
        yield running


@pytest.fixture
async def provider(server, tmp_path):
    made = open_provider("yahoo", {"url": server.url, "cache": str(tmp_path), "timeout": 5.0}, {})
    yield made
    await made.close()


async def gather(provider: Any, symbol="AAPL", timeframe="1d", asked=JANUARY) -> list[Any]:
    return [batch async for batch in provider.bars(symbol, timeframe, asked)]


# --- bars ------------------------------------------------------------------------------------------------


async def test_days_come_by_their_dates(provider):
    (page,) = await gather(provider)
    assert page.start.tolist() == [at(f"2024-01-0{n}") for n in (2, 3, 4, 5, 8)]
    assert page.columns["close"].tolist() == [102.0, 103.0, 104.0, 105.0, 108.0]
    assert set(page.columns) == {"open", "high", "low", "close", "volume"}


async def test_prices_are_what_was_traded_before_each_later_split(server, provider):
    server.splits["AAPL"] = [("2024-01-04", 4, 1), ("2024-01-08", 1, 10)]
    (page,) = await gather(provider)
    assert page.columns["close"].tolist() == [102.0, 103.0, 104.0, 105.0, 108.0]
    assert page.columns["volume"].tolist() == [1000.0] * 5


async def test_splits_after_the_span_count_too(server, provider):
    server.splits["AAPL"] = [("2024-01-08", 3, 1)]
    (page,) = await gather(provider, asked=Span(at("2024-01-02"), at("2024-01-04")))
    assert page.columns["close"].tolist() == [102.0, 103.0]


async def test_prices_are_rounded_to_the_digits_that_yahoo_sends(server, provider):
    server.days["AAPL"] = [day("2024-01-02", float(np.float32(105.6)))]
    (page,) = await gather(provider)
    assert page.columns["close"].tolist() == [105.6]


async def test_minutes_are_unadjusted_by_the_splits_of_the_days_since(server, provider):
    server.splits["AAPL"] = [("2024-01-04", 4, 1)]
    server.intraday["AAPL"] = [
        ("2024-01-03T15:59", 100.0, 101.0, 99.0, 100.5, 40.0),
        ("2024-01-04T09:30", 25.0, 26.0, 24.0, 25.5, 160.0),
    ]
    (page,) = await gather(provider, timeframe="1m", asked=Span(at("2024-01-03"), at("2024-01-05")))
    assert page.start.tolist() == [at("2024-01-03T20:59"), at("2024-01-04T14:30")]
    assert page.columns["close"].tolist() == [100.5, 25.5]
    assert page.columns["volume"].tolist() == [40.0, 160.0]


async def test_minutes_are_asked_for_a_week_at_a_time(server, provider):
    server.intraday["AAPL"] = [
        (f"2024-01-{n:02}T09:30", 10.0, 11.0, 9.0, 10.0, 5.0) for n in (2, 9, 16)
    ]  # fmt: skip
    pages = await gather(provider, timeframe="1m", asked=Span(at("2024-01-02"), at("2024-01-18")))
    assert [len(page.start) for page in pages] == [1, 1, 1]
    assert sum(chart["interval"] == "1m" for chart in server.charts) == 3


async def test_other_exchanges_have_their_calendar_and_zone(tmp_path):
    async with YahooServer(zone="Europe/London") as server:
        server.days["VOD.L"] = [("2024-01-02T08:00", 70.0, 71.0, 69.0, 70.5, 900.0)]
        provider = open_provider("yahoo", {"url": server.url, "cache": str(tmp_path)}, {})
        (page,) = await gather(provider, "VOD.L")
        assert page.start.tolist() == [at("2024-01-02")]
        await provider.close()
    assert provider.source("VOD.L").calendar == "XLON"
    assert provider.source("BTC-USD").calendar == "24/7"
    with pytest.raises(ConfigError, match=r"'B' is not known here.*BRK-B"):
        provider.source("BRK.B")


async def test_crypto_has_days_of_utc(tmp_path):
    async with YahooServer(zone="UTC") as server:
        server.days["BTC-USD"] = [("2024-01-06T00:00", 40.0, 42.0, 39.0, 41.0, 9.0)]
        provider = open_provider("yahoo", {"url": server.url, "cache": str(tmp_path)}, {})
        (page,) = await gather(provider, "BTC-USD")
        await provider.close()
    assert page.start.tolist() == [at("2024-01-06")]


async def test_a_zone_that_is_not_the_exchanges_is_bad_data(server, provider):
    server.told_zone = "Asia/Tokyo"
    with pytest.raises(BadData, match="times are of Asia/Tokyo, and the exchange's are of America/New_York"):
        await gather(provider)


async def test_an_empty_answer_has_no_bars(server, provider):
    server.days["AAPL"] = []
    assert await gather(provider) == []
    assert await provider.actions("AAPL", JANUARY) == ()
    with pytest.raises(ConfigError, match="no prices of 'AAPL'"):
        await provider.instrument("AAPL")


async def test_a_range_before_a_stock_was_listed_has_no_bars(server, provider):
    await gather(provider)
    await provider.close()
    said = {"code": "Bad Request", "description": "Data doesn't exist for startDate = 1, endDate = 2"}
    body = json.dumps({"chart": {"result": None, "error": said}}).encode()
    server.wrong = [Fault(400, body)] * 2
    assert await gather(provider) == []


async def test_an_unknown_symbol_is_named(provider):
    with pytest.raises(ConfigError, match="yahoo does not know the symbol 'NIX'"):
        await gather(provider, "NIX")


async def test_a_timeframe_that_yahoo_has_not_well_is_refused(provider):
    with pytest.raises(ConfigError, match=r"timeframe '1w' is not offered; .*the catalog makes coarser"):
        await gather(provider, timeframe="1w")


# --- actions and facts -----------------------------------------------------------------------------------


async def test_actions_are_exact_and_dividends_as_they_were_paid(server, provider):
    server.splits["AAPL"] = [("2024-01-05", 4, 1)]
    server.dividends["AAPL"] = [("2024-01-03", 0.96), ("2024-01-08", 0.25)]
    assert list(await provider.actions("AAPL", JANUARY)) == [
        Dividend("AAPL", at("2024-01-03"), 0.96),
        Split("AAPL", at("2024-01-05"), 4, 1),
        Dividend("AAPL", at("2024-01-08"), 0.25),
    ]
    later = await provider.actions("AAPL", Span(at("2024-01-06"), at("2024-02-01")))
    assert [action.ex for action in later] == [at("2024-01-08")]


async def test_days_and_actions_of_a_symbol_are_one_request(server, provider):
    await gather(provider)
    await provider.actions("AAPL", JANUARY)
    assert sum("period1" in chart for chart in server.charts) == 1


async def test_days_are_asked_anew_each_time_for_there_may_be_new_ones(server, provider):
    await gather(provider)
    server.days["AAPL"].append(day("2024-01-09", 109.0))
    server.splits["AAPL"] = [("2024-01-09", 2, 1)]
    (page,) = await gather(provider)
    assert page.columns["close"].tolist()[-2:] == [108.0, 109.0]
    assert len(await provider.actions("AAPL", JANUARY)) == 1
    server.splits["AAPL"] = []
    assert await provider.actions("AAPL", JANUARY) == []


QUOTE = {"bid": 9.5, "ask": 10, "bidSize": 2, "askSize": 3, "regularMarketTime": 1_704_205_800}


async def test_facts_have_the_currency_the_exchange_and_the_sector(server, provider):
    server.facts["AAPL"] = {"sector": "Technology"}
    expected = Instrument("AAPL", currency="USD", exchange="NMS", sector="Technology")
    assert await provider.instrument("AAPL") == expected


async def test_a_sector_that_cannot_be_had_is_told_and_the_rest_is_known(server, provider):
    lines: list[str] = []
    number = get_logger().add(lambda message: lines.append(message.record["message"]), level="WARNING")
    assert await provider.instrument("AAPL") == Instrument("AAPL", currency="USD", exchange="NMS")
    get_logger().remove(number)
    (line,) = lines
    assert line.startswith("yahoo does not know the symbol 'AAPL'")
    assert line.endswith("; the other facts of AAPL are known")


async def test_a_quote_has_the_time_of_the_last_price(server, provider):
    server.facts["AAPL"] = QUOTE
    assert await provider.quote("AAPL") == Quote("AAPL", at("2024-01-02T14:30"), 9.5, 10.0, 2.0, 3.0)
    server.facts["AAPL"] = {**QUOTE, "bid": None}
    assert (await provider.quote("AAPL")).bid == 0.0
    server.facts["AAPL"] = {**QUOTE, "bid": 0, "ask": 0}
    with pytest.raises(Rejected, match="it has none now; the market is closed"):
        await provider.quote("AAPL")


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Fault(404, b'{"quoteSummary": {}}', times=2), ConfigError, "does not know the symbol 'AAPL'"),
        (Fault(429, b"Too Many Requests", {"Retry-After": "9"}, times=2), Retryable, "quote of AAPL: .*429"),
        (Fault(500, b"oops", times=2), Retryable, "500"),
        (Fault(body=b"<html>Will be right back</html>"), BadData, "is no JSON"),
        (Fault(body=b'{"quoteSummary": 5}'), BadData, "there are no facts in it"),
    ],
)
async def test_a_quote_that_fails_says_what_must_happen_next(server, provider, fault, kind, said):
    server.facts["AAPL"] = QUOTE
    server.wrong_facts = [fault] * fault.times
    with pytest.raises(kind, match=said):
        await provider.quote("AAPL")


# --- errors ----------------------------------------------------------------------------------------------

REASON = b'{"chart": {"result": null, "error": {"code": "Bad Request", "description": "30 days"}}}'


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Fault(401, b'{"finance": {"error": "Invalid Crumb"}}', times=2), ConfigError, "401.*is refused"),
        (Fault(403, b"Forbidden", times=2), ConfigError, "403 .Forbidden.: this is not allowed"),
        (Fault(422, REASON, times=2), Rejected, "422 .*30 days"),
        (Fault(500, b"<html>oops</html>", times=2), Retryable, "500 .<html>oops"),
        (Fault(body=b'{"chart": {"result"', truncated=True), Retryable, "the connection broke"),
        (Fault(body=b'{"chart": {"result"'), Retryable, "ended early"),
        (Fault(body=b"<html>Will be right back</html>"), BadData, "is no JSON"),
        (Fault(body=b'{"charts": []}'), BadData, "no 'chart'"),
        (Fault(body=b'{"chart": {"result": [], "error": null}}'), BadData, "no chart in it"),
        (Fault(body=b'{"chart": {"result": [{"meta": {}}], "error": null}}'), BadData, "format|exchange"),
    ],
)
async def test_errors_say_what_must_happen_next(server, provider, fault, kind, said):
    await gather(provider)  # yfinance knows the zone from here on
    await provider.close()
    server.wrong = [fault] * fault.times
    with pytest.raises(kind, match=said):
        await gather(provider)
    assert (await gather(provider))[0].start.tolist()[0] == at("2024-01-02")  # no failure is kept


async def test_a_changed_chart_is_bad_data(server, provider):
    await gather(provider)
    await provider.close()
    meta = {"exchangeTimezoneName": "America/New_York", "instrumentType": "EQUITY", "currency": "USD"}
    result = {"meta": meta, "timestamp": [1_704_205_800], "indicators": {"quote": [{"open": [1.0]}]}}
    server.wrong = [Fault(body=json.dumps({"chart": {"result": [result], "error": None}}).encode())]
    with pytest.raises(BadData, match="format has changed"):
        await gather(provider)


@pytest.mark.parametrize(("headers", "after"), [({"Retry-After": "9"}, 9.0), ({}, None)])
async def test_too_many_requests_tell_how_long_to_wait(server, provider, headers, after):
    await gather(provider)
    await provider.close()
    server.wrong = [Fault(429, b"Too Many Requests", headers)] * 2
    with pytest.raises(Retryable, match="429") as raised:
        await gather(provider)
    assert raised.value.after == after


async def test_a_slow_body_is_given_up(server, tmp_path):
    provider = open_provider("yahoo", {"url": server.url, "cache": str(tmp_path), "timeout": 0.3}, {})
    server.wrong = [Fault(body=b"{", stalled=True)]
    with pytest.raises(Retryable, match=r"no answer within 0\.3 s"):
        await gather(provider)
    await provider.close()


async def test_a_server_that_is_not_there_is_asked_again_later(tmp_path):
    provider = open_provider("yahoo", {"url": "http://127.0.0.1:9", "cache": str(tmp_path)}, {})
    with pytest.raises(Retryable, match="the connection broke"):
        await gather(provider)
    await provider.close()


def test_wrong_options_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="timeout=0"):
        open_provider("yahoo", {"timeout": 0}, {})
    monkeypatch.setattr("openbell.data.providers.yahoo.cache_folder", lambda _kind: None)
    with pytest.raises(ConfigError, match=r"set providers\.yahoo\.cache"):
        open_provider("yahoo", {}, {})


async def test_a_cookie_that_cannot_be_had_is_no_matter_and_makes_no_noise(server, provider, caplog):
    server.crumb_status = 429
    YfData()._crumb = None
    (page,) = await gather(provider)
    assert len(page.start) == 5
    assert caplog.records == []


def test_without_another_host_yahoos_own_is_asked():
    asked = "https://query2.finance.yahoo.com/v8/finance/chart/AAPL?interval=1d"
    assert Wire("", 1.0)._lead(asked) == asked
    assert Wire("http://127.0.0.1:9", 1.0)._lead(asked) == (
        "http://127.0.0.1:9/v8/finance/chart/AAPL?interval=1d"
    )


def test_a_frame_without_a_column_is_bad_data():
    frame = pd.DataFrame({"Open": [1.0]}, pd.DatetimeIndex(["2024-01-02"], tz="America/New_York"))
    with pytest.raises(BadData, match=r"KeyError: 'High'; .*format has changed"):
        read_frame(frame, "America/New_York", "yahoo")


async def test_an_answer_to_something_else_is_no_chart(server, provider):
    def ask(_ticker):
        raise YFException("no chart was asked for")

    with pytest.raises(Retryable, match="Yahoo did not answer"):
        await provider._wire.ask(ask, "AAPL", "yahoo")
