"""Kraken and Bitstamp as their documentation describes them, by what ccxt asks of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.loopback.server import Loopback, receive_json

Row = tuple[int, float, float, float, float, float]  #: second, open, high, low, close, volume
Talk = Callable[[web.WebSocketResponse], Awaitable[None]]

_ASSETS = {
    "XXBT": {"altname": "XBT", "decimals": 10, "status": "enabled"},
    "ZUSD": {"altname": "USD", "decimals": 4},
}
_PAIR = {
    "altname": "XBTUSD",
    "wsname": "XBT/USD",
    "base": "XXBT",
    "quote": "ZUSD",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "leverage_buy": [2, 3],
    "fees": [[0, 0.26]],
    "fees_maker": [[0, 0.16]],
    "ordermin": "0.0001",
    "status": "online",
}


class KrakenServer(Loopback):
    """Knows BTC/USD. `rows` are its bars of any timeframe; it answers with the last 720 of them.

    With `error`, that is in every answer; with `reply`, that is the answer to whoever asks for bars.
    """

    def __init__(self, talk: Talk | None = None) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.error: list[str] = []
        self.reply: Any = None
        self.ticker: dict[str, Any] = {
            "a": ["101.5", "1", "1.5"],
            "b": ["100.5", "2", "2.5"],
            "c": ["101", "1"],
        }
        self._on("/0/public/Assets", lambda _: _ASSETS)
        self.pair = dict(_PAIR)
        self._on("/0/public/AssetPairs", lambda _: {"XXBTZUSD": self.pair})
        self._on("/0/public/OHLC", self._bars)
        self._on("/0/public/Ticker", lambda _: {"XXBTZUSD": self.ticker})
        if talk is not None:
            self.on_socket("/v2", talk)

    @property
    def urls(self) -> dict[str, Any]:
        """What stands in place of ccxt's addresses."""
        return {"public": self.url, "ws": {"publicV2": f"{self.ws}/v2"}}

    def _on(self, path: str, answer: Callable[[web.Request], Any]) -> None:
        self.on_json("GET", path, lambda request: {"error": self.error, "result": answer(request)})

    def _bars(self, request: web.Request) -> Any:
        if self.reply is not None:
            return self.reply
        since = int(request.query.get("since", 0))
        kept = [row for row in self.rows[-720:] if row[0] > since]
        rows = [[time, *map(str, prices), "0", str(volume), 1] for time, *prices, volume in kept]
        return {"XXBTZUSD": rows, "last": 0}


class BitstampServer(Loopback):
    """Knows BTC/USD. It answers with the bars of a window of at most 1,000 steps."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        names = {
            "name": "BTC/USD",
            "market_symbol": "btcusd",
            "base_currency": "BTC",
            "counter_currency": "USD",
        }
        facts: dict[str, Any] = {
            "description": "Bitcoin / U.S. dollar",
            "base_decimals": 8,
            "counter_decimals": 2,
            "trading": "Enabled",
            "market_type": "SPOT",
        }
        self.on_json("GET", "/v2/markets/", lambda _: [{**names, **facts, "minimum_order_value": "10"}])
        self.on_json("GET", "/v2/ohlc/btcusd/", self._bars)

    @property
    def urls(self) -> dict[str, Any]:
        """What stands in place of ccxt's addresses."""
        return {"public": self.url}

    def _bars(self, request: web.Request) -> Any:
        first, last = int(request.query["start"]), int(request.query["end"])
        names = ("timestamp", "open", "high", "low", "close", "volume")
        window = [row for row in self.rows if first <= row[0] <= last][: int(request.query["limit"])]
        rows = [{n: str(value) for n, value in zip(names, row, strict=True)} for row in window]
        return {"data": {"pair": "BTC/USD", "ohlc": rows}}


def trades(*prices: float, second: int = 0) -> dict[str, Any]:
    """Return an update of trades, one at each price, one id and millisecond after the other."""
    data = [
        {
            "symbol": "BTC/USD",
            "side": "buy",
            "price": price,
            "qty": 2.0,
            "ord_type": "market",
            "trade_id": number,
            "timestamp": _iso(second, f".{number:03d}000"),
        }
        for number, price in enumerate(prices)
    ]
    return {"channel": "trade", "type": "update", "data": data}


def candle(second: int, close: float) -> dict[str, Any]:
    """Return an update of the minute that opens at a second."""
    prices = {
        "open": 100.0,
        "high": 110.0,
        "low": 90.0,
        "close": close,
        "volume": 5.0,
        "trades": 1,
        "vwap": 100.0,
    }
    times = {"interval_begin": _iso(second, ".000000000"), "interval": 1, "timestamp": _iso(second + 60, "")}
    return {"channel": "ohlc", "type": "update", "data": [{"symbol": "BTC/USD", **prices, **times}]}


def ticker(bid: float, ask: float) -> dict[str, Any]:
    """Return an update of the ticker."""
    data = {"symbol": "BTC/USD", "bid": bid, "bid_qty": 1.0, "ask": ask, "ask_qty": 2.0, "last": bid}
    return {"channel": "ticker", "type": "update", "data": [data]}


def _iso(second: int, fraction: str) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def say(*messages: Any, wait: bool = False, pong: bool = True) -> Talk:
    """Return a server's side of a stream: it takes a subscription, says what it has to, and hangs up.

    With `wait` it stays until the other side goes; without `pong` it answers no ping meanwhile.
    """

    async def talk(socket: web.WebSocketResponse) -> None:
        await receive_json(socket)
        for message in messages:
            await socket.send_str(message if isinstance(message, str) else json.dumps(message))
        while wait:
            asked = await receive_json(socket)
            if asked is None:
                return
            if pong and asked["method"] == "ping":
                await socket.send_str(json.dumps({"method": "pong"}))

    return talk
