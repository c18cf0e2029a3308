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
from llvmlite.binding import parse_assembly
from numba import types
from numba.core.bytecode import ByteCode, FunctionIdentity
from numba.core.callconv import create_error_model
from numba.core.cgutils import normalize_ir_text
from numba.core.compiler import Flags
from numba.core.funcdesc import PythonFunctionDescriptor
from numba.core.interpreter import Interpreter
from numba.core.ir_utils import build_definitions
from numba.core.targetconfig import ConfigStack
from numba.core.typed_passes import type_inference_stage
from numba.extending import lower_builtin, type_callable

from openbell.backtesting.kernel.lowering import Lowering
from openbell.backtesting.kernel.memory import PLACES, typer_of
from openbell.core import rules
from openbell.utils.cache import cache_folder
from openbell.utils.heap import seldom_collected
from openbell.utils.logging import get_logger

F = TypeVar("F", bound=Callable[..., Any])

#: What an annotation means in compiled code.
_TYPES = {
    "int": types.int64,
    "float": types.float64,
    "bool": types.boolean,
    "None": types.none,
    "tuple[float, float, float]": types.UniTuple(types.float64, 3),
    "tuple[float, float, float, float, float]": types.UniTuple(types.float64, 5),
    **PLACES,
}
_FLAGS = Flags()
#: Functions whose code is taken into each place that calls them.
_INLINED: set[Callable[..., Any]] = set()


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
        # What it says of errors is not asked: a statement that raises does not compile here.
        _, answer = context.call_internal_no_propagate(builder, described, signature, arguments)
        return answer

    return function


def inlined(function: F) -> F:
    """Let compiled code call a function, and take its code into each place that does.

    LLVM guesses by size which calls are worth it. Of what runs at each change of conviction all are: a call
    hands its answer on through the memory, and what both sides know is worked out twice.
    """
    _INLINED.add(function)
    return compiled(function)


class _Reader(Interpreter):
    """Reads bytecode without numba's four rewrites of `with`, `try` and starred calls."""

    def post_process(self, peepholes: Any, func_ir: Any) -> Any:  # noqa: ARG002  # numba's name
        """Return a function as it was read."""
        return func_ir


class _Typing:
    """Numba's typing, with a memory: a kernel has thousands of calls, and some hundred different ones."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._known: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, called: Any, given: Any, named: Any) -> Any:
        """Return the signature of a call."""
        if callable(called) and not isinstance(called, types.Type):
            # As the type that lowering asks: another one when numba has learnt more of the operator.
            called = self._context.resolve_value_type(called)
        key = called, tuple(given), tuple(sorted(named.items()))
        if key not in self._known:
            self._known[key] = self._context.resolve_function_type(called, given, named)
        return self._known[key]


class _Taken:
    """What is taken into the code that is being made: to numba's lowering it looks like a library.

    Numba optimises what is added to a library function by function, and then the whole, twice; here only the
    whole, and once.
    """

    def __init__(self, library: Any, typing: Any) -> None:
        self.typing = _Typing(typing)
        self.made: dict[Callable[..., Any], Any] = {}
        self._library = library
        library._optimize_final_module = self._optimize  # noqa: SLF001  # the library's own keeps every function

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def add_ir_module(self, module: Any) -> None:
        """Link a function in."""
        parsed = parse_assembly(normalize_ir_text(str(module)))
        self._library._final_module.link_in(parsed)  # noqa: SLF001  # the library's own way has passes in it

    def _optimize(self) -> None:
        """Run LLVM's passes. Nobody outside calls what was taken in: what all callers have whole can go."""
        library = self._library
        own = {described.llvm_func_name for described in self.made.values()}
        for function in library._final_module.functions:  # noqa: SLF001  # there is no other way to it
            if function.name in own:
                function.linkage = "internal"
        passes, settings = library._codegen._module_pass_manager()  # noqa: SLF001  # as above
        passes.run(library._final_module, settings)  # noqa: SLF001  # as above


def _described(context: Any, function: Callable[..., Any], signature: Any) -> Any:
    """Compile a function into the code that is being made, once, and return how it is called there."""
    library = context.active_code_library
    taken = vars(library).get("openbell")
    if taken is None:
        taken = library.openbell = _Taken(library, context.typing_context)
    if function not in taken.made:
        taken.made[function] = _lowered(context, taken, function, signature)
    return taken.made[function]


def _lowered(context: Any, taken: _Taken, function: Callable[..., Any], signature: Any) -> Any:
    """Take a function in by the few of numba's steps that plain arithmetic, branches and loops need."""
    identity = FunctionIdentity.from_function(function)
    code = _Reader(identity).interpret(ByteCode(identity))  # a variable has one type: no need to split it
    code._definitions = build_definitions(code.blocks)  # noqa: SLF001  # as numba's own step does
    kinds, answer, calls, _ = type_inference_stage(
        taken.typing, context, code, signature.args, signature.return_type
    )
    described = PythonFunctionDescriptor.from_specialized_function(
        code, kinds, answer, calls, context.mangler, inline=function in _INLINED, noalias=False, abi_tags=()
    )
    own = context.subtarget(error_model=create_error_model("numpy", context))
    with ConfigStack().enter(_FLAGS):
        Lowering(own, taken, described, code).lower()
    return described


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
    with seldom_collected():
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
    inlined(_rule)
