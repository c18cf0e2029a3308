"""Alpaca's streams by the real SDK, against a server of their protocol."""

from __future__ import annotations

import asyncio
import traceback

import pytest
from tests.loopback.alpaca import ENVIRON, KEY, SECRET, AlpacaServer, send, stamp

from openbell.core.errors import BadData, ConfigError, Disconnected
from openbell.core.messages import BarMessage, PriceBand, Quote, Trade, TradingStatus
from openbell.data.providers import open_provider
from openbell.data.providers.alpaca_stream import AlpacaConnection

NOON = 1_704_196_800_000_000_000
MINUTE = 60_000_000_000
PRICES = {"o": 10, "h": 12.5, "l": 9, "c": 11, "v": 300}


def bar(kind="b", start=NOON, symbol="AAPL", **other):
    return {"T": kind, "S": symbol, "t": stamp(start), **PRICES, "n": 3, "vw": 10.5, **other}


@pytest.fixture
async def server():
    async with AlpacaServer() as running:
        yield running


async def follow(server, *rows, channels=("bars", "quotes", "trades"), symbols=("AAPL",), frames=None):
    """Return what a connection yields of rows, and what it ends with."""

    async def talk(socket):
        for frame in frames if frames is not None else [list(rows)]:
            await send(socket, frame)

    server.talk = talk
    connection = open_provider("alpaca", {**server.options, "timeout": 2.0}, ENVIRON).connect()
    await connection.open()
    await connection.subscribe(symbols, channels)
    got = []
    try:
        async for message in connection.messages():
            got.append(message)  # noqa: PERF401  # what came before an error counts
    except (BadData, ConfigError, Disconnected) as error:
        return got, error
    finally:
        await connection.close()
        await connection.close()  # twice does nothing
    return got, None


async def test_bars_corrected_bars_quotes_and_trades_arrive(server):
    rows = [
        bar(),
        bar("u", v=310),
        {"T": "q", "S": "AAPL", "t": stamp(NOON + 1), "bp": 10, "ap": 10.5, "bs": 2, "as": 3, "c": ["R"]},
        {"T": "t", "S": "AAPL", "t": stamp(NOON + 2), "p": 10.25, "s": 7, "i": 52, "c": ["@", "I"]},
        {"T": "o", "S": "AAPL", "t": stamp(NOON)},  # no message of ours
    ]
    got, error = await follow(server, *rows)
    assert got == [
        BarMessage("AAPL", NOON, NOON + MINUTE, 10.0, 12.5, 9.0, 11.0, 300.0),
        BarMessage("AAPL", NOON, NOON + MINUTE, 10.0, 12.5, 9.0, 11.0, 310.0, corrected=True),
        Quote("AAPL", NOON + 1, 10.0, 10.5, 2.0, 3.0),
        Trade("AAPL", NOON + 2, 10.25, 7.0, "52", ("@", "I")),
    ]
    assert isinstance(error, Disconnected)
    (asked,) = server.asked
    for name in ("bars", "updatedBars", "quotes", "trades"):
        assert asked[name] == ["AAPL"]


async def test_halts_pauses_resumptions_and_price_bands_arrive(server):
    codes = ("2", "3", "P", "Q", "T", "E")  # the last is a short sale restriction, and no halt
    rows = [{"T": "s", "S": "AAPL", "t": stamp(NOON), "sc": code, "sm": "so", "rm": "why"} for code in codes]
    rows.append({"T": "l", "S": "AAPL", "t": stamp(NOON), "u": 105.5, "d": 95, "i": "B", "z": "C"})
    got, _ = await follow(server, *rows, channels=("bars", "statuses"))
    halted = [one.halted for one in got if isinstance(one, TradingStatus)]
    assert halted == [True, False, True, True, False]
    assert got[-1] == PriceBand("AAPL", NOON, 95.0, 105.5)
    (asked,) = server.asked
    assert (asked["statuses"], asked["lulds"]) == (["AAPL"], ["AAPL"])


async def test_duplicates_and_late_messages_come_as_they_were_sent(server):
    starts = [NOON + MINUTE, NOON + MINUTE, NOON]
    got, _ = await follow(server, frames=[[bar(start=start)] for start in starts])
    assert [message.start for message in got] == starts


async def test_only_what_is_asked_for_is_subscribed(server):
    await follow(server, channels=("quotes",), symbols=("IBM", "GE"))
    assert set(server.asked[0]) == {"action", "quotes"}
    assert sorted(server.asked[0]["quotes"]) == ["GE", "IBM"]


async def test_crypto_has_its_own_stream(server):
    provider = open_provider("alpaca", {**server.options, "market": "crypto"}, ENVIRON)
    connection = provider.connect()
    await connection.open()
    assert server.requests[-1].path == "/v1beta3/crypto/us"
    with pytest.raises(ConfigError, match=r"'AAPL' is of another stream; .*market to stocks"):
        await connection.subscribe(["AAPL"], ["bars"])
    await connection.close()


