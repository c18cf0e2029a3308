import asyncio
from typing import Any

import pytest
from tests.loopback.tws import Oddity
from tests.loopback.tws_market import DETAILS, MARKET, REALTIME, TICKS, TwsMarket
from tests.unit.live_by_hand import SimulatedClock, clock_time

from openbell.core.errors import BadData, ConfigError, Disconnected, OpenbellError, Rejected
from openbell.core.messages import BarMessage, Message, Quote, Trade, TradingStatus
from openbell.data.live.items import Connected, Lost, Stale
from openbell.data.live.opening import make_plan, open_feed
from openbell.data.providers import ib_stream
from openbell.data.providers.ib import IbProvider

SECOND = 10**9


async def opened(tws: TwsMarket, channel: Any, symbol: str = "AAPL"):
    """Return a stream that has asked for a channel, when TWS knows of it."""
    stream = IbProvider({}, port=tws.port, timeout=5.0).connect()
    await stream.open()
    await stream.subscribe([symbol], [channel])
    await tws.wait_for({"bars": REALTIME, "statuses": MARKET}.get(channel, TICKS))
    return stream


async def take(stream, count: int) -> list[Message]:
    messages = stream.messages()
    return [await anext(messages) for _ in range(count)]


async def ending(stream) -> OpenbellError:
    """Return the error that a stream ends with."""
    with pytest.raises(OpenbellError) as caught:
        await anext(stream.messages())
    await stream.close()
    return caught.value


async def say_minute(
    tws: TwsMarket, minute: int, *, volume: float = 10.0, without: int | None = None
) -> None:
    """Send a minute's bars of five seconds, of rising prices; the first without volume."""
    for number in range(12):
        at = 100.0 * minute + number
        if number != without:
            size = 0.0 if number == 0 else volume
            await tws.say_bar("AAPL", minute * 60 + number * 5, at, at + 0.5, at - 0.5, at + 0.25, size)


async def test_bars_are_of_a_minute_made_of_five_seconds():
    async with (tws := TwsMarket()):
        stream = await opened(tws, "bars")
        await tws.say_bar("AAPL", 55, 1.0, 1.0, 1.0, 1.0, 5.0)  # of a minute that began before
        await say_minute(tws, 1)
        await say_minute(tws, 2, without=6)
        await say_minute(tws, 3, volume=0.0)
        await say_minute(tws, 4)
        bars = await take(stream, 2)
        await stream.close()
    minute = 60 * SECOND
    assert bars == [
        BarMessage("AAPL", minute, 2 * minute, 101.0, 111.5, 100.5, 111.25, 110.0),
        BarMessage("AAPL", 4 * minute, 5 * minute, 401.0, 411.5, 400.5, 411.25, 110.0),
    ]
    assert tws.of(REALTIME)[0][15:18] == ["5", "TRADES", "1"]


async def test_a_bar_that_repeats_is_counted_once():
    async with (tws := TwsMarket()):
        stream = await opened(tws, "bars")
        for number in (0, 1, 1, 0, 1, *range(2, 11), 10, 11):
            await tws.say_bar("AAPL", number * 5, 10.0, 10.0, 10.0, 10.0, 1.0)
        (bar,) = await take(stream, 1)
        await stream.close()
    assert isinstance(bar, BarMessage)
    assert bar.volume == 12.0


async def test_trades_have_the_time_that_tws_gives():
    async with (tws := TwsMarket()):
        stream = await opened(tws, "trades", "BRK.B")
        for price in (10.0, 10.5, 10.5):
            await tws.say_trade("BRK B", 100, price, 5)
        await tws.say_trade("BRK B", 99, 9.0, 5)
        trades = await take(stream, 4)
        await stream.close()
    same = Trade("BRK.B", 100 * SECOND, 10.5, 5.0, conditions=("F", "I"))
    assert trades == [same._replace(price=10.0), same, same, same._replace(time=99 * SECOND, price=9.0)]


async def test_a_quote_may_have_one_side():
    async with (tws := TwsMarket()):
        stream = await opened(tws, "quotes")
        await tws.say_quote("AAPL", 100, 10.0, -1, 5, -1)
        quotes = await take(stream, 1)
        await stream.close()
    assert quotes == [Quote("AAPL", 100 * SECOND, 10.0, 0.0, 5.0, 0.0)]


async def test_a_halt_and_its_end_are_told_once(caplog):
    async with (tws := TwsMarket()):
        stream = await opened(tws, "statuses", "BRK.B")
        for value in (-1, 0, 0, 1, 2, 2, 0):
            await tws.say_halt("BRK B", value)
        heard = await take(stream, 4)
        await stream.close()
    assert all(isinstance(one, TradingStatus) and one.symbol == "BRK.B" and one.time > 0 for one in heard)
    assert [(one.halted, one.why) for one in heard if isinstance(one, TradingStatus)] == [
        (False, ""), (True, "a regulatory halt"), (True, "a volatility halt"), (False, ""),
    ]  # fmt: skip
    assert not caplog.records  # the prices that come along are nobody's, and that is no error


async def test_what_is_asked_for_twice_is_sent_once():
    async with (tws := TwsMarket()):
        stream = await opened(tws, "trades")
        await stream.subscribe(["AAPL"], ["trades", "bars"])
        await tws.wait_for(REALTIME)
        await stream.close()
    assert len(tws.of(TICKS)) == 1


async def test_tws_that_goes_is_noticed():
    async with (tws := TwsMarket()):
        stream = await opened(tws, "trades")
        tws.clients[72].hang_up()
        error = await ending(stream)
    assert isinstance(error, Disconnected)
    assert "TWS closed the connection" in str(error)


