"""The example strategies, by name. Each is under 30 lines and has a pinned result."""

from __future__ import annotations

from openbell.strategies.base import Strategy
from openbell.strategies.examples.bollinger_breakout import BollingerBreakout
from openbell.strategies.examples.buy_and_hold import BuyAndHold
from openbell.strategies.examples.dollar_cost_averaging import DollarCostAveraging
from openbell.strategies.examples.donchian_trend import DonchianTrend
from openbell.strategies.examples.drawdown_staged import DrawdownStaged
from openbell.strategies.examples.mined_noise import mined_noise
from openbell.strategies.examples.momentum_rotation import MomentumRotation
from openbell.strategies.examples.pairs_trade import PairsTrade
from openbell.strategies.examples.risk_parity import RiskParity
from openbell.strategies.examples.rsi_reversion import RsiReversion
from openbell.strategies.examples.sector_neutral_momentum import SectorNeutralMomentum
from openbell.strategies.examples.sma_cross import sma_cross
from openbell.strategies.examples.volatility_trend import VolatilityTrend
from openbell.strategies.signal import Signal

BY_NAME: dict[str, type[Strategy] | Signal] = {
    "sma_cross": sma_cross,
    "rsi_reversion": RsiReversion,
    "bollinger_breakout": BollingerBreakout,
    "donchian_trend": DonchianTrend,
    "pairs_trade": PairsTrade,
    "momentum_rotation": MomentumRotation,
    "volatility_trend": VolatilityTrend,
    "risk_parity": RiskParity,
    "sector_neutral_momentum": SectorNeutralMomentum,
    "drawdown_staged": DrawdownStaged,
    "dollar_cost_averaging": DollarCostAveraging,
    "buy_and_hold": BuyAndHold,
    "mined_noise": mined_noise,
}
