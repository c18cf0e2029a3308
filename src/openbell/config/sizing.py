"""The section `sizing`: one model for each way, whose defaults are the sizer's own.

Annotations are evaluated here (no `from __future__ import annotations`): pydantic reads them.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from openbell.config.section import Section
from openbell.portfolio import sizing

_EQUAL, _CONFIDENCE, _RISK = sizing.EqualWeight(), sizing.ConfidenceScaled(), sizing.RiskPerTrade()
_RANGE, _TARGET = sizing.AverageTrueRange(), sizing.VolatilityTarget()
_INVERSE, _KELLY = sizing.InverseVolatility(), sizing.Kelly()


class _Way(Section):
    """What all ways have in common: the bound of 10 on shares of equity catches percentages."""

    def build(self) -> Any:
        """Return the sizer."""
        values = self.model_dump()
        return sizing.SIZERS[values.pop("method")](**values)


class ShareOfEquity(_Way):
    """A conviction of 1 is worth `share` of the equity."""

    method: Literal["share_of_equity"] = "share_of_equity"
    share: float = Field(default=sizing.ShareOfEquity().share, gt=0, le=10)


class FixedQuantity(_Way):
    """A conviction of 1 is `quantity` shares."""

    method: Literal["fixed_quantity"] = "fixed_quantity"
    quantity: float = Field(gt=0)


class FixedNotional(_Way):
    """A conviction of 1 is worth `notional` in units of the account's currency."""

    method: Literal["fixed_notional"] = "fixed_notional"
    notional: float = Field(gt=0)


class EqualWeight(_Way):
    """The symbols that may be bought share the equity equally."""

    method: Literal["equal_weight"] = "equal_weight"
    share: float = Field(default=_EQUAL.share, gt=0, le=10)


class ConfidenceScaled(_Way):
    """A position grows with a power of what the confidence is above a threshold."""

    method: Literal["confidence_scaled"] = "confidence_scaled"
    share: float = Field(default=_CONFIDENCE.share, gt=0, le=10)
    threshold: float = Field(default=_CONFIDENCE.threshold, ge=0, lt=1)
    power: float = Field(default=_CONFIDENCE.power, gt=0)


class RiskPerTrade(_Way):
    """A stop that is hit costs `risk` of the equity."""

    method: Literal["risk_per_trade"] = "risk_per_trade"
    risk: float = Field(default=_RISK.risk, gt=0, lt=1)
    most: float = Field(default=_RISK.most, gt=0, le=10)


class AverageTrueRange(_Way):
    """A move of `multiple` average true ranges costs `risk` of the equity."""

    method: Literal["average_true_range"] = "average_true_range"
    risk: float = Field(default=_RANGE.risk, gt=0, lt=1)
    multiple: float = Field(default=_RANGE.multiple, gt=0)
    period: int = Field(default=_RANGE.period, ge=1)
    most: float = Field(default=_RANGE.most, gt=0, le=10)


class VolatilityTarget(_Way):
    """A position fluctuates by `target` a year."""

    method: Literal["volatility_target"] = "volatility_target"
    target: float = Field(default=_TARGET.target, gt=0)
    forecast: Literal["rolling", "ewma", "garman_klass"] = "ewma"
    window: int = Field(default=_TARGET.window, ge=2)
    decay: float = Field(default=_TARGET.decay, gt=0, lt=1)
    bars_per_year: float = Field(default=_TARGET.bars_per_year, gt=0)
    most: float = Field(default=_TARGET.most, gt=0, le=10)


class InverseVolatility(_Way):
    """What fluctuates less gets more of the equity."""

    method: Literal["inverse_volatility"] = "inverse_volatility"
    share: float = Field(default=_INVERSE.share, gt=0, le=10)
    window: int = Field(default=_INVERSE.window, ge=2)


class Kelly(_Way):
    """A fraction of Kelly's criterion, with a cap."""

    method: Literal["kelly"] = "kelly"
    fraction: float = Field(default=_KELLY.fraction, gt=0)
    cap: float = Field(default=_KELLY.cap, gt=0, le=10)
    window: int = Field(default=_KELLY.window, ge=2)
    most: float = Field(default=_KELLY.most, gt=0, le=10)


Sizing = Annotated[
    ShareOfEquity
    | FixedQuantity
    | FixedNotional
    | EqualWeight
    | ConfidenceScaled
    | RiskPerTrade
    | AverageTrueRange
    | VolatilityTarget
    | InverseVolatility
    | Kelly,
    Field(discriminator="method"),
]
