"""A user's decision function, compiled: its convictions over all bars at once."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from mmap import mmap
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
from openbell.backtesting.kernel.looptext import LOOPS
from openbell.backtesting.kernel.memory import run_at
from openbell.backtesting.kernel.pointers import (
    bytes_at,
    call_at,
    first_byte,
    floats_at,
    wholes_at,
    words_at,
)
from openbell.data.bars import Floats
from openbell.utils.cache import cache_folder

#: Bars that are decided on at a time; a multiple of GROUP. A few indicators' fit into the nearest cache.
BLOCK = 1024
#: Bars whose changes are looked for at a time: the bytes of a whole number.
WORD = 8
#: Bars that are passed in one step where nothing changed.
GROUP = 64
_ROOM = 2048
_ANSWERS = (kinds.Float, kinds.Integer, kinds.Boolean)
#: Over all bars of one combination, and over many combinations.
Loops = tuple[Callable[..., tuple[int, int]], Callable[..., None]]
#: Loops that this process has made, by the function, the kinds of its inputs, and which are indicators.
_made: dict[tuple[str, tuple[Any, ...], tuple[bool, ...]], Loops] = {}


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
        self._over, self._over_many = _loops_of(decide, inputs)

    def changes(
        self, columns: Sequence[Floats], constants: Sequence[Any], scratch: Scratch, from_bar: int = 0
    ) -> tuple[int, int]:
        """Find the bars at which the conviction differs from that of the bar before, which begins at 0.

        They are written into the scratch, and the convictions from then on. Bars before `from_bar` are not
        decided on.

        Returns:
            The first bar at which all columns have a value, the number of bars when there is none; and how
            many changes there are.

        Raises:
            ZeroDivisionError: The decision divides by zero.
        """
        bars = min([scratch.bars, *map(len, columns)])
        first, count = self._over(*_places(*columns), *constants, from_bar, bars, *_places(*scratch))
        return int(first), int(count)

    def run(self, bundle: Bundle, kernel: tuple[int, int], lists: Lists, scratch: Scratch) -> None:
        """Run a bundle's combinations: their changes, a block of bars at a time, then the kernel over them.

        So what an indicator has in a block is read from the memory once for all that ask for it.

        Args:
            bundle: What they are; it is told what failed, and which one is at it.
            kernel: The address of the kernel, and that of the run.
            lists: Where changes are written.
            scratch: The same for one that has more of them.

        Raises:
            ZeroDivisionError: The decision divides by zero in the combination that the bundle names.
        """
        arrays = bundle.addresses, bundle.columns, *bundle.constants, *bundle[3:-1]
        self._over_many(
            *_places(*arrays), bundle.from_bar, len(bundle.places), *kernel,
            scratch.bars, lists.whens.shape[1], *_places(*lists, *scratch),
        )  # fmt: skip


#: What is wrong with a combination of a bundle.
WRONG_CONVICTION, NEVER_READY, FAULTY_ORDER, RAISED = 1, 2, 3, 4


class Bundle(NamedTuple):
    """Combinations over one symbol's bars that run one after the other in a single call.

    Each array lies row after row, without a gap: compiled code reads it by its address.
    """

    addresses: NDArray[np.int64]  #: (columns,) where the values of each indicator are
    columns: NDArray[np.int64]  #: (n, indicators) which of them a combination reads
    constants: list[NDArray[Any]]  #: (n,) each of the other inputs
    exits: Floats  #: (n, 4) stop-loss, take-profit, trailing stop and limit
    flags: NDArray[np.int64]  #: (n, 2) whether it enters again, and for entries only
    places: NDArray[np.int64]  #: (n,) where its figures go among the results
    failed: NDArray[np.int64]  #: (n,) what is wrong with it, or 0
    at: NDArray[np.int64]  #: (1,) the one that is run
    from_bar: int  #: the first bar that may be decided on


class Lists(NamedTuple):
    """Where the changes of a bundle's combinations are written."""

    whens: NDArray[np.int64]  #: (combinations, room)
    whats: Floats  #: (combinations, room)
    firsts: NDArray[np.int64]  #: (combinations,) the first bar that each decides on
    counts: NDArray[np.int64]  #: (combinations,) how many changes it has


