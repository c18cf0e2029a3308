"""What to compute, without the data: an `Indicator` is a recipe that can be hashed, changed and compared."""

from __future__ import annotations

import dataclasses
import math
import numbers
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openbell.core.errors import ConfigError, nearest
from openbell.indicators.table import TABLE, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FIELD = "FIELD"  #: the name of the recipe that is a raw column
VALUE = "value"  #: the one output of a raw column and of a user's function

Value = float | int

_COLUMN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True, repr=False)
class Indicator:
    """A function, its parameters and its input columns: the key under which an array is computed once.

    Make one with `indicators.SMA(10)`, `indicator(function, ...)` or `field("close")`, which check
    everything, rather than by hand.

    Attributes:
        name: TA-Lib's name, the user's function's name, or "FIELD".
        parameters: all parameters in order, defaults included.
        inputs: the columns that are handed to the function, in its order.
        output: which of several outputs; "" is the only one, or all of them.
        shift: how many bars ago.
        timeframe: the bars it is computed on; "" is the strategy's own bars. Whoever has the bars reads it.
        function: the user's array function; None for TA-Lib's functions and raw columns.
    """

    name: str
    parameters: tuple[tuple[str, Value], ...] = ()
    inputs: tuple[str, ...] = ("close",)
    output: str = ""
    shift: int = 0
    timeframe: str = ""
    function: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if self.function is None and self.name not in TABLE and self.name != FIELD:
            raise ConfigError(f"TA-Lib has no function {self.name!r}{hint_for(self.name)}")
        if self.output and self.output not in self.all_outputs:
            hint = nearest(self.output, self.all_outputs)
            raise ConfigError(f"{self.name} has no output {self.output!r}{hint}")
        if self.shift < 0:
            raise ConfigError(f"{self.name}: shift={self.shift} is look-ahead; it must be 0 or more")

    @property
    def all_outputs(self) -> tuple[str, ...]:
        """The names of everything that the function returns, in its order."""
        return TABLE[self.name].outputs if self.is_talib else (VALUE,)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what `compute` returns: the chosen output, else all."""
        return (self.output,) if self.output else self.all_outputs

    @property
    def is_talib(self) -> bool:
        """Whether TA-Lib computes it."""
        return self.function is None and self.name in TABLE

    def __getattr__(self, name: str) -> Indicator:
        """Choose one of several outputs: `BBANDS(20).upperband`."""
        if name.startswith("__") or name in _FIELDS:  # copy and pickle ask before the fields are set
            raise AttributeError(name)
        outputs = self.all_outputs
        if name not in outputs:
            hint = nearest(name, outputs)
            raise AttributeError(f"{self.describe()} has no output or method {name!r}{hint}")
        return self if len(outputs) == 1 else dataclasses.replace(self, output=name)

    def __repr__(self) -> str:
        return self.describe()

    def on(self, *columns: str) -> Indicator:
        """Return the same recipe on other columns; a column may be one of the user's own.

        Raises:
            ConfigError: not as many columns as the function takes, or a name that no column can have.
        """
        if len(columns) != len(self.inputs):
            wanted = TABLE[self.name].inputs if self.is_talib else self.inputs
            counts = f"takes {len(wanted)} column(s), by default {', '.join(wanted)}; got {len(columns)}"
            raise ConfigError(f"{self.name} {counts}")
        return dataclasses.replace(self, inputs=_checked_columns(self.name, columns))

    def ago(self, bars: int) -> Indicator:
        """Return the recipe's value `bars` bars earlier than it stands now: `.ago(1).ago(1)` is two bars ago.

        Raises:
            ConfigError: `bars` is negative (that would be look-ahead) or not a whole number.
        """
        if isinstance(bars, bool) or not isinstance(bars, numbers.Integral):
            raise ConfigError(f"{self.describe()}: ago({bars!r}) must be a whole number of bars")
        if bars < 0:
            raise ConfigError(
                f"{self.describe()}: ago({bars}) is look-ahead; a number of bars ago is 0 or more"
            )
        return dataclasses.replace(self, shift=self.shift + int(bars))

    def at(self, timeframe: str) -> Indicator:
        """Return the same recipe on the bars of another timeframe; "" is the strategy's own."""
        if not isinstance(timeframe, str) or (timeframe and not timeframe.isalnum()):
            raise ConfigError(
                f"{self.describe()}: timeframe {timeframe!r} must be a name such as '1h' or '1d'"
            )
        return dataclasses.replace(self, timeframe=timeframe)

    def replace(self, **parameters: Value) -> Indicator:
        """Return the same recipe with other parameters.

        Raises:
            ConfigError: the function has no such parameter, or the value is out of its range.
        """
        known = dict(self.parameters)
        rules = _rules(self)
        for name, value in parameters.items():
            if name not in known:
                raise ConfigError(f"{self.name} has no parameter {name!r}{nearest(name, known)}")
            known[name] = checked_value(self.name, rules.get(name, name), value)
        return dataclasses.replace(self, parameters=tuple(known.items()))

    def with_first(self, value: Value) -> Indicator:
        """Return the recipe with another first parameter: what `fast=20` means where `fast` is SMA(10).

        Raises:
            ConfigError: the function has no parameters, or the value is out of range.
        """
        if not self.parameters:
            raise ConfigError(f"{self.describe()} has no parameter to set to {value!r}")
        return self.replace(**{self.parameters[0][0]: value})

    def describe(self) -> str:
        """Say the recipe in a few words: `BBANDS(20, 2, 2).upperband on high, 1 ago`."""
        where = f" on {', '.join(self.inputs)}"
        if self.function is not None:
            named = ", ".join(f"{name}={_text(value)}" for name, value in self.parameters)
            text = f"{self.name}({named}){where}"
        elif self.is_talib:
            text = f"{self.name}({', '.join(_shown(self))})" + (f".{self.output}" if self.output else "")
            text += where if self.inputs != TABLE[self.name].inputs else ""
        else:
            text = self.inputs[0]
        text += f", {self.timeframe} bars" if self.timeframe else ""
        return text + (f", {self.shift} ago" if self.shift else "")


