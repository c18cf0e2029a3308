"""The smallest strategy: a scalar decision over indicators."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any

from openbell.core.errors import ConfigError, StrategyError, nearest
from openbell.core.inputs import flag, real, shown
from openbell.core.market import Bar
from openbell.core.requests import NO_EXITS, NO_TICKET
from openbell.indicators.spec import Indicator
from openbell.strategies.base import Strategy
from openbell.strategies.exits import EXITS, as_exit, protection_of
from openbell.strategies.parameters import Parameter, kind_of

Decision = Callable[..., float]
Input = Indicator | Parameter | float


class Signal:
    """A decision function with the indicators and parameters that it is asked with."""

    def __init__(self, decide: Decision, inputs: Mapping[str, Input]) -> None:
        self.name: str = getattr(decide, "__name__", type(decide).__name__)
        self.decide = decide
        self.inputs = {**inputs, **_declared(decide, inputs)}
        self.__doc__ = decide.__doc__
        self.__module__ = decide.__module__
        self.protection = protection_of(self.inputs)
        _check_signature(self.name, decide, self.asked)
        self.order = _positions(decide, self.asked)

    @property
    def asked(self) -> dict[str, Input]:
        """What the function is asked with: the inputs without the exits."""
        return {name: thing for name, thing in self.inputs.items() if name not in EXITS}

    def parameter_values(self) -> dict[str, Any]:
        """Return what can be set by name: an indicator by its first parameter, a parameter by its value.

        None stands for an indicator without parameters.
        """
        return {name: _value(thing) for name, thing in self.inputs.items()}

    def with_parameters(self, **values: Any) -> Signal:
        """Return the signal with other parameters: `fast=20` turns `fast=SMA(10)` into SMA(20).

        Raises:
            ConfigError: A name is unknown, or a value is no number or out of bounds.
        """
        inputs = dict(self.inputs)
        for name, value in values.items():
            if name not in inputs:
                hint = f"; add {name}=... to @ob.signal" if name in EXITS else nearest(name, inputs)
                raise ConfigError(f"strategy {self.name} has no parameter {name!r}{hint}")
            inputs[name] = changed_input(inputs[name], value, where=f"{self.name}.{name}")
        made = copy(self)  # the function and the names are as they were checked
        made.inputs, made.protection = inputs, protection_of(inputs)
        return made

    def __call__(self, **values: Any) -> Signal:
        """Return the signal with other parameters, as a class would be called."""
        return self.with_parameters(**values)

    def __repr__(self) -> str:
        inputs = ", ".join(
            f"{name}={thing.default if isinstance(thing, Parameter) else thing}"
            for name, thing in self.inputs.items()
        )
        return f"<Signal {self.name}({inputs})>"


def _declared(decide: Decision, inputs: Mapping[str, Input]) -> dict[str, Input]:
    """Return the inputs that the function's own defaults declare: `def decide(rsi, low=ob.param(30.0))`."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(decide).parameters.items()
        if name not in inputs and isinstance(parameter.default, Indicator | Parameter)
    }


def signal(*misplaced: Any, **inputs: Any) -> Callable[[Decision], Signal]:
    """Make a strategy of a decision: a function of indicators that returns a conviction from -1 to 1.

    A conviction is direction times confidence. When it changes, the sizer's target for it is ordered. Six
    names are not the function's: `stop_loss`, `take_profit`, `trailing_stop` and `limit` (an entry that
    waits) are shares of the close that was decided on, 0 for none, and set the orders of the position; with
    `reenter` a conviction that stands enters again when an exit has closed its position; with
    `entries_only` a position is left to its exits, whatever is decided meanwhile.

    Raises:
        ConfigError: An input is no indicator, parameter or number, or the function does not take it.
    """
    if misplaced:
        raise ConfigError(
            "@ob.signal takes what the function is asked with, by name: @ob.signal(fast=ob.SMA(10))"
        )
    for name, thing in inputs.items():
        if name in EXITS:
            continue
        if isinstance(thing, str) or not (isinstance(thing, Indicator | Parameter) or kind_of(thing)):
            raise ConfigError(
                f"@signal({name}={thing!r}) must be an indicator such as ob.SMA(10), "
                "ob.param(...) or a number"
            )
        if isinstance(thing, Indicator) and len(thing.outputs) > 1:
            outputs = ", .".join(thing.outputs)
            raise ConfigError(f"@signal({name}={thing!r}) has several outputs; choose one: .{outputs}")

    things = {name: as_exit(name, thing) if name in EXITS else thing for name, thing in inputs.items()}

    def decorate(decide: Decision) -> Signal:
        if not callable(decide) or isinstance(decide, type):
            raise ConfigError(f"@signal decorates a function, not {shown(decide)}")
        try:
            inspect.signature(decide)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"@signal decorates a function that tells its arguments, and {shown(decide)} does not; "
                "call it in a function of your own"
            ) from error
        return Signal(decide, things)

    return decorate


