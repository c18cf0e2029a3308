"""Pages of the dashboard as a browser holds them, without the browser: the server does the same for each.

A page is fetched, its socket is opened, and what the server asks to be told is told: that the page has drawn
what it was sent. Ten browsers on one computer would take more of its processors than what is measured.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect

_QUERY = re.compile(r"query: (\{[^}]*\}),")
_LISTENER = re.compile(r'"listener_id":"([^"]+)","type":"(ob_drawn_\d+)"')
_DRAWN = re.compile(r"obDrawn\('(\w+)', (\d+)\)")
_ACK = 3.0  #: seconds between two of the framework's own acknowledgements


@dataclass(slots=True)
class Onlooker:
    """One page. `bytes` and `messages` are what came over its socket."""

    address: str  #: http://HOST:PORT/path
    messages: int = 0
    bytes: int = 0
    drawn: int = 0
    _client: str = ""
    _listeners: dict[str, str] = field(default_factory=dict)

    async def watch(self) -> None:
        """Hold the page open until this is cancelled."""
        async with httpx.AsyncClient(timeout=60.0) as client:
            page = (await client.get(self.address)).text
        found = _QUERY.search(page)
        if found is None:
            raise ValueError(f"{self.address} is no page of the dashboard")
        query = json.loads(found[1].replace("'", '"').replace("True", "true").replace("False", "false"))
        self._client = query["client_id"]
        self._listeners = {name: listener for listener, name in _LISTENER.findall(page)}
        asked = query | {
            "implicit_handshake": "true", "tab_id": uuid4(), "document_id": uuid4(), "EIO": 4,
            "transport": "websocket",
        }  # fmt: skip
        server = self.address.split("//")[1].split("/")[0]
        where = f"ws://{server}/_nicegui_ws/socket.io/?{urlencode(asked)}"
        async with connect(where, max_size=None) as socket:
            await self._follow(socket)

    async def _follow(self, socket: ClientConnection) -> None:
        number, told = -1, time.monotonic()
        async for frame in socket:
            text = str(frame)
            self.bytes += len(text)
            if text.startswith("0"):
                await socket.send("40")
            elif text == "2":
                await socket.send("3")
            elif text.startswith("42"):
                self.messages += 1
                number = json.loads(text[2:])[1].get("_id", number)
                for name, drawn in _DRAWN.findall(text):
                    self.drawn += 1
                    await self._tell(socket, name, int(drawn))
            if time.monotonic() - told > _ACK:
                told = time.monotonic()
                body = {"client_id": self._client, "next_message_id": number + 1}
                await socket.send(f"42{json.dumps(['ack', body])}")

    async def _tell(self, socket: ClientConnection, name: str, number: int) -> None:
        """Tell the server that an update is drawn."""
        body = {
            "id": 0, "client_id": self._client, "listener_id": self._listeners[name],
            "args": [json.dumps(number)],
        }  # fmt: skip
        await socket.send(f"42{json.dumps(['event', body])}")


async def watch_all(address: str, pages: int, seconds: float) -> list[Onlooker]:
    """Hold so many pages open for so long; return them."""
    onlookers = [Onlooker(address) for _ in range(pages)]
    tasks = [asyncio.ensure_future(one.watch()) for one in onlookers]
    done, pending = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()  # what ended one early is what is to be known
    return onlookers
