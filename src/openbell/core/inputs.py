"""What a caller typed: read as it is meant, or shown in the line that refuses it.

A number is what counts as one: Python's own, a `Decimal`, a `Fraction`, a number of numpy's or an array
of it without dimensions. Text, flags, None and longer arrays are none, whatever `float()` makes of them.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable
from decimal import Decimal
from numbers import Real
from typing import Any

#: A value is shown with this many characters at most.
_WIDTH = 60


def real(value: object) -> float:
    """Return a number as a float; NaN for what is none."""
    if value.__class__ is float:
        return value
    kind = _kind(value)
    if not (kind in "iuf" if kind else isinstance(value, Real | Decimal) and not isinstance(value, bool)):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]  # a number of some kind
    except OverflowError:
        return math.inf
    except ValueError:  # Decimal's signalling NaN
        return math.nan


def whole(value: object) -> int | None:
    """Return a whole number; None for what is none. A flag and 2.0 are none."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        return None


def flag(value: object) -> bool | None:
    """Return a flag, Python's or numpy's; None for what is none."""
    if isinstance(value, bool):
        return value
    return bool(value) if _kind(value) == "b" else None


def shown(value: object) -> str:
    """Return a value as a message shows it: in one line, cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def takes(function: Callable[..., Any], *values: object, **named: object) -> bool:
    """Tell whether a function can be called like this; one that does not tell its arguments may."""
    try:
        inspect.signature(function).bind(*values, **named)
    except TypeError:
        return False
    except ValueError:  # compiled, and without a signature
        return True
    return True


def _kind(value: object) -> str:
    """Return the letter of numpy's kind of a scalar, `-` for a longer array, nothing for what is neither."""
    kind: str = getattr(getattr(value, "dtype", None), "kind", "")
    return kind if not kind or getattr(value, "ndim", 1) == 0 else "-"
