"""The WebSocket of a session's events.

Annotations are evaluated here (no `from __future__ import annotations`): FastAPI reads them.
"""

import asyncio
import time
from contextlib import closing
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from openbell.app.desk import Desk
from openbell.app.follower import Reader
from openbell.app.views import event_of
from openbell.core.errors import BadData, ConfigError, RemoteError

_LOOK = 0.05  #: seconds between two looks at a journal, while somebody listens
_BEHIND = 10_000  #: events that a listener may be behind before it is dropped
_PATIENCE = 10.0  #: seconds that a listener may take for one event


def stream_routes(desk: Desk) -> APIRouter:
    """Return the route."""
    routes = APIRouter()

    @routes.websocket("/sessions/{name}/events")
    async def events(socket: WebSocket, name: str, after: Annotated[int, Query(ge=0, le=2**62)] = 0) -> None:
        """Send every event after a number, then each as it happens."""
        await socket.accept()
        caller, shares = socket.state.caller, socket.app.state.shares
        try:
            if shares is not None and caller.claims:
                await asyncio.to_thread(shares.check, caller, name)
            reader = Reader(desk.session(name).folder)
        except (BadData, ConfigError, RemoteError) as error:
            await socket.close(4404, str(error)[:120])
            return
        with closing(reader):
            await _send(socket, reader, after, until=caller.until)

    return routes


async def _send(socket: WebSocket, reader: Reader, after: int, *, until: float) -> None:
    """Send events until the listener goes, or is too slow: then it is told so and dropped."""
    gone = asyncio.ensure_future(socket.receive())  # it says nothing, so the first thing heard is its end
    sent = after
    caught_up = False
    try:
        while not gone.done():
            if time.time() >= until:
                await socket.close(4401, f"the token is over: go on after {sent} with another")
                return
            last = reader.last()
            if caught_up and last - sent > _BEHIND:
                await socket.close(4408, f"too slow: go on after {sent}, of {last}")
                return
            for entry in reader.events(sent, last):
                async with asyncio.timeout(_PATIENCE):
                    await socket.send_json(event_of(entry).model_dump())
                sent = entry.seq
                if caught_up and reader.last() - sent > _BEHIND:
                    break
            else:
                caught_up = True
                await asyncio.wait({gone}, timeout=_LOOK)
    except TimeoutError:
        await socket.close(4408, f"too slow: go on after {sent}")
    except BadData as error:
        await socket.close(4409, str(error)[:120])
    except WebSocketDisconnect:
        return
    finally:
        gone.cancel()