def new_lists(bars: int, rows: int) -> Lists:
    """Return lists for so many combinations. One with more changes than there is room for is run apart.

    Most rows stay nearly empty: numpy would ask for large pages, and get memory for all of each row.
    """
    room = min(bars, _ROOM + bars // 32) + WORD
    whens, whats = (np.frombuffer(mmap(-1, max(8 * rows * room, 1)), np.int64, rows * room) for _ in range(2))
    numbers = np.empty((2, rows), np.int64)
    return Lists(whens.reshape(rows, room), whats.view(np.float64).reshape(rows, room), *numbers)


class Scratch(NamedTuple):
    """What one thread decides in."""

    when: NDArray[np.int64]  #: (bars + WORD,) bars at which the conviction changes
    what: Floats  #: (bars + WORD,) the conviction from then on
    moved: NDArray[np.uint8]  #: (BLOCK,) whether each differs from the one before

    @property
    def bars(self) -> int:
        """Return how many bars can be decided on."""
        return len(self.when) - WORD


def new_scratch(bars: int) -> Scratch:
    """Return arrays to decide on so many bars in."""
    room = bars + WORD
    return Scratch(np.empty(room, np.int64), np.empty(room), np.empty(BLOCK, dtype=np.uint8))


def _places(*arrays: NDArray[Any]) -> list[int]:
    return [array.ctypes.data for array in arrays]


def _loops_of(decide: Callable[..., Any], inputs: Sequence[Any]) -> Loops:
    """Return the loops, made once for a function and the kinds of its inputs."""
    function = check_function(decide)
    if function.__code__.co_argcount != len(inputs):
        raise refuse(f"{place_of(decide)} has an argument that @signal does not give")
    for thing in inputs:
        if isinstance(thing, int) and abs(thing) >= LARGE:
            raise refuse(f"{place_of(decide)} is given {thing}, which is {LARGE} or more")
    given = [kinds.float64 if thing is None else numba.typeof(thing) for thing in inputs]
    known = identity_of(function), tuple(given), tuple(thing is None for thing in inputs)
    if known not in _made:
        text = _written_out(inputs)
        key = hashlib.sha256(f"{SOURCE} {known[0]} {given} {text}".encode()).hexdigest()
        folder = cache_folder("decisions")
        file = folder / f"{key}.py" if folder is not None else None
        made = numba.njit(_at_home(function))
        if file is None or not file.exists():  # a file is proof that the function compiles
            _check_compiles(made, given, where=place_of(decide))
            file = _kept(file, text)
        _made[known] = _compiled(text, made, file)
    return _made[known]


def _check_compiles(compiled: Any, given: Sequence[Any], *, where: str) -> None:
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


def _compiled(text: str, decide: Callable[..., Any], file: Path | None) -> Loops:
    """Return the loops; their machine code comes from beside the file, if it is there."""
    names: dict[str, Any] = {
        "__name__": __name__,  # machine code that is kept says which module it is of
        "decide": decide, "isnan": math.isnan, "uint64": np.uint64, "BLOCK": BLOCK,
        "run_at": run_at, "floats_at": floats_at, "wholes_at": wholes_at, "bytes_at": bytes_at,
        "words_at": words_at, "first_byte": first_byte, "call_at": call_at,
        "GROUP": GROUP, "int64": np.int64, "WORD": WORD,
        "WRONG_CONVICTION": WRONG_CONVICTION, "NEVER_READY": NEVER_READY, "FAULTY_ORDER": FAULTY_ORDER,
    }  # fmt: skip
    code = compile(text, str(file) if file is not None else "<decision>", "exec")
    exec(code, names)  # noqa: S102  # the text below, of which nothing is the user's
    # They divide as Python does: by zero is an error.
    options = {"nogil": True, "cache": file is not None, "no_cfunc_wrapper": True}
    for name in ("first_of", "over_block", "over_bars"):  # which nobody calls from Python
        names[name] = numba.njit(no_cpython_wrapper=True, **options)(names[name])
    for name in ("over_one", "over_many"):
        names[name] = numba.njit(**options)(names[name])
    return names["over_one"], names["over_many"]


def _written_out(inputs: Sequence[Any]) -> str:
    """Return the loops, written out for a function's inputs.

    That over the bars goes block by block, so that its arrays stay near the processor, and in loops without a
    branch, so that several bars are decided on at a time; many that changed nothing are passed in one step.
    It reads and writes by address: an array that is cut costs as much as deciding on a hundred bars, and each
    that is taken apart some tenths of a second to compile.
    """
    columns = [f"x{i}" for i, thing in enumerate(inputs) if thing is None]
    constants = [f"c{i}" for i, thing in enumerate(inputs) if thing is not None]
    own = [f"floats_at(addresses[columns[{len(columns)} * k + {at}]])" for at in range(len(columns))]
    own += [_read_at(f"c{i}", thing) for i, thing in enumerate(inputs) if thing is not None]
    return LOOPS.format(
        given=_listed(columns, constants),
        unknown=" or ".join(f"isnan({name}[first])" for name in columns) or "False",
        asked=", ".join(f"x{i}[i]" if thing is None else f"c{i}" for i, thing in enumerate(inputs)),
        constants=_listed(constants),
        places=_listed(columns),
        pointers=_listed([f"floats_at({name})" for name in columns]),
        own=_listed(own),
    )


def _read_at(address: str, thing: object) -> str:
    """Return what reads the value of combination `k` at an address, of the kind of a value."""
    if isinstance(thing, bool):
        return f"bytes_at({address})[k] != 0"
    return f"{'wholes_at' if isinstance(thing, int) else 'floats_at'}({address})[k]"


def _listed(*names: Sequence[str]) -> str:
    return "".join(f"{name}, " for group in names for name in group)


def _short(error: Exception) -> str:
    """Return the first of the compiler's words that say something, with the line that they mean."""
    line = getattr(getattr(error, "loc", None), "line", None)
    said = next((text.strip() for text in str(error).splitlines() if _tells(text)), type(error).__name__)
    return f"line {line}: {said}" if line else said


def _tells(text: str) -> bool:
    return bool(text.strip()) and not text.startswith("Failed in nopython")
