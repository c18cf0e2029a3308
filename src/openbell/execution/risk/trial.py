"""An order on trial: what the book would be with it."""

from __future__ import annotations

import math
from copy import copy
from typing import NamedTuple

from openbell.core.market import Track
from openbell.core.orders import Order, Replace
from openbell.core.types import OrderType
from openbell.execution.risk.book import Slot, Span, Sums
from openbell.execution.risk.conditions import Conditions
from openbell.execution.risk.forecast import Forecast
from openbell.execution.risk.pulse import Pulse
from openbell.execution.risk.tails import NO_TAIL, Tail

_MARKET = (OrderType.MARKET, OrderType.TRAILING_STOP)


class Scene(NamedTuple):
    """What is the same for all orders of a moment."""

    book: Sums
    pulse: Pulse
    forecast: Forecast | None
    conditions: Conditions
    equity: float
    time: int
    drawdown: float  #: of equity from its highest, as a share
    daily_loss: float  #: of equity since the session before, as a share


class Beside(NamedTuple):
    """What other strategies have of a symbol at worst: shares, shares that are short, and money."""

    shares: float = 0.0
    short: float = 0.0
    reach: float = 0.0


_NOTHING = Beside()


class Trial:
    """One order and what it leads to at worst. Money is in the account's currency."""

    __slots__ = (
        "_tail", "at", "beside", "change", "closes", "forecast", "opens", "order", "price", "quantity",
        "reach", "scene", "shares", "slot", "span", "track", "was",
    )  # fmt: skip

    def __init__(self, order: Order, slot: Slot, track: Track, scene: Scene) -> None:
        self.order, self.slot, self.track, self.scene = order, slot, track, scene
        self.quantity = quantity = order.quantity - order.filled
        self.price = expected_price(order, slot.price)
        if order.reduce_only:
            self.closes, self.opens = quantity, 0.0
        else:
            self.closes, self.opens = slot.splits(order.side, quantity)
        opens, closes = self.opens, self.closes
        self.span: Span = (
            slot.span(opens, closes=closes) if order.side > 0 else slot.span(0.0, opens, closes=closes)
        )
        low, high = self.span
        worst = high if high >= -low else low
        self.shares = abs(worst)  #: the most of its symbol that may be held, either way
        self.reach = self.shares * slot.price  #: the same in money
        self.was = slot.reach  #: the same without the order
        self.beside = _NOTHING
        self._model(slot.at)
        self.change = worst * slot.price - slot.money
        self._tail: Tail | None = None

    def _model(self, at: int) -> None:
        """Take what is known of how its symbol moves, by its number: None where too little is."""
        forecast = self.scene.forecast
        self.at = at
        self.forecast = forecast if forecast is not None and forecast.is_known(at) else None

    @property
    def value(self) -> float:
        """What the whole order is worth."""
        return self.quantity * self.price

    @property
    def tail(self) -> Tail:
        """What the book may lose with the order; worked out once."""
        if self._tail is None:
            forecast = self.forecast
            self._tail = NO_TAIL if forecast is None else forecast.tail(self.at, self.change)
        return self._tail

    def among(self, scene: Scene, beside: Beside, at: int) -> Trial:
        """Return the same in an account of several strategies, where others have some of the symbol too.

        What each strategy has counts by itself: any of them may be closed alone. `at` is the symbol's number
        in the scene's forecast.
        """
        made = Trial(self.order, self.slot, self.track, scene)
        made.beside = beside
        made._model(at)
        made.shares += beside.shares
        made.reach += beside.reach
        made.was += beside.reach
        return made

    @property
    def shares_before(self) -> float:
        """The most of its symbol that may be held without the order."""
        return abs(self.slot.worst) + self.beside.shares

    @property
    def short(self) -> float:
        """What its symbol may be short, in money."""
        return (max(-self.span.low, 0.0) + self.beside.short) * self.slot.price

    @property
    def short_before(self) -> float:
        """The same without the order."""
        return (max(-self.slot.low, 0.0) + self.beside.short) * self.slot.price

    def share(self, money: float) -> float:
        """Return money as a share of equity; infinite where nothing is left."""
        equity = self.scene.equity
        return money / equity if equity > 0.0 else math.copysign(math.inf, money) if money else 0.0


def expected_price(order: Order, last: float) -> float:
    """Return the price that an order asks for; of a market order the last one."""
    if order.type in _MARKET:
        return last
    return order.stop if order.type is OrderType.STOP else order.limit


def changed_by(order: Order, change: Replace) -> Order:
    """Return a working order as a change would make it."""
    made = copy(order)
    for name in ("quantity", "limit", "stop"):
        value = getattr(change, name)
        if not math.isnan(value):
            setattr(made, name, value)
    return made
