"""Tiingo as its documentation describes it: end of day, IEX intraday and quotes, and the stream."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.loopback.server import Loopback, receive_json

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]

ACCEPTED = {
    "messageType": "I",
    "response": {"code": 200, "message": "Success"},
    "data": {"subscriptionId": 61},
}
HEARTBEAT = {"messageType": "H", "response": {"code": 200, "message": "HeartBeat"}}


def day(date: str, price: float, *, cash: float = 0.0, split: float = 1.0) -> dict[str, Any]:
    """Return a row of end-of-day prices."""
    raw = {"open": price, "high": price + 1, "low": price - 1, "close": price + 0.5, "volume": 1000}
    adjusted = {f"adj{name.title()}": value for name, value in raw.items()}
    return {"date": f"{date}T00:00:00.000Z", **raw, **adjusted, "divCash": cash, "splitFactor": split}


def minute(time: str, price: float) -> dict[str, Any]:
    """Return a row of IEX's intraday prices."""
    return {"date": time, "open": price, "high": price, "low": price, "close": price, "volume": 100.0}


def trade(ticker: str, nanos: int, price: float, size: float, *, halted: int | None = None) -> dict[str, Any]:
    """Return a trade of the stream."""
    data = ["T", "2024-01-02T09:30:00-05:00", nanos, ticker, *[None] * 5, price, size, halted, 0, 0, 1, 0]
    return {"messageType": "A", "service": "iex", "data": data}


def quote(ticker: str, nanos: int, bid: float, ask: float | None, *, halted: int = 0) -> dict[str, Any]:
    """Return a quote of the stream."""
    data = ["Q", "2024-01-02T09:30:00-05:00", nanos, ticker, 100, bid, None, ask, ask and 200]
    return {"messageType": "A", "service": "iex", "data": [*data, *[None] * 2, halted, 0, *[None] * 3]}


def reference(ticker: str, time: str, price: float) -> dict[str, Any]:
    """Return a reference price of the stream."""
    return {"messageType": "A", "service": "iex", "data": [time, ticker, price]}


class TiingoServer(Loopback):
    """Knows AAPL and MSFT, which are alike.

    `days` and `minutes` are its rows, `facts` and `top` its answers, `talk` its stream.

    With `reply`, that is its answer to whoever asks for prices.
    """

    def __init__(self, talk: Talk | None = None) -> None:
        super().__init__()
        self.days: list[dict[str, Any]] = []
        self.minutes: list[dict[str, Any]] = []
        self.facts = {"ticker": "AAPL", "exchangeCode": "NASDAQ", "name": "Apple", "startDate": "1980-12-12"}
        self.top: list[dict[str, Any]] = []
        self.reply: Any = None
        for symbol in ("AAPL", "MSFT"):
            self.on_json("GET", f"/tiingo/daily/{symbol}/prices", lambda r: self._between(self.days, r))
            self.on_json("GET", f"/tiingo/daily/{symbol}", lambda _: self.facts)
            self.on_json("GET", f"/iex/{symbol}/prices", lambda r: self._between(self.minutes, r))
        self.on_json("GET", "/iex/", lambda r: [t for t in self.top if t["ticker"] == r.query["tickers"]])
        if talk is not None:
            self.on_socket("/stream", talk)
        self.on("GET", "/{rest:.*}", _not_found)

    def _between(self, rows: list[dict[str, Any]], request: web.Request) -> Any:
        if self.reply is not None:
            return self.reply
        first, last = request.query["startDate"], request.query["endDate"]
        return [row for row in rows if first <= row["date"][:10] <= last]


async def _not_found(_request: web.Request) -> web.Response:
    return web.Response(status=404, text='{"detail": "Error: Ticker \'NONE\' not found"}')


def say(*messages: Any, key: str, wait: bool = False) -> Talk:
    """Return a server's side of a stream: it takes a subscription, says what it has to, and hangs up.

    With `wait` it stays, and is mute.
    """

    async def talk(socket: web.WebSocketResponse) -> None:
        asked = await receive_json(socket)
        if asked["authorization"] != key:
            refusal = {"code": 401, "message": f"no such token: {asked['authorization']}"}
            await socket.send_str(json.dumps({"messageType": "E", "response": refusal}))
            return
        for message in (ACCEPTED, *messages):
            await socket.send_str(message if isinstance(message, str) else json.dumps(message))
        if wait:
            await receive_json(socket)

    return talk