_FIELDS = frozenset(field.name for field in dataclasses.fields(Indicator))


def make(name: str, /, *args: Value, **kwargs: Value) -> Indicator:
    """Return the recipe of one of TA-Lib's functions: `make("SMA", 10)` is `indicators.SMA(10)`.

    Args:
        name: a name in `TABLE`.
        *args: parameters in TA-Lib's order; those left out have TA-Lib's defaults.
        **kwargs: parameters by name.

    Raises:
        ConfigError: no such function or parameter, or a value of the wrong type or out of range.
    """
    if name not in TABLE:
        raise ConfigError(f"TA-Lib has no function {name!r}{hint_for(name)}")
    function = TABLE[name]
    names = [parameter.name for parameter in function.parameters]
    if len(args) > len(names):
        raise ConfigError(
            f"{name} takes {len(names)} parameter(s) ({', '.join(names) or 'none'}); got {len(args)}"
        )
    given = dict(zip(names, args, strict=False))
    for key, value in kwargs.items():
        if key in given:
            raise ConfigError(f"{name}: {key} is given twice, as {given[key]!r} and as {value!r}")
        given[key] = value
    defaults = tuple((parameter.name, parameter.default) for parameter in function.parameters)
    return Indicator(name, defaults, function.inputs).replace(**given)


def indicator(function: Callable[..., Any], /, *columns: str, **parameters: Value) -> Indicator:
    """Return the recipe of an array function of the user's.

    Args:
        function: called as `function(*arrays, **parameters)` with one float64 array per column, which
            it may change; returns one array of the same length. Its value at a bar may use that bar
            and earlier ones only; NaN means "no decision yet".
        *columns: the columns it takes, in its order; "close" if none are named.
        **parameters: numbers that a sweep may vary.

    Raises:
        ConfigError: `function` cannot be called, a column's name is not one, a parameter is not a number.
    """
    if not callable(function):
        raise ConfigError(f"indicator({function!r}): the first argument must be a function of arrays")
    name = getattr(function, "__name__", type(function).__name__)
    values = tuple((key, checked_value(name, key, value)) for key, value in parameters.items())
    return Indicator(name, values, _checked_columns(name, columns or ("close",)), function=function)


def field(column: str) -> Indicator:
    """Return the recipe of a raw column, for a strategy to ask for a price as for an indicator."""
    return Indicator(FIELD, (), _checked_columns(FIELD, (column,)))


def checked_value(function: str, rule: Parameter | str, value: object) -> Value:
    """Return `value` as a Python number that the parameter accepts.

    Args:
        function: the function's name, for messages.
        rule: the parameter of a TA-Lib function, or the bare name of a user's parameter.
        value: a Python or numpy number; a whole float such as 10.0 is taken for an integer parameter.

    Raises:
        ConfigError: not a number, a fraction for an integer parameter, or out of range.
    """
    name = rule if isinstance(rule, str) else rule.name
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ConfigError(f"{function}: {name}={value!r} must be a number, not {type(value).__name__}")
    number: Value = int(value) if isinstance(value, numbers.Integral) else float(value)
    if not math.isfinite(number):
        raise ConfigError(f"{function}: {name}={value!r} must be a finite number")
    if isinstance(rule, str):
        return number
    if isinstance(rule.default, int):
        if number != int(number):
            raise ConfigError(f"{function}: {name}={value!r} must be a whole number")
        number = int(number)
    else:
        number = float(number)
    if not rule.minimum <= number <= rule.maximum:
        raise ConfigError(f"{function}: {name}={value!r} must be from {rule.minimum:g} to {rule.maximum:g}")
    return number


def hint_for(name: str) -> str:
    """Return the nearest name of a TA-Lib function as the end of a message; never the list of 201."""
    hint = nearest(name, TABLE)
    return hint if hint.startswith("; did") else f"; dir(openbell.indicators) lists the {len(TABLE)} names"


def _rules(recipe: Indicator) -> dict[str, Parameter]:
    return {rule.name: rule for rule in TABLE[recipe.name].parameters} if recipe.is_talib else {}


def _checked_columns(function: str, columns: Iterable[str]) -> tuple[str, ...]:
    """Return the names as a tuple, after a check that each can be a column's."""
    names = tuple(columns)
    for name in names:
        if not isinstance(name, str) or not _COLUMN.fullmatch(name):
            raise ConfigError(
                f"{function}: column {name!r} must be a lower-case name such as 'close' or 'my_column'"
            )
    return names


def _shown(recipe: Indicator) -> list[str]:
    """Return the parameters as text, without trailing kinds of moving average that are the default."""
    rules = _rules(recipe)
    shown = list(recipe.parameters)
    while shown and shown[-1][0].endswith("matype") and shown[-1][1] == rules[shown[-1][0]].default:
        shown.pop()
    return [_text(value) for _, value in shown]


def _text(value: Value) -> str:
    """Return the number in full, and 2.0 as 2: two recipes that differ must not read alike."""
    return repr(int(value) if value == int(value) else value)
