"""Keeps the connection to TWS: notices that it is gone, mute, or cut off from IB, and comes back.

TWS restarts once a day, and IB resets its servers in the night of New York. Positions and orders stay
through both; nothing can be sent meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from zoneinfo import ZoneInfo

from openbell.core.errors import ConfigError, OpenbellError, RemoteError
from openbell.core.types import NANOS_PER_SECOND
from openbell.execution.brokers.ib_wire import LOST, NEVER, RESTORED, RESTORED_EMPTY, Wire
from openbell.execution.port import Link

_ZONE = ZoneInfo("America/New_York")
_FRIDAY = 4
#: When IB resets its servers for North America, by its page on the systems' status: begin and length.
_NIGHTLY = (clock(23, 45), timedelta(hours=1))
_WEEKLY = (clock(23, 0), timedelta(hours=4))  #: in the night to Saturday

_FIRST, _LONGEST = 0.1, 10.0  #: seconds between attempts to connect


class Keeper:
    """The life of one connection."""

    def __init__(
        self,
        wire: Wire,
        check: Callable[[list[str]], Awaitable[None]],
        tell: Callable[[Link | OpenbellError], None],
        *,
        heartbeat: float,
    ) -> None:
        """Take the connection, what is done with the accounts of a new one, and who is told of its life."""
        self._wire, self._check, self._tell, self._heartbeat = wire, check, tell, heartbeat
        self._task: asyncio.Task[None] | None = None
        self._gone = "not connected yet"
        self._cut = ""  #: why TWS has no connection to IB

    @property
    def down(self) -> str:
        """Why nothing can be asked, or nothing."""
        return self._gone or self._cut

    async def start(self) -> None:
        """Connect, and stay connected from now on.

        Raises:
            ConfigError: The client id is in use, or the account is not the right one.
            Retryable: There is no TWS, or it does not answer.
        """
        await self._check(await self._wire.open())
        self._gone = ""
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Let go."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._gone = "closed"

    def hear(self, code: int, message: str) -> None:
        """Take what TWS says of its own connection to IB."""
        before = self.down
        if code in {LOST, NEVER}:
            self._cut = f"TWS is cut off from IB ({code}: {message}){_reason(self._wire.stamp())}"
        elif code in {RESTORED, RESTORED_EMPTY}:
            self._cut = ""
        self._turn(before)

    async def _keep(self) -> None:
        try:
            while True:
                why = await self._watch()
                before = self.down
                self._gone = f"TWS is away ({why}){_reason(self._wire.stamp())}"
                self._turn(before)
                await self._wire.close(why)
                await self._come_back()
        except OpenbellError as error:
            self._gone = str(error)
            self._tell(error)

    async def _watch(self) -> str:
        """Return why the connection is no more; a TWS that says nothing is asked for the time."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat):
                    await self._wire.lost.wait()
                return "it hung up"
            if time.monotonic() - self._wire.heard < self._heartbeat:
                continue
            try:
                async with asyncio.timeout(self._heartbeat):
                    await self._wire.time()
            except (TimeoutError, RemoteError):
                return "it is mute"

    async def _come_back(self) -> None:
        delay = _FIRST
        while True:
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST)
            self._cut = ""  # a TWS that is cut off says so to each new client
            try:
                accounts = await self._wire.open()
            except (ConfigError, RemoteError):  # its dead connection may hold our number for a while
                continue
            try:
                await self._check(accounts)
            except RemoteError:
                continue
            before, self._gone = self.down, ""
            self._turn(before)
            return

    def _turn(self, before: str) -> None:
        """Tell whether there is a connection, when that has changed."""
        if bool(before) != bool(self.down):
            self._tell(Link(not self.down, self._wire.stamp(), self.down))


def is_maintenance(moment: int) -> bool:
    """Tell whether a moment lies in the time in which IB resets its servers for North America."""
    local = datetime.fromtimestamp(moment // NANOS_PER_SECOND, UTC).astimezone(_ZONE)
    for back in (0, 1):
        day = local.date() - timedelta(days=back)
        begin, length = _WEEKLY if day.weekday() == _FRIDAY else _NIGHTLY
        start = datetime.combine(day, begin, _ZONE)
        if start <= local < start + length:
            return True
    return False


def _reason(moment: int) -> str:
    return "; IB resets its servers at this hour of the night" if is_maintenance(moment) else ""
