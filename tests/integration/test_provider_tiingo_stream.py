import asyncio
import logging
from typing import Any

import numpy as np
import pytest
from tests.loopback.cases import CANARY, assert_hidden
from tests.loopback.server import Fault
from tests.loopback.tiingo import HEARTBEAT, TiingoServer, quote, reference, say, trade

from openbell.core.errors import BadData, ConfigError, Disconnected, Rejected
from openbell.core.messages import Message, Quote, Trade, TradingStatus
from openbell.data.providers.tiingo import TiingoProvider

BOTH = ("quotes", "trades")


def connection(server: TiingoServer, key: str = CANARY, **options: Any):
    chosen: dict[str, Any] = {"threshold": "5", "heartbeat": 5.0, "timeout": 5.0} | options
    provider = TiingoProvider(
        {"TIINGO_API_KEY": key}, feed="iex", stream_url=f"{server.ws}/stream", data_url=server.url, **chosen
    )
    return provider.connect()


async def listen(stream, symbols=("AAPL",), channels=BOTH) -> tuple[list[Message], Exception]:
    """Return what a stream says, and the error it ends with."""
    heard: list[Message] = []
    try:
        await stream.open()
        await stream.subscribe(symbols, channels)
        async for message in stream.messages():
            heard.append(message)  # noqa: PERF401  # a comprehension would lose them when it raises
    except (Disconnected, Rejected, ConfigError, BadData) as error:
        return heard, error
    finally:
        await stream.close()
    raise AssertionError


def serve(*messages: Any, wait: bool = False) -> TiingoServer:
    return TiingoServer(say(*messages, key=CANARY, wait=wait))


async def test_trades_and_quotes_come_as_they_were_sent():
    t, q = (
        trade("aapl", 1_704_205_800_000_000_001, 10.5, 100),
        quote("aapl", 1_704_205_800_000_000_000, 10.4, None),
    )
    async with (server := serve(HEARTBEAT, t, q, t)):
        heard, error = await listen(connection(server))
    same = Trade("AAPL", 1_704_205_800_000_000_001, 10.5, 100.0, conditions=("odd_lot",))
    assert heard == [same, Quote("AAPL", 1_704_205_800_000_000_000, 10.4, 0.0, 100.0, 0.0), same]
    assert isinstance(error, Disconnected)
    assert "closed" in str(error)


async def test_only_what_was_asked_for_is_heard():
    data = (trade("aapl", 1, 10.5, 100), quote("aapl", 2, 1.0, 2.0), trade("msft", 3, 5.0, 5))
    gone = {"messageType": "A", "data": ["B", *trade("aapl", 4, 10.5, 100)["data"][1:]]}
    async with (server := serve(*data, gone)):
        heard, _ = await listen(connection(server), channels=("trades",))
    assert [message.time for message in heard if isinstance(message, Trade)] == [1]
    assert len(heard) == 1


async def test_a_halt_and_its_end_are_told_once_whatever_update_says_it():
    said = (
        quote("aapl", 1, 1.0, 2.0), quote("aapl", 2, 1.0, 2.0, halted=1),
        quote("aapl", 3, 1.0, 2.0, halted=1), trade("msft", 3, 1.0, 1, halted=1),
        trade("aapl", 4, 1.5, 100),
    )  # fmt: skip
    async with (server := serve(*said)):
        heard, _ = await listen(connection(server), channels=("statuses",))
    assert heard == [
        TradingStatus("AAPL", 1, halted=False),
        TradingStatus("AAPL", 2, halted=True, why="halted at IEX"),
        TradingStatus("AAPL", 4, halted=False),
    ]


async def test_reference_prices_are_trades_without_size():
    said = reference("aapl", "2024-01-02T09:30:00.383129126-05:00", 10.5)
    async with (server := serve(said, reference("msft", "2024-01-02T09:30:00Z", 1.0))):
        heard, _ = await listen(connection(server, threshold="6"), channels=("trades",))
    time = int(np.datetime64("2024-01-02T14:30:00.383129126", "ns").astype(np.int64))
    assert heard == [Trade("AAPL", time, 10.5, 0.0, conditions=("reference",))]


@pytest.mark.parametrize(
    ("threshold", "channel", "message"),
    [
        ("6", "quotes", "set threshold=5"),
        ("6", "statuses", "set threshold=5"),
        ("5", "bars", "has no bars; subscribe to trades"),
    ],
)
async def test_what_the_stream_has_not_is_refused(threshold, channel, message):
    async with (server := serve()):
        _, error = await listen(connection(server, threshold=threshold), channels=(channel,))
    assert isinstance(error, ConfigError)
    assert message in str(error)


