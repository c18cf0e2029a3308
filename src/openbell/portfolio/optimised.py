"""Weights that need a solver: through skfolio, an extra, which is loaded when it is first asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from openbell.core.errors import ConfigError, StrategyError
from openbell.portfolio.metrics import FloatArray


@dataclass(frozen=True, slots=True)
class Limits:
    """What weights must keep. Shares of what is invested, 1 in all."""

    most: float = 1.0  #: of one symbol
    sectors: Mapping[str, float] = field(default_factory=dict)  #: the most of each sector
    turnover: float = 0.0  #: how far a weight may be from the one that is held; 0 is any

    def __bool__(self) -> bool:
        return self.most < 1.0 or bool(self.sectors) or self.turnover > 0.0


#: Which limits each method can keep.
KEEPS: Mapping[str, tuple[str, ...]] = {
    "minimum_variance": ("most", "sectors", "turnover"),
    "maximum_diversification": ("most", "sectors", "turnover"),
    "mean_cvar": ("most", "sectors", "turnover"),
    "risk_parity": ("most", "sectors"),
    "hierarchical_risk_parity": ("most",),
}


def optimise(
    method: str,
    returns: FloatArray,
    *,
    limits: Limits,
    sectors: Sequence[str],
    held: FloatArray,
    aversion: float = 1.0,
    level: float = 0.95,
) -> FloatArray:
    """Return (n,) weights, long only, adding up to 1, from (periods, n) returns.

    Args:
        method: One of `KEEPS`. Hierarchical risk parity (Lopez de Prado 2016) clusters by Ward's linkage;
            `mean_cvar` maximises `mean - aversion * CVaR` (Rockafellar and Uryasev 2000).
        returns: Simple returns, oldest first.
        limits: What the weights must keep.
        sectors: Of each symbol; empty for none.
        held: The weights that are held, for the turnover.
        aversion: Of `mean_cvar`.
        level: The confidence of its CVaR.

    Raises:
        ConfigError: skfolio is not installed, or the method cannot keep a limit.
        StrategyError: No weights keep the limits.
    """
    _check(method, limits)
    settings: dict[str, Any] = {"max_weights": limits.most}
    if limits.sectors:
        settings |= _by_sector(limits.sectors, sectors)
    if limits.turnover > 0.0:
        settings |= {"max_turnover": limits.turnover, "previous_weights": held}
    model = _model(method, settings, aversion, level)
    from skfolio.exceptions import ConvexOptimizationError

    try:
        model.fit(returns)
    except ConvexOptimizationError as error:
        raise StrategyError(f"{method}: no weights keep {limits}; loosen one of them") from error
    return np.asarray(model.weights_, np.float64)


def _check(method: str, limits: Limits) -> None:
    given = {"most": limits.most < 1.0, "sectors": bool(limits.sectors), "turnover": limits.turnover > 0.0}
    for name in (name for name, used in given.items() if used and name not in KEEPS.get(method, ())):
        able = ", ".join(known for known, kept in KEEPS.items() if name in kept)
        raise ConfigError(f"{method} cannot keep the limit {name}; these can: {able}")


def _model(method: str, settings: dict[str, Any], aversion: float, level: float) -> Any:
    try:
        from skfolio import RiskMeasure, optimization
    except ImportError as error:
        raise ConfigError(
            f'{method} with these limits needs skfolio: pip install "openbell[portfolio]"'
        ) from error
    if method == "hierarchical_risk_parity":
        return optimization.HierarchicalRiskParity(**settings)
    if method == "risk_parity":
        return optimization.RiskBudgeting(**settings)
    if method == "maximum_diversification":
        return optimization.MaximumDiversification(**settings)
    if method == "minimum_variance":
        return optimization.MeanRisk(**settings)
    return optimization.MeanRisk(
        objective_function=optimization.ObjectiveFunction.MAXIMIZE_UTILITY,
        risk_measure=RiskMeasure.CVAR, risk_aversion=aversion, cvar_beta=level, **settings,
    )  # fmt: skip


def _by_sector(limits: Mapping[str, float], sectors: Sequence[str]) -> dict[str, Any]:
    """Return skfolio's settings for limits of sectors, under names that its language can read."""
    names = {sector: f"sector{i}" for i, sector in enumerate(dict.fromkeys([*limits, *sectors]))}
    present = set(sectors)
    return {
        "groups": [[names[sector] for sector in sectors]],
        "linear_constraints": [f"{names[s]} <= {most!r}" for s, most in limits.items() if s in present],
    }
