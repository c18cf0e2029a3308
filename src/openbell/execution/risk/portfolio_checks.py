"""The checks of all positions together, after the order."""

from __future__ import annotations

import math
from collections.abc import Iterator

from openbell.core.types import Reason
from openbell.execution.risk.check import Check, Measure
from openbell.execution.risk.limits import (
    PortfolioLimits,
    RiskModel,
)
from openbell.execution.risk.trial import Trial


def portfolio_checks(limits: PortfolioLimits, model: RiskModel) -> Iterator[Check]:
    """Yield the checks of all positions together, after the order."""
    if limits.drawdown_halt is not None:
        yield Check(
            Reason.DRAWDOWN,
            lambda t: t.scene.pulse.halted,
            0.0,
            "trading was halted after a drawdown",
            "flag",
        )
    drops: tuple[tuple[Reason, float | None, Measure, str], ...] = (
        (
            Reason.DRAWDOWN, limits.drawdown_reduce, lambda t: t.scene.drawdown,
            "fall from the highest equity",
        ),
        (
            Reason.DAILY_LOSS,
            limits.max_daily_loss,
            lambda t: t.scene.daily_loss,
            "loss since the session before",
        ),
    )  # fmt: skip
    for limit, bound, measure, label in drops:
        if bound is not None:
            yield Check(limit, measure, bound, label, "share")
    if limits.max_turnover is not None:
        yield Check(
            Reason.TURNOVER, lambda t: t.share(t.scene.pulse.traded + t.value), limits.max_turnover,
            "traded in the session, of equity", "share",
        )  # fmt: skip
    if limits.max_positions is not None:
        yield Check(
            Reason.POSITION_COUNT, _positions, limits.max_positions, "positions", before=_positions_now
        )
    yield from _exposure_checks(limits)
    yield from _group_checks(limits)
    yield from _model_checks(limits, model)


def _exposure_checks(limits: PortfolioLimits) -> Iterator[Check]:
    if limits.max_gross is not None:
        yield Check(
            Reason.GROSS_EXPOSURE, _gross, limits.max_gross, "gross exposure", "money",
            before=lambda t: t.scene.book.gross,
        )  # fmt: skip
    if limits.max_leverage is not None:
        yield Check(
            Reason.LEVERAGE, lambda t: t.share(_gross(t)), limits.max_leverage, "leverage", "times",
            before=lambda t: t.share(t.scene.book.gross),
        )  # fmt: skip
    if limits.max_net is not None:
        yield Check(
            Reason.NET_EXPOSURE, lambda t: t.share(_net(t)), limits.max_net, "net exposure, of equity",
            "share", before=lambda t: t.share(max(t.scene.book.above, -t.scene.book.below)),
        )  # fmt: skip
    if limits.max_concentration is not None:
        count = limits.largest
        yield Check(
            Reason.CONCENTRATION,
            lambda t: t.share(t.scene.book.largest(count, instead=t.was, reach=t.reach)),
            limits.max_concentration,
            f"the {count} largest positions, of equity",
            "share",
            before=lambda t: t.share(t.scene.book.largest(count)),
        )


def _group_checks(limits: PortfolioLimits) -> Iterator[Check]:
    if limits.max_sector is not None:
        yield Check(
            Reason.SECTOR, lambda t: t.share(_sector(t, t.reach)), limits.max_sector, "its sector, of equity",
            "share", before=lambda t: t.share(_sector(t, t.was)),
        )  # fmt: skip
    if limits.max_asset_class is not None:
        yield Check(
            Reason.ASSET_CLASS, lambda t: t.share(_group(t, t.reach)), limits.max_asset_class,
            "its asset class, of equity", "share", before=lambda t: t.share(_group(t, t.was)),
        )  # fmt: skip


def _model_checks(limits: PortfolioLimits, model: RiskModel) -> Iterator[Check]:
    missing = 0.0 if model.unknown == "pass" else math.nan

    def known(measure: Measure) -> Measure:
        def of(trial: Trial) -> float:
            return missing if trial.forecast is None else measure(trial)

        return of

    rows: tuple[tuple[Reason, float | None, Measure, str, Measure | None], ...] = (
        (Reason.CORRELATION, limits.max_correlation, _correlation, "correlation with the book", None),
        (
            Reason.BETA, limits.max_beta, lambda t: abs(_beta(t, t.change)),
            "beta", lambda t: abs(_beta(t, 0.0)),
        ),
        (
            Reason.VALUE_AT_RISK, limits.max_var, lambda t: t.share(t.tail.var),
            "value at risk, of equity", _var_now,
        ),
        (
            Reason.EXPECTED_SHORTFALL, limits.max_cvar, lambda t: t.share(t.tail.cvar),
            "expected shortfall, of equity", _cvar_now,
        ),
    )  # fmt: skip
    for limit, bound, measure, label, before in rows:
        if bound is not None:
            unit = "times" if limit in (Reason.CORRELATION, Reason.BETA) else "share"
            yield Check(limit, known(measure), bound, label, unit, before)


def _gross(trial: Trial) -> float:
    return trial.scene.book.gross + trial.reach - trial.was


def _net(trial: Trial) -> float:
    book, slot, span = trial.scene.book, trial.slot, trial.span
    above = book.above + (span.high - slot.high) * slot.price
    below = book.below + (span.low - slot.low) * slot.price
    return max(above, -below)


def _positions(trial: Trial) -> float:
    return trial.scene.book.positions + (trial.reach > 0.0) - (trial.was > 0.0)


def _positions_now(trial: Trial) -> float:
    return trial.scene.book.positions


def _sector(trial: Trial, reach: float) -> float:
    slot = trial.slot
    if not slot.sector:
        return 0.0  # nobody has said which
    return trial.scene.book.sectors.get(slot.sector, 0.0) + reach - trial.was


def _group(trial: Trial, reach: float) -> float:
    slot = trial.slot
    return trial.scene.book.groups.get(slot.group, 0.0) + reach - trial.was


def _correlation(trial: Trial) -> float:
    forecast = trial.forecast
    return 0.0 if forecast is None else forecast.correlation(trial.at, trial.order.side)


def _beta(trial: Trial, change: float) -> float:
    forecast = trial.forecast
    return 0.0 if forecast is None else trial.share(forecast.beta(trial.at, change))


def _var_now(trial: Trial) -> float:
    forecast = trial.forecast
    return 0.0 if forecast is None else trial.share(forecast.tail().var)


def _cvar_now(trial: Trial) -> float:
    forecast = trial.forecast
    return 0.0 if forecast is None else trial.share(forecast.tail().cvar)
