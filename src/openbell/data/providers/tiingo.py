"""Tiingo: end-of-day prices, and intraday prices, quotes and a stream from IEX (httpx, websockets).

`eod` is the composite of all exchanges, for days; `iex` is the IEX tape alone, a few per cent of the
volume, for minutes. They are two feeds, and one provider serves one of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable
from openbell.core.messages import Quote
from openbell.core.types import NANOS_PER_DAY, Action, Dividend, Instrument, Split
from openbell.data.bars import COLUMNS, Source, parse_timeframe
from openbell.data.providers.answers import (
    check_choice,
    check_timeframe,
    cut_batch,
    day_of,
    make_batch,
    read_field,
    read_moment,
    read_number,
    read_ratio,
)
from openbell.data.providers.http import TIMEOUT, Rest, quote
from openbell.data.providers.protocol import Batch, Limit, Offer, Pace, Span
from openbell.data.providers.tiingo_stream import HEARTBEAT, THRESHOLDS, TiingoConnection
from openbell.utils.logging import redact

KEY = "TIINGO_API_KEY"

_PAGE = 2000  #: intraday bars of a request: the fewest that Tiingo was ever reported to answer with
_SESSION = 390  #: minutes

_IEX = {"1m": "1min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "1hour"}
_CURRENCIES = {"SHE": "CNY", "SHG": "CNY"}  #: of exchanges outside the United States

_OFFER = Offer(
    title="Tiingo",
    extra="tiingo",
    modules=("httpx", "websockets"),
    variables=(KEY,),
    timeframes=("1d", *_IEX),
    feeds=("eod", "iex"),
    actions=True,
    instruments=True,
    quotes=True,
    channels=("quotes", "trades", "statuses"),
    limit=Limit(50, 3600),
    lacks="intraday prices of the whole market (they are IEX's), streamed bars, sectors, pre-market",
)
_FEEDS = {
    "eod": replace(_OFFER, timeframes=("1d",), feeds=("eod",), quotes=False, channels=()),
    "iex": replace(_OFFER, timeframes=tuple(_IEX), feeds=("iex",)),
}


class TiingoProvider:
    """One account at Tiingo, for one of its two feeds."""

    name = "tiingo"
    offer = _OFFER

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        feed: Literal["eod", "iex"] = "eod",
        threshold: Literal["0", "5", "6"] = "6",
        calendar: str = "XNYS",
        heartbeat: float = HEARTBEAT,
        timeout: float = TIMEOUT,
        data_url: str = "https://api.tiingo.com",
        stream_url: str = "wss://api.tiingo.com/iex",
    ) -> None:
        """Take the key and what to ask for.

        Args:
            secrets: `TIINGO_API_KEY`.
            feed: `eod` for days, `iex` for minutes, quotes and the stream.
            threshold: Of the stream: `6` is reference prices; `5` and `0` are the tape's trades and quotes,
                for which IEX wants an agreement.
            calendar: The exchange's calendar.
            heartbeat: Seconds of silence after which the stream counts as gone.
            timeout: Seconds that an answer may take.
            data_url: Where prices are asked.
            stream_url: Where the stream is.

        Raises:
            ConfigError: An option has no such value.
        """
        check_choice(self.name, "feed", feed, _FEEDS)
        check_choice(self.name, "threshold", str(threshold), THRESHOLDS)
        token = secrets[KEY]
        redact(token)
        self._feed, self._threshold, self._calendar = feed, str(threshold), calendar
        self._token, self._heartbeat, self._timeout, self._stream_url = token, heartbeat, timeout, stream_url
        self._rest = Rest(
            self.name, data_url, key=KEY, timeout=timeout, headers={"Authorization": f"Token {token}"}
        )
        self.offer = _FEEDS[feed]
        if feed == "iex" and self._threshold == "6":
            self.offer = replace(self.offer, channels=("trades",))

    def pace(self, wait: Pace) -> None:
        """Await a function before each request."""
        self._rest.pace = wait

    def source(self, symbol: str) -> Source:  # noqa: ARG002  # all symbols of a feed are alike
        """Return the identity of its prices."""
        return Source(self.name, self._feed, calendar=self._calendar)

    async def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        """Yield raw bars; the errors are the port's, and an unknown symbol is a `ConfigError`."""
        other = "eod" if self._feed == "iex" else "iex"
        hint = f" with feed={self._feed}; feed={other} has {', '.join(_FEEDS[other].timeframes)}"
        check_timeframe(self.name, timeframe, self.offer.timeframes, hint)
        if span.start >= span.end:
            return
        pages = [span] if self._feed == "eod" else _intraday(span, timeframe)  # a day is a short row
        last = span.start - 1
        for page in pages:
            batch = await self._page(symbol, timeframe, page)
            batch = cut_batch(batch, Span(last + 1, span.end))
            if len(batch.start):
                last = int(batch.start[-1])
                yield batch

    async def actions(self, symbol: str, span: Span) -> Sequence[Action]:
        """Return splits and dividends, which stand in the daily rows of their ex-dates."""
        asked = f"splits and dividends of {symbol}"
        where = f"tiingo: {asked}"
        found: list[Action] = []
        for row in await self._daily(symbol, span, asked):
            ex = _midnight(row, where)
            if not span.start <= ex < span.end:
                continue
            cash = read_number(read_field(row, "divCash", where), where)
            new, old = read_ratio(read_field(row, "splitFactor", where), where)
            if cash:
                found.append(Dividend(symbol, ex, cash))
            if new != old:
                found.append(Split(symbol, ex, new, old))
        return found

    async def instrument(self, symbol: str) -> Instrument:
        """Return what may be traded; Tiingo says the exchange, from which the currency follows."""
        asked = f"facts of {symbol}"
        facts = await self._rest.get(
            f"/tiingo/daily/{_escape(symbol)}", {}, asked=asked, missing=_unknown(symbol)
        )
        exchange = str(read_field(facts, "exchangeCode", f"tiingo: {asked}"))
        return Instrument(symbol, currency=_CURRENCIES.get(exchange, "USD"), exchange=exchange)

    async def quote(self, symbol: str) -> Quote:
        """Return the best bid and ask on IEX."""
        if self._feed != "iex":
            raise ConfigError("tiingo: feed='eod' has no quotes; use feed=iex")
        asked = f"quote of {symbol}"
        rows = _rows(await self._rest.get("/iex/", {"tickers": symbol}, asked=asked), f"tiingo: {asked}")
        if not rows:
            raise ConfigError(f"tiingo: {_unknown(symbol)}")
        where, row = f"tiingo: {asked}", rows[0]
        sides = {n: read_field(row, n, where) for n in ("bidPrice", "askPrice", "bidSize", "askSize")}
        if sides["bidPrice"] is None and sides["askPrice"] is None:
            raise Rejected(
                f"{where}: it has none now; the market is closed, or the account has no agreement with IEX"
            )
        bid, ask, bid_size, ask_size = (
            0.0 if value is None else read_number(value, where) for value in sides.values()
        )
        time = read_moment(read_field(row, "quoteTimestamp", where), where)
        return Quote(symbol, time, bid, ask, bid_size, ask_size)

    def connect(self) -> TiingoConnection:
        """Return a connection to IEX's stream, not open yet."""
        if self._feed != "iex":
            raise ConfigError("tiingo: feed='eod' has no stream; use feed=iex")
        return TiingoConnection(
            self._token,
            url=self._stream_url,
            key=KEY,
            threshold=int(self._threshold),
            heartbeat=self._heartbeat,
            timeout=self._timeout,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._rest.close()

    async def _page(self, symbol: str, timeframe: str, page: Span) -> Batch:
        asked = f"{timeframe} bars of {symbol} from {day_of(page.start)}"
        where = f"tiingo: {asked}"
        if self._feed == "eod":
            rows = await self._daily(symbol, page, asked)
            start = [_midnight(row, where) for row in rows]
        else:
            query = _dates(page) | {
                "resampleFreq": _IEX[timeframe],
                "columns": "open,high,low,close,volume",
                "afterHours": "false",
                "forceFill": "false",
            }
            path = f"/iex/{_escape(symbol)}/prices"
            rows = _rows(await self._rest.get(path, query, asked=asked, missing=_unknown(symbol)), where)
            start = [read_moment(read_field(row, "date", where), where) for row in rows]
        prices = ([read_number(read_field(row, n, where), where) for n in COLUMNS] for row in rows)
        return make_batch(start, prices, where)

    async def _daily(self, symbol: str, span: Span, asked: str) -> list[Any]:
        path = f"/tiingo/daily/{_escape(symbol)}/prices"
        answer = await self._rest.get(path, _dates(span), asked=asked, missing=_unknown(symbol))
        return _rows(answer, f"tiingo: {asked}")


def _intraday(span: Span, timeframe: str) -> list[Span]:
    """Cut a span into pages of whole UTC days with at most `_PAGE` bars each."""
    step = parse_timeframe(timeframe)
    minutes = int(step) // (60 * 10**9)
    days = max(1, _PAGE * minutes // _SESSION)
    edges = [*range(span.start - span.start % NANOS_PER_DAY, span.end, days * NANOS_PER_DAY), span.end]
    return [Span(low, high) for low, high in pairwise(edges)]


def _dates(span: Span) -> dict[str, str]:
    return {"startDate": day_of(span.start), "endDate": day_of(span.end - 1)}  # both are included


def _midnight(row: object, where: str) -> int:
    """Return a daily row's date. Tiingo writes it as midnight in UTC; another hour is another zone's."""
    time = read_moment(read_field(row, "date", where), where)
    if time % NANOS_PER_DAY:
        raise BadData(f"{where}: a day is dated {row['date']!r}, which is no midnight in UTC")  # type: ignore[index]  # read_field took it as an object
    return time


def _rows(answer: object, where: str) -> list[Any]:
    """Return an answer's rows. With status 200 Tiingo also says that the allocation is used up."""
    if isinstance(answer, list):
        return answer
    words = quote(str(answer.get("detail", ""))) if isinstance(answer, dict) else ""
    if "allocation" in words:
        raise Retryable(f"{where}: {words}")
    if words:
        raise Rejected(f"{where}: {words}")
    raise BadData(f"{where}: a list is expected, not {type(answer).__name__}")


def _escape(symbol: str) -> str:
    from urllib.parse import quote as percent

    return percent(symbol, safe="")


def _unknown(symbol: str) -> str:
    return f"symbol {symbol!r} is unknown; Tiingo writes shares' classes with a dash, as in BRK-B"
