"""What a backtest is told, read as it is meant or refused in one line that names the setting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from openbell.core.costs import Commission, Costs, Margin, Slippage
from openbell.core.errors import ConfigError, nearest
from openbell.core.inputs import flag, real, shown, takes, whole
from openbell.core.ports import Sizer
from openbell.data.bars import Series
from openbell.data.universe import Universe
from openbell.execution.risk.limits import Risk

T = TypeVar("T")

#: float64 keeps cents up to here.
MOST_CASH = 1e13

_DATA = "a symbol, a list of symbols, a DataFrame, {'AAPL': DataFrame} or series of ob.from_frame"


def cash_of(value: object) -> float:
    """Return what an account begins with.

    Raises:
        ConfigError: It is no number above zero, or so much that cents do not count.
    """
    cash = real(value)
    if math.isnan(cash):
        raise ConfigError(f"cash={shown(value)} must be a number, more than zero")
    if cash <= 0:
        raise ConfigError(f"cash={shown(value)} must be more than zero")
    if cash > MOST_CASH:
        raise ConfigError(f"cash={shown(value)} must be at most {MOST_CASH:g}, where cents still count")
    return cash


def count_of(name: str, value: object) -> int:
    """Return a whole number, zero or more.

    Raises:
        ConfigError: It is none, or less than zero.
    """
    number = whole(value)
    if number is None or number < 0:
        raise ConfigError(f"{name}={shown(value)} must be a whole number, zero or more")
    return number


def flag_of(name: str, value: object) -> bool:
    """Return a yes or no.

    Raises:
        ConfigError: It is neither.
    """
    answer = flag(value)
    if answer is None:
        raise ConfigError(f"{name}={shown(value)} must be True or False")
    return answer


def text_of(name: str, value: object, *, such_as: str) -> str:
    """Return a text.

    Raises:
        ConfigError: It is none; `such_as` says how it is written.
    """
    if not isinstance(value, str):
        raise ConfigError(f"{name}={shown(value)} must be text, such as {such_as}")
    return value


def parameters_of(value: object) -> dict[str, Any]:
    """Return a strategy's parameters by name, numpy's numbers as Python's own, so that they can be kept.

    Raises:
        ConfigError: It is no mapping of names.
    """
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"parameters={shown(value)} must be a mapping of names to values: {{'fast': 10}}")
    return {name: _plain(given) for name, given in value.items()}


def _plain(value: Any) -> Any:
    """Return a number that JSON does not know as one that it knows, and all else as it is."""
    if isinstance(value, Decimal | Fraction):
        return float(value)
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def costs_of(value: object) -> Costs:
    """Return costs.

    Raises:
        ConfigError: They are none, or a part of them is of another kind.
    """
    if not isinstance(value, Costs):
        raise ConfigError(f"costs={shown(value)} must be ob.Costs(...); without any, ob.NO_COSTS")
    for name, kind in (("commission", Commission), ("slippage", Slippage), ("margin", Margin)):
        part = getattr(value, name)
        if not isinstance(part, kind):
            raise ConfigError(f"costs.{name}={shown(part)} must be ob.{kind.__name__}(...)")
    return value


def risk_of(value: object, symbols: Sequence[str]) -> Risk:
    """Return limits of risk.

    Raises:
        ConfigError: They are none, or measure beta against a symbol that is not traded.
    """
    if not isinstance(value, Risk):
        raise ConfigError(f"risk={shown(value)} must be ob.Risk(...), such as ob.STANDARD_RISK")
    if value.model.benchmark:
        check_traded("risk.model.benchmark", [value.model.benchmark], symbols)
    return value


def sizer_of(value: Any) -> Sizer:
    """Return a sizer.

    Raises:
        ConfigError: It is none: an object whose `size` can be called as the engine does.
    """
    inform, size = getattr(value, "size_in", None), getattr(value, "size", None)
    if isinstance(value, type) or not (callable(size) or callable(inform)):
        raise ConfigError(f"sizer={shown(value)} must be one such as ob.ShareOfEquity(0.95)")
    if inform is not None:
        if not (callable(inform) and takes(inform, 1.0, None)):
            raise ConfigError(f"sizer={shown(value)}: its size_in must take (conviction, situation)")
    elif not takes(value.size, 1.0, instrument=None, price=1.0, equity=1.0):
        raise ConfigError(
            f"sizer={shown(value)}: its size must take (conviction, *, instrument, price, equity)"
        )
    made: Sizer = value
    return made


def records_of(name: str, value: object, kind: type[T], *, such_as: str) -> tuple[T, ...]:
    """Return a sequence of records of one kind.

    Raises:
        ConfigError: It is no sequence, or one of them is of another kind.
    """
    if not isinstance(value, Iterable) or isinstance(value, str | Mapping):
        raise ConfigError(f"{name}={shown(value)} must be a list, such as [{such_as}]")
    found = tuple(value)
    for at, record in enumerate(found):
        if not isinstance(record, kind):
            raise ConfigError(f"{name}[{at}]={shown(record)} must be one such as {such_as}")
    return found


def check_traded(name: str, symbols: Iterable[str], traded: Sequence[str]) -> None:
    """Make sure that what is given by symbol belongs to what is traded.

    Raises:
        ConfigError: One does not, and would be passed over.
    """
    for symbol in symbols:
        if symbol not in traded:
            raise ConfigError(
                f"{name}: {shown(symbol)} is not traded in this run{nearest(str(symbol), traded)}"
            )


def progress_of(value: Any) -> Callable[[int, int], object] | None:
    """Return what is called with the progress.

    Raises:
        ConfigError: It cannot be called with (done, of how many).
    """
    if value is not None and not (callable(value) and takes(value, 0, 1)):
        raise ConfigError(f"progress={shown(value)} must be a function of (moments done, moments in all)")
    progress: Callable[[int, int], object] | None = value
    return progress


def check_date(name: str, value: object) -> None:
    """Refuse pandas' NaT, which is a datetime and none; all else is read where dates are.

    Raises:
        ConfigError: It is NaT.
    """
    if isinstance(value, date) and value != value:  # noqa: PLR0124  # NaT alone is not itself
        raise ConfigError(f"{name}=NaT is no date; leave it out, or write it as '2005-01-31'")


def check_data(data: Any) -> None:
    """Make sure that data are of a kind that can be traded.

    Raises:
        ConfigError: They are none; names the item that is not.
    """
    if data is None or (isinstance(data, str | Sequence | Mapping) and not len(data)):
        raise ConfigError(f"data={shown(data)} names nothing to trade; give {_DATA}")
    if isinstance(data, Mapping):
        for symbol in data:
            if not isinstance(symbol, str) or not symbol.strip():
                raise ConfigError(f"data: the key {shown(symbol)} must be a symbol, as text")
    elif isinstance(data, set | frozenset):
        raise ConfigError(f"data={shown(data)} is a set, which has no order; give sorted(...) of it")
    elif isinstance(data, Sequence) and not isinstance(data, str | bytes):
        _check_items(data)
    elif not (isinstance(data, str | Series | Universe) or hasattr(data, "columns")):
        raise ConfigError(f"data={_named(data)} must be {_DATA}")


def _check_items(data: Sequence[Any]) -> None:
    ways = {str: "a symbol, as text", Series: "a series of ob.from_frame"}
    kind = next((kind for kind in ways if isinstance(data[0], kind)), None)
    expected = " or ".join(ways.values()) if kind is None else f"{ways[kind]}, like the first"
    for at, item in enumerate(data):
        if kind is not None and isinstance(item, kind):
            continue
        if hasattr(item, "columns"):
            raise ConfigError(f"data[{at}] is a table without its symbol; give {{'AAPL': table}}")
        raise ConfigError(f"data[{at}]={_named(item)} must be {expected}")


def _named(item: object) -> str:
    """Return an item as a message shows it: what holds many prices by its type."""
    if isinstance(item, Series):
        return f"the series of {item.symbol}"
    if getattr(item, "ndim", 0):
        return f"a {type(item).__module__.partition('.')[0]}.{type(item).__name__}"
    return shown(item)
