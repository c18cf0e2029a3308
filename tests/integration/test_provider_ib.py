import asyncio
from typing import Any

import numpy as np
import pytest
from tests.loopback.tws import START, Oddity
from tests.loopback.tws_market import CANCEL_HISTORY, DETAILS, HISTORY, MARKET, Bar, TwsMarket

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.core.messages import Quote
from openbell.core.types import Instrument, Split
from openbell.data.bars import Source
from openbell.data.providers import open_provider
from openbell.data.providers.ib import IbProvider
from openbell.data.providers.protocol import Span

DAY = 86_400


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def second(text: str) -> int:
    return ns(text) // 10**9


def bar(text: str, price: float = 10.0) -> Bar:
    return Bar(second(text), price, price + 1, price - 1, price + 0.5, 1000.0)


def provider(tws: TwsMarket, **options: Any) -> IbProvider:
    chosen: dict[str, Any] = {"port": tws.port, "timeout": 5.0} | options
    return IbProvider({}, **chosen)


WEEK = Span(ns("2024-01-02"), ns("2024-01-09"))


async def read(ib: IbProvider, timeframe="1d", span=WEEK, symbol="AAPL"):
    try:
        return [batch async for batch in ib.bars(symbol, timeframe, span)]
    finally:
        await ib.close()


async def test_days_are_dates_of_regular_hours():
    async with (tws := TwsMarket()):
        tws.bars = [bar("2024-01-02"), bar("2024-01-03", 11.0), bar("2024-01-09", 12.0)]
        (batch,) = await read(provider(tws))
    assert batch.start.tolist() == [ns("2024-01-02"), ns("2024-01-03")]
    assert {name: column.tolist() for name, column in batch.columns.items()} == {
        "open": [10.0, 11.0],
        "high": [11.0, 12.0],
        "low": [9.0, 10.0],
        "close": [10.5, 11.5],
        "volume": [1000.0, 1000.0],
    }
    (request,) = tws.of(HISTORY)
    assert request[15:] == ["20240109-00:00:00", "1 day", "1 Y", "1", "TRADES", "2", "0", ""]


async def test_years_of_days_come_page_by_page_without_a_day_twice():
    async with (tws := TwsMarket()):
        days = np.arange(np.datetime64("2021-01-04"), np.datetime64("2024-01-04"))
        tws.bars = [bar(str(day)) for day in days]
        batches = await read(provider(tws), span=Span(ns("2021-01-04"), ns("2024-01-04")))
    starts = np.concatenate([batch.start for batch in batches])
    assert (np.diff(starts) == DAY * 10**9).all()
    assert len(starts) == len(days)
    assert len(tws.of(HISTORY)) == len(batches) == 3


async def test_minutes_are_asked_for_by_session():
    async with (tws := TwsMarket()):
        tws.bars = [
            bar(f"2024-01-{day}T{time}") for day in ("05", "08") for time in ("14:30", "20:59", "22:00")
        ]
        batches = await read(provider(tws), "1m", Span(ns("2024-01-05T15:00"), ns("2024-01-09")))
    assert [batch.start.tolist() for batch in batches] == [
        [ns("2024-01-05T20:59")],
        [ns("2024-01-08T14:30"), ns("2024-01-08T20:59")],
    ]
    assert [request[15] for request in tws.of(HISTORY)] == ["20240105-21:00:00", "20240108-21:00:00"]


async def test_an_empty_answer_is_no_batch():
    async with (tws := TwsMarket()):
        assert await read(provider(tws)) == []
        assert await read(provider(tws), span=Span(5, 5)) == []


@pytest.mark.parametrize(("symbol", "options"), [("NONE", {}), ("AAPL", {"currency": "EUR"})])
async def test_an_unknown_symbol_is_said_to_be_unknown(symbol, options):
    async with (tws := TwsMarket()):
        with pytest.raises(ConfigError, match=rf"facts of {symbol}: error 200.*check the symbol"):
            await read(provider(tws, **options), symbol=symbol)


async def test_a_symbol_of_two_contracts_asks_for_its_exchange():
    async with (tws := TwsMarket()):
        with pytest.raises(ConfigError, match="names 2 contracts; it is listed on AMEX, NYSE"):
            await read(provider(tws), symbol="TWIN")


