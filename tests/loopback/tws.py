"""TWS as its API documents it: frames of NUL-terminated fields with their length before them.

`Tws` speaks the protocol up to server version 178 and keeps a table from a request's number to what answers
it; those of market data (`tws_market`) and of a broker are added to it.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

Fields = list[str]

VERSION = 178
ACCOUNT = "DU1"

_IN_USE = "Unable to connect as the client id is already in use. Retry with a unique client id."

START, POSITIONS, OPEN_ORDERS, COMPLETED, ACCOUNT_UPDATES, ACCOUNT_MULTI, EXECUTIONS = 71, 61, 5, 99, 6, 76, 7


class Client:
    """One client of TWS."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.number = -1
        self._writer = writer

    async def send(self, *fields: object) -> None:
        """Send a frame."""
        await self.send_bytes(frame(*fields))

    async def send_bytes(self, data: bytes) -> None:
        """Send what may be no whole frame."""
        self._writer.write(data)
        await self._writer.drain()

    def put(self, *fields: object) -> None:
        """Send a frame from a function that cannot wait."""
        if not self._writer.is_closing():
            self._writer.write(frame(*fields))

    async def fail(self, request: object, code: int, text: str) -> None:
        """Send an error; the request -1 stands for none."""
        await self.send(4, 2, request, code, text, "")

    def hang_up(self) -> None:
        """Close the connection."""
        self._writer.close()


def frame(*fields: object) -> bytes:
    """Return a frame: the length in four bytes, big-endian, then the fields."""
    body = "".join(f"{value}\0" for value in fields).encode()
    return struct.pack(">I", len(body)) + body


Answer = Callable[[Client, Fields], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Oddity:
    """How the next answer to a kind of request goes wrong; with nothing given it does not come."""

    code: int = 0
    text: str = ""
    half: bool = False  #: half a frame, and the connection closes
    fields: tuple[object, ...] = field(default_factory=tuple)  #: a frame; `{request}` is the request's id


class Tws:
    """A TWS on a free port of 127.0.0.1, from `async with tws` on.

    `received` are all requests; `answers` say what is done about each kind; `clients` are those that are
    connected, by number.
    """

    def __init__(self) -> None:
        self.received: list[Fields] = []
        self.clients: dict[int, Client] = {}
        self.port = 0
        self.accounts, self.next_id = ACCOUNT, 100  #: the login's accounts, and the next number of an order
        self.answers: dict[int, Answer] = {START: self._start}
        for request, end in (
            (POSITIONS, (62, 1)),
            (OPEN_ORDERS, (53, 1)),
            (COMPLETED, (102,)),
            (ACCOUNT_UPDATES, (54, 1, ACCOUNT)),
        ):
            self.answers[request] = _ending(*end)
        for request, number, end in ((ACCOUNT_MULTI, 2, (74, 1)), (EXECUTIONS, 2, (55, 1))):
            self.answers[request] = _ending(*end, number=number)
        self._oddities: dict[int, list[Oddity]] = {}
        self._places: dict[int, int] = {}
        self._server: asyncio.Server | None = None
        self._talks: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self._news = asyncio.Condition()

    def on(self, request: int, answer: Answer, *, number: int) -> None:
        """Answer a kind of request, in whose field `number` stands its id; before the server is entered."""
        self.answers[request] = answer
        self._places[request] = number

    def spoil(self, request: int, oddity: Oddity) -> None:
        """Let the next answer to a kind of request go wrong; oddities queue up."""
        self._oddities.setdefault(request, []).append(oddity)

    def of(self, request: int) -> list[Fields]:
        """Return the requests of a kind."""
        return [fields for fields in self.received if int(fields[0]) == request]

    async def wait_for(self, request: int, *, count: int = 1) -> None:
        """Wait until there were so many requests of a kind."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.of(request)) >= count)

    async def tell(self, *fields: object) -> None:
        """Send a frame to all clients."""
        for client in self.clients.values():
            await client.send(*fields)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._talks.values():
            writer.close()
        await asyncio.gather(*self._talks)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._talks[task] = writer
        client = Client(writer)
        try:
            await reader.readexactly(4)  # `API` and NUL
            await _read(reader)  # the versions that the client speaks
            await client.send(VERSION, "20240102 09:30:00 EST")
            while True:
                await self._answer(client, await _read(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.clients.pop(client.number, None)
        finally:
            writer.close()

    async def _answer(self, client: Client, fields: Fields) -> None:
        kind = int(fields[0])
        async with self._news:
            self.received.append(fields)
            self._news.notify_all()
        if self._oddities.get(kind):
            await self._misbehave(client, fields, self._oddities[kind].pop(0))
        elif kind in self.answers:
            await self.answers[kind](client, fields)

    async def _misbehave(self, client: Client, fields: Fields, oddity: Oddity) -> None:
        request = fields[self._places[int(fields[0])]]
        if oddity.code:
            await client.fail(request, oddity.code, oddity.text)
        elif oddity.fields:
            await client.send(*(str(value).format(request=request) for value in oddity.fields))
        elif oddity.half:
            await client.send_bytes(frame(17, request, "20240102", "20240103", 1)[:-6])
            client.hang_up()

    async def _start(self, client: Client, fields: Fields) -> None:
        client.number = int(fields[2])
        if client.number in self.clients:
            await client.fail(-1, 326, _IN_USE)
            client.hang_up()
            return
        self.clients[client.number] = client
        await client.send(15, 1, self.accounts)
        await client.send(9, 1, self.next_id)
        await client.fail(-1, 2104, "Market data farm connection is OK:usfarm")


async def _read(reader: asyncio.StreamReader) -> Fields:
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    return (await reader.readexactly(length)).decode().split("\0")[:-1]


def _ending(*fields: object, number: int | None = None) -> Answer:
    """Return an answer that is an end of nothing; with the id of the request, where it has one."""

    async def answer(client: Client, asked: Fields) -> None:
        await client.send(*fields, *([] if number is None else [asked[number]]))

    return answer
