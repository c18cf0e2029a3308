"""Bars, actions, facts, quotes and a stream from Alpaca, by alpaca-py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as escape

from openbell.core.errors import ConfigError, Rejected
from openbell.core.messages import Quote
from openbell.core.types import Action, Instrument
from openbell.data.bars import CalendarUnit, Source, parse_timeframe
from openbell.data.providers.alpaca_actions import Reader
from openbell.data.providers.alpaca_wire import (
    find_unit,
    is_true,
    moment_of,
    reach,
    read_batch,
    read_instrument,
    read_quote,
    read_rows,
)
from openbell.data.providers.answers import (
    check_choice,
    cut_batch,
    day_of,
    read_field,
)
from openbell.data.providers.http import TIMEOUT
from openbell.data.providers.protocol import Batch, Deeds, Limit, Offer, Pace, Span, no_pace
from openbell.remote.alpaca import KEY, SECRET, Wire, load_sdk
from openbell.utils.logging import get_logger, hide, redact

if TYPE_CHECKING:
    from openbell.data.providers.alpaca_stream import AlpacaConnection

_PAGE = 10_000  #: bars, the most that Alpaca gives
_ACTIONS = 1_000  #: the most that it gives of actions
_CRYPTO_FEED = "us"  #: Alpaca's own crypto exchange


class AlpacaProvider:
    """Alpaca's market data: US stocks from the tape of one exchange (`iex`) or of all (`sip`), and crypto.

    A symbol with a slash, `BTC/USD`, is crypto; it trades all day, and its feed is `us`.
    """

    name = "alpaca"
    offer = Offer(
        title="Alpaca",
        extra="alpaca",
        modules=("alpaca",),
        variables=(KEY, SECRET),
        timeframes=("1m", "5m", "15m", "30m", "1h", "1d", "1w", "1mo"),
        feeds=("iex", "sip"),
        actions=True,
        instruments=True,
        quotes=True,
        channels=("bars", "quotes", "trades", "statuses"),
        limit=Limit(200, 60.0),
        lacks="stocks before 2016; stocks' 1h and crypto's 1d and longer (made of 30m and 1h); sectors; sip "
        "of the last 15 minutes without a paid plan",
    )

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        feed: str = "iex",
        market: str = "stocks",
        data_url: str = "https://data.alpaca.markets",
        trading_url: str = "https://paper-api.alpaca.markets",
        stream_url: str = "wss://stream.data.alpaca.markets",
        timeout: float = TIMEOUT,
    ) -> None:
        """Take the keys, the feed, and where Alpaca is.

        Args:
            secrets: ALPACA_API_KEY and ALPACA_SECRET_KEY.
            feed: `iex` or `sip`, for stocks.
            market: Which stream `connect` opens: `stocks` or `crypto`.
            data_url: The base of the market data, without a version.
            trading_url: The base of the trading API, which knows the instruments.
            stream_url: The base of the streams.
            timeout: Seconds to wait for a part of an answer.

        Raises:
            ConfigError: The feed or the market is unknown, or the timeout not positive.
        """
        check_choice(self.name, "feed", feed, self.offer.feeds)
        check_choice(self.name, "market", market, _MARKETS)
        if not 0.0 < timeout < float("inf"):
            raise ConfigError(f"alpaca: timeout={timeout} must be a positive number of seconds")
        for secret in secrets.values():
            redact(secret)
        self._secrets = dict(secrets)
        self._feed, self._market, self._timeout = feed, market, timeout
        self._data_url, self._trading_url, self._stream_url = (
            url.rstrip("/") for url in (data_url, trading_url, stream_url)
        )
        self._wire = Wire(timeout)
        self._clients: dict[str, Any] = {}
        self._follow: Callable[[float, float], None] | None = None
        self._pace: Pace = no_pace

    def pace(self, wait: Pace) -> None:
        """Await a function before each request."""
        self._pace = wait

    def watch(self, follow: Callable[[float, float], None]) -> None:
        """Tell a function after each answer how many requests are left, and the seconds to a new count."""
        self._follow = follow

    def source(self, symbol: str) -> Source:
        """Return the identity of what it says of a symbol."""
        if _is_crypto(symbol):
            return Source(self.name, _CRYPTO_FEED, calendar="24/7")
        return Source(self.name, self._feed)

    def timeframes(self, symbol: str) -> tuple[str, ...]:
        """Return the timeframes whose bars are what they seem: hours of crypto only, days of stocks only."""
        return tuple(one for one in self.offer.timeframes if is_true(one, crypto=_is_crypto(symbol)))

    async def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        """Yield the raw bars that open in a span, a page of at most 10,000 for each request.

        Stocks' intraday bars include those before and after the session.

        Raises:
            ConfigError: Alpaca's bars of this timeframe would not be what they seem.
        """
        unit = parse_timeframe(timeframe)
        fields, client, path = self._bars_request(symbol, unit, span)
        asked = f"alpaca: {timeframe} bars of {symbol}"
        async for page in self._pages(asked, client, path, fields):
            rows = read_rows(page, symbol, asked)
            if rows:
                yield cut_batch(read_batch(rows, unit, asked), span)

    async def actions(self, symbol: str, span: Span) -> Sequence[Action]:
        """Return what `deeds` can take; the log has a line for what it cannot."""
        made, caveats = await self.deeds(symbol, span)
        for one in caveats:
            get_logger().warning(one.said)
        return made

    async def deeds(self, symbol: str, span: Span) -> Deeds:
        """Return what companies did, of every kind that Alpaca has, and what of it no action can say."""
        if _is_crypto(symbol):
            return Deeds((), ())
        fields = {
            "symbols": symbol,
            "start": day_of(span.start),
            "end": day_of(span.end - 1),
            "limit": _ACTIONS,
        }  # no types: that is all of them, those too that come after this was written
        asked = f"alpaca: actions of {symbol}"
        reader = Reader(symbol, asked, self.bars, self.source(symbol).calendar)
        async for page in self._pages(asked, self._client("actions"), "/corporate-actions", fields):
            await reader.read(page, span)
        return reader.deeds()

    async def instrument(self, symbol: str) -> Instrument:
        """Return tick, lot, and whether it may be shorted.

        Raises:
            ConfigError: Alpaca does not know the symbol.
        """
        asked = f"alpaca: facts of {symbol}"
        try:
            asset = await self._ask(asked, self._client("trading").get_asset, escape(symbol, safe=""))
        except Rejected as error:
            raise ConfigError(f"alpaca does not know the symbol {symbol!r}; check its spelling") from error
        return read_instrument(asset, symbol, asked)

    async def quote(self, symbol: str) -> Quote:
        """Return the latest quote. Sizes are as Alpaca tells them.

        Raises:
            ConfigError: Alpaca has none for the symbol.
        """
        crypto = _is_crypto(symbol)
        path = f"/crypto/{_CRYPTO_FEED}/latest/quotes" if crypto else "/stocks/quotes/latest"
        fields = {"symbols": symbol} if crypto else {"symbols": symbol, "feed": self._feed}
        client = self._client("crypto" if crypto else "stocks")
        asked = f"alpaca: quote of {symbol}"
        quotes = read_field(await self._ask(asked, client.get, path, fields), "quotes", asked) or {}
        if symbol not in quotes:
            raise ConfigError(f"alpaca has no quote for the symbol {symbol!r}; check its spelling")
        return read_quote(quotes[symbol], symbol, asked)

    def connect(self) -> AlpacaConnection:
        """Return a connection to the stream of the market that the settings name."""
        from openbell.data.providers.alpaca_stream import AlpacaConnection

        path = f"/v1beta3/crypto/{_CRYPTO_FEED}" if self._market == "crypto" else f"/v2/{self._feed}"
        return AlpacaConnection(
            self._secrets[KEY],
            self._secrets[SECRET],
            url=self._stream_url + path,
            crypto=self._market == "crypto",
            timeout=self._timeout,
        )

    async def close(self) -> None:
        """Let go of connections."""
        self._clients.clear()
        self._wire.close()

    def _bars_request(
        self, symbol: str, unit: int | CalendarUnit, span: Span
    ) -> tuple[dict[str, Any], Any, str]:
        """Return the fields of a request for bars, the client and the path."""
        load_sdk()
        from alpaca.data.enums import Adjustment, DataFeed
        from alpaca.data.requests import CryptoBarsRequest, StockBarsRequest
        from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

        crypto = _is_crypto(symbol)
        amount, word = find_unit(unit, symbol, crypto=crypto)
        start, end = reach(unit, span)
        common: dict[str, Any] = {
            "symbol_or_symbols": symbol,
            "timeframe": TimeFrame(amount, TimeFrameUnit(word)),
            "start": moment_of(start),
            "end": moment_of(end),
            "limit": _PAGE,
        }
        if crypto:
            request = CryptoBarsRequest(**common)
            return request.to_request_fields(), self._client("crypto"), f"/crypto/{_CRYPTO_FEED}/bars"
        stocks = StockBarsRequest(**common, feed=DataFeed(self._feed), adjustment=Adjustment.RAW)
        return stocks.to_request_fields(), self._client("stocks"), "/stocks/bars"

    def _client(self, kind: str) -> Any:
        if kind not in self._clients:
            self._clients[kind] = self._wire.prepare(self._make_client(kind))
        return self._clients[kind]

    def _make_client(self, kind: str) -> Any:
        load_sdk()
        keys: dict[str, Any] = {
            "api_key": self._secrets[KEY],
            "secret_key": self._secrets[SECRET],
            "raw_data": True,
        }
        if kind == "trading":
            from alpaca.trading.client import TradingClient

            return TradingClient(**keys, url_override=self._trading_url)
        from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
        from alpaca.data.historical.corporate_actions import CorporateActionsClient

        forms = {
            "stocks": StockHistoricalDataClient,
            "crypto": CryptoHistoricalDataClient,
            "actions": CorporateActionsClient,
        }
        return forms[kind](**keys, url_override=self._data_url)

    async def _pages(
        self, asked: str, client: Any, path: str, fields: Mapping[str, Any]
    ) -> AsyncIterator[Any]:
        """Yield the pages of an answer, for each of which a request is made."""
        token: object = None
        while True:
            page = await self._ask(asked, client.get, path, {**fields, "page_token": token})
            yield page
            token = page.get("next_page_token")
            if not token:
                return

    async def _ask(self, asked: str, call: Callable[..., Any], *given: Any) -> Any:
        """Make a call of the SDK, which is one request, in a thread, and tell what its error means."""
        await self._pace()
        try:
            return await asyncio.to_thread(call, *given)
        except Exception as error:
            translated = self._wire.translate(error, asked)
            if translated is None:
                raise
            shown = str(error)
            raise translated from (error if hide(shown) == shown else None)  # a trace must show no secret
        finally:
            told = self._wire.take_limit()
            if told is not None and self._follow is not None:
                self._follow(*told)


_MARKETS = ("stocks", "crypto")


def _is_crypto(symbol: str) -> bool:
    return "/" in symbol
