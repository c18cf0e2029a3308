"""The checks of what would be held of the order's symbol."""

from __future__ import annotations

from collections.abc import Iterator

from openbell.core.types import Reason
from openbell.execution.risk.check import Check
from openbell.execution.risk.limits import (
    PositionLimits,
    RiskModel,
)
from openbell.execution.risk.trial import Trial
from openbell.execution.risk.volume import average_volume, ratio


def position_checks(limits: PositionLimits, model: RiskModel) -> Iterator[Check]:
    """Yield the checks of what would be held of the order's symbol."""
    if limits.max_quantity is not None:
        yield Check(
            Reason.POSITION_QUANTITY, lambda t: t.shares, limits.max_quantity, "shares held",
            before=lambda t: t.shares_before,
        )  # fmt: skip
    if limits.max_notional is not None:
        yield Check(
            Reason.POSITION_NOTIONAL, lambda t: t.reach, limits.max_notional, "value held", "money",
            before=lambda t: t.was,
        )  # fmt: skip
    if limits.max_share is not None:
        yield Check(
            Reason.POSITION_SHARE, lambda t: t.share(t.reach), limits.max_share, "share of equity", "share",
            before=lambda t: t.share(t.was),
        )  # fmt: skip
    if limits.max_short_notional is not None:
        yield Check(
            Reason.SHORT_LIMIT, lambda t: t.short, limits.max_short_notional, "value held short", "money",
            before=lambda t: t.short_before,
        )  # fmt: skip
    if limits.max_short_share is not None:
        yield Check(
            Reason.SHORT_LIMIT, lambda t: t.share(_shorts(t)), limits.max_short_share,
            "shorts' share of equity", "share", before=lambda t: t.share(t.scene.book.shorts),
        )  # fmt: skip
    yield from _liquidity_checks(limits, model)


def _liquidity_checks(limits: PositionLimits, model: RiskModel) -> Iterator[Check]:
    width, part = model.volume_window, limits.participation
    if limits.max_volume_share is not None:
        yield Check(
            Reason.LIQUIDITY,
            lambda t: ratio(t.shares, average_volume(t, width)),
            limits.max_volume_share,
            "share of the average volume",
            "share",
        )
    if limits.max_exit_days is not None:
        yield Check(
            Reason.DAYS_TO_EXIT,
            lambda t: ratio(t.shares, part * average_volume(t, width) * _bars_a_session(t)),
            limits.max_exit_days,
            "sessions to close it",
            "times",
        )


def _bars_a_session(trial: Trial) -> float:
    track = trial.track
    at = track.cursor.at
    length = track.known[at] - track.start[at]
    return max(trial.scene.pulse.session_length(trial.scene.time) / length, 1.0) if length > 0 else 1.0


def _shorts(trial: Trial) -> float:
    if trial.span.low >= 0.0 and trial.slot.low >= 0.0:
        return trial.scene.book.shorts
    return trial.scene.book.shorts + trial.short - trial.short_before