@pytest.mark.parametrize(
    ("code", "text", "error", "after"),
    [
        (
            162,
            "Historical Market Data Service error message:Historical data request pacing violation",
            Retryable,
            10,
        ),
        (
            162,
            "Historical Market Data Service error message:No market data permissions for NYSE",
            ConfigError,
            None,
        ),
        (162, "Historical Market Data Service error message:Time length exceed max.", Rejected, None),
        (321, "Error validating request.-'bQ' : cause - API is not allowed", ConfigError, None),
        (354, "Requested market data is not subscribed.", ConfigError, None),
        (100, "Max rate of messages per second has been exceeded", Retryable, None),
        (1100, "Connectivity between IB and TWS has been lost.", Retryable, None),
        (10321, "Something else", Rejected, None),
    ],
)
async def test_an_error_becomes_the_one_that_says_what_to_do(code, text, error, after):
    async with (tws := TwsMarket()):
        tws.spoil(HISTORY, Oddity(code=code, text=text))
        with pytest.raises(error, match=f"ib: 1d bars of AAPL from 2024-01-02: error {code}") as caught:
            await read(provider(tws))
    assert type(caught.value) is error
    assert getattr(caught.value, "after", None) == after
    assert "\n" not in str(caught.value)


async def test_a_connection_that_ends_within_a_frame_may_be_asked_again():
    async with (tws := TwsMarket()):
        tws.bars = [bar("2024-01-02")]
        tws.spoil(HISTORY, Oddity(half=True))
        ib = provider(tws)
        with pytest.raises(Retryable, match="the connection broke"):
            await anext(ib.bars("AAPL", "1d", WEEK))
        assert len(await read(ib)) == 1  # by a new connection


async def test_a_slow_answer_is_taken_back():
    async with (tws := TwsMarket()):
        tws.spoil(HISTORY, Oddity())
        ib = provider(tws, timeout=0.2)
        with pytest.raises(Retryable, match=r"no whole answer within 0\.2 s"):
            await read(ib)
        await tws.wait_for(CANCEL_HISTORY)


@pytest.mark.parametrize(
    "fields",
    [
        (17, "{request}", "", "", 2, "20240102", 1, 1, 1, 1, 1, 1, 1),
        (17, "{request}", "", "", 1, "20240102", 1, 1, 1, "x", 1, 1, 1),
        (17, "{request}", "", "", 1, "2024-1-2", 1, 1, 1, 1, 1, 1, 1),
        (17, "{request}", "", "", 1, "20240102", 1, 1, 1, "nan", 1, 1, 1),
        (17, "{request}", "", "", 1, "1704205800", 1, 1, 1, 1, 1, 1, 1),
    ],
)
async def test_an_answer_of_another_form_is_bad_data(fields):
    async with (tws := TwsMarket()):
        tws.spoil(HISTORY, Oddity(fields=fields))
        with pytest.raises(BadData):
            await read(provider(tws))


async def test_facts_of_another_form_are_bad_data():
    async with (tws := TwsMarket()):
        tws.spoil(DETAILS, Oddity(fields=(10, "{request}", "AAPL", "STK")))
        with pytest.raises(BadData, match="another form"):
            await read(provider(tws))


@pytest.mark.parametrize(
    ("dated", "start"),
    [("%Y%m%d %H:%M:%S America/New_York", "2024-01-02T19:30"), ("%Y%m%d %H:%M:%S UTC", "2024-01-02T14:30")],
)
async def test_a_time_with_a_zone_is_turned_into_utc(dated, start):
    async with (tws := TwsMarket()):
        tws.bars, tws.dated = [bar("2024-01-02T14:30")], dated
        (batch,) = await read(provider(tws), "5m")
    assert batch.start.tolist() == [ns(start)]


async def test_a_time_without_a_zone_is_bad_data():
    async with (tws := TwsMarket()):
        tws.bars, tws.dated = [bar("2024-01-02T14:30")], "%Y%m%d  %H:%M:%S"
        with pytest.raises(BadData, match="names no zone"):
            await read(provider(tws), "5m")


