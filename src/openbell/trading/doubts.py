"""Doubts: whether all that a strategy remembers is in its own attributes, which can be saved.

What its functions use of their module, and its classes have beside functions, may be constants: then it stays
what it was when the session began. What has changed since is memory, and lives in one process alone.
"""

from __future__ import annotations

import dis
import hashlib
import pickle
from collections.abc import Collection, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from openbell.strategies.signal import SignalStrategy

_OURS = "openbell"
_FIXED = (type, FunctionType, ModuleType, str, bytes, int, float, complex, type(None))


class Doubts:
    """Looks at what strategies use beside their attributes, at first and again before each save."""

    def __init__(self, strategies: Collection[object]) -> None:
        """Take the strategies, which have not run yet."""
        self._functions = [(name_of(one), function) for one in strategies for function in functions_of(one)]
        self._kinds = [(name_of(one), type(one)) for one in strategies]
        self._before = dict(self._look())

    def find(self) -> str:
        """Return what a strategy may remember outside of its attributes; nothing if it does not."""
        for name, function in self._functions:
            if _sets_globals(function.__code__):
                return f"{name}: {function.__name__} sets a variable of its module; keep it in an attribute"
        for (name, place), mark in self._look():
            if self._before.get((name, place)) != mark:
                return f"{name}: {place} is not an attribute of the strategy, and has changed; make it one"
        return ""

    def _look(self) -> Iterator[tuple[tuple[str, str], str]]:
        for name, function in self._functions:
            known = function.__globals__
            used = {word: known[word] for word in _words(function.__code__) if word in known}
            used |= {
                word: cell.cell_contents
                for word, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
                if word != "__class__"
            }
            yield from (((name, word), _mark(value)) for word, value in sorted(used.items(), key=_first))
        for name, kind in self._kinds:
            for one in _own(kind):
                values = ((word, value) for word, value in vars(one).items() if not word.startswith("_"))
                yield from (((name, f"{one.__name__}.{word}"), _mark(value)) for word, value in values)


def name_of(strategy: object) -> str:
    """Return what a strategy is called."""
    return str(getattr(strategy, "name", type(strategy).__name__))


def modules_of(strategies: Collection[object]) -> set[str]:
    """Return the modules that strategies are written in."""
    functions = {function.__module__ for one in strategies for function in functions_of(one)}
    return functions | {type(one).__module__ for one in strategies}


def functions_of(strategy: object) -> Iterator[FunctionType]:
    """Yield the functions of the user that a strategy consists of."""
    if isinstance(strategy, SignalStrategy):
        if isinstance(strategy.signal.decide, FunctionType):
            yield strategy.signal.decide
        return
    for one in _own(type(strategy)):
        yield from (value for value in vars(one).values() if isinstance(value, FunctionType))


def _own(kind: type[Any]) -> Iterator[type[Any]]:
    """Yield the classes of a strategy that are not this package's."""
    yield from (one for one in kind.__mro__ if one.__module__.partition(".")[0] not in {_OURS, "builtins"})


def _first(pair: tuple[str, object]) -> str:
    return pair[0]


def _mark(value: object) -> str:
    """Return what tells whether a value has changed; what cannot be told is taken for a constant."""
    if isinstance(value, _FIXED):
        return ""
    try:
        return hashlib.sha256(pickle.dumps(value)).hexdigest()
    except (pickle.PicklingError, AttributeError, TypeError, RecursionError):
        return ""


def _words(code: CodeType) -> set[str]:
    found = set(code.co_names)
    for one in code.co_consts:
        if isinstance(one, CodeType):
            found |= _words(one)
    return found


def _sets_globals(code: CodeType) -> bool:
    """Tell whether a function has a `global` that it sets."""
    own = any(one.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"} for one in dis.get_instructions(code))
    return own or any(_sets_globals(one) for one in code.co_consts if isinstance(one, CodeType))
