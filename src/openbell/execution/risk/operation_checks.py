"""The checks of the machinery: data, quotes, broker, clock, and the emergency stop."""

from __future__ import annotations

from collections.abc import Iterator

from openbell.core.types import NANOS_PER_SECOND, Reason
from openbell.execution.risk.check import Check, Measure
from openbell.execution.risk.limits import OperationLimits
from openbell.execution.risk.trial import Trial


def operation_checks(limits: OperationLimits) -> Iterator[Check]:
    """Yield the checks of the machinery; halts, disagreements and the emergency stop are always looked at."""
    if limits.stop:
        yield Check(Reason.EMERGENCY_STOP, lambda _: True, 0.0, "emergency stop", "flag")
    flags: tuple[tuple[Reason, Measure, str], ...] = (
        (Reason.EMERGENCY_STOP, lambda t: t.scene.conditions.stop, "emergency stop"),
        (Reason.HALTED_SYMBOL, lambda t: t.order.symbol in t.scene.conditions.halted, "halted symbol"),
        (
            Reason.BROKER_DISAGREES, lambda t: bool(t.scene.conditions.disagreement),
            "disagreement with the broker",
        ),
        (
            Reason.PRICE_BAND, lambda t: t.scene.conditions.is_outside(t.order.symbol, t.price),
            "its price is at or beyond limit up or limit down",
        ),
    )  # fmt: skip
    for limit, measure, label in flags:
        yield Check(limit, measure, 0.0, label, "flag", live=True)
    rows: tuple[tuple[Reason, float | None, Measure, str], ...] = (
        (Reason.STALE_DATA, limits.stale_seconds, _age, "seconds since the last bar"),
        (Reason.SPREAD, limits.max_spread_bps, _spread, "basis points of spread"),
        (Reason.CLOCK_SKEW, limits.max_clock_skew, _skew, "seconds of clock skew"),
        (Reason.ERROR_RATE, limits.max_errors_per_minute, _errors, "errors in a minute"),
    )
    for limit, bound, measure, label in rows:
        if bound is not None:
            yield Check(limit, measure, bound, label, live=limit is not Reason.STALE_DATA)


def _age(trial: Trial) -> float:
    track = trial.track
    at = track.cursor.at
    now = max(trial.scene.time, trial.scene.conditions.now)
    return (now - track.known[at]) / NANOS_PER_SECOND if at >= 0 else 0.0


def _spread(trial: Trial) -> float:
    return trial.scene.conditions.spread_bps(trial.order.symbol)


def _skew(trial: Trial) -> float:
    return abs(trial.scene.conditions.clock_skew)


def _errors(trial: Trial) -> float:
    return trial.scene.conditions.errors(trial.scene.time)
