"""A desk's blotter: every order that it sent, those that still work, and what it asks of the broker."""

from __future__ import annotations

import math
from typing import Any

from openbell.core import rules
from openbell.core.errors import StrategyError
from openbell.core.faults import change_fault, fault
from openbell.core.marks import Marks
from openbell.core.orders import Cancel, Order, Replace, on_lots
from openbell.core.ports import Command, Market
from openbell.core.requests import Exits, Ticket, order_type
from openbell.core.types import BUY, SELL, Instrument, OrderType, Reason, Side, TimeInForce

#: More commands than this at one moment is a loop, not a decision.
MOST_ORDERS_AT_ONCE = 10_000
_LIMIT, _STOP, _TRAILING = OrderType.LIMIT, OrderType.STOP, OrderType.TRAILING_STOP
_GTC, _NO_PRICE = TimeInForce.GTC, math.nan


class Numbers:
    """Numbers orders, from 1 on."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0

    def __call__(self) -> int:
        """Return the next number."""
        self.last += 1
        return self.last


class Blotter:
    """Writes orders out, each on its grid and without a fault, and keeps them by id and by symbol."""

    def __init__(self, name: str, *, market: Market, numbers: Numbers) -> None:
        self.name = name
        self.orders: dict[int, Order] = {}
        self.working: dict[str, dict[int, Order]] = {}
        self.outbox: list[Command] = []
        self._market = market
        self._numbers = numbers
        self._retired, self._filled = Marks(), Marks()  # orders that were let go; those of them that filled

    # Arguments are handed on by position here, as every order comes this way.

    def send(
        self,
        symbol: str,
        quantity: float,
        ticket: Ticket,
        aim: bool = False,  # noqa: FBT001, FBT002
        reduce_only: bool = False,  # noqa: FBT001, FBT002
    ) -> Order:
        """Send an order for `quantity` signed shares.

        Raises:
            StrategyError: It has a fault.
        """
        market, working = self._market, self.working
        instrument = market.tracks[symbol].instrument
        side: Side = SELL if quantity < 0 else BUY
        size = abs(quantity)
        self._numbers.last = order_id = self._numbers.last + 1
        if ticket:
            order = self._ticketed(order_id, symbol, side, size, ticket, aim, reduce_only)
            reduce_only = order.reduce_only
        else:
            order = Order(order_id, self.name, symbol, side, size, market.time, reduce_only, aim)
        lots = on_lots(size, instrument.lot, reduce_only)
        if not abs(lots - size) <= rules.DUST:
            if reduce_only:
                lots = order.quantity = _as_held(size, instrument)
            _check(order, instrument)
        elif ticket or lots <= 0.0:
            _check(order, instrument)
        order.quantity = lots
        self.orders[order_id] = order
        if symbol in working:
            working[symbol][order_id] = order
        else:
            working[symbol] = {order_id: order}
        self.outbox.append(order)
        if len(self.outbox) > MOST_ORDERS_AT_ONCE:
            raise self._looping()
        return order

    def protect(self, symbol: str, held: float, exits: Exits, *, parent: int) -> None:
        """Send the exits of a position: they reduce only, and the first to fill cancels the others."""
        group = self._numbers() if len(exits) > 1 else 0
        market = self._market
        instrument = market.tracks[symbol].instrument
        side: Side = BUY if held < 0 else SELL
        size = abs(held)
        lots = on_lots(size, instrument.lot, True)
        whole = lots > 0.0 and abs(lots - size) <= rules.DUST
        if not whole:
            lots = size = _as_held(size, instrument)
        works = self.working.setdefault(symbol, {})
        for kind, price, tag in exits.each():
            number, trails = self._numbers(), kind is _TRAILING
            level = price if trails else _on_tick(symbol, tag, price, instrument.tick)
            limit = level if kind is _LIMIT else _NO_PRICE
            stop = level if kind is _STOP else _NO_PRICE
            trail = level if trails else _NO_PRICE
            order = Order(
                number, self.name, symbol, side, size, market.time, True, False, kind, _GTC,
                limit, stop, trail, trails, 0, parent, group, tag,
            )  # fmt: skip
            if trails or not whole:
                _check(order, instrument)
            order.quantity = lots
            self.orders[number] = works[number] = order
            self._ask(order)

    def adopt(self, symbol: str, quantity: float, tag: str) -> Order:
        """Take in an order for `quantity` signed shares that this desk never sent; nothing is asked.

        It has been at the market already; what it filled is told as fills, like any other's.
        """
        side: Side = SELL if quantity < 0 else BUY
        order = Order(self._numbers(), self.name, symbol, side, abs(quantity), self._market.time, tag=tag)
        self.orders[order.id] = order
        self.working.setdefault(symbol, {})[order.id] = order
        return order

    def cancel(self, order: Order, reason: Reason = Reason.ASKED) -> None:
        """Ask for an order's end, once; one that has ended already is left alone."""
        if self.working.get(order.symbol, {}).pop(order.id, None) is not None:
            self._ask(Cancel(order.id, reason))

    def replace(self, order: Order, change: Replace) -> None:
        """Ask for a change of a working order; it must leave the order valid.

        Raises:
            StrategyError: The order has ended, has no such price, or the new value is no valid one.
        """
        instrument = self._market.tracks[order.symbol].instrument
        tick, lot = instrument.tick, instrument.lot
        wrong = change_fault(order, change, instrument)
        if wrong is not None:
            raise StrategyError(f"order {order.id} ({order.describe()}) {wrong}")
        changed = change._replace(
            limit=rules.on_tick(change.limit, tick), stop=rules.on_tick(change.stop, tick)
        )
        quantity = on_lots(change.quantity, lot, order.reduce_only)
        if any(not math.isnan(value) for value in changed[1:]):
            self._ask(changed._replace(quantity=quantity))

    def pair(self, first: Order, second: Order) -> None:
        """Make two orders cancel each other: what fills of one is taken off the other (OCO).

        Raises:
            StrategyError: They are of two symbols, or one of them has ended.
        """
        for one in (first, second):
            check_pair(first.symbol, one, "oco")
            if not one.open:
                raise StrategyError(f"order {one.id} ({one.describe()}) is {one.status}: it cannot be paired")
        group = first.oco or second.oco or self._numbers()
        joined = {first.oco, second.oco} - {0}
        for order in self.working.get(first.symbol, {}).values():
            if order.oco in joined:
                order.oco = group
        first.oco = second.oco = group

    def forget(self, order: Order) -> None:
        """Drop an order that has ended from those that work."""
        self.working[order.symbol].pop(order.id, None)

    def retire(self, before: int) -> list[Order]:
        """Let go of the orders that ended before a time in ns, unless one that works hangs on them."""
        needed = {one.parent for orders in self.working.values() for one in orders.values()}
        ended = (one for one in self.orders.values() if not one.open and one.id not in needed)
        gone = [one for one in ended if one.life[-1].time < before]
        for order in gone:
            del self.orders[order.id]
            self._retired.add(order.id)
            if order.filled > 0.0:
                self._filled.add(order.id)
        return gone

    def has_retired(self, order: Order) -> bool:
        """Tell whether an order was let go of here."""
        return order.strategy == self.name and not order.open and order.id in self._retired

    def has_filled(self, order_id: int) -> bool:
        """Tell whether an order was let go of that had filled: what hangs on it waits for nothing."""
        return order_id in self._filled

    def take_back(self) -> None:
        """Unmake what was asked and nobody has sent: a decision that was broken off is none."""
        for command in self.outbox:
            order = self.orders[command.id if isinstance(command, Order) else command.order_id]
            if isinstance(command, Order):
                self.forget(order)
                del self.orders[order.id]
            elif order.open:
                self.working[order.symbol][order.id] = order  # a cancel had taken it out
        self.outbox.clear()

    def _ticketed(
        self,
        order_id: int,
        symbol: str,
        side: Side,
        size: float,
        ticket: Ticket,
        aim: bool,  # noqa: FBT001
        reduce_only: bool,  # noqa: FBT001
    ) -> Order:
        """Return an order with what its ticket asks for, prices in whole ticks."""
        fields: dict[str, Any] = {**ticket, "aim": aim}
        if reduce_only:
            fields["reduce_only"] = True
        tick = self._market.tracks[symbol].instrument.tick
        for name in ("limit", "stop"):
            if name in fields:
                fields[name] = _on_tick(symbol, name, fields[name], tick)
        return Order(
            order_id, self.name, symbol, side, size, self._market.time, type=order_type(ticket), **fields
        )

    def _ask(self, command: Command) -> None:
        self.outbox.append(command)
        if len(self.outbox) > MOST_ORDERS_AT_ONCE:
            raise self._looping()

    def _looping(self) -> StrategyError:
        return StrategyError(
            f"{len(self.outbox)} orders at one moment (the most is {MOST_ORDERS_AT_ONCE}): a loop?"
        )


