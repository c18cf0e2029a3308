"""A session's events for other processes, through Redis: in order, numbered, and never waited for."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from openbell.core.errors import BadData
from openbell.data.live.quotes_redis import URL, connect_redis
from openbell.storage.journal import Entry, Journal
from openbell.utils.logging import get_logger
from openbell.utils.retry import Backoff, Patience

_LOOK = 0.05  #: seconds between two looks into the journal
_BATCH = 500
_DOUBLINGS = 30

__all__ = ["URL", "Broadcast", "channel_of", "listen", "published"]


@asynccontextmanager
async def published(path: Path, name: str, environ: Mapping[str, str]) -> AsyncIterator[None]:
    """Publish a journal while the block runs, if the environment names a Redis."""
    url = environ.get(URL, "").strip()
    if not url:
        yield
        return
    async with Broadcast(url, path, name=name):
        yield


def channel_of(account: str) -> str:
    """Return the channel of an account's events."""
    return f"openbell:events:{account}"


class Broadcast:
    """Publishes what a journal has from now on. `async with` begins and ends it.

    It reads the journal by a connection of its own, so nothing in the engine waits for Redis, and what was
    not published while Redis was away is published when it is back.

    Args:
        url: Such as `redis://127.0.0.1:6379/0`. Its password is shown nowhere.
        path: The journal.
        name: Instead of the journal's account, where several have the same.

    Raises:
        ConfigError: redis-py is not installed, or the address is none.
    """

    def __init__(self, url: str, path: Path, *, name: str = "") -> None:
        self._redis: Any = connect_redis(url, what="live events")
        self._path, self._name = path, name
        self._end = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.last = 0  #: the number of the last event that was published
        self.is_lost = False

    async def __aenter__(self) -> Self:
        with Journal(self._path, read_only=True) as journal:
            self.last, _ = journal.newest()
        self._task = asyncio.ensure_future(self._carry())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._task is not None:
            await self._task
        await self._redis.aclose()

    async def publish(self) -> int:
        """Publish what is new; return how many events that were.

        Raises:
            redis.exceptions.RedisError, OSError: Redis is away; nothing is lost.
        """
        with Journal(self._path, read_only=True) as journal:
            rows = [journal.entry(row) for row in journal.rows(self.last, _BATCH)]
            channel = channel_of(self._name or journal.account)
        if rows:
            async with self._redis.pipeline(transaction=False) as together:
                for entry in rows:
                    together.publish(channel, json.dumps(entry))
                await together.execute()
            self.last = rows[-1].seq
        if self.is_lost:
            self.is_lost = False
            get_logger().info("live events: Redis is back, and has all events")
        return len(rows)

    async def _carry(self) -> None:
        from redis.exceptions import RedisError

        backoff = Backoff(Patience(attempts=sys.maxsize, first=0.1, longest=5.0), sleep=self._pause)
        while True:
            ending = self._end.is_set()
            try:
                count = await self.publish()
                backoff.reset()
            except (RedisError, OSError) as error:
                count = 0
                self._note_loss(error)
                backoff.failed = min(backoff.failed, _DOUBLINGS)
                if not ending:
                    await backoff.wait()
            if ending and not count:
                return
            if not count:
                await self._pause(_LOOK)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._end.wait(), seconds)

    def _note_loss(self, error: Exception) -> None:
        if not self.is_lost:
            self.is_lost = True
            get_logger().warning(
                f"live events: Redis does not answer ({type(error).__name__}); trading goes on without"
            )


async def listen(
    url: str, account: str, *, after: int | None = None, path: Path | None = None
) -> AsyncIterator[Entry]:
    """Yield an account's events as they are published.

    Args:
        url: Of Redis.
        account: Whose events.
        after: Begin with the one after this number, out of the journal; None begins with what comes next.
        path: The journal, out of which missed events are taken.

    Raises:
        BadData: An event was missed, and there is no journal to take it from.
        redis.exceptions.RedisError: Redis is away. Listen again, `after` the last that came.
    """
    redis: Any = connect_redis(url, what="live events", patient=True)
    last = after
    async with redis, redis.pubsub() as subscription:
        await subscription.subscribe(channel_of(account))
        for entry in _read(path, last):
            last = entry.seq
            yield entry
        async for message in subscription.listen():
            if message["type"] != "message":
                continue
            fields = json.loads(message["data"])
            entry = Entry(*fields)
            if last is not None and entry.seq <= last:
                continue
            if last is not None and entry.seq > last + 1:
                for missed in _read(path, last):
                    if missed.seq < entry.seq:
                        last = missed.seq
                        yield missed
                if last + 1 != entry.seq:
                    gap = f"events {last + 1} to {entry.seq - 1} of {account!r}"
                    raise BadData(f"{gap} were missed; name the journal that has them")
            last = entry.seq
            yield entry


def _read(path: Path | None, after: int | None) -> list[Entry]:
    if path is None or after is None:
        return []
    with Journal(path, read_only=True) as journal:
        return list(journal.read(after))
