"""The checks of an order by itself: its size, its price, its time, and what was sent before."""

from __future__ import annotations

from collections.abc import Iterator

from openbell.core.types import NANOS_PER_SECOND, Reason
from openbell.execution.risk.check import Check, Measure
from openbell.execution.risk.limits import (
    OrderLimits,
    RiskModel,
)
from openbell.execution.risk.trial import Trial
from openbell.execution.risk.volume import average_volume, ratio


def collar_check(limits: OrderLimits) -> Check | None:
    """Return the one check that orders pass too which only close: a price is a slip there as anywhere."""
    if limits.collar is None:
        return None
    return Check(Reason.PRICE_COLLAR, _collar, limits.collar, "distance from the last price", "share")


def order_checks(limits: OrderLimits, model: RiskModel) -> Iterator[Check]:
    """Yield the checks of an order by itself."""
    if limits.reduce_only:
        yield Check(Reason.REDUCE_ONLY_MODE, lambda t: t.opens, 0.0, "shares that it opens")
    if limits.restricted:
        listed = frozenset(limits.restricted)
        yield Check(
            Reason.RESTRICTED_SYMBOL, lambda t: t.order.symbol in listed, 0.0, "restricted symbol", "flag"
        )
    if limits.allowed:
        fine = frozenset(limits.allowed)
        yield Check(
            Reason.RESTRICTED_SYMBOL, lambda t: t.order.symbol not in fine, 0.0, "symbol not allowed", "flag"
        )
    if limits.in_session or limits.opening_minutes is not None or limits.closing_minutes is not None:
        yield Check(Reason.TRADING_HOURS, _hours(limits), 0.0, "outside of the hours", "flag")
    if limits.max_quantity is not None:
        yield Check(Reason.ORDER_QUANTITY, lambda t: t.quantity, limits.max_quantity, "shares")
    if limits.max_notional is not None:
        yield Check(Reason.ORDER_NOTIONAL, lambda t: t.value, limits.max_notional, "value", "money")
    collar = collar_check(limits)
    if collar is not None:
        yield collar
    yield from _rate_checks(limits)
    yield from _fat_fingers(limits, model)


def _rate_checks(limits: OrderLimits) -> Iterator[Check]:
    if limits.duplicate_seconds is not None:
        nanos = int(limits.duplicate_seconds * NANOS_PER_SECOND)
        yield Check(
            Reason.DUPLICATE_ORDER,
            lambda t: t.scene.pulse.is_repeated(t.order, t.scene.time, nanos),
            0.0,
            "sent a moment before",
            "flag",
        )
    if limits.max_per_minute is not None:
        yield Check(
            Reason.ORDER_RATE,
            lambda t: t.scene.pulse.sent_in_minute(t.scene.time) + 1,
            limits.max_per_minute,
            "orders in a minute",
        )
    if limits.max_per_session is not None:
        yield Check(
            Reason.ORDER_RATE,
            lambda t: t.scene.pulse.sent_in_session + 1,
            limits.max_per_session,
            "orders in a session",
        )


def _fat_fingers(limits: OrderLimits, model: RiskModel) -> Iterator[Check]:
    if limits.times_average_order is not None:
        yield Check(
            Reason.FAT_FINGER, _times_average, limits.times_average_order, "times the average order", "times"
        )
    if limits.times_average_volume is not None:
        width = model.volume_window
        yield Check(
            Reason.FAT_FINGER,
            lambda t: ratio(t.quantity, average_volume(t, width)),
            limits.times_average_volume,
            "times the average volume",
            "times",
        )


def _collar(trial: Trial) -> float:
    """Return how much worse than the last price an order may fill, as a share of it: no price is no limit."""
    order = trial.order
    if order.limit != order.limit or order.parent:  # NaN
        return 0.0
    return order.side * (order.limit / trial.slot.price - 1.0)


def _hours(limits: OrderLimits) -> Measure:
    opening, closing = limits.opening_minutes or 0.0, limits.closing_minutes or 0.0

    def measure(trial: Trial) -> float:
        minutes = trial.scene.pulse.minutes(trial.scene.time)
        if minutes is None:
            return limits.in_session
        since, until = minutes
        return (0.0 < since < opening) or (0.0 < until < closing)

    return measure


def _times_average(trial: Trial) -> float:
    average = trial.scene.pulse.average_value()
    return trial.value / average if average > 0.0 else 0.0