async def test_bars_that_go_back_are_bad_data():
    async with (tws := TwsMarket()):
        tws.bars = [bar("2024-01-03"), bar("2024-01-02")]
        with pytest.raises(BadData, match="follows one of"):
            await read(provider(tws))


async def test_prices_are_raw_where_the_splits_are_given():
    splits = {"AAPL": {"2024-01-03": "4:1", "2024-01-05": "1:2"}, "KO": {}}
    async with (tws := TwsMarket()):
        tws.bars = [bar("2024-01-02"), bar("2024-01-03"), bar("2024-01-05")]
        ib = provider(tws, splits=splits)
        actions = await ib.actions("AAPL", Span(ns("2024-01-04"), ns("2024-01-09")))
        (batch,) = await read(ib)
    assert batch.columns["open"].tolist() == [20.0, 5.0, 10.0]
    assert batch.columns["volume"].tolist() == [500.0, 2000.0, 1000.0]
    assert actions == [Split("AAPL", ns("2024-01-05"), 1, 2)]
    assert ib.source("AAPL") == Source("ib", "smart")
    assert ib.source("KO").adjustment == "raw"
    assert ib.source("MSFT").adjustment == "split"


@pytest.mark.parametrize("ratio", ["4", "4:0", "x:1", ""])
def test_a_split_that_is_none_is_refused(ratio):
    with pytest.raises(ConfigError, match=r"splits of AAPL: .* is no ratio; write it as '4:1'"):
        IbProvider({}, splits={"AAPL": {"2024-01-03": ratio}})


async def test_facts_are_the_contracts():
    async with (tws := TwsMarket()):
        ib = provider(tws)
        facts = await ib.instrument("BRK.B")
        await ib.instrument("BRK.B")
        await ib.close()
    assert facts == Instrument("BRK.B", tick=0.01, lot=0.0001, sector="Technology", exchange="NYSE")
    assert len(tws.of(DETAILS)) == 1


async def test_a_quote_is_a_snapshot():
    async with (tws := TwsMarket()):
        ib = provider(tws)
        quote = await ib.quote("AAPL")
        tws.quote = (0.0, 10.1, 0.0, 200.0)
        half = await ib.quote("AAPL")
        await ib.close()
    assert quote == Quote("AAPL", quote.time, 10.0, 10.1, 100.0, 200.0)
    assert quote.time > ns("2024-01-01")
    assert (half.bid, half.bid_size, half.ask) == (0.0, 0.0, 10.1)


async def test_no_quote_is_none():
    async with (tws := TwsMarket()):
        tws.quote = None
        ib = provider(tws)
        with pytest.raises(Rejected, match="it has none now"):
            await ib.quote("AAPL")
        tws.spoil(MARKET, Oddity(code=354, text="Requested market data is not subscribed."))
        with pytest.raises(ConfigError, match="check the account's market data subscriptions"):
            await ib.quote("AAPL")
        await ib.close()


async def test_a_client_id_that_is_in_use_is_named():
    async with (tws := TwsMarket()):
        first, second_ = provider(tws), provider(tws)
        await first.instrument("AAPL")
        with pytest.raises(ConfigError, match=r"client_id=71 is in use at 127\.0\.0\.1"):
            await second_.instrument("AAPL")
        await first.close()
        await second_.close()


async def test_no_tws_may_be_asked_again():
    ib = IbProvider({}, port=9)
    with pytest.raises(Retryable, match=r"no TWS or IB Gateway answers at 127\.0\.0\.1:9; start it"):
        await ib.instrument("AAPL")


async def test_one_connection_serves_requests_at_once():
    async with (tws := TwsMarket()):
        tws.bars = [bar("2024-01-02")]
        ib = provider(tws)
        await asyncio.gather(ib.instrument("AAPL"), ib.instrument("BRK B"), ib.quote("AAPL"))
        await ib.close()
        await ib.close()
    assert len(tws.of(START)) == 1


def test_it_needs_no_key():
    assert open_provider("ib", {"client_id": 5}, {}).offer.lacks.startswith("splits and dividends")
    with pytest.raises(ConfigError, match="'2m' is not offered"):
        asyncio.run(read(IbProvider({}), "2m"))
