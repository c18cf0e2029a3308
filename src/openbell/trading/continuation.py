"""Whether and how a folder's last session is gone on with: it has not ended, and is the one that is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from openbell.core.errors import ConfigError, Halt
from openbell.core.market import as_datetime
from openbell.storage.journal import Entry
from openbell.trading.freezing import Unfrozen
from openbell.trading.record import Ending, Record
from openbell.trading.saves import Saves
from openbell.utils.logging import get_logger

#: What is told first of two sessions that differ, and in which words: the rest follows from it.
_FIRST = {"strategy": "runs", "symbols": "trades", "parameters": ""}
_MOST = 80  #: letters of a value that is shown
_MISSING: Any = object()


class Resumable(Protocol):
    """A session that can be gone on with."""

    saves: Saves | None

    @property
    def outside(self) -> Mapping[str, object]:
        """What is not part of its state, by name."""

    def restore(self, state: Any) -> None:
        """Be as it was when its state was saved."""

    def resume(self, entries: Iterable[Entry]) -> int:
        """Go through what came later; return how much it had in all."""


S = TypeVar("S", bound=Resumable)


def go_on(make: Callable[[], S], record: Record, saves: Callable[[S], Saves]) -> tuple[S, int]:
    """Return an interrupted session where it stopped, and how many moments or inputs it had.

    It goes on from its last save, and where that cannot be used, or does not do again what followed, from its
    beginning.

    Args:
        make: Makes it as it began.
        record: What it did.
        saves: Opens the saves of a session that has not run.

    Raises:
        Halt: Its strategies do not do again what they did.
    """
    session = make()
    session.saves = kept = saves(session)
    saved = kept.latest(record)
    if saved is not None:
        try:
            session.restore(kept.read(saved, session.outside))
            return session, session.resume(record.after(saved.body["upto"]))
        except (Unfrozen, Halt) as error:
            get_logger().warning(
                f"the save of event {saved.seq} is of no use: {error}; all is gone through again"
            )
        session = make()
        session.saves = kept
    return session, session.resume(record.after())


def is_unfinished(entries: Iterable[Entry]) -> bool:
    """Tell whether a session can be gone on with: its bars have not ended."""
    return not any(
        entry.kind == "session" and entry.body["state"] == Ending.END_OF_DATA.value for entry in entries
    )


def tell_replaced(record: Record, folder: Path) -> None:
    """Say that a new session begins where another one's journal is, if one is there."""
    begun = record.begun
    if begun is None:
        return
    names = ", ".join(one["name"] for one in begun.body["strategies"])
    last = as_datetime((record.last or begun).wall)
    how = "was left" if is_unfinished(record.of_kind("session")) else "ended"
    get_logger().info(
        f"a new session is begun in {folder}; the one of {names} that {how} on {last:%Y-%m-%d %H:%M}Z "
        "stays in its journal"
    )


def check_same(before: Mapping[str, Any], about: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with a session as another one.

    Raises:
        ConfigError: A setting differs; names the first.
    """
    then = before["strategies"]
    now = json.loads(json.dumps(about["strategies"]))  # as the journal gives it back
    if len(then) != len(now):
        raise _refuse(folder, f"has {len(then)} strategies, and {len(now)} are asked")
    for one, other in zip(then, now, strict=True):
        for key in dict.fromkeys([*_FIRST, *one, *other]):
            said = _differ(key, one.get(key, _MISSING), other.get(key, _MISSING))
            if said:
                raise _refuse(folder, said)


def _refuse(folder: Path, said: str) -> ConfigError:
    return ConfigError(
        f"the interrupted session in {str(folder)!r} {said}; give the same, or begin anew with --new"
    )


def _differ(key: str, was: Any, asked: Any) -> str:
    """Return in words how a setting differs, by its first value that does; nothing when it is the same."""
    if was == asked:
        return ""
    if key in {"strategy", "symbols"}:
        return f"{_FIRST[key]} {_plain(was)}, and {_plain(asked)} is asked"
    named, other = _by_name(was), _by_name(asked)
    if was is _MISSING or asked is _MISSING or not (named or other):
        return f"has {_shorten(key, was)}, and {_shorten('', asked)} is asked"
    for part in dict.fromkeys([*named, *other]):
        path = part if key == "parameters" else f"{key}.{part}"
        said = _differ(path, named.get(part, _MISSING), other.get(part, _MISSING))
        if said:
            return said
    return f"has other {key}"  # the same parts in another order


def _by_name(value: Any) -> Mapping[str, Any]:
    """Return the parts of a value by their names; nothing where it has none."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        return {str(one.get("symbol", number)): one for number, one in enumerate(value)}
    return {}


def _plain(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _shorten(key: str, value: Any) -> str:
    """Return a value after its name, if it has one; what has parts is not spread out."""
    if value is _MISSING:
        return f"no {key}" if key else "none"
    text = repr(value)
    if isinstance(value, Mapping) or len(text) > _MOST:
        return key or "one"
    return f"{key}={text}" if key else text
