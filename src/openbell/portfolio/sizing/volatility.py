"""The sizer by a target of volatility."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openbell.core.situation import Situation, Size
from openbell.portfolio.sizing.checks import check_choice, check_count, check_positive, check_share
from openbell.portfolio.sizing.limit import MOST, limited

#: The ways to forecast.
FORECASTS = ("rolling", "ewma", "garman_klass")


@dataclass(frozen=True, slots=True)
class VolatilityTarget:
    """Hold as much as fluctuates by `target` a year: `target / forecast * equity / price` shares.

    The forecast is that of the symbol, a year: `rolling`, `ewma` or `garman_klass` over `window` bars, times
    `sqrt(bars_per_year)` (Moskowitz, Ooi and Pedersen 2012 scale so, with EWMA).
    """

    target: float = 0.10
    forecast: str = "ewma"
    window: int = 60
    decay: float = 0.94
    bars_per_year: float = 252.0
    most: float = MOST

    def __post_init__(self) -> None:
        check_positive("target", self.target)
        check_choice("forecast", self.forecast, FORECASTS)
        check_count("window", self.window, least=2)
        check_share("decay", self.decay)
        check_positive("bars_per_year", self.bars_per_year)
        check_positive("most", self.most)

    def size_in(self, conviction: float, situation: Situation) -> Size:
        """Return the signed target; zero before `window` + 1 bars are known."""
        from openbell.portfolio.sizing.known import forecast  # numpy

        expected = forecast(situation, self.forecast, window=self.window, decay=self.decay)
        if math.isnan(expected):
            return Size(0.0, f"fewer than {self.window + 1} bars are known")
        yearly = expected * math.sqrt(self.bars_per_year)
        why = f"volatility {self.target:.4g} wanted, {yearly:.4g} forecast by {self.forecast}"
        shares = self.target / yearly * situation.equity / situation.price if yearly > 0.0 else math.inf
        return limited(conviction, shares, situation, most=self.most, why=why)
