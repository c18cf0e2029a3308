"""A user's decision function, compiled: its convictions over all bars at once.

Only what gives the same bits as Python is compiled: arithmetic, comparisons, `abs`, `min`, `max`, `float`,
`int`, `bool`, and of `math` those that are exact. What uses more is not refused, but runs bar by bar.
"""

from __future__ import annotations

import builtins
import dis
import math
import types as python_types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import errors
from numba.core import types as kinds
from numpy.typing import NDArray

from openbell.core.errors import ConfigError
from openbell.data.bars import Floats

_BUILTINS = {abs, min, max, float, int, bool}
_MATH = {"isnan", "isinf", "isfinite", "sqrt", "fabs", "inf", "nan", "copysign", "pi", "e", "floor", "ceil"}
#: Bars that are decided on at a time; a multiple of 8.
BLOCK = 1024
_ANSWERS = (kinds.Float, kinds.Integer, kinds.Boolean)


class CannotCompile(ConfigError):
    """A strategy, or its setting, that has no compiled form; the event engine runs it."""


def refuse(why: str) -> CannotCompile:
    """Return the error that says why something runs in the event engine alone."""
    return CannotCompile(f"{why}, so it cannot be compiled with the same result; use engine='event'")


class Decider:
    """Decides on all bars of a symbol, in compiled code."""

    def __init__(self, decide: Callable[..., Any], inputs: Sequence[Any]) -> None:
        """Compile a decision.

        Args:
            decide: The function.
            inputs: In the order in which it takes them: None for an indicator, else the parameter's value.

        Raises:
            CannotCompile: It uses what is not the same in compiled code, or answers no number.
        """
        check_function(decide)
        self._count = sum(thing is None for thing in inputs)
        self._kinds = [type(thing) for thing in inputs if thing is not None]
        compiled = numba.njit(decide)  # divides as Python does: by zero is an error
        given = [kinds.float64 if thing is None else numba.typeof(thing) for thing in inputs]
        where = place_of(decide)
        try:
            compiled.compile(tuple(given))
            answer = compiled.nopython_signatures[0].return_type
        except (errors.NumbaError, NotImplementedError) as error:
            raise refuse(f"{where}: {_short(error)}") from error
        if not isinstance(answer, _ANSWERS):
            raise refuse(f"{where} answers {answer} where a number from -1 to 1 is wanted")
        self._over = _over_bars(compiled, inputs)

    def changes(
        self, columns: Sequence[Floats], constants: Sequence[Any], scratch: Scratch
    ) -> tuple[int, int]:
        """Find the bars at which the conviction differs from that of the bar before, which begins at 0.

        They are written into the scratch, and the convictions from then on.

        Returns:
            The first bar at which all columns have a value, the number of bars when there is none; and how
            many changes there are.

        Raises:
            ZeroDivisionError: The decision divides by zero.
        """
        first, count = self._over(*columns, *constants, *scratch)
        return int(first), int(count)


class Scratch(NamedTuple):
    """What one thread decides in."""

    when: NDArray[np.int64]  #: (bars,) bars at which the conviction changes
    what: Floats  #: (bars,) the conviction from then on
    block: Floats  #: (BLOCK + 1,) convictions, the last of the block before at first
    moved: NDArray[np.uint8]  #: (BLOCK,) whether each differs from the one before


def new_scratch(bars: int) -> Scratch:
    """Return arrays to decide on so many bars in."""
    return Scratch(
        np.zeros(bars, np.int64), np.zeros(bars), np.zeros(BLOCK + 1), np.zeros(BLOCK, dtype=np.uint8)
    )


