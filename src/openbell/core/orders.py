"""Orders: what is asked for, where it stands, and which steps its life may take."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple, NewType

from openbell.core import rules
from openbell.core.errors import OpenbellError
from openbell.core.types import Fill, OrderStatus, OrderType, Reason, Side, TimeInForce

_S = OrderStatus
TERMINAL = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED})

#: From each status to those that may follow it. A terminal status has none: it is never left.
TRANSITIONS: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    _S.NEW: (_S.SUBMITTED, _S.REJECTED, _S.CANCELLED),
    _S.SUBMITTED: (
        _S.ACCEPTED,
        _S.HELD,
        _S.PARTIALLY_FILLED,
        _S.FILLED,
        _S.REJECTED,
        _S.CANCELLED,
        _S.EXPIRED,
    ),
    _S.HELD: (_S.ACCEPTED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED),
    _S.ACCEPTED: (_S.TRIGGERED, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED),
    _S.TRIGGERED: (_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED),
    _S.PARTIALLY_FILLED: (_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED),
    _S.FILLED: (),
    _S.CANCELLED: (),
    _S.EXPIRED: (),
    _S.REJECTED: (),
}


_NEW, _SUBMITTED, _ACCEPTED = _S.NEW, _S.SUBMITTED, _S.ACCEPTED
_PARTIALLY_FILLED, _FILLED = _S.PARTIALLY_FILLED, _S.FILLED
_NONE = Reason.NONE
_SAME = (
    math.nan,
) * 4  #: no change of a quantity or price; equal by identity, as NaN is nothing else's equal

#: `rules.whole_lots`, remembering its answers: an order asks for the same several times.
whole_lots = lru_cache(maxsize=4096)(rules.whole_lots)

#: Of each type, the prices that it has.
PRICES: dict[OrderType, tuple[str, ...]] = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit",),
    OrderType.STOP: ("stop",),
    OrderType.STOP_LIMIT: ("stop", "limit"),
    OrderType.TRAILING_STOP: ("trail",),
}


class Step(NamedTuple):
    """One step of an order's life."""

    time: int
    status: OrderStatus
    reason: Reason


