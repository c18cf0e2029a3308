"""Addresses as arrays and as functions, for compiled code that calls the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WORD = ir.IntType(64)


@intrinsic
def floats_at(_context: Any, _address: Any) -> Any:
    """Return a pointer to the floats at an address, of which `numba.carray` makes an array."""

    def write(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.DoubleType().as_pointer())

    return types.CPointer(types.float64)(types.int64), write


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


def entry_of(function: Callable[..., Any]) -> int:
    """Return the address at which a function that is compiled for one signature can be called."""
    (made,) = function.overloads.values()  # type: ignore[attr-defined]  # numba's dispatcher has them
    entry: int = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
    return entry
