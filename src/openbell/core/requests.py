"""What a strategy may ask of an order, as it is typed in a call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypedDict, cast

from openbell.core import rules
from openbell.core.errors import StrategyError, nearest
from openbell.core.inputs import flag, real, shown
from openbell.core.orders import Order, Replace
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
    extended: bool


@dataclass(frozen=True, slots=True)
class Exits:
    """The protective orders of a position: prices, and for `trailing_stop` a share of it (0.05 is 5 %)."""

    stop_loss: float | None = None
    take_profit: float | None = None
    trailing_stop: float | None = None

    def __bool__(self) -> bool:
        return not (self.stop_loss is None and self.take_profit is None and self.trailing_stop is None)

    def __len__(self) -> int:
        stop, target, trail = self.stop_loss, self.take_profit, self.trailing_stop
        return (stop is not None) + (target is not None) + (trail is not None)

    def each(self) -> Iterator[tuple[OrderType, float, str]]:
        """Yield the type, the price or share, and the name of each exit, stops before the target."""
        if self.stop_loss is not None:
            yield OrderType.STOP, self.stop_loss, "stop_loss"
        if self.trailing_stop is not None:
            yield OrderType.TRAILING_STOP, self.trailing_stop, "trailing_stop"
        if self.take_profit is not None:
            yield OrderType.LIMIT, self.take_profit, "take_profit"


class Amount(NamedTuple):
    """The size of a signal's position where the strategy says it itself, in place of the sizer."""

    of: Literal["shares", "notional"]  #: notional is money: as many whole lots as it pays for
    value: float

    def shares(self, price: float, lot: float) -> float:
        """Return the shares that are asked for, or that the money pays for at a price."""
        return self.value if self.of == "shares" else rules.sized_by_value(self.value, price, lot)


NO_EXITS = Exits()
NO_TICKET = Ticket()

# --- what is typed in a call -----------------------------------------------------------------------------
# Each reader takes the call and its symbol for the message, then the argument's name and value.


def exits_of(
    call: str, symbol: str, stop_loss: object = None, take_profit: object = None, trailing_stop: object = None
) -> Exits:
    """Return the exits that are given.

    Raises:
        StrategyError: One is no positive number, or `trailing_stop` is no share of the price.
    """
    if stop_loss is None and take_profit is None and trailing_stop is None:
        return NO_EXITS
    exits = Exits(
        None if stop_loss is None else positive(call, symbol, "stop_loss", stop_loss),
        None if take_profit is None else positive(call, symbol, "take_profit", take_profit),
        None if trailing_stop is None else positive(call, symbol, "trailing_stop", trailing_stop),
    )
    if exits.trailing_stop is not None and exits.trailing_stop >= 1.0:
        raise refused(call, symbol, "trailing_stop", trailing_stop, "must be below 1 (0.05 is 5 %)")
    return exits


def ticket_of(
    call: str, symbol: str, *, limit: object = None, tag: object = None, **fields: object
) -> Ticket:
    """Return a ticket of the fields that are given, each as it is meant; None is not given.

    Raises:
        StrategyError: A field has the wrong type, or is out of bounds.
    """
    fields |= {"limit": limit, "tag": tag}
    read = {
        name: _READERS[name](call, symbol, name, value) for name, value in fields.items() if value is not None
    }
    return cast("Ticket", read)


def amount_of(call: str, symbol: str, *, confidence: object, shares: object, notional: object) -> Amount:
    """Return the size that a signal says itself, in shares or in money.

    Raises:
        StrategyError: It says two, or one that is no positive number, or a confidence beside it.
    """
    if shares is not None and notional is not None:
        raise refused(call, symbol, "notional", notional, f"and shares={shown(shares)}: give one of them")
    name: Literal["shares", "notional"] = "notional" if shares is None else "shares"
    value = shares if notional is None else notional
    if confidence != 1.0:
        says = f"is for the sizer, and {name}={shown(value)} says the size without it; leave one of them out"
        raise refused(call, symbol, "confidence", confidence, says)
    return Amount(name, positive(call, symbol, name, value))


def change_of(order: Order, **fields: object) -> Replace:
    """Return a change of an order of the fields that are given: a quantity, a limit, a stop.

    Raises:
        StrategyError: One is no positive number: none of them has a sign.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    numbers = {name: real(value) for name, value in given.items()}
    for name, number in numbers.items():
        if not 0.0 < number < math.inf:
            says = "must be a positive number; leave it out to keep it as it is"
            raise refused("replace", order.symbol, name, given[name], says)
    return Replace(order.id, **numbers)


def positive(call: str, symbol: str, name: str, value: object) -> float:
    """Return a price or a distance.

    Raises:
        StrategyError: It is no positive number. NaN would mean "none" later.
    """
    number = real(value)
    if not 0.0 < number < math.inf:
        raise refused(call, symbol, name, value, "must be a positive number; leave it out for none")
    return number


def signed(call: str, symbol: str, name: str, value: object, *, says: str) -> float:
    """Return a number that may be negative.

    Raises:
        StrategyError: It is no number, or not finite; `says` what it must be.
    """
    number = real(value)
    if not math.isfinite(number):
        raise refused(call, symbol, name, value, says)
    return number


def text(call: str, symbol: str, name: str, value: object) -> str:
    """Return a text.

    Raises:
        StrategyError: It is none.
    """
    if not isinstance(value, str):
        raise refused(call, symbol, name, value, "must be text")
    return value


def tif_of(call: str, symbol: str, name: str, value: object) -> TimeInForce:
    """Return a time in force from its name, in either case.

    Raises:
        StrategyError: There is none of that name.
    """
    word = str(value).lower()
    if word not in _TIFS:
        raise refused(call, symbol, name, value, f"is unknown{nearest(word, _TIFS)}")
    return _TIFS[word]


def nanos_of(call: str, symbol: str, name: str, value: object) -> int:
    """Return a moment in ns since 1970, exactly: float seconds would lose microseconds.

    Raises:
        StrategyError: It is no datetime, or has no time zone.
    """
    if not isinstance(value, datetime) or value != value:  # noqa: PLR0124  # pandas has a datetime that is none
        raise refused(call, symbol, name, value, "must be a datetime with a time zone")
    if value.tzinfo is None:
        raise refused(call, symbol, name, str(value), "has no time zone; add one, such as datetime.UTC")
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * NANOS_PER_SECOND + since.microseconds * 1_000


def refused(call: str, symbol: object, name: str, value: object, says: str) -> StrategyError:
    """Return the line that refuses an argument of a call."""
    return StrategyError(f"{call}({shown(symbol)}): {name}={shown(value)} {says}")


def _flag(call: str, symbol: str, name: str, value: object) -> bool:
    answer = flag(value)
    if answer is None:
        raise refused(call, symbol, name, value, "must be True or False")
    return answer


def _id(_call: str, _symbol: str, _name: str, value: object) -> int:
    return cast("Order", value).id


_READERS: dict[str, Callable[[str, str, str, object], object]] = {
    "limit": positive,
    "stop": positive,
    "trail": positive,
    "trail_percent": _flag,
    "tif": tif_of,
    "good_till": nanos_of,
    "reduce_only": _flag,
    "parent": _id,
    "tag": text,
    "extended": _flag,
}

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


_TIFS = {tif.value: tif for tif in TimeInForce}
