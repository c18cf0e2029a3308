"""What the API and the dashboard look at: sessions by their journals, recorded runs by their files."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from openbell.app.archive import Archive
from openbell.app.follower import Follower
from openbell.core.errors import BadData, ConfigError, nearest
from openbell.storage.journal import JOURNAL
from openbell.trading.inbox import How, ask_of, ask_to_stop
from openbell.trading.pulse import AT_WORK

_FRESH = 0.005  #: seconds for which a look at a journal counts: pages look often, and there may be many
_PIECE, _PAUSE = 0.005, 0.002  #: seconds of reading at a time, and between them where others have their turn
_NICE = 10  #: by how much whoever looks stands behind whoever trades


class Desk:
    """The sessions below one folder and the reports below another."""

    def __init__(self, state: Path, reports: Path) -> None:
        """Take the folders, which need not be there yet."""
        self.state = state
        self.archive = Archive(reports)
        self._followers: dict[str, Follower] = {}
        self._looked: dict[str, float] = {}
        self._tried: dict[str, tuple[int, int]] = {}
        self._launcher = ThreadPoolExecutor(1, "launcher")
        #: Sessions whose journal cannot be read, each with the reason.
        self.unreadable: dict[str, str] = {}
        self.reading: dict[str, Follower] = {}  #: those that are read for the first time, as far as they are
        self.is_read = asyncio.Event()  #: whether none is
        self.is_read.set()

    async def read(self) -> None:
        """Read all journals that are there, so that whoever serves can answer others meanwhile."""
        self.is_read.clear()
        try:
            for journal in sorted(self.state.glob(f"*/{JOURNAL}")):
                with self._noting(journal):
                    self.reading[journal.parent.name] = Follower(journal.parent)
            for name, one in sorted(self.reading.items()):
                with self._noting(one.folder / JOURNAL):
                    for _ in one.pieces(_PIECE):
                        await asyncio.sleep(_PAUSE)
                    self._followers[name] = self.reading.pop(name)
        finally:
            for one in self.reading.values():  # it ends early: they are read at the next look
                one.close()
            self.reading.clear()
            self.is_read.set()

    def sessions(self) -> list[Follower]:
        """Return every session that can be read, each up to now.

        `unreadable` has those that cannot, and `reading` those that are read as yet.
        """
        found = sorted(self.state.glob(f"*/{JOURNAL}"))
        for journal in found:
            self._read(journal)
        for name in self._followers.keys() - {journal.parent.name for journal in found}:
            self._followers.pop(name).close()  # somebody deleted it
        return list(self._followers.values())

    def _read(self, journal: Path) -> None:
        """Read what is new of a session; one that cannot be read is tried again when its file is another."""
        name = journal.parent.name
        if name in self.reading or (name in self.unreadable and self._tried[name] == _stamp_of(journal)):
            return
        with self._noting(journal):
            if name not in self._followers:
                self._followers[name] = Follower(journal.parent)
            self._followers[name].refresh()

    @contextmanager
    def _noting(self, journal: Path) -> Iterator[None]:
        """Note whether a session can be read, and let go of it where it cannot."""
        name, stamp = journal.parent.name, _stamp_of(journal)
        try:
            yield
        except (BadData, ConfigError) as error:
            self.unreadable[name], self._tried[name] = str(error), stamp
            for known in (self._followers, self.reading):
                if name in known:
                    known.pop(name).close()
        else:
            self.unreadable.pop(name, None)

    def session(self, name: str) -> Follower:
        """Return one session, read up to now.

        Raises:
            ConfigError: There is none of that name, or it cannot be read, or not yet.
        """
        now = monotonic()
        if name in self.reading:
            so_far = self.reading[name].last
            raise ConfigError(f"session {name!r} is being read, {so_far:,} events so far; ask in a moment")
        known = self._followers.get(name)
        if known is not None and now - self._looked.get(name, 0.0) < _FRESH:
            return known
        self._looked[name] = now
        if known is not None and (known.folder / JOURNAL).exists():
            self._read(known.folder / JOURNAL)  # not all the others too
        else:
            self.sessions()
        if name in self.unreadable:
            raise ConfigError(self.unreadable[name])
        if name not in self._followers:
            raise ConfigError(f"session {name!r} is unknown{nearest(name, self._followers)}")
        return self._followers[name]

    def stop(self, name: str, how: How, by: str = "") -> None:
        """Ask a session to stop.

        Raises:
            ConfigError: It does not run.
        """
        ask_to_stop(self._running(name, "stopped").folder, how, by)

    def ask(self, name: str, strategy: str, do: str, *, by: str, **more: Any) -> str:
        """Ask something of a session's strategy; return the id under which its journal has it.

        Raises:
            ConfigError: The session does not run, or has no such strategy.
        """
        session = self._running(name, "asked")
        if strategy not in session.ledgers:
            raise ConfigError(
                f"strategy {strategy!r} is unknown in session {name!r}{nearest(strategy, session.ledgers)}"
            )
        return ask_of(session.folder, strategy, do, by=by, **more)

    def resume(self, name: str, told: Callable[[int], object] = lambda _: None) -> None:
        """Go on with an interrupted session, in a process that outlives this one.

        Args:
            name: The session.
            told: Called with the exit code when it has ended.

        Raises:
            ConfigError: It runs.
        """
        session = self.session(name)
        if session.state in AT_WORK:
            raise ConfigError(f"session {name!r} runs already")
        process = self._launcher.submit(_resume, session.folder).result()
        threading.Thread(target=lambda: told(process.wait()), daemon=True).start()

    def close(self) -> None:
        """Let go of the journals."""
        for follower in self._followers.values():
            follower.close()
        self._followers.clear()
        self._launcher.shutdown()

    def yield_processor(self) -> None:
        """Let sessions go first from now on, but not behind the sessions that are begun from here."""
        self._launcher.submit(os.getpid).result()  # its thread is there, with the priority of before
        if sys.platform == "linux":  # elsewhere the priority is the whole process's
            os.nice(_NICE)

    def _running(self, name: str, done: str) -> Follower:
        session = self.session(name)
        if session.state not in AT_WORK:
            raise ConfigError(f"session {name!r} does not run ({session.state}), so it cannot be {done}")
        return session


def _stamp_of(file: Path) -> tuple[int, int]:
    facts = file.stat()
    return facts.st_mtime_ns, facts.st_size


def _resume(folder: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "openbell.cli", "resume", "--state", str(folder)]
    with (folder / "resumed.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603  # this very program
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
