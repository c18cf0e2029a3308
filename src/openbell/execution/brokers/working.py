"""An order at the simulated exchange: its state there, and at which price each part of a bar fills it."""

from __future__ import annotations

import math

from openbell.core import rules
from openbell.core.market import Track
from openbell.core.orders import Order, Replace, whole_lots
from openbell.core.types import OrderType, Split, TimeInForce

_NONE = math.nan
_INF = math.inf
_MARKET, _TRAILING = OrderType.MARKET, OrderType.TRAILING_STOP
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
_LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT)
#: Of each type: whether it has a limit, waits for a stop, trails, and is to fill at any price.
_KINDS = {kind: (kind in _LIMITS, kind in _STOPS, kind is _TRAILING, kind is _MARKET) for kind in OrderType}
_GTC = TimeInForce.GTC
_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
_AUCTION = (TimeInForce.OPG, TimeInForce.CLS)
_BOUND = (*_IMMEDIATE, *_AUCTION)


class Working:
    """The exchange's side of one order.

    `since` is the time from which it works as it is: it never fills in a bar that began earlier. `expires`
    is when it runs out. `mark` is a trailing stop's best price so far. `pending` is the part of a child's
    quantity that waits for its parent to fill. `lot` is what it fills in: to reduce, an odd lot may go.
    `is_stop` is true while it waits for a stop price, `limited` when it has a limit, `bound` when it
    belongs to an open or a close and ends there, and `plain` when it is to fill at the next open, whatever
    the price. `confined` ones work in sessions alone, and there are bars outside of them. `reserved` shares
    tie up `need` of the account's free equity, as part of the OCO `group` that it was in then.
    """

    __slots__ = (
        "active", "bound", "confined", "expires", "filled", "group", "is_stop", "limit", "limited", "lot",
        "mark", "need", "order", "paid", "pending", "plain", "quantity", "raw", "reserved", "since", "stop",
        "track", "trail", "trails", "value",
    )  # fmt: skip

    need: float
    reserved: float
    group: int

    def __init__(self, order: Order, track: Track, since: int) -> None:
        self.order = order
        self.track = track
        self.since = since
        self.expires = _INF
        self.mark = _NONE
        self.quantity = order.quantity
        self.limit = order.limit
        self.stop = order.stop
        self.trail = order.trail
        self.limited, self.is_stop, self.trails, self.plain = _KINDS[order.type]
        self.bound = False
        if order.tif is not _GTC and order.tif in _BOUND:
            self.bound, self.plain = True, False
        self.confined = track.around and not order.extended
        lot = track.instrument.lot
        self.lot = 1.0 if order.reduce_only and lot > 1.0 else lot
        self.active = False
        self.pending = 0.0
        self.filled = 0.0
        self.raw = 0.0
        self.value = 0.0
        self.paid = 0.0

    def remaining(self) -> float:
        """Return how many shares may still fill now."""
        left = self.quantity - self.filled - self.pending
        if 0.0 < left < self.quantity:
            left = rules.denoised(left, self.quantity, self.lot)
        return whole_lots(left if left > 0.0 else 0.0, self.lot)  # noqa: FURB136  # `max` is a call, and slow

    def is_done(self) -> bool:
        """Tell whether nothing is left to fill."""
        return self.filled >= self.quantity * rules.WHOLE - rules.DUST

    @property
    def immediate(self) -> bool:
        """Tell whether what does not fill at the first open is cancelled."""
        return self.order.tif in _IMMEDIATE

    @property
    def level(self) -> float:
        """Return the stop price in force, on the tick grid."""
        if self.trails:
            raw = rules.trailing_stop(self.order.side, self.mark, self.trail, self.order.trail_percent)
            return rules.on_tick(raw, self.track.instrument.tick)
        return self.stop

    @property
    def band(self) -> tuple[float, float]:
        """Return the price that a bar must fall to, and the one that it must rise to, to matter to the order.

        Every bar falls to infinity.
        """
        if self.bound or self.trails or not (self.is_stop or self.limited):
            return _INF, -_INF
        price = self.stop if self.is_stop else self.limit
        rises = (self.order.side > 0) is self.is_stop
        return (-_INF, price) if rises else (price, _INF)

    def change(self, change: Replace) -> None:
        """Take the values of a change that are given."""
        if not math.isnan(change.quantity):
            share = (change.quantity - self.filled) / (self.quantity - self.filled)
            self.quantity = change.quantity
            self.pending *= max(share, 0.0)
        if not math.isnan(change.limit):
            self.limit = change.limit
        if not math.isnan(change.stop):
            self.stop = change.stop

    def restate(self, split: Split) -> None:
        """Turn quantities and prices into the shares after a split."""
        tick = self.track.instrument.tick
        new, old = split.new, split.old
        rest = rules.whole_lots(rules.split_shares(self.quantity - self.filled, new, old), self.lot)
        self.quantity = self.filled + rest
        self.pending = rules.split_shares(self.pending, new, old)
        self.limit = rules.on_tick(rules.split_price(self.limit, new, old), tick)
        self.stop = rules.on_tick(rules.split_price(self.stop, new, old), tick)
        self.mark = rules.split_price(self.mark, new, old)
        if not self.order.trail_percent:
            self.trail = rules.split_price(self.trail, new, old)

    def is_missed(self, high: float, low: float) -> bool:
        """Tell whether a bar passes the order by: it waits for a price that the bar does not reach."""
        if self.is_stop:
            return not (self.bound or rules.stop_touched(self.order.side, self.level, high, low))
        if self.limited:
            return not (self.bound or rules.limit_touched(self.order.side, self.limit, high, low))
        return False

    def stopped_at_open(self, open_: float) -> bool:
        """Tell whether the open reaches a stop that the order still waits for."""
        return self.is_stop and rules.stop_at_open(self.order.side, self.level, open_)

    def stopped_inside(self, high: float, low: float) -> bool:
        """Tell whether the bar reaches a stop that the order still waits for."""
        return self.is_stop and rules.stop_touched(self.order.side, self.level, high, low)

    def price_at_open(self, open_: float) -> float:
        """Return the open if the order fills there, else NaN."""
        if self.order.tif is TimeInForce.CLS or (self.is_stop and not self.stopped_at_open(open_)):
            return _NONE
        return self._within_limit(open_)

    def price_inside(self, open_: float, high: float, low: float) -> float:
        """Return the price at which the order fills between open and close, else NaN.

        What its open could fill does not fill inside the bar: the open took all that there was.
        """
        if self.order.tif in _AUCTION:
            return _NONE
        if self.is_stop:
            return self._within_limit(self.level) if self.stopped_inside(high, low) else _NONE
        side, limit = self.order.side, self.limit
        if not self.limited or rules.limit_at_open(side, limit, open_):
            return _NONE
        return limit if rules.limit_touched(side, limit, high, low) else _NONE

    def price_at_close(self, close: float) -> float:
        """Return the close if an on-close order fills there, else NaN."""
        return self._within_limit(close)

    def distance(self, open_: float) -> float:
        """Return how far a bar must go from its open to fill the order, as a share of it."""
        price = self.level if self.is_stop else self.limit if self.limited else open_
        return abs(price - open_) / open_

    def no_worse(self, price: float) -> float:
        """Return the price, held at the order's limit: slippage never breaks a limit."""
        return self.limit if math.isnan(self._within_limit(price)) else price

    def _within_limit(self, price: float) -> float:
        if self.limited and not rules.limit_at_open(self.order.side, self.limit, price):
            return _NONE
        return price
