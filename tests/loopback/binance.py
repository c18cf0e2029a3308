"""Binance's spot market as its documentation describes it: signed REST, and the account's stream of events.

It trades on the loopback exchange, and things can go wrong between the two.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any, Literal
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from openbell.core.orders import TERMINAL
from openbell.core.types import OrderStatus, OrderType, TimeInForce
from tests.loopback.book import Executed, Placed, Refusal
from tests.loopback.exchange import Event, Exchange
from tests.loopback.server import Loopback

_S, _T = OrderStatus, OrderType
KEY, SECRET = "canary-key-5f1e", "canary-secret-7d2a"

#: What becomes of the next order: it never arrives; it does, and its answer is lost, or is no JSON.
Mishap = Literal["lost", "unanswered", "garbled"]

_STATUSES = {
    _S.PARTIALLY_FILLED: "PARTIALLY_FILLED", _S.FILLED: "FILLED", _S.CANCELLED: "CANCELED",
    _S.EXPIRED: "EXPIRED", _S.REJECTED: "REJECTED",
}  # fmt: skip
_TYPES = {"LIMIT": _T.LIMIT, "MARKET": _T.MARKET, "STOP_LOSS": _T.STOP, "STOP_LOSS_LIMIT": _T.STOP_LIMIT}
_WORDS = {kind: word for word, kind in _TYPES.items()}
_REFUSALS = {"unknown": -2011, "ended": -2011, "price": -1013, "quantity": -1013}


class BinanceServer(Loopback):
    """Knows one pair of coins. `mishaps` happen to the next orders, one each.

    Args:
        exchange: With the one instrument, priced in `quote` whatever its name.
        muddle: What becomes of the messages of one event: doubled, turned round, lost.
        quote: What it is priced in.
    """

    def __init__(
        self, exchange: Exchange, *, muddle: Callable[[list[Any]], list[Any]] = list, quote: str = "USDT"
    ) -> None:
        super().__init__()
        self.exchange, self.muddle = exchange, muddle
        (self.symbol,) = exchange.lines
        self.coin = self.symbol.partition("/")[0]
        self.pair = f"{self.coin}{quote}"
        self.quote = quote
        self.mishaps: list[Mishap] = []
        self.mute = False  #: whether the stream is silent, and answers no ping
        self.deaf = False  #: whether no stream is let in
        self.streaming = asyncio.Event()  #: set once a stream is let in
        self._streams: list[asyncio.Queue[Any]] = []
        exchange.listeners.append(self._hear)
        self.on_json("GET", "/api/v3/exchangeInfo", lambda _: {"symbols": [self._market()]})
        self.on_json("GET", "/api/v3/time", lambda _: {"serverTime": exchange.time // 1_000_000})
        self.on_json("GET", "/api/v3/ticker/24hr", self._ticker)
        for method, path, answer in (
            ("GET", "account", self._account), ("GET", "openOrders", self._open),
            ("GET", "order", self._find), ("GET", "myTrades", self._trades),
            ("DELETE", "order", self._cancel), ("POST", "order", self._place),
        ):  # fmt: skip
            self.on(method, f"/api/v3/{path}", self._signed(answer))
        self.on_socket("/ws-api/v3", self._talk)

    @property
    def urls(self) -> dict[str, Any]:
        """What stands in place of ccxt's addresses."""
        base = f"{self.url}/api/v3"
        return {
            "public": base,
            "private": base,
            "v1": base,
            "ws": {"ws-api": {"spot": f"{self.ws}/ws-api/v3"}},
        }

    async def drop(self) -> None:
        """Hang up on all streams."""
        for socket in list(self.sockets):
            await socket.close()

    # --- REST --------------------------------------------------------------------------------------------

    def _signed(self, answer: Callable[[dict[str, str]], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            text = request.query_string or (await request.text())
            signed, _, signature = text.rpartition("&signature=")
            expected = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
            if request.headers.get("X-MBX-APIKEY") != KEY or signature != expected:
                return _refuse(401, -2015, "Invalid API-key, IP, or permissions for action.")
            places = request.method == "POST"
            mishap = self.mishaps.pop(0) if self.mishaps and places else None
            if mishap == "lost":
                return _hang_up(request)
            try:
                body = answer(dict(parse_qsl(signed)))
            except Refusal as refusal:
                code = _REFUSALS.get(refusal.code, -2010)
                return _refuse(400, -2013 if refusal.code == "absent" else code, refusal.said)
            if mishap == "unanswered":
                return _hang_up(request)
            text = "<html>gateway</html>" if mishap == "garbled" else json.dumps(body)
            return web.Response(text=text, content_type="application/json")

        return handle

    def _market(self) -> dict[str, Any]:
        one = self.exchange.lines[self.symbol].instrument
        tick, lot = f"{one.tick:.8f}", f"{one.lot:.8f}"
        return {
            "symbol": self.pair, "status": "TRADING", "baseAsset": self.coin, "quoteAsset": self.quote,
            "baseAssetPrecision": 8, "quotePrecision": 8, "isSpotTradingAllowed": True,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
            "permissions": ["SPOT"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.0", "tickSize": tick},
                {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000.0", "stepSize": lot},
                {"filterType": "NOTIONAL", "minNotional": "10.0", "maxNotional": "9000000.0"},
            ],
        }  # fmt: skip

    def _ticker(self, request: web.Request) -> dict[str, Any]:
        last = str(self.exchange.lines[self.symbol].last)
        return {"symbol": self.pair, "lastPrice": last, "bidPrice": last, "askPrice": last, "closeTime": 0}

    def _account(self, query: dict[str, str]) -> dict[str, Any]:
        x = self.exchange
        working = [one for one in x.working() if one.limit is not None]
        locked = sum((one.remaining * (one.limit or 0) for one in working if one.side > 0), Decimal(0))
        coins = x.positions.get(self.symbol, Decimal(0))
        rows = ((self.quote, x.cash - locked, locked), (self.coin, coins, Decimal(0)))
        return {"balances": [{"asset": a, "free": str(f), "locked": str(held)} for a, f, held in rows]}

    def _open(self, query: dict[str, str]) -> list[Any]:
        return [self._order(one) for one in self.exchange.working()]

    def _find(self, query: dict[str, str]) -> dict[str, Any]:
        return self._order(self._one(query, "absent"))

    def _one(self, query: dict[str, str], code: str) -> Placed:
        found = self.exchange.orders.get(f"x{query.get('orderId')}")
        if "origClientOrderId" in query:
            found = self.exchange.find(query["origClientOrderId"])
        if found is None:
            raise Refusal(code, "Order does not exist.")
        return found

    def _trades(self, query: dict[str, str]) -> list[Any]:
        since, limit = int(query.get("startTime", 0)), int(query.get("limit", 500))
        found = [fill for fill in self.exchange.fills if fill.time // 1_000_000 >= since]
        return [{"symbol": self.pair, **_trade(fill, self.quote)} for fill in found[:limit]]

    def _cancel(self, query: dict[str, str]) -> dict[str, Any]:
        order = self._one(query, "unknown")
        self.exchange.cancel(order.id)
        return {
            **self._order(order),
            "origClientOrderId": order.client_id,
            "clientOrderId": "made-by-binance",
        }

    def _place(self, query: dict[str, str]) -> dict[str, Any]:
        side = 1 if query["side"] == "BUY" else -1
        quantity = Decimal(query.get("quantity", "0"))
        if "quoteOrderQty" in query:
            lot = Decimal(str(self.exchange.lines[self.symbol].instrument.lot))
            price = self.exchange.price(self.symbol, 1) or Decimal(1)
            quantity = (Decimal(query["quoteOrderQty"]) / price).quantize(lot, ROUND_DOWN)
        limit, stop = (Decimal(query[name]) if name in query else None for name in ("price", "stopPrice"))
        made = self.exchange.place(
            Placed(
                query["newClientOrderId"], self.symbol, 1 if side > 0 else -1, _TYPES[query["type"]],
                TimeInForce(query.get("timeInForce", "GTC").lower()), quantity, limit=limit, stop=stop,
            )
        )  # fmt: skip
        return {**self._order(made), "transactTime": self.exchange.time // 1_000_000, "fills": []}

    def _order(self, order: Placed) -> dict[str, Any]:
        return {
            "symbol": self.pair, "orderId": int(order.id[1:]), "orderListId": -1,
            "clientOrderId": order.client_id, "price": str(order.limit or 0), "origQty": str(order.quantity),
            "executedQty": str(order.filled), "cummulativeQuoteQty": str(order.value),
            "status": _status(order), "type": _WORDS[order.type], "timeInForce": order.tif.value.upper(),
            "side": "BUY" if order.side > 0 else "SELL", "stopPrice": str(order.stop or 0),
            "time": order.submitted // 1_000_000,
            "updateTime": (order.updated or order.submitted) // 1_000_000,
        }  # fmt: skip

    # --- the stream --------------------------------------------------------------------------------------

    async def _talk(self, socket: web.WebSocketResponse) -> None:
        if self.deaf:
            return
        asked = await socket.receive()
        if asked.type is not WSMsgType.TEXT:
            return
        request = json.loads(asked.data)
        reply = {"id": request["id"], "status": 200, "result": {"subscriptionId": 0}}
        await socket.send_str(json.dumps(reply))
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self._streams.append(queue)
        self.streaming.set()
        listening = asyncio.create_task(self._listen(socket, queue))
        while (message := await queue.get()) is not None:
            await socket.send_str(json.dumps({"subscriptionId": 0, "event": message}))
        self._streams.remove(queue)
        listening.cancel()

    async def _listen(self, socket: web.WebSocketResponse, queue: asyncio.Queue[Any]) -> None:
        """Answer pings, as aiohttp does while it reads, until the other side goes."""
        while not self.mute and (await socket.receive()).type is WSMsgType.TEXT:
            continue
        if not self.mute:
            queue.put_nowait(None)

    def _hear(self, event: Event) -> None:
        if self.mute:
            return
        for message in self.muddle([self._message(event)]):
            for queue in self._streams:
                queue.put_nowait(message)

    def _message(self, event: Event) -> dict[str, Any]:
        order, fill = event.order, event.fill
        ended = order.status in TERMINAL and fill is None
        kinds = {"new": "NEW", "fill": "TRADE", "triggered": "NEW"}
        return {
            "e": "executionReport", "E": event.time // 1_000_000, "s": self.pair,
            "c": "made-by-binance" if event.kind == "cancelled" else order.client_id,
            "C": order.client_id if event.kind == "cancelled" else "",
            "S": "BUY" if order.side > 0 else "SELL", "o": _WORDS[order.type], "f": order.tif.value.upper(),
            "q": str(order.quantity), "p": str(order.limit or 0), "P": str(order.stop or 0),
            "x": _status(order) if ended else kinds[event.kind], "X": _status(order),
            "r": "NONE", "i": int(order.id[1:]), "z": str(order.filled), "Z": str(order.value),
            "O": order.submitted // 1_000_000, "T": event.time // 1_000_000, "t": -1, "m": False,
            **(_filled(fill, self.quote) if fill is not None else {"l": "0", "L": "0", "n": "0", "N": None}),
        }  # fmt: skip


def _filled(fill: Executed, quote: str) -> dict[str, Any]:
    return {
        "l": str(fill.quantity), "L": str(fill.price), "n": str(fill.fee), "N": quote,
        "t": int(fill.id[1:]),
    }  # fmt: skip


def _trade(fill: Executed, quote: str) -> dict[str, Any]:
    return {
        "id": int(fill.id[1:]), "orderId": int(fill.order_id[1:]), "orderListId": -1,
        "price": str(fill.price), "qty": str(fill.quantity), "quoteQty": str(fill.quantity * fill.price),
        "commission": str(fill.fee), "commissionAsset": quote, "time": fill.time // 1_000_000,
        "isBuyer": fill.side > 0, "isMaker": False, "isBestMatch": True,
    }  # fmt: skip


def _status(order: Placed) -> str:
    at_once = order.tif in {TimeInForce.IOC, TimeInForce.FOK}
    if order.status is _S.CANCELLED and at_once:
        return "EXPIRED"
    return _STATUSES.get(order.status, "NEW")


def _refuse(status: int, code: int, said: str) -> web.Response:
    return web.Response(
        status=status, text=json.dumps({"code": code, "msg": said}), content_type="application/json"
    )


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def double(messages: Sequence[Any]) -> list[Any]:
    """Say everything twice."""
    return [*messages, *messages]
