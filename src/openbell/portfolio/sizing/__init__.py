"""From a conviction to a number of shares: whole lots towards zero, so never more than was meant.

`plain` sizers need the price and the equity alone. The others look at more of what is known at a decision:
the stop that comes with the signal (`risk`), past prices (`risk`, `volatility`, `kelly`), what else is held.
`docs/how-to/size-positions.md` shows each at work.
"""

from openbell.portfolio.sizing.confidence import ConfidenceScaled as ConfidenceScaled
from openbell.portfolio.sizing.kelly import Kelly as Kelly
from openbell.portfolio.sizing.parts import EqualWeight as EqualWeight
from openbell.portfolio.sizing.parts import InverseVolatility as InverseVolatility
from openbell.portfolio.sizing.plain import FixedNotional as FixedNotional
from openbell.portfolio.sizing.plain import FixedQuantity as FixedQuantity
from openbell.portfolio.sizing.plain import ShareOfEquity as ShareOfEquity
from openbell.portfolio.sizing.risk import AverageTrueRange as AverageTrueRange
from openbell.portfolio.sizing.risk import RiskPerTrade as RiskPerTrade
from openbell.portfolio.sizing.volatility import VolatilityTarget as VolatilityTarget

#: Every sizer by its name in the configuration.
SIZERS: dict[str, type] = {
    "share_of_equity": ShareOfEquity,
    "fixed_quantity": FixedQuantity,
    "fixed_notional": FixedNotional,
    "equal_weight": EqualWeight,
    "confidence_scaled": ConfidenceScaled,
    "risk_per_trade": RiskPerTrade,
    "average_true_range": AverageTrueRange,
    "volatility_target": VolatilityTarget,
    "inverse_volatility": InverseVolatility,
    "kelly": Kelly,
}
