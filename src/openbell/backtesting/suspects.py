"""Where a strategy's code is, what it reads that is no bar, and what it keeps between runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import CellType, CodeType, FunctionType
from typing import Any

from openbell.indicators.spec import Indicator
from openbell.strategies.base import Strategy
from openbell.strategies.registry import Form
from openbell.strategies.signal import Signal

#: A table of numbers with fewer rows than this is rather a setting.
LEAST_ROWS = 30


def place(thing: Any) -> str:
    """Return where a function or class is written, as `file.py:12`; empty when there is no source."""
    code = getattr(inspect.unwrap(getattr(thing, "func", thing)), "__code__", None)
    if code is not None:
        return f"{Path(code.co_filename).name}:{code.co_firstlineno}"
    try:
        return f"{Path(inspect.getfile(thing)).name}:{inspect.getsourcelines(thing)[1]}"
    except (OSError, TypeError):  # typed at a prompt, or compiled: there is no file
        return ""


def describe(recipe: Indicator) -> str:
    """Return an indicator in words, and where a user's function is written."""
    where = place(recipe.function) if recipe.function is not None else ""
    return f"{recipe.describe()} ({where})" if where else recipe.describe()


def own_code(form: Form) -> str:
    """Return the words for a strategy's own code, with its place."""
    where = place(form.decide if isinstance(form, Signal) else form)
    return f"the strategy's own code ({where})" if where else "the strategy's own code"


def outside(form: Form) -> list[str]:
    """Return the tables and arrays that a strategy reaches without asking the market for them.

    They are looked for in class attributes, in default arguments, and in the variables of its module and of
    enclosing functions that its functions name. What it reads from a file or a library is not seen.
    """
    found = _reached(form)
    return [
        f"{name}: {type(value).__name__} of {len(value)}" for name, value in found.items() if _is_data(value)
    ]


def kept(form: Form) -> list[str]:
    """Return what a strategy can keep from one run to the next: shared containers and class attributes."""
    attributes = _attributes(form)
    return [
        name for name, value in _reached(form).items()
        if isinstance(value, dict | list | set) or (name in attributes and not isinstance(value, str | tuple))
    ]  # fmt: skip


def _reached(form: Form) -> dict[str, Any]:
    """Return by name what is no function and no class among the things that the strategy's functions name."""
    found = _attributes(form)
    waiting = list(_functions(form))
    seen = set()
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        named = _named(function)
        waiting += [
            v for v in named.values() if isinstance(v, FunctionType) and v.__module__ == form.__module__
        ]
        found |= named
    return {name: value for name, value in found.items() if not (callable(value) or inspect.ismodule(value))}


def _named(function: FunctionType) -> dict[str, Any]:
    code = function.__code__
    names = set(_names(code))
    found = {name: value for name, value in function.__globals__.items() if name in names}
    found |= dict(zip(code.co_freevars, map(_content, function.__closure__ or ()), strict=True))
    found |= function.__kwdefaults__ or {}
    defaults = function.__defaults__ or ()
    last = code.co_argcount
    return found | dict(zip(code.co_varnames[last - len(defaults) : last], defaults, strict=True))


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names that a function's code, and the code inside of it, looks up."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is filled after the function is made, as a recursive function's own name is
        return None


def _attributes(form: Form) -> dict[str, Any]:
    """Return a strategy class's own attributes: neither its parameters nor its methods."""
    if isinstance(form, Signal):
        return {}
    return {
        f"{owner.__name__}.{name}": value
        for owner in _owners(form)
        for name, value in vars(owner).items()
        if not name.startswith("__") and name != "parameters" and name not in form.parameters
        and not (callable(value) or isinstance(value, property | classmethod | staticmethod))
    }  # fmt: skip


def _functions(form: Form) -> Iterator[FunctionType]:
    """Yield the functions that a strategy is made of."""
    if isinstance(form, Signal):
        things: list[Any] = [form.decide]
        things += [thing.function for thing in form.inputs.values() if isinstance(thing, Indicator)]
    else:
        things = [value for owner in _owners(form) for value in vars(owner).values()]
    for thing in things:
        plain = getattr(thing, "__func__", getattr(thing, "fget", thing))
        if isinstance(plain, FunctionType):
            yield plain


def _owners(form: type[Strategy]) -> list[type]:
    return [owner for owner in form.__mro__ if owner not in Strategy.__mro__]


def _is_data(value: Any) -> bool:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and hasattr(value, "__array__"):
        return len(shape) > 0 and shape[0] >= LEAST_ROWS
    if not isinstance(value, dict | list | tuple) or len(value) < LEAST_ROWS:
        return False
    first = next(iter(value.values() if isinstance(value, dict) else value))
    return isinstance(first, int | float)
