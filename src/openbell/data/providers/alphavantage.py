"""Alpha Vantage: days and minutes of stocks, splits and dividends, company facts (httpx).

It answers errors with status 200 and a sentence, by whose words they are told apart here. The key stands
in every URL, and in some of those sentences.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import numpy as np

from openbell.core.errors import BadData, ConfigError, Rejected, Retryable, nearest
from openbell.core.messages import Quote
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action, Dividend, Instrument, Split
from openbell.data.bars import Source
from openbell.data.providers.answers import (
    check_timeframe,
    cut_batch,
    make_batch,
    read_date,
    read_field,
    read_number,
    read_ratio,
)
from openbell.data.providers.http import TIMEOUT, Rest, quote
from openbell.data.providers.protocol import Batch, Connection, Limit, Offer, Pace, Span
from openbell.data.stamps import find_zone, to_utc, to_wall
from openbell.utils.logging import redact

KEY = "ALPHAVANTAGE_API_KEY"

_INTERVALS = {"1m": "1min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "60min"}
_FIELDS = ("1. open", "2. high", "3. low", "4. close", "5. volume")
_ZONE = "America/New_York"
_OLD_NAMES = {"US/Eastern": _ZONE}  #: Alpha Vantage's name, which not every system knows any more
_FIRST_MONTH = 30 * 12  #: of intraday bars: January 2000, in months since 1970
_COMPACT = 130 * NANOS_PER_DAY  #: less than the 100 sessions of a compact answer, which needs no paid plan

#: Where it says what is wrong, though the status is 200.
_NOTICES = ("Error Message", "Information", "Note")
_LIMITED = ("rate limit", "call frequency", "request per", "requests per", "calls per", "spreading out")


class AlphaVantageProvider:
    """One account at Alpha Vantage."""

    name = "alphavantage"
    offer = Offer(
        title="Alpha Vantage",
        extra="alphavantage",
        modules=("httpx",),
        variables=(KEY,),
        timeframes=("1d", *_INTERVALS),
        feeds=("consolidated",),
        actions=True,
        instruments=True,
        limit=Limit(25, 86_400),
        lacks="quotes, a stream; without a paid plan days beyond the last 100, and minutes",
    )

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        calendar: str = "XNYS",
        timeout: float = TIMEOUT,
        data_url: str = "https://www.alphavantage.co",
    ) -> None:
        """Take the key.

        Args:
            secrets: `ALPHAVANTAGE_API_KEY`.
            calendar: The exchange's calendar; others than XNYS for symbols such as `TSCO.LON`.
            timeout: Seconds that an answer may take.
            data_url: Where it is asked.
        """
        self._token = secrets[KEY]
        redact(self._token)
        self._calendar = calendar
        self._rest = Rest(self.name, data_url, key=KEY, timeout=timeout)
        self._known: set[str] = set()

    def pace(self, wait: Pace) -> None:
        """Await a function before each request."""
        self._rest.pace = wait

    def source(self, symbol: str) -> Source:  # noqa: ARG002  # all symbols are alike
        """Return the identity of its prices."""
        return Source(self.name, "consolidated", calendar=self._calendar)

    async def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        """Yield raw bars: all days in one batch, minutes month by month."""
        check_timeframe(self.name, timeframe, self.offer.timeframes)
        if span.start >= span.end:
            return
        pages = [""] if timeframe == "1d" else _months(span)
        for month in pages:
            batch = await (self._month(symbol, timeframe, month) if month else self._days(symbol, span))
            batch = cut_batch(batch, span)
            if len(batch.start):
                yield batch

    async def actions(self, symbol: str, span: Span) -> Sequence[Action]:
        """Return dividends and splits, by a request each."""
        found: list[Action] = []
        asked, where = f"dividends of {symbol}", f"alphavantage: dividends of {symbol}"
        for row in await self._rows("DIVIDENDS", symbol, asked):
            amount = read_field(row, "amount", where)
            ex = read_date(read_field(row, "ex_dividend_date", where), where)
            if span.start <= ex < span.end and amount != "None":  # announced, of no amount yet
                found.append(Dividend(symbol, ex, read_number(amount, where)))
        asked, where = f"splits of {symbol}", f"alphavantage: splits of {symbol}"
        for row in await self._rows("SPLITS", symbol, asked):
            ex = read_date(read_field(row, "effective_date", where), where)
            if span.start <= ex < span.end:
                found.append(Split(symbol, ex, *read_ratio(read_field(row, "split_factor", where), where)))
        return sorted(found, key=lambda action: (action.ex, isinstance(action, Split)))

    async def instrument(self, symbol: str) -> Instrument:
        """Return what may be traded: the overview of a company, or what the search knows of a fund."""
        asked = f"facts of {symbol}"
        where = f"alphavantage: {asked}"
        facts = await self._ask("OVERVIEW", {"symbol": symbol}, asked)
        if facts:
            currency = str(read_field(facts, "Currency", where))
            sector = str(read_field(facts, "Sector", where))
            sector = "" if sector == "None" else sector.title()
            exchange = str(facts.get("Exchange") or "")
            return Instrument(symbol, currency=currency, sector=sector, exchange=exchange)
        found = await self._ask("SYMBOL_SEARCH", {"keywords": symbol}, asked)
        currencies = {
            str(read_field(match, "1. symbol", where)): str(read_field(match, "8. currency", where))
            for match in read_field(found, "bestMatches", where)
        }
        if symbol not in currencies:
            raise ConfigError(f"alphavantage: symbol {symbol!r} is unknown{nearest(symbol, currencies)}")
        return Instrument(symbol, currency=currencies[symbol])

    async def quote(self, symbol: str) -> Quote:
        """Refuse: it has last prices, and neither bid nor ask."""
        raise ConfigError(f"alphavantage: it has no quotes, of {symbol} neither; ask another provider")

    def connect(self) -> Connection:
        """Refuse: it has no stream."""
        raise ConfigError("alphavantage: it has no stream; use another provider for live data")

    async def close(self) -> None:
        """Close its connections."""
        await self._rest.close()

    async def _days(self, symbol: str, span: Span) -> Batch:
        asked = f"1d bars of {symbol}"
        recent = span.start > datetime.now(UTC).timestamp() * NANOS_PER_SECOND - _COMPACT
        query = {"symbol": symbol, "outputsize": "compact" if recent else "full"}
        answer = await self._ask("TIME_SERIES_DAILY", query, asked)
        where = f"alphavantage: {asked}"
        series = _series(answer, "Time Series (Daily)", where)
        starts = [read_date(text, where) for text, _ in series]
        return make_batch(starts, _prices(series, where), where)

    async def _month(self, symbol: str, timeframe: str, month: str) -> Batch:
        asked = f"{timeframe} bars of {symbol} in {month}"
        query = {
            "symbol": symbol,
            "interval": _INTERVALS[timeframe],
            "month": month,
            "outputsize": "full",
            "adjusted": "false",
            "extended_hours": "false",
        }
        try:
            answer = await self._ask("TIME_SERIES_INTRADAY", query, asked)
        except _NoSuch:
            # a month without a bar is refused in the same words as an unknown symbol
            await self._check(symbol)
            return make_batch([], [], asked)
        self._known.add(symbol)
        where = f"alphavantage: {asked}"
        series = _series(answer, f"Time Series ({_INTERVALS[timeframe]})", where)
        wall = np.array([_wall(text, where) for text, _ in series], np.int64)
        starts = to_utc(wall, find_zone(_zone(answer, where)), lambda row: f"{where}: {series[row][0]}")
        return make_batch(starts.tolist(), _prices(series, where), where)

    async def _check(self, symbol: str) -> None:
        if symbol in self._known:
            return
        asked = f"last price of {symbol}"
        answer = await self._ask("GLOBAL_QUOTE", {"symbol": symbol}, asked)
        if not read_field(answer, "Global Quote", f"alphavantage: {asked}"):
            raise _NoSuch(_unknown(symbol))
        self._known.add(symbol)

    async def _rows(self, function: str, symbol: str, asked: str) -> list[Any]:
        answer = await self._ask(function, {"symbol": symbol}, asked)
        rows = read_field(answer, "data", f"alphavantage: {asked}")
        if isinstance(rows, list):
            return rows
        raise BadData(f"alphavantage: {asked}: a list is expected, not {type(rows).__name__}")

    async def _ask(self, function: str, query: Mapping[str, str], asked: str) -> Any:
        whole = {"function": function, **query, "apikey": self._token}
        answer = await self._rest.get("/query", whole, asked=asked)
        if not isinstance(answer, dict):
            raise BadData(f"alphavantage: {asked}: an object is expected, not {type(answer).__name__}")
        for notice in _NOTICES:
            if notice in answer:
                _refuse(str(answer[notice]), f"alphavantage: {asked}", query.get("symbol", ""))
        return answer


class _NoSuch(ConfigError):
    """It has nothing of that name."""


def _refuse(sentence: str, where: str, symbol: str) -> NoReturn:
    """Raise what a sentence asks for. That of a limit advertises paid plans too, so that it comes first."""
    low, came = sentence.lower(), f"{where}: {quote(sentence)}"
    if any(words in low for words in _LIMITED):
        after = 60.0 if "per minute" in low and "per day" not in low else None
        raise Retryable(came, after=1.0 if "per second" in low else after)
    if "premium" in low:
        raise ConfigError(f"{came}; what is asked needs a paid plan")
    if "apikey" in low or "api key" in low:
        raise ConfigError(f"{came}; check {KEY}")
    if "invalid api call" in low:
        raise _NoSuch(_unknown(symbol))
    raise Rejected(came)


def _unknown(symbol: str) -> str:
    return f"alphavantage: symbol {symbol!r} is unknown; find it with the site's symbol search"


def _months(span: Span) -> Iterator[str]:
    """Yield the months, by New York's clocks, that a span touches, such as `2024-01`."""
    edges = to_wall(np.array([span.start, span.end - 1], np.int64), find_zone(_ZONE))
    first, last = edges.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    for month in range(max(first, _FIRST_MONTH), last + 1):
        yield str(np.datetime64(month, "M"))


