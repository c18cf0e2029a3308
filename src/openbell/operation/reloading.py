"""Parameters out of a strategies.yaml that somebody edits while its session runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openbell.config import StrategyEntry, load
from openbell.core.errors import ConfigError
from openbell.trading.livesession import LiveSession
from openbell.trading.session import Session
from openbell.trading.tuning import describe_change
from openbell.utils.logging import get_logger

_FILE = "strategies.yaml"


class Reloads:
    """Looks at the file between two moments: a change of its time or size is enough, on any file system.

    What is wrong in it is said once, and changes nothing. Of what is right, parameters count at once; all
    else waits for the next session, which is said too.
    """

    def __init__(self, folder: Path, env: str | None = None) -> None:
        """Take the folder of the file, and the environment of its settings."""
        self._folder, self._env = folder, env
        self._seen: tuple[int, int] | None = None
        self._entries: Mapping[str, StrategyEntry] = {}

    def __call__(self, session: Session | LiveSession) -> Mapping[str, Mapping[str, Any]]:
        """Return the strategies' parameters that have changed since they were last asked for."""
        try:
            found = (self._folder / _FILE).stat()
        except OSError as error:
            if self._seen != (0, 0):
                self._seen = (0, 0)
                self._warn(f"cannot be read ({error.strerror})")
            return {}
        if self._seen == (found.st_mtime_ns, found.st_size):
            return {}
        self._seen = (found.st_mtime_ns, found.st_size)
        try:
            entries = load(str(self._folder), self._env).strategies
        except ConfigError as error:
            self._warn(str(error))
            return {}
        before, self._entries = self._entries, entries
        return {
            course.name: dict(entries[course.name].parameters)
            for course in session.courses
            if self._has_changed(course, before)
        }

    def _has_changed(self, course: Any, before: Mapping[str, StrategyEntry]) -> bool:
        entry = self._entries.get(course.name)
        if entry is None:
            self._warn(f"strategy {course.name!r} is not in it any more; it goes on until the session ends")
            return False
        then = before.get(course.name)
        if then is not None and _rest(then) != _rest(entry):
            self._warn(f"of {course.name!r} more than parameters changed; that waits for the next session")
        tuning = course.tuning
        if dict(entry.parameters) == tuning.parameters:
            return False
        try:
            tuning.check(entry.parameters)
        except ConfigError as error:
            self._warn(f"{error}; {course.name!r} goes on with its parameters")
            return False
        said = describe_change(tuning.parameters, entry.parameters)
        get_logger().info(f"{self._folder / _FILE}: {course.name}: {said}")
        return True

    def _warn(self, said: str) -> None:
        get_logger().warning(f"{self._folder / _FILE}: {said}")


def _rest(entry: StrategyEntry) -> tuple[Any, ...]:
    return (entry.strategy, entry.symbols, entry.start, entry.end)
