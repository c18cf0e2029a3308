"""Addresses as arrays and as functions, for compiled code that calls the kernel."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WORD = ir.IntType(64)


def _pointing(kind: Any) -> Callable[[Any, Any], Any]:
    """Return what makes a pointer to numbers of a kind out of an address; it is read by index."""

    def typed(_context: Any, _address: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), write

    return typed


#: A pointer to the numbers at an address: floats, whole numbers, bytes, and eight bytes as one number.
floats_at = intrinsic(_pointing(types.float64))
wholes_at = intrinsic(_pointing(types.int64))
bytes_at = intrinsic(_pointing(types.uint8))
words_at = intrinsic(_pointing(types.uint64))


@intrinsic
def first_byte(_context: Any, _word: Any) -> Any:
    """Return which byte of a word is the first, as it lies in memory, that is not zero."""

    def write(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_WORD, [_WORD, ir.IntType(1)])
        zeros = builder.module.declare_intrinsic("llvm.cttz", [_WORD], kind)
        below = builder.call(zeros, [arguments[0], ir.Constant(ir.IntType(1), 1)])
        return builder.lshr(below, ir.Constant(_WORD, 3))

    return types.int64(types.uint64), write


@intrinsic
def call_at(_context: Any, _function: Any, _address: Any, _at: Any) -> Any:
    """Call a function of two whole numbers by its own address: `entry_of` has that."""

    def write(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(8).as_pointer(), [_WORD, _WORD])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64), write


def has_entry(function: Callable[..., Any]) -> bool:
    """Tell whether a function is compiled; to a plain one there is no address."""
    return bool(getattr(function, "overloads", None))


@lru_cache(maxsize=4)
def entry_of(function: Callable[..., Any]) -> int:
    """Return the address at which a function that is compiled for one signature can be called."""
    (made,) = function.overloads.values()  # type: ignore[attr-defined]  # numba's dispatcher has them
    entry: int = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
    return entry
