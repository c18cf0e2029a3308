"""The API on a real socket, for tests: a server in a thread, and a session that trades in a process."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx
import uvicorn

from openbell.app.desk import Desk
from openbell.app.guard import Guard
from openbell.app.serving import make_app
from openbell.storage.supabase.reading import Database
from openbell.trading.pulse import read_pulse

Seen = TypeVar("Seen")


class Served:
    """The API in a thread of its own."""

    def __init__(
        self, desk: Desk, guard: Guard, *, dashboard: bool = False, database: Database | None = None
    ) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(listening.getsockname()[1])
        self.address = f"http://127.0.0.1:{self.port}"
        self.app = make_app(desk, guard, dashboard=dashboard, database=database)
        self._server = uvicorn.Server(uvicorn.Config(self.app, log_level="warning"))
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True)
        self._thread.start()
        self.client = httpx.Client(base_url=f"{self.address}/v1", timeout=60.0)
        self.client.get("/health", headers={"Host": "localhost"})  # waits until it is up

    def end(self) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(20.0)


def begin_session(folder: Path, name: str, *words: str) -> subprocess.Popen[bytes]:
    """Begin a paper session that takes two minutes unless it is ended, in a process of its own."""
    given = ["paper", "sma_cross", "--symbols", "AAPL,MSFT", "--replay", "2010-01-04", "--speed", "600000x"]
    return subprocess.Popen(
        [sys.executable, "-m", "openbell.cli", *given, "--state", f"state/{name}", *words],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def is_at_work(folder: Path) -> bool:
    """Tell whether a session has begun to take bars."""
    pulse = read_pulse(folder)
    return pulse is not None and not pulse.starting


def until(look: Callable[[], Seen], seconds: float = 60.0) -> Seen:
    """Return what is seen as soon as it is true: another process's deeds are no event here."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"it never came: {seen!r}"
        time.sleep(0.02)
    return seen
