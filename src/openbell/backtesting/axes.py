"""What a sweep tries of one parameter: listed values, steps of a span, or draws from a distribution."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from openbell.core.errors import ConfigError
from openbell.indicators.spec import Indicator

#: What stands for itself where values are listed.
_SINGLE = (str, bool, int, float, np.generic, Indicator)


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`, both included; made by `span`, which checks them."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def __repr__(self) -> str:
        step = "" if self.step is None else f", {self.step!r}"
        return f"span({self.low!r}, {self.high!r}{step}{', log=True' if self.log else ''})"

    @property
    def is_whole(self) -> bool:
        """Tell whether it holds whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def values(self) -> Sequence[float]:
        """Return its steps: decimals as they are written, 0.1, 0.2, 0.3; whole numbers without a step by one.

        Raises:
            ConfigError: It has no step, and is not of whole numbers.
        """
        step = 1 if self.step is None and self.is_whole else self.step
        if step is None or (self.log and self.step is None):
            raise ConfigError(
                f"{self!r} has no step, so that a grid of it has no end: give one, as in "
                f"span({self.low!r}, {self.high!r}, STEP), or draw with method='random'"
            )
        if self.is_whole and isinstance(step, int):
            return range(int(self.low), int(self.high) + 1, step)
        low, high, width = (Decimal(repr(number)) for number in (self.low, self.high, step))
        return _Steps(low, width, int((high - low) / width) + 1)

    def quantile(self, share: float) -> float:
        """Return the value below which `share` of the draws lie."""
        if self.log:
            value = float(self.low) * math.exp(share * math.log(self.high / self.low))
            return round(value) if self.is_whole else value
        return self.low + share * (self.high - self.low)


class _Steps(Sequence[float]):
    """Decimal steps, made when they are asked for."""

    def __init__(self, low: Decimal, step: Decimal, count: int) -> None:
        self._low, self._step = low, step
        self._places = range(count)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, at: Any) -> Any:
        return float(self._low + self._places[at] * self._step)


def span(low: float, high: float, step: float | None = None, *, log: bool = False) -> Span:
    """Return the numbers from `low` to `high`, both included, for a sweep.

    With a step, or of whole numbers, they are listed: `span(0.1, 0.5, 0.1)`. Without one they are drawn by
    `method="random"` or `"latin"`: uniformly, or with `log` so that each power of ten is as likely.

    Raises:
        ConfigError: A limit is no number, `low` is not below `high`, or `step` or `log` does not fit.
    """
    text = f"span({low!r}, {high!r}{'' if step is None else f', {step!r}'})"
    for value in (low, high) if step is None else (low, high, step):
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise ConfigError(f"{text}: {value!r} is no finite number")
    low, high, step = _number(low), _number(high), None if step is None else _number(step)
    if low >= high:
        raise ConfigError(f"{text}: {low!r} is not below {high!r}; swap them, or give the value alone")
    if step is not None and step <= 0:
        raise ConfigError(f"{text}: the step {step!r} must be more than zero")
    if log and (step is not None or low <= 0):
        raise ConfigError(f"{text}: log=True draws between positive numbers, and has no step")
    return Span(low, high, step, log)


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter of a sweep: the values that are listed, or how one is drawn."""

    name: str
    values: Sequence[Any] | None  #: None where values are drawn
    quantile: Callable[[float], Any]  #: the value at a share from 0 to 1
    source: Any = None  #: the span or distribution that values are drawn from

    def __len__(self) -> int:
        return len(self.listed())

    def listed(self) -> Sequence[Any]:
        """Return the values of a grid.

        Raises:
            ConfigError: There are none: they are to be drawn.
        """
        if isinstance(self.source, Span):
            return self.source.values()
        if self.values is None:
            raise ConfigError(
                f"{self.name} is a distribution, which has no grid: list values, or draw with method='random'"
            )
        return self.values


def read_axis(name: str, given: Any) -> Axis:
    """Return what a sweep's value for a parameter means: a list, range, span, distribution or one value.

    Raises:
        ConfigError: It is empty, or none of these.
    """
    if isinstance(given, Span):
        if given.step is not None or (given.is_whole and not given.log):
            return _listed(name, given.values())
        return Axis(name, None, given.quantile, given)
    if isinstance(given, _SINGLE):
        return _listed(name, (_plain(given),))
    ppf = getattr(given, "ppf", None)
    if callable(ppf):  # a frozen distribution of scipy.stats
        return Axis(name, None, lambda share: _plain(ppf(share)), given)
    if isinstance(given, range):
        return _listed(name, given)
    if isinstance(given, list | tuple | np.ndarray) and np.ndim(_as_array(given)) == 1:
        return _listed(name, [_plain(value) for value in given])
    kind = type(given).__name__
    raise ConfigError(f"{name}={_short(given)} is a {kind}; give a list, a range, ob.span(...) or one value")


def _listed(name: str, values: Sequence[Any]) -> Axis:
    try:
        count = len(values)
    except OverflowError:
        raise ConfigError(f"{name} has more values than can be counted; take wider steps") from None
    if not count:
        raise ConfigError(f"{name}={_short(values)}: there is no value in it to try")
    return Axis(name, values, lambda share: values[min(int(share * count), count - 1)])


def check_distinct(name: str, values: Iterable[Any]) -> None:
    """Refuse values of which two are the same.

    Raises:
        ConfigError: Two are; the first that comes again is named.
    """
    seen = set()
    for value in values:
        key = (type(value), repr(value))
        if key in seen:
            raise ConfigError(f"{name}: {value!r} is there twice; leave one out")
        seen.add(key)


def _number(value: Any) -> float:
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _as_array(given: Any) -> Any:
    """Return a numpy array as it is; a list counts as flat, whatever is in it."""
    return given if isinstance(given, np.ndarray) else np.empty(len(given))


def _plain(value: Any) -> Any:
    """Return numpy's scalars, and numbers of other libraries, as Python's."""
    return value.item() if isinstance(value, np.generic | np.ndarray) and np.ndim(value) == 0 else value


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."
