"""A socket in front of the direct broker: a trader in another process can be killed while it trades.

Frames are a length of four bytes and JSON. A request is `{"id", "call", "args"}`; its answer has the same id.
What the trader is told unasked is `{"heard": kind, "body"}` and `{"bars": [...]}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from openbell.core.errors import Disconnected, Rejected
from openbell.core.messages import BarMessage
from openbell.core.types import OrderType, TimeInForce
from openbell.execution.approval import ApprovedOrder, approve
from openbell.execution.port import Balance, Capabilities, Execution, Heard, Holding, Link, Report
from openbell.trading.wire import body_of_heard, execution_of, report_of
from tests.loopback.direct import EVERYTHING, Direct

_DECIMALS = ("quantity", "limit", "stop", "trail", "notional", "take_profit", "stop_loss", "short")


async def receive(reader: asyncio.StreamReader) -> Any:
    """Return the next frame.

    Raises:
        IncompleteReadError: The other side is gone.
    """
    (size,) = struct.unpack(">I", await reader.readexactly(4))
    return json.loads(await reader.readexactly(size))


def send(writer: asyncio.StreamWriter, frame: Any) -> None:
    """Send a frame."""
    body = json.dumps(frame).encode()
    writer.write(struct.pack(">I", len(body)) + body)


def plain(value: Any) -> Any:
    """Return an answer of the broker as JSON has it."""
    if isinstance(value, Report | Execution):
        return body_of_heard(value)
    if isinstance(value, Balance | Holding):
        return [str(one) if isinstance(one, Decimal) else one for one in value]
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value


def frame_of_order(order: ApprovedOrder) -> dict[str, Any]:
    """Return an order as JSON has it."""
    values = {one.name: getattr(order, one.name) for one in fields(order) if one.name != "key"}
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}


def order_of_frame(frame: dict[str, Any]) -> ApprovedOrder:
    """Return the order of a frame: it went through the gate on the other side."""
    read = {name: Decimal(v) if name in _DECIMALS and v is not None else v for name, v in frame.items()}
    return approve(**{**read, "type": OrderType(frame["type"]), "tif": TimeInForce(frame["tif"])})


class Front:
    """The server's side: one trader at a time. `on_call` is told of each request, before and after it."""

    def __init__(self, direct: Direct, on_call: Callable[[str, str], None]) -> None:
        self._direct, self._on_call = direct, on_call
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks.append(asyncio.ensure_future(self._pass_on()))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def send_bars(self, bars: Sequence[BarMessage]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            send(self._writer, {"bars": [list(one) for one in bars]})

    @property
    def is_connected(self) -> bool:
        return self._writer is not None

    async def _pass_on(self) -> None:
        async for heard in self._direct.events():
            if self._writer is not None and not self._writer.is_closing() and not isinstance(heard, Link):
                kind = "report" if isinstance(heard, Report) else "execution"
                send(self._writer, {"heard": kind, "body": body_of_heard(heard)})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self._answer(await receive(reader), writer)
        if self._writer is writer:
            self._writer = None
        writer.close()

    async def _answer(self, request: Any, writer: asyncio.StreamWriter) -> None:
        call = request["call"]
        self._on_call(call, "before")
        args = [order_of_frame(one) if isinstance(one, dict) else one for one in request["args"]]
        try:
            result = plain(await getattr(self._direct, call)(*args))
        except Rejected as error:
            send(writer, {"id": request["id"], "rejected": str(error)})
        else:
            self._on_call(call, "after")
            send(writer, {"id": request["id"], "result": result})


class SocketBroker:
    """The trader's side: a `LiveBroker` over the socket."""

    name = "socket"
    capabilities: Capabilities = EVERYTHING

    def __init__(self, port: int) -> None:
        self._port = port
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._heard: asyncio.Queue[Heard] = asyncio.Queue()
        self.bars: asyncio.Queue[list[BarMessage]] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self) -> str:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._reading = asyncio.ensure_future(self._read(reader))
        return str(await self._ask("connect"))

    async def now(self) -> int:
        return int(await self._ask("now"))

    async def balance(self) -> Balance:
        time, cash, equity, power, *rest = await self._ask("balance")
        return Balance(time, Decimal(cash), Decimal(equity), Decimal(power), *rest)

    async def holdings(self) -> Sequence[Holding]:
        return [Holding(s, Decimal(q), Decimal(a)) for s, q, a in await self._ask("holdings")]

    async def working(self) -> Sequence[Report]:
        return [report_of(one) for one in await self._ask("working")]

    async def find(self, client_id: str) -> Report | None:
        found = await self._ask("find", client_id)
        return None if found is None else report_of(found)

    async def executions(self, since: int) -> Sequence[Execution]:
        return [execution_of(one) for one in await self._ask("executions", since)]

    async def place(self, order: ApprovedOrder) -> Report:
        return report_of(await self._ask("place", frame_of_order(order)))

    async def replace(self, client_id: str, order: ApprovedOrder) -> Report:
        return report_of(await self._ask("replace", client_id, frame_of_order(order)))

    async def cancel(self, client_id: str) -> None:
        await self._ask("cancel", client_id)

    async def cancel_all(self) -> None:
        await self._ask("cancel_all")

    async def events(self) -> AsyncIterator[Heard]:
        while True:
            yield await self._heard.get()

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()

    async def _ask(self, call: str, *args: Any) -> Any:
        if self._writer is None or self._writer.is_closing():
            raise Disconnected(f"socket: {call}: the connection is gone")
        number = len(self._waiting) + 1
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        send(self._writer, {"id": number, "call": call, "args": list(args)})
        frame = await answer
        if "rejected" in frame:
            raise Rejected(frame["rejected"])
        return frame["result"]

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            frame = await receive(reader)
            if "bars" in frame:
                self.bars.put_nowait([BarMessage(*row) for row in frame["bars"]])
            elif "heard" in frame:
                made = report_of if frame["heard"] == "report" else execution_of
                self._heard.put_nowait(made(frame["body"]))
            else:
                self._waiting[frame["id"]].set_result(frame)
