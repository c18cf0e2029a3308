"""Frozen state: a session's objects as bytes, and back, beside what every process makes for itself.

What lies outside of the state, such as the journal or the exchange's calendar, is kept by a name. Only this
package's own records, those of the standard library and numpy that it uses, and the strategies' are made
again; a journal vouches for the bytes.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Collection, Mapping
from typing import Any

from openbell.core.errors import OpenbellError
from openbell.core.ports import Ear

#: Modules whose classes state is made of, beside this package.
_MODULES = frozenset({
    "array", "collections", "datetime", "decimal", "enum", "functools", "numpy", "pathlib", "random", "time",
    "zoneinfo",
})  # fmt: skip
_BUILTINS = frozenset({"bytearray", "complex", "frozenset", "getattr", "object", "range", "set", "slice"})
_EAR = "ear"  # closures of a broker's ear, which is connected again


class Unfrozen(OpenbellError):
    """State cannot be kept, or not be made again; the text says why."""


class _Freezer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, outside: Mapping[str, object]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._names = {id(thing): name for name, thing in outside.items()}

    def persistent_id(self, thing: object) -> str | None:
        """Return the name of what is outside."""
        if isinstance(thing, Ear):
            return _EAR
        return self._names.get(id(thing))


class _Thawer(pickle.Unpickler):
    def __init__(self, data: bytes, outside: Mapping[str, object], own: Collection[str]) -> None:
        super().__init__(io.BytesIO(data))
        self._outside, self._own = {_EAR: None, **outside}, own

    def persistent_load(self, name: Any) -> object:
        """Return what is outside under a name."""
        if name not in self._outside:
            raise Unfrozen(f"it needs {name}, which this session has not")
        return self._outside[name]

    def find_class(self, module: str, name: str) -> Any:
        """Return a class that state may be made of."""
        top = module.partition(".")[0]
        fine = name in _BUILTINS if module == "builtins" else top in _MODULES or top == "openbell"
        if not fine and module not in self._own:
            raise Unfrozen(f"it has a {module}.{name}, which state is not made of")
        return super().find_class(module, name)


def freeze(state: object, outside: Mapping[str, object]) -> bytes:
    """Return state as bytes.

    Args:
        state: Objects that belong together: what they share stays shared.
        outside: What is not part of it, by names that another process has as well.

    Raises:
        Unfrozen: Something in it cannot be kept, such as a function without a name or an open file.
    """
    file = io.BytesIO()
    try:
        _Freezer(file, outside).dump(state)
    except (pickle.PicklingError, AttributeError, TypeError, ValueError, RecursionError) as error:
        raise Unfrozen(str(error)) from error
    return file.getvalue()


def thaw(data: bytes, outside: Mapping[str, object], own: Collection[str] = ()) -> Any:
    """Return the state that bytes are of.

    Args:
        data: What `freeze` returned.
        outside: What is not part of it, by the names that it had then.
        own: Modules of the user's, whose classes may be part of it.

    Raises:
        Unfrozen: It is of another version, or has what state is not made of.
    """
    try:
        return _Thawer(data, outside, own).load()
    except (
        pickle.UnpicklingError,
        AttributeError,
        ImportError,
        LookupError,
        TypeError,
        ValueError,
        EOFError,
    ) as error:
        raise Unfrozen(f"{type(error).__name__}: {error}") from error
