"""Crypto exchanges by ccxt: spot orders of any that it knows and that takes client order ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from openbell.core.errors import BadData, ConfigError, OpenbellError, Rejected, Retryable, nearest
from openbell.execution.approval import ApprovedOrder
from openbell.execution.brokers import ccxt_orders
from openbell.execution.brokers.ccxt_orders import ZERO, exact
from openbell.execution.brokers.ccxt_reads import Names, fetch_trades, find_row, is_absent
from openbell.execution.brokers.ccxt_stream import Watch
from openbell.execution.factory import BrokerOffer
from openbell.execution.port import Balance, Execution, Heard, Holding, Report
from openbell.remote.ccxt import MILLI, make_exchange, translated
from openbell.utils.logging import redact

KEY, SECRET, PASSWORD = "CCXT_API_KEY", "CCXT_SECRET", "CCXT_PASSWORD"  # variables' names
_NAMES = {KEY: "apiKey", SECRET: "secret", PASSWORD: "password"}


class CcxtBroker:
    """One account at one exchange, in spot markets. Symbols are ccxt's, such as `BTC/USDT`."""

    name = "ccxt"
    offer = BrokerOffer(
        title="ccxt",
        extra="crypto",
        modules=("ccxt",),
        variables=(KEY, SECRET),
        optional=(PASSWORD,),
        lacks="brackets, pairs, trailing stops, changes in place, short sales; average prices of positions",
    )

    def __init__(  # noqa: PLR0913  # a broker's options are these arguments
        self,
        secrets: Mapping[str, str],
        *,
        exchange: str = "binance",
        symbols: Sequence[str] = (),
        currency: str = "",
        live: bool = False,
        id_length: int | None = None,
        timeout: float = 8.0,
        keep_alive: float = 4.0,
        poll: float = 2.0,
        sweep: float = 30.0,
        urls: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Take an exchange, and what is traded there.

        Args:
            secrets: The key by its variables.
            exchange: The id that ccxt gives it, such as `binance`.
            symbols: What is traded: most exchanges are asked for orders and fills by symbol, and the coins of
                these are the account's positions.
            currency: What the account's cash is; that of the symbols where they have one.
            live: Whether real money is meant; else it is the exchange's sandbox.
            id_length: The longest client order id, where Openbell does not know it.
            timeout: Seconds that an answer may take.
            keep_alive: Seconds between pings of the stream; two without a pong end it.
            poll: Seconds between two looks at the account while there is no stream.
            sweep: The same while there is one.
            urls: Addresses in place of those under ccxt's `urls.api`.
            options: ccxt's own options of the exchange.

        Raises:
            ConfigError: ccxt has no such exchange, it has no sandbox, it takes no client order ids, or
                `symbols` do not fit.
        """
        import ccxt.pro

        for secret in secrets.values():
            redact(secret)
        if not symbols:
            raise ConfigError("broker 'ccxt': symbols are needed, such as ['BTC/USDT']")
        quotes = {symbol.partition("/")[2] for symbol in symbols}
        if not currency and len(quotes) != 1:
            raise ConfigError(
                f"broker 'ccxt': symbols are priced in {', '.join(sorted(quotes))}; give currency"
            )
        module = "ccxt.pro" if exchange in ccxt.pro.exchanges else "ccxt.async_support"
        self._ccxt = make_exchange(
            exchange, module=module, timeout=timeout, urls=urls or {}, options=options or {},
            sandbox=not live, secrets={_NAMES[variable]: secret for variable, secret in secrets.items()},
        )  # fmt: skip
        markets = self._ccxt.options.get("fetchMarkets")
        if isinstance(markets, dict) and "types" in markets:
            self._ccxt.options["fetchMarkets"] = {**markets, "types": ["spot"]}
        if module == "ccxt.pro":
            self._ccxt.streaming = self._ccxt.streaming | {"keepAlive": keep_alive * 1000}
        self.capabilities = ccxt_orders.read_capabilities(self._ccxt, id_length)
        self._symbols, self._currency, self._live = tuple(symbols), currency or quotes.pop(), live
        self._where = f"ccxt: {exchange}"
        self._heard: asyncio.Queue[Heard | OpenbellError | None] = asyncio.Queue()
        self._watch = Watch(self._ccxt, self, self._heard.put_nowait, poll=poll, sweep=sweep)
        self._names = Names()

    # --- the account -------------------------------------------------------------------------------------

    async def connect(self) -> str:
        """Check the key; return the account's identity, in which a digest stands for the key."""
        with translated(f"{self._where}: markets"):
            markets = await self._ccxt.load_markets()
        for symbol in self._symbols:
            if symbol not in markets:
                raise ConfigError(f"{self._where} has no symbol {symbol!r}{nearest(symbol, markets)}")
        await self._fetch_balance()
        self._watch.start()
        digest = blake2b(str(self._ccxt.apiKey).encode(), digest_size=4).hexdigest()
        return f"ccxt:{self._ccxt.id}:{'live' if self._live else 'paper'}:{digest}"

    async def now(self) -> int:
        """Return the exchange's clock, ns UTC; our own where it does not tell it."""
        if not self._ccxt.has.get("fetchTime"):
            return self._now()
        with translated(f"{self._where}: time"):
            return int(await self._ccxt.fetch_time()) * MILLI

    async def balance(self) -> Balance:
        """Return cash, what all is worth at the last prices, and the cash that no order ties up."""
        held = await self._fetch_balance()
        cash = exact((held.get(self._currency) or {}).get("total"))
        free = exact((held.get(self._currency) or {}).get("free"))
        equity = cash
        for holding in self._holdings(held):
            with translated(f"{self._where}: price of {holding.symbol}"):
                ticker = await self._ccxt.fetch_ticker(holding.symbol)
            equity += holding.quantity * exact(ticker["last"])
        return Balance(await self.now(), cash, equity, free, self._currency)

    async def holdings(self) -> Sequence[Holding]:
        """Return the coins of the symbols; an exchange does not keep what they cost."""
        return self._holdings(await self._fetch_balance())

    # --- orders ------------------------------------------------------------------------------------------

    async def working(self) -> Sequence[Report]:
        """Return the orders of the symbols that have not ended, whoever placed them."""
        rows: list[Any] = []
        for symbol in self._symbols:
            with translated(f"{self._where}: open orders of {symbol}"):
                rows += await self._ccxt.fetch_open_orders(symbol)
        return [self.read_order(row) for row in rows]

    async def find(self, client_id: str) -> Report | None:
        """Return an order by its client id: asked for, or looked for in what the exchange lists."""
        _, known = self._names.place(client_id)
        for symbol in [known] if known else self._symbols:
            with translated(f"{self._where}: order {client_id}"):
                row = await find_row(self._ccxt, client_id, symbol)
            if row is not None:
                return self.read_order(row)
        return None

    async def executions(self, since: int) -> Sequence[Execution]:
        """Return the fills of the symbols from a time on, oldest first."""
        rows: dict[str, Any] = {}
        for symbol in self._symbols:
            with translated(f"{self._where}: fills of {symbol}"):
                rows |= await fetch_trades(self._ccxt, symbol, max(since, 0) // MILLI)
        fills = [await self.read_trade(row) for row in rows.values()]
        return sorted(
            (fill for fill in fills if fill.time >= since - since % MILLI), key=lambda one: one.time
        )

    async def place(self, order: ApprovedOrder) -> Report:
        """Send an order. An answer that cannot be read leaves open whether it was taken."""
        exchange, symbol = self._ccxt, order.symbol
        market = exchange.markets.get(symbol)
        fault = f"there is no symbol {symbol}" if market is None else ""
        fault = fault or ccxt_orders.find_fault(order, market, self.capabilities)
        if fault:
            raise Rejected(f"{self._where}: order {order.client_id} was not sent: {fault}")
        amount = price = None
        if order.notional is None:
            amount = ccxt_orders.write_number(exchange, "amount", symbol, order.quantity)
        if order.limit is not None:
            price = ccxt_orders.write_number(exchange, "price", symbol, order.limit)
        elif order.stop is not None:
            ccxt_orders.write_number(exchange, "price", symbol, order.stop)
        elif order.side > 0 and amount is not None and ccxt_orders.needs_price(exchange):
            with translated(f"{self._where}: price of {symbol}"):
                price = (await exchange.fetch_ticker(symbol))["ask"]
        self._names.put(order.client_id, "", symbol)
        try:
            with translated(f"{self._where}: order {order.client_id}"):
                row = await self._create(order, amount, price)
        except BadData as error:
            raise Retryable(str(error)) from error
        report = ccxt_orders.read_report(row, now=self._now(), order=order)
        self._names.put(order.client_id, report.broker_id, symbol)
        self._watch.note(report)
        return report

    async def replace(self, client_id: str, order: ApprovedOrder) -> Report:
        """Refuse: what exchanges call so is a cancel and a new order, with a gap between."""
        raise Rejected(f"{self._where}: order {client_id} cannot become {order.client_id} in place")

    async def cancel(self, client_id: str) -> None:
        """Ask to cancel an order."""
        if not self._names.place(client_id)[0] and await self.find(client_id) is None:
            raise Rejected(f"{self._where}: cancel: there is no order {client_id}")
        number, symbol = self._names.place(client_id)
        with translated(f"{self._where}: cancel of order {client_id}"):
            await self._ccxt.cancel_order(number, symbol)

    async def cancel_all(self) -> None:
        """Ask to cancel every order of the symbols."""
        for report in await self.working():
            with translated(f"{self._where}: cancel of order {report.broker_id}"):
                try:
                    await self._ccxt.cancel_order(report.broker_id, report.symbol)
                except Exception as error:  # the next ones must be asked for as well
                    if not is_absent(error):
                        raise

    async def events(self) -> AsyncIterator[Heard]:
        """Yield what happens to the account's orders."""
        while (heard := await self._heard.get()) is not None:
            if isinstance(heard, OpenbellError):
                raise heard
            yield heard

    async def close(self) -> None:
        """Close its connections; orders stay as they are."""
        await self._watch.stop()
        await self._ccxt.close()
        self._heard.put_nowait(None)

    # --- what is read ------------------------------------------------------------------------------------

    def read_order(self, row: Any) -> Report:
        """Return one of ccxt's orders as a report."""
        report = ccxt_orders.read_report(row, now=self._now())
        if not report.client_id:
            report = report._replace(client_id=self._names.client_id(report.broker_id))
        self._names.put(report.client_id, report.broker_id, report.symbol)
        return report

    async def read_trade(self, row: Any) -> Execution:
        """Return one of ccxt's trades; its order is asked for if its client id is not known."""
        number = str(row.get("order") or "")
        if number and not self._names.has(number):
            with translated(f"{self._where}: order {number}"):
                self.read_order(await self._ccxt.fetch_order(number, row["symbol"]))
        return ccxt_orders.read_execution(row, self._names.client_id(number), now=self._now())

    # --- inside ------------------------------------------------------------------------------------------

    async def _create(self, order: ApprovedOrder, amount: float | None, price: float | None) -> Any:
        params, side = ccxt_orders.write_params(order), "buy" if order.side > 0 else "sell"
        if order.notional is not None:
            cost = float(order.notional)
            return await self._ccxt.create_market_buy_order_with_cost(order.symbol, cost, params)
        kind = "limit" if order.limit is not None else "market"
        return await self._ccxt.create_order(order.symbol, kind, side, amount, price, params)

    async def _fetch_balance(self) -> Any:
        with translated(f"{self._where}: balance"):
            return await self._ccxt.fetch_balance()

    def _holdings(self, held: Any) -> list[Holding]:
        totals = [
            (symbol, exact((held.get(symbol.partition("/")[0]) or {}).get("total")))
            for symbol in self._symbols
        ]
        return [Holding(symbol, total, ZERO) for symbol, total in totals if total]

    def _now(self) -> int:
        return int(self._ccxt.milliseconds()) * MILLI
