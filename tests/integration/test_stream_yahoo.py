"""Yahoo's stream by yfinance's WebSocket, against a server of its protocol."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from tests.loopback.yahoo import YahooServer, send_price

from openbell.core.errors import BadData, Disconnected
from openbell.core.messages import Quote, Trade
from openbell.data.providers import open_provider
from openbell.data.providers.yahoo_stream import SAMPLED, YahooConnection

NOON = 1_704_196_800_000  #: ms


@pytest.fixture
async def server():
    async with YahooServer() as running:
        yield running


async def connect(server, channels=("quotes", "trades"), symbols=("AAPL",), **options):
    connection = YahooConnection(f"{server.ws}/stream", timeout=2.0, **options)
    await connection.open()
    await connection.subscribe(symbols, channels)
    return connection


async def gather(server, channels=("quotes", "trades")):
    """Return what a connection yields, and what it ends with."""
    connection = await connect(server, channels)
    got = []
    try:
        async for message in connection.messages():
            got.append(message)  # noqa: PERF401  # what came before an error counts
    except (BadData, Disconnected) as error:
        return got, error
    finally:
        await connection.close()
        await connection.close()  # twice does nothing
    return got, None


async def test_prices_are_samples_and_quotes_come_where_there_are_both_sides(server):
    async def talk(socket):
        await send_price(socket, id="AAPL", price=10.5, time=NOON, last_size=7)
        await send_price(socket, id="AAPL", price=10.5, time=NOON + 1, bid=10.25, ask=10.75, bid_size=2)
        await send_price(socket, id="IBM", price=1.5, time=NOON)  # not asked for

    server.talk = talk
    got, error = await gather(server)
    assert got == [
        Trade("AAPL", NOON * 10**6, 10.5, 7.0, conditions=(SAMPLED,)),
        Quote("AAPL", (NOON + 1) * 10**6, 10.25, 10.75, 2.0, 0.0),
        Trade("AAPL", (NOON + 1) * 10**6, 10.5, 0.0, conditions=(SAMPLED,)),
    ]
    assert isinstance(error, Disconnected)
    assert server.asked == [{"subscribe": ["AAPL"]}]


async def test_duplicates_and_late_messages_come_as_they_were_sent(server):
    async def talk(socket):
        for time in (NOON + 1, NOON + 1, NOON):
            await send_price(socket, id="AAPL", price=10.5, time=time)

    server.talk = talk
    got, _ = await gather(server, ["trades"])
    assert [message.time for message in got] == [(NOON + n) * 10**6 for n in (1, 1, 0)]


@pytest.mark.parametrize(
    "text",
    ["no JSON", json.dumps({"type": "pricing"}), json.dumps({"message": "!"}),
     json.dumps({"message": base64.b64encode(b"\xff\xff").decode()}), json.dumps(["message"]),
     json.dumps({"message": base64.b64encode(b"\x0a\x04AAPL").decode()})],
)  # fmt: skip
async def test_what_the_protocol_has_not_is_bad_data(server, text):
    async def talk(socket):
        await socket.send_str(text)

    server.talk = talk
    got, error = await gather(server)
    assert got == []
    assert isinstance(error, BadData)


async def test_a_drop_is_told(server):
    async def talk(socket):
        await send_price(socket, id="AAPL", price=10.5, time=NOON)
        socket._req.transport.abort()

    server.talk = talk
    connection = await connect(server)
    messages = connection.messages()
    assert isinstance(await anext(messages), Trade)
    with pytest.raises(Disconnected, match="other side is gone"):
        await anext(messages)
    with pytest.raises(Disconnected, match="other side is gone"):
        await connection.subscribe(["IBM"], ["trades"])
    await connection.close()
    with pytest.raises(Disconnected, match="is not open"):
        await connection.subscribe(["IBM"], ["trades"])


async def test_a_mute_server_is_noticed_by_its_silence_to_pings(server):
    let_go = asyncio.Event()

    async def talk(_socket):
        await let_go.wait()  # reads nothing, so that no ping is answered

    server.talk = talk
    connection = await connect(server, ping=0.1)
    with pytest.raises(Disconnected, match="other side is gone"):
        await anext(connection.messages())
    let_go.set()
    await connection.close()


async def test_closing_ends_the_messages(server):
    connection = await connect(server)

    async def read():
        return [message async for message in connection.messages()]

    reading = asyncio.create_task(read())
    for _ in range(5):
        await asyncio.sleep(0)  # until it waits for a message
    await connection.close()
    assert await reading == []


async def test_a_server_that_is_not_there_is_disconnected(tmp_path):
    options = {"stream_url": "ws://127.0.0.1:9/stream", "cache": str(tmp_path)}
    connection = open_provider("yahoo", options, {}).connect()
    with pytest.raises(Disconnected, match="cannot be reached"):
        await connection.open()


async def test_a_server_that_does_not_shake_hands_is_left():
    async def hush(reader, writer):
        while await reader.read(1024):  # until the other side leaves
            pass
        writer.close()
        closed.set()

    closed = asyncio.Event()
    listening = await asyncio.start_server(hush, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    connection = YahooConnection(f"ws://127.0.0.1:{port}/stream", timeout=0.2)
    with pytest.raises(Disconnected, match=r"did not answer within 0\.2 s"):
        await connection.open()
    await closed.wait()
    listening.close()
