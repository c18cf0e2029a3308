"""What a sizer's settings must be."""

from __future__ import annotations

import math
from collections.abc import Sequence

from openbell.core.errors import ConfigError, nearest


def check_positive(name: str, value: object) -> None:
    """Make sure that a setting is a positive number.

    Raises:
        ConfigError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(f"sizing.{name}={value!r} must be a positive number")


def check_share(name: str, value: object, *, zero: bool = False) -> None:
    """Make sure that a setting is a share: above 0 (or `zero`) and below 1.

    Raises:
        ConfigError: It is not.
    """
    number = not isinstance(value, bool) and isinstance(value, int | float)
    if not (number and 0 <= value < 1 and (zero or value > 0)):  # type: ignore[operator]  # a number, just seen
        bounds = "0 or more and below 1" if zero else "above 0 and below 1"
        raise ConfigError(f"sizing.{name}={value!r} must be {bounds} (0.01 is 1 %)")


def check_count(name: str, value: object, *, least: int) -> None:
    """Make sure that a setting is a whole number.

    Raises:
        ConfigError: It is none, or less than `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"sizing.{name}={value!r} must be a whole number, {least} or more")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Make sure that a setting is one of some names.

    Raises:
        ConfigError: It is none; the nearest is offered.
    """
    if value not in choices:
        raise ConfigError(f"sizing.{name}={value!r} is unknown{nearest(str(value), choices)}")