class SignalStrategy(Strategy):
    """Runs a `Signal` through the event engine, one symbol at a time."""

    def __init__(self, signal: Signal) -> None:
        super().__init__()
        self.name = signal.name
        self.signal = signal
        self._last: dict[str, float] = {}
        self._ask: Callable[[], Any]
        self._protection = signal.protection
        self._again, self._entries = signal.protection.reenter, signal.protection.entries_only
        self._plain = not (signal.protection.exits or signal.protection.limit)

    def on_start(self) -> None:
        """Declare the inputs."""
        decide, inputs, names = self.signal.decide, self.signal.asked, self.signal.order
        views = {
            name: self.indicator(inputs[name])
            if isinstance(inputs[name], Indicator)
            else _Constant(_value(inputs[name]))
            for name in names or inputs
        }
        self._views = views, names is None
        self._ask = _asking(decide, *self._views)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what asks the function: it follows from the inputs."""
        return {name: one for name, one in vars(self).items() if name != "_ask"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "_views" in state:  # it has started
            self._ask = _asking(self.signal.decide, *self._views)

    def on_bar(self, bar: Bar) -> None:
        """Ask for a conviction; act when it changes."""
        conviction = self._ask()
        if conviction.__class__ is not float:
            conviction = self._number(conviction, bar)
        if conviction == self._last.get(bar.symbol, 0.0) and not (self._again and self._opens(conviction)):
            return
        if not -1.0 <= conviction <= 1.0:
            raise self._wrong(conviction, bar)
        self._last[bar.symbol] = conviction
        if self._entries and (self.desk.account.quantity(bar.symbol) or self.desk.working.get(bar.symbol)):
            return
        if self._plain or not self._opens(conviction) or self.desk.holds(bar.symbol, conviction):
            self.desk.signal(bar.symbol, conviction, NO_EXITS, NO_TICKET)
            return
        held = self.desk.account.quantity(bar.symbol)
        exits, ticket = self._protection.orders(bar.close, math.copysign(1.0, conviction), held)
        self.desk.signal(bar.symbol, conviction, exits, ticket)

    def _opens(self, conviction: float) -> bool:
        """Tell whether a conviction opens a position in this account."""
        return conviction > 0.0 or (conviction < 0.0 and self.desk.short)

    def values(self) -> dict[str, Any]:
        """Return the parameters' values."""
        return self.signal.parameter_values()

    def _number(self, conviction: Any, bar: Bar) -> float:
        answer = flag(conviction)
        number = real(conviction) if answer is None else float(answer)
        if math.isnan(number):
            raise self._wrong(conviction, bar)
        return number

    def _wrong(self, conviction: Any, bar: Bar) -> StrategyError:
        return StrategyError(
            f"strategy {self.name} decided {shown(conviction)} for {bar.symbol} on "
            f"{bar.time:%Y-%m-%d %H:%M} UTC; a conviction is a number from -1 to 1"
        )


def _asking(decide: Decision, views: Mapping[str, Any], by_name: bool) -> Callable[[], Any]:  # noqa: FBT001  # as it is kept
    """Return what asks a function for a conviction on the inputs as they are now."""
    if by_name:
        return lambda: decide(**{name: view[-1] for name, view in views.items()})
    columns = list(views.values())
    return lambda: decide(*[view[-1] for view in columns])


class _Constant:
    """A parameter where an indicator is expected: always the same value."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __getitem__(self, _ago: int) -> Any:
        return self._value


def _value(thing: Input) -> Any:
    if isinstance(thing, Indicator):
        return thing.parameters[0][1] if thing.parameters else None
    return thing.default if isinstance(thing, Parameter) else thing


def changed_input(thing: Input, value: Any, *, where: str) -> Input:
    """Return an input with another value, or another indicator in its place."""
    if isinstance(value, Indicator):
        return value
    if isinstance(thing, Parameter):
        return replace(thing, default=thing.checked(value, where=where))
    if not isinstance(thing, Indicator):
        plain = Parameter(thing, kind=kind_of(thing) or float)
        return replace(plain, default=plain.checked(value, where=where))
    if thing.is_talib and (value.__class__ is int or value.__class__ is float):
        return _known(thing, value, where)
    return _with_first(thing, value, where)


def _with_first(thing: Indicator, value: Any, where: str) -> Indicator:
    number = Parameter(0.0).checked(value, where=where)
    try:
        return thing.with_first(int(number) if number.is_integer() else number)
    except ConfigError as error:
        raise ConfigError(f"{where}={value!r}: {error}") from None


#: The same of an indicator and a number that were asked for before: a sweep asks three times.
_known = lru_cache(maxsize=4096, typed=True)(_with_first)


def _positions(decide: Decision, inputs: Mapping[str, Any]) -> list[str] | None:
    """Return the inputs in the order in which the function takes them by position; None where it cannot."""
    parameters = inspect.signature(decide).parameters.values()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names[: len(inputs)] if set(names[: len(inputs)]) == set(inputs) else None


def _check_signature(name: str, decide: Decision, inputs: Mapping[str, Any]) -> None:
    parameters = inspect.signature(decide).parameters
    named = {n: p for n, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    for taken in EXITS.keys() & named.keys():
        raise ConfigError(
            f"{name}({taken}): {taken!r} is set in @signal and sets orders; rename the argument"
        )
    for missing, parameter in named.items():
        if missing not in inputs and parameter.default is parameter.empty:
            raise ConfigError(
                f"{name}({missing}) is given nothing: add {missing}=... to @signal{nearest(missing, inputs)}"
            )
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for given in inputs:
        if given not in named:
            raise ConfigError(f"@signal({given}=...): {name} takes no {given!r}{nearest(given, named)}")
