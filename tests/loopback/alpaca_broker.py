"""Alpaca's trading API and its stream of updates on loopback, on top of the exchange.

https://docs.alpaca.markets/docs/orders-at-alpaca and /docs/websocket-streaming. Numbers are text, frames of
the stream are JSON in binary, the exits of a bracket get client ids of Alpaca's own, and what a replacement
fills counts beside what the order before it filled.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from aiohttp import WSMsgType, web

from openbell.core.orders import TERMINAL
from openbell.core.types import OrderStatus, OrderType, Side, TimeInForce
from openbell.execution.brokers.alpaca_wire import write_time as moment
from tests.loopback.alpaca import KEY, SECRET
from tests.loopback.alpaca_rules import Refused, check_change, check_order, refused_by
from tests.loopback.exchange import Event, Exchange, Placed, Refusal
from tests.loopback.server import Loopback

S = OrderStatus
ZERO = Decimal(0)
ACCOUNT = "PA3TEST00001"

_WORDS = {
    S.ACCEPTED: "new", S.TRIGGERED: "new", S.HELD: "held", S.PARTIALLY_FILLED: "partially_filled",
    S.FILLED: "filled", S.CANCELLED: "canceled", S.EXPIRED: "expired", S.REJECTED: "rejected",
}  # fmt: skip
_EVENTS = {"new": "new", "cancelled": "canceled", "expired": "expired", "rejected": "rejected"}
Row = dict[str, Any]


class AlpacaBrokerServer(Loopback):
    """Answers as Alpaca does, for one account.

    Args:
        exchange: What it trades on.
        page: Rows of activities in an answer, at most 100.
    """

    def __init__(self, exchange: Exchange, *, page: int = 100) -> None:
        super().__init__()
        self.exchange, self.page = exchange, page
        self.lost: list[tuple[str, str]] = []  #: a method, and `before` or `after`: whose answers get lost
        self.hanging: set[str] = set()  #: methods that are not answered
        self.trickling = False  #: whether answers come in drops, and have no end
        self.limits: dict[str, str] = {}  #: headers of each answer
        self.blocked: dict[str, Any] = {}  #: what the account says otherwise
        self.muted = False  #: whether the stream says nothing
        self.doubled = False  #: whether it says all twice
        self.held_back: list[bytes] | None = None  #: what waits for `release`, if it is to wait
        self.deaf = False  #: whether a request to listen is not answered
        self.skipped: set[int] = set()  #: rows of the activities that no page begins with or follows
        self.taken = False  #: whether the stream is open elsewhere
        self.key_refused = False
        self.before_change: Callable[[], object] = lambda: None  #: what happens before an order is replaced
        self.stream: web.WebSocketResponse | None = None
        self.listening = asyncio.Event()
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._ids: dict[str, str] = {}  # of orders, by Alpaca's id
        self._bases: dict[str, Decimal] = {}  # what the orders before one had filled
        exchange.listeners.append(self._hear)
        routes: list[tuple[str, str, Callable[[web.Request], Any]]] = [
            ("GET", "/v2/account", lambda _: self._account()),
            ("GET", "/v2/clock", lambda _: {"timestamp": moment(exchange.time), "is_open": exchange.is_open}),
            ("GET", "/v2/positions", lambda _: self._positions()),
            ("GET", "/v2/orders", self._list),
            ("GET", "/v2/orders:by_client_order_id", self._by_client_id),
            ("GET", "/v2/orders/{id}", lambda request: self.row(self._order(request), nested=True)),
            ("GET", "/v2/account/activities/FILL", self._activities),
            ("POST", "/v2/orders", self._place),
            ("PATCH", "/v2/orders/{id}", self._replace),
            ("DELETE", "/v2/orders/{id}", self._cancel),
            ("DELETE", "/v2/orders", lambda _: self._cancel_all()),
        ]
        for method, path, answer in routes:
            self.on(method, path, self._guarded(answer))
        self.on("GET", "/stream", self._talk)

    @property
    def options(self) -> dict[str, Any]:
        """The options of the broker that lead here."""
        return {"trading_url": self.url, "stream_url": f"{self.ws}/stream"}

    # --- what a test does ------------------------------------------------------------------------------

    def drop(self) -> None:
        """Cut the stream."""
        if self.stream is not None and self.stream._req is not None:
            transport = self.stream._req.transport
            if transport is not None:
                transport.abort()

    def release(self, *, turned: bool = False) -> None:
        """Send what was held back, the newest first if turned."""
        waiting, self.held_back = self.held_back or [], None
        for frame in reversed(waiting) if turned else waiting:
            self._outbox.put_nowait(frame)

    # --- answers ---------------------------------------------------------------------------------------

    def _guarded(self, answer: Callable[[web.Request], Any]) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY")
            if given != (KEY, SECRET) or self.key_refused:
                return web.json_response({"message": "unauthorized."}, status=401)
            if request.method in self.hanging:
                await self._let_go.wait()
            if self.trickling:
                return await self._trickle(request)
            if self._is_lost(request, "before"):
                return _cut(request)
            try:
                body = answer(request)
                body = await body if isinstance(body, Awaitable) else body
                response = web.Response(status=204) if body is None else web.json_response(body)
            except Refusal as refusal:
                response = _refuse(refused_by(refusal))
            except Refused as refused:
                response = _refuse(refused)
            response.headers.update(self.limits)
            return _cut(request) if self._is_lost(request, "after") else response

        return handle

    async def _trickle(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while self.trickling:
            await response.write(b" ")
            await asyncio.sleep(0.02)
        return response

    def _is_lost(self, request: web.Request, when: str) -> bool:
        if (request.method, when) not in self.lost:
            return False
        self.lost.remove((request.method, when))
        return True

    def _account(self) -> Row:
        x = self.exchange
        return {
            "id": _uuid("account"), "account_number": ACCOUNT, "status": "ACTIVE", "currency": "USD",
            "cash": str(x.cash), "equity": str(x.equity), "buying_power": str(x.buying_power),
            "daytrade_count": x.day_trades,
            "trading_blocked": bool(x.trading_blocked), "account_blocked": False,
            "trade_suspended_by_user": False, **self.blocked,
        }  # fmt: skip

    def _positions(self) -> list[Row]:
        x = self.exchange
        return [
            {
                "asset_id": _uuid(symbol), "symbol": symbol, "exchange": "NASDAQ", "asset_class": "us_equity",
                "qty": str(quantity), "side": "long" if quantity > 0 else "short",
                "avg_entry_price": str(x.averages[symbol]), "cost_basis": "0",
            }
            for symbol, quantity in x.positions.items()
            if quantity
        ]  # fmt: skip

    def _list(self, request: web.Request) -> list[Row]:
        query = request.query
        status, after = query.get("status", "open"), query.get("after", "")
        symbols = query["symbols"].split(",") if "symbols" in query else None
        nested = query.get("nested") == "true"
        found = [
            order
            for order in self.exchange.orders.values()
            if (status == "all" or (order.status in TERMINAL) == (status == "closed"))
            and (symbols is None or order.symbol in symbols)
            and (not after or moment(order.submitted) > after)
            and not (nested and self._is_leg(order))
        ]
        if query.get("direction", "desc") == "desc":
            found.reverse()
        return [self.row(one, nested=nested) for one in found[: int(query.get("limit", 50))]]

    def _by_client_id(self, request: web.Request) -> Row:
        wanted = request.query["client_order_id"]
        for order in self.exchange.orders.values():
            if self.client_id(order) == wanted:
                return self.row(order)
        raise Refused(404, 40410000, f"order not found for {wanted}")

    def _order(self, request: web.Request) -> Placed:
        known = self._ids.get(request.match_info["id"])
        if known is None:
            raise Refused(404, 40410000, f"order not found for {request.match_info['id']}")
        return self.exchange.orders[known]

    def _activities(self, request: web.Request) -> list[Row]:
        """Answer a page of fills: in one millisecond they come in the order of their ids."""
        query = request.query
        after = query.get("after", "")
        rows = [self._activity(i) for i, _ in enumerate(self.exchange.fills) if i not in self.skipped]
        rows = sorted((row for row in rows if row["transaction_time"] > after), key=lambda row: row["id"])
        token = query.get("page_token")
        if token:
            first = next(i for i, row in enumerate(rows) if row["id"] == token) + 1
            rows = rows[first:]
        return rows[: min(int(query.get("page_size", 100)), self.page)]

    def _activity(self, number: int) -> Row:
        fill = self.exchange.fills[number]
        order = self.exchange.orders[fill.order_id]
        before = [one for one in self.exchange.fills[: number + 1] if one.order_id == fill.order_id]
        done = sum((one.quantity for one in before), ZERO)
        left = order.quantity - self._bases.get(order.id, ZERO) - done
        stamp = moment(fill.time)
        digits = "".join(c for c in stamp if c.isdigit())[:17]
        return {
            "id": f"{digits}::{_uuid('activity' + fill.id)}", "activity_type": "FILL",
            "transaction_time": stamp, "type": "partial_fill" if left > 0 else "fill",
            "price": str(fill.price), "qty": str(fill.quantity), "side": _side(fill.side),
            "symbol": fill.symbol, "leaves_qty": str(left), "cum_qty": str(done),
            "order_id": _uuid(order.id), "order_status": "filled" if left <= 0 else "partially_filled",
        }  # fmt: skip

    # --- orders ----------------------------------------------------------------------------------------

    async def _place(self, request: web.Request) -> Row:
        body = await request.json()
        check_order(body, self.exchange)
        target, stop = body.get("take_profit"), body.get("stop_loss")
        oco = body.get("order_class") == "oco"
        number = f"x{len(self.exchange.orders) + 1}"
        made = self.exchange.place(
            self._read(body),
            take_profit=_decimal(target["limit_price"]) if target and not oco else None,
            stop_loss=_decimal(stop["stop_price"]) if stop else None,
        )
        # What the answer says is what stood there before anything else happened.
        first = next(one.order for one in self.exchange.events if one.order.id == number)
        legs = self.row(made, nested=True)["legs"]
        return {**self.row(first), "status": "pending_new", "legs": legs}

    def _read(self, body: Row) -> Placed:
        kind = OrderType(body["type"])
        percent = body.get("trail_percent")
        trail = _decimal(percent) / 100 if percent else _decimal(body.get("trail_price"))
        price = self.exchange.price(body["symbol"], 1)
        quantity = _decimal(body.get("qty"))
        if quantity is None:
            quantity = (Decimal(body["notional"]) / (price or 1)).quantize(Decimal("1e-9"))
        return Placed(
            body.get("client_order_id") or _uuid(f"own{len(self.exchange.orders)}"), body["symbol"],
            1 if body["side"] == "buy" else -1, kind, TimeInForce(body["time_in_force"]), quantity,
            limit=_decimal(body.get("limit_price")), stop=_decimal(body.get("stop_price")), trail=trail,
            trail_percent=percent is not None, extended=bool(body.get("extended_hours")),
            reduce_only=body.get("order_class") == "oco",
        )  # fmt: skip

    async def _replace(self, request: web.Request) -> Row:
        old = self._order(request)
        body = await request.json()
        self.before_change()
        check_change(old, body)
        given = _decimal(body.get("qty"))
        left = old.quantity - self._bases.get(old.id, ZERO) if given is None else given
        number = f"x{len(self.exchange.orders) + 1}"
        self._bases[number] = old.filled
        trail = _decimal(body.get("trail"))
        self.exchange.replace(
            old.id,
            body["client_order_id"],
            quantity=left + old.filled,
            limit=_decimal(body.get("limit_price")),
            stop=_decimal(body.get("stop_price")),
            trail=None if trail is None else trail / (100 if old.trail_percent else 1),
        )
        first = next(one.order for one in self.exchange.events if one.order.id == number)
        return self.row(first) | {"status": "pending_new"}

    def _cancel(self, request: web.Request) -> None:
        order = self._order(request)
        if order.status in TERMINAL:
            raise Refused(422, 42210000, f'order is already in "{self.word(order)}" state')
        self.exchange.cancel(order.id)

    def _cancel_all(self) -> list[Row]:
        asked = self.exchange.working()
        self.exchange.cancel_all()
        return [{"id": _uuid(order.id), "status": 200} for order in asked]

    # --- what an order looks like ----------------------------------------------------------------------

    def row(self, order: Placed, *, nested: bool = False) -> Row:
        """Return an order's record."""
        base = self._bases.get(order.id, ZERO)
        filled = order.filled - base
        legs = [self.row(self.exchange.orders[one]) for one in self._legs(order)] if nested else []
        self._ids[_uuid(order.id)] = order.id
        row = {
            "id": _uuid(order.id), "client_order_id": self.client_id(order),
            "created_at": moment(order.submitted), "submitted_at": moment(order.submitted),
            "updated_at": moment(order.updated or order.submitted), "asset_class": "us_equity",
            "symbol": order.symbol, "side": _side(order.side), "type": order.type.value,
            "order_type": order.type.value, "time_in_force": order.tif.value,
            "qty": str(order.quantity - base), "filled_qty": str(filled),
            "filled_avg_price": str(self._average(order)) if filled else None,
            "limit_price": _text(order.limit), "stop_price": _text(order.stop),
            "order_class": self._family(order), "status": self.word(order), "legs": legs or None,
            "extended_hours": order.extended,
            "replaces": _uuid(order.replaces) if order.replaces else None,
            "replaced_by": _uuid(order.replaced_by) if order.replaced_by else None,
        }  # fmt: skip
        name = "trail_percent" if order.trail_percent else "trail_price"
        row[name] = _text(None if order.trail is None else order.trail * (100 if order.trail_percent else 1))
        return row

    def _average(self, order: Placed) -> Decimal:
        own = [one for one in self.exchange.fills if one.order_id == order.id]
        return sum((one.quantity * one.price for one in own), ZERO) / sum((one.quantity for one in own), ZERO)

    def word(self, order: Placed) -> str:
        """Return Alpaca's word for an order's status: it holds a stop that has a sibling."""
        if order.replaced_by:
            return "replaced"
        if order.status in (S.ACCEPTED, S.PARTIALLY_FILLED) and order.filled == self._bases.get(
            order.id, ZERO
        ):
            held = self._is_leg(order) and order.type is OrderType.STOP and self._has_sibling(order)
            return "held" if held else "new"
        return _WORDS[order.status]

    def client_id(self, order: Placed) -> str:
        """Return an order's client id; Alpaca gives a bracket's exits their own."""
        return order.client_id or _uuid("client" + order.id)

    def _is_leg(self, order: Placed) -> bool:
        return bool(order.parent) or (bool(order.oco) and order.oco != order.id and not order.client_id)

    def _has_sibling(self, order: Placed) -> bool:
        return sum(one.oco == order.oco for one in self.exchange.working()) > 1

    def _legs(self, order: Placed) -> list[str]:
        if order.legs or not order.oco or self._is_leg(order):
            return list(order.legs)
        return [
            one.id for one in self.exchange.orders.values() if one.oco == order.oco and one.id != order.id
        ]

    def _family(self, order: Placed) -> str:
        head = self.exchange.orders.get(order.parent, order)
        count = len(head.legs)
        if count:
            return "bracket" if count > 1 else "oto"
        return "oco" if order.oco else "simple"

    # --- the stream ------------------------------------------------------------------------------------

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        if self.taken or (self.stream is not None and not self.stream.closed):
            return web.Response(status=429, text="connection limit exceeded")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.stream = socket
        self.sockets.append(socket)
        self._outbox = asyncio.Queue()
        writer = asyncio.create_task(self._write(socket))
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    await self._answer(socket, json.loads(message.data))
        finally:
            writer.cancel()
            self.listening.clear()
            self.stream = None
        return socket

    async def _answer(self, socket: web.WebSocketResponse, asked: Row) -> None:
        if asked["action"] == "authenticate":
            given = asked["data"]["key_id"], asked["data"]["secret_key"]
            fine = given == (KEY, SECRET) and not self.key_refused
            status = "authorized" if fine else "unauthorized"
            data: Row = {"status": status, "action": "authenticate"}
            await socket.send_bytes(json.dumps({"stream": "authorization", "data": data}).encode())
        elif not self.deaf:
            await socket.send_bytes(json.dumps({"stream": "listening", "data": asked["data"]}).encode())
            self.listening.set()

    async def _write(self, socket: web.WebSocketResponse) -> None:
        while True:
            await socket.send_bytes(await self._outbox.get())

    def _hear(self, event: Event) -> None:
        """Tell the stream of an event, if anybody listens: what is missed is not told later."""
        order = event.order
        held_stop = event.kind == "new" and self.word(order) == "held"
        told = event.kind in ("fill", "replaced") or (event.kind in _EVENTS and not held_stop)
        row = self.row(order)  # it gets its id here
        if not told or self.muted or not self.listening.is_set():
            return
        data: Row = {
            "event": _EVENTS.get(event.kind, event.kind),
            "timestamp": moment(event.time),
            "order": row,
        }
        if event.fill is not None:
            done = order.status is S.FILLED
            data |= {
                "event": "fill" if done else "partial_fill", "execution_id": _uuid(event.fill.id),
                "price": str(event.fill.price), "qty": str(event.fill.quantity),
                "position_qty": str(self.exchange.positions[order.symbol]),
            }  # fmt: skip
        frame = json.dumps({"stream": "trade_updates", "data": data}).encode()
        for one in [frame] * (2 if self.doubled else 1):
            if self.held_back is None:
                self._outbox.put_nowait(one)
            else:
                self.held_back.append(one)


def _uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_OID, name))


def _side(side: Side) -> str:
    return "buy" if side > 0 else "sell"


def _decimal(value: Any) -> Any:
    return None if value is None else Decimal(str(value))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _refuse(refused: Refused) -> web.Response:
    return web.json_response({"code": refused.code, "message": refused.said}, status=refused.status)


def _cut(request: web.Request) -> web.Response:
    """Break the connection, so that the answer never comes."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
