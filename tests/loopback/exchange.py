"""A small exchange with one account, in exact decimals: what every broker's loopback server trades on.

It is synchronous and speaks no protocol. A test moves the market with `trade`; orders match at once. Whatever
happens stands in `events`, in order and for ever; `listeners` hear of it at the same moment.
"""

from __future__ import annotations

import time as wall
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from openbell.core.types import Instrument, OrderStatus, OrderType, Side, TimeInForce
from tests.loopback.audit import Books, faults_of
from tests.loopback.book import (
    TERMINAL,
    Event,
    Executed,
    Kind,
    Line,
    Placed,
    Refusal,
    averaged,
    check,
)
from tests.loopback.exits import exit_of, tend_pair, wake
from tests.loopback.matching import match, move

__all__ = ["Event", "Exchange", "Executed", "Placed", "Refusal"]

_S, _T, _F = OrderStatus, OrderType, TimeInForce
ZERO = Decimal(0)


class Exchange:
    """An exchange, and the one account at it.

    Args:
        instruments: What is traded.
        cash: What the account begins with.
        time: The clock's first moment, ns UTC.
        speed: How much faster than life the clock runs; 0 stands still, and `advance` moves it.
        unique: Client ids are unique for `ever`, among the `working`, or may come twice (`no`).
        fee: What a share costs to trade.
        margin: Buying power as a multiple of equity; None checks nothing.
        short: Whether shares may be sold short.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        *,
        cash: Decimal | int = 100_000,
        time: int = 1_700_000_000_000_000_000,
        speed: float = 0.0,
        unique: Literal["ever", "working", "no"] = "ever",
        fee: Decimal = ZERO,
        margin: Decimal | None = Decimal(1),
        short: bool = True,
    ) -> None:
        self.initial = self.cash = Decimal(cash)
        self.positions: dict[str, Decimal] = {}
        self.averages: dict[str, Decimal] = {}
        self.orders: dict[str, Placed] = {}  #: by the exchange's id, in the order of their arrival
        self.fills: list[Executed] = []
        self.events: list[Event] = []
        self.listeners: list[Callable[[Event], None]] = []
        self.lines = {one.symbol: Line(one) for one in instruments}
        self.is_open = True
        self.refusals: list[str] = []  #: said to the next orders, one each
        self.doomed: list[str] = []  #: the next orders are accepted, and rejected for this by `strike`
        self.splits: list[tuple[int, str, int, int]] = []  #: after how many fills, of what, new for old
        self.at_splits: Literal["cancel", "keep", "adjust"] = "cancel"  #: what becomes of orders that rest
        self.no_changes = ""  #: why no order is changed, if none is
        self.slow_cancels = False  #: whether a cancel only takes effect in `settle_cancels`
        self.day_trades = 0  #: in the last five sessions, as it says
        self.trading_blocked = ""  #: why no order is taken, if none is
        self._unique, self._fee, self._margin, self._short = unique, fee, margin, short
        self._time, self._speed, self._since = time, speed, wall.monotonic_ns()
        self._cancelling: list[str] = []

    # --- the clock and the sessions ---------------------------------------------------------------------

    @property
    def time(self) -> int:
        """The exchange's clock, ns UTC."""
        return self._time + round((wall.monotonic_ns() - self._since) * self._speed)

    def set_time(self, time: int) -> None:
        """Set the clock; orders that were good till then expire."""
        self._time, self._since = time, wall.monotonic_ns()
        for order in self.working():
            if order.tif is _F.GTD and order.good_till <= time:
                self._end(order, _S.EXPIRED, "expired")

    def advance(self, nanos: int) -> None:
        """Move the clock on."""
        self.set_time(self.time + nanos)

    def open(self, prices: Mapping[str, Decimal | str | int] | None = None) -> None:
        """Open a session; opening prices fill what waits for them, and OPG orders that miss it expire."""
        self.is_open = True
        for symbol, price in (prices or {}).items():
            self.trade(symbol, price)
        for order in [one for one in self.working() if one.tif is _F.OPG]:
            self._end(order, _S.EXPIRED, "expired")

    def close(self, prices: Mapping[str, Decimal | str | int] | None = None) -> None:
        """Close the session: CLS orders fill at the closing prices; then what is for the day expires."""
        for symbol, price in (prices or {}).items():
            move(self, symbol, Decimal(price), None)
            match(self, symbol, closing=True)
        self.is_open = False
        for order in self.working():
            if order.tif in {_F.DAY, _F.CLS, _F.IOC, _F.FOK} and order.status is not _S.HELD:
                self._end(order, _S.EXPIRED, "expired")

    # --- the market ------------------------------------------------------------------------------------

    def trade(self, symbol: str, price: Decimal | str | int, size: Decimal | str | int | None = None) -> None:
        """Move the market: orders match at the price, up to the size (None is without end)."""
        move(self, symbol, Decimal(price), None if size is None else Decimal(size))
        match(self, symbol)

    def quote(self, symbol: str, bid: Decimal | str, ask: Decimal | str) -> None:
        """Set a bid and an ask: buyers pay the one, sellers get the other from now on."""
        line = self.lines[symbol]
        line.bid, line.ask = Decimal(bid), Decimal(ask)
        match(self, symbol)

    def price(self, symbol: str, side: Side) -> Decimal | None:
        """Return what a side would trade at now; None before the first price."""
        line = self.lines[symbol]
        touch = line.ask if side > 0 else line.bid
        return line.last if touch is None else touch

    def place(
        self,
        order: Placed,
        *,
        take_profit: Decimal | None = None,
        stop_loss: Decimal | None = None,
        leg_ids: tuple[str, str] = ("", ""),
    ) -> Placed:
        """Take an order; a bracket's exits sleep until it has filled, a pair's stop works at once.

        An order with `reduce_only`, a limit and a `stop_loss` is a pair: the first to fill cancels the other.

        Raises:
            Refusal: It is not taken, and does not exist.
        """
        self._check(order)
        made = replace(order, id=f"x{len(self.orders) + 1}", submitted=self.time)
        self.orders[made.id] = made
        exits = [(leg_ids[0], take_profit, _T.LIMIT), (leg_ids[1], stop_loss, _T.STOP)]
        legs = [exit_of(self, made, *one) for one in exits if one[1] is not None]
        if legs:
            group = made.oco = made.oco or made.id
            for leg in legs:
                leg.oco = group
            if not made.reduce_only:
                made.oco, made.legs = "", tuple(leg.id for leg in legs)
        if self.doomed:
            made.doom = self.doomed.pop(0)
        self._tell("new", made)
        for leg in legs:
            self._tell("new" if made.reduce_only else "held", leg)
        match(self, made.symbol)
        return made

    def cancel(self, order_id: str) -> None:
        """Take a request to cancel.

        Raises:
            Refusal: There is no such order, or it has ended.
        """
        order = self._working(order_id)
        if self.slow_cancels:
            self._cancelling.append(order.id)
            return
        self._end(order, _S.CANCELLED, "cancelled")

    def settle_cancels(self) -> None:
        """Let the cancels that were asked take effect, where the order still works."""
        asked, self._cancelling = self._cancelling, []
        for order_id in asked:
            if self.orders[order_id].status not in TERMINAL:
                self._end(self.orders[order_id], _S.CANCELLED, "cancelled")

    def cancel_all(self) -> None:
        """Cancel every order that works."""
        for order in self.working():
            if order.status not in TERMINAL:  # a pair's other half has gone with it
                self.cancel(order.id)

    def replace(
        self,
        order_id: str,
        client_id: str,
        *,
        quantity: Decimal | None = None,
        limit: Decimal | None = None,
        stop: Decimal | None = None,
        trail: Decimal | None = None,
    ) -> Placed:
        """Put a new order in the place of one that works. As in FIX, its quantity counts what has filled.

        Raises:
            Refusal: There is no such order, it has ended, or has filled as much already.
        """
        old = self._working(order_id)
        if self.no_changes:
            raise Refusal("replace", self.no_changes)
        wanted = {"quantity": quantity, "limit": limit, "stop": stop, "trail": trail}
        given = {name: value for name, value in wanted.items() if value is not None}
        if quantity is not None and quantity <= old.filled:
            raise Refusal("replace", f"quantity {quantity} is not above the {old.filled} that have filled")
        self._check_id(client_id)
        fresh = replace(old, id=f"x{len(self.orders) + 1}", client_id=client_id, replaces=old.id, **given)  # type: ignore[arg-type]  # decimals
        old.status, old.replaced_by = _S.CANCELLED, fresh.id
        self.orders[fresh.id] = fresh
        self._tell("replaced", old)
        self._tell("new", fresh)
        match(self, fresh.symbol)
        return fresh

    def working(self) -> list[Placed]:
        """Return the orders that have not ended, oldest first."""
        return [order for order in self.orders.values() if order.status not in TERMINAL]

    def find(self, client_id: str) -> Placed | None:
        """Return the newest order with a client id."""
        return next((one for one in reversed(self.orders.values()) if one.client_id == client_id), None)

    def fill(self, order_id: str, quantity: Decimal | str | int, price: Decimal | str | int) -> Executed:
        """Fill so much of an order, whatever the market is."""
        return self._fill(self.orders[order_id], Decimal(quantity), Decimal(price))

    def reject(self, order_id: str, said: str = "rejected by the exchange") -> None:
        """Reject an order that was accepted."""
        self.orders[order_id].said = said
        self._end(self.orders[order_id], _S.REJECTED, "rejected")

    def strike(self) -> None:
        """Reject the doomed orders."""
        for order in [one for one in self.working() if one.doom]:
            self.reject(order.id, order.doom)

    def expire(self, order_id: str) -> None:
        """Let an order run out."""
        self._end(self.orders[order_id], _S.EXPIRED, "expired")

    def split(self, symbol: str, new: int, old: int) -> None:
        """Split a stock: the position changes, and what rests is treated as `at_splits` says."""
        for order in [one for one in self.working() if one.symbol == symbol]:
            if self.at_splits == "adjust":
                order.quantity = order.quantity * new / old
                order.limit, order.stop = (
                    None if p is None else p * old / new for p in (order.limit, order.stop)
                )
            elif self.at_splits == "cancel" and order.status not in TERMINAL:
                self._end(order, _S.CANCELLED, "cancelled")
        line = self.lines[symbol]
        line.last = None if line.last is None else line.last * old / new
        if symbol in self.positions:
            self.positions[symbol] = self.positions[symbol] * new / old
            self.averages[symbol] = self.averages[symbol] * old / new
        self.splits.append((len(self.fills), symbol, new, old))

    # --- the account -----------------------------------------------------------------------------------

    @property
    def equity(self) -> Decimal:
        """Cash and the positions at the last prices."""
        held = ((q, self.lines[symbol].last) for symbol, q in self.positions.items())
        return self.cash + sum((q * last for q, last in held if last is not None), ZERO)

    @property
    def buying_power(self) -> Decimal:
        """What may still be bought for, working orders not counted."""
        if self._margin is None:
            return Decimal("1e18")
        gross = sum((abs(q) * (self.lines[s].last or ZERO) for s, q in self.positions.items()), ZERO)
        return self.equity * self._margin - gross

    def audit(self) -> list[str]:
        """Return what is wrong with the books; nothing is, if nothing was lost or doubled."""
        books = Books(self.initial, self.cash, self.positions, self.fills, self.orders, self.splits)
        return list(faults_of(books))

    def _check(self, order: Placed) -> None:
        if self.refusals:
            raise Refusal("refused", self.refusals.pop(0))
        if self.trading_blocked:
            raise Refusal("blocked", self.trading_blocked)
        if order.symbol not in self.lines:
            raise Refusal("symbol", f"unknown symbol {order.symbol!r}")
        check(order, self.lines[order.symbol].instrument)
        self._check_id(order.client_id)
        price = order.limit or self.price(order.symbol, order.side)
        held = self.positions.get(order.symbol, ZERO)
        opening = order.quantity if held * order.side >= 0 else max(order.quantity - abs(held), ZERO)
        if opening and order.side < 0 and not self._short:
            raise Refusal("short", f"{order.symbol} cannot be sold short")
        if opening and price is not None and opening * price > self.buying_power and not order.reduce_only:
            raise Refusal("funds", f"insufficient buying power: {self.buying_power} for {opening * price}")

    def _check_id(self, client_id: str) -> None:
        if not client_id or self._unique == "no":
            return
        same = [one for one in self.orders.values() if one.client_id == client_id]
        if any(self._unique == "ever" or one.status not in TERMINAL for one in same):
            raise Refusal("client_id", "client_order_id must be unique")

    def _working(self, order_id: str) -> Placed:
        order = self.orders.get(order_id)
        if order is None:
            raise Refusal("unknown", f"order {order_id} not found")
        if order.status in TERMINAL:
            raise Refusal("ended", f"order {order_id} is {order.status.value}")
        return order

    def _tell(self, kind: Kind, order: Placed, fill: Executed | None = None) -> None:
        event = Event(len(self.events) + 1, self.time, kind, replace(order), fill)
        self.events.append(event)
        for listener in list(self.listeners):
            listener(event)

    def _fill(self, order: Placed, quantity: Decimal, price: Decimal) -> Executed:
        fee = quantity * self._fee
        fill = Executed(
            f"e{len(self.fills) + 1}", order.id, order.client_id, order.symbol, order.side, quantity, price,
            fee, self.time,
        )  # fmt: skip
        self.fills.append(fill)
        self._book(fill)
        order.value += quantity * price
        order.filled += quantity
        order.updated = self.time
        done = order.filled >= order.quantity
        order.status = _S.FILLED if done else _S.PARTIALLY_FILLED
        self._tell("fill", order, fill)
        tend_pair(self, order, quantity)
        if done:
            wake(self, order)
        return fill

    def _book(self, fill: Executed) -> None:
        signed = fill.side * fill.quantity
        before = self.positions.get(fill.symbol, ZERO)
        after = before + signed
        average = averaged(before, self.averages.get(fill.symbol, ZERO), signed, fill.price)
        self.positions[fill.symbol], self.averages[fill.symbol] = after, average
        self.cash -= signed * fill.price + fill.fee

    def _end(self, order: Placed, status: OrderStatus, kind: Kind, *, alone: bool = False) -> None:
        order.status, order.updated = status, self.time
        self._tell(kind, order)
        if order.legs and order.filled:
            wake(self, order)
        for leg in (self.orders[one] for one in order.legs):
            if leg.status is _S.HELD:
                self._end(leg, _S.CANCELLED, "cancelled", alone=True)
        for other in self.working() if order.oco and not alone else ():
            if other.oco == order.oco and other.status not in TERMINAL:
                self._end(other, _S.CANCELLED, "cancelled", alone=True)