def _over_bars(compiled: Callable[..., Any], inputs: Sequence[Any]) -> Callable[..., tuple[int, int]]:
    """Return the loop over the bars, written out for the function's own inputs.

    It goes block by block, so that its arrays stay near the processor, and in loops without a branch, so that
    several bars are decided on at a time; eight bars that changed nothing are passed by in one step.
    """
    columns = [f"x{i}" for i, thing in enumerate(inputs) if thing is None]
    constants = [f"c{i}" for i, thing in enumerate(inputs) if thing is not None]
    asked = ", ".join(f"x{i}_[i]" if thing is None else f"c{i}" for i, thing in enumerate(inputs))
    lines = _LOOP.format(
        columns=", ".join([*columns, *constants]),
        unknown=" or ".join(f"isnan({name}[first])" for name in columns) or "False",
        parts="; ".join(f"{name}_ = {name}[start:start + size]" for name in columns) or "pass",
        asked=asked,
        bars=f"min(when.size, {columns[0]}.size)" if columns else "when.size",
    )
    names: dict[str, Any] = {"decide": compiled, "isnan": math.isnan, "uint64": np.uint64, "BLOCK": BLOCK}
    exec(lines, names)  # noqa: S102  # the text below, of which nothing is the user's
    made: Callable[..., tuple[int, int]] = numba.njit(nogil=True)(names["over_bars"])
    return made


_LOOP = """
def over_bars({columns}, when, what, block, moved):
    bars, first, count = {bars}, 0, 0
    while first < bars and ({unknown}):
        first += 1
    words = moved.view(uint64)
    start = first
    block[0] = 0.0
    while start < bars:
        size = min(BLOCK, bars - start)
        {parts}
        now, before = block[1:size + 1], block[0:size]
        for i in range(size):
            now[i] = decide({asked})
        for i in range(size):
            moved[i] = now[i] != before[i]
        for i in range(size, min(BLOCK, (size + 7) // 8 * 8)):
            moved[i] = 0
        for word in range((size + 7) // 8):
            if words[word] != 0:
                for i in range(8 * word, 8 * word + 8):
                    if moved[i]:
                        when[count] = start + i
                        what[count] = now[i]
                        count += 1
        block[0] = now[size - 1]
        start += size
    return first, count
"""


def place_of(function: Callable[..., Any]) -> str:
    """Return where a function is written."""
    code = getattr(function, "__code__", None)
    name = getattr(function, "__name__", type(function).__name__)
    return f"{code.co_filename}:{code.co_firstlineno} {name}" if code is not None else name


def check_function(decide: Callable[..., Any]) -> None:
    """Make sure that a function uses nothing whose bits differ in compiled code.

    Raises:
        CannotCompile: It does; the line and what it is are named.
    """
    if not isinstance(decide, python_types.FunctionType):
        raise refuse(f"{place_of(decide)} is no plain function")
    for line, name in _foreign(decide):
        raise refuse(f"{decide.__code__.co_filename}:{line} uses {name}")


def _foreign(decide: python_types.FunctionType) -> Iterator[tuple[int, str]]:
    """Yield what a function uses beyond exact arithmetic, and on which line."""
    line = decide.__code__.co_firstlineno
    cells = dict(zip(decide.__code__.co_freevars, decide.__closure__ or (), strict=True))
    for step in dis.get_instructions(decide):
        if isinstance(step.starts_line, int) and not isinstance(step.starts_line, bool):
            line = step.starts_line
        line = getattr(step, "line_number", None) or line
        if step.opname.startswith("BINARY_OP") and step.argrepr.startswith("**"):
            yield line, "**"
        elif step.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            if not _is_exact(_global(decide, step.argval)):
                yield line, f"{step.argval!r}"
        elif step.opname in {"LOAD_ATTR", "LOAD_METHOD"} and step.argval not in _MATH:
            yield line, f".{step.argval}"
        elif step.opname == "LOAD_DEREF" and not _is_exact(cells[step.argval].cell_contents):
            yield line, f"{step.argval!r}"


def _global(decide: python_types.FunctionType, name: str) -> Any:
    return decide.__globals__.get(name, getattr(builtins, name, None))


def _is_exact(thing: Any) -> bool:
    if isinstance(thing, bool | int | float) or thing is math:
        return True
    name = getattr(thing, "__name__", "")
    return thing in _BUILTINS or (name in _MATH and getattr(math, name) is thing)


def _short(error: Exception) -> str:
    """Return the first of the compiler's words that say something, with the line that they mean."""
    line = getattr(getattr(error, "loc", None), "line", None)
    said = next((text.strip() for text in str(error).splitlines() if _tells(text)), type(error).__name__)
    return f"line {line}: {said}" if line else said


def _tells(text: str) -> bool:
    return bool(text.strip()) and not text.startswith("Failed in nopython")
