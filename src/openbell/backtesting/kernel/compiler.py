"""What compiles the kernel, and how a compiled kernel notices that its rules have changed.

The kernel is one compiled function. Those that it calls are not compiled by themselves: their types are
their annotations, and their code is taken into the one that calls them. That is some ten times quicker to
compile than a function each, and leaves the processor one piece of code to run.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import types
from numba.core.compiler import CompilerBase, Flags
from numba.core.compiler_machinery import PassManager
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import FixupArgs, IRProcessing, ReconstructSSA, TranslateByteCode
from numba.extending import lower_builtin, type_callable

from openbell.backtesting.kernel.lowering import KernelLowering
from openbell.backtesting.kernel.memory import PLACES, typer_of
from openbell.core import rules
from openbell.utils.cache import cache_folder
from openbell.utils.logging import get_logger

F = TypeVar("F", bound=Callable[..., Any])

#: What an annotation means in compiled code.
_TYPES = {
    "int": types.int64,
    "float": types.float64,
    "bool": types.boolean,
    "None": types.none,
    "tuple[float, float, float]": types.UniTuple(types.float64, 3),
    **PLACES,
}


def compiled(function: F) -> F:
    """Let compiled code call a function, whose annotations are its types. To Python it stays as it is."""
    kinds = dict(inspect.get_annotations(function))
    given = _TYPES[kinds.pop("return")]
    signature = given(*(_TYPES[kind] for kind in kinds.values()))

    @type_callable(function)
    def _type(_context: Any) -> Callable[..., Any]:
        return typer_of(function, signature)

    @lower_builtin(function, *signature.args)
    def _lower(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        described = _described(context, function, signature)
        return context.call_internal(builder, described, signature, arguments)

    return function


class _Lean(CompilerBase):
    """A compiler without the passes that the kernel has no use for: closures, arrays, unrolling."""

    def define_pipelines(self) -> list[PassManager]:
        """Return the passes that plain arithmetic, branches and loops need."""
        passes = PassManager("lean")
        for one in (
            TranslateByteCode, FixupArgs, IRProcessing, ReconstructSSA, NopythonTypeInference,
            PreLowerStripPhis, IRLegalization, AnnotateTypes, KernelLowering, NoPythonBackend,
        ):  # fmt: skip
            passes.add_pass(one, one.__name__)
        passes.finalize()
        return [passes]


def _described(context: Any, function: Callable[..., Any], signature: Any) -> Any:
    """Compile a function into the code that is being made, once, and return how it is called there."""
    library = context.active_code_library
    made = vars(library).setdefault("openbell", {})
    if function not in made:
        flags = Flags()
        flags.error_model = "numpy"
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        types_ = signature.args, signature.return_type
        compiler = _Lean(context.typing_context, context, library, *types_, flags, {})
        made[function] = compiler.compile_extra(function).fndesc
    return made[function]


def kept(function: F) -> F:
    """Compile a function at its first call, and keep the machine code on disk for the next process.

    It runs without Python's lock, and divides as a processor does.
    """
    made: F = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    return made


def ready(function: Callable[..., Any], signature: tuple[Any, ...]) -> None:
    """Compile a function that `kept` made, or load what is kept of it; say so where it takes its time."""
    if function.signatures:  # type: ignore[attr-defined]  # numba's dispatcher has them
        return
    folder = cache_folder("kernels")
    mark = folder / f"{SOURCE[:16]}-{sys.version_info.minor}-{numba.__version__}" if folder else None
    if mark is None or not mark.exists():
        get_logger().info("compiling the backtest kernel: some seconds, once")
    function.compile(signature)  # type: ignore[attr-defined]  # as above
    if mark is not None:
        with suppress(OSError):  # a folder that cannot be written: it is said again next time
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def _source_hash() -> str:
    """Return the identity of everything that is compiled into the kernel.

    A cached kernel does not notice an edit of the functions that it calls; as a closure's value this does.
    """
    texts = [path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256("".join([inspect.getsource(rules), *texts]).encode()).hexdigest()


#: Identity of the rules and of the kernel's own source.
SOURCE = _source_hash()

for _, _rule in inspect.getmembers(rules, inspect.isfunction):
    compiled(_rule)
