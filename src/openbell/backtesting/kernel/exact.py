"""What of a decision function gives the same bits compiled as it does in Python.

Arithmetic, comparisons, `abs`, `min`, `max`, `float`, `bool`, and of `math` what is exact and never raises.
(`int(nan)` and `math.sqrt(-1.0)` are errors in Python and numbers in compiled code.) A function that uses
more is not refused, but runs bar by bar.
"""

from __future__ import annotations

import builtins
import dis
import hashlib
import math
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numba

from openbell.core.errors import ConfigError

_BUILTINS = {abs, min, max, float, bool}
_MATH = {"isnan", "isinf", "isfinite", "fabs", "inf", "nan", "copysign", "pi", "e"}
#: Operators that differ, and what they are called: powers, and what whole numbers of 64 bits cannot hold.
_OPERATORS = {"**": "**", "**=": "**", "<<": "<<", "<<=": "<<"}
_STEPS = {"UNARY_INVERT": "~", "IS_OP": "is", "MAKE_FUNCTION": "a function of its own"}
#: Whole numbers from here on may leave 64 bits when they are multiplied.
LARGE = 2**31
#: Functions that were found to be exact, by what they are and call, which is kept alive with them.
_exact: dict[tuple[str, tuple[int, ...]], list[Any]] = {}


class CannotCompile(ConfigError):
    """A strategy, or its setting, that has no compiled form; the event engine runs it."""


def refuse(why: str) -> CannotCompile:
    """Return the error that says why something runs in the event engine alone."""
    return CannotCompile(f"{why}, so it cannot be compiled with the same result; use engine='event'")


def place_of(function: Callable[..., Any]) -> str:
    """Return where a function is written."""
    code = getattr(function, "__code__", None)
    name = getattr(function, "__name__", type(function).__name__)
    return f"{code.co_filename}:{code.co_firstlineno} {name}" if code is not None else name


def check_function(decide: Callable[..., Any]) -> types.FunctionType:
    """Return a function if it uses nothing whose bits differ in compiled code.

    Raises:
        CannotCompile: It does; the line and what it is are named.
    """
    if not isinstance(decide, types.FunctionType):
        raise refuse(f"{place_of(decide)} is no plain function")
    called = [thing for name in decide.__code__.co_names if callable(thing := _global(decide, name))]
    seen = identity_of(decide), tuple(map(id, called))
    if seen not in _exact:
        for line, name in _foreign(decide):
            raise refuse(f"{decide.__code__.co_filename}:{line} uses {name}")
        for line, name in _unbound(decide):
            raise refuse(f"{decide.__code__.co_filename}:{line} uses {name}")
        _exact[seen] = called
    return decide


def _foreign(decide: types.FunctionType) -> Iterator[tuple[int, str]]:
    """Yield what a function uses beyond exact arithmetic, and on which line."""
    line = decide.__code__.co_firstlineno
    cells = dict(zip(decide.__code__.co_freevars, decide.__closure__ or (), strict=True))
    for step in dis.get_instructions(decide):
        if isinstance(step.starts_line, int) and not isinstance(step.starts_line, bool):
            line = step.starts_line
        line = getattr(step, "line_number", None) or line
        if step.opname in _STEPS:
            yield line, _STEPS[step.opname]
        elif step.opname == "BINARY_OP" and step.argrepr in _OPERATORS:
            yield line, _OPERATORS[step.argrepr]
        elif step.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            if not _is_exact(_global(decide, step.argval)):
                yield line, f"{step.argval!r}"
        elif step.opname in {"LOAD_ATTR", "LOAD_METHOD"} and step.argval not in _MATH:
            yield line, f".{step.argval}"
        elif step.opname == "LOAD_DEREF" and not _is_exact(cells[step.argval].cell_contents):
            yield line, f"{step.argval!r}"


def _global(decide: types.FunctionType, name: str) -> Any:
    return decide.__globals__.get(name, getattr(builtins, name, None))


def _is_exact(thing: Any) -> bool:
    if isinstance(thing, bool | int | float) or thing is math:
        return True
    name = getattr(thing, "__name__", "")
    return any(thing is one for one in _BUILTINS) or (name in _MATH and getattr(math, name) is thing)


def _unbound(decide: types.FunctionType) -> Iterator[tuple[int, str]]:
    """Yield what a function may read before it is set: Python raises there, and compiled code does not."""
    steps = list(dis.get_instructions(decide))
    places = {step.offset: at for at, step in enumerate(steps)}
    code = decide.__code__
    given = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    known: dict[int, frozenset[str]] = {}
    waiting = [(0, given)]
    while waiting:
        at, names = waiting.pop()
        before = known.get(at)
        names = names if before is None else names & before
        if names == before:
            continue
        known[at] = names
        step = steps[at]
        names = names | _named(step, "STORE_FAST")
        ends = step.opname.startswith(("RETURN", "RAISE", "JUMP"))
        if not ends and at + 1 < len(steps):
            waiting.append((at + 1, names))
        if step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
            waiting.append((places[step.argval], names))
    for at, names in known.items():
        for name in _named(steps[at], "LOAD_FAST") - names:
            if not (steps[at].opname.startswith("STORE_FAST_LOAD") and steps[at].argval[0] == name):
                yield code.co_firstlineno, f"{name!r}, which may not be set"


def _named(step: dis.Instruction, kind: str) -> frozenset[str]:
    """Return the names that a step stores or loads; one step may do so with two."""
    if kind not in step.opname:
        return frozenset()
    if isinstance(step.argval, str):
        return frozenset([step.argval])
    kinds = step.opname.replace("STORE_FAST_LOAD_FAST", "STORE_FAST LOAD_FAST").split()
    pairs = zip(kinds if len(kinds) == 2 else [step.opname] * 2, step.argval, strict=True)
    return frozenset(name for what, name in pairs if kind in what)


def identity_of(decide: types.FunctionType) -> str:
    """Return what tells apart functions that compile differently: their code, and the numbers they read."""
    code = decide.__code__
    cells = [cell.cell_contents for cell in decide.__closure__ or ()]
    read = {name: _global(decide, name) for name in code.co_names if not callable(_global(decide, name))}
    parts = (
        code.co_code, code.co_consts, code.co_names, code.co_varnames, code.co_argcount, cells, read,
        decide.__defaults__, sys.version_info[:3], numba.__version__,
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()
