import logging
from typing import Any

import numpy as np
import pytest
from tests.loopback.cases import Case, cases
from tests.loopback.ccxt import BitstampServer, KrakenServer
from tests.loopback.server import Fault

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.core.messages import Quote
from openbell.core.types import Instrument
from openbell.data.bars import Source
from openbell.data.providers import open_provider
from openbell.data.providers.ccxt import CcxtProvider
from openbell.data.providers.ccxt import _read as read_rows
from openbell.data.providers.protocol import Limit, Span

DAY = 86_400
START = 1_704_067_200  #: 2024-01-01


def provider(server: KrakenServer | BitstampServer, **options: Any) -> CcxtProvider:
    exchange = "kraken" if isinstance(server, KrakenServer) else "bitstamp"
    chosen: dict[str, Any] = {"exchange": exchange, "urls": server.urls, "timeout": 5.0} | options
    return CcxtProvider({}, **chosen)


def rows(count: int, step: int = 60) -> list[Any]:
    return [(START + n * step, 10.0 + n, 12.0 + n, 9.0 + n, 11.0 + n, 2.5) for n in range(count)]


def seconds(first: int, last: int) -> Span:
    return Span((START + first) * 10**9, (START + last) * 10**9)


async def read(vendor: CcxtProvider, timeframe="1m", span=None, symbol="BTC/USD"):
    try:
        return [batch async for batch in vendor.bars(symbol, timeframe, span or seconds(0, 10 * DAY))]
    finally:
        await vendor.close()


async def test_bars_open_in_the_span():
    async with (server := KrakenServer()):
        server.rows = rows(10)
        (batch,) = await read(provider(server), span=seconds(120, 240))
    assert batch.start.tolist() == [(START + 120) * 10**9, (START + 180) * 10**9]
    assert {name: column.tolist() for name, column in batch.columns.items()} == {
        "open": [12.0, 13.0],
        "high": [14.0, 15.0],
        "low": [11.0, 12.0],
        "close": [13.0, 14.0],
        "volume": [2.5, 2.5],
    }


async def test_days_are_midnights_in_utc():
    async with (server := KrakenServer()):
        server.rows = rows(3, DAY)
        (batch,) = await read(provider(server), "1d")
    assert (batch.start % (DAY * 10**9) == 0).all()
    assert len(batch.start) == 3


async def test_days_of_another_zone_are_bad_data():
    async with (server := KrakenServer()):
        server.rows = [(START + 16 * 3600, 10.0, 12.0, 9.0, 11.0, 2.5)]
        with pytest.raises(BadData, match="which is no multiple of 86400000 ms"):
            await read(provider(server), "1d")


async def test_an_exchange_that_keeps_little_gives_what_it_keeps():
    async with (server := KrakenServer()):
        server.rows = rows(1000)
        batches = await read(provider(server))
    assert sum(len(batch.start) for batch in batches) == 720


async def test_pages_follow_each_other_over_windows_without_trades():
    async with (server := BitstampServer()):
        bars = rows(5000)
        server.rows = bars[:1500] + bars[4200:]
        batches = await read(provider(server), span=seconds(0, 5000 * 60))
    starts = np.concatenate([batch.start for batch in batches])
    assert starts.tolist() == [row[0] * 10**9 for row in server.rows]
    assert [len(batch.start) for batch in batches] == [1000, 500, 300, 500]


@pytest.mark.parametrize("server_class", [KrakenServer, BitstampServer])
async def test_an_empty_answer_is_no_batch(server_class):
    async with (server := server_class()):
        assert await read(provider(server), "1d") == []


async def test_an_unknown_symbol_names_a_near_one():
    async with (server := KrakenServer()):
        with pytest.raises(ConfigError, match="kraken has no symbol 'BTC/USDT'; did you mean 'BTC/USD'"):
            await read(provider(server), symbol="BTC/USDT")


@pytest.mark.parametrize("case", cases("other schema", "400"))
async def test_a_failing_answer_becomes_the_error_that_says_what_to_do(case: Case):
    async with (server := KrakenServer()):
        vendor = provider(server, timeout=case.patience)
        server.rows = rows(1)
        assert len([batch async for batch in vendor.bars("BTC/USD", "1m", seconds(0, 60))]) == 1
        server.fail(case.fault)
        with pytest.raises(case.error) as caught:
            await read(vendor, span=seconds(0, 60))
    assert str(caught.value).startswith("ccxt: kraken: ")
    assert "\n" not in str(caught.value)
    assert getattr(caught.value, "after", None) == case.after


async def test_a_failure_while_the_markets_are_asked_for_is_no_different():
    async with (server := KrakenServer()):
        vendor = provider(server)
        server.fail(Fault(429, headers={"Retry-After": "2"}))
        with pytest.raises(Retryable) as caught:
            await read(vendor)
    assert caught.value.after == 2.0


