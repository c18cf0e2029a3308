"""What the API and the dashboard look at: sessions by their journals, recorded runs by their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openbell.app.follower import Follower
from openbell.core.errors import BadData, ConfigError, nearest
from openbell.papering import JOURNAL
from openbell.trading.inbox import How, ask_to_stop

_RUN = "run.json"


class Desk:
    """The sessions below one folder and the reports below another."""

    def __init__(self, state: Path, reports: Path) -> None:
        """Take the folders, which need not be there yet."""
        self.state, self.reports = state, reports
        self._followers: dict[str, Follower] = {}
        self._tried: dict[str, tuple[int, int]] = {}
        #: Sessions whose journal cannot be read, each with the reason.
        self.unreadable: dict[str, str] = {}

    def sessions(self) -> list[Follower]:
        """Return every session that can be read, each up to now; `unreadable` has the others."""
        for journal in sorted(self.state.glob(f"*/{JOURNAL}")):
            self._read(journal)
        return list(self._followers.values())

    def _read(self, journal: Path) -> None:
        """Read what is new of a session; one that cannot be read is tried again when its file is another."""
        name, facts = journal.parent.name, journal.stat()
        stamp = (facts.st_mtime_ns, facts.st_size)
        if name in self.unreadable and self._tried[name] == stamp:
            return
        try:
            if name not in self._followers:
                self._followers[name] = Follower(journal.parent)
            self._followers[name].refresh()
        except (BadData, ConfigError) as error:
            self.unreadable[name], self._tried[name] = str(error), stamp
            if name in self._followers:
                self._followers.pop(name).close()
        else:
            self.unreadable.pop(name, None)

    def session(self, name: str) -> Follower:
        """Return one session, read up to now.

        Raises:
            ConfigError: There is none of that name, or it cannot be read.
        """
        found = {one.name: one for one in self.sessions()}
        if name in self.unreadable:
            raise ConfigError(self.unreadable[name])
        if name not in found:
            raise ConfigError(f"session {name!r} is unknown{nearest(name, found)}")
        return found[name]

    def stop(self, name: str, how: How) -> None:
        """Ask a session to stop.

        Raises:
            ConfigError: It does not run.
        """
        session = self.session(name)
        if session.state != "running":
            raise ConfigError(f"session {name!r} does not run ({session.state}), so it cannot be stopped")
        ask_to_stop(session.folder, how)

    def runs(self) -> list[dict[str, Any]]:
        """Return the records of recorded runs, the latest first."""
        paths = sorted(self.reports.glob(f"*/{_RUN}"), key=lambda path: path.stat().st_mtime, reverse=True)
        return [{"id": path.parent.name, **json.loads(path.read_text(encoding="utf-8"))} for path in paths]

    def run(self, name: str) -> dict[str, Any]:
        """Return one run's record.

        Raises:
            ConfigError: There is none of that name.
        """
        found = {one["id"]: one for one in self.runs()}
        if name not in found:
            raise ConfigError(f"run {name!r} is unknown{nearest(name, found)}")
        return found[name]

    def close(self) -> None:
        """Let go of the journals."""
        for follower in self._followers.values():
            follower.close()
        self._followers.clear()
