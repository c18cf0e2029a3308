"""What all of ccxt's exchanges share: how quotes are read, and how requests wait for their turn."""

from __future__ import annotations

from typing import Any

from openbell.core.messages import Quote
from openbell.data.providers.answers import read_number
from openbell.data.providers.protocol import Pace
from openbell.remote.ccxt import MILLI


def put_pace(exchange: Any, wait: Pace) -> None:
    """Let an exchange of ccxt's await a function before each request to its server."""
    fetch = type(exchange).fetch

    async def paced(*given: Any, **named: Any) -> Any:
        await wait()
        return await fetch(exchange, *given, **named)

    exchange.fetch = paced


def read_quote(ticker: Any, symbol: str, now: int, where: str) -> Quote:
    """Return the bid and ask of a ticker; `now`, in ms, is its time where the exchange gives none.

    Raises:
        BadData: A price is no number.
    """
    bid, ask, bid_size, ask_size = (
        0.0 if ticker[name] is None else read_number(ticker[name], where)
        for name in ("bid", "ask", "bidVolume", "askVolume")
    )
    return Quote(symbol, int(ticker["timestamp"] or now) * MILLI, bid, ask, bid_size, ask_size)
