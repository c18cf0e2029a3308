"""What a strategy may ask of an order, as it is typed in a call."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict, cast

from openbell.core.errors import StrategyError, nearest
from openbell.core.orders import Replace
from openbell.core.types import NANOS_PER_SECOND, OrderType, TimeInForce


class Ticket(TypedDict, total=False):
    """An order's optional fields; their meaning is `Order`'s. What is absent takes the order's default."""

    limit: float
    stop: float
    trail: float
    trail_percent: bool
    tif: TimeInForce
    good_till: int
    reduce_only: bool
    parent: int
    oco: int
    aim: bool
    tag: str


@dataclass(frozen=True, slots=True)
class Exits:
    """The protective orders of a position: prices, and for `trailing_stop` a share of it (0.05 is 5 %)."""

    stop_loss: float | None = None
    take_profit: float | None = None
    trailing_stop: float | None = None

    def __post_init__(self) -> None:
        for name in ("stop_loss", "take_profit", "trailing_stop"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise StrategyError(f"{name}={value} must be a positive number; leave it out for none")
        if self.trailing_stop is not None and self.trailing_stop >= 1:
            raise StrategyError(f"trailing_stop={self.trailing_stop} must be below 1 (0.05 is 5 %)")

    def __len__(self) -> int:
        return sum(value is not None for value in (self.stop_loss, self.take_profit, self.trailing_stop))

    def tickets(self) -> Iterator[Ticket]:
        """Yield one ticket for each exit, stops before the target."""
        if self.stop_loss is not None:
            yield Ticket(stop=self.stop_loss, tag="stop_loss")
        if self.trailing_stop is not None:
            yield Ticket(trail=self.trailing_stop, trail_percent=True, tag="trailing_stop")
        if self.take_profit is not None:
            yield Ticket(limit=self.take_profit, tag="take_profit")


def ticket_of(**fields: float | bool | str | TimeInForce | None) -> Ticket:
    """Return a ticket of the fields that are given."""
    return cast("Ticket", _given(fields))


def change_of(order_id: int, **fields: float | None) -> Replace:
    """Return a change of an order of the fields that are given: a quantity, a limit, a stop."""
    return Replace(order_id, **_given(fields))


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are given; NaN is refused here, since it would mean "none" later."""
    for name, value in fields.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise StrategyError(f"{name}={value} must be a positive number; leave it out for none")
    return {name: value for name, value in fields.items() if value is not None}


def nanos_of(moment: datetime) -> int:
    """Return a moment in ns since 1970, exactly: float seconds would lose microseconds.

    Raises:
        StrategyError: It is no datetime, or has no time zone.
    """
    if not isinstance(moment, datetime):
        raise StrategyError(f"good_till={moment!r} must be a datetime with a time zone")
    if moment.tzinfo is None:
        raise StrategyError(f"good_till={moment} has no time zone; add one, such as datetime.UTC")
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * NANOS_PER_SECOND + since.microseconds * 1_000


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def order_type(ticket: Ticket) -> OrderType:
    """Return the type that a ticket's prices imply."""
    if "trail" in ticket:
        if "limit" in ticket or "stop" in ticket:
            raise StrategyError("an order has either a trail or a limit and a stop, not both")
        return OrderType.TRAILING_STOP
    if "stop" in ticket:
        return OrderType.STOP_LIMIT if "limit" in ticket else OrderType.STOP
    return OrderType.LIMIT if "limit" in ticket else OrderType.MARKET


def tif_of(value: TimeInForce | str) -> TimeInForce:
    """Return a time in force from its name, in either case.

    Raises:
        StrategyError: There is none of that name.
    """
    name = str(value).lower()
    if name not in _TIFS:
        raise StrategyError(f"tif={value!r} is unknown{nearest(name, _TIFS)}")
    return _TIFS[name]


_TIFS = {tif.value: tif for tif in TimeInForce}
