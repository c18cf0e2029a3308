"""What compiles the kernel, and how a compiled kernel notices that its rules have changed.

The kernel is one compiled function of numba's. Those that it calls numba does not see: their types are their
annotations, `assembly` writes them for LLVM, and their code is taken into the one that calls them. That is
some thirty times quicker to write than by numba's way, and leaves the processor one piece of code to run.
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
from llvmlite import ir
from llvmlite.binding import parse_assembly
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import lower_builtin, type_callable

from openbell.backtesting.kernel.assembly import KINDS, TEXTS, written
from openbell.backtesting.kernel.clauses import APART, FORMS, INSIDE, Form
from openbell.backtesting.kernel.memory import PLACES, typer_of
from openbell.backtesting.kernel.phrases import RECORDS
from openbell.core import rules
from openbell.utils.cache import cache_folder
from openbell.utils.heap import seldom_collected
from openbell.utils.logging import get_logger

F = TypeVar("F", bound=Callable[..., Any])

#: What an annotation means to numba.
_TYPES = {
    "int": types.int64,
    "float": types.float64,
    "bool": types.boolean,
    "None": types.none,
    "tuple[float, float, float]": types.UniTuple(types.float64, 3),
    "tuple[float, float, float, float, float]": types.UniTuple(types.float64, 5),
    **PLACES,
}
_ADDRESS = ir.IntType(8).as_pointer()


def compiled(function: F) -> F:
    """Let compiled code call a function, whose annotations are its types. To Python it stays as it is."""
    return _registered(function)


def inlined(function: F) -> F:
    """Let compiled code call a function, and take its code into each place that does.

    LLVM guesses by size which calls are worth it. Of what runs at each change of conviction all are: a call
    hands its answer on through the memory, and what both sides know is worked out twice.
    """
    return _registered(function, INSIDE)


def apart(function: F) -> F:
    """Let compiled code call a function whose code stays where it is.

    What is seldom asked, and long, would else be taken into what is asked often, as long as one place calls
    it: that is then one function so large that it takes far longer to compile.
    """
    return _registered(function, APART)


def _registered(function: F, place: str = "") -> F:
    kinds = dict(inspect.get_annotations(function))
    answer = kinds.pop("return")
    given = tuple(KINDS[kind] for kind in kinds.values())
    FORMS[function] = Form(f"{function.__module__}.{function.__qualname__}", KINDS[answer], given, place)
    signature = _TYPES[answer](*(_TYPES[kind] for kind in kinds.values()))

    @type_callable(function)
    def _type(_context: Any) -> Callable[..., Any]:
        return typer_of(function, signature)

    @lower_builtin(function, *signature.args)
    def _lower(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _called(context, builder, function, signature, arguments)

    return function


def _called(context: Any, builder: Any, function: Callable[..., Any], signature: Any, arguments: Any) -> Any:
    """Emit a call of a function, and take it into the code that is being made."""
    library = context.active_code_library
    taken = vars(library).get("openbell")
    if taken is None:
        taken = library.openbell = _Taken(library)
    taken.take(function)
    form, answer = FORMS[function], signature.return_type
    given = [
        builder.inttoptr(one, _ADDRESS) if kind in RECORDS else one
        for one, kind in zip(arguments, form.given, strict=True)
    ]
    gives = ir.VoidType() if answer == types.none else context.get_value_type(answer)
    kind = ir.FunctionType(gives, [one.type for one in given])
    found = builder.call(get_or_insert_function(builder.module, kind, form.name), given)
    return context.get_dummy_value() if answer == types.none else found


class _Taken:
    """What is taken into the code that numba is making.

    Numba optimises what is added to a library function by function, and then the whole, twice; here only the
    whole, and once.
    """

    def __init__(self, library: Any) -> None:
        self.names: set[str] = set()
        self._library = library
        library._optimize_final_module = self._optimize  # noqa: SLF001  # the library's own keeps every function

    def take(self, function: Callable[..., Any]) -> None:
        """Take a function in, with all that it calls, unless it is there."""
        if FORMS[function].name in self.names:
            return
        text, names = written(function, self.names)
        self.names |= names
        module = self._library._final_module  # noqa: SLF001  # the library's own way has passes in it
        head = f'target datalayout = "{module.data_layout}"\ntarget triple = "{module.triple}"\n'
        module.link_in(parse_assembly(head + text))

    def _optimize(self) -> None:
        """Run LLVM's passes. Nobody outside calls what was taken in: what all callers have whole can go."""
        library = self._library
        for function in library._final_module.functions:  # noqa: SLF001  # there is no other way to it
            if function.name in self.names:
                function.linkage = "internal"
        passes, settings = library._codegen._module_pass_manager()  # noqa: SLF001  # as above
        passes.run(library._final_module, settings)  # noqa: SLF001  # as above


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


def _texts() -> dict[str, str]:
    """Return what the rules and the kernel's own files say now, by path."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return {str(rules.__file__): inspect.getsource(rules), **{str(one): one.read_text() for one in files}}


def _source_hash() -> str:
    """Return the identity of everything that is compiled into the kernel.

    A cached kernel does not notice an edit of the functions that it calls; as a closure's value this does.
    """
    return hashlib.sha256("".join(_texts().values()).encode()).hexdigest()


TEXTS.update(_texts())
#: Identity of the rules and of the kernel's own source.
SOURCE = hashlib.sha256("".join(TEXTS.values()).encode()).hexdigest()

for _, _rule in inspect.getmembers(rules, inspect.isfunction):
    inlined(_rule)
