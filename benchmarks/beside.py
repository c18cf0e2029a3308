"""What stands beside a session: a Postgres and a Redis, and the system that starts it again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integration.test_live_redis import Server as Redis
from tests.integration.test_live_redis import find_server
from tests.postgres.journals import assert_copied
from tests.postgres.server import Server as Postgres
from tests.postgres.server import make_project, where

from openbell.core.errors import ConfigError
from openbell.operation.accountlock import AccountLock, place_of
from openbell.operation.broadcast import Broadcast
from openbell.storage.journal import Journal
from openbell.storage.lock import FolderLock
from openbell.storage.supabase.connection import connect
from openbell.storage.supabase.migrations import migrate
from openbell.trading.copying import copied, copy_journal

_LIFE = 0.5  #: seconds of the lock, so that it runs out while Redis is away
_PATIENCE = 15.0
_UNIT = Path(__file__).parents[1] / "deploy" / "systemd" / "openbell-live@.service"


class Beside:
    """Servers, and what a session's process does with them: `async with Beside(folder, account) as beside`.

    All that is wired in `openbell.operation.live` is wired here too, with a shorter life of the lock.
    """

    def __init__(self, folder: Path, account: str) -> None:
        self._folder, self._account = folder, account
        self._path = folder / "journal.db"
        self._kept, self._session = AsyncExitStack(), AsyncExitStack()

    async def __aenter__(self) -> Self:
        program = find_server()
        self._folder.mkdir(exist_ok=True)
        if program is None:
            raise ConfigError("there is no Redis server; install the dev extra, or redis-server")
        (self._folder / "redis").mkdir()
        self.redis = Redis(program, self._folder / "redis")
        self.redis.start()
        self._kept.callback(self.redis.stop)
        self.postgres = Postgres()
        self._kept.callback(self.postgres.close)
        self._project = make_project(self.postgres)
        with connect(where(self._project)) as connection:
            migrate(connection)
        self._kept.enter_context(FolderLock(self._folder))
        self.lock = await self._lock().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.aclose()
        await self._kept.aclose()

    def _lock(self) -> AccountLock:
        return AccountLock(self.redis.url, self._account, life=_LIFE, place=place_of(self._folder))

    async def begin(self) -> None:
        """Copy and publish the journal, which is there now."""
        self._session.enter_context(copied(self._path, {**os.environ, **self._project.environ}))
        self._events = await self._session.enter_async_context(Broadcast(self.redis.url, self._path))

    async def succeed(self) -> None:
        """Take the lock as the process does that begins again after a kill, which let go of nothing."""
        killed, self.lock = self.lock, await self._lock().__aenter__()
        killed._end.set()  # noqa: SLF001  # it is the one that is dead
        await killed.__aexit__(None, None, None)

    async def refuse_another(self) -> list[str]:
        """Have a second engine begin on the account; return what is wrong, if it can."""
        wrong = []
        try:
            await AccountLock(self.redis.url, self._account, life=_LIFE).__aenter__()
            wrong.append("a second engine got the account")
        except ConfigError:
            pass
        try:
            FolderLock(self._folder).release()
            wrong.append("a second engine got the folder")
        except ConfigError:
            pass
        return wrong

    async def check(self) -> list[str]:
        """Let copy and events catch up; return what is missing or doubled in them."""
        until = time.monotonic() + _PATIENCE
        with Journal(self._path, read_only=True) as journal:
            last, _ = journal.newest()
        while self._events.last < last and time.monotonic() < until:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)
        wrong = [] if self._events.last == last else [f"events: {self._events.last} of {last} published"]
        await self.lock.__aexit__(None, None, None)
        await self._session.aclose()
        await asyncio.to_thread(
            copy_journal, self._path, where(self._project), lambda _: False, follow=False, attempts=1
        )
        try:
            await asyncio.to_thread(assert_copied, self._project, self._path)
        except AssertionError as error:
            wrong.append(f"the copy is not the journal: {error}")
        return wrong


@cache
def restart() -> float:
    """Return the seconds from a session's end until another has imported what it needs."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import openbell.cli, openbell.operation.live"], check=True)
    (line,) = (one for one in _UNIT.read_text("utf-8").splitlines() if one.startswith("RestartSec="))
    return float(line.partition("=")[2]) + time.perf_counter() - began
