"""The sizer whose positions grow faster, or slower, than the confidence."""

from __future__ import annotations

from dataclasses import dataclass

from openbell.core.situation import Situation, Size
from openbell.portfolio.sizing.checks import check_positive, check_share
from openbell.portfolio.sizing.limit import MOST, limited


@dataclass(frozen=True, slots=True)
class ConfidenceScaled:
    """Invest `share * ((c - threshold) / (1 - threshold)) ** power` of the equity; nothing below it.

    `c` is the confidence. A `power` above 1 bets little on little confidence, one below 1 much.
    """

    share: float = MOST
    threshold: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        check_positive("share", self.share)
        check_share("threshold", self.threshold, zero=True)
        check_positive("power", self.power)

    def size_in(self, conviction: float, situation: Situation) -> Size:
        """Return the signed target."""
        confidence = abs(conviction)
        if confidence <= self.threshold:
            return Size(0.0, f"confidence {confidence:.4g} is not above {self.threshold:g}")
        part = ((confidence - self.threshold) / (1.0 - self.threshold)) ** self.power
        full = 1.0 if conviction > 0.0 else -1.0  # the confidence is in the part already
        why = f"{part * self.share:.4g} of equity {situation.equity:,.0f} for confidence {confidence:.4g}"
        shares = part * self.share * situation.equity / situation.price
        return limited(full, shares, situation, most=self.share, why=why)
