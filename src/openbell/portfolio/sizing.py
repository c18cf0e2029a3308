"""From a conviction to a number of shares: whole lots towards zero, so never more than was meant."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openbell.core import rules
from openbell.core.errors import ConfigError
from openbell.core.types import Instrument


@dataclass(frozen=True, slots=True)
class ShareOfEquity:
    """`conviction * share` of equity: the default. What is left over pays for a gap and for fees."""

    share: float = 0.95

    def __post_init__(self) -> None:
        _positive("share", self.share)

    def size(self, conviction: float, *, instrument: Instrument, price: float, equity: float) -> float:
        """Return the signed target: `conviction * share * equity / price`, in whole lots towards zero."""
        lots = rules.sized_by_value(abs(conviction) * self.share * equity, price, instrument.lot)
        return math.copysign(lots, conviction)


@dataclass(frozen=True, slots=True)
class FixedQuantity:
    """`conviction * quantity` shares, whatever they cost."""

    quantity: float

    def __post_init__(self) -> None:
        _positive("quantity", self.quantity)

    def size(self, conviction: float, *, instrument: Instrument, price: float, equity: float) -> float:  # noqa: ARG002  # the port's signature
        """Return the signed target: `conviction * quantity`, in whole lots towards zero."""
        return math.copysign(rules.whole_lots(abs(conviction) * self.quantity, instrument.lot), conviction)


@dataclass(frozen=True, slots=True)
class FixedNotional:
    """`conviction * notional` of the account's currency."""

    notional: float

    def __post_init__(self) -> None:
        _positive("notional", self.notional)

    def size(self, conviction: float, *, instrument: Instrument, price: float, equity: float) -> float:  # noqa: ARG002  # the port's signature
        """Return the signed target: `conviction * notional / price`, in whole lots towards zero."""
        lots = rules.sized_by_value(abs(conviction) * self.notional, price, instrument.lot)
        return math.copysign(lots, conviction)


def _positive(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(f"sizing.{name}={value!r} must be a positive number")
