"""Files and folders that take their place whole, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

from openbell.core.errors import ConfigError


def beside(target: Path, purpose: str) -> Path:
    """Return a name of its own on the same file system, so that a rename is one step."""
    place = target.resolve()  # `.` has no name
    return place.with_name(f".{place.name}-{purpose}-{token_hex(4)}")


def put_in_place(fresh: Path, target: Path) -> None:
    """Let what is written whole take the place of what was there; that stays if it cannot.

    Raises:
        OSError: It cannot.
    """
    if not target.exists():
        fresh.rename(target)
        return
    old = beside(target, "old")
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def attempt(write: Callable[[], None], target: Path, fresh: Path) -> None:
    """Write something beside its place and put it there; of `fresh` nothing stays.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        write()
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(f"{target} cannot be written ({why}); name a place that can") from error
    finally:
        _discard(fresh)  # nothing half-written stays; after a success there is nothing


def put_text(target: Path, text: str) -> None:
    """Write a text file whole, and the folder that it is in.

    Raises:
        ConfigError: It cannot be written.
    """
    fresh = beside(target, "new")

    def write() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(target)

    attempt(write, target, fresh)


def _discard(fresh: Path) -> None:
    if fresh.is_dir():
        shutil.rmtree(fresh, ignore_errors=True)
    elif fresh.exists():
        fresh.unlink()