async def test_a_second_subscription_extends_the_first():
    asked: list[Any] = []

    async def talk(socket):
        await say(trade("aapl", 1, 1.0, 1), key=CANARY)(socket)
        asked.append(await socket.receive_json())
        await socket.send_json(trade("msft", 2, 2.0, 2))

    async with (server := TiingoServer(talk)):
        stream = connection(server)
        await stream.open()
        await stream.subscribe(["AAPL"], ["trades"])
        messages = stream.messages()
        assert (await anext(messages)).symbol == "AAPL"
        await stream.subscribe(["MSFT"], ["trades"])
        assert (await anext(messages)).symbol == "MSFT"
        await stream.close()
    assert asked[0]["eventData"] == {"thresholdLevel": 5, "tickers": ["msft"], "subscriptionId": 61}


async def test_trades_that_repeat_or_come_late_are_passed_on():
    times = (7, 7, 5)
    async with (server := serve(*[trade("aapl", time, 10.5, 100) for time in times])):
        heard, _ = await listen(connection(server), channels=("trades",))
    assert tuple(message.time for message in heard if isinstance(message, Trade)) == times


async def test_a_drop_is_told():
    async def talk(socket):
        await say(trade("aapl", 1, 1.0, 1), key=CANARY, wait=False)(socket)
        socket._req.transport.abort()

    async with (server := TiingoServer(talk)):
        heard, error = await listen(connection(server), channels=("trades",))
    assert len(heard) == 1
    assert isinstance(error, Disconnected)


async def test_a_mute_stream_is_gone_when_heartbeats_stop():
    async with (server := serve(HEARTBEAT, wait=True)):
        heard, error = await listen(connection(server, heartbeat=0.1))
    assert heard == []
    assert isinstance(error, Disconnected)
    assert "not even a heartbeat for 0.1 s" in str(error)


async def test_a_refused_key_is_not_shown(caplog):
    caplog.set_level(logging.DEBUG)
    async with (server := TiingoServer(say(key="another"))):
        _, error = await listen(connection(server))
    assert isinstance(error, ConfigError)
    assert "check TIINGO_API_KEY" in str(error)
    assert_hidden(error, caplog)


async def test_another_refusal_is_rejected():
    refusal = {"messageType": "E", "response": {"code": 400, "message": "thresholdLevel not valid"}}
    async with (server := serve(refusal)):
        _, error = await listen(connection(server))
    assert isinstance(error, Rejected)
    assert "thresholdLevel not valid" in str(error)


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_a_handshake_may_be_refused(status, caplog):
    caplog.set_level(logging.DEBUG)
    async with (server := serve()):
        server.fail(Fault(status))
        _, error = await listen(connection(server))
    assert isinstance(error, ConfigError if status < 404 else Disconnected)
    assert f"HTTP {status}" in str(error)
    assert_hidden(error, caplog)


async def test_no_server_is_no_connection():
    server = TiingoServer()
    server.port = 9
    _, error = await listen(connection(server))
    assert isinstance(error, Disconnected)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("{", "no JSON"),
        ({"messageType": "Z"}, "type 'Z'"),
        ({"type": "A"}, "there is no 'messageType'"),
        ({"messageType": "A", "data": {}}, "expected as a list"),
        ({"messageType": "A", "data": ["T", "x"]}, "of another form"),
        ({"messageType": "A", "data": ["X", "", 1, "aapl"]}, "type 'X'"),
        ({"messageType": "A", "data": ["T", "", "now", "aapl", *[None] * 5, 1.0, 1]}, "no time in ns"),
        ({"messageType": "A", "data": ["T", "", 1, "aapl", *[None] * 5, None, 1]}, "no number"),
    ],
)
async def test_a_message_that_the_protocol_has_not_is_bad_data(message, said):
    async with (server := serve(message)):
        _, error = await listen(connection(server))
    assert isinstance(error, BadData)
    assert said in str(error)


async def test_closing_ends_the_messages():
    async with (server := serve(trade("aapl", 1, 1.0, 1), wait=True)):
        stream = connection(server)
        await stream.open()
        await stream.subscribe(["AAPL"], ["trades"])
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
        assert heard == [Trade("AAPL", 1, 1.0, 1.0, conditions=("odd_lot",))]
        with pytest.raises(Disconnected, match="not open"):
            await stream.subscribe(["AAPL"], ["trades"])


async def test_subscribing_to_what_is_gone_is_noticed():
    async def leave(_socket):
        return

    async with (server := TiingoServer(leave)):
        stream = connection(server)
        await stream.open()
        await stream._socket.wait_closed()
        with pytest.raises(Disconnected, match="closed"):
            await stream.subscribe(["AAPL"], ["trades"])
        await stream.close()
