"""How the kernel's arithmetic becomes machine code where the compiler's own way is slow."""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import lowering
from numba.core.cgutils import alloca_once
from numba.core.ir import Const, Expr

_DOUBLE = ir.DoubleType()


class Lowering(lowering.Lower):
    """Numba's way to emit a function, but for what takes long there: to compile, or to run."""

    def alloca_lltype(self, name: str, lltype: Any, datamodel: Any = None) -> Any:  # noqa: ARG002  # numba's names
        """Make room for a variable, of which no debugger wants to know the size."""
        return alloca_once(self.builder, lltype, name=name)

    def lower_binop(self, resty: Any, expr: Expr, op: Any) -> Any:
        """Emit an operator as typing found it; where a float is divided by one, as grids do, round down."""
        if op is operator.floordiv and self.typeof(expr.lhs.name) == types.float64 and self._is_one(expr.rhs):
            return _floor(self.builder, self.loadvar(expr.lhs.name))
        context, builder, signature = self.context, self.builder, self.fndesc.calltypes[expr]
        sides = [
            context.cast(builder, self.loadvar(side.name), self.typeof(side.name), kind)
            for side, kind in zip((expr.lhs, expr.rhs), signature.args, strict=True)
        ]
        called = context.typing_context.resolve_value_type(op)
        try:
            emit = context.get_function(called, signature)
        except KeyError:  # numba has learnt more of the operator since, and has to look again
            called.get_call_type(context.typing_context, signature.args, {})
            emit = context.get_function(called, signature)
        return context.cast(builder, emit(builder, sides), signature.return_type, resty)

    def _is_one(self, given: Any) -> bool:
        found = self.func_ir.get_definition(given)
        return isinstance(found, Const) and isinstance(found.value, float) and found.value == 1.0


def _floor(builder: Any, number: Any) -> Any:
    """Emit `number // 1.0`, which is the whole number below; of infinity it is NaN, as Python has it.

    Python's way to it is a remainder, which takes a processor some 15 ns; this takes less than one.
    """
    rounds = builder.module.declare_intrinsic("llvm.floor", [_DOUBLE])
    below = builder.call(rounds, [number])
    nothing = builder.fsub(number, number)  # NaN of infinity, else zero
    return builder.select(builder.fcmp_ordered("==", nothing, ir.Constant(_DOUBLE, 0.0)), below, nothing)
