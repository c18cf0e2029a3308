"""Bars, actions, facts and a stream from Yahoo Finance, by yfinance; no key, and no promise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from openbell.core.errors import BadData, ConfigError, Rejected, RemoteError, nearest
from openbell.core.messages import Quote
from openbell.core.types import NANOS_PER_DAY, NANOS_PER_SECOND, Action, Instrument
from openbell.data.bars import Source
from openbell.data.providers.answers import check_timeframe, cut_batch, read_field, read_number
from openbell.data.providers.http import TIMEOUT
from openbell.data.providers.protocol import Batch, Limit, Offer, Pace, Span
from openbell.data.providers.yahoo_wire import Frame, Wire, read_actions, read_frame, splits_of, unadjust
from openbell.utils.cache import cache_folder
from openbell.utils.logging import get_logger

if TYPE_CHECKING:
    from openbell.data.providers.yahoo_stream import YahooConnection

#: The exchange of a symbol by what follows its last dot: its calendar and its zone.
EXCHANGES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "": ("XNYS", "America/New_York"),
        "AS": ("XAMS", "Europe/Amsterdam"),
        "AX": ("XASX", "Australia/Sydney"),
        "BR": ("XBRU", "Europe/Brussels"),
        "DE": ("XETR", "Europe/Berlin"),
        "HK": ("XHKG", "Asia/Hong_Kong"),
        "L": ("XLON", "Europe/London"),
        "MC": ("XMAD", "Europe/Madrid"),
        "MI": ("XMIL", "Europe/Rome"),
        "PA": ("XPAR", "Europe/Paris"),
        "ST": ("XSTO", "Europe/Stockholm"),
        "SW": ("XSWX", "Europe/Zurich"),
        "T": ("XTKS", "Asia/Tokyo"),
        "TO": ("XTSE", "America/Toronto"),
        "VI": ("XWBO", "Europe/Vienna"),
    }
)
_CRYPTO = ("24/7", "UTC")
_INTERVALS = {"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "1d": "1d"}
#: The most that one request may ask for.
_WINDOW = {"1m": 7 * NANOS_PER_DAY}


class YahooProvider:
    """Yahoo's prices, turned back into what was traded: Yahoo itself adjusts them for splits.

    Symbols are Yahoo's: `BRK-B`, `VOD.L`, `BTC-USD`, `^GSPC`.
    """

    name = "yahoo"
    offer = Offer(
        title="Yahoo Finance",
        extra="yahoo",
        modules=("yfinance",),
        timeframes=tuple(_INTERVALS),
        feeds=("yahoo",),
        reach=MappingProxyType({"1m": 29, "5m": 59, "15m": 59, "30m": 59, "1h": 729}),
        actions=True,
        instruments=True,
        quotes=True,
        channels=("quotes", "trades"),
        limit=Limit(60, 60.0),
        lacks="a contract: it is unofficial, and changes or refuses at will; lots and whether shares can be "
        "sold short; quotes are delayed, and none while the market is closed",
    )

    def __init__(
        self,
        _secrets: Mapping[str, str],
        *,
        url: str = "",
        stream_url: str = "wss://streamer.finance.yahoo.com/?version=2",
        cache: str = "",
        timeout: float = TIMEOUT,
    ) -> None:
        """Take where Yahoo is.

        Args:
            _secrets: None are needed.
            url: Another host's base URL, which is asked in place of all of Yahoo's; "" for those.
            stream_url: The stream's full address.
            cache: Folder in which yfinance keeps time zones and cookies; "" for the usual one.
            timeout: Seconds to wait for an answer.

        Raises:
            ConfigError: The timeout is not positive, or the user has no home for the cache.
        """
        if not 0.0 < timeout < float("inf"):
            raise ConfigError(f"yahoo: timeout={timeout} must be a positive number of seconds")
        self._stream_url, self._timeout = stream_url, timeout
        self._cache = cache or str(cache_folder("yahoo") or "")
        if not self._cache:
            raise ConfigError("yahoo: there is no home for a cache; set providers.yahoo.cache to a folder")
        self._cache = str(Path(self._cache).absolute())  # yfinance opens it whenever it likes
        self._wire = Wire(url, timeout)
        self._days: dict[str, tuple[int, Frame | None]] = {}
        self._placed = False

    def pace(self, wait: Pace) -> None:
        """Await a function before each request: those for a cookie and its crumb are some too."""
        self._wire.pace = wait

    def source(self, symbol: str) -> Source:
        """Return the identity of what it says of a symbol.

        Raises:
            ConfigError: The symbol is of an exchange that is not known here.
        """
        return Source(self.name, self.offer.feeds[0], calendar=_exchange(symbol)[0])

    async def bars(self, symbol: str, timeframe: str, span: Span) -> AsyncIterator[Batch]:
        """Yield the raw bars that open in a span.

        All splits since are asked for with it, for Yahoo's prices are adjusted by them.
        """
        check_timeframe(self.name, timeframe, self.offer.timeframes, "; the catalog makes coarser ones")
        days = await self._daily(symbol, span.start)
        self._days[symbol] = span.start, days
        asked = f"yahoo: {timeframe} bars of {symbol}"
        splits = [] if days is None else splits_of(read_actions(days, symbol, asked))
        if timeframe == "1d":
            if days is not None:
                yield cut_batch(unadjust(days, splits, daily=True), span)
            return
        window = _WINDOW.get(timeframe, span.end - span.start)
        for low in range(span.start, span.end, window):
            part = Span(low, min(low + window, span.end))
            frame = await self._history(symbol, _INTERVALS[timeframe], part.start, part.end, asked)
            if frame is not None:
                yield cut_batch(unadjust(frame, splits, daily=False), part)

    async def actions(self, symbol: str, span: Span) -> Sequence[Action]:
        """Return splits and dividends, the dividends as they were paid."""
        start, days = self._days.pop(symbol, (span.end, None))  # once: tomorrow there may be others
        if start > span.start:
            days = await self._daily(symbol, span.start)
        if days is None:
            return ()
        found = read_actions(days, symbol, f"yahoo: actions of {symbol}")
        return [action for action in found if span.start <= action.ex < span.end]

    async def instrument(self, symbol: str) -> Instrument:
        """Return currency, exchange and sector, in Yahoo's words; tick and lot are those of US stocks.

        The sector is asked for apart, and refused more often: without it the rest is told all the same.

        Raises:
            ConfigError: Yahoo does not know the symbol.
        """
        asked = f"yahoo: facts of {symbol}"

        def ask(ticker: Any) -> Mapping[str, Any]:
            ticker.history(period="5d", interval="1d", auto_adjust=False, timeout=self._timeout)
            told = ticker.get_history_metadata()  # it asks for more where all of it is read
            return {name: told[name] for name in ("currency", "exchangeName") if name in told}

        facts = await self._call(ask, symbol, asked)
        if facts is None:
            raise ConfigError(f"yahoo has no prices of {symbol!r} in these days; check its spelling")
        currency = str(read_field(facts, "currency", asked))
        sector = ""
        try:
            sector = str((await self._facts(symbol, f"yahoo: sector of {symbol}")).get("sector") or "")
        except (ConfigError, RemoteError, BadData) as error:
            get_logger().warning(f"{error}; the other facts of {symbol} are known")
        exchange = str(facts.get("exchangeName") or "")
        return Instrument(symbol, currency=currency, sector=sector, exchange=exchange)

    async def quote(self, symbol: str) -> Quote:
        """Return the delayed bid and ask, with the time of the last price: Yahoo gives them none.

        Raises:
            ConfigError: Yahoo does not know the symbol.
            Rejected: It has none now.
        """
        asked = f"yahoo: quote of {symbol}"
        facts = await self._facts(symbol, asked)
        bid, ask, bid_size, ask_size = (
            read_number(facts.get(name) or 0.0, asked) for name in ("bid", "ask", "bidSize", "askSize")
        )
        if not (bid or ask):
            raise Rejected(f"{asked}: it has none now; the market is closed, or nobody quotes it there")
        time = round(read_number(read_field(facts, "regularMarketTime", asked), asked)) * NANOS_PER_SECOND
        return Quote(symbol, time, bid, ask, bid_size, ask_size)

    def connect(self) -> YahooConnection:
        """Return a connection to its stream."""
        from openbell.data.providers.yahoo_stream import YahooConnection

        return YahooConnection(self._stream_url, timeout=self._timeout)

    async def close(self) -> None:
        """Let go of connections, and forget."""
        self._days.clear()
        self._wire.close()

    async def _facts(self, symbol: str, asked: str) -> Mapping[str, Any]:
        def ask(ticker: Any) -> Mapping[str, Any]:
            told: Mapping[str, Any] = ticker.info
            return told

        return await self._call(ask, symbol, asked) or {}

    async def _daily(self, symbol: str, start: int) -> Frame | None:
        """Return the days from a date on until now, which hold all splits since; None if there are none."""
        return await self._history(symbol, "1d", start, None, f"yahoo: days of {symbol}")

    async def _history(
        self, symbol: str, interval: str, start: int, end: int | None, asked: str
    ) -> Frame | None:
        zone = _exchange(symbol)[1]
        limits: dict[str, Any] = {"start": _moment(start, interval)}
        if end is not None:
            limits["end"] = _moment(end, interval)

        def ask(ticker: Any) -> Any:
            return ticker.history(
                interval=interval, actions=True, auto_adjust=False, timeout=self._timeout, **limits
            )

        frame = await self._call(ask, symbol, asked)
        return None if frame is None or not len(frame) else read_frame(frame, zone, asked)

    async def _call(self, ask: Any, symbol: str, asked: str) -> Any:
        if not self._placed:
            import yfinance

            yfinance.set_tz_cache_location(self._cache)
            self._placed = True
        return await self._wire.ask(ask, symbol, asked)


def _exchange(symbol: str) -> tuple[str, str]:
    """Return the calendar and the zone of a symbol."""
    if symbol.endswith("-USD"):
        return _CRYPTO
    suffix = symbol.rpartition(".")[2] if "." in symbol else ""
    if suffix not in EXCHANGES:
        raise ConfigError(
            f"yahoo: {symbol!r}: the exchange {suffix!r} is not known here{nearest(suffix, EXCHANGES)}; "
            "a share's class is written with a hyphen, as in BRK-B"
        )
    return EXCHANGES[suffix]


def _moment(nanos: int, interval: str) -> str | datetime:
    """Return a limit as yfinance takes it: a date of the exchange, or a moment."""
    if interval == "1d":
        return str(np.datetime64(nanos // NANOS_PER_DAY, "D"))
    return datetime.fromtimestamp(nanos // NANOS_PER_SECOND, UTC)
