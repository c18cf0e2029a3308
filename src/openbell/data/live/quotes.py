"""The latest quote of each symbol, in this process."""

from __future__ import annotations

from typing import Protocol

from openbell.core.messages import Quote


class QuoteCache(Protocol):
    """Keeps the newest quote of each symbol, by the quotes' own times."""

    def put(self, quote: Quote) -> None:
        """Keep a quote, at once; one that is older than the kept one is left out."""

    async def get(self, symbol: str) -> Quote | None:
        """Return a symbol's newest quote; None if there is none."""

    async def all(self) -> dict[str, Quote]:
        """Return the newest quotes by symbol."""

    async def close(self) -> None:
        """Let go of connections; closing twice does nothing."""


class LocalQuotes:
    """Quotes of one process, in its memory."""

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}

    def put(self, quote: Quote) -> None:
        """Keep a quote, unless a newer one is kept."""
        kept = self._quotes.get(quote.symbol)
        if kept is None or kept.time <= quote.time:
            self._quotes[quote.symbol] = quote

    def peek(self, symbol: str) -> Quote | None:
        """Return a symbol's newest quote, at once."""
        return self._quotes.get(symbol)

    async def get(self, symbol: str) -> Quote | None:
        """Return a symbol's newest quote."""
        return self._quotes.get(symbol)

    async def all(self) -> dict[str, Quote]:
        """Return the newest quotes by symbol."""
        return dict(self._quotes)

    async def close(self) -> None:
        """Do nothing: there is no connection."""