def _series(answer: Any, name: str, where: str) -> list[tuple[str, Any]]:
    """Return the rows of a time series, oldest first."""
    rows = read_field(answer, name, where)
    if not isinstance(rows, dict):
        raise BadData(f"{where}: {name!r} is expected as an object, not as {type(rows).__name__}")
    return sorted(rows.items())


def _prices(series: list[tuple[str, Any]], where: str) -> list[list[float]]:
    return [
        [read_number(read_field(row, name, f"{where}: {time}"), f"{where}: {time}") for name in _FIELDS]
        for time, row in series
    ]


def _zone(answer: Any, where: str) -> str:
    """Return the zone that an answer names for its times: `US/Eastern`, for all that is known."""
    head = read_field(answer, "Meta Data", where)
    number = next((name for name in head if name.endswith("Time Zone")), "Time Zone")  # `6. Time Zone`
    zone = str(read_field(head, number, where))
    zone = _OLD_NAMES.get(zone, zone)
    try:
        find_zone(zone)
    except ConfigError as error:
        raise BadData(f"{where}: its times are of the zone {zone!r}, which is none") from error
    return zone


def _wall(text: str, where: str) -> int:
    """Return a wall-clock time, such as `2024-01-31 15:59:00`, in ns since 1970 by that clock."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadData(f"{where}: {text!r} is no time of a bar") from error
    return int(moment.timestamp()) * NANOS_PER_SECOND
