"""TA-Lib by name, any array function of the user's, over whole arrays and bar by bar.

`SMA(10)`, `BBANDS(20).upperband`, `indicator(function, "close", window=20)` and `field("close")` make
recipes. `compute` turns a recipe and columns into arrays, `open_stream` follows it bar by bar, and
`leak` tests it for look-ahead. TA-Lib itself is imported when a value is first computed.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING

from openbell.indicators.batch import compute, leak, lookback
from openbell.indicators.spec import Indicator, Value, field, hint_for, indicator, make
from openbell.indicators.streaming import Stream, open_stream
from openbell.indicators.table import TABLE, Function, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "TABLE",
    "Function",
    "Indicator",
    "Parameter",
    "Stream",
    "compute",
    "field",
    "indicator",
    "leak",
    "lookback",
    "make",
    "open_stream",
]


def __getattr__(name: str) -> Callable[..., Indicator]:
    """Return the factory of a TA-Lib function: `indicators.SMA`."""
    if name in TABLE:
        return _factory(name)
    hint = "" if name.startswith("_") else hint_for(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted([*globals(), *TABLE])


@cache
def _factory(name: str) -> Callable[..., Indicator]:
    """Return `make` for one name, with the signature and the text that `help` shows."""
    function = TABLE[name]

    def build(*args: Value, **kwargs: Value) -> Indicator:
        return make(name, *args, **kwargs)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = (
        f"{function.title}, on {', '.join(function.inputs)}.\n\n"
        f"Outputs: {', '.join(function.outputs)}. Memory: {function.memory}."
    )
    build.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(p.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=p.default)
            for p in function.parameters
        ]
    )
    return build
