"""What is asked of a running session from outside: files in its folder, which any process can write."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, NamedTuple, Protocol, get_args

from openbell.storage.journal import Journal
from openbell.trading.pulse import NAME as PULSE

How = Literal["keep", "cancel", "flatten"]
HOWS: tuple[How, ...] = get_args(How)

_NAME = "stop.json"
_ASKS = "asks"  #: the folder of what else is asked, a file each, in the order of their names


class Requests(Protocol):
    """What somebody asks of a running session. `by` is who asked for its end."""

    by: str

    def stop_asked(self) -> str:
        """Return how to stop (`keep`, `cancel` or `flatten`); nothing while nobody asked."""

    def take_asks(self) -> Iterator[Mapping[str, Any]]:
        """Yield what else is asked of strategies; see `openbell.trading.asks`."""


class Nobody:
    """Asks for nothing."""

    by = ""

    def stop_asked(self) -> str:
        """Return nothing."""
        return ""

    def take_asks(self) -> Iterator[Mapping[str, Any]]:
        """Yield nothing."""
        return iter(())


class Inbox:
    """A session's folder, looked into for requests."""

    def __init__(self, folder: Path) -> None:
        """Begin; what was asked of an earlier session is thrown away."""
        self.folder, self._path, self._asks = folder, folder / _NAME, folder / _ASKS
        self._path.unlink(missing_ok=True)
        (folder / PULSE).unlink(missing_ok=True)
        shutil.rmtree(self._asks, ignore_errors=True)
        self._asked = self.by = ""

    def ask(self, how: How) -> None:
        """Ask from inside the process, as a signal does."""
        self._asked, self.by = how, "a signal of the system"

    def stop_asked(self) -> str:
        """Return how to stop; nothing while nobody asked."""
        if not self._asked and self._path.exists():
            said = json.loads(self._path.read_text(encoding="utf-8"))
            self._asked, self.by = said["how"], said.get("by", "")
        return self._asked

    def take_asks(self) -> Iterator[Mapping[str, Any]]:
        """Yield what is asked beside a stop, oldest first; each is gone when the next is asked for."""
        if not self._asks.exists():  # which is so nearly always
            return
        for path in sorted(self._asks.glob("*.json")):
            yield json.loads(path.read_text(encoding="utf-8"))
            path.unlink()


class Stop(NamedTuple):
    """A request to stop: how, and when it was written, seconds since 1970."""

    how: str
    time: float


def read_stop(folder: Path) -> Stop | None:
    """Return the request to stop that lies in a session's folder; None if there is none."""
    path = folder / _NAME
    try:
        return Stop(json.loads(path.read_text(encoding="utf-8"))["how"], path.stat().st_mtime)
    except FileNotFoundError:
        return None


def was_taken(asked: Stop, journal: Journal) -> bool:
    """Tell whether a session's journal has that it took a request to stop."""
    left = journal.latest("leave")
    return left is not None and left.wall >= asked.time * 1e9


def ask_to_stop(folder: Path, how: How, by: str = "") -> None:
    """Ask the session of a folder to stop; `by` says who asks."""
    fresh = folder / f"{_NAME}.{os.getpid()}"
    fresh.write_text(json.dumps({"how": how, "by": by}), encoding="utf-8")
    fresh.replace(folder / _NAME)


def ask_of(folder: Path, strategy: str, do: str, *, by: str, **more: Any) -> str:
    """Ask something of a strategy of a folder's session; return the id under which its journal has it.

    Args:
        folder: The session's.
        strategy: Its name there.
        do: One of `openbell.trading.asks.DOS`.
        by: Who asks.
        **more: What that takes, as JSON values; None is left out.
    """
    name = token_hex(6)
    body = {"id": name, "do": do, "strategy": strategy, "by": by}
    body |= {key: value for key, value in more.items() if value is not None}
    asks = folder / _ASKS
    asks.mkdir(exist_ok=True)
    path = asks / f"{time.time_ns():020d}-{name}.json"
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(body), encoding="utf-8")
    fresh.replace(path)
    return name
