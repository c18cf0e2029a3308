"""A live broker in the same process, on the loopback exchange: for what goes wrong between the two.

Every call passes two points, before the exchange and after it, and every event one. A test's `script` is
asked at each and may raise, wait, or kill: `("place", "before")` is a request that is lost, `("place",
"after")` an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal

from openbell.core.errors import Disconnected, Rejected, Retryable
from openbell.core.types import OrderStatus, OrderType, Reason, TimeInForce
from openbell.execution.approval import ApprovedOrder
from openbell.execution.port import (
    STOP_LEG,
    TARGET_LEG,
    Balance,
    Capabilities,
    Execution,
    Foreign,
    Heard,
    Holding,
    Link,
    Report,
)
from tests.loopback.exchange import Event, Exchange, Executed, Placed, Refusal

EVERYTHING = Capabilities(
    frozenset(OrderType), frozenset(TimeInForce), bracket=True, oco=True, replace=True, fractional=True,
    short=True, extended_hours=True, unique_ids=True,
)  # fmt: skip
#: Market and limit orders, and no more: everything else is emulated.
BARE = Capabilities(
    frozenset({OrderType.MARKET, OrderType.LIMIT}),
    frozenset({TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC}),
)

Script = Callable[[str, str], Awaitable[None]]


class Direct:
    """A `LiveBroker` on an exchange.

    Args:
        exchange: The exchange.
        capabilities: What it says that it can do.
        script: Asked at each point: the call's name, and `before`, `after` or `event`.
        muddle: What becomes of the events that one call or one trade led to: doubled, turned round, lost.
    """

    def __init__(
        self,
        exchange: Exchange,
        capabilities: Capabilities = EVERYTHING,
        *,
        script: Script | None = None,
        muddle: Callable[[Sequence[Heard]], Sequence[Heard]] | None = None,
        name: str = "direct",
    ) -> None:
        self.name, self.capabilities, self.exchange = name, capabilities, exchange
        self.calls: list[str] = []  #: what was asked, in order
        self.muted = False  #: whether events wait for `release`
        self.foreign: Sequence[Foreign] = ()  #: cash in other currencies
        self._script, self._muddle = script, muddle
        self._waiting: list[Heard] = []
        self._stream: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._down = False
        exchange.listeners.append(self._hear)

    # --- what a test does with the stream ---------------------------------------------------------------

    def release(self, order: Callable[[Sequence[Heard]], Sequence[Heard]] = list) -> None:
        """Let the events through that were held back, in another order if one is given."""
        waiting, self._waiting, self.muted = self._waiting, [], False
        for heard in order(waiting):
            self._stream.put_nowait(heard)

    def drop(self) -> None:
        """Lose the stream: what happens is not told until `restore`, nor after it."""
        self._down = True
        self._stream.put_nowait(Link(up=False, time=self.exchange.time, why="dropped"))

    def restore(self) -> None:
        """Have the stream again."""
        self._down = False
        self._stream.put_nowait(Link(up=True, time=self.exchange.time))

    # --- the port ----------------------------------------------------------------------------------------

    async def connect(self) -> str:
        async with self._point("connect"):
            return "direct:paper:1"

    async def now(self) -> int:
        async with self._point("now"):
            return self.exchange.time

    async def balance(self) -> Balance:
        async with self._point("balance"):
            x = self.exchange
            equity = x.equity + sum(one.cash * one.rate for one in self.foreign)
            return Balance(
                x.time, x.cash, equity, x.buying_power, blocked=x.trading_blocked, day_trades=x.day_trades,
                foreign=self.foreign,
            )  # fmt: skip

    async def holdings(self) -> Sequence[Holding]:
        async with self._point("holdings"):
            x = self.exchange
            return [Holding(s, q, x.averages[s]) for s, q in x.positions.items() if q]

    async def working(self) -> Sequence[Report]:
        async with self._point("working"):
            return [self.report_of_order(one) for one in self.exchange.working()]

    async def find(self, client_id: str) -> Report | None:
        async with self._point("find"):
            found = self.exchange.find(client_id)
            return None if found is None else self.report_of_order(found)

    async def executions(self, since: int) -> Sequence[Execution]:
        async with self._point("executions"):
            return [execution_of_fill(fill) for fill in self.exchange.fills if fill.time >= since]

    async def place(self, order: ApprovedOrder) -> Report:
        async with self._point("place"):
            made = self.exchange.place(
                placed_of(order), take_profit=order.take_profit, stop_loss=order.stop_loss,
                leg_ids=(order.client_id + TARGET_LEG, order.client_id + STOP_LEG),
            )  # fmt: skip
            return self.report_of_order(made)

    async def replace(self, client_id: str, order: ApprovedOrder) -> Report:
        async with self._point("replace"):
            old = self._id(client_id)
            made = self.exchange.replace(
                old, order.client_id, quantity=order.quantity, limit=order.limit, stop=order.stop,
                trail=order.trail,
            )  # fmt: skip
            return self.report_of_order(made)

    async def cancel(self, client_id: str) -> None:
        async with self._point("cancel"):
            self.exchange.cancel(self._id(client_id))

    async def cancel_all(self) -> None:
        async with self._point("cancel_all"):
            self.exchange.cancel_all()

    async def events(self) -> AsyncIterator[Heard]:
        while (heard := await self._stream.get()) is not None:
            if self._script is not None:
                await self._script("events", "event")
            yield heard

    async def close(self) -> None:
        if self._hear in self.exchange.listeners:
            self.exchange.listeners.remove(self._hear)
        self._stream.put_nowait(None)

    # --- inside ------------------------------------------------------------------------------------------

    def _point(self, call: str) -> _Point:
        self.calls.append(call)
        return _Point(call, self._script)

    def _id(self, client_id: str) -> str:
        found = self.exchange.find(client_id)
        if found is None:
            raise Rejected(f"direct: order {client_id} not found")
        return found.id

    def _hear(self, event: Event) -> None:
        told: list[Heard] = [self.report_of_order(event.order)]
        if event.fill is not None:
            told.append(execution_of_fill(event.fill))
        if self._down:
            return
        for heard in told if self._muddle is None else self._muddle(told):
            if self.muted:
                self._waiting.append(heard)
            else:
                self._stream.put_nowait(heard)

    def report_of_order(self, order: Placed) -> Report:
        """Return what a broker says of an order of the exchange."""
        replaced = self.exchange.orders.get(order.replaces)
        reason = Reason.NONE
        if order.replaced_by:
            reason = Reason.REPLACED
        elif order.status is OrderStatus.EXPIRED:
            reason = Reason.GOOD_TILL if order.tif is TimeInForce.GTD else Reason.SESSION_END
        return Report(
            order.client_id, order.id, order.symbol, order.side, order.quantity, order.status,
            order.updated or order.submitted, order.filled, order.average, reason, order.said,
            replaced.client_id if replaced is not None else "",
        )  # fmt: skip


class _Point:
    """What lies around a call of the exchange: the way there, its refusals, and the way back."""

    def __init__(self, call: str, script: Script | None) -> None:
        self._call, self._script = call, script

    async def __aenter__(self) -> None:
        await asyncio.sleep(0)
        if self._script is not None:
            await self._script(self._call, "before")

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Refusal):
            raise Rejected(f"direct: {error.said}") from error
        if error is None and self._script is not None:
            await self._script(self._call, "after")


class Faults:
    """A script of faults: each goes off once, at the next time that its point is passed."""

    def __init__(self, *faults: tuple[str, str, str]) -> None:
        """Take faults: the call, the point, and `retryable`, `disconnected`, or seconds to wait."""
        self.left = list(faults)

    async def __call__(self, call: str, point: str) -> None:
        for fault in self.left:
            if fault[:2] == (call, point):
                self.left.remove(fault)
                if fault[2] == "retryable":
                    raise Retryable(f"direct: {call} timed out", after=0.0)
                if fault[2] == "disconnected":
                    raise Disconnected(f"direct: {call}: the connection is gone")
                await asyncio.sleep(float(fault[2]))
                return


def execution_of_fill(fill: Executed) -> Execution:
    """Return what a broker says of a fill of the exchange."""
    return Execution(
        fill.id, fill.client_id, fill.order_id, fill.symbol, fill.side, fill.quantity, fill.price, fill.fee,
        fill.time,
    )  # fmt: skip


def placed_of(order: ApprovedOrder) -> Placed:
    """Return an order as it is placed at the exchange."""
    return Placed(
        order.client_id, order.symbol, order.side, order.type, order.tif, order.quantity or Decimal(0),
        limit=order.limit, stop=order.stop, trail=order.trail, trail_percent=order.trail_percent,
        good_till=order.good_till, extended=order.extended_hours, reduce_only=order.reduce_only,
    )  # fmt: skip
