"""Interactive Brokers by ib_async, through a TWS or IB Gateway that runs and is logged in.

IB divides its historical prices by all later splits, and not by dividends. Such bars are no raw prices, and
say so: their adjustment is `split`. Of symbols whose splits the user gives they are raw again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from openbell.core.errors import BadData, ConfigError, Rejected
from openbell.core.messages import Quote
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action, Instrument, Split
from openbell.data.bars import Source, parse_date
from openbell.data.calendar import sessions
from openbell.data.providers.answers import check_timeframe, cut_batch, day_of, make_batch, read_number
from openbell.data.providers.http import TIMEOUT
from openbell.data.providers.ib_stream import IbConnection
from openbell.data.providers.ib_wire import Session, find_contract, is_empty
from openbell.data.providers.protocol import Batch, Limit, Offer, Pace, Span, no_pace
from openbell.data.providers.yahoo_wire import Frame, unadjust

_EPOCH = date(1970, 1, 1)


class _Page(NamedTuple):
    """How IB is asked for a timeframe: its bar size, and the length of a request, in IB's words and days."""

    size: str
    duration: str
    days: int


#: IB's table of the longest duration for each bar size; a session of minutes, for those of one.
_PAGES = {
    "1m": _Page("1 min", "1 D", 0),
    "5m": _Page("5 mins", "1 W", 7),
    "15m": _Page("15 mins", "1 W", 7),
    "30m": _Page("30 mins", "1 M", 28),
    "1h": _Page("1 hour", "1 M", 28),
    "1d": _Page("1 day", "1 Y", 365),
}


