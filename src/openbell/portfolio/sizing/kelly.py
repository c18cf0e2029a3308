"""The sizer by Kelly's criterion, and the criterion itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openbell.core.errors import ConfigError
from openbell.core.situation import Situation, Size
from openbell.portfolio.sizing.checks import check_count, check_positive
from openbell.portfolio.sizing.limit import MOST, limited


def kelly_of_bet(probability: float, odds: float) -> float:
    """Return the share of wealth to bet: `p - (1 - p) / odds` (Kelly 1956). Negative is no bet.

    Args:
        probability: Of winning.
        odds: What is won for one unit of stake.

    Raises:
        ConfigError: A value is out of bounds.
    """
    if not 0.0 <= probability <= 1.0:
        raise ConfigError(f"kelly_of_bet: probability={probability!r} must be from 0 to 1")
    if not 0.0 < odds < math.inf:
        raise ConfigError(f"kelly_of_bet: odds={odds!r} must be a positive number")
    return probability - (1.0 - probability) / odds


def kelly_of_returns(mean: float, deviation: float, *, rate: float = 0.0) -> float:
    """Return the share of wealth to invest: `(mean - rate) / deviation ** 2` (Thorp 2006, section 7.1).

    All three are of the same period. Infinite where there is no deviation, zero where there is no excess.
    """
    excess = mean - rate
    if deviation == 0.0:
        return math.copysign(math.inf, excess) if excess else 0.0
    return excess / deviation**2


@dataclass(frozen=True, slots=True)
class Kelly:
    """Invest `fraction` of what Kelly's criterion says, and `cap` of the equity at most.

    The criterion is `mean / variance` of the last `window` returns in the signal's direction (Thorp 2006). A
    mean against the signal buys nothing. Full Kelly on an estimate is too much: a half is usual.
    """

    fraction: float = 0.5
    cap: float = 0.5
    window: int = 252
    most: float = MOST

    def __post_init__(self) -> None:
        check_positive("fraction", self.fraction)
        check_positive("cap", self.cap)
        check_count("window", self.window, least=2)
        check_positive("most", self.most)

    def size_in(self, conviction: float, situation: Situation) -> Size:
        """Return the signed target; zero before `window` + 1 bars are known."""
        from openbell.portfolio.sizing.known import moments  # numpy

        mean, deviation = moments(situation, self.window)
        if math.isnan(mean):
            return Size(0.0, f"fewer than {self.window + 1} bars are known")
        full = kelly_of_returns(math.copysign(1.0, conviction) * mean, deviation)
        share = min(max(self.fraction * full, 0.0), self.cap)
        why = f"{share:.4g} of equity: {self.fraction:g} of Kelly's {full:.4g}, {self.cap:g} at most"
        return limited(
            conviction, share * situation.equity / situation.price, situation, most=self.most, why=why
        )
