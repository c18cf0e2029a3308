"""The gate: every order to a broker passes here, and leaves as exact decimals on the grid, or not at all."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

from openbell.core import rules
from openbell.core.faults import fault
from openbell.core.orders import PRICES, Order
from openbell.core.types import Instrument, OrderType, Reason, TimeInForce
from openbell.execution.approval import ApprovedOrder, approve, on_grid, price_of, quantity_of
from openbell.execution.port import Capabilities

_BARRED = {
    Reason.SHORT_NOT_ALLOWED: "cannot be sold short here",
    Reason.DAY_TRADES: "could be a day trade too many: with such equity, four in five sessions are a pattern",
    Reason.NOT_LOCATED: "cannot be borrowed for that many shares (costs.margin.locates)",
}
#: What can be watched here where the broker has no such order, or keeps its shares for another.
WATCHABLE = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
_RESTING = (TimeInForce.DAY, TimeInForce.GTC)
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class Terms(NamedTuple):
    """What an order is sent with; prices are NaN for none.

    Its type may be another than the strategy's: a stop that is watched here leaves as a market order.
    """

    type: OrderType
    quantity: float
    limit: float
    stop: float
    trail: float


class Exits(NamedTuple):
    """The exits that an order carries natively; NaN for none."""

    take_profit: float = math.nan
    stop_loss: float = math.nan


class Standing(NamedTuple):
    """What the gate must know of the account for one order.

    Args:
        price: The symbol's last known price; NaN if there is none.
        held: The strategy's signed position, with what market orders on their way will make of it.
        free: The strategy's equity that nothing ties up.
        power: The broker's buying power; infinite if it has not said.
        initial: The share of a position's value that must be covered by equity.
        open: Whether the exchange is in session.
        short: Whether the strategy may sell short.
        barred: Which rule of the account an order that opens would break.
        filled: How much of the order has filled, which is held already.
        unsettled: Proceeds that will be free and are not yet.
    """

    price: float
    held: float
    free: float
    power: float
    initial: float
    open: bool
    short: bool
    barred: Reason | None = None
    filled: float = 0.0
    unsettled: float = 0.0


class Refusal(NamedTuple):
    """Why an order does not pass."""

    reason: Reason
    said: str


NO_EXITS = Exits()


class Gate:
    """Checks orders against what the broker can do and the account can pay. It alone approves."""

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities

    def check(  # what an order is judged by
        self,
        order: Order,
        terms: Terms,
        instrument: Instrument,
        standing: Standing,
        *,
        client_id: str,
        exits: Exits = NO_EXITS,
    ) -> ApprovedOrder | Refusal:
        """Return the order as it may be sent, or why it may not."""
        refusal = (
            self._unsupported(order, terms, instrument)
            or _unready(order, standing)
            or self._unaffordable(order, terms, instrument, standing)
        )
        if refusal is not None:
            return refusal
        quantity = quantity_of(terms.quantity, instrument)
        if quantity <= 0:
            return Refusal(Reason.BAD_QUANTITY, f"quantity {terms.quantity:.10g} is less than a lot")
        return approve(
            client_id=client_id,
            symbol=order.symbol,
            side=order.side,
            type=terms.type,
            tif=self._tif(order, terms),
            quantity=quantity,
            limit=price_of(terms.limit, instrument) if "limit" in PRICES[terms.type] else None,
            stop=price_of(terms.stop, instrument) if "stop" in PRICES[terms.type] else None,
            trail=_trail(order, terms, instrument),
            trail_percent=order.trail_percent,
            good_till=order.good_till,
            reduce_only=order.reduce_only,
            extended_hours=order.extended,
            take_profit=price_of(exits.take_profit, instrument),
            stop_loss=price_of(exits.stop_loss, instrument),
            short=quantity_of(_opening(order, terms, standing), instrument) if order.side < 0 else Decimal(0),
        )

    def must_watch(self, order: Order, terms: Terms) -> bool:
        """Tell whether a stop is to be watched here: the broker has not got it, but what it becomes."""
        if terms.type not in WATCHABLE:
            return False
        kind = OrderType.LIMIT if terms.type is OrderType.STOP_LIMIT else OrderType.MARKET
        reached = terms._replace(type=kind)
        can = self.capabilities
        native = can.has(terms.type, self._tif(order, terms))
        return not native and can.has(kind, self._tif(order, reached))

    def _unsupported(self, order: Order, terms: Terms, instrument: Instrument) -> Refusal | None:
        can = self.capabilities
        wrong = fault(order, instrument)
        if wrong is not None:
            return Refusal(*wrong)
        if order.extended and not can.extended_hours:
            return Refusal(Reason.UNSUPPORTED, "the broker has no orders outside of the session")
        if not can.has(terms.type, self._tif(order, terms)):
            has = f" that are {order.tif.value}" if terms.type in can.types else ""
            return Refusal(Reason.UNSUPPORTED, f"the broker has no {terms.type.value} orders{has}")
        if not can.fractional and quantity_of(terms.quantity, instrument) % 1:
            return Refusal(Reason.BAD_QUANTITY, f"the broker takes whole shares, not {terms.quantity:.10g}")
        return None

    def _tif(self, order: Order, terms: Terms) -> TimeInForce:
        """Return how long an order is sent for: a market order that may rest for what the broker has.

        A market order that is good till a date may not rest longer than that; a stop that is reached may, as
        it fills at once.
        """
        can = self.capabilities.tifs
        if terms.type is not OrderType.MARKET or order.tif in can:
            return order.tif
        rests = order.tif in _RESTING or (order.tif is TimeInForce.GTD and order.type is not terms.type)
        return next((one for one in _RESTING if rests and one in can), order.tif)

    def _unaffordable(
        self, order: Order, terms: Terms, instrument: Instrument, standing: Standing
    ) -> Refusal | None:
        opening = _opening(order, terms, standing)
        if opening <= rules.DUST:
            return None
        barred = standing.barred
        if order.side < 0 and not (self.capabilities.short and standing.short and instrument.shortable):
            barred = Reason.SHORT_NOT_ALLOWED
        if barred is not None:
            return Refusal(barred, f"{order.symbol} {_BARRED[barred]}")
        price = price_of_need(terms, standing.price)
        tied = rules.required(opening, 0.0, price, price, order.side, standing.initial, 0.0)
        if tied > standing.free + rules.DUST:
            says = f"{tied:.2f} is needed, and the strategy has {standing.free:.2f}"
            if tied > standing.free + standing.unsettled + rules.DUST:
                return Refusal(Reason.NO_BUYING_POWER, says)
            return Refusal(Reason.UNSETTLED, f"{says}; {standing.unsettled:.2f} has not settled")
        need = opening * price
        if need > standing.power + rules.DUST:
            says = f"{need:.2f} is needed, and the account's buying power is {standing.power:.2f}"
            return Refusal(Reason.NO_BUYING_POWER, says)
        return None


def _opening(order: Order, terms: Terms, standing: Standing) -> float:
    """Return how much of an order opens a position, or adds to one."""
    if order.reduce_only:
        return 0.0
    return rules.opening_part(standing.held, order.side * (terms.quantity - standing.filled))


def price_of_need(terms: Terms, price: float) -> float:
    """Return the price at which an order counts before it fills: as in the simulation, its limit or stop."""
    if not math.isnan(terms.limit):
        return terms.limit
    return terms.stop if terms.type is OrderType.STOP else price


def _unready(order: Order, standing: Standing) -> Refusal | None:
    if math.isnan(standing.price):
        return Refusal(Reason.NO_PRICE, f"no price of {order.symbol} is known yet")
    if not standing.open and order.tif in _AT_ONCE:
        return Refusal(Reason.MARKET_CLOSED, f"the exchange is closed, and the order is {order.tif.value}")
    return None


def _trail(order: Order, terms: Terms, instrument: Instrument) -> Decimal | None:
    if terms.type is not OrderType.TRAILING_STOP:
        return None
    return on_grid(terms.trail, 1e-06) if order.trail_percent else price_of(terms.trail, instrument)
