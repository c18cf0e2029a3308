"""Parameters and limits out of YAML files that somebody edits while their session runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openbell.config import Loaded, StrategyEntry, load
from openbell.core.errors import ConfigError
from openbell.execution.risk.changes import Changed, changes_of
from openbell.execution.risk.gate import gate_of
from openbell.execution.risk.limits import Risk
from openbell.trading.livesession import LiveSession
from openbell.trading.session import Session
from openbell.trading.tuning import describe_change
from openbell.utils.logging import get_logger

_FILE = "strategies.yaml"
_FILES = (_FILE, "settings.yaml")


class Reloads:
    """Looks at the files between two moments: a change of a time or size is enough, on any file system.

    What is wrong in them is said once, and changes nothing. Of what is right, parameters and limits count at
    once, but where money is real, limits are loosened when somebody has agreed. All else waits for the next
    session, which is said too.
    """

    def __init__(self, folder: Path, env: str | None = None, *, limits: bool = True) -> None:
        """Take the folder of the files, the environment of its settings, and whether limits are followed."""
        self._folder, self._env, self._limits = folder, env, limits
        self._seen: object = None
        self._entries: Mapping[str, StrategyEntry] = {}
        self._waiting: dict[str, Risk] = {}  # limits that somebody has to agree to

    def __call__(self, session: Session | LiveSession) -> Mapping[str, Mapping[str, Any]]:
        """Have limits changed; return the strategies' parameters that have changed since the last call."""
        for name in [one for one in self._waiting if one in session.loosening]:
            session.loosening.discard(name)
            risk = self._waiting.pop(name)
            self._limit(session, name, list(changes_of(_risk_of(session, name), risk)), risk)
        try:
            seen = self._look()
        except OSError as error:
            if self._seen != (0, 0):
                self._seen = (0, 0)
                self._warn(f"cannot be read ({error.strerror})")
            return {}
        if self._seen == seen:
            return {}
        self._seen = seen
        try:
            loaded = load(str(self._folder), self._env)
        except ConfigError as error:
            self._warn(str(error))
            return {}
        before, self._entries = self._entries, loaded.strategies
        for course in session.courses if self._limits else ():
            if course.name in loaded.strategies:
                self._compare_limits(session, course, loaded)
        return {
            course.name: dict(loaded.strategies[course.name].parameters)
            for course in session.courses
            if self._has_changed(course, before)
        }

    def _look(self) -> object:
        """Return what tells whether the files have changed.

        Raises:
            OSError: That of the strategies is not there.
        """
        found = [(self._folder / _FILE).stat()]
        settings = self._folder / _FILES[1]
        found += [settings.stat()] if settings.exists() else []
        return [(one.st_mtime_ns, one.st_size) for one in found]

    # --- limits ----------------------------------------------------------------------------------------

    def _compare_limits(self, session: Session | LiveSession, course: Any, loaded: Loaded) -> None:
        """Have a strategy's limits changed as the files say, as far as that can be."""
        name = course.name
        risk = loaded.for_strategy(name).settings.risk
        gate = gate_of(course.engine)
        if gate is None:
            if risk.active:
                self._warn(f"{name!r} runs without limits; those of the file wait for the next session")
            return
        found = list(changes_of(gate.risk, risk))
        self._waiting.pop(name, None)
        if not found:
            return
        later = [str(one) for one in found if one.waits]
        if later:
            self._warn(
                f"limits of {name!r}: {', '.join(later)}: that waits for the next session, with the rest"
            )
            return
        loose = [str(one) for one in found if one.loosens]
        if loose and session.asks_to_loosen:
            self._waiting[name] = risk
            self._warn(
                f"limits of {name!r} would be looser: {', '.join(loose)}; the old ones count until "
                f"`openbell risk loosen {name}` agrees to it"
            )
            return
        self._limit(session, name, found, risk)

    def _limit(self, session: Session | LiveSession, name: str, found: list[Changed], risk: Risk) -> None:
        loosened = [one.name for one in found if one.loosens]
        session.limit(name, risk, loosened)
        said = f"{self._folder / _FILE}: limits of {name}: {', '.join(map(str, found))}"
        get_logger().log("WARNING" if loosened else "INFO", f"{said}{' (looser)' if loosened else ''}")

    # --- parameters ------------------------------------------------------------------------------------

    def _has_changed(self, course: Any, before: Mapping[str, StrategyEntry]) -> bool:
        entry = self._entries.get(course.name)
        if entry is None:
            self._warn(f"strategy {course.name!r} is not in it any more; it goes on until the session ends")
            return False
        then = before.get(course.name)
        if then is not None and _rest(then) != _rest(entry):
            self._warn(f"of {course.name!r} more than parameters changed; that waits for the next session")
        tuning = course.tuning
        if tuning is None or dict(entry.parameters) == tuning.parameters:
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


def _risk_of(session: Session | LiveSession, name: str) -> Risk:
    course = next(one for one in session.courses if one.name == name)
    gate = gate_of(course.engine)
    return Risk() if gate is None else gate.risk


def _rest(entry: StrategyEntry) -> tuple[Any, ...]:
    return (entry.strategy, entry.symbols, entry.start, entry.end)
