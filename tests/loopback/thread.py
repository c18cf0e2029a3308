"""Runs a loopback server beside a test that is not asynchronous itself, such as one of the command line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

Server = TypeVar("Server", bound=AbstractAsyncContextManager[Any])


@contextmanager
def beside(server: Server) -> Iterator[Server]:
    """Run a server in a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait(coroutine: object) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)  # type: ignore[arg-type]  # either of two

    wait(server.__aenter__())
    try:
        yield server
    finally:
        wait(server.__aexit__(None, None, None))
        wait(_cancel_rest())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _cancel_rest() -> None:
    """End what still waits, such as an answer that a test has held back."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
