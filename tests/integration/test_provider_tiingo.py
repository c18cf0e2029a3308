import logging
from typing import Any

import numpy as np
import pytest
from tests.loopback.cases import CANARY, CASES, Case, assert_hidden, cases
from tests.loopback.tiingo import TiingoServer, day, minute

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.core.messages import Quote
from openbell.core.types import Dividend, Instrument, Split
from openbell.data.bars import Source
from openbell.data.providers import offer_of, open_provider
from openbell.data.providers.protocol import Span
from openbell.data.providers.tiingo import TiingoProvider


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


YEAR = Span(ns("2024-01-01"), ns("2025-01-01"))


def provider(server: TiingoServer, **options: Any) -> TiingoProvider:
    chosen: dict[str, Any] = {"timeout": 5.0, "data_url": server.url} | options
    return TiingoProvider({"TIINGO_API_KEY": CANARY}, **chosen)


async def read(tiingo: TiingoProvider, timeframe="1d", span=YEAR, symbol="AAPL"):
    try:
        return [batch async for batch in tiingo.bars(symbol, timeframe, span)]
    finally:
        await tiingo.close()


async def test_days_are_raw_and_dated_at_midnight():
    async with (server := TiingoServer()):
        server.days = [day("2024-01-02", 10.0), day("2024-01-03", 11.0)]
        (batch,) = await read(provider(server))
    assert batch.start.tolist() == [ns("2024-01-02"), ns("2024-01-03")]
    assert {name: column.tolist() for name, column in batch.columns.items()} == {
        "open": [10.0, 11.0],
        "high": [11.0, 12.0],
        "low": [9.0, 10.0],
        "close": [10.5, 11.5],
        "volume": [1000.0, 1000.0],
    }
    assert server.requests[0].headers["Authorization"] == f"Token {CANARY}"
    assert server.requests[0].query == {"startDate": "2024-01-01", "endDate": "2024-12-31"}


async def test_splits_and_dividends_stand_in_daily_rows():
    async with (server := TiingoServer()):
        server.days = [day("2024-02-08", 9.0, cash=0.1), day("2024-02-09", 10.0, cash=0.24)]
        server.days += [day("2024-06-10", 5.0, cash=0.1, split=2.0)]
        tiingo = provider(server)
        server.days += [day("2024-06-11", 50.0, split=0.1)]
        actions = await tiingo.actions("AAPL", Span(ns("2024-02-09"), ns("2024-06-12")))
        first = await tiingo.actions("AAPL", Span(ns("2024-02-08") + 5, ns("2024-02-09") + 5))
        await tiingo.close()
    assert actions == [
        Dividend("AAPL", ns("2024-02-09"), 0.24),
        Dividend("AAPL", ns("2024-06-10"), 0.1),
        Split("AAPL", ns("2024-06-10"), 2, 1),
        Split("AAPL", ns("2024-06-11"), 1, 10),
    ]
    assert first == actions[:1]  # an action outside the span is in a page, and left out


async def test_minutes_come_page_by_page_without_a_bar_twice():
    async with (server := TiingoServer()):
        dates = ("2024-01-02", "2024-01-03", "2024-01-08", "2024-01-09")
        server.minutes = [minute(f"{date}T14:3{n}:00.000Z", 10.0 + n) for date in dates for n in range(3)]
        span = Span(ns("2024-01-02T14:31"), ns("2024-01-09T14:32"))
        batches = await read(provider(server, feed="iex"), "1m", span)
    starts = np.concatenate([batch.start for batch in batches])
    assert starts[0] == ns("2024-01-02T14:31")
    assert starts[-1] == ns("2024-01-09T14:31")
    assert len(starts) == len(set(starts.tolist())) == 10
    pages = [(r.query["startDate"], r.query["endDate"]) for r in server.requests]
    assert pages == [("2024-01-02", "2024-01-06"), ("2024-01-07", "2024-01-09")]
    assert server.requests[0].query["afterHours"] == "false"


