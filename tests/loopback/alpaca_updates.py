"""Alpaca's stream of updates on loopback: JSON in binary frames, and what can go wrong with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from aiohttp import WSMsgType, web

from openbell.core.types import OrderStatus
from openbell.execution.brokers.alpaca_wire import write_time as moment
from tests.loopback.alpaca import KEY, SECRET
from tests.loopback.alpaca_records import Records, Row, uuid_of
from tests.loopback.exchange import Event

S = OrderStatus
_EVENTS = {"new": "new", "cancelled": "canceled", "expired": "expired", "rejected": "rejected"}


class Updates:
    """Tells what happens on an exchange, if anybody listens.

    Args:
        records: The orders.
        refuses: Whether the key is refused now.
        sockets: Where open sockets go, for whoever closes them at the end.
    """

    def __init__(
        self, records: Records, *, refuses: Callable[[], bool], sockets: list[web.WebSocketResponse]
    ) -> None:
        self.muted = False  #: whether it says nothing
        self.doubled = False  #: whether it says all twice
        self.held_back: list[bytes] | None = None  #: what waits for `release`, if it is to wait
        self.deaf = False  #: whether a request to listen is not answered
        self.taken = False  #: whether it is open elsewhere
        self.stream: web.WebSocketResponse | None = None
        self.listening = asyncio.Event()
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._records, self._refuses, self._sockets = records, refuses, sockets
        records.exchange.listeners.append(self._hear)

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

    async def talk(self, request: web.Request) -> web.StreamResponse:
        if self.taken or (self.stream is not None and not self.stream.closed):
            return web.Response(status=429, text="connection limit exceeded")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.stream = socket
        self._sockets.append(socket)
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
            fine = given == (KEY, SECRET) and not self._refuses()
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
        held_stop = event.kind == "new" and self._records.word(order) == "held"
        told = event.kind in ("fill", "replaced") or (event.kind in _EVENTS and not held_stop)
        row = self._records.row(order)  # it gets its id here
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
                "event": "fill" if done else "partial_fill", "execution_id": uuid_of(event.fill.id),
                "price": str(event.fill.price), "qty": str(event.fill.quantity),
                "position_qty": str(self._records.exchange.positions[order.symbol]),
            }  # fmt: skip
        frame = json.dumps({"stream": "trade_updates", "data": data}).encode()
        for one in [frame] * (2 if self.doubled else 1):
            if self.held_back is None:
                self._outbox.put_nowait(one)
            else:
                self.held_back.append(one)
