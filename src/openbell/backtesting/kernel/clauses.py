"""Expressions of the kernel's Python, read into the blocks of a function in LLVM's assembly."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

from numba.core.errors import UnsupportedError
from numba.core.ir import Loc

from openbell.backtesting.kernel.blocks import Blocks
from openbell.backtesting.kernel.phrases import (
    BOOL,
    CALLS,
    FLOAT,
    Unwritable,
    Value,
    cast,
    compare,
    field,
    literal,
    llvm_of,
    negate,
    operate,
    truth,
)

#: Where a function's code goes, in LLVM's words.
INSIDE, APART = "alwaysinline", "noinline"


class Form(NamedTuple):
    """How a function is called."""

    name: str  #: LLVM's
    answer: str
    given: tuple[str, ...]
    place: str = (
        ""  #: `INSIDE` where its code is taken into each place that calls it, `APART` where into none
    )


#: The functions that may be called, beside those of `CALLS`.
FORMS: dict[Callable[..., Any], Form] = {}


class Clauses:
    """Reads expressions of one function."""

    def __init__(self, function: FunctionType) -> None:
        """Begin a function that is among the forms."""
        code = function.__code__
        self.form = FORMS[function]
        self.blocks = Blocks(dict(zip(code.co_varnames, self.form.given, strict=False)))
        self.called: list[Callable[..., Any]] = []
        self._globals, self._local = function.__globals__, frozenset(code.co_varnames)
        self._file, self._line = code.co_filename, code.co_firstlineno

    def refuse(self, node: ast.AST, why: str) -> UnsupportedError:
        """Return the error that says what cannot be written, and where it is."""
        place = Loc(self._file, getattr(node, "lineno", self._line))
        return UnsupportedError(f"{why}: the kernel's compiler has no such thing", place)

    def value(self, node: ast.expr) -> Value:
        """Work an expression out."""
        read = getattr(self, f"_read_{type(node).__name__.lower()}", None)
        if read is None:
            raise self.refuse(node, f"`{type(node).__name__.lower()}`")
        try:
            found: Value = read(node)
        except Unwritable as error:
            raise self.refuse(node, str(error)) from error
        return found

    def values(self, node: ast.expr, count: int) -> list[Value]:
        """Work out each part of a tuple, or of a function's answer."""
        if isinstance(node, ast.Tuple):
            return [self.value(one) for one in node.elts]
        made = self.value(node)
        return [
            Value(FLOAT, self.blocks.emit(f"extractvalue {made.kind} {made.text}, {at}"))
            for at in range(count)
        ]

    def thing(self, node: ast.expr) -> Any:
        """Return what a name outside of the function stands for."""
        if isinstance(node, ast.Attribute):
            return getattr(self.thing(node.value), node.attr)
        if not isinstance(node, ast.Name) or node.id in self._local:
            raise self.refuse(node, f"`{ast.unparse(node)}` as something that is known before")
        return self._globals[node.id] if node.id in self._globals else getattr(builtins, node.id)

    def fork(self, node: ast.expr, yes: str, no: str) -> None:
        """End a block with a jump to one of two, as a condition has it."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.fork(node.operand, no, yes)
        elif isinstance(node, ast.BoolOp):
            for one in node.values[:-1]:
                following = self.blocks.label()
                if isinstance(node.op, ast.And):
                    self.fork(one, following, no)
                else:
                    self.fork(one, yes, following)
                self.blocks.begin(following)
            self.fork(node.values[-1], yes, no)
        else:
            self.blocks.go_if(truth(self.blocks.emit, self.value(node)), yes, no)

    # --- kinds of expressions --------------------------------------------------------------------------

    def _constant(self, node: ast.expr) -> Value:
        thing = self.thing(node)
        if not isinstance(thing, int | float):
            raise self.refuse(node, f"`{ast.unparse(node)}`")
        return literal(thing)

    def _read_constant(self, node: ast.Constant) -> Value:
        if not isinstance(node.value, int | float):
            raise self.refuse(node, repr(node.value))
        return literal(node.value)

    def _read_name(self, node: ast.Name) -> Value:
        return self.blocks.load(node.id) if node.id in self._local else self._constant(node)

    def _read_attribute(self, node: ast.Attribute) -> Value:
        if isinstance(node.value, ast.Name) and node.value.id not in self._local:
            return self._constant(node)
        where, kind = field(self.blocks.emit, self.value(node.value), node.attr)
        return Value(kind, self.blocks.emit(f"load {kind}, ptr {where}"))

    def _read_binop(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        return operate(self.blocks.emit, type(node.op).__name__, left, right)

    def _read_unaryop(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return Value(BOOL, self.blocks.emit(f"xor i1 {truth(self.blocks.emit, value)}, true"))
        if not isinstance(node.op, ast.USub):
            raise self.refuse(node, f"`{type(node.op).__name__.lower()}`")
        return negate(self.blocks.emit, value)

    def _read_compare(self, node: ast.Compare) -> Value:
        left, after, ways = self.value(node.left), self.blocks.label(), []
        if isinstance(node.ops[0], ast.In) and isinstance(node.comparators[0], ast.Tuple):
            for one in node.comparators[0].elts:
                found = compare(self.blocks.emit, "Eq", left, self.value(one))
                goes_on = None if one is node.comparators[0].elts[-1] else False
                ways.append(self.blocks.way(found, after, goes_on=goes_on))
            return self.blocks.merge(ways, after)
        for verb, one in zip(node.ops, node.comparators, strict=True):
            right = self.value(one)
            found = compare(self.blocks.emit, type(verb).__name__, left, right)
            goes_on = None if one is node.comparators[-1] else True
            ways.append(self.blocks.way(found, after, goes_on=goes_on))
            left = right
        return self.blocks.merge(ways, after)

    def _read_boolop(self, node: ast.BoolOp) -> Value:
        after, ways = self.blocks.label(), []
        for one in node.values:
            goes_on = None if one is node.values[-1] else isinstance(node.op, ast.And)
            ways.append(self.blocks.way(self.value(one), after, goes_on=goes_on))
        return self.blocks.merge(ways, after)

    def _read_ifexp(self, node: ast.IfExp) -> Value:
        yes, no, after = (self.blocks.label() for _ in range(3))
        self.fork(node.test, yes, no)
        ways = []
        for label, one in ((yes, node.body), (no, node.orelse)):
            self.blocks.begin(label)
            ways.append(self.blocks.way(self.value(one), after))
        return self.blocks.merge(ways, after)

    def _read_call(self, node: ast.Call) -> Value:
        called, emit = self.thing(node.func), self.blocks.emit
        if node.keywords:
            raise self.refuse(node, "an argument by name")
        given = [self.value(one) for one in node.args]
        if called in CALLS:
            return CALLS[called](emit, given)
        if called not in FORMS:
            raise self.refuse(node, f"a call of `{ast.unparse(node.func)}`")
        form = FORMS[called]
        self.called.append(called)
        pairs = zip(given, form.given, strict=True)
        text = ", ".join(f"{llvm_of(kind)} {cast(emit, one, kind).text}" for one, kind in pairs)
        return Value(form.answer, emit(f'call {llvm_of(form.answer)} @"{form.name}"({text})'))