async def test_coarser_bars_need_fewer_pages():
    async with (server := TiingoServer()):
        await read(provider(server, feed="iex"), "1h")
    assert len(server.requests) == 2


@pytest.mark.parametrize(("feed", "timeframe"), [("eod", "1d"), ("iex", "5m")])
async def test_an_empty_answer_is_no_batch(feed, timeframe):
    async with (server := TiingoServer()):
        assert await read(provider(server, feed=feed), timeframe) == []


async def test_an_empty_span_asks_nothing():
    async with (server := TiingoServer()):
        assert await read(provider(server), span=Span(5, 5)) == []
    assert server.requests == []


@pytest.mark.parametrize(("feed", "timeframe"), [("eod", "1d"), ("iex", "1m")])
async def test_an_unknown_symbol_is_said_to_be_unknown(feed, timeframe):
    async with (server := TiingoServer()):
        with pytest.raises(ConfigError, match="tiingo: symbol 'NONE/X' is unknown"):
            await read(provider(server, feed=feed), timeframe, symbol="NONE/X")


@pytest.mark.parametrize("feed", ["eod", "iex"])
@pytest.mark.parametrize("case", cases())
async def test_a_failing_answer_becomes_the_error_that_says_what_to_do(case: Case, feed, caplog):
    caplog.set_level(logging.DEBUG)
    async with (server := TiingoServer()):
        server.fail(case.fault)
        with pytest.raises(case.error) as caught:
            await read(provider(server, feed=feed, timeout=case.patience), "1d" if feed == "eod" else "1m")
    assert str(caught.value).startswith("tiingo: 1")
    assert getattr(caught.value, "after", None) == case.after
    assert_hidden(caught.value, caplog)


async def test_a_refused_key_names_its_variable():
    async with (server := TiingoServer()):
        server.fail(CASES["401"].fault)
        with pytest.raises(ConfigError, match="the key is refused; check TIINGO_API_KEY"):
            await read(provider(server))


async def test_a_server_that_is_not_there_may_be_asked_again():
    tiingo = TiingoProvider({"TIINGO_API_KEY": CANARY}, data_url="http://127.0.0.1:9")
    with pytest.raises(Retryable, match="the connection broke"):
        await read(tiingo)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": "2024-01-02T05:00:00.000Z"}, "no midnight in UTC"),
        ({"date": "2024-01-02T00:00:00"}, "no moment with a zone"),
        ({"date": "2024-13-02T00:00:00Z"}, "is no moment"),
        ({"close": None}, "None is no number"),
        ({"close": "many"}, "'many' is no number"),
        ({"close": float("nan")}, "nan is no number"),
    ],
)
async def test_a_day_that_cannot_be_right_is_bad_data(change, message):
    async with (server := TiingoServer()):
        server.days = [day("2024-01-02", 10.0)]
        server.reply = [server.days[0] | change]
        with pytest.raises(BadData, match=message):
            await read(provider(server))


async def test_a_renamed_column_is_bad_data():
    async with (server := TiingoServer()):
        server.days = [day("2024-01-02", 10.0)]
        del server.days[0]["close"]
        with pytest.raises(BadData, match="there is no 'close'"):
            await read(provider(server))


async def test_a_minute_with_an_offset_is_turned_into_utc():
    async with (server := TiingoServer()):
        server.minutes = [minute("2024-01-02T09:30:00.000-05:00", 10.0)]
        (batch,) = await read(provider(server, feed="iex"), "1m")
    assert batch.start.tolist() == [ns("2024-01-02T14:30")]


@pytest.mark.parametrize("second", ["2024-01-02", "2024-01-01"])
async def test_days_that_repeat_or_go_back_are_bad_data(second):
    async with (server := TiingoServer()):
        server.days = [day("2024-01-02", 10.0), day(second, 11.0)]
        with pytest.raises(BadData, match="follows one of 2024-01-02"):
            await read(provider(server))


