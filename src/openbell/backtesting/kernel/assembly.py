"""The kernel's Python, written as LLVM's assembly.

The rules and the kernel are numbers, records, branches and loops. What takes a general compiler seconds (to
find out types, to resolve overloads, to count references) is known here from the annotations. What is beyond
that little language is refused, with its line.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from types import FunctionType
from typing import Any

from openbell.backtesting.kernel.clauses import FORMS, INSIDE, Clauses
from openbell.backtesting.kernel.phrases import (
    BOOL,
    DECLARED,
    FLOAT,
    INT,
    NONE,
    RECORDS,
    SHORT,
    SHORTLY,
    Unwritable,
    Value,
    cast,
    compare,
    field,
    literal,
    llvm_of,
    operate,
)

#: What an annotation means.
KINDS = {
    "int": INT,
    "float": FLOAT,
    "bool": BOOL,
    "None": NONE,
    "tuple[float, float, float]": "[3 x double]",
    "tuple[float, float, float, float, float]": "[5 x double]",
    **{name: name for name in RECORDS},
}
#: The text of files as it was when they were imported, by path. Of others it is looked up.
TEXTS: dict[str, str] = {}


def written(entry: Callable[..., Any], there: AbstractSet[str]) -> tuple[str, AbstractSet[str]]:
    """Return a function, and all that it calls, as assembly; and the names of what is in it.

    Args:
        entry: The function.
        there: The names of those that are written already, which are only named again.

    Raises:
        UnsupportedError: A line is beyond what can be written.
    """
    texts: dict[str, str] = {}
    waiting: list[Callable[..., Any]] = [entry]
    while waiting:
        function = waiting.pop()
        form = FORMS[function]
        if form.name in there:
            given = ", ".join(map(llvm_of, form.given))
            texts.setdefault(form.name, f'declare {llvm_of(form.answer)} @"{form.name}"({given})')
        elif form.name not in texts and isinstance(function, FunctionType):
            writer = _Writer(function)
            texts[form.name] = writer.write(_found(function))
            waiting += writer.called
    return "\n".join([DECLARED, *texts.values(), SHORTLY]), texts.keys() - there


def _found(function: FunctionType) -> ast.FunctionDef:
    """Return where a function is written."""
    code = function.__code__
    text = TEXTS.get(code.co_filename) or "".join(linecache.getlines(code.co_filename, function.__globals__))
    return _functions(text)[code.co_name, code.co_firstlineno]


@lru_cache(maxsize=64)
def _functions(text: str) -> Mapping[tuple[str, int], ast.FunctionDef]:
    """Return the functions of a file by name and first line, that of a decorator included."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            found[node.name, first] = node
    return found