@pytest.mark.parametrize(
    ("status", "error"), [(400, Rejected), (404, Rejected), (418, Retryable), (451, ConfigError)]
)
async def test_a_status_counts_where_the_exchange_explains_nothing(status, error):
    async with (server := KrakenServer()):
        server.fail(Fault(status, b"{}"))
        with pytest.raises(error, match=f"HTTP {status}"):
            await read(provider(server))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("EQuery:Unknown asset pair", Rejected),
        ("EGeneral:Too many requests", Retryable),
        ("EService:Unavailable", Retryable),
        ("EGeneral:Permission denied", ConfigError),
        ("EGeneral:Invalid arguments", Rejected),
    ],
)
async def test_an_exchanges_own_words_count(text, error):
    async with (server := KrakenServer()):
        server.error = [text]
        with pytest.raises(error, match=text):
            await read(provider(server))


async def test_a_server_that_is_not_there_may_be_asked_again():
    server = KrakenServer()
    server.port = 9
    with pytest.raises(Retryable, match="the connection broke"):
        await read(provider(server))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([START, "1", "1", "1", None, "1", "1", 1], "None is no number"),
        ([START, "1", "1", "1", "x", "1", "1", 1], "no number|another form"),
        ([START + 3, "1", "1", "1", "1", "1", "1", 1], "no multiple of 60000 ms"),
        ([START * 1000], "no number|another form"),
    ],
)
async def test_a_bar_that_cannot_be_right_is_bad_data(row, message):
    async with (server := KrakenServer()):
        server.reply = {"XXBTZUSD": [row], "last": 0}
        with pytest.raises(BadData, match=message):
            await read(provider(server))


async def test_a_market_that_cannot_be_read_is_bad_data():
    async with (server := KrakenServer()):
        del server.pair["altname"]
        with pytest.raises(BadData, match="markets: an answer of another form"):
            await read(provider(server))


@pytest.mark.parametrize("rows", [None, {}, [None], [[1, 2, 3]]])
def test_rows_of_another_width_are_bad_data(rows):
    with pytest.raises(BadData, match="rows of 6 numbers"):
        read_rows(rows, 60_000, "x")


async def test_a_bar_that_comes_twice_is_bad_data():
    async with (server := KrakenServer()):
        server.rows = [*rows(2), *rows(1)]
        with pytest.raises(BadData, match="follows one of"):
            await read(provider(server))


async def test_facts_follow_the_exchanges_way_to_state_precision():
    async with (server := KrakenServer()):
        vendor = provider(server)
        expected = Instrument(
            "BTC/USD", tick=0.1, lot=1e-8, currency="USD", shortable=True, exchange="kraken"
        )
        assert await vendor.instrument("BTC/USD") == expected
        market = vendor._ccxt.markets["BTC/USD"]
        vendor._ccxt.precisionMode = 2  # decimal places
        market["precision"] = {"price": 2, "amount": 4}
        places = await vendor.instrument("BTC/USD")
        vendor._ccxt.precisionMode = 3  # significant digits of the last price, 101
        market["precision"] = {"price": 5, "amount": 8}
        digits = await vendor.instrument("BTC/USD")
        market["precision"] = {"price": None, "amount": None}
        unknown = await vendor.instrument("BTC/USD")
        await vendor.close()
    assert (places.tick, places.lot) == (0.01, 1e-4)
    assert (digits.tick, digits.lot) == (0.01, 1e-8)
    assert (unknown.tick, unknown.lot) == (1e-8, 1e-8)


async def test_a_quote_is_of_the_answers_time_where_the_exchange_has_none():
    async with (server := KrakenServer()):
        vendor = provider(server)
        before = vendor._ccxt.milliseconds() * 10**6
        quote = await vendor.quote("BTC/USD")
        server.ticker["a"] = [None, "1", None]
        half = await vendor.quote("BTC/USD")
        await vendor.close()
    assert quote == Quote("BTC/USD", quote.time, 100.5, 101.5, 2.5, 1.5)
    assert quote.time >= before
    assert (half.ask, half.ask_size) == (0.0, 0.0)


async def test_its_offer_is_the_exchanges():
    vendor = open_provider("ccxt", {"exchange": "bitstamp"}, {})
    assert vendor.source("BTC/USD") == Source("ccxt", "bitstamp", calendar="24/7")
    assert vendor.offer.feeds == ("bitstamp",)
    assert vendor.offer.limit == Limit(1000 / 75, 1.0)
    assert list(await vendor.actions("BTC/USD", seconds(0, 1))) == []
    with pytest.raises(ConfigError, match="timeframe '2m' is not offered"):
        await anext(vendor.bars("BTC/USD", "2m", seconds(0, 1)))
    await vendor.close()


@pytest.mark.parametrize(
    ("exchange", "message"),
    [
        ("krakem", "no such exchange; did you mean 'kraken'"),
        ("btcbox", "has no bars"),
        ("", "no such exchange"),
    ],
)
def test_an_exchange_that_cannot_serve_is_refused(exchange, message):
    with pytest.raises(ConfigError, match=message):
        open_provider("ccxt", {"exchange": exchange}, {})


def test_nothing_is_logged_by_default(caplog):
    caplog.set_level(logging.INFO)
    open_provider("ccxt", {}, {})
    assert caplog.records == []
