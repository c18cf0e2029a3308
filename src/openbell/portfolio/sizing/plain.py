"""Sizers that need the price and the equity alone. They compile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from openbell.core import rules
from openbell.core.orders import whole_lots
from openbell.core.types import Instrument
from openbell.portfolio.sizing.checks import check_positive
from openbell.portfolio.sizing.limit import MOST


@dataclass(frozen=True, slots=True)
class ShareOfEquity:
    """`conviction * share` of equity: the default. What is left over pays for a gap and for fees."""

    share: float = 0.95

    def __post_init__(self) -> None:
        check_positive("share", self.share)

    @property
    def why(self) -> str:
        """Say what a size is made of."""
        return f"the confidence times {self.share:.4g} of the equity, over the price, down to whole lots"

    def size(self, conviction: float, *, instrument: Instrument, price: float, equity: float) -> float:
        """Return the signed target: `conviction * share * equity / price`, in whole lots towards zero."""
        lots = rules.sized_by_value(abs(conviction) * self.share * equity, price, instrument.lot)
        return math.copysign(lots, conviction)


@dataclass(frozen=True, slots=True)
class FixedQuantity:
    """`conviction * quantity` shares, or as many as the account can pay for with `part` of what it has."""

    part: ClassVar[float] = MOST

    needs_equity: ClassVar[bool] = False

    quantity: float

    def __post_init__(self) -> None:
        check_positive("quantity", self.quantity)

    @property
    def why(self) -> str:
        """Say what a size is made of."""
        return f"the confidence times {self.quantity:,.10g} shares, down to whole lots"

    def size(self, conviction: float, *, instrument: Instrument, price: float, equity: float) -> float:  # noqa: ARG002  # the port's signature
        """Return the signed target: `conviction * quantity`, in whole lots towards zero."""
        return math.copysign(whole_lots(abs(conviction) * self.quantity, instrument.lot), conviction)


@dataclass(frozen=True, slots=True)
class FixedNotional:
    """`conviction * notional` of the account's currency, or `part` of what the account can pay for."""

    part: ClassVar[float] = MOST

    needs_equity: ClassVar[bool] = False

    notional: float

    def __post_init__(self) -> None:
        check_positive("notional", self.notional)

    @property
    def why(self) -> str:
        """Say what a size is made of."""
        return f"the confidence times {self.notional:,.10g} of money, over the price, down to whole lots"

    def size(self, conviction: float, *, instrument: Instrument, price: float, equity: float) -> float:  # noqa: ARG002  # the port's signature
        """Return the signed target: `conviction * notional / price`, in whole lots towards zero."""
        lots = rules.sized_by_value(abs(conviction) * self.notional, price, instrument.lot)
        return math.copysign(lots, conviction)
