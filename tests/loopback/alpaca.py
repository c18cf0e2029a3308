"""Alpaca's market data, trading and stream servers on loopback, written from their documentation.

REST: https://docs.alpaca.markets/reference/ with stockbars, cryptobars-1, corporateactions-1,
stocklatestquotes-1 and get-v2-assets-symbol_or_asset_id. Stream: /docs/real-time-stock-pricing-data; its
frames are MessagePack.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgpack
from aiohttp import WSMsgType, web

from tests.loopback.server import Loopback

KEY, SECRET = "PKTESTKEY0123456789", "secret-of-nobody-0123456789"
ENVIRON = {"ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET}

#: Where an action has symbols, and its date, the first of these.
_NAMES = ("symbol", "old_symbol", "new_symbol", "source_symbol", "acquirer_symbol", "acquiree_symbol")
_DATES = ("ex_date", "effective_date", "process_date")

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


def make_bar(time: str, close: float = 100.0, **other: Any) -> dict[str, Any]:
    """Return a bar of a page."""
    prices = {"o": close - 1, "h": close + 1, "l": close - 2, "c": close}
    return {"t": time, **prices, "v": 1000, "n": 12, "vw": close - 0.5, **other}


class AlpacaServer(Loopback):
    """Answers as Alpaca does, a page of `page` rows at a time."""

    def __init__(self, *, page: int = 10_000) -> None:
        super().__init__()
        self.page = page
        self.bars: dict[str, list[dict[str, Any]]] = {}
        self.actions: list[tuple[str, dict[str, Any]]] = []  #: kind and row
        self.assets: dict[str, dict[str, Any]] = {}
        self.quotes: dict[str, dict[str, Any]] = {}
        self.limits: dict[str, str] = {}  #: headers of each answer
        self.before: Callable[[web.Request], Awaitable[None]] = _go_on  #: an answer
        self.talk: Talk = _wait
        self.login_error: tuple[int, str] | None = None
        self.asked: list[Any] = []  #: what the stream was asked
        for path in ("/v2/stocks/bars", "/v1beta3/crypto/us/bars"):
            self.on("GET", path, self._guarded(self._bars))
        for path in ("/v2/stocks/quotes/latest", "/v1beta3/crypto/us/latest/quotes"):
            self.on("GET", path, self._guarded(self._latest))
        self.on("GET", "/v1/corporate-actions", self._guarded(self._corporate))
        self.on("GET", "/v2/assets/{symbol:.*}", self._guarded(self._asset))
        for path in ("/v2/iex", "/v2/sip", "/v1beta3/crypto/us"):
            self.on_socket(path, self._stream)

    @property
    def options(self) -> dict[str, Any]:
        """The options of the provider that lead here."""
        return {"data_url": self.url, "trading_url": self.url, "stream_url": self.ws}

    def _guarded(self, answer: Callable[[web.Request], web.Response]) -> Any:
        async def handle(request: web.Request) -> web.Response:
            given = request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY")
            if given != (KEY, SECRET):
                return web.json_response({"message": f"unauthorized: {given[0]}"}, status=401)
            await self.before(request)
            response = answer(request)
            response.headers.update(self.limits)
            return response

        return handle

    def _bars(self, request: web.Request) -> web.Response:
        query = request.query
        known = self.bars.get(query["symbols"], [])
        rows = [row for row in known if _inside(row["t"], query["start"], query["end"])]
        first = int(query.get("page_token") or 0)
        size = min(int(query["limit"]), self.page)
        page, beyond = rows[first : first + size], first + size
        return web.json_response(
            {
                "bars": {query["symbols"]: page} if page else {},
                "next_page_token": str(beyond) if beyond < len(rows) else None,
            }
        )

    def _corporate(self, request: web.Request) -> web.Response:
        query = request.query
        found = [
            (kind, row)
            for kind, row in self.actions
            if {row.get(name) for name in _NAMES} & set(query["symbols"].split(","))
            and ("types" not in query or kind in query["types"].split(","))
            and query["start"] <= next(row[name] for name in _DATES if name in row) <= query["end"]
        ]
        first = int(query.get("page_token") or 0)
        beyond = first + self.page
        kinds: dict[str, list[Any]] = {}
        for kind, row in found[first:beyond]:
            kinds.setdefault(f"{kind}s", []).append(row)
        token = str(beyond) if beyond < len(found) else None
        return web.json_response({"corporate_actions": kinds, "next_page_token": token})

    def _asset(self, request: web.Request) -> web.Response:
        asset = self.assets.get(request.match_info["symbol"])
        if asset is None:
            return web.json_response({"code": 40410000, "message": "asset not found"}, status=404)
        return web.json_response(asset)

    def _latest(self, request: web.Request) -> web.Response:
        symbol = request.query["symbols"]
        return web.json_response({"quotes": {symbol: self.quotes[symbol]} if symbol in self.quotes else {}})

    async def _stream(self, socket: web.WebSocketResponse) -> None:
        await send(socket, [{"T": "success", "msg": "connected"}])
        login = await receive(socket)
        if login is None:
            return
        if (login.get("key"), login.get("secret")) != (KEY, SECRET):
            await send(socket, [{"T": "error", "code": 402, "msg": f"auth failed for {login.get('key')}"}])
            return
        if self.login_error is not None:
            code, said = self.login_error
            await send(socket, [{"T": "error", "code": code, "msg": said}])
            return
        await send(socket, [{"T": "success", "msg": "authenticated"}])
        asked = await receive(socket)
        if asked is None:
            return
        self.asked.append(asked)
        await send(socket, [{"T": "subscription", **{k: v for k, v in asked.items() if k != "action"}}])
        await self.talk(socket)


def _inside(time: str, start: str, end: str) -> bool:
    """Both ends are included. Times are told as they are asked: in UTC, with an offset or a Z."""
    asked = (start.replace("+00:00", "Z"), end.replace("+00:00", "Z"))
    first, last = (text if "." in text else text.replace("Z", ".000000Z") for text in asked)
    full = time if "." in time else time.replace("Z", ".000000Z")
    return first <= full <= last


async def send(socket: web.WebSocketResponse, rows: Sequence[Any]) -> None:
    """Send a frame of messages."""
    await socket.send_bytes(msgpack.packb(rows))


async def receive(socket: web.WebSocketResponse) -> Any:
    """Return what the client sent; None if it is gone."""
    message = await socket.receive()
    return msgpack.unpackb(message.data) if message.type is WSMsgType.BINARY else None


async def _go_on(_request: web.Request) -> None:
    """Do not keep an answer back."""


async def _wait(socket: web.WebSocketResponse) -> None:
    """Say nothing, until the client leaves."""
    async for _ in socket:
        pass


def stamp(nanos: int) -> Any:
    """Return a time as MessagePack has it."""
    return msgpack.Timestamp.from_unix_nano(nanos)
