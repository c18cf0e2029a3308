"""The checks that a gate's limits make: for orders that open, for quiet times, for orders that close."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from openbell.core.orders import Refusal
from openbell.core.types import Reason
from openbell.execution.risk.check import Check, Measure, said
from openbell.execution.risk.limits import Risk
from openbell.execution.risk.measures import checks_of
from openbell.execution.risk.order_checks import collar_check
from openbell.execution.risk.portfolio_checks import portfolio_checks
from openbell.execution.risk.position_checks import position_checks
from openbell.execution.risk.trial import Trial

_HAIR = 1e-9  # a bound is reached, not passed, by what differs in the last bits
_MOST = sys.float_info.max  # without equity every share of it is infinite, and none is fine

#: A check with what every order asks of it at hand: its measure, and the most that it may be.
Row = tuple[Measure, float, Check]


#: What an order is held against once, when it is sent, and not again when it has waited.
_ONCE = (Reason.DUPLICATE_ORDER, Reason.ORDER_RATE, Reason.FAT_FINGER, Reason.TURNOVER)


class Checks:
    """What orders are held against. It follows from the limits, and is kept as them."""

    __slots__ = ("_risk", "account", "again", "closing", "every", "quiet")

    def __init__(self, risk: Risk) -> None:
        self._risk = risk
        self.every: Sequence[Row] = [_row(check) for check in checks_of(risk)]
        #: those that can refuse while nothing is known that could hold an order back beside its market
        self.quiet: Sequence[Row] = [row for row in self.every if not row[2].live]
        #: those of what an order leads to, for one that has waited
        self.again: Sequence[Row] = [row for row in self.every if row[2].limit not in _ONCE]
        together = [
            *position_checks(risk.position, risk.model),
            *portfolio_checks(risk.portfolio, risk.model),
        ]
        #: those of what all strategies of an account lead to together
        self.account: Sequence[Row] = [_row(check) for check in together]
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
    return check.measure, check.bound + _HAIR * abs(check.bound), check


def refuse(rows: Sequence[Row], trial: Trial, whose: str = "") -> Refusal | None:
    """Return why an order does not pass the first check that it fails; None where it passes all.

    One that makes nothing worse passes. `whose` is said of a value that is not the strategy's alone.
    """
    for measure, most, check in rows:
        value = measure(trial)
        if value <= most:
            continue
        if _is_no_worse(check, value, trial):
            continue
        order, text = trial.order, said(check, value, trial.order) + whose
        return Refusal(order.id, check.limit, float(value), float(check.bound), text, trial.scene.time)
    return None


class Reading(NamedTuple):
    """What one check says of an order."""

    limit: Reason
    value: float  #: with the order
    bound: float  #: the most that it may be
    passes: bool
    text: str  #: the same in words


class Hold(Protocol):
    """Holds an order against checks."""

    def __call__(self, rows: Sequence[Row], trial: Trial, whose: str = "", /) -> Refusal | None:
        """Return why it does not pass, or None."""


def read(rows: Sequence[Row], trial: Trial, whose: str = "") -> list[Reading]:
    """Return what every check says of an order, where `refuse` returns the first that it fails."""
    readings = []
    for measure, most, check in rows:
        value = measure(trial)
        passes = value <= most or _is_no_worse(check, value, trial)
        fine = passes and check.unit == "flag"
        text = f"{trial.order.symbol}: {check.label}: no" if fine else said(check, value, trial.order)
        readings.append(Reading(check.limit, float(value), float(check.bound), bool(passes), text + whose))
    return readings


def _is_no_worse(check: Check, value: float, trial: Trial) -> bool:
    """Tell whether a value beyond its bound was that before the order."""
    return check.before is not None and value <= min(check.before(trial) * (1.0 + _HAIR), _MOST)
