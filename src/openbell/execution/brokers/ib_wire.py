"""A connection to TWS or IB Gateway by ib_async's client: requests with a deadline, and what arrives unasked.

ib_async has two layers. Its `Client` speaks the protocol; its `IB` keeps a picture of all orders, in which a
warning makes an order's status invalid and any error ends it. Here the client is used alone.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from datetime import UTC
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

from openbell.core.errors import ConfigError, Disconnected, Rejected, RemoteError, Retryable
from openbell.core.types import NANOS_PER_SECOND
from openbell.remote.http import quote

#: TWS lost IB's servers; got them back, and subscriptions are lost; got them back, and they are kept; it has
#: no connection to them, and tries to get one by itself.
LOST, RESTORED_EMPTY, RESTORED, NEVER = 1100, 1101, 1102, 2110

_ID_IN_USE = 326
_SHORTABLE = 89  #: the tick that says how many shares are lent
_IS_DELAYED = 10167  #: data is delayed, as nobody has subscribed it: no error
_BUSY = frozenset({100, 101, 504, LOST, NEVER})
_NOT_ALLOWED = frozenset({321, 502, 503, 507})


class Status(NamedTuple):
    """A frame of an order's status."""

    number: int
    status: str
    filled: float
    remaining: float
    average: float
    perm: int
    parent: int
    last: float
    client: int
    held: str = ""
    cap: float = 0.0


class Listener(Protocol):
    """Who hears what arrives. Contracts, orders and executions are ib_async's records."""

    def on_order(self, contract: Any, order: Any, state: Any) -> None:
        """Hear of an order that works, or has just changed."""

    def on_status(self, status: Status) -> None:
        """Hear of an order's status."""

    def on_execution(self, contract: Any, execution: Any) -> None:
        """Hear of a fill."""

    def on_fee(self, report: Any) -> None:
        """Hear what a fill cost."""

    def on_error(self, number: int, code: int, message: str) -> None:
        """Hear of an error that answers no request for data; the number is an order's, or -1."""

    def on_lost(self, why: str) -> None:
        """Hear that the connection is gone."""


