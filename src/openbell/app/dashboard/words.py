"""Values as a trader reads them."""

from __future__ import annotations

from openbell.core.market import as_datetime
from openbell.trading.pulse import spell_age


def money(value: float) -> str:
    """Return an amount, such as `1,234.50`."""
    return f"{value:,.2f}"


def change(value: float) -> str:
    """Return an amount with its sign, such as `+12.00`."""
    return f"{value:+,.2f}"


def share(value: float | None, *, signed: bool = False) -> str:
    """Return a share in percent; nothing where it is not known."""
    if value is None:
        return "–"
    return f"{100 * value:+.1f}%" if signed else f"{100 * value:.1f}%"


def number(value: float | None) -> str:
    """Return a figure with two places; nothing where it is not known."""
    return "–" if value is None else f"{value:,.2f}"


def when(nanos: int) -> str:
    """Return a time in UTC; nothing for none."""
    return f"{as_datetime(nanos):%Y-%m-%d %H:%M:%S}Z" if nanos else ""


def age(seconds: float | None) -> str:
    """Return how long ago something was, such as `0.4 s` or `3 h`; a dash where it is not known."""
    return "–" if seconds is None else spell_age(seconds)


def quick(seconds: float) -> str:
    """Return how long something took, such as `1.2 ms`."""
    return f"{1e3 * seconds:.2f} ms" if seconds < 1.0 else f"{seconds:.2f} s"
