"""Where a live session's orders go: a broker's account, and how it may be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from openbell.core.types import Instrument
from openbell.execution.port import Balance, Holding, LiveBroker
from openbell.operation.standby import Spare
from openbell.trading.reconcile import Policy
from openbell.trading.sender import Timing
from openbell.utils.ratelimit import Budget

#: The part of a share that is a lot where fractions are traded: brokers' own are finer, and float noise.
FRACTION = 1e-06


@dataclass(frozen=True, slots=True)
class Venue:
    """Where orders go.

    Args:
        broker: The account, not connected yet.
        budget: How many requests it may make.
        policy: What to do with differences between account and books that nothing explains.
        timing: How long to wait for what.
        spare: What a second connection needs, by which a stop reaches the broker while the session hangs.
        fractional: Whether shares that can be are traded in parts of one.
    """

    broker: LiveBroker
    budget: Budget
    policy: Policy | None = None
    timing: Timing | None = None
    spare: Spare | None = None
    fractional: bool = False

    def part(self, instrument: Instrument) -> Instrument:
        """Return an instrument with the lot that it is traded in here."""
        if not (self.fractional and instrument.fractionable):
            return instrument
        return replace(instrument, lot=min(instrument.lot, FRACTION))


@dataclass(frozen=True, slots=True)
class Account:
    """A broker's account, as it is shown before anything is sent."""

    id: str
    balance: Balance
    holdings: Sequence[Holding]

    @property
    def is_real(self) -> bool:
        """Whether real money is traded: its id does not say that it is on paper."""
        return ":paper:" not in self.id