class _Writer(Clauses):
    """Writes one function, statement by statement."""

    def __init__(self, function: FunctionType) -> None:
        super().__init__(function)
        self._loops: list[tuple[str, str]] = []  #: where `continue` and `break` lead

    def write(self, node: ast.FunctionDef) -> str:
        """Return the function's text."""
        self._write_body(node)
        while self.blocks.is_wider:
            self.blocks.start()
            self._write_body(node)
        form = self.form
        given = ", ".join(f"{llvm_of(kind)} %a{at}" for at, kind in enumerate(form.given))
        head = f'define {llvm_of(form.answer)} @"{form.name}"({given}) nounwind {form.place}'
        return f"{head} {{\n{self.blocks.text()}\n}}\n"

    def _write_body(self, node: ast.FunctionDef) -> None:
        self._write_all(node.body)
        if self.blocks.is_open and self.form.answer != NONE:
            raise self.refuse(node, "an end without an answer")
        self.blocks.end("ret void")

    def _write_all(self, body: list[ast.stmt]) -> None:
        for node in body:
            write = getattr(self, f"_write_{type(node).__name__.lower()}", None)
            if write is None:
                raise self.refuse(node, f"`{type(node).__name__.lower()}`")
            try:
                write(node)
            except Unwritable as error:
                raise self.refuse(node, str(error)) from error
            if not self.blocks.is_open:
                return  # nothing gets to what follows

    # --- what is worked out ----------------------------------------------------------------------------

    def _write_expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # as a docstring is
            self.value(node.value)

    def _write_pass(self, node: ast.Pass) -> None:
        pass

    def _write_return(self, node: ast.Return) -> None:
        answer, emit = self.form.answer, self.blocks.emit
        if node.value is None:
            self.blocks.end("ret void")
            return
        if isinstance(node.value, ast.Tuple):
            text = "poison"
            for at, one in enumerate(self.values(node.value, 0)):
                text = emit(f"insertvalue {answer} {text}, double {cast(emit, one, FLOAT).text}, {at}")
        else:
            text = cast(emit, self.value(node.value), answer).text
        self.blocks.end(f"ret {llvm_of(answer)} {text}")

    def _write_assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Tuple):
            given = self.values(node.value, len(target.elts))
            for one, value in zip(target.elts, given, strict=True):
                self._put(one, value)
            return
        value = self.value(node.value)
        for target in node.targets:
            self._put(target, value)

    def _write_augassign(self, node: ast.AugAssign) -> None:
        name, emit = type(node.op).__name__, self.blocks.emit
        if isinstance(node.target, ast.Attribute):
            where, kind = field(emit, self.value(node.target.value), node.target.attr)
            before = Value(kind, emit(f"load {kind}, ptr {where}"))
            after = cast(emit, operate(emit, name, before, self.value(node.value)), kind)
            emit(f"store {kind} {after.text}, ptr {where}")
        else:
            before = self.value(node.target)
            self._put(node.target, operate(emit, name, before, self.value(node.value)))

    def _put(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.blocks.store(target.id, value)
        elif isinstance(target, ast.Attribute):
            where, kind = field(self.blocks.emit, self.value(target.value), target.attr)
            self.blocks.emit(f"store {kind} {cast(self.blocks.emit, value, kind).text}, ptr {where}")
        else:
            raise self.refuse(target, f"an assignment to `{type(target).__name__.lower()}`")

    # --- branches and loops ----------------------------------------------------------------------------

    def _write_if(self, node: ast.If) -> None:
        yes, no, after = (self.blocks.label() for _ in range(3))
        self.fork(node.test, yes, no if node.orelse else after)
        for label, body in ((yes, node.body), (no, node.orelse)):
            if body:
                self.blocks.begin(label)
                self._write_all(body)
                self.blocks.go(after)
        if self.blocks.is_reached(after):
            self.blocks.begin(after)

    def _write_break(self, _node: ast.Break) -> None:
        self.blocks.go(self._loops[-1][1])

    def _write_continue(self, _node: ast.Continue) -> None:
        self.blocks.go(self._loops[-1][0])

    def _write_while(self, node: ast.While) -> None:
        test, body, after = (self.blocks.label() for _ in range(3))
        self.blocks.go(test)
        self.blocks.begin(test)
        self.fork(node.test, body, after)
        self.blocks.begin(body)
        self._repeat(node, test, after)
        self.blocks.begin(after)

    def _write_for(self, node: ast.For) -> None:
        """Write a loop over a range, whose ends are worked out once.

        But for those of functions that are taken in whole they are over a few orders or positions.
        """
        first, last, step = self._range(node.iter)
        test, body, again, after = (self.blocks.label() for _ in range(4))
        counter = f"{test}.counter"
        self.blocks.store(counter, first)
        self.blocks.go(test)
        self.blocks.begin(test)
        at = self.blocks.load(counter)
        self.blocks.go_if(compare(self.blocks.emit, "Lt", at, last).text, body, after)
        self.blocks.begin(body)
        self._put(node.target, at)
        self._repeat(node, again, after)
        self.blocks.begin(again)
        self.blocks.store(counter, Value(INT, self.blocks.emit(f"add nsw i64 {at.text}, {step}")))
        self.blocks.go(test, "" if self.form.place == INSIDE else SHORT)
        self.blocks.begin(after)

    def _repeat(self, node: ast.While | ast.For, again: str, after: str) -> None:
        if node.orelse:
            raise self.refuse(node, "`else` of a loop")
        self._loops.append((again, after))
        self._write_all(node.body)
        self._loops.pop()
        self.blocks.go(again)

    def _range(self, node: ast.expr) -> tuple[Value, Value, str]:
        """Return where a range begins and ends, and its step, a positive number."""
        if not (isinstance(node, ast.Call) and self.thing(node.func) is range):
            raise self.refuse(node, "a loop over anything but a range")
        given = [cast(self.blocks.emit, self.value(one), INT) for one in node.args]
        first, last = given[:2] if len(given) > 1 else (literal(0), given[0])
        step = given[2].text if len(given) > 2 else "1"
        if not step.isdigit() or step == "0":
            raise self.refuse(node, "a step that is no positive number")
        return first, last, step
