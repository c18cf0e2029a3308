"""Sizers by what may be lost: from the stop to the shares."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openbell.core.errors import StrategyError
from openbell.core.situation import Situation, Size
from openbell.portfolio.sizing.checks import check_count, check_positive, check_share
from openbell.portfolio.sizing.limit import MOST, limited


@dataclass(frozen=True, slots=True)
class RiskPerTrade:
    """Lose `risk` of the equity when the stop is hit: `risk * equity / |entry - stop|` shares.

    Fixed-fractional sizing (Vince 1990, Tharp 1998). A gap through the stop loses more.
    """

    risk: float = 0.01
    most: float = MOST

    def __post_init__(self) -> None:
        check_share("risk", self.risk)
        check_positive("most", self.most)

    def size_in(self, conviction: float, situation: Situation) -> Size:
        """Return the signed target.

        Raises:
            StrategyError: The signal has no stop, or one on the wrong side of its entry.
        """
        entry, stop, symbol = situation.entry, situation.stop, situation.symbol
        if math.isnan(stop):
            raise StrategyError(
                f"sizing by risk_per_trade needs the stop of {symbol}: give the signal a stop_loss or a "
                "trailing_stop"
            )
        distance = math.copysign(entry - stop, (entry - stop) * conviction)
        if distance <= 0.0:
            side, way = ("long", "below") if conviction > 0.0 else ("short", "above")
            raise StrategyError(
                f"sizing by risk_per_trade: the stop {stop:g} of a {side} {symbol} must be {way} its entry "
                f"{entry:g}"
            )
        why = f"{self.risk:.4g} of equity {situation.equity:,.0f} at risk, stop {distance:.4g} away"
        shares = self.risk * situation.equity / distance
        return limited(conviction, shares, situation, most=self.most, why=why)


@dataclass(frozen=True, slots=True)
class AverageTrueRange:
    """Lose `risk` of the equity when the price moves `multiple` average true ranges.

    `risk * equity / (multiple * ATR)` shares (Faith 2007, the turtles' N). The true range is Wilder's (1978):
    the largest of high - low, |high - last close| and |low - last close|; its average is the plain mean of
    the last `period` bars.
    """

    risk: float = 0.01
    multiple: float = 2.0
    period: int = 14
    most: float = MOST

    def __post_init__(self) -> None:
        check_share("risk", self.risk)
        check_positive("multiple", self.multiple)
        check_count("period", self.period, least=1)
        check_positive("most", self.most)

    def size_in(self, conviction: float, situation: Situation) -> Size:
        """Return the signed target; zero before `period` + 1 bars are known."""
        from openbell.portfolio.sizing.known import mean_range  # numpy

        average = mean_range(situation, self.period)
        if math.isnan(average):
            return Size(0.0, f"fewer than {self.period + 1} bars are known")
        at_risk = f"{self.risk:.4g} of equity {situation.equity:,.0f} at risk"
        why = f"{at_risk}, {self.multiple:g} ranges of {average:.4g}"
        unit = self.multiple * average
        shares = self.risk * situation.equity / unit if unit > 0.0 else math.inf
        return limited(conviction, shares, situation, most=self.most, why=why)
