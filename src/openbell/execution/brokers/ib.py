"""Interactive Brokers by ib_async, through a TWS or IB Gateway that runs and is logged in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from openbell.core.errors import ConfigError, OpenbellError, Retryable
from openbell.core.types import NANOS_PER_SECOND
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers import ib_orders
from openbell.execution.brokers.ib_book import Book
from openbell.execution.brokers.ib_desk import Desk
from openbell.execution.brokers.ib_link import Keeper
from openbell.execution.brokers.ib_wire import Wire
from openbell.execution.factory import BrokerOffer
from openbell.execution.port import Balance, Execution, Foreign, Heard, Holding, Report

_TAGS = "TotalCashValue,NetLiquidation,BuyingPower"
_DAY_TRADES = "DayTradesRemaining"  #: before TWS sees a pattern, -1 for any number; not every account has it
_MOST_DAY_TRADES = 3
_LEDGER = "$LEDGER:ALL"  #: asks for the cash in each currency, and for its rate
_CASH, _RATE, _WHOLE = "TotalCashBalance", "ExchangeRate", "BASE"  #: the last: all currencies together
_TIMEOUT = 8.0  #: seconds, less than whoever sends orders waits
_FEES = 2.0


class IbBroker:
    """One account behind one TWS or gateway."""

    name = "ib"
    offer = BrokerOffer(
        title="Interactive Brokers",
        extra="ib",
        modules=("ib_async",),
        lacks="fractions of shares, amounts of money, fills of earlier days, a check of client order ids",
        second={"client_id": 881},
    )
    capabilities = ib_orders.CAPABILITIES

    def __init__(  # noqa: PLR0913  # a broker's options are these arguments
        self,
        secrets: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        port: int = 7497,
        client_id: int = 81,
        account: str = "",
        live: bool = False,
        exchange: str = "SMART",
        primary_exchanges: Mapping[str, str] | None = None,
        currency: str = "USD",
        timezone: str = "America/New_York",
        timeout: float = _TIMEOUT,
        heartbeat: float = 4.0,
        fees: float = _FEES,
    ) -> None:
        """Take where TWS is, and which account it is about.

        Args:
            secrets: None: TWS is logged in by hand.
            host: Where TWS or the gateway is.
            port: TWS listens on 7497 (paper) or 7496 (live), the gateway on 4002 or 4001.
            client_id: A number that no other client of it has, the same in each run: orders belong to it.
            account: Needed where the login has several.
            live: Whether the account may be one of real money.
            exchange: Where contracts trade; SMART is IB's routing.
            primary_exchanges: The listing exchange of symbols that are ambiguous without.
            currency: Of the contracts.
            timezone: The zone of TWS's times, where it names none with them.
            timeout: Seconds that an answer may take.
            heartbeat: Seconds of silence before TWS is asked for the time; as long may its answer take.
            fees: Seconds that a fill waits for its commission.

        Raises:
            ConfigError: `client_id` is 0, which would take over orders that are placed by hand.
        """
        del secrets
        if client_id < 1:
            raise ConfigError(f"broker 'ib': client_id={client_id} must be 1 or more")
        self._account, self._live, self._client_id = account, live, client_id
        self._primary = dict(primary_exchanges or {})
        self._terms = {"exchange": exchange, "currency": currency}
        self._heard: asyncio.Queue[Heard | OpenbellError | None] = asyncio.Queue()
        self._book = Book(self._heard.put_nowait, self._stamp, fees)
        self._desk = desk = Desk(self._book, client_id, timeout=timeout, contract=self._contract)
        self._wire = desk.wire = Wire(host, port, client_id, timeout=timeout, zone=timezone, listener=desk)
        self._keeper = Keeper(self._wire, self._log_in, self._heard.put_nowait, heartbeat=heartbeat)
        desk.keeper = self._keeper
        self._identity = ""

    # --- the account -------------------------------------------------------------------------------------

    async def connect(self) -> str:
        """Log in; return the account's identity, such as `ib:paper:DU123`."""
        await self._keeper.start()
        return self._identity

    async def now(self) -> int:
        """Return the broker's clock, ns UTC; TWS tells whole seconds."""
        return await self._wire.time()

    async def balance(self) -> Balance:
        """Return cash, equity and buying power, in the account's own currency; cash in others beside it."""
        rows = await self._wire.ask(
            "balance",
            lambda client, number: client.reqAccountSummary(
                number, "All", f"{_TAGS},{_DAY_TRADES},{_LEDGER}"
            ),
            cancel=lambda client, number: client.cancelAccountSummary(number),
        )
        own = [row[1:] for row in rows if row[0] == self._account]
        found = {tag: (value, currency) for tag, value, currency in own}
        missing = [tag for tag in _TAGS.split(",") if tag not in found]
        if missing:
            raise Retryable(f"ib: balance of {self._account}: TWS has no {', '.join(missing)} yet")
        cash, equity, power = (Decimal(found[tag][0]) for tag in _TAGS.split(","))
        currency = found["NetLiquidation"][1]
        left = int(found.get(_DAY_TRADES, ("-1", ""))[0])
        trades = max(_MOST_DAY_TRADES - left, 0) if left >= 0 else 0
        kept = _cash_by_currency(own)
        if kept:  # the value above is that of all currencies together, at rates that move
            cash = kept.pop(currency).cash if currency in kept else Decimal(0)
        foreign = tuple(one for _, one in sorted(kept.items()) if one.cash)
        return Balance(self._wire.stamp(), cash, equity, power, currency, self._keeper.down, trades, foreign)

    async def holdings(self) -> Sequence[Holding]:
        """Return all positions; IB's average has commissions in it."""
        rows = await self._wire.ask_kind("positions", "positions", lambda client: client.reqPositions())
        self._wire.client.cancelPositions()
        return [
            Holding(ib_orders.name_of(contract), ib_orders.exact(quantity), ib_orders.exact(average))
            for account, contract, quantity, average in rows
            if account == self._account and quantity
        ]

    # --- orders ------------------------------------------------------------------------------------------

    async def working(self) -> Sequence[Report]:
        """Return all orders that have not ended, of every client and those placed by hand."""
        return await self._desk.working()

    async def find(self, client_id: str) -> Report | None:
        """Return an order by its client id; of those that have ended TWS knows the ones of today."""
        return await self._desk.find(client_id)

    async def executions(self, since: int) -> Sequence[Execution]:
        """Return today's fills from a time on: TWS has no others. They wait for their fees a moment."""
        from ib_async import ExecutionFilter

        self._desk.check_link("executions")
        wanted = ExecutionFilter(acctCode=self._account)
        rows = await self._wire.ask("executions", lambda client, n: client.reqExecutions(n, wanted))
        floor = since - since % NANOS_PER_SECOND  # they are stamped in whole seconds
        found = [fill for fill in await self._book.collect(rows) if fill.time >= floor]
        return sorted(found, key=lambda fill: fill.time)

    async def place(self, order: ApprovedOrder) -> Report:
        """Send an order, and its exits with it; return when TWS has said what it makes of it."""
        return await self._desk.place(order)

    async def replace(self, client_id: str, order: ApprovedOrder) -> Report:
        """Change a working order in place: it keeps its number, and takes the new client id."""
        return await self._desk.replace(client_id, order)

    async def cancel(self, client_id: str) -> None:
        """Ask to cancel an order."""
        await self._desk.cancel(client_id)

    async def cancel_all(self) -> None:
        """Ask to cancel every order of the login, by one request."""
        self._desk.cancel_all()

    async def events(self) -> AsyncIterator[Heard]:
        """Yield what happens to the account's orders."""
        while (heard := await self._heard.get()) is not None:
            if isinstance(heard, OpenbellError):
                raise heard
            yield heard

    async def close(self) -> None:
        """Disconnect; TWS and its orders stay as they are."""
        await self._keeper.stop()
        await self._wire.close()
        self._book.close()
        self._heard.put_nowait(None)

    # --- inside ------------------------------------------------------------------------------------------

    async def _log_in(self, accounts: list[str]) -> None:
        """Choose the account of a connection, and check that it is the right one."""
        chosen = self._account or (accounts[0] if len(accounts) == 1 else "")
        if chosen not in accounts:
            raise ConfigError(
                f"ib: account={chosen!r} is none of this login's; give one of {', '.join(accounts)}"
            )
        paper = chosen.startswith("D")  # DU, DF and DI are accounts of IB's simulation
        identity = f"ib:{'paper' if paper else 'live'}:{chosen}"
        if not paper and not self._live:
            await self._wire.close()
            raise ConfigError(f"ib: {chosen} is an account of real money; say live: true if it is meant")
        self._account = self._book.account = chosen
        self._identity = identity
        await self._wire.time()

    def _stamp(self) -> int:
        return self._wire.stamp()

    def _contract(self, symbol: str) -> Any:
        primary = self._primary.get(symbol, "")
        return ib_orders.find_contract(symbol, {**self._terms, "primaryExchange": primary})


def _cash_by_currency(rows: Sequence[tuple[str, str, str]]) -> dict[str, Foreign]:
    """Return the cash in each currency, with its rate, of rows of tag, value and currency.

    Raises:
        Retryable: TWS has told the cash of a currency and not yet its rate.
    """
    rates = {currency: Decimal(value) for tag, value, currency in rows if tag == _RATE}
    cash = {c: Decimal(value) for tag, value, c in rows if tag == _CASH and c != _WHOLE}
    for currency in cash:
        if currency not in rates:
            raise Retryable(f"ib: balance: TWS has no rate of {currency} yet")
    return {currency: Foreign(currency, amount, rates[currency]) for currency, amount in cash.items()}
