"""The checks that a gate's limits make: for orders that open, for quiet times, for orders that close."""

from __future__ import annotations

from collections.abc import Sequence

from openbell.core.types import Reason
from openbell.execution.risk.check import Check, Measure
from openbell.execution.risk.limits import Risk
from openbell.execution.risk.measures import checks_of
from openbell.execution.risk.order_checks import collar_check

HAIR = 1e-9  #: a bound is reached, not passed, by what differs in the last bits

#: A check with what every order asks of it at hand: its measure, and the most that it may be.
Row = tuple[Measure, float, Check]


#: What an order is held against once, when it is sent, and not again when it has waited.
_ONCE = (Reason.DUPLICATE_ORDER, Reason.ORDER_RATE, Reason.FAT_FINGER, Reason.TURNOVER)


class Checks:
    """What orders are held against. It follows from the limits, and is kept as them."""

    __slots__ = ("_risk", "again", "closing", "every", "quiet")

    def __init__(self, risk: Risk) -> None:
        self._risk = risk
        self.every: Sequence[Row] = [_row(check) for check in checks_of(risk)]
        #: those that can refuse while nothing is known that could hold an order back beside its market
        self.quiet: Sequence[Row] = [row for row in self.every if not row[2].live]
        #: those of what an order leads to, for one that has waited
        self.again: Sequence[Row] = [row for row in self.every if row[2].limit not in _ONCE]
        collar = collar_check(risk.order)
        self.closing: Sequence[Row] = [] if collar is None else [_row(collar)]

    def of(self, *, closing: bool, again: bool, quiet: bool) -> Sequence[Row]:
        """Return the checks of an order: one that closes, one that has waited, or any other."""
        if closing:
            return self.closing
        if again:
            return self.again
        return self.quiet if quiet else self.every

    def __reduce__(self) -> tuple[type[Checks], tuple[Risk]]:
        return Checks, (self._risk,)


def _row(check: Check) -> Row:
    return check.measure, check.bound + HAIR * abs(check.bound), check