class Order:
    """One order: the request, which does not change but by `Replace`, and its state so far.

    Prices a share in the instrument's currency; NaN means "none". `trail` is an amount, or a share of the
    price when `trail_percent`. `parent` holds a child back until it fills; orders that share a non-zero
    `oco` group cancel each other. `decided` is the time of the bar that the decision was made on. `aim`
    marks what was sent to reach a target: a newer target takes its place. `extended` lets a limit order work
    before the open and after the close too.
    """

    __slots__ = (
        "_steps", "aim", "average", "decided", "extended", "fees", "filled", "good_till", "id", "limit",
        "oco", "parent", "quantity", "reason", "reduce_only", "side", "status", "stop", "strategy", "symbol",
        "tag", "tif", "trail", "trail_percent", "type",
    )  # fmt: skip

    # Python hands arguments on by position, and their defaults, at a third of what it takes by name.

    def __init__(  # noqa: PLR0913  # an order has many fields, and what is rare among them is named
        self,
        id: int,  # the field's own word
        strategy: str,
        symbol: str,
        side: Side,
        quantity: float,
        decided: int,
        reduce_only: bool = False,  # noqa: FBT001, FBT002
        aim: bool = False,  # noqa: FBT001, FBT002
        type: OrderType = OrderType.MARKET,  # the field's own word
        tif: TimeInForce = TimeInForce.GTC,
        limit: float = math.nan,
        stop: float = math.nan,
        trail: float = math.nan,
        trail_percent: bool = False,  # noqa: FBT001, FBT002
        good_till: int = 0,
        parent: int = 0,
        oco: int = 0,
        tag: str = "",
        extended: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        self.id = id
        self.strategy = strategy
        self.symbol = symbol
        self.side: Side = side
        self.quantity = quantity
        self.decided = decided
        self.type = type
        self.tif = tif
        self.limit = limit
        self.stop = stop
        self.trail = trail
        self.trail_percent = trail_percent
        self.good_till = good_till
        self.reduce_only = reduce_only
        self.parent = parent
        self.oco = oco
        self.aim = aim
        self.tag = tag
        self.extended = extended
        self.status = _NEW
        self.reason = _NONE
        self.filled = 0.0
        self.average = 0.0
        self.fees = 0.0
        self._steps: tuple[Any, ...] = ()

    @property
    def life(self) -> list[Step]:
        """Return the steps so far, from NEW on. They are kept in one row, as few are ever read."""
        row = iter(self._steps)
        later = (Step(*step) for step in zip(row, row, row, strict=True))
        return [Step(self.decided, _NEW, _NONE), *later]

    @property
    def open(self) -> bool:
        """Tell whether the order can still fill."""
        return self.status not in TERMINAL

    @property
    def remaining(self) -> float:
        """Return the quantity that has not filled."""
        return self.quantity - self.filled

    def move(self, status: OrderStatus, time: int, reason: Reason = _NONE) -> None:
        """Take one step of the order's life.

        Raises:
            IllegalTransition: the step is not in `TRANSITIONS`.
        """
        if status not in TRANSITIONS[self.status]:
            raise self._astray(status)
        self.status = status
        self.reason = reason
        self._steps += (time, status, reason)

    def accept(self, time: int) -> None:
        """Take the first two steps at once, as an order does that works as soon as it is sent.

        Raises:
            IllegalTransition: The order was sent before.
        """
        if self.status is not _NEW:
            raise self._astray(_S.SUBMITTED)
        self.status = _ACCEPTED
        self._steps += (time, _SUBMITTED, _NONE, time, _ACCEPTED, _NONE)

    def note(self, time: int, reason: Reason) -> None:
        """Record why the order changed without a step: a split, a replacement, a cut."""
        self.reason = reason
        self._steps += (time, self.status, reason)

    def change(self, update: OrderUpdate) -> bool:
        """Take in what a broker says other than a fill; tell whether the order has ended by it.

        Raises:
            IllegalTransition: the step is not in `TRANSITIONS`.
        """
        _, status, reason, time, quantity, limit, stop, trail = update
        if update[4:] != _SAME:
            if not math.isnan(quantity):
                self.quantity = quantity
            if not math.isnan(limit):
                self.limit = limit
            if not math.isnan(stop):
                self.stop = stop
            if not math.isnan(trail):
                self.trail = trail
        if status is not self.status:
            self.move(status, time, reason)
            return status in TERMINAL
        if reason:
            self.note(time, reason)
        return False

    def book(self, fill: Fill) -> None:
        """Add a fill to the order's state.

        Raises:
            IllegalTransition: The order cannot fill now; it is left as it was.
        """
        _, _, _, _, quantity, price, fee, _, time, _ = fill
        before = self.filled
        filled = before + quantity
        whole = filled >= self.quantity * rules.WHOLE - rules.DUST
        status = _FILLED if whole else _PARTIALLY_FILLED
        if self.status is not _ACCEPTED and status not in TRANSITIONS[self.status]:
            raise self._astray(status)
        self.status = status
        self._steps += (time, status, self.reason)
        self.filled = filled
        self.average = (before * self.average + quantity * price) / filled
        self.fees += fee

    def _astray(self, status: OrderStatus) -> IllegalTransition:
        return IllegalTransition(
            f"order {self.id} ({self.describe()}) is {self.status} and cannot become {status}"
        )

    def describe(self) -> str:
        """Return the order in the words of a trader: `buy 100 AAPL limit 99.5 gtc`."""
        way = "buy" if self.side > 0 else "sell"
        prices = [self._price_in_words(name) for name in PRICES[self.type]] or [self.type.value]
        hours = ("extended",) if self.extended else ()
        return " ".join((way, f"{self.quantity:.10g}", self.symbol, *prices, self.tif.value, *hours))

    def _price_in_words(self, name: str) -> str:
        value: float = getattr(self, name)
        if name != "trail":
            return f"{name} {value:.10g}"
        return f"trailing stop {100 * value:.10g}%" if self.trail_percent else f"trailing stop {value:.10g}"

    def __repr__(self) -> str:
        return (
            f"<Order {self.id}: {self.describe()}, {self.status}{f' ({self.reason})' if self.reason else ''}>"
        )


class IllegalTransition(OpenbellError):
    """An order was asked to take a step that its life does not allow: an event arrived twice or is wrong."""


class Cancel(NamedTuple):
    """A request to cancel an order."""

    order_id: int
    reason: Reason = Reason.ASKED


class Replace(NamedTuple):
    """A request to change a working order in place; NaN leaves a value as it is. It keeps its place."""

    order_id: int
    quantity: float = math.nan
    limit: float = math.nan
    stop: float = math.nan


class OrderUpdate(NamedTuple):
    """What a broker says of an order, other than a fill."""

    order_id: int
    status: OrderStatus
    reason: Reason
    time: int
    quantity: float = math.nan  #: the order's quantity from now on; NaN when it did not change
    limit: float = math.nan
    stop: float = math.nan
    trail: float = math.nan


class Refusal(NamedTuple):
    """Why a gate did not let an order, or a change of one, pass: which limit, its value and its bound.

    `order_id` is 0 for a warning that is about no order. `value` is what would have been, `bound` the most.
    """

    order_id: int
    limit: Reason
    value: float
    bound: float
    text: str
    time: int


#: An order or a change that has been reviewed. `Engine.flush` alone makes them, and a broker takes no other.
ReviewedOrder = NewType("ReviewedOrder", Order)
ReviewedReplace = NewType("ReviewedReplace", Replace)


@lru_cache(maxsize=4096)
def on_lots(quantity: float, lot: float, reduce_only: bool) -> float:  # noqa: FBT001  # asked for each order
    """Return the most that an order for `quantity` may be for: whole lots, or whole shares to reduce."""
    return whole_lots(quantity, 1.0 if reduce_only and lot > 1.0 else lot)
