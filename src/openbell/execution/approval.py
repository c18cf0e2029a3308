"""Orders that may be sent. A broker takes nothing else, and only the gate makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from openbell.core.errors import OpenbellError
from openbell.core.types import Instrument, OrderType, Side, TimeInForce

_KEY = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedOrder:
    """An order on its way to a broker: exact quantities and prices, on the grid of lots and ticks.

    `notional` orders have an amount of money and no quantity. `take_profit` and `stop_loss` are a native
    bracket's exits. `short` is how much of a sale has to be borrowed. Made by `approve` alone.
    """

    client_id: str
    symbol: str
    side: Side
    type: OrderType
    tif: TimeInForce
    quantity: Decimal
    limit: Decimal | None = None
    stop: Decimal | None = None
    trail: Decimal | None = None
    trail_percent: bool = False
    notional: Decimal | None = None
    good_till: int = 0
    reduce_only: bool = False
    extended_hours: bool = False
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    short: Decimal = Decimal(0)
    key: object = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.key is not _KEY:
            raise OpenbellError(f"order {self.client_id} was made around the risk gate; send it through it")


def approve(**fields: object) -> ApprovedOrder:
    """Make an order that may be sent. For the gate alone: nothing else may call this."""
    return ApprovedOrder(key=_KEY, **fields)  # type: ignore[arg-type]  # the record checks its fields' names


def on_grid(value: float, step: float) -> Decimal:
    """Return a price or quantity as the exact decimal that is nearest to it on a grid of steps.

    The step's shortest decimal counts: a tick of 0.01 is one cent, not the binary number next to it.
    """
    unit = Decimal(repr(step))
    return (Decimal(repr(value)) / unit).quantize(Decimal(1), ROUND_HALF_EVEN) * unit


def price_of(value: float, instrument: Instrument) -> Decimal | None:
    """Return a price on the instrument's ticks; None for NaN, which means none."""
    return None if value != value else on_grid(value, instrument.tick)  # noqa: PLR0124  # NaN


def quantity_of(value: float, instrument: Instrument) -> Decimal:
    """Return a quantity on the instrument's lots."""
    return on_grid(value, min(instrument.lot, 1.0))
