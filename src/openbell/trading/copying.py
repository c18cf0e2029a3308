"""Keeps the copy of a session's journal going, in a process of its own: the engine shares nothing with it.

A thread would share the interpreter's lock, and the engine would wait for it. The process ends when its
standard input ends, which it does however the session ends; what is not copied then is copied the next time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from openbell.core.errors import OpenbellError, RemoteError
from openbell.storage.journal import Journal
from openbell.storage.lock import FolderLock
from openbell.storage.supabase.address import OWNER, URL, Address, address_of, needed
from openbell.storage.supabase.connection import import_psycopg
from openbell.storage.supabase.replicate import Lag, Replicator
from openbell.trading.projection import Projection
from openbell.utils.logging import configure, get_logger

_LOCK = "copy"  # the folder below the journal's that only one copier holds
_FAR = "copied.json"  # the file in it that says how far the copy is
_PATIENCE = 5.0  # seconds that the end of a session waits for the rest to be copied
_REST = 0.5  # so many times as long as it works a copier rests, beside an engine
_PIECE = 12  # rows in a statement, where the engine shares its processors with the database
_SELDOM = 0.5  # seconds between two words of how far the copy is: each is a file that the disk has to take
_POLITE = 10  # how much less urgent than the engine, where a system knows no idle work


class Copied(NamedTuple):
    """What a copier did: how far the copy is now, how many events it copied, and what is left."""

    last: int
    events: int
    lag: Lag


def copy_journal(
    path: Path,
    address: Address,
    wait: Callable[[float], bool],
    *,
    follow: bool = True,
    beside: bool = False,
    attempts: int | None = None,
    told: Callable[[RemoteError | None], object] = lambda _: None,
) -> Copied:
    """Copy a journal until it is all there.

    Args:
        path: The journal.
        address: Where to.
        wait: Waits so many seconds, or less; returns whether somebody asks to end.
        follow: Whether to go on with what comes, until somebody asks to end.
        beside: Whether an engine works beside it, and must not feel it.
        attempts: Failures in a row after which the last is raised; None is never.
        told: Called with each failure that is waited out, and with None when copying goes on.

    Raises:
        BadData: The journal is damaged, or the copy is of another history of it.
        ConfigError: Another process copies it, there is no journal, or whose the rows are is not known.
        RemoteError: There were too many failures in a row.
    """
    with Journal(path, read_only=True) as journal, FolderLock(path.parent / _LOCK):
        piece = _PIECE if beside and address.is_here else None
        replicator = Replicator(journal, address, Projection, piece=piece, told=told)
        noted, due = -1, time.monotonic()

        def pause(seconds: float) -> bool:
            nonlocal noted, due
            if replicator.copied != noted and time.monotonic() >= due:
                note_copied(path.parent, replicator.copied)
                noted, due = replicator.copied, time.monotonic() + _SELDOM
            return wait(seconds)

        with closing(replicator):
            replicator.run(pause, follow=follow, rest=_REST * beside, attempts=attempts)
            note_copied(path.parent, replicator.copied)
        return Copied(replicator.copied, replicator.written, replicator.lag())


def note_copied(folder: Path, last: int) -> None:
    """Leave word beside a journal of how far its copy is, for whoever watches the session."""
    fresh = folder / _LOCK / f"{_FAR}.new"
    with suppress(OSError):  # a full disk is the journal's to say
        fresh.write_text(json.dumps({"copied": last, "wall": time.time_ns()}), encoding="utf-8")
        fresh.replace(folder / _LOCK / _FAR)


def copied_of(folder: Path) -> int | None:
    """Return the last event of a folder's journal that is copied; None where nothing is copied."""
    try:
        return int(json.loads((folder / _LOCK / _FAR).read_text(encoding="utf-8"))["copied"])
    except (OSError, ValueError, KeyError, TypeError):  # nobody copies it
        return None


@contextmanager
def copied(path: Path, environ: Mapping[str, str]) -> Iterator[None]:
    """Keep a journal copied while something is done, if a database is configured.

    Args:
        path: The journal.
        environ: Where the database's address is.

    Raises:
        ConfigError: The address cannot be understood, or the driver is not installed.
    """
    if address_of(environ) is None:
        yield
        return
    import_psycopg()
    asked = {name: environ[name] for name in (URL, OWNER) if name in environ}
    words = [sys.executable, "-m", "openbell.trading.copying", str(path)]
    copier = subprocess.Popen(words, stdin=subprocess.PIPE, env={**os.environ, **asked})  # noqa: S603  # it is us
    try:
        yield
    finally:
        _end(copier, path)


def _end(copier: subprocess.Popen[bytes], path: Path) -> None:
    if copier.stdin is not None:
        with suppress(BrokenPipeError):  # it has ended before us
            copier.stdin.close()
    try:
        code = copier.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        copier.kill()
        code = copier.wait()
    if code:
        get_logger().warning(
            f"not all of {path} is copied to the database; `openbell db replicate --state {path.parent}` "
            "copies the rest"
        )


class Voice:
    """Says what becomes of a copy: an outage once when it begins, and once when it is over."""

    def __init__(self) -> None:
        self._said = ""

    def tell(self, error: RemoteError | None) -> None:
        """Say an error that is new, or that it is over."""
        said = "" if error is None else str(error)
        if said and said != self._said:
            get_logger().warning(f"the journal is not copied for now, and trading goes on: {said}")
        elif not said and self._said:
            get_logger().info("the journal is copied again")
        self._said = said


def yield_to_engine() -> None:
    """Let this process run when no other wants to, so that the engine never waits for its turn to end."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):  # not Linux, or it is not allowed
        with suppress(AttributeError, OSError):
            os.nice(_POLITE)


def main(path: Path) -> int:
    """Copy a journal until standard input ends, and then what is left; 1 where that cannot be."""
    configure()
    ended = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the session, and its end is ours
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    yield_to_engine()

    def listen() -> None:
        sys.stdin.buffer.read()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    try:
        copy_journal(path, needed(address_of(os.environ)), ended.wait, beside=True, told=Voice().tell)
    except RemoteError:
        return 1  # it has been said
    except OpenbellError as error:
        get_logger().error(f"the journal is not copied: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
