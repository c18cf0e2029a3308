"""Sizers that divide the equity among the run's symbols."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openbell.core.situation import Situation, Size
from openbell.portfolio.sizing.checks import check_count, check_positive
from openbell.portfolio.sizing.limit import MOST, limited


@dataclass(frozen=True, slots=True)
class EqualWeight:
    """Divide `share` of the equity equally: `share * equity / n` each, `n` the symbols that may be bought."""

    share: float = MOST

    def __post_init__(self) -> None:
        check_positive("share", self.share)

    def size_in(self, conviction: float, situation: Situation) -> Size:
        """Return the signed target."""
        count = max(len(situation.symbols), 1)
        each = self.share * situation.equity / count
        why = f"1 of {count} equal parts of {self.share:.4g} of equity {situation.equity:,.0f}"
        return limited(conviction, each / situation.price, situation, most=self.share, why=why)


@dataclass(frozen=True, slots=True)
class InverseVolatility:
    """Divide `share` of the equity so that what fluctuates less gets more: `(1 / s_i) / sum_j(1 / s_j)`.

    `s` is the standard deviation of a symbol's last `window` returns; symbols with fewer bars, and those that
    never move, have no part.
    """

    share: float = MOST
    window: int = 60

    def __post_init__(self) -> None:
        check_positive("share", self.share)
        check_count("window", self.window, least=2)

    def size_in(self, conviction: float, situation: Situation) -> Size:
        """Return the signed target; zero before `window` + 1 bars are known."""
        from openbell.portfolio.sizing.known import calm  # numpy

        symbols = dict.fromkeys([*situation.symbols, situation.symbol])
        calms = {symbol: calm(situation, symbol, self.window) for symbol in symbols}
        own = calms[situation.symbol]
        if own == 0.0:
            return Size(0.0, f"no volatility over {self.window} bars is known")
        weight = self.share * own / math.fsum(calms.values())
        why = f"{weight:.4g} of equity {situation.equity:,.0f} by inverse volatility"
        shares = weight * situation.equity / situation.price
        return limited(conviction, shares, situation, most=self.share, why=why)
