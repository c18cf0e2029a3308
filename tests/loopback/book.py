"""The loopback exchange's records, and the questions that matching asks of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from openbell.core.types import Instrument, OrderStatus, OrderType, Side, TimeInForce

_S, _T = OrderStatus, OrderType
TERMINAL = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED})


class Refusal(Exception):
    """The exchange does not take a request. `code` is one word, `said` is what a broker would say."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code, self.said = code, said


@dataclass(slots=True)
class Placed:
    """An order at the exchange. Whoever places it gives the first fields; the exchange keeps the others."""

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
    good_till: int = 0
    extended: bool = False
    reduce_only: bool = False
    oco: str = ""  #: orders of one group cancel each other
    id: str = ""
    parent: str = ""
    legs: tuple[str, ...] = ()
    status: OrderStatus = OrderStatus.ACCEPTED
    filled: Decimal = Decimal(0)
    value: Decimal = Decimal(0)  #: what was paid for it
    mark: Decimal | None = None  #: the best price that a trailing stop has seen
    triggered: bool = False
    submitted: int = 0
    updated: int = 0
    said: str = ""
    doom: str = ""  #: it will be rejected, and does not match until then
    replaces: str = ""
    replaced_by: str = ""

    @property
    def remaining(self) -> Decimal:
        """What has not filled."""
        return self.quantity - self.filled

    @property
    def average(self) -> Decimal:
        """The average price of what has filled; 0 if nothing has."""
        return self.value / self.filled if self.filled else Decimal(0)


class Executed(NamedTuple):
    """One fill."""

    id: str
    order_id: str
    client_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    time: int


Kind = Literal["new", "held", "triggered", "fill", "cancelled", "expired", "rejected", "replaced"]


class Event(NamedTuple):
    """What happened to an order: its state just after it, and the fill if it was one."""

    seq: int
    time: int
    kind: Kind
    order: Placed
    fill: Executed | None = None


@dataclass(slots=True)
class Line:
    """The market of one symbol: the last price, and what of the last trade's size nobody has taken."""

    instrument: Instrument
    last: Decimal | None = None
    size: Decimal | None = None  #: None is without end
    bid: Decimal | None = None
    ask: Decimal | None = None


def check(order: Placed, instrument: Instrument) -> None:
    """Check an order's own numbers.

    Raises:
        Refusal: One is missing, or off the grid.
    """
    if order.quantity <= 0 or order.quantity % Decimal(repr(instrument.lot)):
        raise Refusal("quantity", f"quantity {order.quantity} is not a number of lots of {instrument.lot}")
    needs = {
        _T.LIMIT: ("limit",), _T.STOP: ("stop",), _T.STOP_LIMIT: ("limit", "stop"),
        _T.TRAILING_STOP: ("trail",),
    }  # fmt: skip
    for name in needs.get(order.type, ()):
        value = getattr(order, name)
        if value is None or value <= 0:
            raise Refusal("price", f"{name}={value} of a {order.type.value} order must be positive")
        if name != "trail" and value % Decimal(repr(instrument.tick)):
            raise Refusal("price", f"{name}={value} is not in ticks of {instrument.tick}")


def is_reached(side: Side, level: Decimal | None, price: Decimal) -> bool:
    """Tell whether a stop's level is reached."""
    return level is not None and side * (price - level) >= 0


def trail_stop(order: Placed) -> Decimal:
    """Return where a trailing stop stands."""
    assert order.mark is not None
    assert order.trail is not None
    distance = order.mark * order.trail if order.trail_percent else order.trail
    return order.mark + order.side * distance


def limit_of(order: Placed) -> Decimal | None:
    """Return the price that an order will not go beyond, if it has one now."""
    return order.limit if order.type in {_T.LIMIT, _T.STOP_LIMIT} else None


def averaged(before: Decimal, average: Decimal, signed: Decimal, price: Decimal) -> Decimal:
    """Return the average price of a position after a fill; 0 when nothing is left."""
    after = before + signed
    if before * signed >= 0:
        return (average * abs(before) + price * abs(signed)) / abs(after)
    if after * before > 0:
        return average
    return price if after else Decimal(0)
