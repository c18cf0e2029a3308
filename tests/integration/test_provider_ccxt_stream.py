import asyncio
import json
from typing import Any

import pytest
from tests.loopback.ccxt import KrakenServer, candle, say, ticker, trades
from tests.loopback.server import Fault

from openbell.core.errors import BadData, ConfigError, Disconnected, OpenbellError
from openbell.core.messages import BarMessage, Message, Quote, Trade
from openbell.data.providers.ccxt import CcxtProvider

MINUTE = 60 * 10**9


def connection(server: KrakenServer, **options: Any):
    return CcxtProvider({}, urls=server.urls, timeout=5.0, **options).connect()


async def listen(stream, channels) -> tuple[list[Message], OpenbellError]:
    """Return what a stream says, and the error it ends with."""
    heard: list[Message] = []
    try:
        await stream.open()
        await stream.subscribe(["BTC/USD"], channels)
        async for message in stream.messages():
            heard.append(message)  # noqa: PERF401  # a comprehension would lose them when it raises
    except OpenbellError as error:
        return heard, error
    finally:
        await stream.close()
    raise AssertionError


async def test_trades_come_with_their_ids():
    async with (server := KrakenServer(say(trades(100.0, 101.0)))):
        heard, error = await listen(connection(server), ["trades"])
    assert heard == [
        Trade("BTC/USD", 0, 100.0, 2.0, "0"),
        Trade("BTC/USD", 10**6, 101.0, 2.0, "1"),
    ]
    assert isinstance(error, Disconnected)


async def test_trades_that_repeat_or_come_late_are_passed_on():
    asked = asyncio.Event()

    async def talk(socket):
        await socket.receive()
        for update in (trades(100.0, second=60), trades(99.0), trades(99.0)):
            await socket.send_str(json.dumps(update))
            await asked.wait()
            asked.clear()

    async with (server := KrakenServer(talk)):
        stream = connection(server)
        await stream.open()
        await stream.subscribe(["BTC/USD"], ["trades"])
        heard = []
        async for message in stream.messages():
            heard.append(message)
            asked.set()
            if len(heard) == 3:
                break
        await stream.close()
    assert [(trade.time, trade.price) for trade in heard] == [(MINUTE, 100.0), (0, 99.0), (0, 99.0)]


async def test_a_quote_has_both_sides():
    async with (server := KrakenServer(say(ticker(100.0, 101.0)))):
        heard, _ = await listen(connection(server), ["quotes"])
    (quote,) = heard
    assert isinstance(quote, Quote)
    assert quote[2:] == (100.0, 101.0, 1.0, 2.0)


async def test_a_bar_is_passed_on_when_the_next_begins():
    updates = [candle(0, 100.0), candle(60, 101.0), candle(60, 102.0), candle(0, 99.0), candle(120, 103.0)]

    async def talk(socket):
        await socket.receive()
        for update in updates:
            await socket.send_str(json.dumps(update))
            await asyncio.sleep(0.05)  # ccxt hands over what it has gathered: one update at a time here

    async with (server := KrakenServer(talk)):
        heard, _ = await listen(connection(server), ["bars"])
    bars = [bar for bar in heard if isinstance(bar, BarMessage)]
    assert [(bar.start // MINUTE, bar.close) for bar in bars] == [(0, 100.0), (1, 102.0)]
    assert bars[0] == BarMessage("BTC/USD", 0, MINUTE, 100.0, 110.0, 90.0, 100.0, 5.0)


async def test_a_drop_is_told():
    async def talk(socket):
        await socket.receive()
        await socket.send_str(json.dumps(trades(100.0)))
        socket._req.transport.abort()

    async with (server := KrakenServer(talk)):
        heard, error = await listen(connection(server), ["trades"])
    assert len(heard) == 1
    assert isinstance(error, Disconnected)


async def test_a_mute_stream_is_gone_when_no_pong_comes():
    async with (server := KrakenServer(say(wait=True, pong=False))):
        heard, error = await listen(connection(server, keep_alive=0.05), ["trades"])
    assert heard == []
    assert isinstance(error, Disconnected)
    assert "keepalive missing" in str(error)


async def test_a_quiet_stream_that_answers_pings_is_not_gone():
    async with (server := KrakenServer(say(wait=True))):
        stream = connection(server, keep_alive=0.05)
        await stream.open()
        await stream.subscribe(["BTC/USD"], ["trades"])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream.messages()), 0.5)
        await stream.close()


@pytest.mark.parametrize("status", [403, 500])
async def test_a_refused_handshake_is_no_connection(status):
    async with (server := KrakenServer(say())):
        stream = connection(server)
        await stream.open()
        server.fail(Fault(status))
        await stream.subscribe(["BTC/USD"], ["trades"])
        with pytest.raises(Disconnected, match=str(status)):
            await anext(stream.messages())
        await stream.close()


async def test_no_server_is_no_connection():
    server = KrakenServer()
    server.port = 9
    _, error = await listen(connection(server), ["trades"])
    assert isinstance(error, Disconnected)


async def test_a_price_that_is_none_is_bad_data():
    said = trades(100.0)
    said["data"][0]["price"] = None
    async with (server := KrakenServer(say(said))):
        _, error = await listen(connection(server), ["trades"])
    assert isinstance(error, BadData)


async def test_what_cannot_be_streamed_is_refused():
    async with (server := KrakenServer(say())):
        stream = connection(server)
        with pytest.raises(Disconnected, match="not open"):
            await stream.subscribe(["BTC/USD"], ["trades"])
        await stream.open()
        with pytest.raises(ConfigError, match="no symbol 'BTC/EUR'; did you mean 'BTC/USD'"):
            await stream.subscribe(["BTC/EUR"], ["trades"])
        stream._ccxt.has["watchOHLCV"] = False
        with pytest.raises(ConfigError, match="kraken streams no bars"):
            await stream.subscribe(["BTC/USD"], ["bars"])
        await stream.close()


async def test_an_exchange_without_a_stream_is_refused():
    with pytest.raises(ConfigError, match="exchange='bitbank': no such stream"):
        await CcxtProvider({}, exchange="bitbank").connect().open()


async def test_closing_ends_the_messages():
    async with (server := KrakenServer(say(trades(1.0), wait=True))):
        stream = connection(server)
        await stream.open()
        await stream.subscribe(["BTC/USD"], ["trades"])
        await stream.subscribe(["BTC/USD"], ["trades"])  # asked for already
        came, heard = asyncio.Event(), list[Message]()

        async def read() -> None:
            async for message in stream.messages():
                heard.append(message)
                came.set()

        reading = asyncio.create_task(read())
        await came.wait()
        await stream.close()
        await stream.close()
        await reading  # ends, and raises nothing
    assert heard == [Trade("BTC/USD", 0, 1.0, 2.0, "0")]
