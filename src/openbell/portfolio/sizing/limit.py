"""What all sizers that look at the market share: whole lots, and never more than may be put in."""

from __future__ import annotations

import math

from openbell.core import rules
from openbell.core.situation import Situation, Size

#: The most that all positions together may be worth, as a share of equity. The rest pays for a gap and fees.
MOST = 0.95


def limited(conviction: float, shares: float, situation: Situation, *, most: float, why: str) -> Size:
    """Return `shares` at full conviction as a target: scaled, limited, and in whole lots towards zero.

    The position and what else is held or ordered are together worth `most` of the equity or less, so a
    cash account can pay for it. It grows with the conviction until it meets that limit.

    Args:
        conviction: Direction times confidence, in [-1, 1].
        shares: What a conviction of 1 would hold, 0 or more; infinite where only the limit counts.
        situation: Of the decision.
        most: Share of equity that all positions together may be worth.
        why: What `shares` was made of.
    """
    lot = situation.instrument.lot
    room = max(most * situation.equity - situation.others(), 0.0)
    meant = rules.whole_lots(abs(conviction) * shares, lot) if math.isfinite(shares) else math.inf
    allowed = rules.sized_by_value(room, situation.price, lot)
    if abs(conviction) < 1.0:
        why = f"{abs(conviction):.4g} of {why}"
    if meant > allowed:
        asked = f"from {meant:.10g} " if math.isfinite(meant) else ""
        why = f"{why}, cut {asked}to {allowed:.10g} shares by the {room:,.0f} left of {most:.4g} of equity"
    return Size(math.copysign(min(meant, allowed), conviction), why)