async def test_a_mute_tws_is_noticed_by_the_bar_that_is_missing():
    """The protocol has no heartbeat: a feed knows when a bar is due."""
    clock = SimulatedClock(clock_time("10:00"))
    async with (tws := TwsMarket()):
        provider = IbProvider({}, port=tws.port, timeout=5.0)
        async with open_feed(provider, make_plan(provider, ["AAPL"]), clock=clock) as feed:
            items = aiter(feed)
            assert isinstance(await anext(items), Connected)
            await tws.wait_for(REALTIME)
            await clock.go_to(clock_time("10:01:10"))
            async with asyncio.timeout(5):
                told = [item async for item in until_lost(items)]
        await provider.close()
    assert any(isinstance(item, Stale) and item.symbol == "" for item in told)
    assert "it was mute at all while the exchange is open" in told[-1].reason


async def until_lost(items):
    async for item in items:
        yield item
        if isinstance(item, Lost):
            return


@pytest.mark.parametrize("code", [1100, 1101])
async def test_tws_that_lost_its_servers_ends_the_stream(code):
    async with (tws := TwsMarket()):
        stream = await opened(tws, "trades")
        await tws.tell(4, 2, -1, code, "Connectivity between IB and TWS", "")
        error = await ending(stream)
    assert isinstance(error, Disconnected)
    assert f"error {code}" in str(error)


async def test_servers_that_are_back_with_all_subscriptions_end_nothing():
    async with (tws := TwsMarket()):
        stream = await opened(tws, "trades")
        await tws.tell(4, 2, -1, 1102, "Connectivity restored - data maintained", "")
        await tws.tell(4, 2, -1, 2103, "Market data farm connection is broken", "")
        await tws.say_trade("AAPL", 100, 10.0, 5)
        assert len(await take(stream, 1)) == 1
        await stream.close()


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [
        (354, "Requested market data is not subscribed.", ConfigError),
        (10190, "Max number of tick-by-tick requests has been reached", ConfigError),
        (10225, "Bust event occurred", Rejected),
    ],
)
async def test_a_refused_subscription_names_its_symbol(code, text, error):
    async with (tws := TwsMarket()):
        tws.spoil(TICKS, Oddity(code=code, text=text))
        stream = await opened(tws, "trades")
        refusal = await ending(stream)
    assert type(refusal) is error
    assert f"ib: stream of AAPL: error {code}" in str(refusal)


@pytest.mark.parametrize("values", [(100, 10.0, "many"), ("noon", 1, 1, 1, 1, 1), (100, 1, 1, 1, 1, "nan")])
async def test_a_bar_of_another_form_is_bad_data(values):
    async with (tws := TwsMarket()):
        stream = await opened(tws, "bars")
        await tws.say_bar("AAPL", *values)
        assert isinstance(await ending(stream), BadData)


@pytest.mark.parametrize("fields", [(4, 100, 10.0), (1, 100), (3, 100, 1, 2, 3, "x")])
async def test_a_tick_of_another_form_is_bad_data(fields):
    async with (tws := TwsMarket()):
        stream = await opened(tws, "trades")
        await tws.tell(99, tws.streams["AAPL"][0], *fields)
        assert isinstance(await ending(stream), BadData)


async def test_frames_of_others_are_left_out():
    async with (tws := TwsMarket()):
        stream = await opened(tws, "trades")
        await tws.tell(99, 5, 1, 100, 10.0, 5, 0, "X", "")
        await tws.tell(50, 3, 5, 100, 1, 1, 1, 1, 1, 1, 1)
        await tws.say_trade("AAPL", 101, 10.0, 5)
        trades = await take(stream, 1)
        await stream.close()
    assert trades == [Trade("AAPL", 101 * SECOND, 10.0, 5.0, conditions=("F", "I"))]


async def test_a_reader_that_is_too_slow_loses_the_connection(monkeypatch):
    monkeypatch.setattr(ib_stream, "_WAITING", 2)
    async with (tws := TwsMarket()):
        stream = await opened(tws, "trades")
        for second in range(5):
            await tws.say_trade("AAPL", second, 10.0, 5)
        await tws.tell(4, 2, -1, 1100, "lost", "")
        reads = asyncio.Event()
        stream._ib.updateEvent += lambda *_: reads.set()
        while stream._waiting.qsize() < 4:
            await reads.wait()
            reads.clear()
        assert len(await take(stream, 2)) == 2
        error = await ending(stream)
    assert "2 messages wait to be read" in str(error)


async def test_what_is_not_there_cannot_be_asked_for():
    async with (tws := TwsMarket()):
        stream = await opened(tws, "trades")
        with pytest.raises(ConfigError, match="error 200"):
            await stream.subscribe(["NONE"], ["trades"])
        tws.spoil(DETAILS, Oddity(code=100, text="Max rate of messages"))
        with pytest.raises(Disconnected, match="error 100"):
            await stream.subscribe(["TWIN"], ["trades"])
        await stream.close()
        with pytest.raises(Disconnected, match="not open"):
            await stream.subscribe(["AAPL"], ["trades"])


async def test_no_tws_is_no_connection():
    with pytest.raises(Disconnected, match="no TWS or IB Gateway answers"):
        await IbProvider({}, port=9).connect().open()


async def test_closing_ends_the_messages():
    async with (tws := TwsMarket()):
        stream = await opened(tws, "trades")
        came, heard = asyncio.Event(), list[Message]()

        async def read() -> None:
            async for message in stream.messages():
                heard.append(message)
                came.set()

        reading = asyncio.create_task(read())
        await tws.say_trade("AAPL", 100, 10.0, 5)
        await came.wait()
        await stream.close()
        await stream.close()
        await reading  # ends, and raises nothing
    assert heard == [Trade("AAPL", 100 * SECOND, 10.0, 5.0, conditions=("F", "I"))]
