"""The smallest strategy: a scalar decision over indicators."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from openbell.core.errors import ConfigError, StrategyError, nearest
from openbell.core.market import Bar
from openbell.core.requests import Exits, ticket_of
from openbell.indicators.spec import Indicator
from openbell.strategies.base import Strategy
from openbell.strategies.parameters import Parameter

Decision = Callable[..., float]


class Signal:
    """A decision function with the indicators and parameters that it is asked with."""

    def __init__(self, decide: Decision, inputs: Mapping[str, Indicator | Parameter | float]) -> None:
        self.name = decide.__name__
        self.decide = decide
        self.inputs = dict(inputs)
        self.__doc__ = decide.__doc__
        self.__module__ = decide.__module__
        _check_signature(decide, self.inputs)

    def parameter_values(self) -> dict[str, Any]:
        """Return what can be set by name: an indicator by its first parameter, a parameter by its value."""
        return {
            name: (thing.parameters[0][1] if thing.parameters else None) if isinstance(thing, Indicator)
            else thing.default if isinstance(thing, Parameter) else thing
            for name, thing in self.inputs.items()
        }  # fmt: skip

    def with_parameters(self, **values: Any) -> Signal:
        """Return the signal with other parameters: `fast=20` turns `fast=SMA(10)` into SMA(20)."""
        inputs = dict(self.inputs)
        for name, value in values.items():
            if name not in inputs:
                raise ConfigError(f"strategy {self.name} has no parameter {name!r}{nearest(name, inputs)}")
            thing = inputs[name]
            if isinstance(value, Indicator):
                inputs[name] = value
            elif isinstance(thing, Indicator):
                inputs[name] = thing.with_first(_number(value, f"{self.name}.{name}"))
            else:
                given = thing if isinstance(thing, Parameter) else Parameter(thing, kind=type(thing))
                checked = given.checked(value, where=f"{self.name}.{name}")
                inputs[name] = Parameter(
                    checked, given.ge, given.gt, given.le, given.lt, given.choices, given.help, given.kind
                )
        return Signal(self.decide, inputs)

    def __call__(self, **values: Any) -> Signal:
        """Return the signal with other parameters, as a class would be called."""
        return self.with_parameters(**values)

    def __repr__(self) -> str:
        inputs = ", ".join(
            f"{name}={getattr(thing, 'default', thing)}" for name, thing in self.inputs.items()
        )
        return f"<Signal {self.name}({inputs})>"


def signal(**inputs: Any) -> Callable[[Decision], Signal]:
    """Make a strategy of a decision: a function of indicators that returns a conviction from -1 to 1.

    A conviction is direction times confidence. When it changes, the sizer's target for it is ordered.
    """
    for name, thing in inputs.items():
        if not isinstance(thing, Indicator | Parameter | int | float):
            raise ConfigError(
                f"@signal({name}={thing!r}) must be an indicator such as ob.SMA(10), ob.param(...) or a number"
            )

    def decorate(decide: Decision) -> Signal:
        return Signal(decide, inputs)

    return decorate


class SignalStrategy(Strategy):
    """Runs a `Signal` through the event engine, one symbol at a time."""

    def __init__(self, signal: Signal) -> None:
        super().__init__()
        self.name = signal.name
        self.signal = signal
        self._last: dict[str, float] = {}
        self._ask: Callable[[], float] | None = None

    def on_start(self) -> None:
        """Declare the inputs."""
        decide = self.signal.decide
        views: list[Any] = []
        for thing in self.signal.inputs.values():
            views.append(self.indicator(thing) if isinstance(thing, Indicator) else _Constant(thing))
        names = list(self.signal.inputs)
        self._ask = lambda: decide(**{name: view[-1] for name, view in zip(names, views, strict=True)})

    def on_bar(self, bar: Bar) -> None:
        """Ask for a conviction; act when it changes."""
        conviction = self._ask()  # type: ignore[misc]  # on_start has set it
        last = self._last.get(bar.symbol, 0.0)
        if conviction == last:
            return
        if not isinstance(conviction, int | float) or math.isnan(conviction):
            raise StrategyError(
                f"{self.name} returned {conviction!r} for {bar.symbol} on {bar.time:%Y-%m-%d %H:%M}; "
                "a conviction is a number from -1 to 1"
            )
        self._last[bar.symbol] = conviction
        self.desk.signal(bar.symbol, float(conviction), Exits(), ticket_of())

    def values(self) -> dict[str, Any]:
        """Return the parameters' values."""
        return self.signal.parameter_values()


class _Constant:
    """A parameter where an indicator is expected: always the same value."""

    def __init__(self, thing: Any) -> None:
        self._value = thing.default if isinstance(thing, Parameter) else thing

    def __getitem__(self, _ago: int) -> Any:
        return self._value


def _number(value: Any, where: str) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{where}={value!r} must be a number") from None
    return int(number) if number.is_integer() else number


def _check_signature(decide: Decision, inputs: Mapping[str, Any]) -> None:
    parameters = inspect.signature(decide).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name, parameter in parameters.items():
        if name not in inputs and parameter.default is parameter.empty:
            raise ConfigError(
                f"{decide.__name__}({name}) is given nothing: add {name}=... to @signal{nearest(name, inputs)}"
            )
    for name in inputs:
        if name not in parameters:
            raise ConfigError(
                f"@signal({name}=...): {decide.__name__} takes no {name!r}{nearest(name, parameters)}"
            )
