"""The fields of limits, read as they are meant or refused in one line that names the limit."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from openbell.core.errors import ConfigError
from openbell.core.inputs import flag, real, shown, whole


def check(
    record: Any,
    section: str,
    *,
    shares: Iterable[str] = (),
    zero: Iterable[str] = (),
    symbols: Iterable[str] = (),
    mappings: Iterable[str] = (),
) -> None:
    """Read a record's fields as they are meant, or refuse the first that is out of bounds.

    Args:
        record: A dataclass, frozen.
        section: What messages call it.
        shares: Numbers of at most 1.
        zero: Numbers that may be 0.
        symbols: Tuples of text.
        mappings: Mappings of text to text.
    """
    for one in dataclasses.fields(record):
        place, value = f"{section}.{one.name}", getattr(record, one.name)
        if value is None and one.default is None:
            continue
        if one.name in symbols:
            made: Any = _texts(place, value)
        elif one.name in mappings:
            made = _mapping(place, value)
        elif str(one.type) == "bool":
            made = flag(value)
            if made is None:
                raise ConfigError(f"{place}={shown(value)} must be true or false")
        elif str(one.type) == "str":
            if not isinstance(value, str):
                raise ConfigError(f"{place}={shown(value)} must be text")
            made = value
        else:
            made = _number(place, value, kind=str(one.type), zero=one.name in zero, share=one.name in shares)
        object.__setattr__(record, one.name, made)


def _number(place: str, value: object, *, kind: str, zero: bool, share: bool) -> float:
    number = whole(value) if kind.startswith("int") else real(value)
    if number is None:
        raise ConfigError(f"{place}={shown(value)} must be a whole number")
    low = number >= 0.0 if zero else number > 0.0
    if not (low and number < math.inf):
        least = "zero or more" if zero else "more than zero"
        raise ConfigError(f"{place}={shown(value)} must be a number, {least}")
    if share and number > 1.0:
        raise ConfigError(f"{place}={shown(value)} must be at most 1 (0.05 is 5 %)")
    return number


def _texts(place: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(f"{place}={shown(value)} must be a list of names")
    made = tuple(value)
    if not all(isinstance(one, str) and one.strip() for one in made):
        raise ConfigError(f"{place}={shown(value)} must be a list of names, none of them empty")
    return made


def _mapping(place: str, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for pair in value.items() for part in pair
    ):
        raise ConfigError(f"{place}={shown(value)} must be a mapping of symbols to names")
    return dict(value)
