"""Alpaca's trading API and its stream of updates on loopback, on top of the exchange.

https://docs.alpaca.markets/docs/orders-at-alpaca and /docs/websocket-streaming. Numbers are text, frames of
the stream are JSON in binary, the exits of a bracket get client ids of Alpaca's own, and what a replacement
fills counts beside what the order before it filled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from aiohttp import web

from openbell.core.orders import TERMINAL
from openbell.core.types import OrderType, TimeInForce
from openbell.execution.brokers.alpaca_wire import write_time as moment
from tests.loopback.alpaca import KEY, SECRET
from tests.loopback.alpaca_records import ZERO, Records, Row, side_of, uuid_of
from tests.loopback.alpaca_rules import Refused, check_change, check_order, refused_by
from tests.loopback.alpaca_updates import Updates
from tests.loopback.exchange import Exchange, Placed, Refusal
from tests.loopback.server import Loopback

ACCOUNT = "PA3TEST00001"


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
        self.assets: dict[str, dict[str, Any]] = {}  #: what is said otherwise of a symbol
        self.skipped: set[int] = set()  #: rows of the activities that no page begins with or follows
        self.key_refused = False
        self.before_change: Callable[[], object] = lambda: None  #: what happens before an order is replaced
        self.records = Records(exchange)
        self.updates = Updates(self.records, refuses=lambda: self.key_refused, sockets=self.sockets)
        routes: list[tuple[str, str, Callable[[web.Request], Any]]] = [
            ("GET", "/v2/account", lambda _: self._account()),
            ("GET", "/v2/clock", lambda _: {"timestamp": moment(exchange.time), "is_open": exchange.is_open}),
            ("GET", "/v2/positions", lambda _: self._positions()),
            ("GET", "/v2/assets/{symbol}", lambda request: self._asset(request.match_info["symbol"])),
            ("GET", "/v2/orders", self._list),
            ("GET", "/v2/orders:by_client_order_id", self._by_client_id),
            ("GET", "/v2/orders/{id}", lambda request: self.records.row(self._order(request), nested=True)),
            ("GET", "/v2/account/activities/FILL", self._activities),
            ("POST", "/v2/orders", self._place),
            ("PATCH", "/v2/orders/{id}", self._replace),
            ("DELETE", "/v2/orders/{id}", self._cancel),
            ("DELETE", "/v2/orders", lambda _: self._cancel_all()),
        ]
        for method, path, answer in routes:
            self.on(method, path, self._guarded(answer))
        self.on("GET", "/stream", self.updates.talk)

    @property
    def options(self) -> dict[str, Any]:
        """The options of the broker that lead here."""
        return {"trading_url": self.url, "stream_url": f"{self.ws}/stream"}

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

    def _asset(self, symbol: str) -> Row:
        lent = {"shortable": True, "easy_to_borrow": True, **self.assets.get(symbol, {})}
        return {"id": uuid_of(symbol), "symbol": symbol, "status": "active", "tradable": True, **lent}

    def _account(self) -> Row:
        x = self.exchange
        return {
            "id": uuid_of("account"), "account_number": ACCOUNT, "status": "ACTIVE", "currency": "USD",
            "cash": str(x.cash), "equity": str(x.equity), "buying_power": str(x.buying_power),
            "daytrade_count": x.day_trades,
            "trading_blocked": bool(x.trading_blocked), "account_blocked": False,
            "trade_suspended_by_user": False, **self.blocked,
        }  # fmt: skip

    def _positions(self) -> list[Row]:
        x = self.exchange
        return [
            {
                "asset_id": uuid_of(symbol), "symbol": symbol, "exchange": "NASDAQ",
                "asset_class": "us_equity", "qty": str(quantity), "side": "long" if quantity > 0 else "short",
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
            and not (nested and self.records.is_leg(order))
        ]
        if query.get("direction", "desc") == "desc":
            found.reverse()
        return [self.records.row(one, nested=nested) for one in found[: int(query.get("limit", 50))]]

    def _by_client_id(self, request: web.Request) -> Row:
        wanted = request.query["client_order_id"]
        for order in self.exchange.orders.values():
            if self.records.client_id(order) == wanted:
                return self.records.row(order)
        raise Refused(404, 40410000, f"order not found for {wanted}")

    def _order(self, request: web.Request) -> Placed:
        known = self.records.ids.get(request.match_info["id"])
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
        left = order.quantity - self.records.bases.get(order.id, ZERO) - done
        stamp = moment(fill.time)
        digits = "".join(c for c in stamp if c.isdigit())[:17]
        return {
            "id": f"{digits}::{uuid_of('activity' + fill.id)}", "activity_type": "FILL",
            "transaction_time": stamp, "type": "partial_fill" if left > 0 else "fill",
            "price": str(fill.price), "qty": str(fill.quantity), "side": side_of(fill.side),
            "symbol": fill.symbol, "leaves_qty": str(left), "cum_qty": str(done),
            "order_id": uuid_of(order.id), "order_status": "filled" if left <= 0 else "partially_filled",
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
        legs = self.records.row(made, nested=True)["legs"]
        return {**self.records.row(first), "status": "pending_new", "legs": legs}

    def _read(self, body: Row) -> Placed:
        kind = OrderType(body["type"])
        percent = body.get("trail_percent")
        trail = _decimal(percent) / 100 if percent else _decimal(body.get("trail_price"))
        price = self.exchange.price(body["symbol"], 1)
        quantity = _decimal(body.get("qty"))
        if quantity is None:
            quantity = (Decimal(body["notional"]) / (price or 1)).quantize(Decimal("1e-9"))
        return Placed(
            body.get("client_order_id") or uuid_of(f"own{len(self.exchange.orders)}"), body["symbol"],
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
        left = old.quantity - self.records.bases.get(old.id, ZERO) if given is None else given
        number = f"x{len(self.exchange.orders) + 1}"
        self.records.bases[number] = old.filled
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
        return self.records.row(first) | {"status": "pending_new"}

    def _cancel(self, request: web.Request) -> None:
        order = self._order(request)
        if order.status in TERMINAL:
            raise Refused(422, 42210000, f'order is already in "{self.records.word(order)}" state')
        self.exchange.cancel(order.id)

    def _cancel_all(self) -> list[Row]:
        asked = self.exchange.working()
        self.exchange.cancel_all()
        return [{"id": uuid_of(order.id), "status": 200} for order in asked]


def _decimal(value: Any) -> Any:
    return None if value is None else Decimal(str(value))


def _refuse(refused: Refused) -> web.Response:
    return web.json_response({"code": refused.code, "message": refused.said}, status=refused.status)


def _cut(request: web.Request) -> web.Response:
    """Break the connection, so that the answer never comes."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
