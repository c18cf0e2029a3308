"""Alpha Vantage as its documentation describes it: one address, functions, and sentences for errors."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.loopback.server import Loopback

DAILY_LIMIT = (
    "We have detected your API key as {key} and our standard API rate limit is 25 requests per day. Please "
    "subscribe to any of the premium plans to instantly remove all daily rate limits."
)
PER_SECOND = (
    "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more sparingly "
    "(1 request per second). You may subscribe to any of the premium plans to lift the free key rate limit."
)
PER_MINUTE = (
    "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute. Please visit "
    "the premium page if you would like to target a higher API call frequency."
)
PREMIUM = (
    "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to any of the premium "
    "plans to instantly unlock all premium endpoints"
)
NO_KEY = "the parameter apikey is invalid or missing. Please claim your free API key."
INVALID = "Invalid API call. Please retry or visit the documentation for {function}."


def row(price: float) -> dict[str, str]:
    """Return the prices of a bar, as text and with numbered names."""
    values = (price, price + 1, price - 1, price + 0.5)
    names = ("1. open", "2. high", "3. low", "4. close")
    return {name: f"{value:.4f}" for name, value in zip(names, values, strict=True)} | {"5. volume": "1000"}


class AlphaVantageServer(Loopback):
    """Knows IBM. `days` and `minutes` are its bars by time, newest first on the wire, `rows` its actions.

    With `sentence`, a name and a text, that is the answer to everything; with `zone`, that of its times.
    """

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key
        self.days: dict[str, Any] = {}
        self.minutes: dict[str, Any] = {}
        self.rows: dict[str, list[dict[str, str]]] = {"DIVIDENDS": [], "SPLITS": []}
        self.overview: dict[str, str] = {
            "Symbol": "IBM", "Currency": "USD", "Sector": "TECHNOLOGY", "Exchange": "NYSE",
        }  # fmt: skip
        self.matches: list[dict[str, str]] = []
        self.sentence: tuple[str, str] | None = None
        self.reply: Any = None
        self.zone = "US/Eastern"
        self.on_json("GET", "/query", self._answer)

    def _answer(self, request: web.Request) -> Any:
        query = request.query
        if self.sentence is not None:
            name, text = self.sentence
            return {name: text.format(key=query["apikey"], function=query["function"])}
        if query.get("apikey") != self._key:
            return {"Error Message": NO_KEY}
        return self.reply if self.reply is not None else self._serve(query)

    def _serve(self, query: Any) -> Any:
        function, known = query["function"], query.get("symbol") == "IBM"
        if function == "SYMBOL_SEARCH":
            return {"bestMatches": self.matches}
        if function == "OVERVIEW":
            return self.overview if known else {}
        if function == "GLOBAL_QUOTE":
            return {"Global Quote": {"01. symbol": "IBM", "05. price": "1.0"} if known else {}}
        if function in self.rows:
            return {"symbol": query["symbol"], "data": self.rows[function] if known else []}
        if function == "TIME_SERIES_DAILY":
            return self._series("Time Series (Daily)", self.days if known else {}, function)
        month = {t: bar for t, bar in self.minutes.items() if known and t.startswith(query["month"])}
        return self._series(f"Time Series ({query['interval']})", month, function)

    def _series(self, name: str, bars: dict[str, Any], function: str) -> Any:
        if not bars:
            return {"Error Message": INVALID.format(function=function)}
        return {"Meta Data": {"6. Time Zone": self.zone}, name: dict(reversed(bars.items()))}