class Wire:
    """One client of TWS. It reconnects when `open` is called again, under the same number."""

    def __init__(
        self, host: str, port: int, client_id: int, *, timeout: float, zone: str, listener: Listener
    ) -> None:
        """Take where TWS is; `zone` is that of its times, where it names none."""
        self._host, self._port, self._client_id, self._timeout = host, port, client_id, timeout
        self._zone, self._listener = zone, listener
        self._client: Any = None
        self._waiting: dict[int | str, tuple[asyncio.Future[None], list[Any]]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._codes: list[int] = []
        self._clock = (0, 0)  # the broker's time, and ours when it was told
        self.heard = 0.0  #: when anything came last, by `time.monotonic`
        self.lost = asyncio.Event()

    @property
    def client(self) -> Any:
        """ib_async's client, to send with.

        Raises:
            Disconnected: There is no connection.
        """
        if self._client is None or not self._client.isReady():
            raise Disconnected(f"ib: no connection to {self._host}:{self._port}")
        return self._client

    async def open(self) -> list[str]:
        """Connect; return the accounts that may be seen.

        Raises:
            ConfigError: The client id is in use.
            Retryable: There is no TWS, or it does not answer.
        """
        from ib_async.client import Client

        await self.close()
        logging.getLogger("ib_async").addHandler(logging.NullHandler())  # errors are raised: no second voice
        self._codes, self.lost = [], asyncio.Event()
        form: Any = Client  # it is not annotated
        client = form(self._wrapper())
        address = f"{self._host}:{self._port}"
        try:
            await client.connectAsync(self._host, self._port, self._client_id, self._timeout)
        except (OSError, TimeoutError) as error:
            await asyncio.sleep(0)  # the transport closes in the loop's next turn
            if _ID_IN_USE in self._codes:
                raise ConfigError(
                    f"ib: client_id={self._client_id} is in use at {address}; give another"
                ) from error
            raise Retryable(
                f"ib: no TWS or IB Gateway answers at {address}; start it and let it accept API clients"
            ) from error
        self._client = client
        return list(client.getAccounts())

    async def close(self, why: str = "closed") -> None:
        """Let go of the connection; whoever waits is told why."""
        client, self._client = self._client, None
        if client is None:
            return
        client.disconnect()
        self._fail_all(why)
        await asyncio.sleep(0)  # the transport closes in the loop's next turn

    async def ask(
        self,
        asked: str,
        send: Callable[[Any, int], None],
        *,
        cancel: Callable[[Any, int], None] | None = None,
        patience: float = math.inf,
    ) -> list[Any]:
        """Return the rows of an answer to a request that has a number of its own.

        Args:
            asked: What this is, for messages.
            send: Sends the request with its number.
            cancel: Ends a request that would go on being answered.
            patience: Seconds to wait at most, where that is less than for others.
        """
        client = self.client
        number = client.getReqId()
        try:
            return await self._wait(asked, number, lambda: send(client, number), patience)
        finally:
            if cancel is not None and self._client is client:
                cancel(client, number)

    async def ask_kind(self, asked: str, kind: str, send: Callable[[Any], None]) -> list[Any]:
        """Return the rows of an answer to a request without a number: one of a kind is made at a time."""
        async with self._turns.setdefault(kind, asyncio.Lock()):
            client = self.client
            return await self._wait(asked, kind, lambda: send(client))

    async def time(self) -> int:
        """Return the broker's clock, ns UTC. TWS tells whole seconds; within one our own clock goes on."""
        (second,) = await self.ask_kind("time", "time", lambda client: client.reqCurrentTime())
        now = int(second) * NANOS_PER_SECOND
        if not now <= self.stamp() < now + NANOS_PER_SECOND:
            self._clock = now, time.monotonic_ns()
        return self.stamp()

    def stamp(self) -> int:
        """Return about what the broker's clock is, for what comes without a time."""
        told, at = self._clock
        return told + time.monotonic_ns() - at if told else time.time_ns()

    async def _wait(
        self, asked: str, key: int | str, send: Callable[[], None], patience: float = math.inf
    ) -> list[Any]:
        patience = min(patience, self._timeout)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        rows: list[Any] = []
        self._waiting[key] = future, rows
        try:
            send()
            async with asyncio.timeout(patience):
                await future
        except TimeoutError as error:
            raise Retryable(f"ib: {asked}: no whole answer within {patience:g} s") from error
        finally:
            del self._waiting[key]
        return rows

    # --- what arrives ------------------------------------------------------------------------------------

    def _wrapper(self) -> SimpleNamespace:
        """Return what ib_async's client calls, by the names of IB's own interface."""
        hear = self._listener
        return SimpleNamespace(
            ib=SimpleNamespace(TimezoneTWS=self._zone),
            defaultTimezone=UTC,
            tcpDataArrived=self._note,
            connectAck=lambda: None,
            setEventsDone=lambda: None,
            connectionClosed=self._on_closed,
            error=self._on_error,
            currentTime=lambda second: self._answer("time", second),
            openOrder=self._on_order,
            openOrderEnd=lambda: self._end("orders"),
            orderStatus=lambda *fields: hear.on_status(Status(*fields)),
            completedOrder=lambda *row: self._add("completed", row),
            completedOrdersEnd=lambda: self._end("completed"),
            execDetails=self._on_execution,
            execDetailsEnd=self._end,
            commissionReport=hear.on_fee,
            position=lambda *row: self._add("positions", row),
            positionEnd=lambda: self._end("positions"),
            accountSummary=lambda number, *row: self._add(number, row),
            accountSummaryEnd=self._end,
            priceSizeTick=lambda *_: None,
            tickSize=self._on_size,
        )

    def _note(self) -> None:
        self.heard = time.monotonic()

    def _add(self, key: int | str, row: Any) -> None:
        if key in self._waiting:
            self._waiting[key][1].append(row)

    def _end(self, key: int | str) -> None:
        future, _ = self._waiting.get(key, (None, ()))
        if future is not None and not future.done():
            future.set_result(None)

    def _answer(self, key: str, value: Any) -> None:
        self._add(key, value)
        self._end(key)

    def _on_order(self, _number: int, contract: Any, order: Any, state: Any) -> None:
        if order.clientId == self._client_id and self._client is not None:
            self._client.updateReqId(order.orderId + 1)
        self._add("orders", order)
        self._listener.on_order(contract, order, state)

    def _on_execution(self, number: int, contract: Any, execution: Any) -> None:
        self._add(number, execution.execId)
        self._listener.on_execution(contract, execution)

    def _on_error(self, number: int, code: int, message: str, _advanced: str) -> None:
        self._codes.append(code)
        waits = self._waiting.get(number)
        if code == _IS_DELAYED:
            return
        if waits is None:
            self._listener.on_error(number, code, message)
        else:
            _fail(waits[0], refuse(code, message, "a request"))

    def _on_size(self, number: int, kind: int, size: float) -> None:
        if kind == _SHORTABLE:
            self._add(number, size)
            self._end(number)

    def _on_closed(self) -> None:
        self._client = None
        self._fail_all("TWS hung up")

    def _fail_all(self, why: str) -> None:
        for future, _ in self._waiting.values():
            _fail(future, Disconnected(f"ib: the connection is gone ({why})"))
        self.lost.set()
        self._listener.on_lost(why)


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():  # of two errors the first counts
        future.set_exception(error)


def refuse(code: int, message: str, asked: str) -> ConfigError | RemoteError:
    """Return what an error code of TWS asks for."""
    came = f"ib: {asked}: error {code} ({quote(message)})"
    if code in _NOT_ALLOWED:
        return ConfigError(f"{came}; check the API settings of TWS")
    return Retryable(came) if code in _BUSY else Rejected(came)
