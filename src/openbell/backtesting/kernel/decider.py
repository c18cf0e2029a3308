"""A user's decision function, compiled: its convictions over all bars at once."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import errors
from numba.core import types as kinds
from numpy.typing import NDArray

from openbell.backtesting.kernel.compiler import SOURCE
from openbell.backtesting.kernel.exact import LARGE, check_function, identity_of, place_of, refuse
from openbell.data.bars import Floats
from openbell.utils.cache import cache_folder

#: Bars that are decided on at a time; a multiple of 8.
BLOCK = 1024
_ANSWERS = (kinds.Float, kinds.Integer, kinds.Boolean)
#: Loops that this process has made, by what they are made of.
_made: dict[str, Callable[..., tuple[int, int]]] = {}


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
        self._over = _loop_of(decide, inputs)

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


def _loop_of(decide: Callable[..., Any], inputs: Sequence[Any]) -> Callable[..., tuple[int, int]]:
    """Return the loop over the bars, made once for a function and the kinds of its inputs."""
    function = check_function(decide)
    if function.__code__.co_argcount != len(inputs):
        raise refuse(f"{place_of(decide)} has an argument that @signal does not give")
    for thing in inputs:
        if isinstance(thing, int) and abs(thing) >= LARGE:
            raise refuse(f"{place_of(decide)} is given {thing}, which is {LARGE} or more")
    text = _written_out(inputs)
    given = [kinds.float64 if thing is None else numba.typeof(thing) for thing in inputs]
    key = hashlib.sha256(f"{SOURCE} {identity_of(function)} {given} {text}".encode()).hexdigest()
    if key not in _made:
        folder = cache_folder("decisions")
        file = folder / f"{key}.py" if folder is not None else None
        if file is None or not file.exists():  # a file is proof that the function compiles
            _check_compiles(decide, given)
            file = _kept(file, text)
        _made[key] = _compiled(text, numba.njit(_at_home(function)), file)
    return _made[key]


def _check_compiles(decide: Callable[..., Any], given: Sequence[Any]) -> None:
    compiled = numba.njit(decide)
    where = place_of(decide)
    try:
        compiled.compile(tuple(given))
        answer = compiled.nopython_signatures[0].return_type
    except (errors.NumbaError, errors.UnsupportedBytecodeError, NotImplementedError) as error:
        raise refuse(f"{where}: {_short(error)}") from error
    if not isinstance(answer, _ANSWERS):
        raise refuse(f"{where} answers {answer} where a number from -1 to 1 is wanted")


def _at_home(decide: FunctionType) -> FunctionType:
    """Return a function as one of this module: machine code that is kept names a module to be imported again.

    A strategy's own may have no name by which another process finds it.
    """
    names = {**decide.__globals__, "__name__": __name__}
    copy = FunctionType(decide.__code__, names, decide.__name__, decide.__defaults__, decide.__closure__)
    copy.__kwdefaults__ = decide.__kwdefaults__
    copy.__module__ = __name__
    return copy


def _kept(file: Path | None, text: str) -> Path | None:
    """Write a loop's text, whose machine code is kept beside it; None where nothing can be written."""
    if file is None:
        return None
    draft = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    except OSError:  # a folder that cannot be written: it is compiled again next time
        return None
    return file


def _compiled(text: str, decide: Callable[..., Any], file: Path | None) -> Callable[..., tuple[int, int]]:
    """Return the loop; its machine code comes from beside the file, if it is there."""
    names: dict[str, Any] = {
        "__name__": __name__,  # machine code that is kept says which module it is of
        "decide": decide, "isnan": math.isnan, "uint64": np.uint64, "BLOCK": BLOCK,
    }  # fmt: skip
    code = compile(text, str(file) if file is not None else "<decision>", "exec")
    exec(code, names)  # noqa: S102  # the text below, of which nothing is the user's
    # It divides as Python does: by zero is an error.
    made: Callable[..., tuple[int, int]] = numba.njit(nogil=True, cache=file is not None)(names["over_bars"])
    return made


def _written_out(inputs: Sequence[Any]) -> str:
    """Return the loop over the bars, written out for a function's inputs.

    It goes block by block, so that its arrays stay near the processor, and in loops without a branch, so that
    several bars are decided on at a time; eight bars that changed nothing are passed by in one step.
    """
    columns = [f"x{i}" for i, thing in enumerate(inputs) if thing is None]
    constants = [f"c{i}" for i, thing in enumerate(inputs) if thing is not None]
    return _LOOP.format(
        given="".join(f"{name}, " for name in (*columns, *constants)),
        unknown=" or ".join(f"isnan({name}[first])" for name in columns) or "False",
        parts="; ".join(f"{name}_ = {name}[start:start + size]" for name in columns) or "pass",
        asked=", ".join(f"x{i}_[i]" if thing is None else f"c{i}" for i, thing in enumerate(inputs)),
        bars=f"min(when.size, {columns[0]}.size)" if columns else "when.size",
    )


_LOOP = """
def over_bars({given}when, what, block, moved):
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


def _short(error: Exception) -> str:
    """Return the first of the compiler's words that say something, with the line that they mean."""
    line = getattr(getattr(error, "loc", None), "line", None)
    said = next((text.strip() for text in str(error).splitlines() if _tells(text)), type(error).__name__)
    return f"line {line}: {said}" if line else said


def _tells(text: str) -> bool:
    return bool(text.strip()) and not text.startswith("Failed in nopython")
