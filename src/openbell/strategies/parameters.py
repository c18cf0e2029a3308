"""A strategy's parameters: annotated class attributes with types and bounds."""

from __future__ import annotations

import math
import numbers
import operator
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from inspect import get_annotations
from typing import Any, TypeVar

from openbell.core.errors import ConfigError, nearest
from openbell.core.inputs import real, shown

T = TypeVar("T", int, float, str, bool)

_EXPECTED: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_KINDS = {kind.__name__: kind for kind in _EXPECTED}
_BOUNDS = (("ge", operator.ge, ">="), ("gt", operator.gt, ">"), ("le", operator.le, "<="),
           ("lt", operator.lt, "<"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """A default and its limits: `ge`, `gt`, `le`, `lt` as in pydantic; `choices` is all that is allowed."""

    default: Any
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    choices: tuple[Any, ...] = ()
    help: str = ""
    kind: type = float

    def checked(self, value: Any, *, where: str) -> Any:
        """Return the value in the parameter's type.

        Raises:
            ConfigError: It has another type, or is out of bounds.
        """
        value = _converted(value, self.kind, where)
        for name, holds, sign in _BOUNDS:
            bound = getattr(self, name)
            if bound is not None and not holds(value, bound):
                raise ConfigError(f"{where}={value!r} must be {sign} {bound}")
        if self.choices and value not in self.choices:
            raise ConfigError(f"{where}={value!r} is no choice{nearest(str(value), map(str, self.choices))}")
        return value


def param(  # bounds, each of them optional
    default: T,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: Collection[T] = (),
    help: str = "",  # the field's own word
) -> T:
    """Declare a parameter: `lookback: int = ob.param(20, ge=2, le=250)`.

    Raises:
        ConfigError: The default is no number, text or flag, or breaks its own bounds.
    """
    where = f"ob.param({default!r})"
    kind = kind_of(default)
    if kind is None:
        raise ConfigError(f"{where}: a default is a number, text, or true or false")
    if kind in (bool, str) and (ge, gt, le, lt) != (None, None, None, None):
        raise ConfigError(f"{where}: only numbers have bounds; text and flags have choices")
    for name, bound in (("ge", ge), ("gt", gt), ("le", le), ("lt", lt)):
        if bound is not None and math.isnan(real(bound)):
            raise ConfigError(f"{where}: {name}={shown(bound)} must be a number")
    if isinstance(choices, str) or not isinstance(choices, Collection):
        raise ConfigError(f"{where}: choices={shown(choices)} must be a list, such as [{default!r}]")
    made = Parameter(default, ge, gt, le, lt, tuple(choices), help, kind)
    made.checked(default, where=where)
    return made  # type: ignore[return-value]  # a strategy's instance has the value; the class has this record


def kind_of(value: object) -> type | None:
    """Return the type that a parameter with this default has: int, float, str, bool, or None for none."""
    if isinstance(value, bool | str):
        return bool if isinstance(value, bool) else str
    if isinstance(value, numbers.Integral):
        return int
    return float if isinstance(value, numbers.Real) else None


def parameters_of(cls: type) -> dict[str, Parameter]:
    """Return the parameters of a class, bases first, in the order in which they are written.

    A parameter is an attribute that `param` made, or whose annotation is int, float, str or bool. A subclass
    that sets another plain value keeps the bounds of its base.

    Raises:
        ConfigError: A default has not the annotated type, or is out of bounds.
    """
    found: dict[str, Parameter] = {}
    for base in reversed(cls.__mro__):
        annotated = get_annotations(base)
        for name, value in vars(base).items():
            made = _made(base, name, value, annotated.get(name), found.get(name))
            if made is not None:
                found[name] = replace(
                    made, default=made.checked(made.default, where=f"{base.__name__}.{name}")
                )
            elif name in found:  # a property or a method took the name
                del found[name]
    return found


def checked(known: Mapping[str, Parameter], values: Mapping[str, Any], *, owner: str) -> dict[str, Any]:
    """Return every parameter's value: what is given, else its default.

    Raises:
        ConfigError: A name is unknown, or a value has the wrong type or is out of bounds.
    """
    for name in values:
        if name not in known:
            raise ConfigError(f"strategy {owner} has no parameter {name!r}{nearest(name, known)}")
    return {
        name: parameter.checked(values.get(name, parameter.default), where=f"{owner}.{name}")
        for name, parameter in known.items()
    }


def _made(
    base: type, name: str, value: Any, annotation: Any, inherited: Parameter | None
) -> Parameter | None:
    kind = _kind(annotation, base)
    if isinstance(value, Parameter):
        return replace(value, kind=kind or value.kind)
    if kind_of(value) is None:
        return None
    if inherited is not None:
        return replace(inherited, default=value, kind=kind or inherited.kind)
    return Parameter(value, kind=kind) if kind is not None and not name.startswith("_") else None


def _kind(annotation: Any, owner: type) -> type | None:
    """Return the parameter type that an annotation means, None for any other; text is read in its module."""
    if isinstance(annotation, str):
        text = annotation.strip()
        annotation = _KINDS.get(text) or getattr(sys.modules.get(owner.__module__), text, None)
    return annotation if isinstance(annotation, type) and annotation in _EXPECTED else None


def _converted(value: Any, kind: type, where: str) -> Any:
    """Take a value as its type, reading text as the command line and YAML give it."""
    wrong = ConfigError(f"{where}={value!r} must be {_EXPECTED[kind]}")
    if kind is str:
        if isinstance(value, str):
            return value
        raise wrong
    if kind is bool or isinstance(value, bool):
        flag = {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else value
        if kind is bool and isinstance(flag, bool):
            return flag
        raise wrong
    number = _number(value, kind)
    if isinstance(number, float) and not (math.isfinite(number) and (kind is float or number.is_integer())):
        raise wrong
    return int(number) if kind is int else number


def _number(value: Any, kind: type) -> float:
    """Return a number as it is meant, NaN for none. Whole ones stay exact; `1e3` and `20.0` are whole too."""
    whole = kind is int and isinstance(value, str | numbers.Integral)
    for read in (int, float) if whole else (float,):
        with suppress(TypeError, ValueError, OverflowError):
            number: float = read(value)
            return number
    return math.nan