class IbProvider:
    """One TWS or IB Gateway. It uses two client ids: `client_id`, and the next one for the stream."""

    name = "ib"
    offer = Offer(
        title="Interactive Brokers",
        extra="ib",
        modules=("ib_async",),
        timeframes=tuple(_PAGES),
        feeds=("smart",),
        instruments=True,
        quotes=True,
        channels=("bars", "quotes", "trades", "statuses"),
        limit=Limit(60, 600),
        lacks="splits and dividends; raw prices, but of symbols whose splits are given",
    )

    def __init__(  # noqa: PLR0913  # a provider's options are these arguments
        self,
        secrets: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        port: int = 7497,
        client_id: int = 71,
        exchange: str = "SMART",
        primary_exchange: str = "",
        currency: str = "USD",
        calendar: str = "XNYS",
        splits: Mapping[str, Mapping[Any, str]] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        """Take where TWS is, and what its symbols are.

        Args:
            secrets: None: TWS is logged in by hand.
            host: Where TWS or the gateway is.
            port: TWS listens on 7497 (paper) or 7496 (live), the gateway on 4002 or 4001.
            client_id: A number that no other client of it has.
            exchange: Where contracts trade; SMART is IB's routing.
            primary_exchange: The listing exchange, where a symbol is ambiguous without.
            currency: Of the contracts.
            calendar: The exchange's calendar.
            splits: By symbol and ex-date, as in `{"AAPL": {"2020-08-31": "4:1"}, "KO": {}}`. Prices of these
                symbols are raw.
            timeout: Seconds that an answer may take.

        Raises:
            ConfigError: A split is none.
        """
        del secrets
        self._host, self._port, self._client_id, self._timeout = host, port, client_id, timeout
        self._terms = {"exchange": exchange, "primaryExchange": primary_exchange, "currency": currency}
        self._feed, self._calendar = exchange.lower(), calendar
        self._splits = {symbol: _read_splits(symbol, given) for symbol, given in (splits or {}).items()}
        self._session = Session(host, port, client_id, timeout=timeout)
        self._details: dict[str, Any] = {}
        self._pace: Pace = no_pace

    def pace(self, wait: Pace) -> None:
        """Await a function before each request for bars; IB's limit counts no others."""
        self._pace = wait

    def source(self, symbol: str) -> Source:
        """Return the identity of its prices: raw where the symbol's splits are known."""
        adjustment = "raw" if symbol in self._splits else "split"
        return Source(self.name, self._feed, adjustment, calendar=self._calendar)

    async def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        """Yield the bars of regular hours, page by page."""
        check_timeframe(self.name, timeframe, self.offer.timeframes)
        if span.start >= span.end:
            return
        contract = (await self._find(symbol)).contract
        for page in self._pages(timeframe, span):
            rows = await self._history(contract, symbol, timeframe, page)
            where = f"ib: {timeframe} bars of {symbol} from {day_of(page.start)}"
            start = [_open(row.date, where, daily=timeframe == "1d") for row in rows]
            names = ("open", "high", "low", "close", "volume")
            prices = [[read_number(getattr(row, name), where) for name in names] for row in rows]
            batch = cut_batch(make_batch(start, prices, where), page)
            if len(batch.start):
                yield self._undo(batch, symbol)

    async def actions(self, symbol: str, span: Span) -> Sequence[Action]:
        """Return the splits that were given: IB's own are not for the asking."""
        return [split for split in self._splits.get(symbol, ()) if span.start <= split.ex < span.end]

    async def instrument(self, symbol: str) -> Instrument:
        """Return what may be traded. Whether it can be sold short changes by the hour, and is not asked."""
        details = await self._find(symbol)
        return Instrument(
            symbol,
            tick=details.minTick or 0.01,
            lot=details.sizeIncrement or 1.0,
            currency=details.contract.currency,
            sector=details.industry,
            exchange=details.contract.primaryExchange,
        )

    async def quote(self, symbol: str) -> Quote:
        """Return a snapshot of bid and ask. IB gives no time, so that it is that of receipt."""
        contract = (await self._find(symbol)).contract
        ib = await self._session.connect()
        held: list[Any] = []

        def send(client: Any, number: int) -> None:
            held.append(client.wrapper.startTicker(number, contract, "snapshot"))
            client.client.reqMktData(number, contract, "", True, False, [])

        try:
            await self._session.ask(f"quote of {symbol}", send, contract=contract)
        finally:
            for ticker in held:
                ib.wrapper.endTicker(ticker, "snapshot")
        (ticker,) = held
        bid, ask, bid_size, ask_size = (
            float(value) if value and value > 0 else 0.0  # NaN and -1 stand for none
            for value in (ticker.bid, ticker.ask, ticker.bidSize, ticker.askSize)
        )
        if not bid and not ask:
            raise Rejected(f"ib: quote of {symbol}: it has none now; the market is closed")
        return Quote(symbol, int(ticker.time.timestamp() * 1e6) * 1000, bid, ask, bid_size, ask_size)

    def connect(self) -> IbConnection:
        """Return a connection to its stream, not open yet."""
        session = Session(self._host, self._port, self._client_id + 1, timeout=self._timeout)
        return IbConnection(session, self._terms)

    async def close(self) -> None:
        """Disconnect."""
        await self._session.close()

    async def _find(self, symbol: str) -> Any:
        if symbol not in self._details:
            self._details[symbol] = await find_contract(self._session, symbol, self._terms)
        return self._details[symbol]

    async def _history(self, contract: Any, symbol: str, timeframe: str, page: Span) -> list[Any]:
        form = _PAGES[timeframe]
        end = datetime.fromtimestamp(-(-page.end // NANOS_PER_SECOND), UTC)

        def send(client: Any, number: int) -> None:
            client.client.reqHistoricalData(
                number,
                contract,
                f"{end:%Y%m%d-%H:%M:%S}",  # with a dash it is UTC
                form.duration,
                form.size,
                "TRADES",
                True,  # regular hours
                2,  # seconds since 1970, where it is no date
                False,
                [],
            )

        await self._pace()
        try:
            return await self._session.ask(
                f"{timeframe} bars of {symbol} from {day_of(page.start)}",
                send,
                contract=contract,
                cancel=lambda client, number: client.client.cancelHistoricalData(number),
            )
        except Rejected as error:
            if is_empty(error):
                return []
            raise

    def _pages(self, timeframe: str, span: Span) -> Iterator[Span]:
        """Cut a span into what one request may ask for, oldest first."""
        days = _PAGES[timeframe].days
        if days:
            edges = [*range(span.start, span.end, days * NANOS_PER_DAY), span.end]
            yield from (Span(low, high) for low, high in pairwise(edges))
            return
        trading = sessions(self._calendar, span.start, span.end)
        for opens, closes in zip(trading.opens.tolist(), trading.closes.tolist(), strict=True):
            page = Span(max(opens, span.start), min(closes, span.end))
            if page.start < page.end:
                yield page

    def _undo(self, batch: Batch, symbol: str) -> Batch:
        """Return the bars as they were traded, if the symbol's splits are known."""
        if symbol not in self._splits:
            return batch
        none = np.zeros(len(batch.start))
        dates = batch.start - batch.start % NANOS_PER_DAY
        frame = Frame(dates, batch.start, dict(batch.columns), none, none)
        known = [(split.ex, split.ratio) for split in self._splits[symbol]]
        return unadjust(frame, known, daily=False)


def _read_splits(symbol: str, given: Mapping[Any, str]) -> list[Split]:
    splits = []
    for day, ratio in given.items():
        new, _, old = str(ratio).partition(":")
        if not (new.isdecimal() and old.isdecimal() and int(new) and int(old)):
            raise ConfigError(f"provider 'ib': splits of {symbol}: {ratio!r} is no ratio; write it as '4:1'")
        ex = parse_date(day, where=f"provider 'ib': splits of {symbol}") or 0
        splits.append(Split(symbol, ex, int(new), int(old)))
    return sorted(splits, key=lambda split: split.ex)


def _open(value: object, where: str, *, daily: bool) -> int:
    """Return when a bar opens: a date's midnight in UTC, or a moment."""
    if daily and type(value) is date:
        return (value - _EPOCH).days * NANOS_PER_DAY
    if not daily and isinstance(value, datetime) and value.tzinfo is not None:
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * NANOS_PER_SECOND
    raise BadData(
        f"{where}: a bar opens at {value!s}, which names no zone or is no {'date' if daily else 'time'}"
    )