@pytest.mark.parametrize(
    ("detail", "error"),
    [("Error: You have run over your hourly request allocation.", Retryable), ("No.", Rejected)],
)
async def test_a_refusal_with_status_200_is_seen(detail, error):
    async with (server := TiingoServer()):
        server.reply = {"detail": detail}
        with pytest.raises(error, match=detail[:10]):
            await read(provider(server))


@pytest.mark.parametrize(("exchange", "currency"), [("NASDAQ", "USD"), ("SHE", "CNY")])
async def test_facts_give_the_currency(exchange, currency):
    async with (server := TiingoServer()):
        server.facts["exchangeCode"] = exchange
        tiingo = provider(server)
        assert await tiingo.instrument("AAPL") == Instrument("AAPL", currency=currency, exchange=exchange)
        with pytest.raises(ConfigError, match="symbol 'NONE' is unknown"):
            await tiingo.instrument("NONE")
        await tiingo.close()


TOP = {
    "ticker": "AAPL",
    "quoteTimestamp": "2024-01-02T14:30:00.123456789Z",
    "bidPrice": 10.0,
    "askPrice": None,
    "bidSize": 100,
    "askSize": None,
}


async def test_a_quote_may_have_one_side():
    async with (server := TiingoServer()):
        server.top = [TOP]
        tiingo = provider(server, feed="iex")
        quote = await tiingo.quote("AAPL")
        with pytest.raises(ConfigError, match="symbol 'NONE' is unknown"):
            await tiingo.quote("NONE")
        await tiingo.close()
    assert quote == Quote("AAPL", ns("2024-01-02T14:30:00.123456789"), 10.0, 0.0, 100.0, 0.0)


async def test_a_quote_without_sides_is_none():
    async with (server := TiingoServer()):
        server.top = [TOP | {"bidPrice": None}]
        tiingo = provider(server, feed="iex")
        with pytest.raises(Rejected, match="no agreement with IEX"):
            await tiingo.quote("AAPL")
        await tiingo.close()


async def test_feeds_are_kept_apart():
    async with (server := TiingoServer()):
        days, minutes = provider(server), provider(server, feed="iex")
        assert days.source("AAPL") == Source("tiingo", "eod")
        assert minutes.source("AAPL") == Source("tiingo", "iex")
        with pytest.raises(ConfigError, match="it has 1d with feed=eod; feed=iex has 1m, 5m"):
            await read(days, "1m")
        with pytest.raises(ConfigError, match="feed=eod has 1d"):
            await read(minutes, "1d")
        with pytest.raises(ConfigError, match="no quotes; use feed=iex"):
            await days.quote("AAPL")
        with pytest.raises(ConfigError, match="no stream; use feed=iex"):
            days.connect()
    assert (days.offer.channels, minutes.offer.channels) == ((), ("trades",))


@pytest.mark.parametrize("option", [{"feed": "sip"}, {"threshold": "7"}])
def test_a_wrong_option_is_refused(option):
    with pytest.raises(ConfigError, match="is unknown"):
        TiingoProvider({"TIINGO_API_KEY": CANARY}, **option)


def test_without_its_key_it_names_the_variable():
    with pytest.raises(ConfigError, match="TIINGO_API_KEY; set it") as caught:
        open_provider("tiingo", {}, {})
    assert "\n" not in str(caught.value)
    assert open_provider("tiingo", {"feed": "iex"}, {"TIINGO_API_KEY": "k" * 20}).name == "tiingo"


def test_its_offer_is_known_without_a_key():
    assert offer_of("tiingo").feeds == ("eod", "iex")


@pytest.mark.parametrize("name", ["iex", "iex_cloud", "IEX"])
def test_the_retired_service_names_what_took_its_place(name):
    with pytest.raises(ConfigError, match=r"IEX Cloud.*use tiingo.*alpaca with feed=iex"):
        open_provider(name, {}, {})
