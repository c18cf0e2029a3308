"""A condition on a sweep's parameters: text such as `fast < slow`, read without running it, or a function."""

from __future__ import annotations

import ast
import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from openbell.core.errors import ConfigError, Translation, nearest
from openbell.strategies.faults import said

#: A condition is longer than this only by a slip, and deep nesting would exhaust the reader.
_MOST_TEXT = 1_000
Evaluate = Callable[[Mapping[str, Any]], Any]

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.In: lambda value, group: value in group, ast.NotIn: lambda value, group: value not in group,
}  # fmt: skip
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
#: An example of each option's conditions.
SUCH_AS = {"where": "fast < slow", "require": "max_drawdown > -0.3"}
_CALLS: dict[str, Callable[..., Any]] = {"min": min, "max": max, "abs": abs}


@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition, and the parameters that it speaks of."""

    text: str
    names: tuple[str, ...]
    evaluate: Evaluate
    option: str = "where"  #: who asks, for messages

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the condition holds for parameters by name.

        Raises:
            ConfigError: It cannot be told: a division by zero, or text that is compared with a number.
        """
        with Translation(lambda error, _: self._wrong(error, values)):
            return bool(self.evaluate(values))

    def _wrong(self, error: BaseException, values: Mapping[str, Any]) -> ConfigError:
        at = ", ".join(f"{name}={values[name]!r}" for name in self.names)
        return ConfigError(f"{self.option}={self.text!r} cannot be told for {at}: {said(error)}")


def read_constraint(
    where: str | Callable[..., Any],
    known: Mapping[str, Any],
    *,
    option: str = "where",
    kind: str = "parameter of the strategy",
) -> Constraint:
    """Return the condition that a text or a function means.

    Text may compare parameters, numbers and text with `<`, `<=`, `==`, `!=`, `in` and the like, calculate
    with `+ - * / // %`, `min`, `max` and `abs`, and join conditions with `and`, `or` and `not`. Nothing else
    is read, so that nothing else can be done. A function is called with the parameters that it names.

    Args:
        where: The condition.
        known: The strategy's parameters by name, or whatever else it may speak of.
        option: Who asks, for messages.
        kind: What those names are, for messages.

    Raises:
        ConfigError: It is no condition, or names what is no parameter.
    """
    if callable(where):
        return _of_function(where, known, option, kind)
    if not isinstance(where, str) or not where.strip():
        raise ConfigError(f"{option}={where!r} is no condition; write one such as {SUCH_AS[option]!r}")
    return _Reader(where, known, option, kind).read()


class _Reader:
    """Turns the syntax tree of a condition into functions of the parameters."""

    def __init__(self, text: str, known: Mapping[str, Any], option: str, kind: str) -> None:
        self._text, self._known = text.strip(), known
        self._option, self._kind, self._such_as = option, kind, SUCH_AS[option]
        self._names: dict[str, None] = {}

    def read(self) -> Constraint:
        if len(self._text) > _MOST_TEXT:
            raise ConfigError(
                f"{self._option} has {len(self._text):,} characters; {_MOST_TEXT:,} are the most"
            )
        with Translation(lambda error, _: self._unreadable(error)):
            tree = ast.parse(self._text, mode="eval").body
            evaluate = self._condition(tree)
        if not self._names:
            raise ConfigError(f"{self._option}={self._text!r} names no parameter{nearest('', self._known)}")
        return Constraint(self._text, tuple(self._names), evaluate, self._option)

    def _unreadable(self, error: BaseException) -> ConfigError | None:
        if isinstance(error, ConfigError):
            return None
        return ConfigError(f"{self._option}={self._text!r} cannot be read; write it as {self._such_as!r}")

    def _condition(self, node: ast.expr) -> Evaluate:
        """Return a part that is true or false."""
        if isinstance(node, ast.BoolOp):
            parts = [self._condition(part) for part in node.values]
            join = all if isinstance(node.op, ast.And) else any
            return lambda values: join(part(values) for part in parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self._condition(node.operand)
            return lambda values: not inner(values)
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.Name) and isinstance(self._known.get(node.id), bool):
            return self._value(node)
        raise ConfigError(
            f"{self._option}={self._text!r}: {self._said(node)} is no condition; "
            f"compare, as in {self._such_as!r}"
        )

    def _comparison(self, node: ast.Compare) -> Evaluate:
        terms = [self._value(term) for term in (node.left, *node.comparators)]
        tests = [self._known_part(_COMPARE, op, node) for op in node.ops]

        def compare(values: Mapping[str, Any]) -> bool:
            found = [term(values) for term in terms]
            return all(test(found[i], found[i + 1]) for i, test in enumerate(tests))

        return compare

    def _value(self, node: ast.expr) -> Evaluate:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            constant = node.value
            return lambda _: constant
        if isinstance(node, ast.Name):
            return self._parameter(node.id)
        if isinstance(node, ast.Tuple | ast.List):
            items = [self._value(item) for item in node.elts]
            return lambda values: [item(values) for item in items]
        if isinstance(node, ast.BinOp) and not any(map(_is_text, (node.left, node.right))):
            left, right = self._value(node.left), self._value(node.right)
            calculate = self._known_part(_BINARY, node.op, node)
            return lambda values: calculate(left(values), right(values))
        if isinstance(node, ast.UnaryOp):
            change, operand = self._known_part(_UNARY, node.op, node), self._value(node.operand)
            return lambda values: change(operand(values))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            call = _CALLS.get(node.func.id)
            if call is not None:
                given = [self._value(argument) for argument in node.args]
                return lambda values: call(*(argument(values) for argument in given))
        raise self._foreign(node)

    def _parameter(self, name: str) -> Evaluate:
        if name not in self._known:
            raise ConfigError(
                f"{self._option}={self._text!r}: {name!r} is no {self._kind}{nearest(name, self._known)}"
            )
        self._names[name] = None
        return lambda values: values[name]

    def _known_part(self, table: Mapping[Any, Callable[..., Any]], part: Any, node: ast.expr) -> Any:
        found = table.get(type(part))
        if found is None:
            raise self._foreign(node)
        return found

    def _foreign(self, node: ast.expr) -> ConfigError:
        return ConfigError(
            f"{self._option}={self._text!r}: {self._said(node)} may not stand in a condition; "
            f"compare names and numbers, as in {self._such_as!r}"
        )

    def _said(self, node: ast.expr) -> str:
        return repr(ast.get_source_segment(self._text, node) or self._text)


def _is_text(node: ast.expr) -> bool:
    """Tell whether a part is written text: with `*` and `%` it could be made to fill the memory."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _of_function(where: Callable[..., Any], known: Mapping[str, Any], option: str, kind: str) -> Constraint:
    text = getattr(where, "__name__", type(where).__name__)
    with Translation(lambda *_: ConfigError(f"{option}: {text} does not tell which parameters it takes")):
        takes = list(inspect.signature(where).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in takes):
        return Constraint(text, tuple(known), lambda values: where(**values), option)
    for one in takes:
        if one.name not in known and one.default is one.empty:
            raise ConfigError(
                f"{option}: the function {text} asks for {one.name!r}, "
                f"which is no {kind}{nearest(one.name, known)}"
            )
    names = tuple(one.name for one in takes if one.name in known)
    return Constraint(text, names, lambda values: where(**{name: values[name] for name in names}), option)
