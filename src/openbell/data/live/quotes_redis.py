"""The latest quote of each symbol, shared by several processes through Redis."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from openbell.core.errors import ConfigError
from openbell.core.messages import Quote
from openbell.data.live.quotes import LocalQuotes
from openbell.utils.logging import get_logger
from openbell.utils.retry import Backoff, Patience

#: The variable with the address of Redis; without it nothing is shared.
URL = "OPENBELL_REDIS_URL"
_KEY = "openbell:quotes"
_BATCH = 500  #: quotes in one call
_LIMIT = 1.0  #: seconds that Redis has to answer
_DOUBLINGS = 30

#: Keeps a quote unless the kept one is newer. Times have 20 digits, so that their texts compare as they do:
#: a number of Lua is a float, which ns since 1970 do not fit into.
_PUT = """
for i = 1, #ARGV, 3 do
  local kept = redis.call('HGET', KEYS[1], ARGV[i])
  if not kept or string.sub(kept, 1, 20) <= ARGV[i + 1] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ARGV[i + 2])
  end
end
"""


class RedisQuotes:
    """Quotes of all processes that use one Redis. `async with` begins and ends the writing.

    Nothing on the way of a quote waits for Redis: `put` keeps it here, and a task carries it there, the
    latest of a symbol only. Without Redis this process goes on with what it knows; that is said once, and
    made good when Redis is back.

    Args:
        url: Such as `redis://127.0.0.1:6379/0`. Its password is shown nowhere.
        key: The hash that holds the quotes.

    Raises:
        ConfigError: redis-py is not installed, or the address is none.
    """

    def __init__(self, url: str, *, key: str = _KEY) -> None:
        self._redis: Any = connect_redis(url)  # its commands are annotated for both of redis-py's kinds
        self._key = key
        self._here = LocalQuotes()
        self._waiting: dict[str, Quote] = {}
        self._some, self._end = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.is_lost = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.ensure_future(self._carry())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def put(self, quote: Quote) -> None:
        """Keep a quote, at once; Redis has it soon."""
        self._here.put(quote)
        self._waiting[quote.symbol] = quote
        self._some.set()

    async def get(self, symbol: str) -> Quote | None:
        """Return a symbol's newest quote of any process; of this one, if Redis is away."""
        from redis.exceptions import RedisError

        try:
            kept = await self._redis.hget(self._key, symbol)
        except (RedisError, OSError) as error:
            self._note_loss(error)
            return await self._here.get(symbol)
        return _newer(_read(kept), await self._here.get(symbol))

    async def all(self) -> dict[str, Quote]:
        """Return the newest quotes of all processes; of this one, if Redis is away."""
        from redis.exceptions import RedisError

        here = await self._here.all()
        try:
            kept: dict[bytes, bytes] = await self._redis.hgetall(self._key)
        except (RedisError, OSError) as error:
            self._note_loss(error)
            return here
        there = {quote.symbol: quote for quote in map(_read, kept.values()) if quote is not None}
        return {
            symbol: quote
            for symbol in there | here
            if (quote := _newer(there.get(symbol), here.get(symbol))) is not None
        }

    async def shelves(self) -> list[str]:
        """Return the hashes in Redis whose names begin with this one's and a colon; none if it is away."""
        from redis.exceptions import RedisError

        try:
            return sorted([name.decode() async for name in self._redis.scan_iter(f"{self._key}:*")])
        except (RedisError, OSError) as error:
            self._note_loss(error)
            return []

    async def flush(self) -> None:
        """Carry what waits to Redis.

        Raises:
            redis.exceptions.RedisError, OSError: Redis is away; nothing is lost here.
        """
        while self._waiting:
            quotes = [self._waiting.pop(symbol) for symbol in list(self._waiting)[:_BATCH]]
            texts = [text for quote in quotes for text in (quote.symbol, f"{quote.time:020d}", _write(quote))]
            try:
                await self._redis.eval(_PUT, 1, self._key, *texts)
            except BaseException:
                self._waiting = {quote.symbol: quote for quote in quotes} | self._waiting
                raise
        if self.is_lost:
            self.is_lost = False
            get_logger().info("quotes: Redis is back, and has all quotes")

    async def close(self) -> None:
        """Carry what waits, if Redis is there, and disconnect; closing twice does nothing."""
        self._end.set()
        self._some.set()
        if self._task is not None:
            await self._task  # a command that is cancelled may leave its connection half read
        await self._redis.aclose()

    async def _carry(self) -> None:
        from redis.exceptions import RedisError

        backoff = Backoff(Patience(attempts=sys.maxsize, first=0.1, longest=5.0), sleep=self._pause)
        while True:
            await self._some.wait()
            self._some.clear()
            try:
                await self.flush()
                backoff.reset()
            except (RedisError, OSError) as error:
                self._note_loss(error)
                backoff.failed = min(backoff.failed, _DOUBLINGS)
                if not self._end.is_set():
                    await backoff.wait()
                self._some.set()
            if self._end.is_set():
                return

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._end.wait(), seconds)

    def _note_loss(self, error: Exception) -> None:
        if not self.is_lost:
            self.is_lost = True
            get_logger().warning(
                f"quotes: Redis does not answer ({type(error).__name__}); this process goes on with its own"
            )


def connect_redis(url: str, *, what: str = "quotes", patient: bool = False, waits: bool = False) -> Any:
    """Return a client of Redis that gives up after a second, and tries nothing twice.

    Args:
        url: Its password is shown nowhere.
        what: Wants it, for messages.
        patient: Whether it may wait for an answer without end, as a subscriber does.
        waits: Whether its calls block, instead of being awaited.

    Raises:
        ConfigError: redis-py is not installed, or the address is none.
    """
    try:
        from redis import Redis as WaitingRedis
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.retry import Retry as WaitingRetry
    except ModuleNotFoundError as error:
        raise ConfigError(
            f'{what} in Redis need redis, which is not installed; pip install "openbell[redis]"'
        ) from error
    limits: dict[str, Any] = {
        "socket_timeout": None if patient else _LIMIT,
        "socket_connect_timeout": _LIMIT,
    }
    try:
        if waits:
            return WaitingRedis.from_url(url, retry=WaitingRetry(NoBackoff(), 0), **limits)
        return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **limits)
    except ValueError:
        raise ConfigError(
            f"{what}: the address of Redis is none; write it as redis://127.0.0.1:6379/0"
        ) from None


def _write(quote: Quote) -> str:
    return json.dumps(quote)


def _read(kept: Any) -> Quote | None:
    return None if kept is None else Quote(*json.loads(kept[20:]))


def _newer(one: Quote | None, other: Quote | None) -> Quote | None:
    if one is None or other is None:
        return one or other
    return one if one.time >= other.time else other
