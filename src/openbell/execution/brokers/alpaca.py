"""Alpaca as a broker, by alpaca-py: paper accounts, unless it is told to trade real money."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from openbell.core.errors import BadData, ConfigError, OpenbellError, Rejected, RemoteError
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers import alpaca_wire as wire
from openbell.execution.brokers.alpaca_account import Lookup
from openbell.execution.brokers.alpaca_events import Events
from openbell.execution.brokers.alpaca_loans import Loans
from openbell.execution.brokers.alpaca_orders import Orders
from openbell.execution.brokers.alpaca_requests import Requests, is_duplicate
from openbell.execution.brokers.alpaca_stream import Updates
from openbell.execution.brokers.alpaca_terms import CAPABILITIES, write_change, write_order
from openbell.execution.brokers.alpaca_wire import Row
from openbell.execution.factory import BrokerOffer
from openbell.execution.port import Balance, Execution, Heard, Holding, Link, Report
from openbell.remote.alpaca import KEY, SECRET
from openbell.utils.logging import get_logger, redact

_HOSTS = {True: "paper-api.alpaca.markets", False: "api.alpaca.markets"}
_BLOCKS = ("trading_blocked", "account_blocked", "trade_suspended_by_user")


class AlpacaBroker:
    """An account at Alpaca."""

    name = "alpaca"
    capabilities = CAPABILITIES
    offer = BrokerOffer(
        title="Alpaca",
        extra="alpaca",
        modules=("alpaca",),
        variables=(KEY, SECRET),
        lacks="orders that are good till a date; fractions with exits, with a trail, or longer than a day; "
        "a sale of more than is held by one order; fees in its fills",
        logs_in=False,
    )

    def __init__(  # each endpoint and each patience is an option
        self,
        secrets: Mapping[str, str],
        *,
        paper: bool = True,
        trading_url: str = "",
        stream_url: str = "",
        timeout: float = 8.0,
        rate: float = 200.0,
        ping: float = 4.0,
        silence: float = 8.0,
    ) -> None:
        """Take the keys, and which of the account's two worlds is meant.

        Args:
            secrets: ALPACA_API_KEY and ALPACA_SECRET_KEY.
            paper: Whether it is the paper account; real money is traded only where this is false.
            trading_url: The base of the trading API, without a version; Alpaca's own if empty.
            stream_url: The full address of the stream of updates; Alpaca's own if empty.
            timeout: Seconds to wait for a connection, and for each part of an answer.
            rate: Requests a minute that the account may make.
            ping: Seconds between pings of the stream; it is gone if one is not answered in as many.
            silence: Seconds after which a stream is mute that says nothing of an order that was taken.

        Raises:
            ConfigError: A number is not positive, or `paper` no truth value.
        """
        numbers = {"timeout": timeout, "rate": rate, "ping": ping, "silence": silence}
        for option, value in numbers.items():
            if isinstance(value, bool) or not 0.0 < value < float("inf"):
                raise ConfigError(f"alpaca: {option}={value} must be a positive number")
        if not isinstance(paper, bool):
            raise ConfigError(f"alpaca: paper={paper!r} must be true or false")
        for secret in secrets.values():
            redact(secret)
        self._world, host = "paper" if paper else "live", _HOSTS[paper]
        self._seen = 0  # the broker's clock, as it was last told
        self._heard: asyncio.Queue[Heard | OpenbellError | None] = asyncio.Queue()
        self._linked = asyncio.Event()  # the stream is there, or was found not to be
        self._task: asyncio.Task[None] | None = None
        url = trading_url.rstrip("/") or f"https://{host}"
        self._requests = Requests(secrets, url=url, timeout=timeout, rate=rate)
        self._orders = Orders()
        self._lookup = Lookup(self._requests, self._orders)
        self._loans = Loans(self._requests, lambda: self._seen)
        self._events = Events(self._requests, self._orders, self._lookup)
        self._updates = Updates(
            secrets,
            url=stream_url or f"wss://{host}/stream",
            clock=lambda: self._seen,
            timeout=timeout,
            ping=ping,
            silence=silence,
        )

    async def connect(self) -> str:
        """Log in; return `alpaca:paper:` or `alpaca:live:` and the account's number.

        The stream is tried as well. Where it cannot be had yet, `events` begins with a link that is down.

        Raises:
            ConfigError: The keys are refused.
            Retryable: The server is busy, slow or broken.
        """
        row = await self._requests.get("the account", "/account")
        await self.now()
        self._listen()
        await self._linked.wait()
        return f"{self.name}:{self._world}:{wire.read_text(row, 'account_number')}"

    async def now(self) -> int:
        """Return the broker's clock, ns UTC."""
        row = await self._requests.get("the clock", "/clock")
        return self._see(wire.read_time(row.get("timestamp")))

    async def balance(self) -> Balance:
        """Return cash, equity and buying power, and why the account cannot trade, if it cannot."""
        row = await self._requests.get("the account", "/account")
        blocked = [name for name in _BLOCKS if row.get(name) is True]
        if row.get("status") != "ACTIVE":
            blocked.append(f"status {row.get('status')}")
        cash, equity, power = (wire.read_decimal(row, name) for name in ("cash", "equity", "buying_power"))
        currency = str(row.get("currency") or "USD")
        trades = int(row.get("daytrade_count") or 0)
        return Balance(await self.now(), cash, equity, power, currency, ", ".join(blocked), trades)

    async def holdings(self) -> Sequence[Holding]:
        """Return all positions."""
        return [_read_holding(row) for row in await self._requests.get("the positions", "/positions")]

    async def working(self) -> Sequence[Report]:
        """Return all orders that have not ended, the exits of brackets too."""
        rows = await self._lookup.list({"status": "open"}, "the working orders")
        return [await self._lookup.report(row) for row in rows]

    async def find(self, client_id: str) -> Report | None:
        """Return an order by its client id; None if Alpaca never got it."""
        row = await self._lookup.find(client_id)
        return None if row is None else await self._lookup.report(row)

    async def executions(self, since: int) -> Sequence[Execution]:
        """Return the fills from a time on, oldest first; some of the second before it may be among them."""
        return await self._lookup.executions(since)

    async def place(self, order: ApprovedOrder) -> Report:
        """Send an order, once. What is said of it by `events` may come before this returns.

        Raises:
            Rejected: Alpaca refuses it, or would.
            Retryable: Nobody knows whether it arrived. Sending it again under its id cannot double it.
            ConfigError: The keys are refused.
        """
        body = write_order(order)
        await self._loans.check(order)
        self._orders.send(order.client_id)
        try:
            row = await self._requests.send(f"order {order.client_id}", "post", "/orders", body)
        except Rejected as error:
            if not is_duplicate(error):
                raise
            return await self._find_same(order, error)
        if row.get("status") in ("pending_new", "new"):
            self._updates.expect()
        report = await self._lookup.report(row)
        for leg in self._orders.held_legs(report.broker_id):  # of these the stream says nothing
            self._heard.put_nowait(await self._lookup.report(leg))
        return report

    async def replace(self, client_id: str, order: ApprovedOrder) -> Report:
        """Ask to put an order in the place of a working one.

        Alpaca fills the new quantity beside what the old order filled, so it is sent without that. If more
        fills before the old one is gone, the new order is cancelled as soon as that is heard.
        """
        order_id = await self._lookup.id(client_id)
        row = await self._lookup.row(order_id)
        before = await self._lookup.report(row)
        left = order.quantity - before.filled
        if left <= 0:
            raise Rejected(f"alpaca: order {client_id} has filled {before.filled}; nothing is left to change")
        same = before.filled == 0 and left == wire.read_quantity(row)  # a leg's own cannot be set
        body = write_change(order, None if same else left)
        self._orders.send(order.client_id)
        self._orders.limit(order.client_id, order.quantity)
        made = await self._requests.send(f"a change of {client_id}", "patch", f"/orders/{order_id}", body)
        self._updates.expect()
        report = await self._lookup.report(made)
        await self._events.hold_to_limit(report)
        return report

    async def cancel(self, client_id: str) -> None:
        """Ask to cancel an order.

        Raises:
            Rejected: There is no such order, or it has ended.
        """
        order_id = await self._lookup.id(client_id)
        self._orders.ask(client_id)
        await self._requests.send(f"the cancel of {client_id}", "delete", f"/orders/{order_id}")

    async def cancel_all(self) -> None:
        """Ask to cancel every order of the account, by one request."""
        self._orders.ask_all()
        await self._requests.send("the cancel of all orders", "delete", "/orders")

    async def events(self) -> AsyncIterator[Heard]:
        """Yield what happens to the account's orders. Each time that the stream begins, a link comes up.

        Raises:
            ConfigError: The keys are refused.
        """
        self._listen()
        while (heard := await self._heard.get()) is not None:
            if isinstance(heard, OpenbellError):
                raise heard
            yield heard

    async def close(self) -> None:
        """Let go of connections."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._heard.put_nowait(None)
        await self._updates.close()
        self._requests.close()

    def _listen(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._hear())

    async def _hear(self) -> None:
        """Put what the stream says into the queue, from the login on: nothing that follows it is missed."""
        try:
            async for update in self._updates.messages():
                if isinstance(update, Link):
                    self._heard.put_nowait(update)
                    self._linked.set()
                else:
                    await self._hear_update(update)
        except OpenbellError as error:
            self._heard.put_nowait(error)
        finally:
            self._linked.set()

    async def _hear_update(self, update: Row) -> None:
        try:
            self._see(wire.read_time(update.get("timestamp")))
            told = await self._events.read(update)
        except (RemoteError, BadData) as error:
            get_logger().warning("an update could not be read, so the stream begins anew: {}", error)
            self._updates.drop(str(error))
            return
        for heard in told:
            self._heard.put_nowait(heard)

    def _see(self, time: int) -> int:
        self._seen = max(self._seen, time)
        return time

    async def _find_same(self, order: ApprovedOrder, error: Rejected) -> Report:
        """Return the order that has taken a client id, if it is this one."""
        found = await self.find(order.client_id)
        same = (
            found is not None
            and (found.symbol, found.side) == (order.symbol, order.side)
            and (order.notional is not None or found.quantity == order.quantity)
        )
        if found is None or not same:
            raise error
        return found


def _read_holding(row: Row) -> Holding:
    quantity = abs(wire.read_decimal(row, "qty"))
    if row.get("side") == "short":
        quantity = -quantity
    return Holding(wire.read_text(row, "symbol"), quantity, wire.read_decimal(row, "avg_entry_price"))