async def test_a_drop_is_told(server):
    async def talk(socket):
        await send(socket, [bar()])
        socket._req.transport.abort()

    server.talk = talk
    connection = open_provider("alpaca", server.options, ENVIRON).connect()
    await connection.open()
    await connection.subscribe(["AAPL"], ["bars"])
    messages = connection.messages()
    assert isinstance(await anext(messages), BarMessage)
    with pytest.raises(Disconnected, match="other side is gone"):
        await anext(messages)
    with pytest.raises(Disconnected, match="other side is gone"):
        await connection.subscribe(["IBM"], ["bars"])
    await connection.close()
    with pytest.raises(Disconnected, match="is not open"):
        await connection.subscribe(["IBM"], ["bars"])


async def test_a_mute_server_is_noticed_by_its_silence_to_pings(server):
    let_go = asyncio.Event()

    async def talk(_socket):
        await let_go.wait()  # reads nothing, so that no ping is answered

    server.talk = talk
    connection = AlpacaConnection(KEY, SECRET, url=f"{server.ws}/v2/iex", ping=0.1)
    await connection.open()
    await connection.subscribe(["AAPL"], ["bars"])
    with pytest.raises(Disconnected, match="other side is gone"):
        await anext(connection.messages())
    let_go.set()
    await connection.close()


async def test_closing_ends_the_messages(server):
    connection = open_provider("alpaca", server.options, ENVIRON).connect()
    await connection.open()
    await connection.subscribe(["AAPL"], ["bars"])

    async def read():
        return [message async for message in connection.messages()]

    reading = asyncio.create_task(read())
    for _ in range(5):
        await asyncio.sleep(0)  # until it waits for a message
    await connection.close()
    assert await reading == []


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        ({"T": "b", "S": "AAPL", "t": stamp(NOON)}, BadData, "no message .KeyError"),
        ({"T": "b", "S": "AAPL", "t": "noon", **PRICES}, BadData, "no message .AttributeError"),
        ("bar", BadData, "no message .TypeError"),
        ({"T": "error", "code": 405, "msg": "symbol limit exceeded"}, ConfigError, "405, symbol limit"),
        ({"T": "error", "code": 407, "msg": "slow client"}, Disconnected, "407, slow client"),
    ],
)
async def test_what_the_protocol_has_not_and_errors_in_the_stream(server, row, kind, said):
    got, error = await follow(server, bar(), row)
    assert len(got) == 1
    assert isinstance(error, kind)
    assert said.replace(".", "(") in str(error)


async def test_a_frame_that_is_no_message_is_bad_data(server):
    async def talk(socket):
        await socket.send_bytes(b"\xc1")

    server.talk = talk
    connection = open_provider("alpaca", server.options, ENVIRON).connect()
    await connection.open()
    await connection.subscribe(["AAPL"], ["bars"])
    messages = connection.messages()
    with pytest.raises(BadData, match="what is no message"):
        await anext(messages)
    await connection.close()


# --- the login -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words", "kind", "said"),
    [
        (406, "connection limit exceeded", Disconnected, "open elsewhere"),
        (409, "insufficient subscription", ConfigError, "plan includes the feed"),
        (500, "internal error", Disconnected, "did not take the login"),
    ],
)
async def test_a_refused_login_says_what_must_happen_next(server, code, words, kind, said):
    server.login_error = code, words
    connection = open_provider("alpaca", server.options, ENVIRON).connect()
    with pytest.raises(kind, match=said):
        await connection.open()


async def test_refused_keys_are_named_by_their_variables_and_shown_nowhere(server):
    wrong = {"ALPACA_API_KEY": "PKWRONG-0000", "ALPACA_SECRET_KEY": "wrong-secret-0000"}
    connection = open_provider("alpaca", server.options, wrong).connect()
    with pytest.raises(ConfigError, match="ALPACA_API_KEY and ALPACA_SECRET_KEY") as raised:
        await connection.open()
    shown = "".join(traceback.format_exception(raised.value))
    assert not any(secret in shown for secret in wrong.values())


async def test_a_server_that_is_not_there_is_disconnected():
    connection = AlpacaConnection(KEY, SECRET, url="ws://127.0.0.1:9/v2/iex", timeout=2.0)
    with pytest.raises(Disconnected, match="cannot be reached"):
        await connection.open()


async def test_a_mute_login_times_out():
    class Mute(AlpacaServer):
        async def _stream(self, socket):
            await socket.receive()

    async with Mute() as server:
        connection = AlpacaConnection(KEY, SECRET, url=f"{server.ws}/v2/iex", timeout=0.2)
        with pytest.raises(Disconnected, match=r"did not answer within 0\.2 s"):
            await connection.open()
