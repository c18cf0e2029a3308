"""An order at the simulated exchange: its state there, and at which price each part of a bar fills it."""

from __future__ import annotations

import math

from openbell.core import rules
from openbell.core.orders import Order
from openbell.core.types import OrderType, TimeInForce

_NONE = math.nan
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


class Working:
    """The exchange's side of one order.

    `since` is the time from which it works: it never fills in a bar that began earlier. `expires` is when
    it runs out. `mark` is a trailing stop's best price so far. `allowed` is how much a child may fill: what
    its parent has filled.
    """

    __slots__ = (
        "active", "allowed", "expires", "filled", "limit", "mark", "order", "paid", "quantity", "raw", "since",
        "stop", "tick", "trail", "triggered", "value",
    )  # fmt: skip

    def __init__(self, order: Order, *, tick: float, since: int, expires: float, mark: float) -> None:
        self.order = order
        self.tick = tick
        self.since = since
        self.expires = expires
        self.mark = mark
        self.quantity = order.quantity
        self.limit = order.limit
        self.stop = order.stop
        self.trail = order.trail
        self.triggered = False
        self.active = True
        self.allowed = math.inf
        self.filled = 0.0
        self.raw = 0.0
        self.value = 0.0
        self.paid = 0.0

    @property
    def remaining(self) -> float:
        """Return how many shares may still fill now."""
        return min(self.quantity, self.allowed) - self.filled

    @property
    def is_stop(self) -> bool:
        """Tell whether the order still waits for a stop price."""
        return self.order.type in _STOPS and not self.triggered

    @property
    def immediate(self) -> bool:
        """Tell whether what does not fill at the first open is cancelled."""
        return self.order.tif in _IMMEDIATE

    @property
    def level(self) -> float:
        """Return the stop price in force, on the tick grid."""
        if self.order.type is OrderType.TRAILING_STOP:
            raw = rules.trailing_stop(self.order.side, self.mark, self.trail, self.order.trail_percent)
            return rules.on_tick(raw, self.tick)
        return self.stop

    def price_at_open(self, open_: float) -> float:
        """Return the open if the order fills there, else NaN. Marks a stop-limit that was triggered."""
        order = self.order
        if order.tif is TimeInForce.CLS:
            return _NONE
        if self.is_stop:
            if not rules.stop_at_open(order.side, self.level, open_):
                return _NONE
            if order.type is not OrderType.STOP_LIMIT:
                return open_
            self.triggered = True
            return open_ if rules.limit_at_open(order.side, self.limit, open_) else _NONE
        if order.type is OrderType.MARKET:
            return open_
        return open_ if rules.limit_at_open(order.side, self.limit, open_) else _NONE

    def price_inside(self, high: float, low: float) -> float:
        """Return the price at which the order fills between open and close, else NaN."""
        order = self.order
        if order.type is OrderType.MARKET or order.tif is TimeInForce.CLS:
            return _NONE
        if not self.is_stop:
            return self.limit if rules.limit_touched(order.side, self.limit, high, low) else _NONE
        level = self.level
        if not rules.stop_touched(order.side, level, high, low):
            return _NONE
        if order.type is OrderType.STOP_LIMIT:
            self.triggered = True
            if not rules.limit_at_open(order.side, self.limit, level):
                return _NONE
        return level

    def price_at_close(self, close: float) -> float:
        """Return the close if an on-close order fills there, else NaN."""
        if self.order.type is OrderType.MARKET:
            return close
        return close if rules.limit_at_open(self.order.side, self.limit, close) else _NONE

    def is_maker(self, price: float) -> bool:
        """Tell whether a fill at `price` takes no liquidity: a limit order at its limit."""
        return self.order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and price == self.limit

    def no_worse(self, price: float) -> float:
        """Return the price, held at the order's limit: slippage never breaks a limit."""
        if math.isnan(self.limit) or self.order.side * (price - self.limit) <= 0.0:
            return price
        return self.limit
