"""Quotes as ccxt gives them."""

from __future__ import annotations

from typing import Any

from openbell.core.messages import Quote
from openbell.data.providers.answers import read_number
from openbell.remote.ccxt import MILLI


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