def _as_held(size: float, instrument: Instrument) -> float:
    """Return the shares of an order that reduces, without what the sums of fills left in the position."""
    return rules.denoised(size, size, min(instrument.lot, 1.0))


def _check(order: Order, instrument: Instrument) -> None:
    """Make sure that an order's own numbers have no fault.

    Raises:
        StrategyError: They have.
    """
    wrong = fault(order, instrument)
    if wrong is not None:
        raise StrategyError(f"order {order.describe()}: {wrong[1]}")


def _on_tick(symbol: str, asked: str, price: float, tick: float) -> float:
    """Return a price in whole ticks that an order was asked for by the name `asked`.

    Raises:
        StrategyError: That leaves nothing.
    """
    level = rules.on_tick(price, tick)
    if level > 0.0:
        return level
    raise StrategyError(
        f"order for {symbol}: {asked}={price:.10g} is less than half a tick of {tick:g}; "
        f"give {tick:g} or more"
    )


def check_pair(symbol: str, other: Order, name: str) -> None:
    """Make sure that an order may be tied to one of `symbol`.

    Raises:
        StrategyError: It is of another.
    """
    if other.symbol != symbol:
        raise StrategyError(
            f"{name}=order {other.id} ({other.describe()}): it must be of the same symbol, {symbol}"
        )
