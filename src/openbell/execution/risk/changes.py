"""Changes of limits while they hold: which loosen, and which cannot count before the next session."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

from openbell.execution.risk.limits import SECTIONS, Risk

#: Where more binds more: a time that must pass, an age that is allowed for nothing else.
_MORE_IS_TIGHTER = frozenset({"order.duplicate_seconds", "order.opening_minutes", "order.closing_minutes"})
#: Flags that bind when they are set; any other does when it is not.
_BINDING = frozenset({"order.reduce_only", "order.in_session", "operation.stop", "enforce"})
#: What needs more than the limits: returns of the past, a stream of quotes.
_PREPARED = frozenset({
    "portfolio.max_var", "portfolio.max_cvar", "portfolio.max_beta", "portfolio.max_correlation",
    "operation.max_spread_bps",
})  # fmt: skip
#: What the names of bounds have in them: less binds more.
_BOUNDS = (".max_", ".times_", ".drawdown_", ".collar", ".stale_")
_NEXT = frozenset({"portfolio.asset_classes", "portfolio.credit_closing"})


class Changed(NamedTuple):
    """One value of the limits that is another now."""

    name: str  #: such as `order.max_quantity`
    before: Any
    after: Any

    @property
    def waits(self) -> bool:
        """Tell whether it cannot count before the next session."""
        unprepared = self.name in _PREPARED and self.before is None
        return self.name.startswith("model.") or self.name in _NEXT or unprepared

    @property
    def loosens(self) -> bool:
        """Tell whether it may let through what was held back; what is not known to bind more does."""
        name, before, after = self
        if name in _BINDING:
            return bool(before)
        if before is None:
            return name.startswith("exits.")  # exits of its own are no bound
        return after is None or not self._binds_more

    @property
    def _binds_more(self) -> bool:
        name, before, after = self
        if name == "order.restricted":
            return set(before) <= set(after)
        if name == "order.allowed":
            return bool(after) and (not before or set(after) <= set(before))
        if name in _MORE_IS_TIGHTER:
            return bool(after > before)
        return any(one in name for one in _BOUNDS) and bool(after < before)

    def __str__(self) -> str:
        return f"{self.name} {_said(self.before)} -> {_said(self.after)}"


def changes_of(before: Risk, after: Risk) -> Iterator[Changed]:
    """Yield what differs between limits, by name."""
    for section in SECTIONS:
        was, now = getattr(before, section), getattr(after, section)
        for field in dataclasses.fields(was):
            one = Changed(f"{section}.{field.name}", getattr(was, field.name), getattr(now, field.name))
            if one.before != one.after:
                yield one
    for flag in ("enforce", "cut"):
        one = Changed(flag, getattr(before, flag), getattr(after, flag))
        if one.before != one.after:
            yield one


def _said(value: Any) -> str:
    return "none" if value is None else str(value)
