"""How the kernel's arithmetic becomes machine code where the compiler's own way is slow."""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import lowering
from numba.core.compiler_machinery import register_pass
from numba.core.ir import Const, Expr
from numba.core.typed_passes import NativeLowering

_DOUBLE = ir.DoubleType()


class _Lower(lowering.Lower):
    def lower_binop(self, resty: Any, expr: Expr, op: Any) -> Any:
        """Round down where a float is divided by one: grids do so at every order."""
        if op is operator.floordiv and self.typeof(expr.lhs.name) == types.float64 and self._is_one(expr.rhs):
            return _floor(self.builder, self.loadvar(expr.lhs.name))
        return super().lower_binop(resty, expr, op)

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


@register_pass(mutates_CFG=True, analysis_only=False)
class KernelLowering(NativeLowering):
    """Emits the kernel's code."""

    _name = "kernel_lowering"

    @property
    def lowering_class(self) -> type[_Lower]:
        """Return what emits a function's code."""
        return _Lower
