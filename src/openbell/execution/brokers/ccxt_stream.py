"""What happens to an account's orders at a crypto exchange: by ccxt.pro's streams, and by asking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from openbell.core.errors import OpenbellError, RemoteError
from openbell.core.orders import TERMINAL
from openbell.execution.port import Execution, Heard, Link, Report
from openbell.remote.ccxt import translated

_FIRST, _LONGEST = 0.2, 10.0  #: seconds between attempts
_SETTLED = 0.5  #: a stream that has not failed for so many seconds stands
_KEPT = 10_000  #: orders and fills that are remembered as told
_OVERLAP = 60 * 1_000_000_000  #: ns; fills are asked for from so long before the last look


class Account(Protocol):
    """Whom to ask."""

    async def now(self) -> int:
        """Return the exchange's clock."""

    async def working(self) -> Any:
        """Return orders that work."""

    async def find(self, client_id: str) -> Report | None:
        """Return an order."""

    async def executions(self, since: int) -> Any:
        """Return fills."""

    def read_order(self, row: Any) -> Report:
        """Return one of ccxt's orders as a report."""

    async def read_trade(self, row: Any) -> Execution:
        """Return one of ccxt's trades as a fill."""


class Watch:
    """Watches an account until it is stopped. What is told may come twice, from a stream and from asking."""

    def __init__(
        self,
        exchange: Any,
        account: Account,
        tell: Callable[[Heard | OpenbellError], None],
        *,
        poll: float,
        sweep: float,
    ) -> None:
        """Take the exchange, whom to ask and whom to tell.

        Args:
            exchange: One of ccxt's.
            account: Reads orders and trades, and is asked for them.
            tell: Is told what is new, and an error that cannot be healed.
            poll: Seconds between two looks at the account where there is no stream.
            sweep: The same where there is one: for what it may have lost.
        """
        self._exchange, self._account, self._tell = exchange, account, tell
        self._poll, self._sweep = poll, sweep
        self._down: dict[str, str] = {}  #: why, by what is down
        self._seen: dict[str, Any] = {}  #: what was told of each order and fill
        self._open: set[str] = set()  #: client ids of orders that worked at the last look
        self._tasks: list[asyncio.Task[None]] = []
        self._streams = bool(exchange.has.get("watchOrders") and exchange.has.get("watchMyTrades"))

    def start(self) -> None:
        """Begin."""
        exchange = self._exchange
        loops: list[Callable[[], Awaitable[None]]] = [self._look_again]
        if self._streams:
            loops += [
                partial(self._follow, "orders", exchange.watch_orders, self._take_order),
                partial(self._follow, "fills", exchange.watch_my_trades, self._take_trade),
            ]
        self._tasks = [asyncio.create_task(self._guard(loop)) for loop in loops]

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def note(self, report: Report) -> None:
        """Remember an order that works: its end is asked for if no stream tells it."""
        if report.status in TERMINAL:
            self._open.discard(report.client_id)
        elif report.client_id:
            self._open.add(report.client_id)

    async def _guard(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Pass on what ends a loop: a key that is refused, or data of another form."""
        try:
            await loop()
        except OpenbellError as error:
            self._tell(error)

    async def _follow(
        self, name: str, watch: Callable[[], Awaitable[Any]], take: Callable[[Any], Awaitable[None]]
    ) -> None:
        delay = _FIRST
        while True:
            news = asyncio.ensure_future(watch())
            try:
                with translated(f"ccxt: {self._exchange.id}: stream of {name}"):
                    if name in self._down and not (await asyncio.wait({news}, timeout=_SETTLED))[0]:
                        await self._rise(name)
                    rows = await news
                    await self._rise(name)
                delay = _FIRST
                for row in rows:
                    await take(row)
            except RemoteError as error:
                await self._fall(name, str(error))
                await asyncio.sleep(delay)
                delay = min(2 * delay, _LONGEST)
            finally:
                news.cancel()

    async def _look_again(self) -> None:
        since = await self._first_look()
        while True:
            await asyncio.sleep(self._sweep if self._streams and not self._down else self._poll)
            try:
                now = await self._account.now()
                await self._look(since)
                since = now - _OVERLAP
            except RemoteError as error:
                if not self._streams:
                    await self._fall("account", str(error))
            else:
                await self._rise("account")

    async def _first_look(self) -> int:
        """Return the clock; what was there before is known to whoever begins."""
        while True:
            try:
                now = await self._account.now()
                self._open |= {one.client_id for one in await self._account.working() if one.client_id}
            except RemoteError:
                await asyncio.sleep(self._poll)
            else:
                return now - _OVERLAP

    async def _look(self, since: int) -> None:
        works = await self._account.working()
        for report in works:
            self._say(report)
        for fill in await self._account.executions(since):
            self._say(fill)
        open_now = {one.client_id for one in works if one.client_id}
        for gone in self._open - open_now:
            found = await self._account.find(gone)
            if found is not None:
                self._say(found)
        self._open = open_now

    async def _take_order(self, row: Any) -> None:
        self._say(self._account.read_order(row))

    async def _take_trade(self, row: Any) -> None:
        self._say(await self._account.read_trade(row))

    def _say(self, heard: Report | Execution) -> None:
        """Tell what was not told yet."""
        what: tuple[Any, ...] = ()
        if isinstance(heard, Execution):
            key = f"fill {heard.id} of {heard.symbol}"
        else:
            key, what = f"order {heard.broker_id}", (heard.status, heard.filled, heard.quantity)
            self.note(heard)
        if self._seen.get(key) == what:
            return
        self._seen.pop(key, None)
        self._seen[key] = what
        if len(self._seen) > _KEPT:
            del self._seen[next(iter(self._seen))]
        self._tell(heard)

    async def _fall(self, name: str, why: str) -> None:
        was_up = not self._down
        self._down[name] = why
        if was_up:
            self._tell(Link(up=False, time=await self._clock(), why=why))

    async def _rise(self, name: str) -> None:
        if self._down.pop(name, None) is not None and not self._down:
            self._tell(Link(up=True, time=await self._clock()))

    async def _clock(self) -> int:
        try:
            return await self._account.now()
        except RemoteError:
            return int(self._exchange.milliseconds()) * 1_000_000
