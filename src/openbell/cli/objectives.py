"""Objectives as they are typed: measures by their names, and functions of a file or module."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from openbell.backtesting.aims import Aim
from openbell.core.errors import ConfigError, Translation, nearest
from openbell.strategies.faults import said
from openbell.strategies.loading import load_file


def read_aims(texts: Sequence[str]) -> list[Aim] | None:
    """Return objectives: a measure's name is itself, `FILE.py:NAME` and `module:NAME` are functions.

    Raises:
        ConfigError: There is no such function.
    """
    return [_function(text) if ":" in text else text for text in texts] or None


def _function(text: str) -> Callable[..., Any]:
    place, _, name = text.rpartition(":")
    if place.endswith(".py"):
        module = load_file(Path(place))
    else:
        with Translation(lambda error, _: ConfigError(f"--objective {text}: {said(error)}")):
            module = importlib.import_module(place)
    found = getattr(module, name, None)
    if not callable(found):
        known = [one for one, thing in vars(module).items() if callable(thing) and not one.startswith("_")]
        raise ConfigError(f"--objective {text}: {place} has no function {name!r}{nearest(name, known)}")
    made: Callable[..., Any] = found
    return made
