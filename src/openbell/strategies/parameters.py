"""A strategy's parameters: annotated class attributes with types and bounds."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from openbell.core.errors import ConfigError, nearest

T = TypeVar("T", int, float, str, bool)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A default and what bounds it. `ge`, `gt`, `le`, `lt` are as in pydantic; `choices` lists what is allowed."""

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
        bounds = ((self.ge, operator.ge, ">="), (self.gt, operator.gt, ">"), (self.le, operator.le, "<="),
                  (self.lt, operator.lt, "<"))  # fmt: skip
        for bound, holds, sign in bounds:
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
    choices: tuple[T, ...] = (),
    help: str = "",  # the field's own word
) -> T:
    """Declare a parameter: `lookback: int = ob.param(20, ge=2, le=250)`."""
    made = Parameter(default, ge, gt, le, lt, choices, help, type(default))
    made.checked(default, where="default")
    return made  # type: ignore[return-value]  # a strategy's instance has the value; the class has this record


def parameters_of(cls: type) -> dict[str, Parameter]:
    """Return the parameters of a class, in the order in which they are written, bases first."""
    found: dict[str, Parameter] = {}
    for base in reversed(cls.__mro__):
        own = [
            n
            for n in base.__dict__.get("__annotations__", {})
            if n in base.__dict__ and not n.startswith("_")
        ]
        if not own:
            continue
        hints = get_type_hints(base)
        for name in own:
            value = base.__dict__[name]
            kind = hints.get(name, type(value))
            if kind not in (int, float, str, bool):
                continue
            given = value if isinstance(value, Parameter) else Parameter(value)
            found[name] = Parameter(
                given.default, given.ge, given.gt, given.le, given.lt, given.choices, given.help, kind
            )
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


def _converted(value: Any, kind: type, where: str) -> Any:
    """Take a value as its type, reading text as the command line and YAML give it."""
    expected = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[kind]
    if kind is bool:
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if isinstance(value, bool):
            return value
        raise ConfigError(f"{where}={value!r} must be {expected}")
    if kind is str:
        if isinstance(value, str):
            return value
        raise ConfigError(f"{where}={value!r} must be {expected}")
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or (kind is int and not number.is_integer()):
        raise ConfigError(f"{where}={value!r} must be {expected}")
    return int(number) if kind is int else number
