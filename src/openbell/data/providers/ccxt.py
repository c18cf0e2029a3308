"""Crypto exchanges by ccxt: bars, market facts, quotes and streams of any that ccxt knows."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from openbell.core.errors import BadData, ConfigError, nearest
from openbell.core.messages import Quote
from openbell.core.types import NANOS_PER_DAY, Action, Instrument
from openbell.data.bars import CalendarUnit, Source, parse_timeframe
from openbell.data.calendar import ALWAYS_OPEN
from openbell.data.providers.answers import check_timeframe, cut_batch, make_batch, read_number
from openbell.data.providers.ccxt_stream import CcxtConnection
from openbell.data.providers.ccxt_wire import put_pace, read_quote
from openbell.data.providers.http import TIMEOUT
from openbell.data.providers.protocol import Batch, Limit, Offer, Pace, Span, no_pace
from openbell.remote.ccxt import MILLI, make_exchange, translated

_PAGE = 100  #: bars that any exchange answers with, where ccxt does not know how many
_WIDTH = 6  #: numbers of a bar
_FINEST = 1e-8  #: the grid where an exchange states none
_SIGNIFICANT = 3  #: ccxt's number for precision in significant digits
_STEPS = 4  #: its number for precision as a step; the other is decimal places

_OFFER = Offer(
    title="ccxt",
    extra="crypto",
    modules=("ccxt",),
    timeframes=("1m", "5m", "15m", "30m", "1h", "4h", "1d"),
    feeds=("kraken",),
    instruments=True,
    quotes=True,
    channels=("bars", "quotes", "trades"),
    limit=Limit(1, 1),
    lacks="more than the last 720 bars of a timeframe from Kraken; other exchanges keep years",
)


class CcxtProvider:
    """One exchange, by its public data: no key. Symbols are ccxt's, such as `BTC/USD`."""

    name = "ccxt"
    offer = _OFFER

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        exchange: str = "kraken",
        timeout: float = TIMEOUT,
        keep_alive: float | None = None,
        urls: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Take an exchange.

        Args:
            secrets: None: public data need no key.
            exchange: The id that ccxt gives it, such as `kraken` or `coinbase`.
            timeout: Seconds that an answer may take.
            keep_alive: Seconds between pings of the stream; two without a pong end it. None is ccxt's own.
            urls: Addresses in place of those under ccxt's `urls.api`.
            options: ccxt's own options of the exchange.

        Raises:
            ConfigError: ccxt has no such exchange, or it has no bars.
        """
        del secrets
        self._kind: dict[str, Any] = {"timeout": timeout, "urls": urls or {}, "options": options or {}}
        self._exchange, self._keep_alive = exchange, keep_alive
        self._wait: Pace = no_pace
        self._ccxt = make_exchange(exchange, module="ccxt.async_support", **self._kind)
        served = [timeframe for timeframe in _OFFER.timeframes if timeframe in (self._ccxt.timeframes or {})]
        if not (self._ccxt.has.get("fetchOHLCV") and served):
            raise ConfigError(f"ccxt: exchange={exchange!r} has no bars; choose another")
        limit = Limit(1000.0 / self._ccxt.rateLimit, 1.0)  # ccxt's is the ms between two requests
        self.offer = replace(_OFFER, timeframes=tuple(served), feeds=(exchange,), limit=limit)

    def pace(self, wait: Pace) -> None:
        """Await a function before each request: those for the exchange's markets are some too."""
        self._wait = wait
        put_pace(self._ccxt, wait)

    def source(self, symbol: str) -> Source:  # noqa: ARG002  # all symbols are alike
        """Return the identity of its prices."""
        return Source(self.name, self._exchange, calendar=ALWAYS_OPEN)

    async def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        """Yield bars page by page. A window without trades is skipped: some exchanges answer by windows."""
        check_timeframe(f"ccxt: {self._exchange}", timeframe, self.offer.timeframes)
        where = f"ccxt: {self._exchange}: {timeframe} bars of {symbol}"
        await self._market(symbol)
        unit = parse_timeframe(timeframe)
        step = (NANOS_PER_DAY if isinstance(unit, CalendarUnit) else unit) // MILLI
        page = self._ccxt.feature_value(symbol, "fetchOHLCV", "limit") or _PAGE
        since, end = -(-span.start // MILLI), -(-span.end // MILLI)
        while since < end:
            count = min(page, -(-(end - since) // step))
            with translated(where):
                rows = await self._ccxt.fetch_ohlcv(symbol, timeframe, since, count)
            batch = cut_batch(_read(rows, step, where), Span(since * MILLI, span.end))
            if not len(batch.start):
                since += page * step
                continue
            since = int(batch.start[-1]) // MILLI + step
            yield batch

    async def actions(self, symbol: str, span: Span) -> Sequence[Action]:  # noqa: ARG002  # the port's
        """Return none: coins have no splits and no dividends."""
        return []

    async def instrument(self, symbol: str) -> Instrument:
        """Return what may be traded: tick and lot by the exchange's way to state precision."""
        market = await self._market(symbol)
        where = f"ccxt: {self._exchange}: facts of {symbol}"
        return Instrument(
            symbol,
            tick=await self._step(market, "price", where),
            lot=await self._step(market, "amount", where),
            currency=str(market["settle"] or market["quote"]),
            shortable=bool(market.get("margin") or market.get("contract")),
            exchange=self._exchange,
        )

    async def quote(self, symbol: str) -> Quote:
        """Return the best bid and ask; where the exchange gives no time, that of the answer."""
        where = f"ccxt: {self._exchange}: quote of {symbol}"
        await self._market(symbol)
        with translated(where):
            ticker = await self._ccxt.fetch_ticker(symbol)
            return read_quote(ticker, symbol, self._ccxt.milliseconds(), where)

    def connect(self) -> CcxtConnection:
        """Return a connection to the exchange's stream, not open yet."""
        return CcxtConnection(self._exchange, keep_alive=self._keep_alive, pace=self._wait, **self._kind)

    async def close(self) -> None:
        """Close its connections."""
        await self._ccxt.close()

    async def _market(self, symbol: str) -> Any:
        with translated(f"ccxt: {self._exchange}: markets"):
            markets = await self._ccxt.load_markets()
        if symbol not in markets:
            raise ConfigError(f"ccxt: {self._exchange} has no symbol {symbol!r}{nearest(symbol, markets)}")
        return markets[symbol]

    async def _step(self, market: Any, of: str, where: str) -> float:
        """Return the step of prices or amounts. Significant digits make it depend on the price."""
        precision, mode = market["precision"].get(of), self._ccxt.precisionMode
        if precision is None:
            return _FINEST
        precision = read_number(precision, where)
        if mode == _STEPS:
            return precision
        if mode != _SIGNIFICANT or of == "amount":  # amounts are in decimal places even there
            return float(f"1e{-round(precision)}")
        with translated(where):
            ticker = await self._ccxt.fetch_ticker(market["symbol"])
            last = read_number(ticker["last"], where)
        return float(f"1e{math.floor(math.log10(last)) + 1 - round(precision)}")


def _read(rows: Any, step: int, where: str) -> Batch:
    """Return ccxt's bars, `[ms, open, high, low, close, volume]` each; they open on multiples of a step."""
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == _WIDTH for row in rows):
        raise BadData(f"{where}: rows of {_WIDTH} numbers are expected")
    numbers = [[read_number(value, where) for value in row] for row in rows]
    for row in numbers:
        if row[0] % step:
            raise BadData(f"{where}: a bar opens at {row[0]:.0f} ms, which is no multiple of {step} ms")
    return make_batch([int(row[0]) * MILLI for row in numbers], [row[1:] for row in numbers], where)
